//! What a thread has appended for the command that it runs, until the command is done.

use std::cell::RefCell;

use nuthatch_engine::effect::{Change, Effect};
use nuthatch_engine::propagation;

/// Buffers above this are given back, in bytes.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

thread_local! {
    static UNIT: RefCell<Unit> = RefCell::default();
}

/// The effects of one command, or of a transaction or script, as commands.
#[derive(Debug, Default)]
struct Unit {
    bytes: Vec<u8>,
    commands: usize,
    /// Those of them that flush databases, each the one with the next number.
    flushes: u32,
    first_database: u32,
    database: u32,
    /// How many brackets are open that keep together what is within.
    depth: u32,
    /// How many units this thread has completed.
    completed: u64,
}

/// A unit that is complete.
pub(super) struct Complete<'u> {
    pub(super) bytes: &'u [u8],
    pub(super) commands: usize,
    /// The database that is to be selected before, and that which is selected then.
    pub(super) databases: (u32, u32),
    /// Whether it flushes so many databases from the first on, and does nothing else.
    pub(super) flushes: Option<u32>,
}

/// Appends an effect.
pub(super) fn append(effect: &Effect<'_>) {
    UNIT.with_borrow_mut(|unit| {
        let start = unit.bytes.len();
        if unit.commands > 0 && unit.database != effect.database {
            propagation::select(effect.database, &mut unit.bytes);
        }
        let commands = propagation::encode(effect, &mut unit.bytes);
        if commands == 0 {
            unit.bytes.truncate(start);
            return;
        }
        if unit.commands == 0 {
            unit.first_database = effect.database;
        }
        let flushes_next = matches!(effect.change, Change::Flush)
            && unit.commands == unit.flushes as usize
            && effect.database == unit.flushes;
        unit.flushes += u32::from(flushes_next);
        unit.database = effect.database;
        unit.commands += commands;
    });
}

/// Keeps together what follows.
pub(super) fn begin() {
    UNIT.with_borrow_mut(|unit| unit.depth += 1);
}

/// Ends what [`begin`] began.
pub(super) fn end() {
    UNIT.with_borrow_mut(|unit| unit.depth = unit.depth.saturating_sub(1));
}

/// Gives out what was appended, if there is any and it is complete.
pub(super) fn complete(take: impl FnOnce(Complete<'_>)) {
    UNIT.with_borrow_mut(|unit| {
        if unit.depth > 0 || unit.commands == 0 {
            return;
        }
        let is_flush = unit.flushes as usize == unit.commands;
        take(Complete {
            bytes: &unit.bytes,
            commands: unit.commands,
            databases: (unit.first_database, unit.database),
            flushes: is_flush.then_some(unit.flushes),
        });
        unit.completed += 1;
        unit.commands = 0;
        unit.flushes = 0;
        unit.bytes.clear();
        if unit.bytes.capacity() > KEPT_BYTES_MAX {
            unit.bytes = Vec::new();
        }
    });
}

/// How many units the calling thread has completed.
pub(crate) fn completed() -> u64 {
    UNIT.with_borrow(|unit| unit.completed)
}
