//! How far a group is behind: how many entries were ever added up to an id.

use super::{Group, Stream, StreamId};

impl Stream {
    /// Whether an entry between the two ids may have been deleted.
    pub fn may_have_gaps(&self, first: StreamId, last: StreamId) -> bool {
        if self.is_empty() || self.max_deleted_id == StreamId::MIN {
            return false;
        }
        (first..=last).contains(&self.max_deleted_id)
    }

    /// How many entries were ever added up to this id, if that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.is_empty() && id < self.last_id {
            return Some(self.entries_added);
        }
        // Without a gap before the end, what is behind it is nothing.
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id {
            return None;
        }
        let first = self.first_id();
        if self.max_deleted_id == StreamId::MIN || self.max_deleted_id < first {
            let before = self.entries_added.wrapping_sub(self.len as u64);
            if id < first {
                return Some(before);
            }
            if id == first {
                return Some(before.wrapping_add(1));
            }
        }
        None
    }

    /// How many entries the group has still to read, if that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let behind = |read: u64| self.entries_added.wrapping_sub(read) as i64;
        if self.is_empty() {
            return Some(0);
        }
        let first = self.first_id();
        if group.last_id < first && self.max_deleted_id < first {
            return Some(self.len as i64);
        }
        match group.entries_read {
            Some(read) if !self.may_have_gaps(group.last_id, StreamId::MAX) => Some(behind(read)),
            _ => self.entries_up_to(group.last_id).map(behind),
        }
    }

    /// The count of entries that a group has read when it has read this one, too, after so many up to its last one.
    pub fn entries_read_after(
        &self,
        last_id: StreamId,
        entries_read: Option<u64>,
        id: StreamId,
    ) -> Option<u64> {
        match entries_read {
            Some(read) if !self.may_have_gaps(last_id, StreamId::MAX) && last_id >= self.first_id() => {
                Some(read.wrapping_add(1))
            }
            _ if self.entries_added > 0 => self.entries_up_to(id),
            known => known,
        }
    }
}
