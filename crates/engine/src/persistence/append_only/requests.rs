//! The requests of a file.

use std::io::{self, Read};
use std::ops::Range;

use nuthatch_protocol::{Limits, RequestParser, Span};

use crate::arguments::Arguments;

/// How much of a file is read at once unless somebody wants it otherwise, in bytes.
const BLOCK_BYTES: usize = 256 * 1024;

/// Requests that are given out together.
const BATCH_REQUESTS_MAX: usize = 64;

/// The longest line of a note, in bytes.
const NOTE_BYTES_MAX: usize = 1024;

/// Why there are no more requests.
#[derive(Debug)]
pub enum Stop {
    /// The file ends behind the last one.
    End,
    /// It ends within a request, which begins here.
    Truncated(u64),
    /// What is here is no request.
    Malformed(u64),
    /// The system does not give the file.
    Unreadable(io::Error),
}

/// Where a request is in the block.
#[derive(Debug)]
struct Place {
    base: usize,
    spans: Range<usize>,
    offset: u64,
}

/// A request of a file.
#[derive(Debug)]
pub struct Request<'r> {
    /// Where it is in the file.
    pub offset: u64,
    /// Its words.
    pub arguments: Arguments<'r>,
}

/// Reads a file, and gives out its requests, some at a time.
#[derive(Debug)]
pub struct Requests<R> {
    source: R,
    /// How much is read at once, in bytes.
    block_bytes: usize,
    parser: RequestParser,
    /// What was read last.
    block: Vec<u8>,
    /// What is before this in the block was given out.
    at: usize,
    /// Where the block is in the file.
    offset: u64,
    /// Whether nothing more is whole in the block.
    is_exhausted: bool,
    places: Vec<Place>,
    spans: Vec<Span>,
}

/// What the parser has found in the block.
enum Found {
    /// As many requests as are given out together.
    Full,
    /// The end of the block, perhaps within a request.
    End,
    /// What is no request, here.
    Malformed(u64),
}

impl<R: Read> Requests<R> {
    /// The requests in what `source` gives, which is a file from `offset` on.
    pub fn new(source: R, offset: u64) -> Self {
        Self::in_blocks(source, offset, BLOCK_BYTES)
    }

    /// As [`Self::new`], reading so many bytes at once, or more where a request is long.
    pub fn in_blocks(source: R, offset: u64, block_bytes: usize) -> Self {
        Self {
            source,
            block_bytes,
            parser: RequestParser::new(),
            block: Vec::new(),
            at: 0,
            offset,
            is_exhausted: true,
            places: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Where it is in the file: behind the requests that were given out.
    pub fn position(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Reads the next requests. [`Self::batch`] has them then, at least one.
    ///
    /// # Errors
    /// There are no more, or none that are known to be some.
    pub fn read(&mut self) -> Result<(), Stop> {
        self.places.clear();
        self.spans.clear();
        loop {
            if self.is_exhausted {
                let is_end = self.read_more().map_err(Stop::Unreadable)?;
                if is_end {
                    let is_whole = self.at == self.block.len();
                    return Err(if is_whole { Stop::End } else { Stop::Truncated(self.position()) });
                }
            }
            let (found, end) = self.parse();
            self.at = end;
            self.is_exhausted = matches!(found, Found::End);
            if !self.places.is_empty() {
                return Ok(());
            }
            if let Found::Malformed(offset) = found {
                return Err(Stop::Malformed(offset));
            }
        }
    }

    /// The requests that were read last.
    pub fn batch(&self) -> impl ExactSizeIterator<Item = Request<'_>> {
        self.places.iter().map(|place| {
            let spans = self.spans.get(place.spans.clone()).unwrap_or_default();
            let input = self.block.get(place.base..).unwrap_or_default();
            Request { offset: place.offset, arguments: Arguments::new(input, spans) }
        })
    }

    /// Reads a block. Says whether there is no more.
    fn read_more(&mut self) -> io::Result<bool> {
        self.block.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        let wanted = self.block_bytes.max(self.parser.missing()).max(1) as u64;
        let read = self.source.by_ref().take(wanted).read_to_end(&mut self.block);
        read.map(|bytes| bytes == 0)
    }

    /// Finds requests in the block. Returns where they end.
    fn parse(&mut self) -> (Found, usize) {
        let limits = Limits { bulk_bytes_max: u32::MAX as usize / 2, authenticated: true };
        let mut used = self.at;
        while self.places.len() < BATCH_REQUESTS_MAX {
            let rest = &mut self.block[used..];
            let offset = self.offset + used as u64;
            match rest.first() {
                None => return (Found::End, used),
                Some(b'*') => {}
                Some(b'#') => match rest.iter().take(NOTE_BYTES_MAX).position(|byte| *byte == b'\n') {
                    Some(end) => {
                        used += end + 1;
                        continue;
                    }
                    None if rest.len() < NOTE_BYTES_MAX => return (Found::End, used),
                    None => return (Found::Malformed(offset), used),
                },
                Some(_) => return (Found::Malformed(offset), used),
            }
            let first = self.spans.len();
            match self.parser.parse(rest, &mut self.spans, &limits) {
                Ok(Some(consumed)) => {
                    let spans = first..self.spans.len();
                    // A server does not write such.
                    if spans.is_empty() {
                        return (Found::Malformed(offset), used);
                    }
                    self.places.push(Place { base: used, spans, offset });
                    used += consumed;
                }
                Ok(None) => return (Found::End, used),
                Err(_) => return (Found::Malformed(offset), used),
            }
        }
        (Found::Full, used)
    }
}
