//! Whether a request may run: is it known, complete and allowed?

use super::{Batch, monitor, script};
use crate::Engine;
use crate::arguments::{Arguments, is_word};
use crate::command::{Flags, InTransaction};
use crate::commands::container::{printed, unknown_subcommand};
use crate::error::CommandError;
use crate::session::Session;
use crate::table::Registered;

/// Whether the request is a line of HTTP, which a browser can be made to send to this port: what follows may
/// look like commands.
#[cold]
pub(super) fn is_web_request(arguments: &Arguments<'_>) -> bool {
    arguments.get(0).is_some_and(|name| is_word(name, "POST") || is_word(name, "HOST:"))
}

impl Batch<'_> {
    /// The command that a request may run, or why it may not.
    #[cold]
    pub(super) fn admit(
        &self,
        engine: &Engine,
        session: &Session,
        arguments: &Arguments<'_>,
        command: Option<&'static Registered>,
        resp3: bool,
    ) -> Result<&'static Registered, CommandError> {
        let command = command.ok_or_else(|| unknown_command(engine, arguments))?;
        if !command.row.accepts(arguments.len()) {
            return Err(CommandError::wrong_arity(&command.full_name));
        }
        if !session.authenticated && !command.row.flags.contains(Flags::NO_AUTH) {
            return Err(CommandError::fixed("NOAUTH Authentication required."));
        }
        if session.transaction.is_some() && command.row.flags.contains(Flags::NO_MULTI) {
            return Err(CommandError::fixed("ERR Command not allowed inside a transaction"));
        }
        let flags = || flags_of(session, command).union(script::flags_of_request(engine, command, arguments));
        if self.lacks_memory && flags().contains(Flags::DENY_OOM) {
            return Err(CommandError::OUT_OF_MEMORY);
        }
        if engine.persistence.refuses_writes() && is_refused_while_failing(session, command) {
            return Err(engine.persistence.refusal());
        }
        if session.is_subscriber() && !resp3 && !command.row.for_subscribers {
            return Err(CommandError::new(format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
             context",
                command.full_name
            )));
        }
        if session.is_monitor && command.row.flags.intersects(KEY_COMMANDS) {
            return Err(CommandError::fixed("ERR Replica can't interact with the keyspace"));
        }
        if engine.persistence.loading.is_active() && !command.row.flags.contains(Flags::LOADING) {
            return Err(CommandError::LOADING);
        }
        if engine.keyspace.is_busy() && !command.row.flags.contains(Flags::ALLOW_BUSY) {
            return Err(engine.scripts.busy.refusal());
        }
        Ok(command)
    }
}

/// Whether a command may not run while what is written cannot be kept. PING tells so to those who look after the server.
fn is_refused_while_failing(session: &Session, command: &Registered) -> bool {
    flags_of(session, command).contains(Flags::WRITE) || command.full_name == "ping"
}

/// The flags of a command, and of those that it runs which the client has queued.
pub(super) fn flags_of(session: &Session, command: &Registered) -> Flags {
    let queued = match command.row.in_transaction {
        InTransaction::Executes => session.transaction.as_ref().map(|queued| queued.flags),
        _ => None,
    };
    command.row.flags.union(queued.unwrap_or_default())
}

/// Commands that a client may not run which sees all commands.
const KEY_COMMANDS: Flags = Flags::WRITE.union(Flags::READONLY).union(Flags::MAY_REPLICATE);

/// What a refusal does to the client's transaction, and the error that it answers.
#[cold]
pub(super) fn refuse(
    engine: &Engine,
    session: &mut Session,
    arguments: &Arguments<'_>,
    command: Option<&'static Registered>,
    error: CommandError,
) -> CommandError {
    let Some(command) = command.filter(|command| command.row.in_transaction == InTransaction::Executes)
    else {
        session.transaction.iter_mut().for_each(|transaction| transaction.is_aborted = true);
        return error;
    };
    monitor::show(engine, session, command, arguments);
    engine.end_transaction(session);
    let reason = error.text();
    let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
    CommandError::new([b"EXECABORT Transaction discarded because of: ", reason].concat())
}

fn unknown_command(engine: &Engine, arguments: &Arguments<'_>) -> CommandError {
    /// How much of the request the error repeats.
    const SHOWN_BYTES_MAX: usize = 128;
    let name = arguments.get(0).unwrap_or_default();
    if let (Some(container), Some(subcommand)) = (engine.commands.find(name), arguments.get(1)) {
        return unknown_subcommand(container.row.name, subcommand);
    }
    let shown = |argument: &[u8], room: usize| {
        let argument = printed(argument);
        argument[..argument.len().min(room)].to_vec()
    };
    let mut list = Vec::new();
    for argument in arguments.from(1) {
        if list.len() >= SHOWN_BYTES_MAX {
            break;
        }
        list.extend([b"'", shown(argument, SHOWN_BYTES_MAX - list.len()).as_slice(), b"' "].concat());
    }
    let name = shown(name, SHOWN_BYTES_MAX);
    CommandError::new([b"ERR unknown command '", &name[..], b"', with args beginning with: ", &list].concat())
}
