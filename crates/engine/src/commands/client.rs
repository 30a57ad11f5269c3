//! CLIENT: what a connection says about itself, and what operators do with connections.

mod description;
mod kill;
mod tracking;

use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;

use crate::Engine;
use crate::arguments::is_word;
use crate::call::Call;
use crate::clients::ClientRecord;
use crate::command::{Command, Flags, Group, Handler};
use crate::error::{CommandError, Outcome};
use crate::session::ReplyMode;

use super::container::{Explained, printed, reply_help, subcommand_required, wrong_form};
use description::Kind;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("CLIENT", -2, subcommand_required)
    .without(Flags::LOADING.union(Flags::STALE))
    .subcommands(SUBCOMMANDS)
    .docs(
        Group::Connection,
        "2.4.0",
        "Depends on subcommand.",
        "",
        "Tells about connections and manages them.",
    )];

const SUBCOMMANDS: &[Command] = &[
    own("CACHING", 3, tracking::caching).docs(
        Group::Connection,
        "6.0.0",
        "O(1)",
        "<YES | NO>",
        "Tells whether the next command's keys are tracked.",
    ),
    own("GETNAME", 2, get_name).docs(
        Group::Connection,
        "2.6.9",
        "O(1)",
        "",
        "Returns the name of the connection.",
    ),
    own("GETREDIR", 2, tracking::get_redirection).docs(
        Group::Connection,
        "6.0.0",
        "O(1)",
        "",
        "Returns the client that invalidation messages are redirected to.",
    ),
    Command::other("HELP", 2, help).docs(Group::Connection, "5.0.0", "O(1)", "", "Explains the subcommands."),
    own("ID", 2, id).docs(Group::Connection, "5.0.0", "O(1)", "", "Returns the id of the connection."),
    own("INFO", 2, info)
        .tips(&["nondeterministic_output"])
        .docs(Group::Connection, "6.2.0", "O(1)", "", "Describes the connection."),
    operator("KILL", -3, kill::kill).docs(
        Group::Connection,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | \
         [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage]> [...]>",
        "Ends connections.",
    ),
    operator("LIST", -2, list).tips(&["nondeterministic_output"]).docs(
        Group::Connection,
        "2.4.0",
        "O(N) where N is the number of client connections",
        "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        "Describes all connections.",
    ),
    operator("NO-EVICT", 3, no_evict).docs(
        Group::Connection,
        "7.0.0",
        "O(1)",
        "<ON | OFF>",
        "Exempts the connection from being evicted, or not.",
    ),
    own("NO-TOUCH", 3, no_touch).docs(
        Group::Connection,
        "7.2.0",
        "O(1)",
        "<ON | OFF>",
        "Keeps the connection's commands from renewing the keys that they access, or not.",
    ),
    operator("PAUSE", -3, pause).docs(
        Group::Connection,
        "3.0.0",
        "O(1)",
        "timeout [WRITE | ALL]",
        "Holds back the commands of all clients for a while.",
    ),
    own("REPLY", 3, reply_mode).docs(
        Group::Connection,
        "3.2.0",
        "O(1)",
        "<ON | OFF | SKIP>",
        "Chooses whether commands are answered.",
    ),
    own("SETINFO", 4, set_info).tips(TO_ALL_NODES).docs(
        Group::Connection,
        "7.2.0",
        "O(1)",
        "<LIB-NAME libname | LIB-VER libver>",
        "Tells the server about the client library.",
    ),
    own("SETNAME", 3, set_name).tips(TO_ALL_NODES).docs(
        Group::Connection,
        "2.6.9",
        "O(1)",
        "connection-name",
        "Names the connection.",
    ),
    own("TRACKING", -3, tracking::tracking).docs(
        Group::Connection,
        "6.0.0",
        "O(1). Some options may introduce additional complexity.",
        "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
        "Has the connection told of keys that change.",
    ),
    own("TRACKINGINFO", 2, tracking::info).docs(
        Group::Connection,
        "6.2.0",
        "O(1)",
        "",
        "Tells how the connection's keys are tracked for caching in the client.",
    ),
    operator("UNBLOCK", -3, unblock).docs(
        Group::Connection,
        "5.0.0",
        "O(log N) where N is the number of client connections",
        "client-id [TIMEOUT | ERROR]",
        "Ends another connection's wait in a blocking command.",
    ),
    operator("UNPAUSE", 2, unpause).docs(
        Group::Connection,
        "6.2.0",
        "O(N) Where N is the number of paused clients",
        "",
        "Lets commands run again that were held back.",
    ),
];

const TO_ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const fn own(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).with(Flags::NO_SCRIPT)
}

const fn operator(name: &'static str, arity: i16, handler: Handler) -> Command {
    own(name, arity, handler).with(Flags::ADMIN)
}

const HELP: &[Explained] = &[
    ("CACHING (YES|NO)", &["Track the keys of the next command, or not: for OPTIN and OPTOUT."]),
    ("GETNAME", &["Return the name of this connection."]),
    ("GETREDIR", &["Return the client that invalidation messages go to, or -1."]),
    ("ID", &["Return the id of this connection."]),
    ("INFO", &["Describe this connection."]),
    ("KILL <ip:port>", &["End the connection from <ip:port>."]),
    (
        "KILL <option> <value> [<option> <value> [...]]",
        &[
            "End all connections that satisfy every option:",
            "* ADDR (<ip:port>|<unixsocket>:0): the client's address.",
            "* ID <client-id>: the connection's id.",
            "* LADDR (<ip:port>|<unixsocket>:0): the server's address.",
            "* MAXAGE <seconds>: connected for as long at least.",
            "* SKIPME (YES|NO): spare this connection (default: yes).",
            "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB): the kind of client.",
            "* USER <username>: authenticated as this user.",
        ],
    ),
    (
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <client-id> [...]]",
        &["Describe all connections, or those of a kind, or some by their ids."],
    ),
    ("NO-EVICT (ON|OFF)", &["Exempt this connection from eviction."]),
    ("NO-TOUCH (ON|OFF)", &["Access keys without renewing their last access."]),
    (
        "PAUSE <timeout> [WRITE|ALL]",
        &["Hold back all commands, or those that write, for <timeout> milliseconds."],
    ),
    ("REPLY (ON|OFF|SKIP)", &["Answer this connection's commands, or none, or all but the next."]),
    ("SETINFO <option> <value>", &["Tell about the client library: LIB-NAME or LIB-VER."]),
    ("SETNAME <name>", &["Name this connection."]),
    (
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]",
        &["Tell this connection, or another one, of keys that change."],
    ),
    ("TRACKINGINFO", &["Tell how keys are tracked for this connection."]),
    ("UNBLOCK <client-id> [TIMEOUT|ERROR]", &["End the wait of a blocked connection."]),
    ("UNPAUSE", &["Let commands run that are held back."]),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "CLIENT", HELP);
    Ok(())
}

fn id(call: &mut Call<'_, '_>) -> Outcome {
    call.reply.integer(call.session.record.id.cast_signed());
    Ok(())
}

fn get_name(call: &mut Call<'_, '_>) -> Outcome {
    let names = call.session.record.names.lock();
    if names.name.is_empty() {
        call.reply.null();
    } else {
        call.reply.bulk(&names.name);
    }
    Ok(())
}

fn set_name(call: &mut Call<'_, '_>) -> Outcome {
    let name = call.arguments.at(2);
    check_name(name, b"Client names")?;
    call.session.record.names.lock().name = name.to_vec();
    call.reply.ok();
    Ok(())
}

/// Checks that what a client says about itself keeps the lines of CLIENT LIST readable.
///
/// # Errors
/// It has other than printable ASCII characters; `what` begins the text.
pub(super) fn check_name(name: &[u8], what: &[u8]) -> Outcome {
    if printed(name).iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(CommandError::repeating("ERR ", what, " cannot contain spaces, newlines or special characters."))
}

fn set_info(call: &mut Call<'_, '_>) -> Outcome {
    let (option, value) = (call.arguments.at(2), call.arguments.at(3));
    let mut names = call.session.record.names.lock();
    let target = if is_word(option, "LIB-NAME") {
        &mut names.library_name
    } else if is_word(option, "LIB-VER") {
        &mut names.library_version
    } else {
        return Err(CommandError::repeating("ERR Unrecognized option '", option, "'"));
    };
    check_name(value, option)?;
    *target = value.to_vec();
    call.reply.ok();
    Ok(())
}

impl Engine {
    /// Describes a client as CLIENT LIST does, for the log.
    pub fn description(&self, record: &ClientRecord) -> String {
        description::line(self, record, self.now_ms()).trim_end().to_owned()
    }
}

fn info(call: &mut Call<'_, '_>) -> Outcome {
    note_activity(call);
    let line = description::line(call.engine, &call.session.record, call.now_ms());
    call.reply.verbatim("txt", line.as_bytes());
    Ok(())
}

fn list(call: &mut Call<'_, '_>) -> Outcome {
    const INVALID_ID: CommandError = CommandError::fixed("ERR Invalid client ID");
    let option = call.arguments.get(2);
    let records = match (option, call.arguments.len()) {
        (None, _) => call.engine.clients.all(),
        (Some(option), 4) if is_word(option, "TYPE") => {
            let kind = Kind::parse(call.arguments.at(3))?;
            call.engine.clients.all().into_iter().filter(|record| Kind::of(record) == kind).collect()
        }
        (Some(option), 4..) if is_word(option, "ID") => {
            let ids: Vec<i64> =
                call.arguments.from(3).map(|id| parse_i64(id).ok_or(INVALID_ID)).collect::<Result<_, _>>()?;
            ids.into_iter().filter_map(|id| call.engine.clients.get(id.try_into().ok()?)).collect()
        }
        _ => return Err(CommandError::SYNTAX),
    };
    note_activity(call);
    let now_ms = call.now_ms();
    let text: String = records.iter().map(|record| description::line(call.engine, record, now_ms)).collect();
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Has the client's own line show the running command, which is noted only when it is done.
fn note_activity(call: &mut Call<'_, '_>) {
    let record = &call.session.record;
    record.last_command.store(call.command.id, Ordering::Relaxed);
    record.active_ms.store(call.now_ms(), Ordering::Relaxed);
}

fn pause(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_A_NUMBER: CommandError = CommandError::fixed("ERR timeout is not an integer or out of range");
    const NEGATIVE: CommandError = CommandError::fixed("ERR timeout is negative");
    const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR timeout is out of range");
    let writes_only = match (call.arguments.get(3), call.arguments.len()) {
        (_, 5..) => return Err(wrong_form(call)),
        (None, _) => false,
        (Some(mode), _) if is_word(mode, "ALL") => false,
        (Some(mode), _) if is_word(mode, "WRITE") => true,
        _ => return Err(CommandError::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let timeout_ms =
        u64::try_from(parse_i64(call.arguments.at(2)).ok_or(NOT_A_NUMBER)?).map_err(|_| NEGATIVE)?;
    let until_ms = call.now_ms().checked_add(timeout_ms).filter(|until| i64::try_from(*until).is_ok());
    call.engine.clients.pause(until_ms.ok_or(OUT_OF_RANGE)?, writes_only);
    call.reply.ok();
    Ok(())
}

fn unpause(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.clients.resume();
    call.reply.ok();
    Ok(())
}

fn unblock(call: &mut Call<'_, '_>) -> Outcome {
    const UNKNOWN_REASON: CommandError =
        CommandError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    match (call.arguments.get(3), call.arguments.len()) {
        (_, 5..) => return Err(wrong_form(call)),
        (None, _) => {}
        (Some(reason), _) if is_word(reason, "TIMEOUT") || is_word(reason, "ERROR") => {}
        _ => return Err(UNKNOWN_REASON),
    }
    let with_error = call.arguments.get(3).is_some_and(|reason| is_word(reason, "ERROR"));
    let id = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let client = u64::try_from(id).ok().and_then(|id| call.engine.clients.get(id));
    let wait = client.and_then(|client| client.blocked.lock().clone());
    call.reply.integer(i64::from(wait.is_some_and(|wait| wait.unblock(with_error))));
    Ok(())
}

fn reply_mode(call: &mut Call<'_, '_>) -> Outcome {
    let mode = call.arguments.at(2);
    if is_word(mode, "ON") {
        call.session.reply_mode = ReplyMode::On;
        call.reply.ok();
    } else if is_word(mode, "OFF") {
        call.session.reply_mode = ReplyMode::Off;
    } else if !is_word(mode, "SKIP") {
        return Err(CommandError::SYNTAX);
    } else if call.session.reply_mode != ReplyMode::Off {
        call.session.reply_mode = ReplyMode::SkipNext;
    }
    Ok(())
}

fn no_evict(call: &mut Call<'_, '_>) -> Outcome {
    let on = parse_switch(call.arguments.at(2))?;
    call.session.record.no_evict.store(on, Ordering::Relaxed);
    call.reply.ok();
    Ok(())
}

fn no_touch(call: &mut Call<'_, '_>) -> Outcome {
    let on = parse_switch(call.arguments.at(2))?;
    call.session.no_touch = on;
    call.session.record.no_touch.store(on, Ordering::Relaxed);
    call.reply.ok();
    Ok(())
}

fn parse_switch(argument: &[u8]) -> Result<bool, CommandError> {
    match argument {
        on if is_word(on, "ON") => Ok(true),
        off if is_word(off, "OFF") => Ok(false),
        _ => Err(CommandError::SYNTAX),
    }
}
