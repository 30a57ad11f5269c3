//! What the commands that may wait have in common: the timeout, and waiting for the first of some keys.

use std::ops::Range;
use std::sync::atomic::Ordering;

use nuthatch_protocol::number::{parse_f64, parse_i64};

use crate::blocking::{BlockedClient, Take, Wait};
use crate::call::Call;
use crate::clients::Unblock;
use crate::command::Flags;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::session::ReplyMode;

const NEGATIVE: CommandError = CommandError::fixed("ERR timeout is negative");
const TOO_FAR: CommandError = CommandError::fixed("ERR timeout is out of range");

/// Reads a timeout in seconds, with a fraction. Returns when it is over, in milliseconds since 1970, or nothing for a
/// wait without end.
///
/// # Errors
/// It is no number, negative, or too far away for 64 bits.
pub(super) fn deadline_of(timeout: &[u8], now_ms: u64) -> Result<Option<u64>, CommandError> {
    const NO_NUMBER: CommandError = CommandError::fixed("ERR timeout is not a float or out of range");
    let seconds = parse_f64(timeout).ok_or(NO_NUMBER)?;
    if seconds < 0.0 {
        return Err(NEGATIVE);
    }
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds == 0.0 {
        return Ok(None);
    }
    // 2^63 as a floating-point number: those below fit a signed integer.
    if milliseconds >= 9_223_372_036_854_775_808.0 {
        return Err(TOO_FAR);
    }
    deadline_in(milliseconds as u64, now_ms)
}

/// As [`deadline_of`], for a timeout in whole milliseconds.
///
/// # Errors
/// It is no number, negative, or too far away for 64 bits.
pub(super) fn deadline_of_milliseconds(timeout: &[u8], now_ms: u64) -> Result<Option<u64>, CommandError> {
    const NO_NUMBER: CommandError = CommandError::fixed("ERR timeout is not an integer or out of range");
    let milliseconds = parse_i64(timeout).ok_or(NO_NUMBER)?;
    match u64::try_from(milliseconds).map_err(|_| NEGATIVE)? {
        0 => Ok(None),
        milliseconds => deadline_in(milliseconds, now_ms),
    }
}

fn deadline_in(milliseconds: u64, now_ms: u64) -> Result<Option<u64>, CommandError> {
    let deadline = now_ms.saturating_add(milliseconds);
    i64::try_from(deadline).map_err(|_| TOO_FAR)?;
    Ok(Some(deadline))
}

/// Takes from the first of the keys (given by the indexes of arguments) that has what is wanted; if none has, the
/// client waits for one.
///
/// # Errors
/// One of the keys, up to the first that has something, or the destination, holds a value of another type.
pub(super) fn take_or_wait(
    call: &mut Call<'_, '_>,
    keys: Range<usize>,
    deadline_ms: Option<u64>,
    take: impl Take + 'static,
) -> Outcome {
    let keys: Vec<Key<'_>> = keys.map(|index| call.key(index)).collect();
    if !take.take(call.keys, &keys, call.reply)? {
        wait(call, &keys, deadline_ms, take);
    }
    Ok(())
}

/// Has the client wait for one of the keys; in a transaction, the wait is over at once.
pub(super) fn wait(
    call: &mut Call<'_, '_>,
    keys: &[Key<'_>],
    deadline_ms: Option<u64>,
    take: impl Take + 'static,
) {
    if call.session.is_executing {
        return take.not_yet(call.reply);
    }
    let record = &call.session.record;
    let wait = Wait {
        client: record.id,
        mailbox: record.inbox.mailbox.clone(),
        resp3: call.reply.resp3(),
        silent: call.session.reply_mode != ReplyMode::On,
        tracks: call.command.row.flags.contains(Flags::READONLY)
            && call.session.tracking.as_ref().is_some_and(|tracking| tracking.is_noted()),
        keys,
        take: Box::new(take),
        deadline_ms,
        counters: call.engine.clients.waiting.clone(),
    };
    // Whoever sees that a client is blocked must find its wait.
    let mut shown = record.blocked.lock();
    let blocked = BlockedClient::begin(wait, call.keys);
    *shown = Some(blocked.clone());
    drop(shown);
    // Who is killed before has nobody else end the wait.
    if record.is_killed.load(Ordering::Acquire) {
        blocked.abandon();
    }
    call.session.blocked = Some(blocked);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_stock_servers_do() {
        let read = |text: &str| deadline_of(text.as_bytes(), 1000).map_err(|error| error.text().to_vec());
        assert_eq!(read("0"), Ok(None));
        assert_eq!(read("0x1"), Ok(Some(2000)));
        assert_eq!(read("0.0000001"), Ok(Some(1001)));
        assert_eq!(read("1.5"), Ok(Some(2500)));
        assert!(read("9223370000000000").is_ok());
        for (text, error) in [
            ("abc", "ERR timeout is not a float or out of range"),
            ("", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            ("-0.1", "ERR timeout is negative"),
            ("-inf", "ERR timeout is negative"),
            ("inf", "ERR timeout is out of range"),
            ("9223372036854775", "ERR timeout is out of range"),
            ("1e300", "ERR timeout is out of range"),
        ] {
            assert_eq!(read(text), Err(error.as_bytes().to_vec()), "{text}");
        }
    }
}
