//! XLEN, XRANGE and XREVRANGE.

use super::{interval_end, interval_start, parse_integer, reply_entries};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("XLEN", 2, &[KeySpec::one(1, KeyFlags::RO)], xlen).fast().docs(
        Group::Stream,
        "5.0.0",
        "O(1)",
        "key",
        "Returns how many entries a stream has.",
    ),
    Command::read("XRANGE", -4, READ, |call| range(call, false)).docs(
        Group::Stream,
        "5.0.0",
        "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the \
         first 10 elements with COUNT), you can consider it O(1).",
        "key start end [COUNT count]",
        "Returns the entries of a stream between two ids.",
    ),
    Command::read("XREVRANGE", -4, READ, |call| range(call, true)).docs(
        Group::Stream,
        "5.0.0",
        "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first \
         10 elements with COUNT), you can consider it O(1).",
        "key end start [COUNT count]",
        "Returns the entries of a stream between two ids, the last one first.",
    ),
];

fn xlen(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let len = call.keys.read_stream(&key)?.map_or(0, |stream| stream.len());
    call.reply.integer(len as i64);
    Ok(())
}

fn range(call: &mut Call<'_, '_>, is_reversed: bool) -> Outcome {
    let (first, last) = if is_reversed { (3, 2) } else { (2, 3) };
    let first = interval_start(call.arguments.at(first))?;
    let last = interval_end(call.arguments.at(last))?;
    let mut count = None;
    let mut rest = call.arguments.from(4);
    while let Some(word) = rest.next() {
        let value = rest.next().filter(|_| is_word(word, "COUNT")).ok_or(CommandError::SYNTAX)?;
        count = Some(usize::try_from(parse_integer(value)?).unwrap_or(0));
    }
    let key = call.key(1);
    match call.keys.read_stream(&key)? {
        None => call.reply.array(0),
        Some(_) if count == Some(0) => call.reply.null_array(),
        Some(stream) => {
            let count = count.unwrap_or(usize::MAX);
            if is_reversed {
                reply_entries(call.reply, stream.range_back(first, last).take(count));
            } else {
                reply_entries(call.reply, stream.range(first, last).take(count));
            }
        }
    }
    Ok(())
}
