//! One level of the wheel: a ring of slots of the same width.

use std::array;

use super::list::List;

/// The slots that make one slot of the next level, as a power of two.
pub(super) const PERIOD_BITS: u32 = 8;
/// Two periods: the one that is running and the next, into which the level above is emptied meanwhile.
pub(super) const SLOTS: usize = 2 << PERIOD_BITS;

/// A ring of slots. A slot is named by its number since the beginning of time; the numbers in use at any time lie
/// within less than one turn.
pub(super) struct Level {
    slots: [List; SLOTS],
    /// One bit for each slot: clear only if the slot is empty.
    occupied: [u64; SLOTS / 64],
}

fn index(number: u64) -> usize {
    (number % SLOTS as u64) as usize
}

impl Level {
    pub(super) fn new_boxed() -> Box<Level> {
        Box::new(Level { slots: array::from_fn(|_| List::default()), occupied: [0; SLOTS / 64] })
    }

    pub(super) fn push(&mut self, number: u64, fragment: u32) {
        let index = index(number);
        self.slots[index].push(fragment);
        self.occupied[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn pop(&mut self, number: u64) -> Option<u32> {
        self.slots[index(number)].pop()
    }

    /// How many items are in a slot.
    pub(super) fn len(&self, number: u64) -> usize {
        self.slots[index(number)].len()
    }

    /// Takes the content of a slot, which still counts as occupied.
    pub(super) fn take(&mut self, number: u64) -> List {
        std::mem::take(&mut self.slots[index(number)])
    }

    /// Notes that a slot is empty.
    pub(super) fn vacate(&mut self, number: u64) {
        let index = index(number);
        self.occupied[index / 64] &= !(1 << (index % 64));
    }

    /// The first occupied slot from `number` on, within one turn.
    pub(super) fn first_occupied(&self, number: u64) -> Option<u64> {
        let start = index(number);
        let words = self.occupied.len();
        // The word in which the search begins is also its last, for the bits before the start.
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let from_start = u64::MAX << (start % 64);
            let bits = match step {
                0 => self.occupied[word] & from_start,
                _ if step == words => self.occupied[word] & !from_start,
                _ => self.occupied[word],
            };
            (bits != 0).then(|| {
                let found = word * 64 + bits.trailing_zeros() as usize;
                number + ((found + SLOTS - start) % SLOTS) as u64
            })
        })
    }

    /// The lists with content.
    pub(super) fn lists(&self) -> impl Iterator<Item = &List> {
        let slots = (0..SLOTS).filter(|index| self.occupied[index / 64] >> (index % 64) & 1 != 0);
        slots.map(|index| &self.slots[index])
    }

    /// All lists with content.
    pub(super) fn into_lists(self) -> impl Iterator<Item = List> {
        self.slots.into_iter().filter(|list| !list.is_empty())
    }
}
