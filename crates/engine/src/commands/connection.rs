//! The connection itself: greeting, authentication, protocol, echo, the way out.

use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;
use subtle::ConstantTimeEq;

use crate::REDIS_VERSION;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, Handler, InTransaction};
use crate::error::{CommandError, Outcome};
use crate::session::ReplyMode;

use super::client::check_name;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    before_authentication("AUTH", -2, auth).docs(
        Group::Connection,
        "1.0.0",
        "O(N) where N is the number of passwords defined for the user",
        "[username] password",
        "Proves who the client is.",
    ),
    Command::other("ECHO", 2, echo).fast().docs(
        Group::Connection,
        "1.0.0",
        "O(1)",
        "message",
        "Answers what it is given.",
    ),
    before_authentication("HELLO", -1, hello).docs(
        Group::Connection,
        "6.0.0",
        "O(1)",
        "[protover [AUTH username password] [SETNAME clientname]]",
        "Chooses the protocol and introduces client and server to each other.",
    ),
    Command::other("PING", -1, ping)
        .without(Flags::LOADING.union(Flags::STALE))
        .for_subscribers()
        .fast()
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .docs(Group::Connection, "1.0.0", "O(1)", "[message]", "Tells whether the server is there."),
    before_authentication("QUIT", -1, quit)
        .in_transaction(InTransaction::RunsAtOnce)
        .for_subscribers()
        .docs(Group::Connection, "1.0.0", "O(1)", "", "Ends the connection.")
        .deprecated("7.2.0", "just closing the connection"),
    before_authentication("RESET", 1, reset)
        .in_transaction(InTransaction::RunsAtOnce)
        .for_subscribers()
        .docs(
            Group::Connection,
            "6.2.0",
            "O(1)",
            "",
            "Puts the connection back into the state of a new one.",
        ),
];

const fn before_authentication(name: &'static str, arity: i16, handler: Handler) -> Command {
    let flags = Flags::NO_SCRIPT.union(Flags::NO_AUTH).union(Flags::ALLOW_BUSY);
    Command::other(name, arity, handler).with(flags).fast()
}

fn ping(call: &mut Call<'_, '_>) -> Outcome {
    match call.arguments.len() {
        1 | 2 if call.session.is_subscriber() && !call.reply.resp3() => {
            call.reply.array(2);
            call.reply.bulk(b"pong");
            call.reply.bulk(call.arguments.get(1).unwrap_or_default());
        }
        1 => call.reply.pong(),
        2 => call.reply.bulk(call.arguments.at(1)),
        _ => return Err(CommandError::wrong_arity(&call.command.full_name)),
    }
    Ok(())
}

fn echo(call: &mut Call<'_, '_>) -> Outcome {
    call.reply.bulk(call.arguments.at(1));
    Ok(())
}

fn quit(call: &mut Call<'_, '_>) -> Outcome {
    call.session.closing = true;
    call.reply.ok();
    Ok(())
}

fn reset(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.end_attention(call.session);
    let session = &mut *call.session;
    session.database = 0;
    session.authenticated = call.engine.settings.password.read().is_empty();
    if session.reply_mode == ReplyMode::Off {
        session.reply_mode = ReplyMode::On;
    }
    session.no_touch = false;
    let record = &session.record;
    record.database.store(0, Ordering::Relaxed);
    record.no_touch.store(false, Ordering::Relaxed);
    record.no_evict.store(false, Ordering::Relaxed);
    record.names.lock().name.clear();
    set_protocol(call, 2);
    call.reply.simple("RESET");
    Ok(())
}

fn auth(call: &mut Call<'_, '_>) -> Outcome {
    const NO_PASSWORD: CommandError = CommandError::fixed(
        "ERR AUTH <password> called without any password configured for the default user. \
         Are you sure your configuration is correct?",
    );
    let (user, password) = match call.arguments.len() {
        2 if call.engine.settings.password.read().is_empty() => return Err(NO_PASSWORD),
        2 => (DEFAULT_USER, call.arguments.at(1)),
        3 => (call.arguments.at(1), call.arguments.at(2)),
        _ => return Err(CommandError::SYNTAX),
    };
    authenticate(call, user, password)?;
    call.reply.ok();
    Ok(())
}

/// The only user there is; it needs no password while `requirepass` is empty.
pub(super) const DEFAULT_USER: &[u8] = b"default";

fn authenticate(call: &mut Call<'_, '_>, user: &[u8], password: &[u8]) -> Outcome {
    const WRONG: CommandError =
        CommandError::fixed("WRONGPASS invalid username-password pair or user is disabled.");
    let right = {
        let expected = call.engine.settings.password.read();
        // In constant time, so that the time of an answer tells nothing of the password but its length.
        user == DEFAULT_USER && (expected.is_empty() || bool::from(expected.as_slice().ct_eq(password)))
    };
    if !right {
        return Err(WRONG);
    }
    call.session.authenticated = true;
    Ok(())
}

fn hello(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_A_NUMBER: CommandError =
        CommandError::fixed("ERR Protocol version is not an integer or out of range");
    const UNSUPPORTED: CommandError = CommandError::fixed("NOPROTO unsupported protocol version");
    const UNAUTHENTICATED: CommandError = CommandError::fixed(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
         <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
         the same time",
    );
    let protocol =
        match call.arguments.get(1).map(|version| parse_i64(version).ok_or(NOT_A_NUMBER)).transpose()? {
            None => None,
            Some(2) => Some(2),
            Some(3) => Some(3),
            Some(_) => return Err(UNSUPPORTED),
        };
    let mut credentials = None;
    let mut name = None;
    let mut options = call.arguments.from(2);
    while let Some(option) = options.next() {
        if is_word(option, "AUTH")
            && let (Some(user), Some(password)) = (options.next(), options.next())
        {
            credentials = Some((user, password));
        } else if is_word(option, "SETNAME")
            && let Some(value) = options.next()
        {
            check_name(value, b"Client names")?;
            name = Some(value);
        } else {
            return Err(CommandError::repeating("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    if let Some((user, password)) = credentials {
        authenticate(call, user, password)?;
    }
    if !call.session.authenticated {
        return Err(UNAUTHENTICATED);
    }
    if let Some(name) = name {
        call.session.record.names.lock().name = name.to_vec();
    }
    if let Some(protocol) = protocol {
        set_protocol(call, protocol);
    }
    introduce(call);
    Ok(())
}

fn set_protocol(call: &mut Call<'_, '_>, protocol: u8) {
    call.reply.set_resp3(protocol == 3);
    call.session.record.protocol.store(protocol, Ordering::Relaxed);
}

/// Tells the client about the server: the answer to HELLO.
fn introduce(call: &mut Call<'_, '_>) {
    let id = call.session.record.id;
    let protocol = if call.reply.resp3() { 3 } else { 2 };
    let reply = &mut *call.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(protocol);
    reply.bulk(b"id");
    reply.integer(id.cast_signed());
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}
