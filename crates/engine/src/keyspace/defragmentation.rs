//! Moving entries and values to where they leave fewer gaps in memory: one shard after another, for some tens of
//! microseconds under one hold of its lock.
//!
//! Nothing that commands, files or snapshots see changes: an address is known to nobody but the table.

use nuthatch_collections::mover::Mover;

use super::{Keyspace, ShardState};

/// What is done under one hold of a lock, in looks at an allocation.
const WORK_MAX: usize = 64;

/// Buckets that are passed under one hold of a lock.
const BUCKETS_MAX: usize = 256;

/// How far a shard was gone through. The first is the default.
#[derive(Debug)]
pub struct Cursor {
    /// The database's place in the shard.
    place: usize,
    /// The position in its hash space; `None` at the end, where values of many elements may be left.
    position: Option<u64>,
    /// Values of many elements that are gone through next, by the upper halves of their keys' hashes.
    big: Vec<u32>,
    /// How far the last of them was gone through.
    part: u128,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { place: 0, position: Some(0), big: Vec::new(), part: 0 }
    }
}

/// What was done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Defragmented {
    /// Allocations that were moved.
    pub moved: u64,
    /// Allocations that were looked at and left where they are.
    pub kept: u64,
    /// Keys of which anything was moved.
    pub keys_moved: u64,
    /// Keys of which nothing was.
    pub keys_kept: u64,
}

impl Defragmented {
    /// Adds what was done at another time.
    pub fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.kept += other.kept;
        self.keys_moved += other.keys_moved;
        self.keys_kept += other.keys_kept;
    }
}

impl Keyspace {
    /// Goes on with a shard for one hold of its lock, and moves what the mover, which is new, wants. Values of very many elements
    /// are moved in several such steps. Says what was done, and whether the shard was gone through to its end, where the cursor
    /// is the first again; nothing while somebody else has the shard.
    pub fn defragment_step(
        &self,
        shard: usize,
        cursor: &mut Cursor,
        mut mover: Mover<'_>,
    ) -> Option<(Defragmented, bool)> {
        let mut done = Defragmented::default();
        let mut state = self.shards[shard].state.try_lock()?;
        let mut buckets = 0;
        let mut is_over = false;
        while !is_over && mover.work < WORK_MAX && buckets < BUCKETS_MAX {
            buckets += 1;
            is_over = !cursor.go_on(&mut state, &mut mover, &mut done);
        }
        (done.moved, done.kept) = (mover.moved, mover.kept);
        Some((done, is_over))
    }
}

impl Cursor {
    /// Goes on for a bucket, or for a part of a big value. Says whether that was not the end.
    fn go_on(&mut self, state: &mut ShardState, mover: &mut Mover<'_>, done: &mut Defragmented) -> bool {
        let Some(database) = state.databases.get_mut(self.place) else {
            *self = Self::default();
            return false;
        };
        if let Some(fragment) = self.big.last() {
            let mut next: Option<u128> = None;
            let moved = mover.moved;
            database.table.visit_fragment(*fragment, &mut |mut slot| {
                let Some(collection) = slot.collection_mut() else { return };
                // Should two have the same fragment, the second comes when the first is over.
                if next.is_none() {
                    next = collection.relocate(self.part, WORK_MAX, mover);
                }
            });
            // The key itself was counted as one of which nothing was moved.
            if mover.moved > moved && self.part == 0 {
                done.keys_moved += 1;
            }
            self.part = next.unwrap_or_else(|| {
                self.big.pop();
                0
            });
            return true;
        }
        let Some(position) = self.position else {
            (self.place, self.position) = (self.place + 1, Some(0));
            return true;
        };
        let big = &mut self.big;
        self.position =
            database.table.relocate(position, mover, &mut |fragment| big.push(fragment), &mut |is_moved| {
                done.keys_moved += u64::from(is_moved);
                done.keys_kept += u64::from(!is_moved);
            });
        true
    }
}
