//! Transactions: queued commands that run as one, if the watched keys have not changed.

use std::sync::atomic::Ordering;

use crate::call::Call;
use crate::command::{Command, Flags, Group, Handler, InTransaction, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    at_once("DISCARD", 1, discard).with(Flags::ALLOW_BUSY).fast().docs(
        Group::Transactions,
        "2.0.0",
        "O(N), when N is the number of queued commands",
        "",
        "Forgets the commands that are queued.",
    ),
    at_once("EXEC", 1, execute).in_transaction(InTransaction::Executes).with(Flags::SKIP_SLOWLOG).docs(
        Group::Transactions,
        "1.2.0",
        "Depends on commands in the transaction",
        "",
        "Runs the commands that are queued as one.",
    ),
    at_once("MULTI", 1, begin).with(Flags::ALLOW_BUSY).fast().docs(
        Group::Transactions,
        "1.2.0",
        "O(1)",
        "",
        "Begins to queue commands.",
    ),
    Command::other("UNWATCH", 1, unwatch).with(Flags::NO_SCRIPT.union(Flags::ALLOW_BUSY)).fast().docs(
        Group::Transactions,
        "2.2.0",
        "O(1)",
        "",
        "Forgets the watched keys.",
    ),
    Command::other("WATCH", -2, watch)
        .keys(&[KeySpec::rest(1, 1, KeyFlags::RO)])
        .in_transaction(InTransaction::RunsAtOnce)
        .with(Flags::NO_SCRIPT.union(Flags::ALLOW_BUSY))
        .fast()
        .docs(
            Group::Transactions,
            "2.2.0",
            "O(1) for every key.",
            "key [key ...]",
            "Has the next transaction run only if these keys do not change before.",
        ),
];

const fn at_once(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler).with(Flags::NO_SCRIPT).in_transaction(InTransaction::RunsAtOnce)
}

fn begin(call: &mut Call<'_, '_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(CommandError::fixed("ERR MULTI calls can not be nested"));
    }
    call.session.transaction = Some(Box::default());
    call.session.record.queued.store(0, Ordering::Relaxed);
    call.reply.ok();
    Ok(())
}

/// EXEC when nothing was begun: the dispatcher runs transactions itself.
fn execute(_: &mut Call<'_, '_>) -> Outcome {
    Err(CommandError::fixed("ERR EXEC without MULTI"))
}

fn discard(call: &mut Call<'_, '_>) -> Outcome {
    if call.session.transaction.is_none() {
        return Err(CommandError::fixed("ERR DISCARD without MULTI"));
    }
    call.engine.end_transaction(call.session);
    call.reply.ok();
    Ok(())
}

fn watch(call: &mut Call<'_, '_>) -> Outcome {
    if call.session.transaction.is_some() {
        return Err(CommandError::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    let watch = call.session.record.watch.clone();
    if call.session.watched.is_none() {
        // What it has watched before may have been forgotten later than it asked for.
        watch.mend();
    }
    let mut watched = call.session.watched.take().unwrap_or_default();
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        // Once broken is enough, whatever else is watched.
        if !watch.is_broken() && watched.add(&key) {
            call.keys.watch(&key, &watch);
        }
    }
    let count = u32::try_from(watched.len()).unwrap_or(u32::MAX);
    call.session.record.watched.store(count, Ordering::Relaxed);
    call.session.record.watched_bytes.store(watched.memory() as u64, Ordering::Relaxed);
    call.session.watched = Some(watched);
    call.reply.ok();
    Ok(())
}

fn unwatch(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.unwatch(call.session);
    call.reply.ok();
    Ok(())
}
