//! The best candidates for eviction that were seen lately.
//!
//! A sample of five keys finds one that is among the oldest fifth, on average the oldest sixth. What makes sampling nearly
//! as good as a list of all keys is to remember the good candidates that did not have to go yet, as Redis has done since
//! version 3 ("Approximated LRU algorithm" in its documentation).

/// How many candidates are remembered.
const CANDIDATES_MAX: usize = 16;

/// As many bytes their names may take together, and twice as many while some are added; but one of them may have any.
const NAME_BYTES_MAX: usize = 64 * 1024;

/// A key that may have to go.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidate {
    /// How willingly: see [`Choice::score`](super::policy::Choice::score).
    pub(super) score: u64,
    /// The number of its database, as clients know it.
    pub(super) database: u32,
    pub(super) hash: u64,
    /// What was known of its use when it became one.
    pub(super) access: u32,
    pub(super) key: Vec<u8>,
}

/// Candidates by their scores, the best last.
#[derive(Debug, Default)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
    /// Memory for keys, to be used again.
    spare: Vec<Candidate>,
}

impl Pool {
    /// Whether a key with this score is not worse than all that are remembered, or there is room.
    #[inline]
    pub(super) fn wants(&self, score: u64) -> bool {
        self.candidates.len() < CANDIDATES_MAX
            || self.candidates.first().is_some_and(|worst| worst.score < score)
    }

    /// Remembers a key that is wanted.
    pub(super) fn offer(&mut self, score: u64, database: u32, hash: u64, key: &[u8], access: u32) {
        if self.candidates.iter().any(|other| other.hash == hash && other.database == database) {
            return;
        }
        if self.candidates.len() == CANDIDATES_MAX {
            self.drop_worst();
        }
        let mut candidate = self.spare.pop().unwrap_or_default();
        candidate.key.clear();
        candidate.key.extend_from_slice(key);
        let candidate = Candidate { score, database, hash, access, key: candidate.key };
        let place = self.candidates.partition_point(|other| other.score <= score);
        self.candidates.insert(place, candidate);
        let name_bytes = |pool: &Self| pool.candidates.iter().map(|other| other.key.len()).sum::<usize>();
        if key.len() > NAME_BYTES_MAX / CANDIDATES_MAX {
            while self.candidates.len() > 1 && name_bytes(self) > NAME_BYTES_MAX {
                self.drop_worst();
            }
        }
    }

    fn drop_worst(&mut self) {
        let worst = self.candidates.remove(0);
        self.reuse(worst);
    }

    /// The candidates, the best first.
    pub(super) fn best_first(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().rev()
    }

    /// Takes the best one out. Give it back with [`Self::reuse`].
    pub(super) fn take_best(&mut self) -> Option<Candidate> {
        self.candidates.pop()
    }

    /// Keeps the memory of a candidate that is needed no more, unless its key is long.
    pub(super) fn reuse(&mut self, candidate: Candidate) {
        const KEY_BYTES_MAX: usize = 255;
        if candidate.key.capacity() <= KEY_BYTES_MAX && self.spare.len() < CANDIDATES_MAX {
            self.spare.push(candidate);
        }
    }

    /// Forgets all: they were chosen by other scores.
    pub(super) fn clear(&mut self) {
        self.candidates.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_remembered_each_once() {
        let mut pool = Pool::default();
        let scores = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4];
        for _ in 0..2 {
            for (hash, score) in scores.iter().enumerate() {
                if pool.wants(*score) {
                    pool.offer(*score, 0, hash as u64, &hash.to_le_bytes(), 0);
                }
            }
        }
        let mut expected = scores;
        expected.sort_unstable();
        for score in expected.iter().rev().take(CANDIDATES_MAX) {
            let best = pool.take_best().expect("there are as many");
            assert_eq!((best.score, best.key.as_slice()), (*score, &(best.hash as usize).to_le_bytes()[..]));
            pool.reuse(best);
        }
        assert!(pool.take_best().is_none());
    }

    #[test]
    fn of_long_names_the_best_are_remembered_that_do_not_take_much() {
        let mut pool = Pool::default();
        let long = |bytes: usize| "n".repeat(bytes).into_bytes();
        (0..16).for_each(|score| pool.offer(score, 0, score, &long(20_000), 0));
        let scores = |pool: &Pool| pool.best_first().map(|candidate| candidate.score).collect::<Vec<_>>();
        assert_eq!(scores(&pool), [15, 14, 13]);
        pool.offer(3, 0, 16, &long(5_000_000), 0);
        assert_eq!(scores(&pool), [15, 14, 13]);
        pool.offer(20, 0, 17, &long(5_000_000), 0);
        assert_eq!(scores(&pool), [20]);
        pool.offer(1, 0, 18, b"short", 0);
        assert_eq!(scores(&pool), [20, 1]);
        assert!(pool.spare.iter().all(|spare| spare.key.capacity() <= 255));
    }

    #[test]
    fn keys_of_different_databases_are_different() {
        let mut pool = Pool::default();
        pool.offer(1, 0, 7, b"key", 0);
        pool.offer(1, 1, 7, b"key", 0);
        assert!(pool.take_best().is_some() && pool.take_best().is_some());
    }
}
