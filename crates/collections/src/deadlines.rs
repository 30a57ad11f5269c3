//! An index of keys by deadline: a hierarchical timing wheel that stores four bytes for each key, the upper half
//! of its hash, called its fragment.
//!
//! Level 0 has slots of 64 ms; each further level has slots 256 times as wide. A slot of a coarse level is emptied
//! into the level below while the slot before it is running, a few items at a time, so that any number of keys in
//! it are neither late nor a pause.
//!
//! # The caller's part
//!
//! The wheel knows neither tables nor exact deadlines: when a slot is reached, the caller looks up the entries
//! with the fragment and decides. Each entry carries one mark bit, which says "an item for this entry may be in a
//! slot before its deadline". With it, a deadline can be put off without touching the wheel.
//!
//! * An entry that gets a deadline, or an earlier one than before: [`insert`](Deadlines::insert) it.
//! * An entry whose deadline is put off: set its mark.
//! * An entry that is removed or loses its deadline: nothing. The item is dropped when its slot is reached.
//! * When [`advance`](Deadlines::advance) visits a fragment: remove the entries with that fragment whose deadline
//!   has passed. Among the others, those with a mark and those with a deadline in the slot's range are the
//!   candidates. Return the earliest deadline of these and clear that entry's mark; set the mark of the other
//!   candidates. Without a candidate return `None`.
//! * When [`sweep`](Deadlines::sweep) asks whether to keep a fragment: yes, if an entry has that fragment and a
//!   mark or a deadline in the slot's range.
//!
//! So one item may stand for several entries that happen to share a fragment, and a visit never makes two items
//! out of one.

mod level;
mod list;
#[cfg(test)]
mod tests;

use std::ops::Range;

use level::{Level, PERIOD_BITS, SLOTS};
use list::{CHUNK_BYTES, CHUNK_LEN, List};

/// The width of a slot of level 0, as a power of two in milliseconds.
const TICK_BITS: u32 = 6;
/// As many as cover all 64 bits of a deadline.
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(PERIOD_BITS) as usize;
/// The clock may go back by so many ticks, about half a second, before everything is put in order anew.
const BACKWARD_TICKS_MAX: u64 = 8;
/// The most cells of the filter that finds repeated fragments.
const FILTER_MAX: usize = 1 << 20;
const FILTER_MIN: usize = 64;

/// What a call of [`Deadlines::advance`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many items were visited.
    pub visited: usize,
    /// Whether there is more to do at the same time: call again soon.
    pub more_due: bool,
}

/// A slot of the wheel, by its number since the beginning of time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    level: usize,
    number: u64,
}

impl Slot {
    fn of(level: usize, tick: u64) -> Slot {
        Slot { level, number: tick >> Slot::bits(level) }
    }

    /// The width of a level's slots, as a power of two in ticks.
    fn bits(level: usize) -> u32 {
        level as u32 * PERIOD_BITS
    }

    /// The tick at which it begins.
    fn start(self) -> u64 {
        self.number << Slot::bits(self.level)
    }

    /// The tick from which on its items fit the level below: the start of the slot before it.
    fn cascade_start(self) -> u64 {
        self.number.saturating_sub(1) << Slot::bits(self.level)
    }

    /// The deadlines that it covers, in milliseconds, at the tick `current`, whose slot also takes what was
    /// inserted too late.
    fn deadlines(self, current: u64) -> Range<u64> {
        let bits = Slot::bits(self.level) + TICK_BITS;
        let start = self.number << bits;
        let is_current = self.level == 0 && self.number == current;
        (if is_current { 0 } else { start })..start.saturating_add(1 << bits)
    }
}

/// A walk over all slots that drops stale items.
#[derive(Default)]
struct Sweep {
    level: usize,
    /// Where the walk is within the level; unused items of the slot are in `rest`.
    slot: Option<Slot>,
    rest: List,
    /// Fragments that were kept in this slot, each at an index made from it; later ones displace earlier ones.
    kept: Vec<u32>,
}

/// The index; see the [module](self) for how to use it.
#[derive(Default)]
pub struct Deadlines {
    levels: [Option<Box<Level>>; LEVELS],
    /// The current tick: all slots of level 0 before it are empty, and so are all coarser slots that have ended.
    current: u64,
    /// Items whose slots are not known any more, since the clock went back.
    backlog: Vec<List>,
    sweep: Sweep,
    len: usize,
    chunks: usize,
}

impl Deadlines {
    /// An empty index, which allocates nothing.
    pub fn new() -> Deadlines {
        Deadlines::default()
    }

    /// How many items there are, stale ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the index takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.chunks * CHUNK_BYTES
            + self.levels.iter().flatten().count() * size_of::<Level>()
            + self.backlog.capacity() * size_of::<List>()
            + self.sweep.kept.capacity() * size_of::<u32>()
    }

    /// Adds an item. Times are in milliseconds, of a clock that should not go back.
    pub fn insert(&mut self, fragment: u32, deadline_ms: u64, now_ms: u64) {
        let now = now_ms >> TICK_BITS;
        if self.is_empty() {
            self.current = now;
        } else if now + BACKWARD_TICKS_MAX < self.current {
            // An item filed before the index knows that the clock went back would be as late as that.
            self.rewind(now);
        }
        self.insert_item(fragment, deadline_ms);
    }

    /// Moves on to `now_ms` and visits up to `budget` items: those whose slot has passed, and those of coarse
    /// slots that come next. `visit` gets the fragment and the deadlines that the slot covers, and returns the
    /// deadline at which the fragment has to be visited again, if any.
    pub fn advance(
        &mut self,
        now_ms: u64,
        budget: usize,
        visit: &mut dyn FnMut(u32, Range<u64>) -> Option<u64>,
    ) -> Progress {
        let now = now_ms >> TICK_BITS;
        if now + BACKWARD_TICKS_MAX < self.current {
            self.rewind(now);
        }
        let mut visited = 0;
        while let Some(source) = self.next_source(now) {
            let deadlines = source.map_or(0..u64::MAX, |slot| slot.deadlines(self.current));
            loop {
                if visited >= budget {
                    return Progress { visited, more_due: true };
                }
                let Some(fragment) = self.pop(source) else { break };
                visited += 1;
                if let Some(deadline_ms) = visit(fragment, deadlines.clone()) {
                    self.insert_item(fragment, deadline_ms);
                }
            }
        }
        Progress { visited, more_due: false }
    }

    /// An item by chance, which may be stale; of a slot with very many items, one of those that came last. `None` if there
    /// are none but those that are to be sorted in anew.
    pub fn sample(&self, random: &mut dyn FnMut() -> u64) -> Option<u32> {
        let lists = || self.levels.iter().flatten().flat_map(|level| level.lists());
        let total: usize = lists().map(List::len).sum();
        let mut index = random().checked_rem(total as u64)? as usize;
        let list = lists().find(|list| match index.checked_sub(list.len()) {
            Some(rest) => {
                index = rest;
                false
            }
            None => true,
        });
        list?.sample(random())
    }

    /// No later than this is there something for [`advance`](Self::advance) to do; `None` if there are no items.
    pub fn next_due_ms(&self) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let due = |slot: Slot| if slot.level == 0 { slot.start() + 1 } else { slot.cascade_start() };
        let tick = if self.backlog.is_empty() {
            (0..LEVELS).filter_map(|level| self.first_occupied(level)).map(due).min()
        } else {
            None
        };
        Some(tick.unwrap_or(self.current).max(self.current) << TICK_BITS)
    }

    /// Goes on with a walk over all items that drops stale ones, those for which `keep` returns false, and repeated
    /// ones, up to `budget` items. `keep` gets the fragment and the deadlines that its slot covers. Returns whether
    /// the walk has reached its end, so that the next call begins another.
    ///
    /// Call it when [`len`](Self::len) is far more than the number of entries with a deadline.
    pub fn sweep(&mut self, budget: usize, keep: &mut dyn FnMut(u32, Range<u64>) -> bool) -> bool {
        for _ in 0..budget {
            let Some(slot) = self.sweep_slot() else { return true };
            let Some(fragment) = self.sweep.rest.pop() else { continue };
            self.count_pop(self.sweep.rest.len());
            let index = filter_index(fragment, self.sweep.kept.len());
            if self.sweep.kept[index] != fragment && keep(fragment, slot.deadlines(self.current)) {
                self.sweep.kept[index] = fragment;
                self.push(slot, fragment);
            }
        }
        false
    }

    /// The slot that is being swept, after moving on to the next if it is done.
    fn sweep_slot(&mut self) -> Option<Slot> {
        while self.sweep.rest.is_empty() {
            let level = self.sweep.level;
            let first = self.current >> Slot::bits(level);
            let from = self.sweep.slot.take().map_or(first, |slot| first.max(slot.number + 1));
            let found = self.levels.get(level)?.as_ref().and_then(|level| level.first_occupied(from));
            // The search wraps around: what it finds beyond the ring has been swept before.
            match found.filter(|&number| number < first + SLOTS as u64) {
                Some(number) => {
                    let slot = Slot { level, number };
                    self.sweep.slot = Some(slot);
                    self.sweep.rest = self.levels[level].as_mut()?.take(number);
                    let cells = self.sweep.rest.len().next_power_of_two().clamp(FILTER_MIN, FILTER_MAX);
                    self.sweep.kept = new_filter(cells);
                }
                None => {
                    self.sweep.level += 1;
                    if self.sweep.level == LEVELS {
                        self.sweep = Sweep::default();
                        return None;
                    }
                }
            }
        }
        self.sweep.slot
    }

    /// What to take items from next, at the tick `now`: a slot, or `Some(None)` for the backlog.
    fn next_source(&mut self, now: u64) -> Option<Option<Slot>> {
        loop {
            let due = Slot { level: 0, number: self.current };
            let first = self.first_occupied(0);
            if self.current < now && first == Some(due) {
                return Some(Some(due));
            }
            // Coarse slots have to be empty when they begin.
            let coarse: [Option<Slot>; LEVELS] =
                std::array::from_fn(|level| if level == 0 { None } else { self.first_occupied(level) });
            let coarse = || coarse.iter().flatten();
            if let Some(slot) = coarse().find(|slot| slot.start() <= self.current) {
                return Some(Some(*slot));
            }
            if self.current < now {
                let next = coarse().chain(&first).map(|slot| slot.start()).min();
                self.current = next.map_or(now, |tick| tick.min(now));
                continue;
            }
            if !self.backlog.is_empty() {
                return Some(None);
            }
            return coarse().find(|slot| slot.cascade_start() <= self.current).map(|slot| Some(*slot));
        }
    }

    fn first_occupied(&self, level: usize) -> Option<Slot> {
        let number = self.levels[level].as_ref()?.first_occupied(self.current >> Slot::bits(level))?;
        Some(Slot { level, number })
    }

    /// Takes an item out of a slot or the backlog, or notes that it is empty.
    fn pop(&mut self, source: Option<Slot>) -> Option<u32> {
        let (fragment, left) = match source {
            Some(slot) => {
                let level = self.levels[slot.level].as_mut()?;
                match level.pop(slot.number) {
                    Some(fragment) => (fragment, level.len(slot.number)),
                    None if self.sweep.slot == Some(slot) && !self.sweep.rest.is_empty() => {
                        (self.sweep.rest.pop()?, self.sweep.rest.len())
                    }
                    None => {
                        level.vacate(slot.number);
                        return None;
                    }
                }
            }
            None => {
                let list = self.backlog.last_mut()?;
                let fragment = list.pop()?;
                let left = list.len();
                if left == 0 {
                    self.backlog.pop();
                }
                (fragment, left)
            }
        };
        self.count_pop(left);
        Some(fragment)
    }

    fn insert_item(&mut self, fragment: u32, deadline_ms: u64) {
        let tick = (deadline_ms >> TICK_BITS).max(self.current);
        let is_near = |level: &usize| {
            let slot = |tick| Slot::of(level + 1, tick).number;
            level + 1 == LEVELS || slot(tick) <= slot(self.current) + 1
        };
        let level = (0..LEVELS).find(is_near).unwrap_or(LEVELS - 1);
        self.push(Slot::of(level, tick), fragment);
    }

    fn push(&mut self, slot: Slot, fragment: u32) {
        let level = self.levels[slot.level].get_or_insert_with(Level::new_boxed);
        level.push(slot.number, fragment);
        self.len += 1;
        self.chunks += usize::from(level.len(slot.number) % CHUNK_LEN == 1);
    }

    /// Accounts for an item that was taken from a list in which `left` are left.
    fn count_pop(&mut self, left: usize) {
        self.len -= 1;
        self.chunks -= usize::from(left.is_multiple_of(CHUNK_LEN));
    }

    /// Puts all items into the backlog, to be sorted in anew, and goes back to the tick `now`.
    fn rewind(&mut self, now: u64) {
        let levels = self.levels.iter_mut().filter_map(Option::take);
        self.backlog.extend(levels.flat_map(|level| level.into_lists()));
        self.backlog.extend(Some(std::mem::take(&mut self.sweep).rest).filter(|list| !list.is_empty()));
        self.current = now;
    }
}

/// An empty filter: a fragment is in it if it is at its index. Zero is not at its own, which is 0.
fn new_filter(cells: usize) -> Vec<u32> {
    let mut cells = vec![0; cells];
    cells[0] = u32::MAX;
    cells
}

/// The index of a fragment in a filter of so many cells, a power of two between the limits.
fn filter_index(fragment: u32, cells: usize) -> usize {
    (fragment.wrapping_mul(0x9e37_79b1) >> (u32::BITS - cells.trailing_zeros())) as usize
}
