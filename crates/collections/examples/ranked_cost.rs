//! What the tree of a big sorted set costs: nanoseconds for each operation, bytes for each entry.
//!
//! Operations are measured in processor time, so that a busy machine does not matter much.
//!
//! `cargo run --release -p nuthatch-collections --example ranked_cost [entries...]`

use std::time::Duration;

use nuthatch_collections::RankedTree;
use nuthatch_collections::ranked::Place;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Operations of each kind, besides insertion.
const OPERATIONS: usize = 1_000_000;

/// The processor time of this thread.
fn processor_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedstat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
}

/// Runs `operations` and reports what each of `count` took.
fn time(what: &str, count: usize, operations: impl FnOnce()) {
    let start = processor_time();
    operations();
    let nanoseconds = (processor_time() - start).as_secs_f64() * 1e9 / count as f64;
    println!("  {what:<34}{nanoseconds:>8.1} ns");
}

/// An entry for each number, in no order, with a member of 11 bytes.
fn entry(number: usize, entries: usize) -> (f64, [u8; 11]) {
    let mut member = *b"member.....";
    member[6..].copy_from_slice(&number.to_be_bytes()[3..]);
    ((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries) as f64, member)
}

fn report_size(what: &str, tree: &RankedTree) {
    println!("  {what:<34}{:>8.1} bytes", tree.memory_bytes() as f64 / tree.len() as f64);
}

fn measure(entries: usize) {
    println!("{entries} entries");
    let mut tree = RankedTree::new();
    time("insert in order", entries, || {
        for number in 0..entries {
            tree.insert(number as f64, &entry(number, entries).1);
        }
    });
    report_size("memory for each, in order", &tree);
    let mut tree = RankedTree::new();
    time("insert", entries, || {
        for number in 0..entries {
            let (score, member) = entry(number, entries);
            tree.insert(score, &member);
        }
    });
    report_size("memory for each", &tree);
    let mut sum = 0;
    time("rank", OPERATIONS, || {
        for number in 0..OPERATIONS {
            let (score, member) = entry(number * 31 % entries, entries);
            sum += tree.rank(score, &member).unwrap_or(0);
        }
    });
    time("count before a score", OPERATIONS, || {
        for number in 0..OPERATIONS {
            sum += tree.count_before(&Place::AfterScore(entry(number * 31 % entries, entries).0));
        }
    });
    time("ten from the end, backwards", OPERATIONS, || {
        for _ in 0..OPERATIONS {
            sum += tree.iter_back_from(usize::MAX).take(10).map(|(_, member)| member.len()).sum::<usize>();
        }
    });
    time("next", entries, || sum += tree.iter_from(0).filter(|entry| entry.0 > 1.0).count());
    time("next, backwards", entries, || {
        sum += tree.iter_back_from(usize::MAX).filter(|entry| entry.0 > 1.0).count();
    });
    time("remove and insert", OPERATIONS, || {
        for number in 0..OPERATIONS {
            let (score, member) = entry(number * 31 % entries, entries);
            tree.remove(score, &member);
            tree.insert(score, &member);
        }
    });
    time("drop", entries, || drop(tree));
    assert!(sum > 0);
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1000, 100_000, 1_000_000] } else { sizes };
    sizes.into_iter().for_each(measure);
}
