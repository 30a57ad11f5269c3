//! Counts replies in a byte stream without decoding them.
//!
//! Format: RESP2 and RESP3 as documented at <https://redis.io/docs/latest/develop/reference/protocol-spec/>,
//! except for streamed strings and aggregates, which no server sends.

use anyhow::{Result, bail, ensure};
use memchr::memchr;

use crate::tally::Tally;

/// Bytes of the longest line that may be split between two receives.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Where one connection's reply stream stands.
#[derive(Debug, Default)]
pub(crate) struct ReplyScanner {
    /// Bytes of the current string's body and line end that are still to come.
    skip: u64,
    /// Elements of the current reply that are still to come; 0 between replies.
    pending: u64,
    /// The current reply is an out-of-band message, which answers no request.
    is_push: bool,
    /// Start of a line whose end has not arrived.
    partial: Vec<u8>,
}

/// The first line of an element, taken apart.
struct Header {
    kind: u8,
    /// Length or count, for the types that have one, unless they are null.
    length: Option<u64>,
    /// Bytes of the line with its end.
    line: usize,
}

impl ReplyScanner {
    /// Counts what `input` completes into `tally`.
    ///
    /// Fails when the bytes are not RESP; the connection is of no use then.
    pub(crate) fn feed(&mut self, input: &[u8], tally: &mut Tally) -> Result<()> {
        if self.partial.is_empty() {
            return self.scan(input, tally);
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(input);
        self.scan(&joined, tally)
    }

    fn scan(&mut self, mut input: &[u8], tally: &mut Tally) -> Result<()> {
        while !input.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(input.len() as u64);
                self.skip -= skipped;
                input = &input[skipped as usize..];
                if self.skip == 0 {
                    self.complete_element(tally);
                }
                continue;
            }
            let Some(header) = read_header(input)? else {
                ensure!(input.len() <= LINE_BYTES_MAX, "a reply line does not end");
                self.partial.extend_from_slice(input);
                return Ok(());
            };
            self.start_element(&header, input, tally)?;
            input = &input[header.line..];
        }
        Ok(())
    }

    fn start_element(&mut self, header: &Header, input: &[u8], tally: &mut Tally) -> Result<()> {
        let is_top = self.pending == 0;
        if is_top {
            self.pending = 1;
            self.is_push = header.kind == b'>';
        }
        match (header.kind, header.length) {
            (b'$' | b'=' | b'!', Some(length)) => {
                if is_top && header.kind == b'!' {
                    let rest = &input[header.line..];
                    tally.count_error(&rest[..rest.len().min(length as usize)]);
                }
                // The scanner is between elements again only when the line end is skipped, too.
                self.skip = length + 2;
            }
            (b'*' | b'~' | b'>', Some(count)) => self.expect_elements(count, tally)?,
            (b'%', Some(count)) => self.expect_elements(count.saturating_mul(2), tally)?,
            // Attributes come before the element that they describe and are none themselves.
            (b'|', Some(count)) => self.pending = self.add_pending(count.saturating_mul(2))?,
            (kind, _) => {
                if is_top && kind == b'-' {
                    tally.count_error(&input[1..header.line]);
                }
                if is_top && matches!(kind, b'$' | b'*' | b'_') {
                    tally.nulls += 1;
                }
                self.complete_element(tally);
            }
        }
        Ok(())
    }

    fn expect_elements(&mut self, count: u64, tally: &mut Tally) -> Result<()> {
        self.pending = self.add_pending(count)?;
        self.complete_element(tally);
        Ok(())
    }

    fn add_pending(&self, count: u64) -> Result<u64> {
        match self.pending.checked_add(count) {
            Some(pending) if pending <= i64::MAX as u64 => Ok(pending),
            _ => bail!("a reply announces {count} elements"),
        }
    }

    fn complete_element(&mut self, tally: &mut Tally) {
        self.pending -= 1;
        if self.pending == 0 && !self.is_push {
            tally.replies += 1;
        }
    }
}

/// The header at the start of `input`, or nothing if the line is not complete.
fn read_header(input: &[u8]) -> Result<Option<Header>> {
    let kind = input[0];
    match kind {
        b'$' | b'*' | b'%' | b'~' | b'>' | b'|' | b'=' | b'!' if input.get(1) != Some(&b'-') => {
            read_length(kind, input)
        }
        b'$' | b'*' | b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {
            Ok(memchr(b'\n', input).map(|end| Header { kind, length: None, line: end + 1 }))
        }
        _ => bail!("a reply starts with byte {kind:#04x}"),
    }
}

fn read_length(kind: u8, input: &[u8]) -> Result<Option<Header>> {
    let mut length: u64 = 0;
    for (index, &byte) in input.iter().enumerate().skip(1) {
        match byte {
            b'0'..=b'9' if length < u64::from(u32::MAX) => length = length * 10 + u64::from(byte - b'0'),
            // The line feed may be missing still, but is then the very next byte.
            b'\r' if index > 1 && index + 1 == input.len() => return Ok(None),
            b'\r' if index > 1 => return Ok(Some(Header { kind, length: Some(length), line: index + 2 })),
            _ => bail!("a reply has a malformed length"),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every type, nested and out of band: 13 replies, of which 2 are errors and 3 are null.
    const STREAM: &[u8] = b"+OK\r\n-ERR no\r\n:1\r\n$5\r\n*1\r\n\r\r\n$-1\r\n*-1\r\n_\r\n\
        *3\r\n$1\r\na\r\n*2\r\n-x\r\n$-1\r\n%1\r\n+k\r\n~0\r\n\
        >2\r\n+message\r\n$0\r\n\r\n\
        |1\r\n+ttl\r\n:5\r\n,1.5\r\n#t\r\n(123\r\n!5\r\nERR z\r\n=7\r\ntxt:a\r\n\r\n";

    fn scan(pieces: impl Iterator<Item = &'static [u8]>) -> Tally {
        let mut tally = Tally::default();
        let mut scanner = ReplyScanner::default();
        for piece in pieces {
            scanner.feed(piece, &mut tally).unwrap();
        }
        assert_eq!((scanner.pending, scanner.skip, scanner.partial.len()), (0, 0, 0));
        tally
    }

    #[test]
    fn every_type_counts_as_one_reply_and_pushes_as_none() {
        let tally = scan([STREAM].into_iter());
        assert_eq!((tally.replies, tally.errors, tally.nulls), (13, 2, 3));
        assert_eq!(tally.error_texts.get("ERR no"), Some(&1));
    }

    #[test]
    fn the_counts_do_not_depend_on_where_the_stream_is_cut() {
        for cut in 1..STREAM.len() {
            let tally = scan([&STREAM[..cut], &STREAM[cut..]].into_iter());
            assert_eq!((tally.replies, tally.errors, tally.nulls), (13, 2, 3), "cut at {cut}");
        }
        let tally = scan(STREAM.chunks(1));
        assert_eq!((tally.replies, tally.errors, tally.nulls), (13, 2, 3));
    }

    #[test]
    fn bytes_that_are_no_reply_are_refused() {
        for stream in [&b"hello\r\n"[..], b"$x\r\n", b"$\r\n", b"*99999999999999999999\r\n"] {
            let result = ReplyScanner::default().feed(stream, &mut Tally::default());
            assert!(result.is_err(), "{stream:?}");
        }
    }
}
