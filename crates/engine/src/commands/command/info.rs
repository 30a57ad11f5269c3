//! COMMAND and COMMAND INFO: arity, flags, keys, categories, tips and subcommands.

use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::categories::Categories;
use crate::command::{FindKeys, Flags, KeyFlags, KeySpec};
use crate::error::Outcome;
use crate::table::Registered;

/// COMMAND.
pub(super) fn all(call: &mut Call<'_, '_>) -> Outcome {
    let table = &call.engine.commands;
    call.reply.array(table.commands().count());
    for command in table.commands() {
        describe(call.reply, command);
    }
    Ok(())
}

/// COMMAND INFO.
pub(super) fn some(call: &mut Call<'_, '_>) -> Outcome {
    if call.arguments.len() == 2 {
        return all(call);
    }
    let names = call.arguments.from(2);
    call.reply.array(names.len());
    for name in names {
        match call.engine.commands.find_full(name) {
            Some(command) => describe(call.reply, command),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn describe(reply: &mut Reply, command: &Registered) {
    let (first, last, step) = legacy_range(command.row.keys);
    reply.array(10);
    reply.bulk(command.full_name.as_bytes());
    reply.integer(i64::from(command.row.arity));
    reply_statuses(reply, &flag_names(command));
    reply.integer(first);
    reply.integer(last);
    reply.integer(step);
    let categories: Vec<String> =
        Categories::of(command.row).names().map(|category| format!("@{category}")).collect();
    reply_statuses(reply, &categories);
    reply.set(command.row.tips.len());
    for tip in command.row.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(command.row.keys.len());
    for spec in command.row.keys {
        describe_keys(reply, spec);
    }
    reply.set(command.subcommands.len());
    for subcommand in &command.subcommands {
        describe(reply, subcommand);
    }
}

fn reply_statuses(reply: &mut Reply, names: &[impl AsRef<str>]) {
    reply.set(names.len());
    for name in names {
        reply.simple(name.as_ref());
    }
}

fn flag_names(command: &Registered) -> Vec<&'static str> {
    const NAMES: &[(Flags, &str)] = &[
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENY_OOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NO_SCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::ALLOW_BUSY, "allow_busy"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::MOVABLE_KEYS, "movablekeys"),
    ];
    let mut flags = command.row.flags;
    let movable = |spec: &KeySpec| !matches!(spec.find, FindKeys::Range { .. });
    if command.row.keys.iter().any(movable) {
        flags |= Flags::MOVABLE_KEYS;
    }
    NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect()
}

/// The first key, the last one and the step between keys, for clients that know no key specifications.
/// What does not fit into one range is left out: such commands have `movablekeys`, or begin with a range.
fn legacy_range(specs: &[KeySpec]) -> (i64, i64, i64) {
    let mut range: Option<(i64, i64, i64)> = None;
    for spec in specs {
        let FindKeys::Range { last, step } = spec.find else { continue };
        let first = i64::from(spec.index);
        let last = if last < 0 { i64::from(last) } else { first + i64::from(last) };
        range = match range {
            None => Some((first, last, i64::from(step))),
            Some((start, end, 1)) if end + 1 == first => Some((start, last, 1)),
            other => other,
        };
    }
    range.unwrap_or_default()
}

fn describe_keys(reply: &mut Reply, spec: &KeySpec) {
    reply.map(3);
    reply.bulk(b"flags");
    reply_statuses(reply, &key_flag_names(spec.flags));
    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    if let FindKeys::Sought(_) = spec.find {
        describe_unknown(reply);
    } else if let FindKeys::Behind { keyword } | FindKeys::FirstHalfBehind { keyword } = spec.find {
        reply.bulk(b"keyword");
        reply.bulk(b"spec");
        reply.map(2);
        reply.bulk(b"keyword");
        reply.bulk(keyword.as_bytes());
        reply.bulk(b"startfrom");
        reply.integer(i64::from(spec.index));
    } else {
        reply.bulk(b"index");
        reply.bulk(b"spec");
        reply_numbers(reply, &[("index", i64::from(spec.index))]);
    }
    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    match spec.find {
        FindKeys::Range { last, step } => {
            reply.bulk(b"range");
            reply.bulk(b"spec");
            let numbers = [("lastkey", i64::from(last)), ("keystep", i64::from(step)), ("limit", 0)];
            reply_numbers(reply, &numbers);
        }
        FindKeys::Behind { .. } => {
            reply.bulk(b"range");
            reply.bulk(b"spec");
            reply_numbers(reply, &[("lastkey", 0), ("keystep", 1), ("limit", 0)]);
        }
        FindKeys::FirstHalfBehind { .. } => {
            reply.bulk(b"range");
            reply.bulk(b"spec");
            reply_numbers(reply, &[("lastkey", -1), ("keystep", 1), ("limit", 2)]);
        }
        FindKeys::Sought(_) => describe_unknown(reply),
        FindKeys::Counted { step } => {
            reply.bulk(b"keynum");
            reply.bulk(b"spec");
            reply_numbers(reply, &[("keynumidx", 0), ("firstkey", 1), ("keystep", i64::from(step))]);
        }
    }
}

fn describe_unknown(reply: &mut Reply) {
    reply.bulk(b"unknown");
    reply.bulk(b"spec");
    reply.map(0);
}

fn reply_numbers(reply: &mut Reply, numbers: &[(&str, i64)]) {
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(*number);
    }
}

/// The names of the flags of a key specification.
pub(super) fn key_flag_names(flags: KeyFlags) -> Vec<&'static str> {
    const NAMES: &[(KeyFlags, &str)] = &[
        (KeyFlags::RO, "RO"),
        (KeyFlags::RW, "RW"),
        (KeyFlags::OW, "OW"),
        (KeyFlags::RM, "RM"),
        (KeyFlags::ACCESS, "access"),
        (KeyFlags::UPDATE, "update"),
        (KeyFlags::INSERT, "insert"),
        (KeyFlags::DELETE, "delete"),
        (KeyFlags::VARIABLE_FLAGS, "variable_flags"),
        (KeyFlags::NOT_KEY, "not_key"),
    ];
    NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect()
}
