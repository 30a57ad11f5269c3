//! Entries in the order in which they were added, with groups of those who read them.
//!
//! The entries are in *blocks* (`block.rs`), byte strings of about a hundred entries each, ordered by the ids that they begin
//! with. The last block, to which entries are added, is kept apart. So adding an entry takes constant time, removing
//! entries from the front takes constant time for each block or entry, and anything else takes a search for the block
//! and a walk through it.

mod block;
mod group;
mod id;
mod lag;
mod relocate;
#[cfg(test)]
mod tests;
mod trim;
mod varint;
mod walk;

use std::collections::BTreeMap;

use block::Block;

pub use block::{Elements, Run, StreamEntry};
pub use group::{Consumer, ConsumerId, Group, Pending};
pub use id::{IdText, StreamId};
pub use trim::{Bound, References, Trim};
pub use walk::{Range, RangeBack};

/// Up to which size a block takes further entries; 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// Entries.
    pub entries_max: usize,
    /// Bytes.
    pub bytes_max: usize,
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The last block, if there are any.
    tail: Option<Block>,
    /// All other blocks by their first ids. None is empty.
    full: BTreeMap<StreamId, Box<Block>>,
    len: usize,
    /// Memory of the blocks' bytes.
    block_bytes: usize,
    /// The greatest id that was ever given, or that was set.
    pub last_id: StreamId,
    /// The greatest id of an entry that was deleted, or that was set.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added, or what was set.
    pub entries_added: u64,
    /// The groups by their names.
    pub groups: BTreeMap<Box<[u8]>, Group>,
}

impl Stream {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many blocks there are.
    pub fn blocks_len(&self) -> usize {
        self.full.len() + usize::from(self.tail.is_some())
    }

    /// Adds an entry of these names and values in turn, whose id must be greater than [`last_id`](Self::last_id).
    #[inline]
    pub fn append<'e>(
        &mut self,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
        limits: BlockLimits,
    ) {
        debug_assert!(self.is_empty() || id > self.last_id, "ids ascend");
        self.restore(id, fields.clone().step_by(2), fields, limits);
        self.last_id = id;
        self.entries_added = self.entries_added.wrapping_add(1);
    }

    /// Puts an entry behind all others as one that had been added before. Its id must be greater than all others. If it
    /// begins a block, `names` are those that most of the entries there are going to have.
    pub fn restore<'e>(
        &mut self,
        id: StreamId,
        names: impl Iterator<Item = &'e [u8]>,
        fields: impl ExactSizeIterator<Item = &'e [u8]> + Clone,
        limits: BlockLimits,
    ) {
        if self.tail.as_ref().is_some_and(|tail| tail.is_full(limits.entries_max, limits.bytes_max)) {
            self.close_block();
        }
        let tail = match &mut self.tail {
            Some(tail) => tail,
            None => {
                let tail = self.tail.insert(Block::new(id, names));
                self.block_bytes += tail.allocated_bytes();
                tail
            }
        };
        let before = tail.allocated_bytes();
        tail.push(id, fields);
        self.block_bytes += tail.allocated_bytes() - before;
        self.len += 1;
    }

    /// Has the next entry begin a block of its own.
    pub fn close_block(&mut self) {
        if let Some(mut tail) = self.tail.take() {
            self.block_bytes -= tail.allocated_bytes();
            tail.shrink();
            self.block_bytes += tail.allocated_bytes();
            self.full.insert(tail.base, Box::new(tail));
        }
    }

    /// The first entry.
    pub fn first(&self) -> Option<StreamEntry<'_>> {
        let block = self.full.first_key_value().map(|(_, block)| &**block).or(self.tail.as_ref());
        block.and_then(|block| block.entries().next())
    }

    /// The last entry.
    pub fn last(&self) -> Option<StreamEntry<'_>> {
        self.range_back(StreamId::MIN, StreamId::MAX).next()
    }

    /// The id of the first entry, or the least if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first().map_or(StreamId::MIN, |entry| entry.id)
    }

    /// The entry of this id.
    #[inline]
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        self.range(id, id).next()
    }

    /// Deletes an entry. Says whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let removed = self.remove(id);
        if removed {
            self.max_deleted_id = self.max_deleted_id.max(id);
        }
        removed
    }

    /// Takes an entry out without a note that it was deleted.
    fn remove(&mut self, id: StreamId) -> bool {
        match &mut self.tail {
            Some(tail) if tail.base <= id => {
                if !tail.remove(id) {
                    return false;
                }
                if tail.len() == 0 {
                    self.block_bytes -= tail.allocated_bytes();
                    // The block before takes further entries if it is not full.
                    self.tail = self.full.pop_last().map(|(_, block)| *block);
                }
            }
            _ => {
                let Some((base, block)) = self.full.range_mut(..=id).next_back() else { return false };
                if !block.remove(id) {
                    return false;
                }
                if block.len() == 0 {
                    let base = *base;
                    self.block_bytes -= block.allocated_bytes();
                    self.full.remove(&base);
                }
            }
        }
        self.len -= 1;
        true
    }

    /// The memory behind the stream in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        /// A block with its place in the ordered map, whose nodes are more than half full.
        const BLOCK_BYTES: usize = size_of::<Block>() + 2 * size_of::<(StreamId, Box<Block>)>();
        let groups = self
            .groups
            .iter()
            .map(|(name, group)| name.len() + 2 * size_of::<(Box<[u8]>, Group)>() + group.memory_bytes());
        self.block_bytes + self.full.len() * BLOCK_BYTES + groups.sum::<usize>()
    }

    /// Frees the entries and groups in steps of some microseconds, between which it calls `pause`, and leaves the stream
    /// empty.
    pub fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        const STEP: usize = 64;
        while (0..STEP).all(|_| self.full.pop_first().is_some()) {
            pause();
        }
        for (_, mut group) in std::mem::take(&mut self.groups) {
            group.dismantle(pause);
        }
        *self = Self::default();
    }
}
