//! Deadlines of keys: set, asked for, and taken away.

use bitflags::bitflags;
use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

use super::container::printed;

const UPDATED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const ASKED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("EXPIRE", -3, UPDATED, |call| set(call, Form { relative: true, unit_ms: 1000 }))
        .fast()
        .docs(
            Group::Generic,
            "1.0.0",
            "O(1)",
            "key seconds [NX | XX | GT | LT]",
            "Lets a key expire after some seconds.",
        ),
    Command::write("EXPIREAT", -3, UPDATED, |call| set(call, Form { relative: false, unit_ms: 1000 }))
        .fast()
        .docs(
            Group::Generic,
            "1.2.0",
            "O(1)",
            "key unix-time-seconds [NX | XX | GT | LT]",
            "Lets a key expire at a Unix time.",
        ),
    Command::read("EXPIRETIME", 2, ASKED, |call| ask(call, in_seconds)).fast().docs(
        Group::Generic,
        "7.0.0",
        "O(1)",
        "key",
        "Tells the Unix time at which a key expires.",
    ),
    Command::write("PERSIST", 2, UPDATED, persist).fast().docs(
        Group::Generic,
        "2.2.0",
        "O(1)",
        "key",
        "Lets a key live on without a deadline.",
    ),
    Command::write("PEXPIRE", -3, UPDATED, |call| set(call, Form { relative: true, unit_ms: 1 }))
        .fast()
        .docs(
            Group::Generic,
            "2.6.0",
            "O(1)",
            "key milliseconds [NX | XX | GT | LT]",
            "Lets a key expire after some milliseconds.",
        ),
    Command::write("PEXPIREAT", -3, UPDATED, |call| set(call, Form { relative: false, unit_ms: 1 }))
        .fast()
        .docs(
            Group::Generic,
            "2.6.0",
            "O(1)",
            "key unix-time-milliseconds [NX | XX | GT | LT]",
            "Lets a key expire at a Unix time in milliseconds.",
        ),
    Command::read("PEXPIRETIME", 2, ASKED, |call| ask(call, |deadline, _| deadline)).fast().docs(
        Group::Generic,
        "7.0.0",
        "O(1)",
        "key",
        "Tells the Unix time in milliseconds at which a key expires.",
    ),
    Command::read("PTTL", 2, ASKED, |call| ask(call, remaining))
        .fast()
        .docs(Group::Generic, "2.6.0", "O(1)", "key", "Tells in how many milliseconds a key expires.")
        .tips(&["nondeterministic_output"]),
    Command::read("TTL", 2, ASKED, |call| {
        ask(call, |deadline, now_ms| in_seconds(remaining(deadline, now_ms), now_ms))
    })
    .fast()
    .docs(Group::Generic, "1.0.0", "O(1)", "key", "Tells in how many seconds a key expires.")
    .tips(&["nondeterministic_output"]),
];

/// How a command gives the time at which a key expires.
#[derive(Clone, Copy)]
struct Form {
    /// From now, not from 1970.
    relative: bool,
    /// The unit in milliseconds.
    unit_ms: i64,
}

bitflags! {
    /// When a deadline is set: the options of EXPIRE and its kin.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Conditions: u8 {
        /// The key has no deadline.
        const NX = 1 << 0;
        /// The key has a deadline.
        const XX = 1 << 1;
        /// The new deadline is later.
        const GT = 1 << 2;
        /// The new deadline is earlier.
        const LT = 1 << 3;
    }
}

impl Conditions {
    fn parse<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        const NX_WITH_OTHERS: CommandError =
            CommandError::fixed("ERR NX and XX, GT or LT options at the same time are not compatible");
        const GT_WITH_LT: CommandError =
            CommandError::fixed("ERR GT and LT options at the same time are not compatible");
        let mut conditions = Self::empty();
        for option in options {
            conditions |= if is_word(option, "NX") {
                Self::NX
            } else if is_word(option, "XX") {
                Self::XX
            } else if is_word(option, "GT") {
                Self::GT
            } else if is_word(option, "LT") {
                Self::LT
            } else {
                return Err(unsupported(option));
            };
        }
        if conditions.contains(Self::NX) && conditions != Self::NX {
            Err(NX_WITH_OTHERS)
        } else if conditions.contains(Self::GT | Self::LT) {
            Err(GT_WITH_LT)
        } else {
            Ok(conditions)
        }
    }

    /// Whether a key's deadline may go from `before` to `after`; no deadline is later than any.
    fn hold(self, before: Option<i64>, after: i64) -> bool {
        !(self.contains(Self::NX) && before.is_some()
            || self.contains(Self::XX) && before.is_none()
            || self.contains(Self::GT) && before.is_none_or(|before| after <= before)
            || self.contains(Self::LT) && before.is_some_and(|before| after >= before))
    }
}

fn unsupported(option: &[u8]) -> CommandError {
    let option = String::from_utf8_lossy(printed(option));
    CommandError::new(format!("ERR Unsupported option {}", option.trim_end_matches(['\r', '\n'])))
}

fn set(call: &mut Call<'_, '_>, form: Form) -> Outcome {
    let key = call.key(1);
    let conditions = Conditions::parse(call.arguments.from(3))?;
    let time = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let origin = if form.relative { as_signed(call.now_ms()) } else { 0 };
    let deadline = time
        .checked_mul(form.unit_ms)
        .and_then(|time| time.checked_add(origin))
        .ok_or_else(|| CommandError::invalid_expire_time(&call.command.full_name))?;
    let holds =
        call.keys.deadline(&key).is_some_and(|before| conditions.hold(before.map(as_signed), deadline));
    let done = holds
        && match u64::try_from(deadline) {
            Ok(deadline) if deadline > call.now_ms() => {
                call.keys.set_deadline(&key, Some(deadline), "expire")
            }
            _ => call.keys.remove(&key, "del"),
        };
    call.reply.integer(i64::from(done));
    Ok(())
}

fn persist(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let had_deadline = call.keys.deadline(&key).flatten().is_some();
    let done = had_deadline && call.keys.set_deadline(&key, None, "persist");
    call.reply.integer(i64::from(done));
    Ok(())
}

/// Answers what `measure` makes of the key's deadline and the time; −1 without a deadline, −2 without a key.
fn ask(call: &mut Call<'_, '_>, measure: fn(u64, u64) -> u64) -> Outcome {
    const NO_DEADLINE: i64 = -1;
    const NO_KEY: i64 = -2;
    let (key, now_ms) = (call.key(1), call.now_ms());
    call.reply.integer(match call.keys.inspect(&key, |record| record.stamp()) {
        Some(Some(deadline)) => as_signed(measure(deadline, now_ms)),
        Some(None) => NO_DEADLINE,
        None => NO_KEY,
    });
    Ok(())
}

fn remaining(deadline: u64, now_ms: u64) -> u64 {
    deadline.saturating_sub(now_ms)
}

/// Milliseconds as seconds, rounded to the nearest.
fn in_seconds(milliseconds: u64, _now_ms: u64) -> u64 {
    milliseconds.saturating_add(500) / 1000
}

/// Deadlines come from signed integers, so nothing is cut off.
fn as_signed(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Result<Conditions, CommandError> {
        Conditions::parse(options.iter().map(|option| option.as_bytes()))
    }

    #[test]
    fn a_key_without_a_deadline_counts_as_living_forever() {
        let hold = |options: &[&str], before, after| parse(options).is_ok_and(|all| all.hold(before, after));
        assert!(!hold(&["gt"], None, i64::MAX));
        assert!(hold(&["lt"], None, i64::MAX));
        assert!(!hold(&["lt", "xx"], None, 1));
        assert!(hold(&["gt", "xx"], Some(1), 2));
        assert!(!hold(&["gt"], Some(2), 2));
        assert!(!hold(&["lt"], Some(2), 2));
        assert!(!hold(&["nx"], Some(2), 1));
    }

    #[test]
    fn contradicting_conditions_are_refused_after_unknown_ones() {
        let text = |options: &[&str]| parse(options).map_err(|error| error.text().to_vec());
        assert!(text(&["NX", "XX", "bogus"]).is_err_and(|text| text == b"ERR Unsupported option bogus"));
        assert!(text(&["NX", "GT", "LT"]).is_err_and(|text| text.starts_with(b"ERR NX and XX")));
        assert!(text(&["GT", "LT"]).is_err_and(|text| text.starts_with(b"ERR GT and LT")));
        assert_eq!(text(&["nx", "NX"]), Ok(Conditions::NX));
    }
}
