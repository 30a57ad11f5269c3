//! Growing, shrinking, overflowing and giving memory back.

use super::super::directory::{DEPTH_MAX, GROWN_DEPTH_MAX};
use super::super::segment::{BLOCKS_MAX, BLOCKS_SPLIT};
use super::*;

const MANY: u32 = if cfg!(miri) { 1_500 } else { 40_000 };

#[test]
fn an_unused_table_allocates_nothing() {
    let table = Table::new(TestHash::Mixed);
    assert_eq!(table.memory_bytes(), 0);
    assert!(!contains(&table, 1));
}

#[test]
fn every_entry_is_found_while_segments_split() {
    let mut table = Table::new(TestHash::Mixed);
    for number in 0..MANY {
        insert(&mut table, number);
        assert!(contains(&table, number));
        assert!(!contains(&table, number + MANY));
    }
    table.check();
    assert!(table.segments() > 2, "nothing was split");
    assert!(table.displaced() > 0, "no bucket overflowed");
    assert!(table.stash.is_empty(), "a good hash must not need the stash");
    assert!((0..MANY).all(|number| contains(&table, number)));
}

#[test]
fn memory_returns_when_entries_are_removed() {
    let mut table = Table::new(TestHash::Mixed);
    (0..MANY).for_each(|number| insert(&mut table, number));
    let (full, depth) = (table.memory_bytes(), table.directory.depth());
    for number in 0..MANY {
        assert!(remove(&mut table, number).is_some());
        if number % 1_000 == 0 {
            table.check();
        }
    }
    table.check();
    assert_eq!((table.len(), table.segments(), table.directory.depth()), (0, 1, 0));
    assert!(depth > 1 && table.memory_bytes() < full / 2);
}

#[test]
fn a_table_takes_as_much_for_each_entry_however_many_there_are() {
    let mut table = Table::new(TestHash::Mixed);
    for number in 0..MANY {
        insert(&mut table, number);
        if table.len() > 10_000 && number.is_multiple_of(100) {
            let bytes = table.memory_bytes() as f64 / table.len() as f64;
            assert!((10.0..12.0).contains(&bytes), "{bytes} bytes for each of {number}");
        }
    }
}

#[test]
fn a_table_that_loses_half_of_its_entries_gives_memory_back() {
    let mut table = Table::new(TestHash::Mixed);
    (0..MANY).for_each(|number| insert(&mut table, number));
    for keys_left in [5, 3, 2] {
        (0..MANY)
            .filter(|number| number % 10 >= keys_left)
            .for_each(|number| drop(remove(&mut table, number)));
        table.check();
        let bytes = table.memory_bytes() / table.len();
        assert!(bytes < 25, "{bytes} bytes for an entry when {keys_left} of 10 are left");
    }
}

#[test]
fn slots_know_what_has_to_be_known_of_hashes_in_segments_of_all_depths_and_sizes() {
    let blocks = |depth| 1..=if depth <= GROWN_DEPTH_MAX { BLOCKS_MAX } else { BLOCKS_SPLIT };
    for depth in 0..=DEPTH_MAX {
        for blocks in blocks(depth).filter(|blocks| depth <= GROWN_DEPTH_MAX || blocks.is_power_of_two()) {
            let located = Located::allocate(blocks, depth);
            // SAFETY: it is freed below.
            let segment = unsafe { located.segment() };
            let entry = entry(1);
            for number in 0..50 * blocks as u64 {
                let hash = mix(number * 64 + u64::from(depth));
                let home = located.home(hash);
                assert!(home < segment.buckets());
                assert_eq!(located.home(hash >> 32 << 32), home, "it follows from a fragment");
                assert!(segment.insert(home, hash, entry.head()));
                let upper = |hash: u64| hash << depth >> depth >> 33;
                let mut known = segment.with_tag(home, tag(hash)).map(|slot| segment.known_hash(slot, depth));
                let is_known = known.any(|known| upper(known) == upper(hash));
                assert!(is_known || !segment.knows_hashes(depth), "depth {depth}, {blocks} blocks");
                let next = located.next_position(hash).unwrap_or(0);
                assert_eq!(next % (1 << 32), 0);
                assert!(next == 0 || !located.is_home_of_both(hash, next));
                assert!(located.is_home_of_both(hash, next.wrapping_sub(1)));
            }
            // SAFETY: nobody else has seen it, and it owned nothing.
            unsafe { located.free() };
        }
    }
}

#[test]
fn what_an_emptied_table_takes_can_be_released() {
    for hash in TestHash::ALL {
        let mut table = Table::new(hash);
        table.release_if_empty();
        (0..500).for_each(|number| insert(&mut table, number));
        let full = table.memory_bytes();
        table.release_if_empty();
        assert!(full > 0 && table.memory_bytes() == full, "{hash:?}: there were entries");
        (0..500).for_each(|number| drop(remove(&mut table, number)));
        table.release_if_empty();
        table.check();
        assert_eq!(table.memory_bytes(), 0, "{hash:?}");
        insert(&mut table, 7);
        assert!(contains(&table, 7) && !contains(&table, 8), "{hash:?}");
    }
}

#[test]
fn a_table_at_its_size_limit_does_not_split_and_merge_by_turns() {
    let mut table = Table::new(TestHash::Mixed);
    let mut number = 0;
    while table.segments() < 3 {
        insert(&mut table, number);
        number += 1;
    }
    for _ in 0..100 {
        remove(&mut table, number - 1);
        assert_eq!(table.segments(), 3, "one removal undid a split");
        insert(&mut table, number - 1);
    }
}

#[test]
fn skewed_hashes_end_in_the_stash_and_stay_correct() {
    const FEW: u32 = if cfg!(miri) { 200 } else { 1_500 };
    for hash in [TestHash::Constant, TestHash::EqualPrefixes] {
        let mut table = Table::new(hash);
        (0..FEW).for_each(|number| insert(&mut table, number));
        table.check();
        assert!(!table.stash.is_empty(), "{hash:?} did not reach the stash");
        assert!(table.directory.len() < 1_000, "{hash:?} made the directory grow without use");
        assert!((0..FEW).all(|number| contains(&table, number)));
        assert!((0..FEW).all(|number| remove(&mut table, number).is_some()));
        table.check();
        assert_eq!(table.len(), 0);
    }
}

#[test]
fn a_taken_table_keeps_its_content_and_leaves_an_empty_one() {
    let mut table = Table::new(TestHash::Mixed);
    (0..MANY).for_each(|number| insert(&mut table, number));
    let mut content = table.take();
    assert_eq!((table.len(), table.memory_bytes()), (0, 0));
    insert(&mut table, 5);
    assert!(!contains(&table, 6));
    assert_eq!(content.len(), MANY as usize);
    assert!((0..MANY).all(|number| remove(&mut content, number).is_some()));
    table.check();
    content.check();
}

#[test]
fn a_dismantled_table_is_empty_and_can_be_used_again() {
    let mut table = Table::new(TestHash::Mixed);
    (0..5_000).for_each(|number| insert(&mut table, number));
    let mut pauses = 0;
    table.dismantle(&mut || pauses += 1);
    assert!(pauses > 5, "{pauses}");
    assert!(table.is_empty() && table.memory_bytes() == 0);
    insert(&mut table, 1);
    assert!(table.len() == 1 && contains(&table, 1));
}
