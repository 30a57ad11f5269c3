//! Parts of strings.

use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;
use crate::value::string::StringRef;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const APPEND: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::INSERT))];
const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("APPEND", 3, APPEND, append).fast().deny_oom().docs(
        Group::String,
        "2.0.0",
        "O(1) amortized, as the memory of a string that grows is doubled.",
        "key value",
        "Appends text to the string value of a key, empty if it does not exist.",
    ),
    Command::read("GETRANGE", 4, READ, getrange).docs(
        Group::String,
        "2.4.0",
        "O(N) where N is the length of the returned string.",
        "key start end",
        "Returns a part of the string value of a key.",
    ),
    Command::write("SETRANGE", 4, UPDATE, setrange).deny_oom().docs(
        Group::String,
        "2.2.0",
        "O(M) where M is the length of the value argument.",
        "key offset value",
        "Overwrites a part of the string value of a key, empty if it does not exist.",
    ),
    Command::read("SUBSTR", 4, READ, getrange)
        .docs(
            Group::String,
            "1.0.0",
            "O(N) where N is the length of the returned string.",
            "key start end",
            "Returns a part of the string value of a key.",
        )
        .deprecated("2.0.0", "`GETRANGE`"),
];

fn append(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let value = call.arguments.at(2);
    let length = match call.keys.peek_string(&key)?.map(StringRef::len) {
        Some(length) => {
            check_length(call, length.saturating_add(value.len()))?;
            call.keys.splice(&key, length, value, "append")
        }
        None => {
            call.keys.set_string(&key, value, NewDeadline::Clear, "append");
            value.len()
        }
    };
    call.reply.integer(length as i64);
    Ok(())
}

fn setrange(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let offset = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let offset = usize::try_from(offset).map_err(|_| CommandError::fixed("ERR offset is out of range"))?;
    let value = call.arguments.at(3);
    let mut length = call.keys.peek_string(&key)?.map_or(0, StringRef::len);
    if !value.is_empty() {
        check_length(call, offset.saturating_add(value.len()))?;
        length = call.keys.splice(&key, offset, value, "setrange");
    }
    call.reply.integer(length as i64);
    Ok(())
}

fn getrange(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let integer = |index| parse_i64(call.arguments.at(index)).ok_or(CommandError::NOT_AN_INTEGER);
    let (start, end) = (integer(2)?, integer(3)?);
    let text = call.keys.read_string(&key)?.map(StringRef::bytes).unwrap_or_default();
    let part = resolve(start, end, text.len()).and_then(|(first, last)| text.get(first..=last));
    call.reply.bulk(part.unwrap_or_default());
    Ok(())
}

/// No string grows beyond `proto-max-bulk-len`.
fn check_length(call: &Call<'_, '_>, length: usize) -> Outcome {
    if length as u64 > string_bytes_max(call) {
        return Err(CommandError::STRING_TOO_LONG);
    }
    Ok(())
}

/// How long a string may be, in bytes. A file may have been written when more was allowed.
pub(super) fn string_bytes_max(call: &Call<'_, '_>) -> u64 {
    const REPLAYED_MAX: u64 = 512 * 1024 * 1024;
    let bytes_max = call.engine.settings.string_bytes_max.load(Ordering::Relaxed);
    if call.session.is_replayed { bytes_max.max(REPLAYED_MAX) } else { bytes_max }
}

/// The first and the last of the elements from `start` to `end` of `length` ones, negative ones counted
/// from the end; none if the range is empty.
pub(super) fn resolve(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    resolve_clamped(start, end, length)
}

/// As [`resolve`], but of a range that lies before the first element, the first element.
pub(super) fn resolve_clamped(start: i64, end: i64, length: usize) -> Option<(usize, usize)> {
    let from_start = |index: i64| match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let (first, last) = (from_start(start), from_start(end).min(length.checked_sub(1)?));
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        assert_eq!(resolve(0, -1, 6), Some((0, 5)));
        assert_eq!(resolve(-3, -1, 6), Some((3, 5)));
        assert_eq!(resolve(-100, 100, 6), Some((0, 5)));
        assert_eq!(resolve(3, 1, 6), None);
        assert_eq!(resolve(6, 6, 6), None);
        assert_eq!(resolve(0, 0, 0), None);
        assert_eq!(resolve(i64::MIN, i64::MAX, 6), Some((0, 5)));
        assert_eq!(resolve(i64::MIN, i64::MIN, 6), Some((0, 0)));
        assert_eq!(resolve(-1, -3, 6), None);
    }

    #[test]
    fn reversed_ranges_before_the_start_are_empty_only_when_not_clamped() {
        assert_eq!(resolve(-100, -200, 6), None);
        assert_eq!(resolve_clamped(-100, -200, 6), Some((0, 0)));
    }
}
