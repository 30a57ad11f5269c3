//! The hash of the elements of collections, keyed once for the whole process.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

/// The process's keyed hash of elements.
///
/// One key serves all collections, so that a hash can be computed before the collection is known. The seed never
/// leaves the process, so that nobody can choose elements that collide better than by chance.
#[derive(Clone)]
pub struct ElementHasher(SeedableRandomState);

static PROCESS: OnceLock<ElementHasher> = OnceLock::new();

impl ElementHasher {
    fn new(seed: u64) -> ElementHasher {
        static SHARED: OnceLock<SharedSeed> = OnceLock::new();
        // Constants other than those of the hash of keys, which may have the same seed.
        let shared =
            SHARED.get_or_init(|| SharedSeed::from_u64(seed.rotate_left(23) ^ 0xd6e8_feb8_6659_fd93));
        ElementHasher(SeedableRandomState::with_seed(seed ^ 0xa076_1d64_78bd_642f, shared))
    }

    /// Sets the seed of the process's hash. Only the first call counts, and only before the first hash is taken.
    pub fn seed_process(seed: u64) {
        PROCESS.get_or_init(|| ElementHasher::new(seed));
    }

    /// The process's hash; if nobody has given a seed, it gets a random one.
    #[inline]
    pub fn get() -> &'static ElementHasher {
        PROCESS.get_or_init(|| ElementHasher::new(RandomState::new().build_hasher().finish()))
    }

    /// The hash of an element's text.
    #[inline]
    pub fn hash(&self, text: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(text);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_seed_stays() {
        ElementHasher::seed_process(1);
        let hash = ElementHasher::get().hash(b"element");
        ElementHasher::seed_process(2);
        assert_eq!(ElementHasher::get().hash(b"element"), hash);
        assert_ne!(ElementHasher::get().hash(b"elemenu"), hash);
    }
}
