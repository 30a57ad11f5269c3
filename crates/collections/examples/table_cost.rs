//! What the table costs: nanoseconds for each operation, bytes for each key, and how long a split takes.
//!
//! Operations are measured in processor time, so that a busy machine does not matter much; single inserts and
//! removals in elapsed time, so that their maximum is only meaningful on an idle one.
//!
//! `cargo run --release -p nuthatch-collections --example table_cost [entries...]`

use std::process::Command;
use std::time::{Duration, Instant};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use nuthatch_collections::{Entry, KeyHasher, NewPayload, Table, pin};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Lookups in a row between two prefetches, as in a batch of commands.
const BATCH: usize = 64;
/// Lookups of each kind.
const LOOKUPS: usize = 4_000_000;

#[derive(Clone)]
struct Hash(SeedableRandomState);

impl KeyHasher for Hash {
    #[inline]
    fn hash(&self, key: &[u8]) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}

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
fn time(what: &str, count: usize, operations: impl FnOnce()) {
    let start = processor_time();
    operations();
    let nanoseconds = (processor_time() - start).as_secs_f64() * 1e9 / count as f64;
    println!("  {what:<34}{nanoseconds:>8.1} ns");
}

fn report_durations(what: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let microseconds = |thousandths: usize| {
        durations
            .len()
            .checked_sub(1)
            .map_or(0.0, |last| durations[last * thousandths / 1000].as_secs_f64() * 1e6)
    };
    println!(
        "  {} {what}, in us: median {:.1}, 99 % {:.1}, 99.9 % {:.1}, longest {:.1}",
        durations.len(),
        microseconds(500),
        microseconds(990),
        microseconds(999),
        microseconds(1000)
    );
}

fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Numbers below `count`, in random order and with repetitions.
fn random_keys(count: u64) -> impl Iterator<Item = [u8; 16]> {
    let mut state = 88_172_645_463_325_252_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        key((state >> 11) % count)
    })
}

fn look_up(table: &Table<Hash>, keys: &[[u8; 16]]) -> usize {
    keys.iter().filter(|key| table.find(table.hasher().hash(*key), *key).is_some()).count()
}

fn look_up_in_batches(table: &Table<Hash>, keys: &[[u8; 16]]) -> usize {
    let prefetcher = table.prefetcher();
    let look_up_batch = |batch: &[[u8; 16]]| {
        let pin = pin();
        let mut hashes = [0; BATCH];
        for (hash, key) in hashes.iter_mut().zip(batch) {
            *hash = table.hasher().hash(key);
            prefetcher.bucket(&pin, *hash);
        }
        let displaced = hashes.iter().take(batch.len()).filter(|hash| prefetcher.entry(&pin, **hash));
        displaced.for_each(|hash| prefetcher.displaced(&pin, *hash));
        hashes.iter().zip(batch).filter(|(hash, key)| table.find(**hash, *key).is_some()).count()
    };
    keys.chunks(BATCH).map(look_up_batch).sum()
}

fn measure(count: u64) {
    println!("{count} entries, 16-byte keys, 64-byte values with a deadline");
    static SEED: SharedSeed = SharedSeed::from_u64(1);
    let mut table = Table::new(Hash(SeedableRandomState::with_seed(2, &SEED)));
    let before = resident();
    let value = [b'v'; 64];

    let mut splits = Vec::new();
    time("look up and insert (timed singly)", count as usize, || {
        for number in 0..count {
            let key = key(number);
            let hash = table.hasher().hash(&key);
            let (start, size) = (Instant::now(), table.memory_bytes());
            if table.find_mut(hash, &key).is_none() {
                table.insert(hash, Entry::new(&key, 0, Some(number), NewPayload::Inline(&value)));
            }
            if table.memory_bytes() > size {
                splits.push(start.elapsed());
            }
        }
    });
    report_durations("inserts with a split", splits);
    let bytes = (resident() - before) as f64 / count as f64;
    println!(
        "  {bytes:.1} bytes of resident memory a key, {:.1} of the table",
        table.memory_bytes() as f64 / count as f64
    );

    let keys: Vec<_> = random_keys(count).take(LOOKUPS).collect();
    time("find", LOOKUPS, || assert_eq!(look_up(&table, &keys), LOOKUPS));
    let mut missing = keys.clone();
    missing.iter_mut().for_each(|key| key[0] = b'n');
    time("find, missing", LOOKUPS, || assert_eq!(look_up(&table, &missing), 0));
    time("find, prefetched in batches", LOOKUPS, || assert_eq!(look_up_in_batches(&table, &keys), LOOKUPS));
    time("find and overwrite", LOOKUPS, || {
        for key in &keys {
            let hash = table.hasher().hash(key);
            let slot = table.find_mut(hash, key);
            assert!(slot.is_some_and(|mut slot| slot.with_payload(1, NewPayload::Inline(&value)).is_none()));
        }
    });

    let mut merges = Vec::new();
    time("remove (timed singly)", count as usize, || {
        for number in 0..count {
            let key = key(number);
            let hash = table.hasher().hash(&key);
            let (start, size) = (Instant::now(), table.memory_bytes());
            assert!(table.remove(hash, &key).is_some());
            if table.memory_bytes() < size {
                merges.push(start.elapsed());
            }
        }
    });
    report_durations("removals with a merge", merges);
    println!("  {} bytes left in the table", table.memory_bytes());
}

/// Measures the one count given, or each of several in a process of its own, which begins with fresh memory.
fn main() -> std::io::Result<()> {
    let counts: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    match counts[..] {
        [count] => measure(count),
        _ => {
            let counts = if counts.is_empty() { vec![1_000_000, 10_000_000] } else { counts };
            for count in counts {
                Command::new(std::env::current_exe()?).arg(count.to_string()).status()?;
            }
        }
    }
    Ok(())
}
