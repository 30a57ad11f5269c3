//! The fields of one big hash: a table of pages, and an index of those fields that have deadlines.
//!
//! The index is exact: it has one item for each field with a deadline and no others, so the earliest deadline is
//! known at any time, and nothing that was changed or removed is left behind.

use std::collections::BTreeSet;

use crate::hash::ElementHasher;
use crate::mover::Mover;
use crate::packed::Element;
use crate::paged::{EntryRef, Fate, Iter, PagedTable, Previous};

/// The elements of an entry: a field and its value.
const STRIDE: usize = 2;

/// A map from fields to values, each with a deadline or without.
#[derive(Clone)]
pub struct FieldMap {
    table: PagedTable,
    by_deadline: Option<Box<DeadlineOrder>>,
}

impl std::fmt::Debug for FieldMap {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FieldMap").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Default for FieldMap {
    fn default() -> Self {
        Self { table: PagedTable::new(STRIDE), by_deadline: None }
    }
}

impl FieldMap {
    /// The fields without their order by deadline.
    #[inline]
    pub(crate) fn table(&self) -> &PagedTable {
        &self.table
    }

    /// Frees the fields in steps, between which it calls `pause`, and leaves the map empty.
    pub(crate) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        /// So many items of the index are freed in a step.
        const STEP: usize = 1024;
        self.table.dismantle(pause);
        let order = self.by_deadline.take();
        for (number, _) in order.into_iter().flat_map(|order| order.items).enumerate() {
            if number % STEP == 0 {
                pause();
            }
        }
    }

    /// Moves what the mover wants of the fields, as [`Collection::relocate`](crate::Collection::relocate) says. Their order by
    /// deadline stays where it is.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        self.table.relocate(position, work_max, mover)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What the map has allocated, in bytes; of the index about so much.
    pub fn memory_bytes(&self) -> usize {
        /// An item of 16 bytes in nodes that are about two thirds full.
        const ITEM_BYTES: usize = 24;
        self.table.memory_bytes() + self.table.deadlines() * ITEM_BYTES
    }

    /// The earliest deadline of a field.
    #[inline]
    pub fn earliest_deadline(&self) -> Option<u64> {
        self.by_deadline.as_ref()?.earliest()
    }

    /// The entry of `field`.
    #[inline]
    pub fn find(&self, field: &[u8]) -> Option<EntryRef<'_>> {
        self.table.find(hash(field), field)
    }

    /// Gives `field` this value and deadline. Returns what was known of it before, if there was such a field.
    #[inline]
    pub fn set(&mut self, field: &[u8], value: Element<'_>, deadline: Option<u64>) -> Option<Previous> {
        let hash = hash(field);
        let before = self.table.insert_or_replace(hash, field, Some(value), deadline);
        self.reorder(hash, before.and_then(|before| before.deadline), deadline);
        before
    }

    /// Gives `field` a deadline, or takes it away. Says whether there is such a field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        let hash = hash(field);
        let Some(before) = self.table.set_deadline(hash, field, deadline) else { return false };
        self.reorder(hash, before.deadline, deadline);
        true
    }

    /// Removes `field`. Returns what was known of it, if there was one.
    pub fn remove(&mut self, field: &[u8]) -> Option<Previous> {
        let hash = hash(field);
        let before = self.table.remove(hash, field)?;
        self.reorder(hash, before.deadline, None);
        Some(before)
    }

    /// Removes up to `most` fields whose deadlines are not after `now`, the earliest first, and calls with each.
    /// Returns how many were removed.
    pub fn expire(&mut self, now: u64, most: usize, removed: &mut dyn FnMut(Element<'_>)) -> usize {
        let mut count = 0;
        while count < most
            && let Some((deadline, hash)) = self.by_deadline.as_mut().and_then(|order| order.pop_until(now))
        {
            // Fields of the same fragment are told apart by their deadlines. If these are the same, too, the item of
            // either stands for either.
            let mut is_done = false;
            self.table.visit_fragment((hash >> 32) as u32, &mut |entry| {
                if is_done || entry.deadline != Some(deadline) || self::hash_of(entry.key) != hash {
                    return Fate::Keep;
                }
                is_done = true;
                removed(entry.key);
                Fate::Remove
            });
            count += usize::from(is_done);
        }
        count
    }

    /// All entries, in no order.
    pub fn iter(&self) -> Iter<'_> {
        self.table.iter()
    }

    /// See [`PagedTable::scan`].
    pub fn scan<'a>(&'a self, position: u64, visit: &mut dyn FnMut(EntryRef<'a>)) -> Option<u64> {
        self.table.scan(position, visit)
    }

    /// See [`PagedTable::sample`].
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<EntryRef<'_>> {
        self.table.sample(random)
    }

    #[inline]
    fn reorder(&mut self, hash: u64, before: Option<u64>, after: Option<u64>) {
        if before == after {
            return;
        }
        let order = self.by_deadline.get_or_insert_default();
        if let Some(before) = before {
            order.remove((before, hash));
        }
        if let Some(after) = after {
            order.insert((after, hash));
        }
    }
}

#[inline]
fn hash(field: &[u8]) -> u64 {
    ElementHasher::get().hash(field)
}

fn hash_of(field: Element<'_>) -> u64 {
    field.with_text(hash)
}

/// A deadline, and the hash of the field that has it.
type Item = (u64, u64);

/// Fields by deadline.
#[derive(Clone, Default)]
struct DeadlineOrder {
    items: BTreeSet<Item>,
    /// Items of fields whose deadline and hash are also those of another field. There are hardly ever any.
    equal: Vec<Item>,
}

impl DeadlineOrder {
    fn earliest(&self) -> Option<u64> {
        // An equal item has a twin in the set.
        self.items.first().map(|(deadline, _)| *deadline)
    }

    fn insert(&mut self, item: Item) {
        if !self.items.insert(item) {
            self.equal.push(item);
        }
    }

    fn remove(&mut self, item: Item) {
        match self.equal.iter().position(|equal| *equal == item) {
            Some(index) => {
                self.equal.swap_remove(index);
            }
            None => {
                self.items.remove(&item);
            }
        }
    }

    fn pop_until(&mut self, now: u64) -> Option<Item> {
        let item = *self.items.first().filter(|(deadline, _)| *deadline <= now)?;
        self.remove(item);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Set(u8, Option<u64>),
        SetDeadline(u8, Option<u64>),
        Remove(u8),
        Expire(u64, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let deadline = || prop::option::of(1u64..20);
        prop_oneof![
            4 => (any::<u8>(), deadline()).prop_map(|(field, deadline)| Step::Set(field, deadline)),
            3 => (any::<u8>(), deadline()).prop_map(|(field, deadline)| Step::SetDeadline(field, deadline)),
            2 => any::<u8>().prop_map(Step::Remove),
            1 => (0u64..20, 0usize..6).prop_map(|(now, most)| Step::Expire(now, most)),
        ]
    }

    fn text(field: u8) -> Vec<u8> {
        format!("field{}", field % 40).into_bytes()
    }

    proptest! {
        #[test]
        fn fields_expire_in_order_as_a_naive_map_says(steps in prop::collection::vec(step(), 0..300)) {
            let mut map = FieldMap::default();
            let mut naive: BTreeMap<Vec<u8>, Option<u64>> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Set(field, deadline) => {
                        map.set(&text(field), Element::Integer(7), deadline);
                        naive.insert(text(field), deadline);
                    }
                    Step::SetDeadline(field, deadline) => {
                        let found = naive.get_mut(&text(field)).map(|own| *own = deadline).is_some();
                        prop_assert_eq!(map.set_deadline(&text(field), deadline), found);
                    }
                    Step::Remove(field) => {
                        let before = map.remove(&text(field)).map(|before| before.deadline);
                        prop_assert_eq!(before, naive.remove(&text(field)));
                    }
                    Step::Expire(now, most) => {
                        let due = naive.values().flatten().filter(|deadline| **deadline <= now).count();
                        let mut removed = Vec::new();
                        let count = map.expire(now, most, &mut |field| removed.push(field.to_cow().into_owned()));
                        prop_assert_eq!(count, due.min(most));
                        let of_removed: Vec<_> = removed.iter().map(|field| naive.remove(field).flatten()).collect();
                        prop_assert!(of_removed.is_sorted() && of_removed.iter().all(Option::is_some));
                        let left = naive.values().flatten().min().copied();
                        prop_assert!(left.is_none_or(|left| Some(left) >= of_removed.last().copied().flatten()));
                    }
                }
                prop_assert_eq!(map.earliest_deadline(), naive.values().flatten().min().copied());
                prop_assert_eq!(map.len(), naive.len());
            }
            let own: BTreeMap<_, _> =
                map.clone().iter().map(|entry| (entry.key.to_cow().into_owned(), entry.deadline)).collect();
            prop_assert_eq!(own, naive);
        }
    }

    #[test]
    fn items_that_are_equal_are_kept_apart() {
        let mut order = DeadlineOrder::default();
        order.insert((5, 1));
        order.insert((5, 1));
        order.remove((5, 1));
        assert_eq!(order.earliest(), Some(5));
        assert_eq!(order.pop_until(5), Some((5, 1)));
        assert_eq!(order.pop_until(5), None);
    }
}
