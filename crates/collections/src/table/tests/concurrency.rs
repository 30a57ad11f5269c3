//! Prefetching while the owner changes everything.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;

/// Sets the flag when it goes, so that the other threads end even if an assertion fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn prefetchers_survive_splits_merges_takes_and_releases() {
    const ROUNDS: u32 = if cfg!(miri) { 2 } else { 40 };
    const COUNT: u32 = if cfg!(miri) { 500 } else { 3_000 };
    const PREFETCHERS: usize = 2;
    let mut table = Table::new(TestHash::Mixed);
    let prefetcher = table.prefetcher();
    let done = AtomicBool::new(false);
    let started = AtomicUsize::new(0);
    thread::scope(|scope| {
        let _done = SetOnDrop(&done);
        for _ in 0..PREFETCHERS {
            let prefetcher = prefetcher.clone();
            let (done, started) = (&done, &started);
            scope.spawn(move || {
                let mut number = 0;
                started.fetch_add(1, Ordering::Relaxed);
                while !done.load(Ordering::Relaxed) {
                    let pin = pin();
                    for _ in 0..64 {
                        number = mix(number);
                        prefetcher.bucket(&pin, number);
                        prefetcher.overflow(&pin, number);
                        prefetcher.entry(&pin, number);
                        prefetcher.entries(&pin, number);
                    }
                }
            });
        }
        while started.load(Ordering::Relaxed) < PREFETCHERS {
            thread::yield_now();
        }
        let mut most = 0;
        for round in 0..ROUNDS {
            (0..COUNT).for_each(|number| insert(&mut table, number));
            most = most.max(table.segments());
            if round % 2 == 0 {
                (0..COUNT).for_each(|number| drop(remove(&mut table, number)));
                assert_eq!(table.segments(), 1, "nothing was merged");
                table.release_if_empty();
                assert_eq!(table.memory_bytes(), 0);
            } else {
                drop(table.take());
            }
        }
        assert!(most > 1, "nothing was split");
    });
    table.check();
}

#[test]
fn a_prefetcher_may_outlive_its_table() {
    let mut table = Table::new(TestHash::Mixed);
    (0..1_000).for_each(|number| insert(&mut table, number));
    let prefetcher = table.prefetcher();
    let pin = pin();
    prefetcher.entry(&pin, 5);
    drop(table);
    prefetcher.bucket(&pin, 5);
    prefetcher.entry(&pin, 5);
}

#[test]
fn a_table_may_move_to_another_thread() {
    let mut table = Table::new(TestHash::Mixed);
    (0..1_000).for_each(|number| insert(&mut table, number));
    let content = table.take();
    let len = thread::spawn(move || content.len()).join().expect("the other thread drops the content");
    assert_eq!(len, 1_000);
}
