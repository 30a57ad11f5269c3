//! The server as a process: its clock and its end.

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};
use crate::host::ShutdownOptions;

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::other("SHUTDOWN", -1, shutdown)
        .with(Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::NO_MULTI).union(Flags::ALLOW_BUSY))
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) when saving, where N is the total number of keys in all databases when saving data, \
             otherwise O(1)",
            "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
            "Saves the data set, if it is to be saved, and ends the server.",
        ),
    Command::other("TIME", 1, time).fast().tips(&["nondeterministic_output"]).docs(
        Group::Server,
        "2.6.0",
        "O(1)",
        "",
        "Returns the time of the server's clock.",
    ),
];

fn time(call: &mut Call<'_, '_>) -> Outcome {
    let now_us = || call.engine.host.now_us();
    let now_us = match call.session.runs_script {
        // For a script time stands still.
        true => *call.session.script_time_us.get_or_insert_with(now_us),
        false => now_us(),
    };
    call.reply.array(2);
    call.reply.bulk((now_us / 1_000_000).to_string().as_bytes());
    call.reply.bulk((now_us % 1_000_000).to_string().as_bytes());
    Ok(())
}

fn shutdown(call: &mut Call<'_, '_>) -> Outcome {
    let mut options = ShutdownOptions::default();
    let mut abort = false;
    for option in call.arguments.from(1) {
        let chosen = match option {
            word if is_word(word, "NOSAVE") => &mut options.no_save,
            word if is_word(word, "SAVE") => &mut options.save,
            word if is_word(word, "NOW") => &mut options.now,
            word if is_word(word, "FORCE") => &mut options.force,
            word if is_word(word, "ABORT") => &mut abort,
            _ => return Err(CommandError::SYNTAX),
        };
        *chosen = true;
    }
    if (abort && options != ShutdownOptions::default()) || (options.save && options.no_save) {
        return Err(CommandError::SYNTAX);
    }
    if abort {
        return Err(CommandError::fixed("ERR No shutdown in progress."));
    }
    if call.engine.keyspace.is_busy() && !options.no_save {
        return Err(call.engine.scripts.busy.refusal());
    }
    call.engine.host.shut_down(options).map_err(|reason| CommandError::new(format!("ERR {reason}")))?;
    call.engine.scripts.busy.end_all();
    // The client sees the connection end, and nothing that it has sent behind this command runs.
    call.session.closing = true;
    Ok(())
}
