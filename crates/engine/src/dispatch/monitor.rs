//! Shows commands to clients that want to see all of them.

use std::io::Write as _;

use crate::Engine;
use crate::arguments::{Arguments, is_word};
use crate::command::Flags;
use crate::session::Session;
use crate::table::Registered;

/// What stands in the place of passwords.
const REDACTED: &[u8] = b"(redacted)";

/// Shows a command that a client has run, if anybody wants to see it. Those of a file no client has run.
#[inline]
pub(super) fn show(engine: &Engine, session: &Session, command: &Registered, arguments: &Arguments<'_>) {
    let monitors = &engine.keyspace.messages.monitors;
    let is_hidden = command.row.flags.intersects(Flags::SKIP_MONITOR.union(Flags::ADMIN));
    if monitors.watch() && !is_hidden && !session.is_replayed {
        monitors.show(line(engine.host.now_us(), session, command, arguments));
    }
}

/// Shows a command that runs a script, before those that the script calls.
#[inline]
pub(super) fn show_script(
    engine: &Engine,
    session: &Session,
    command: &Registered,
    arguments: &Arguments<'_>,
) {
    let monitors = &engine.keyspace.messages.monitors;
    if monitors.watch() && !session.is_replayed {
        monitors.show(line(engine.host.now_us(), session, command, arguments));
    }
}

fn line(now_us: u64, session: &Session, command: &Registered, arguments: &Arguments<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    let (seconds, microseconds) = (now_us / 1_000_000, now_us % 1_000_000);
    let database = session.database;
    let address = if session.runs_script { "lua" } else { session.record.address.as_str() };
    // Writing to memory cannot fail.
    let _ = write!(line, "+{seconds}.{microseconds:06} [{database} {address}]");
    let mut hidden = 0;
    for (index, argument) in arguments.from(0).enumerate() {
        line.extend_from_slice(b" \"");
        if hidden > 0 || (command.row.name == "AUTH" && index > 0) {
            line.extend_from_slice(REDACTED);
            hidden = hidden.max(1) - 1;
        } else {
            escape(argument, &mut line);
            // The user and the password follow.
            hidden = if command.row.name == "HELLO" && is_word(argument, "AUTH") { 2 } else { 0 };
        }
        line.push(b'"');
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Appends text as it stands in a string of C.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', *byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            7 => line.extend_from_slice(b"\\a"),
            8 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(*byte),
            // Writing to memory cannot fail.
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_cannot_be_printed_are_escaped() {
        let mut line = Vec::new();
        escape(b"a \"b\"\\\r\n\t\x07\x08\x00\x7f\xff", &mut line);
        assert_eq!(line, br#"a \"b\"\\\r\n\t\a\b\x00\x7f\xff"#);
    }
}
