//! What a table of pages costs: nanoseconds for each operation and bytes for each entry.
//!
//! Operations are measured in processor time, so that a busy machine does not matter much; single inserts in elapsed
//! time, so that their maximum is only meaningful on an idle one.
//!
//! `cargo run --release -p nuthatch-collections --example paged_cost [entries...]`

use std::process::Command;
use std::time::{Duration, Instant};

use nuthatch_collections::{Element, ElementHasher, PagedTable};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Lookups of each kind.
const LOOKUPS: usize = 4_000_000;
/// The fewest operations of a measurement, which is repeated with new tables until it has so many.
const OPERATIONS_MIN: usize = 1_000_000;

/// Resident memory in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedstat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
}

/// Runs `operations` and reports what each of `count` took.
fn time<R>(what: &str, count: usize, operations: impl FnOnce() -> R) -> R {
    let start = processor_time();
    let result = operations();
    let nanoseconds = (processor_time() - start).as_secs_f64() * 1e9 / count as f64;
    println!("  {what:<34}{nanoseconds:>8.1} ns");
    result
}

fn field(number: u64) -> [u8; 10] {
    let mut field = *b"f000000000";
    let mut rest = number;
    for digit in field[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    field
}

fn random_numbers() -> impl FnMut() -> u64 {
    let mut state = 88_172_645_463_325_252_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

fn insert(table: &mut PagedTable, field: &[u8], value: &[u8]) {
    let hash = ElementHasher::get().hash(field);
    table.insert_or_replace(hash, field, Some(Element::of(value)), None);
}

fn filled(count: u64) -> PagedTable {
    let mut table = PagedTable::new(2);
    (0..count).for_each(|number| insert(&mut table, &field(number), b"v123456789"));
    table
}

fn look_up(table: &PagedTable, fields: &[[u8; 10]]) -> usize {
    fields.iter().filter(|field| table.find(ElementHasher::get().hash(*field), *field).is_some()).count()
}

fn measure(count: u64) {
    println!("{count} entries, 10-byte fields, 10-byte values");
    let before = resident();
    let rounds = OPERATIONS_MIN.div_ceil(count as usize);
    let tables: Vec<_> =
        time("insert", rounds * count as usize, || (0..rounds).map(|_| filled(count)).collect());
    let resident = (resident() - before) as f64 / (rounds * count as usize) as f64;
    let mut table = tables.into_iter().next().unwrap_or_else(|| filled(count));
    let bytes = table.memory_bytes() as f64 / count as f64;
    println!("  {bytes:.1} bytes allocated an entry, {resident:.1} resident");

    let mut random = random_numbers();
    let fields: Vec<_> = (0..LOOKUPS).map(|_| field((random() >> 11) % count)).collect();
    time("find", LOOKUPS, || assert_eq!(look_up(&table, &fields), LOOKUPS));
    let mut missing = fields.clone();
    missing.iter_mut().for_each(|field| field[0] = b'g');
    time("find, missing", LOOKUPS, || assert_eq!(look_up(&table, &missing), 0));
    time("replace in place", LOOKUPS, || {
        fields.iter().for_each(|field| insert(&mut table, field, b"w123456789"));
    });
    time("sample", LOOKUPS, || (0..LOOKUPS).for_each(|_| assert!(table.sample(&mut random).is_some())));
    time("iterate", count as usize, || assert_eq!(table.iter().count(), count as usize));
    time("replace by another length", LOOKUPS, || {
        fields.iter().for_each(|field| insert(&mut table, field, b"w12345678"));
    });

    let mut longest = Duration::ZERO;
    for number in count..count * 2 {
        let start = Instant::now();
        insert(&mut table, &field(number), b"v123456789");
        longest = longest.max(start.elapsed());
    }
    println!("  the longest insertion took {:.1} us", longest.as_secs_f64() * 1e6);
    time("remove", count as usize * 2, || {
        for number in 0..count * 2 {
            let field = field(number);
            assert!(table.remove(ElementHasher::get().hash(&field), &field).is_some());
        }
    });
    println!("  {} bytes left in the table", table.memory_bytes());
}

/// Measures the one count given, or each of several in a process of its own, which begins with fresh memory.
fn main() -> std::io::Result<()> {
    let counts: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    match counts[..] {
        [count] => measure(count.max(1)),
        _ => {
            let counts = if counts.is_empty() { vec![1_000, 1_000_000] } else { counts };
            for count in counts {
                Command::new(std::env::current_exe()?).arg(count.to_string()).status()?;
            }
        }
    }
    Ok(())
}
