//! Removing entries from the front, and what becomes of those who still refer to them.

use super::{Stream, StreamId};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So many entries.
    Len(u64),
    /// The entries from this id on.
    From(StreamId),
}

/// What becomes of groups that were delivered an entry which is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They keep it among what is not acknowledged.
    #[default]
    Keep,
    /// They forget it.
    Delete,
    /// The entry stays until all groups have read and acknowledged it.
    Acknowledged,
}

/// What is removed from the front.
#[derive(Clone, Copy, Debug)]
pub struct Trim {
    /// What is kept.
    pub bound: Bound,
    /// Whether only whole blocks are removed, so that somewhat more may be kept.
    pub approximate: bool,
    /// How many entries are removed at most; 0 is no limit.
    pub limit: u64,
    /// What becomes of references.
    pub references: References,
}

impl Stream {
    /// Whether groups refer to the entry, or have still to read it.
    pub fn is_referenced(&self, id: StreamId) -> bool {
        !self.groups.values().all(|group| group.is_done_with(id))
    }

    /// Has every group forget that the entry was delivered.
    pub fn forget_references(&mut self, id: StreamId) {
        for group in self.groups.values_mut() {
            group.acknowledge(id);
        }
    }

    /// Removes entries from the front. Returns how many.
    pub fn trim(&mut self, trim: Trim) -> usize {
        let before = self.len;
        match trim.references {
            References::Keep => self.trim_blocks(trim),
            References::Delete => {
                for id in self.trimmed_ids(trim) {
                    self.remove(id);
                    self.forget_references(id);
                }
            }
            References::Acknowledged => {
                self.trim_acknowledged(trim);
            }
        }
        before - self.len
    }

    /// Removes those entries that all groups are done with from the front, and passes over the others, which therefore
    /// counts as deleting. Returns their ids.
    pub fn trim_acknowledged(&mut self, trim: Trim) -> Vec<StreamId> {
        let mut going = self.trimmed_ids(trim);
        going.retain(|id| !self.is_referenced(*id));
        going.iter().for_each(|id| {
            self.delete(*id);
        });
        going
    }

    /// How many entries of a block that ends with `last` may go: none, if it is not to be removed as a whole.
    fn removes_block(&self, bound: Bound, len: usize, last: StreamId) -> bool {
        match bound {
            Bound::Len(kept) => (self.len - len) as u64 >= kept,
            Bound::From(first) => last < first,
        }
    }

    fn keeps(&self, bound: Bound, first: StreamId) -> bool {
        match bound {
            Bound::Len(kept) => self.len as u64 <= kept,
            Bound::From(from) => first >= from,
        }
    }

    fn trim_blocks(&mut self, Trim { bound, approximate, limit, .. }: Trim) {
        let before = self.len;
        loop {
            let Some((len, last, bytes)) = self
                .full
                .first_key_value()
                .map(|(_, block)| &**block)
                .or(self.tail.as_ref())
                .map(|block| (block.len(), block.last, block.allocated_bytes()))
            else {
                return;
            };
            if limit > 0 && (before - self.len + len) as u64 > limit || !self.removes_block(bound, len, last)
            {
                break;
            }
            if self.full.pop_first().is_none() {
                self.tail = None;
            }
            self.block_bytes -= bytes;
            self.len -= len;
        }
        if approximate {
            return;
        }
        while !self.keeps(bound, self.first_id()) && self.remove_first() {}
    }

    /// Removes the first entry. Says whether there was one.
    fn remove_first(&mut self) -> bool {
        if let Some(mut first) = self.full.first_entry() {
            if first.get_mut().remove_first() {
                self.block_bytes -= first.remove().allocated_bytes();
            }
        } else if let Some(tail) = &mut self.tail {
            if tail.remove_first() {
                self.block_bytes -= tail.allocated_bytes();
                self.tail = None;
            }
        } else {
            return false;
        }
        self.len -= 1;
        true
    }

    /// The ids of the entries that are to go, without regard for references.
    fn trimmed_ids(&self, Trim { bound, approximate, limit, .. }: Trim) -> Vec<StreamId> {
        let most = match bound {
            Bound::Len(kept) => (self.len as u64).saturating_sub(kept),
            Bound::From(_) => u64::MAX,
        };
        let most = if limit > 0 { most.min(limit) } else { most };
        let is_kept = |id: StreamId| matches!(bound, Bound::From(first) if id >= first);
        let mut going = Vec::new();
        for block in self.full.values().map(|block| &**block).chain(self.tail.as_ref()) {
            let passed = going.len() as u64;
            if approximate && (passed + block.len() as u64 > most || is_kept(block.last)) {
                break;
            }
            let room = usize::try_from(most - passed).unwrap_or(usize::MAX);
            let entries = block.entries().map(|entry| entry.id).take_while(|id| !is_kept(*id));
            let before = going.len();
            going.extend(entries.take(room));
            if going.len() - before < block.len() {
                break;
            }
        }
        going
    }
}
