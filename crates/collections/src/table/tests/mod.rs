//! The table against the standard library's map, with good and with adversarial hashes.

mod concurrency;
mod model;
mod resize;
mod walk;

use std::collections::HashSet;

use super::bucket::{DISTANCE_MAX, SLOTS};
use super::segment::{Segment, Slot};
use super::*;
use crate::entry::NewPayload;

/// Hash functions from good to useless.
#[derive(Clone, Copy, Debug)]
enum TestHash {
    /// Every bit depends on every bit of the key.
    Mixed,
    /// The last eight bytes of the key themselves.
    Identity,
    /// The same for all keys.
    Constant,
    /// The upper 40 bits are the same for all keys.
    EqualPrefixes,
    /// Few different upper 32 bits, the rest mixed.
    FewFragments,
}

impl TestHash {
    const ALL: [TestHash; 5] = [
        TestHash::Mixed,
        TestHash::Identity,
        TestHash::Constant,
        TestHash::EqualPrefixes,
        TestHash::FewFragments,
    ];
}

impl KeyHasher for TestHash {
    fn hash(&self, key: &[u8]) -> u64 {
        let last = key.last_chunk::<8>().map_or(key.len() as u64, |bytes| u64::from_be_bytes(*bytes));
        let mixed = mix(last ^ (key.len() as u64) << 56);
        match self {
            TestHash::Mixed => mixed,
            TestHash::Identity => last,
            TestHash::Constant => 0x0123_4567_89ab_cdef,
            TestHash::EqualPrefixes => mixed >> 40 | 0x5a << 56,
            TestHash::FewFragments => mixed & 0x0300_0000_ffff_ffff,
        }
    }
}

/// The finaliser of SplitMix64.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// A key whose length depends on the number too.
fn key(number: u32) -> Vec<u8> {
    let filling = match number % 16 {
        0 => 300,
        other => other as usize,
    };
    let mut key = vec![b'k'; filling];
    key.extend_from_slice(&u64::from(number).to_be_bytes());
    key
}

fn entry(number: u32) -> Entry {
    Entry::new(&key(number), 1, None, NewPayload::Int(i64::from(number)))
}

fn insert(table: &mut Table<TestHash>, number: u32) {
    let hash = table.hasher().hash(&key(number));
    table.insert(hash, entry(number));
}

fn remove(table: &mut Table<TestHash>, number: u32) -> Option<Entry> {
    let key = key(number);
    let hash = table.hasher().hash(&key);
    table.remove(hash, &key)
}

fn contains(table: &Table<TestHash>, number: u32) -> bool {
    let key = key(number);
    table.find(table.hasher().hash(&key), &key).is_some()
}

impl Table<TestHash> {
    fn segments(&self) -> usize {
        self.all_segments().len()
    }

    fn all_segments(&self) -> Vec<Located> {
        if self.directory.is_empty() {
            return Vec::new();
        }
        // SAFETY: the table keeps the directory and does not change while it is borrowed.
        unsafe { self.directory.segments() }.collect()
    }

    /// How many entries live behind their home bucket.
    fn displaced(&self) -> usize {
        let segments = self.all_segments();
        // SAFETY: the table keeps its segments while it is borrowed.
        let segments = segments.iter().map(|located| unsafe { located.segment() });
        segments.map(|segment| segment.occupied().filter(|slot| segment.distance(*slot) > 0).count()).sum()
    }

    /// Checks everything that the module's documentation promises about the structure.
    fn check(&self) {
        let mut len = self.stash.len();
        let mut prefix = 0;
        let segments = self.all_segments();
        assert_eq!(segments.iter().map(|located| located.blocks()).sum::<usize>(), self.blocks);
        let depth = self.directory.depth();
        assert_eq!(segments.iter().filter(|located| located.depth() == depth).count(), self.deepest);
        for located in &segments {
            assert!(located.depth() <= depth && SIZES.contains(&located.blocks()));
            // SAFETY: the table keeps its segments while it is borrowed.
            let segment = unsafe { located.segment() };
            let mut overflows = HashSet::new();
            for slot in segment.occupied() {
                // SAFETY: the table owns the entry.
                let hash = self.hasher.hash(unsafe { RecordRef::new(segment.entry(slot)) }.key());
                let distance = segment.distance(slot);
                assert_eq!(
                    self.directory.index(hash) & !(self.span(*located) - 1),
                    self.directory.index(prefix)
                );
                assert!(distance <= DISTANCE_MAX);
                if segment.knows_hashes(located.depth()) {
                    let known = segment.known_hash(slot, located.depth());
                    assert_eq!(known >> 33, hash << located.depth() >> located.depth() >> 33);
                    assert_eq!(tag(known), tag(hash));
                }
                assert_eq!((located.home(hash) + distance) % segment.buckets(), slot.bucket);
                if distance > 0 {
                    overflows.insert((located.home(hash), distance));
                }
                len += 1;
            }
            let at_home: usize = (0..segment.buckets()).map(|home| segment.at_home(home).count()).sum();
            assert_eq!(at_home, segment.occupied().count());
            let noted: usize = (0..segment.buckets()).map(|home| segment.overflow_count(home)).sum();
            assert_eq!(noted, overflows.len());
            prefix = prefix.wrapping_add(1u64.checked_shl(u64::BITS - located.depth()).unwrap_or(0));
        }
        assert_eq!(prefix, 0, "the segments cover the hash space");
        assert_eq!(len, self.len);
    }

    /// How many words of the directory lead to a segment.
    fn span(&self, located: Located) -> usize {
        1 << (self.directory.depth() - located.depth())
    }
}

impl Segment<'_> {
    fn distance(self, slot: Slot) -> usize {
        assert!(slot.slot < SLOTS);
        self.bucket(slot.bucket).distance(slot.slot)
    }

    fn overflow_count(self, home: usize) -> usize {
        self.bucket(home).tags().distances().count()
    }
}
