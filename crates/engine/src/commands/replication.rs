//! Waiting until the disk and others have what was written. There are no replicas here yet, so of these nobody ever does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use crate::blocking::{BlockedClient, Take};
use crate::call::Call;
use crate::categories::Categories;
use crate::clients::Unblock;
use crate::command::{Command, Flags, Group, Handler};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::persistence::Waiting;

use super::blocking::{deadline_of_milliseconds, wait};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    waiting("WAIT", 3, wait_for_replicas).docs(
        Group::Generic,
        "3.0.0",
        "O(1)",
        "numreplicas timeout",
        "Waits until so many replicas have what the client has written.",
    ),
    waiting("WAITAOF", 4, wait_for_files).docs(
        Group::Generic,
        "7.2.0",
        "O(1)",
        "numlocal numreplicas timeout",
        "Waits until what the client has written is in the append-only files of this server and of replicas.",
    ),
];

const fn waiting(name: &'static str, arity: i16, handler: Handler) -> Command {
    Command::other(name, arity, handler)
        .without(Flags::LOADING.union(Flags::STALE))
        .with(Flags::BLOCKING)
        .instead_in(Categories::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
}

/// A wait for what never comes.
#[derive(Debug)]
struct InVain {
    nothing: fn(&mut Reply),
}

impl Take for InVain {
    fn can_take(&self, _: &Keys<'_>, _: &Key<'_>) -> bool {
        false
    }

    fn take(&self, _: &mut Keys<'_>, _: &[Key<'_>], _: &mut Reply) -> Result<bool, CommandError> {
        Ok(false)
    }

    fn nothing(&self, reply: &mut Reply) {
        (self.nothing)(reply);
    }
}

/// A wait for what was appended to the append-only file before a position.
#[derive(Debug)]
struct OnDisk {
    /// Up to where all is on the disk.
    synced: Arc<AtomicU64>,
    position: u64,
}

impl OnDisk {
    fn is_over(&self) -> bool {
        self.synced.load(Ordering::Acquire) >= self.position
    }
}

impl Take for OnDisk {
    fn can_take(&self, _: &Keys<'_>, _: &Key<'_>) -> bool {
        false
    }

    fn take(&self, _: &mut Keys<'_>, _: &[Key<'_>], _: &mut Reply) -> Result<bool, CommandError> {
        Ok(false)
    }

    fn nothing(&self, reply: &mut Reply) {
        reply.array(2);
        reply.integer(i64::from(self.is_over()));
        reply.integer(0);
    }
}

/// A client that is to be told when it is there.
#[derive(Debug)]
struct Sleeper(Arc<BlockedClient>);

impl Waiting for Sleeper {
    fn end(&self) {
        self.0.unblock(false);
    }
}

fn wait_for_replicas(call: &mut Call<'_, '_>) -> Outcome {
    let deadline_ms = deadline_of_milliseconds(call.arguments.at(2), call.now_ms());
    let replicas = parse_i64(call.arguments.at(1)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let deadline_ms = deadline_ms?;
    let nothing = |reply: &mut Reply| reply.integer(0);
    if replicas <= 0 {
        nothing(call.reply);
        return Ok(());
    }
    wait(call, &[], deadline_ms, InVain { nothing });
    Ok(())
}

fn wait_for_files(call: &mut Call<'_, '_>) -> Outcome {
    const LOCAL: CommandError = CommandError::fixed("ERR value is out of range, value must between 0 and 1");
    const NEGATIVE: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    const NO_FILE: CommandError =
        CommandError::fixed("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    let local = parse_i64(call.arguments.at(1)).ok_or(CommandError::NOT_AN_INTEGER)?;
    if !(0..=1).contains(&local) {
        return Err(LOCAL);
    }
    let replicas = parse_i64(call.arguments.at(2)).filter(|replicas| *replicas >= 0).ok_or(NEGATIVE)?;
    let deadline_ms = deadline_of_milliseconds(call.arguments.at(3), call.now_ms())?;
    let log = &call.engine.persistence.log;
    if local > 0 && !log.is_enabled() {
        return Err(NO_FILE);
    }
    // Nothing is ever on the disk that is not written to a file.
    let position = if log.is_enabled() { log.appended.load(Ordering::Acquire) } else { u64::MAX };
    let on_disk = OnDisk { synced: log.synced.clone(), position };
    if replicas == 0 && (local == 0 || on_disk.is_over()) {
        on_disk.nothing(call.reply);
        return Ok(());
    }
    wait(call, &[], deadline_ms, on_disk);
    if let Some(blocked) = &call.session.blocked
        && replicas == 0
    {
        log.wait_for(position, Arc::new(Sleeper(blocked.clone())));
    }
    Ok(())
}
