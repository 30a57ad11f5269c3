//! The index together with a table, whose entries' stamps are the deadlines, against a sorted map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::entry::{Entry, NewPayload, RecordRef};
use crate::table::{KeyHasher, Table};

/// Puts keys into few or many fragments.
#[derive(Clone)]
struct FragmentHash {
    fragments: u64,
}

impl KeyHasher for FragmentHash {
    fn hash(&self, key: &[u8]) -> u64 {
        let number = key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let fragment = (number % self.fragments).wrapping_mul(0x9e37_79b9) & 0xffff_ffff;
        fragment << 32 | number.wrapping_mul(0x85eb_ca6b) & 0xffff_ffff
    }
}

/// A key is its number.
type Key = [u8; 8];

fn key(number: u64) -> Key {
    number.to_be_bytes()
}

/// The caller's part, as the module's documentation asks for it.
struct Caller {
    table: Table<FragmentHash>,
    deadlines: Deadlines,
    live: BTreeMap<Key, u64>,
    now_ms: u64,
    /// How many ticks late an entry may be.
    late_max: u64,
    removed: Vec<(Key, u64)>,
}

fn is_candidate(record: RecordRef<'_>, covered: &Range<u64>) -> bool {
    record.stamp().is_some_and(|deadline| record.mark() || covered.contains(&deadline))
}

impl Caller {
    fn new(fragments: u64, now_ms: u64) -> Caller {
        let table = Table::new(FragmentHash { fragments });
        let deadlines = Deadlines::new();
        Caller { table, deadlines, live: BTreeMap::new(), now_ms, late_max: 0, removed: Vec::new() }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.table.hasher().hash(key)
    }

    fn set(&mut self, key: Key, deadline_ms: u64) {
        let hash = self.hash(&key);
        self.live.insert(key, deadline_ms);
        let is_put_off = match self.table.find_mut(hash, &key) {
            Some(mut slot) => {
                let before = slot.get().stamp();
                slot.with_stamp(Some(deadline_ms));
                let is_put_off = before.is_some_and(|before| before <= deadline_ms);
                slot.get_mut().set_mark(is_put_off);
                is_put_off
            }
            None => {
                self.table.insert(hash, Entry::new(&key, 0, Some(deadline_ms), NewPayload::Int(0)));
                false
            }
        };
        if !is_put_off {
            self.deadlines.insert((hash >> 32) as u32, deadline_ms, self.now_ms);
        }
    }

    fn remove(&mut self, key: Key) {
        let hash = self.hash(&key);
        assert_eq!(self.table.remove(hash, &key).is_some(), self.live.remove(&key).is_some());
    }

    fn advance(&mut self, budget: usize) -> Progress {
        let Caller { table, deadlines, now_ms, removed, .. } = self;
        deadlines.advance(*now_ms, budget, &mut |fragment, covered| {
            let mut earliest: Option<(u64, u64)> = None;
            table.visit_fragment(fragment, &mut |mut slot| {
                let Some(deadline) = slot.get().stamp() else { return };
                if deadline <= *now_ms {
                    let key = *slot.remove().as_ref().key().last_chunk().expect("every key is a number");
                    removed.push((key, deadline));
                } else if is_candidate(slot.get(), &covered) {
                    slot.get_mut().set_mark(true);
                    if earliest.is_none_or(|(other, _)| deadline < other) {
                        earliest = Some((deadline, slot.hash()));
                    }
                }
            });
            let (deadline, earliest_hash) = earliest?;
            table.visit_fragment(fragment, &mut |mut slot| {
                if slot.hash() == earliest_hash && slot.get().stamp() == Some(deadline) {
                    slot.get_mut().set_mark(false);
                }
            });
            Some(deadline)
        })
    }

    fn sweep(&mut self, budget: usize) -> bool {
        let table = &mut self.table;
        self.deadlines.sweep(budget, &mut |fragment, covered| {
            let mut is_needed = false;
            table.visit_fragment(fragment, &mut |slot| is_needed |= is_candidate(slot.get(), &covered));
            is_needed
        })
    }

    /// Advances until nothing is due and checks that exactly the right entries are gone.
    fn settle(&mut self, budget: usize) {
        while self.advance(budget).more_due {}
        for (key, deadline) in self.removed.drain(..) {
            assert!(deadline <= self.now_ms, "removed too early");
            assert_eq!(self.live.remove(&key), Some(deadline));
        }
        assert_eq!(self.table.len(), self.live.len());
        for (key, deadline) in &self.live {
            let (deadline, now) = (deadline >> TICK_BITS, self.now_ms >> TICK_BITS);
            assert!(deadline + self.late_max >= now, "{key:?} is late");
        }
        assert!(
            self.deadlines.is_empty() || self.deadlines.next_due_ms().is_some_and(|due| due > self.now_ms)
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(u64, u64),
    SetMany(u64, u64, u64),
    Remove(u64),
    RemoveMany(u64, u64),
    Pass(u64),
    PassUnsettled(u64, usize),
    GoBack(u64),
    Sweep(usize),
    SweepAll,
}

/// Durations of every order of magnitude.
fn duration() -> impl Strategy<Value = u64> {
    (0u32..42, any::<u64>()).prop_map(|(bits, number)| number & ((1 << bits) - 1))
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0u64..200;
    prop_oneof![
        8 => (number.clone(), duration()).prop_map(|(number, after)| Step::Set(number, after)),
        2 => (number.clone(), 1u64..150, duration())
            .prop_map(|(first, count, after)| Step::SetMany(first, count, after)),
        3 => number.clone().prop_map(Step::Remove),
        1 => (number, 1u64..150).prop_map(|(first, count)| Step::RemoveMany(first, count)),
        4 => duration().prop_map(Step::Pass),
        4 => (duration(), 0usize..20).prop_map(|(time, budget)| Step::PassUnsettled(time, budget)),
        1 => duration().prop_map(Step::GoBack),
        3 => (0usize..100).prop_map(Step::Sweep),
        1 => Just(Step::SweepAll),
    ]
}

/// Carries the steps out and checks after each `Pass`, and at the end, that exactly the right entries are gone.
fn check(fragments: u64, start: u64, steps: Vec<Step>) {
    let mut caller = Caller::new(fragments, start);
    for step in steps {
        match step {
            Step::Set(number, after) => caller.set(key(number), caller.now_ms + after),
            Step::SetMany(first, count, after) => {
                for number in first..first + count {
                    caller.set(key(number), caller.now_ms + after + number % 3);
                }
            }
            Step::Remove(number) => caller.remove(key(number)),
            Step::RemoveMany(first, count) => {
                (first..first + count).for_each(|number| caller.remove(key(number)));
            }
            Step::Pass(time) => {
                caller.now_ms += time;
                caller.settle(7);
            }
            Step::PassUnsettled(time, budget) => {
                caller.now_ms += time;
                let progress = caller.advance(budget);
                assert!(progress.visited <= budget);
                for (key, _) in std::mem::take(&mut caller.removed) {
                    caller.live.remove(&key);
                }
            }
            Step::GoBack(time) => {
                caller.now_ms = caller.now_ms.saturating_sub(time);
                caller.late_max = BACKWARD_TICKS_MAX;
            }
            Step::Sweep(budget) => drop(caller.sweep(budget)),
            Step::SweepAll => while !caller.sweep(50) {},
        }
    }
    caller.settle(1_000);
    // Twice, because the first call may end a walk that has begun long ago.
    while !caller.sweep(50) {}
    while !caller.sweep(50) {}
    let items = caller.deadlines.len();
    assert!(items <= 4 * caller.live.len(), "{items} items for {} entries", caller.live.len());
    caller.now_ms = u64::MAX >> 8;
    caller.settle(1_000);
    assert!(caller.live.is_empty() && caller.deadlines.is_empty());
    assert_eq!(caller.deadlines.chunks, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_goes_when_its_deadline_has_passed_and_not_before(
        fragments in prop::sample::select(vec![1, 3, 50, 1 << 32]),
        start in prop::sample::select(vec![0, 1 << 40, 1_795_000_000_000]),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        check(fragments, start, steps);
    }
}

#[test]
fn an_item_filed_just_after_the_clock_went_back_is_not_late() {
    let steps = vec![
        Step::SetMany(0, 1, 174_563_322),
        Step::Pass(2944),
        Step::GoBack(2890),
        Step::Set(0, 0),
        Step::Pass(2378),
    ];
    check(1, 0, steps);
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn a_million_keys_of_one_deadline_are_visited_in_small_steps_and_in_time() {
    let count: u32 = if cfg!(miri) { 2_000 } else { 1_000_000 };
    const STEP_MS: u64 = 100;
    const BUDGET: usize = 64;
    let deadline = 3 * HOUR_MS;
    let mut deadlines = Deadlines::new();
    (0..count).for_each(|fragment| deadlines.insert(fragment, deadline, 0));
    let mut now_ms = 0;
    let mut removed = 0;
    let mut cascaded = 0;
    while now_ms < deadline {
        now_ms += STEP_MS;
        let mut calls = 0;
        // As much as an idle server does, yet never enough to go through all items between two calls.
        while calls < 100 {
            calls += 1;
            let progress = deadlines.advance(now_ms, BUDGET, &mut |_, covered| {
                assert!(covered.contains(&deadline));
                cascaded += 1;
                (deadline > now_ms).then_some(deadline)
            });
            assert!(progress.visited <= BUDGET);
            if !progress.more_due {
                break;
            }
        }
    }
    assert!(cascaded >= count, "the items did not go down the levels ahead of time");
    assert_eq!(deadlines.len(), count as usize, "some went too early");
    now_ms += 1 << TICK_BITS;
    while deadlines
        .advance(now_ms, BUDGET, &mut |_, covered| {
            assert!(covered.end - deadline <= 1 << TICK_BITS, "an item is still in a coarse slot");
            removed += 1;
            None
        })
        .more_due
    {}
    assert_eq!(removed, count);
}

#[test]
fn an_item_costs_little_more_than_four_bytes() {
    let count = if cfg!(miri) { 1_000 } else { 1_000_000 };
    let mut deadlines = Deadlines::new();
    for fragment in 0..count {
        deadlines.insert(fragment, HOUR_MS + u64::from(fragment % 1_000) * 1_000, 0);
    }
    assert!(cfg!(miri) || deadlines.memory_bytes() < count as usize * 9 / 2);
}

#[test]
fn sweeping_drops_what_was_removed_and_what_is_repeated() {
    let mut caller = Caller::new(1 << 32, 0);
    for _ in 0..10 {
        for number in 0..1_000 {
            caller.set(key(number), 5 * HOUR_MS);
        }
        for number in 0..1_000 {
            caller.remove(key(number));
        }
    }
    for number in 0..500 {
        caller.set(key(number), 5 * HOUR_MS);
    }
    assert_eq!(caller.deadlines.len(), 10_500);
    while !caller.sweep(64) {}
    // The filter may let a few repeated fragments through.
    let len = caller.deadlines.len();
    assert!((500..750).contains(&len), "{len}");
    caller.now_ms = 5 * HOUR_MS + 1_000;
    caller.settle(64);
    assert_eq!(caller.deadlines.len(), 0);
}

#[test]
fn deadlines_at_both_ends_of_time_are_accepted() {
    let now_ms = 1_795_000_000_000;
    let mut deadlines = Deadlines::new();
    for deadline in [0, 1, u64::MAX >> 1, u64::MAX - 1, u64::MAX] {
        deadlines.insert(1, deadline, now_ms);
    }
    let soon_ms = now_ms + 1_000;
    assert_eq!(deadlines.advance(soon_ms, 100, &mut |_, _| None).visited, 2);
    assert!(deadlines.next_due_ms().is_some_and(|due| due > soon_ms));
    let mut is_coarse = |_, covered: Range<u64>| (covered.start > 0).then_some(covered.start + 1);
    let progress = deadlines.advance(u64::MAX, 100, &mut is_coarse);
    assert!(!progress.more_due && progress.visited > 3, "nothing went down the levels");
}

#[test]
fn samples_reach_every_item_of_slots_that_are_not_huge() {
    let mut deadlines = Deadlines::new();
    let mut seed = 7u64;
    let mut random = || {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        seed >> 20
    };
    assert_eq!(deadlines.sample(&mut random), None);
    let count = if cfg!(miri) { 3 } else { 400 };
    // Near and far, and more than a chunk in some slots.
    (0..count).for_each(|item| deadlines.insert(item, 1_000 + u64::from(item % 5).pow(9), 0));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..count * 20 {
        seen.insert(deadlines.sample(&mut random).expect("there are items"));
    }
    assert_eq!(seen.len(), count as usize);
}
