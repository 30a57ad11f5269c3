//! Setting one key to a string.

use super::conditions::Condition;
use super::expiration::{Expiration, Lifetime};
use super::strings::reply_optional_string;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;

const SET: &[KeySpec] = &[KeySpec::one(
    1,
    KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE).union(KeyFlags::VARIABLE_FLAGS),
)];
const OVERWRITE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))];
const INSERT: &[KeySpec] = &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::INSERT))];
const EXCHANGE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("GETSET", 3, EXCHANGE, getset)
        .fast()
        .deny_oom()
        .docs(
            Group::String,
            "1.0.0",
            "O(1)",
            "key value",
            "Sets a key to a string and returns what it held before.",
        )
        .deprecated("6.2.0", "`SET` with the `!GET` argument"),
    Command::write("PSETEX", 4, OVERWRITE, psetex)
        .deny_oom()
        .docs(
            Group::String,
            "2.6.0",
            "O(1)",
            "key milliseconds value",
            "Sets a key to a string that expires after some milliseconds.",
        )
        .deprecated("2.6.12", "`SET` with the `PX` argument"),
    Command::write("SET", -3, SET, set).deny_oom().docs(
        Group::String,
        "1.0.0",
        "O(1)",
        "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | \
         IFDNE ifdne-digest] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
         PXAT unix-time-milliseconds | KEEPTTL]",
        "Sets a key to a string, whatever it held before.",
    ),
    Command::write("SETEX", 4, OVERWRITE, setex)
        .deny_oom()
        .docs(
            Group::String,
            "2.0.0",
            "O(1)",
            "key seconds value",
            "Sets a key to a string that expires after some seconds.",
        )
        .deprecated("2.6.12", "`SET` with the `EX` argument"),
    Command::write("SETNX", 3, INSERT, setnx)
        .fast()
        .deny_oom()
        .docs(
            Group::String,
            "1.0.0",
            "O(1)",
            "key value",
            "Sets a key to a string if the key does not exist.",
        )
        .deprecated("2.6.12", "`SET` with the `NX` argument"),
];

/// The options of SET.
struct Options<'a> {
    condition: Condition<'a>,
    get: bool,
    lifetime: Lifetime<'a>,
}

impl<'a> Options<'a> {
    fn parse(mut rest: impl Iterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        let mut options = Self { condition: Condition::Always, get: false, lifetime: Lifetime::Unsaid };
        while let Some(word) = rest.next() {
            if options.lifetime.accept(word, &mut rest)? || options.condition.accept_existence(word)? {
                continue;
            }
            if is_word(word, "GET") {
                options.get = true;
            } else if is_word(word, "KEEPTTL") {
                options.lifetime.choose(Lifetime::Keep)?;
            } else if !options.condition.accept_comparison(word, &mut rest)? {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn set(call: &mut Call<'_, '_>) -> Outcome {
    if call.arguments.len() > 3 {
        return set_with_options(call);
    }
    let key = call.key(1);
    call.keys.set_string(&key, call.arguments.at(2), NewDeadline::Clear, "set");
    call.reply.ok();
    Ok(())
}

fn set_with_options(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let Options { condition, get, lifetime } = Options::parse(call.arguments.from(3))?;
    let deadline = lifetime.of_new_value(call.now_ms(), "set")?;
    let holds = if get {
        let current = call.keys.read_string(&key)?;
        reply_optional_string(call.reply, current);
        condition.holds(current)
    } else if condition.compares() {
        condition.holds(call.keys.peek_string(&key)?)
    } else {
        condition == Condition::Always || condition.holds_by_existence(call.keys.contains(&key))
    };
    if holds {
        call.keys.set_string(&key, call.arguments.at(2), deadline, "set");
    }
    match (get, holds) {
        (true, _) => {}
        (false, true) => call.reply.ok(),
        (false, false) => call.reply.null(),
    }
    Ok(())
}

fn setnx(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let missing = !call.keys.contains(&key);
    if missing {
        call.keys.set_string(&key, call.arguments.at(2), NewDeadline::Clear, "set");
    }
    call.reply.integer(i64::from(missing));
    Ok(())
}

fn setex(call: &mut Call<'_, '_>) -> Outcome {
    let expiration = Expiration::seconds(call.arguments.at(2));
    set_expiring(call, expiration)
}

fn psetex(call: &mut Call<'_, '_>) -> Outcome {
    let expiration = Expiration::milliseconds(call.arguments.at(2));
    set_expiring(call, expiration)
}

fn set_expiring(call: &mut Call<'_, '_>, expiration: Expiration<'_>) -> Outcome {
    let key = call.key(1);
    let deadline = expiration.deadline(call.now_ms(), &call.command.full_name)?;
    call.keys.set_string(&key, call.arguments.at(3), NewDeadline::At(deadline), "set");
    call.reply.ok();
    Ok(())
}

fn getset(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let current = call.keys.read_string(&key)?;
    reply_optional_string(call.reply, current);
    call.keys.set_string(&key, call.arguments.at(2), NewDeadline::Clear, "set");
    Ok(())
}
