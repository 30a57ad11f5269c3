//! MONITOR: seeing what all clients do.

use std::sync::atomic::Ordering;

use crate::call::Call;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[Command::other("MONITOR", 1, monitor)
    .with(Flags::ADMIN.union(Flags::NO_SCRIPT))
    .docs(Group::Server, "1.0.0", "", "", "Shows all commands as they are run.")];

fn monitor(call: &mut Call<'_, '_>) -> Outcome {
    if call.session.is_executing {
        return Err(CommandError::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if !call.session.is_monitor {
        call.session.is_monitor = true;
        call.session.record.monitors.store(true, Ordering::Relaxed);
        call.engine.keyspace.messages.monitors.add(&call.session.record.inbox);
        call.reply.ok();
    }
    Ok(())
}
