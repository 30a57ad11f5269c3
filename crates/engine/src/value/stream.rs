//! Streams in records, and ids of their entries as commands spell them.

use nuthatch_collections::Stream;
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{Payload, RecordRef};
use nuthatch_collections::stream::{BlockLimits, StreamId};
use nuthatch_protocol::number::parse_u64;

use super::limits::{EncodingLimits, limit};

/// The stream in a record, if it holds one.
#[inline]
pub fn stream_of(record: RecordRef<'_>) -> Option<&Stream> {
    match record.payload() {
        Payload::Collection(Collection::Stream(stream)) => Some(stream),
        _ => None,
    }
}

/// Up to which size blocks take entries, as the directives stand now.
#[inline]
pub fn block_limits(limits: &EncodingLimits) -> BlockLimits {
    BlockLimits {
        entries_max: limit(&limits.stream_block_entries_max),
        bytes_max: limit(&limits.stream_block_bytes_max),
    }
}

/// An id of which the second number may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialId {
    /// The time.
    pub ms: u64,
    /// The number among the entries of that time, unless it is missing.
    pub seq: Option<u64>,
}

impl PartialId {
    /// The id, with this number if it has none.
    pub fn or(self, seq: u64) -> StreamId {
        StreamId::new(self.ms, self.seq.unwrap_or(seq))
    }
}

/// Reads `ms` or `ms-seq`.
#[inline]
pub fn parse_id(text: &[u8]) -> Option<PartialId> {
    let (ms, seq) = match text.iter().position(|byte| *byte == b'-') {
        None => (text, None),
        Some(dash) => (&text[..dash], Some(&text[dash + 1..])),
    };
    let seq = match seq {
        None => None,
        Some(digits) => Some(parse_number(digits)?),
    };
    Some(PartialId { ms: parse_number(ms)?, seq })
}

/// Reads one of the two numbers: besides the usual spelling also with spaces, a plus sign and zeros before it, as the
/// stock servers do.
#[inline]
pub fn parse_number(text: &[u8]) -> Option<u64> {
    if let Some(number) = parse_u64(text) {
        return Some(number);
    }
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    if zeros > 0 && zeros == digits.len() { Some(0) } else { parse_u64(&digits[zeros..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_by_the_stock_servers() {
        let read = |text: &str| parse_id(text.as_bytes()).map(|id| (id.ms, id.seq));
        assert_eq!(read("5"), Some((5, None)));
        assert_eq!(read("5-0"), Some((5, Some(0))));
        assert_eq!(read("01-+02"), Some((1, Some(2))));
        assert_eq!(read("00-0"), Some((0, Some(0))));
        assert_eq!(read("18446744073709551615-18446744073709551615"), Some((u64::MAX, Some(u64::MAX))));
        for wrong in ["", "-", "5-", "-5", "a", "5-a", "1-2-3", "18446744073709551616", "1 ", "*", "+", "1.0"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
