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
                    let rest = self.block.get(self.at..).unwrap_or_default();
                    return Err(match rest {
                        [] => Stop::End,
                        _ if is_beginning(rest) => Stop::Truncated(self.position()),
                        _ => Stop::Malformed(self.position()),
                    });
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
        // What was written was within the limits that were in force then.
        let limits = Limits { bulk_bytes_max: usize::MAX, authenticated: true };
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

/// Whether what the parser waits for the end of is the beginning of a request, or of a note. If it is not, the end of the
/// file is not what is missing, and there may be much behind it that must not be cut off.
fn is_beginning(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"#") {
        return true;
    }
    let mut rest = bytes;
    let count = match header(rest, b'*') {
        Header::Whole(count, after) => {
            rest = after;
            count
        }
        Header::Cut => return true,
        Header::Wrong => return false,
    };
    for _ in 0..count {
        match header(rest, b'$') {
            Header::Whole(length, after) => {
                let end = usize::try_from(length).ok().and_then(|length| length.checked_add(2));
                match end.and_then(|end| after.get(end..)) {
                    Some(next) => rest = next,
                    None => return true,
                }
            }
            Header::Cut => return true,
            Header::Wrong => return false,
        }
    }
    false
}

/// The line before a request or a word.
enum Header<'b> {
    /// Its number, and what follows.
    Whole(u64, &'b [u8]),
    /// The bytes end within it.
    Cut,
    /// It is none.
    Wrong,
}

fn header(bytes: &[u8], kind: u8) -> Header<'_> {
    let Some((first, rest)) = bytes.split_first() else { return Header::Cut };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, end) = rest.split_at(digits);
    match end {
        _ if *first != kind => Header::Wrong,
        [] | [b'\r'] => Header::Cut,
        [b'\r', _, after @ ..] => {
            let number = std::str::from_utf8(number).ok().and_then(|digits| digits.parse().ok());
            number.map_or(Header::Wrong, |number| Header::Whole(number, after))
        }
        _ => Header::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the requests in a file that is read in blocks of so many bytes, and why there are no more.
    fn read(file: &[u8], block_bytes: usize) -> (Vec<(u64, String)>, String) {
        let mut requests = Requests::in_blocks(file, 0, block_bytes);
        let mut names = Vec::new();
        loop {
            if let Err(stop) = requests.read() {
                return (names, format!("{stop:?}"));
            }
            names.extend(requests.batch().map(|request| {
                let words: Vec<_> = request.arguments.from(0).map(String::from_utf8_lossy).collect();
                (request.offset, words.join(" "))
            }));
        }
    }

    fn why(file: &[u8]) -> String {
        read(file, BLOCK_BYTES).1
    }

    #[test]
    fn requests_are_read_however_blocks_cut_them() {
        let long = "x".repeat(1000);
        let mut file = b"#TS:1\r\n*1\r\n$4\r\nPING\r\n#\n".to_vec();
        let mut expected = vec![(7, "PING".to_owned())];
        for number in 0..100 {
            expected.push((file.len() as u64, format!("SET {number:02} {long}")));
            file.extend(format!("*3\r\n$3\r\nSET\r\n$2\r\n{number:02}\r\n$1000\r\n{long}\r\n").bytes());
        }
        let words: Vec<String> = (1000..1100).map(|number| number.to_string()).collect();
        expected.push((file.len() as u64, words.join(" ")));
        file.extend(b"*100\r\n");
        words.iter().for_each(|word| file.extend(format!("$4\r\n{word}\r\n").bytes()));
        for block_bytes in [0, 1, 2, 3, 5, 64, 999, BLOCK_BYTES] {
            assert_eq!(read(&file, block_bytes), (expected.clone(), "End".to_owned()), "{block_bytes}");
        }
    }

    #[test]
    fn a_file_that_ends_within_a_request_is_whole_up_to_there() {
        let file = b"*1\r\n$4\r\nPING\r\n#a note\r\n*2\r\n$4\r\nECHO\r\n$12\r\n\0\r\n*1\r\n$9\r\nx\r\n";
        let starts = [0, 14, 23, file.len()];
        for length in 0..file.len() {
            let whole = starts.iter().rfind(|start| **start <= length).expect("zero is not above any");
            let expected = if *whole == length { "End".to_owned() } else { format!("Truncated({whole})") };
            assert_eq!(why(&file[..length]), expected, "{length}");
        }
        // Nothing is too long.
        for rest in ["*2\r\n$3000000000\r\nSET\r\n", "*2000000000\r\n$3\r\nSET\r\n"] {
            assert_eq!(why(rest.as_bytes()), "Truncated(0)", "{rest}");
        }
    }

    #[test]
    fn what_is_damaged_is_not_taken_for_an_end_that_is_missing() {
        let whole = "*1\r\n$4\r\nPING\r\n";
        let damaged = [
            "x",
            "\r\n",
            "*0\r\n",
            "*-1\r\n",
            "*x",
            "*3x",
            "*3\0\0",
            "*1\r\n$-1\r\n",
            "*3\r\n$3\r\nSET\r\nX",
            "*3\r\n$3\r\nSET\r\n\0\0\0\0",
            "*3\r\n\x003\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n",
            "*3\r\n$3\r\nSET\r\n$1\0\nb\r\n$1\r\n2\r\n",
            "*3\r\n$3\r\nSET\r\n$99999999999999999999",
        ];
        for text in damaged {
            // What follows is not lost.
            let file = [whole, text, &whole.repeat(20)].concat();
            for file in [[whole, text].concat(), file] {
                let (requests, why) = read(file.as_bytes(), BLOCK_BYTES);
                assert_eq!(requests.len(), 1, "{}", file.escape_debug());
                let malformed = format!("Malformed({})", whole.len());
                let is_cut =
                    text.ends_with(|last: char| last.is_ascii_digit()) && !file.ends_with("PING\r\n");
                assert!(why == malformed || is_cut, "{why} in {}", file.escape_debug());
            }
        }
        let note = [whole, "#", &"x".repeat(NOTE_BYTES_MAX), "\n", whole].concat();
        assert_eq!(why(note.as_bytes()), format!("Malformed({})", whole.len()));
    }
}
