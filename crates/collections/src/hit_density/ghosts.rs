//! What is known of keys that were evicted.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::access::{AGE_MAX, Access};
use super::model::Ranks;
use crate::prefetch::prefetch;

/// There is a ghost for so many residents. A ghost takes four bytes.
const RESIDENTS_FOR_GHOST: usize = 2;
/// Ghosts that are looked at together.
const BUCKET: usize = 4;
const ACCESS_BITS: u32 = 24;

/// In buckets by hash: of each key a tag of 8 bits of its hash, and its 24 bits. Where a key's tag is another one's,
/// it takes up what was known of the
/// other one, which happens to one new key in a hundred and does no harm.
#[derive(Debug)]
pub(super) struct Ghosts {
    /// 0 is no ghost.
    ghosts: Vec<u32>,
    count: usize,
    prefetcher: GhostPrefetcher,
}

/// Asks for the memory of what is known of evicted keys, from any thread and without the lock of the shard that it is for.
#[derive(Debug, Clone, Default)]
pub struct GhostPrefetcher(Arc<Location>);

/// Where ghosts are. It may be told while it changes, or after they have moved: then something else is asked for, or nothing.
#[derive(Debug, Default)]
struct Location {
    start: AtomicPtr<u32>,
    buckets: AtomicUsize,
}

impl GhostPrefetcher {
    /// Asks for what [`Shard::on_insert`](super::Shard::on_insert) and [`Shard::on_evict`](super::Shard::on_evict) need for this
    /// hash.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let buckets = self.0.buckets.load(Ordering::Relaxed);
        if buckets > 0 {
            let start = self.0.start.load(Ordering::Relaxed);
            prefetch(start.wrapping_add(bucket_of(hash, buckets) * BUCKET).cast());
        }
    }
}

/// The number of the bucket of a hash among so many.
fn bucket_of(hash: u64, buckets: usize) -> usize {
    hash as usize % buckets
}

impl Ghosts {
    /// None, which the prefetcher is told of when there are some.
    pub(super) fn new(prefetcher: GhostPrefetcher) -> Ghosts {
        Ghosts { ghosts: Vec::new(), count: 0, prefetcher }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Makes room for as many as go with a number of residents, once the number has grown by a fourth or fallen to one. What was
    /// there is forgotten.
    pub(super) fn fit(&mut self, residents: usize) {
        let wanted = residents.div_ceil(RESIDENTS_FOR_GHOST * BUCKET).max(1) * BUCKET;
        let len = self.ghosts.len();
        if wanted > len + len / 4 || wanted < len / 4 {
            self.replace(wanted);
        }
    }

    /// Forgets all if they take more than a few hundred bytes.
    pub(super) fn release(&mut self) {
        const KEPT: usize = 128;
        if self.ghosts.len() > KEPT {
            self.replace(0);
        }
    }

    fn replace(&mut self, len: usize) {
        self.ghosts = vec![0; len];
        self.count = 0;
        self.prefetcher.0.start.store(self.ghosts.as_mut_ptr(), Ordering::Relaxed);
        self.prefetcher.0.buckets.store(len / BUCKET, Ordering::Relaxed);
    }

    fn bucket(&mut self, hash: u64) -> &mut [u32] {
        let start = bucket_of(hash, (self.ghosts.len() / BUCKET).max(1)) * BUCKET;
        let end = self.ghosts.len().min(start + BUCKET);
        &mut self.ghosts[start..end]
    }

    /// Takes out what is known of a key.
    pub(super) fn take(&mut self, hash: u64) -> Option<Access> {
        let ghost = self.bucket(hash).iter_mut().find(|ghost| **ghost >> ACCESS_BITS == tag(hash))?;
        let access = access(std::mem::take(ghost));
        self.count -= 1;
        Some(access)
    }

    /// Puts a key where there is no ghost or where the one with the least rank is, and returns one that was there,
    /// drawn at random.
    pub(super) fn put(&mut self, hash: u64, evicted: Access, clock: u32, ranks: &Ranks) -> Option<Access> {
        let (bucket, mut gone, mut added) = (self.bucket(hash), 0, 0);
        for ghost in bucket.iter_mut().filter(|ghost| **ghost != 0 && access(**ghost).age(clock) >= AGE_MAX) {
            *ghost = 0;
            gone += 1;
        }
        let drawn = bucket.get((hash >> 32) as usize % BUCKET).copied();
        let worst = bucket.iter_mut().min_by_key(|ghost| match **ghost {
            0 => i16::MIN,
            ghost => ranks.rank_if_kept(access(ghost).cell(clock)),
        });
        if let Some(worst) = worst {
            added += usize::from(*worst == 0);
            *worst = (tag(hash) << ACCESS_BITS) | evicted.0;
        }
        self.count = self.count + added - gone;
        drawn.filter(|ghost| *ghost != 0).map(access)
    }
}

fn access(ghost: u32) -> Access {
    Access(ghost & ((1 << ACCESS_BITS) - 1))
}

/// Never 0, so that no ghost is.
fn tag(hash: u64) -> u32 {
    ((hash >> 56) as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn a_ghost_is_taken_once_and_another_key_finds_none() {
        let (mut ghosts, ranks) = (Ghosts::new(GhostPrefetcher::default()), Ranks::first(1));
        assert_eq!(ghosts.take(hash(1)), None, "there is no room yet");
        ghosts.fit(1000);
        let access = Access::first(5).used(9);
        assert_eq!(ghosts.put(hash(1), access, 10, &ranks), None);
        assert_eq!((ghosts.take(hash(2)), ghosts.count()), (None, 1));
        assert_eq!((ghosts.take(hash(1)), ghosts.count()), (Some(access), 0));
        assert_eq!(ghosts.take(hash(1)), None);
    }

    #[test]
    fn a_prefetcher_knows_where_the_ghosts_are_also_after_they_have_moved() {
        let prefetcher = GhostPrefetcher::default();
        let mut ghosts = Ghosts::new(prefetcher.clone());
        prefetcher.prefetch(hash(1));
        for residents in [1, 1000, 100_000, 90_000, 20_000, 0] {
            ghosts.fit(residents);
            let Location { start, buckets } = &*prefetcher.0;
            assert_eq!(start.load(Ordering::Relaxed), ghosts.ghosts.as_mut_ptr());
            assert_eq!(buckets.load(Ordering::Relaxed) * BUCKET, ghosts.ghosts.len());
            prefetcher.prefetch(hash(1));
        }
    }

    #[test]
    fn there_are_as_many_as_go_with_the_residents() {
        let mut ghosts = Ghosts::new(GhostPrefetcher::default());
        let mut len_after = |residents| {
            ghosts.fit(residents);
            ghosts.ghosts.len()
        };
        assert_eq!([1000, 1200, 300, 10_000, 2000, 10].map(&mut len_after), [500, 500, 500, 5000, 1000, 8]);
        len_after(10_000);
        ghosts.put(hash(1), Access::first(1), 2, &Ranks::first(1));
        ghosts.release();
        assert_eq!((ghosts.ghosts.capacity(), ghosts.count(), ghosts.take(hash(1))), (0, 0, None));
    }

    #[test]
    fn the_least_rank_goes_and_the_count_stays_true() {
        let (mut ghosts, ranks) = (Ghosts::new(GhostPrefetcher::default()), Ranks::first(1));
        ghosts.fit(1);
        // One bucket: what was used the longest ago has the least rank as long as nothing is learned.
        for number in 1..=5 {
            ghosts.put(hash(number), Access::first(number as u32 * 100), 600, &ranks);
        }
        assert_eq!((ghosts.count(), ghosts.take(hash(1))), (4, None));
        assert_eq!(ghosts.take(hash(5)), Some(Access::first(500)));
        ghosts.put(hash(6), Access::first(100 + AGE_MAX), 100 + AGE_MAX, &ranks);
        assert_eq!(ghosts.count(), 4, "nothing is too old");
        ghosts.put(hash(7), Access::first(301 + AGE_MAX), 301 + AGE_MAX, &ranks);
        assert_eq!(ghosts.count(), 3, "two are too old, one has come");
    }
}
