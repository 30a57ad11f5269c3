//! What a shard knows beyond the bits of its keys, and what it tells the model.

use super::access::Access;
use super::ghosts::{GhostPrefetcher, Ghosts};
use super::model::{Pace, Priority, Ranks};

/// What a shard has seen since it told the model.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) requests: u64,
    pub(super) insertions: u64,
    /// Cells of noted uses, and of noted draws: of residents, and of ghosts.
    pub(super) uses: Vec<u16>,
    pub(super) drawn: [Vec<u16>; 2],
    /// Numbers of residents and of ghosts, summed over the ticks.
    pub(super) presence: [u64; 2],
}

/// Notes of a kind that a journal has room for, should nobody take them.
const NOTES_MAX: usize = 1024;

/// The state of one shard. It has to be told of all that happens to its keys.
#[derive(Debug)]
pub struct Shard {
    clock: u32,
    /// Requests until the next tick.
    until_tick: u32,
    pub(super) pace: Pace,
    /// The key that has come last, by the upper half of its hash.
    last: Option<u32>,
    ghosts: Ghosts,
    random: u32,
    pub(super) journal: Journal,
}

impl Shard {
    /// A shard without keys, for which that prefetcher is from now on. `seed` decides what is noted.
    pub fn new(seed: u32, prefetcher: GhostPrefetcher) -> Shard {
        Shard {
            clock: 0,
            until_tick: 1,
            pace: Pace::FIRST,
            last: None,
            ghosts: Ghosts::new(prefetcher),
            random: seed | 1,
            journal: Journal::default(),
        }
    }

    /// A resident key was used, one of so many: its new 24 bits.
    pub fn on_use(&mut self, access: u32, residents: usize) -> u32 {
        self.advance(residents);
        let access = Access(access);
        self.note_use(access);
        access.used(self.clock).0
    }

    /// A key has come to so many: its 24 bits.
    pub fn on_insert(&mut self, hash: u64, residents: usize) -> u32 {
        self.advance(residents);
        self.journal.insertions += 1;
        self.last = Some((hash >> 32) as u32);
        match self.ghosts.take(hash) {
            Some(access) => {
                self.note_use(access);
                access.used(self.clock).0
            }
            None => Access::first(self.clock).0,
        }
    }

    /// A key was used that does not count among residents, because it may not be evicted: its new 24 bits.
    pub fn on_other_use(&mut self, access: u32) -> u32 {
        Access(access).used(self.clock).0
    }

    /// Such a key has come: its 24 bits.
    pub fn on_other_insert(&mut self) -> u32 {
        Access::first(self.clock).0
    }

    /// The upper half of the hash of the key that has come last.
    pub fn last_inserted(&self) -> Option<u32> {
        self.last
    }

    /// A key that was drawn at random, and for no other reason, is counted in the census: its bits, which may have
    /// changed.
    pub fn on_draw(&mut self, access: u32) -> u32 {
        let access = Access(access);
        if self.is_noted() {
            note(&mut self.journal.drawn[0], access.cell(self.clock));
        }
        access.settled(self.clock).0
    }

    /// The priority of a key; of several ones the key with the least is to be evicted. `size` is what it takes if
    /// sizes matter, otherwise 1;
    /// `left_ms` how long it has to live if it expires.
    pub fn rank(&self, access: u32, size: u32, left_ms: Option<u64>, ranks: &Ranks) -> Priority {
        ranks.priority(Access(access).cell(self.clock), size, left_ms)
    }

    /// A key is evicted, one of so many.
    pub fn on_evict(&mut self, hash: u64, access: u32, residents: usize, ranks: &Ranks) {
        self.ghosts.fit(residents);
        let drawn = self.ghosts.put(hash, Access(access), self.clock, ranks);
        if let Some(ghost) = drawn.filter(|_| self.is_noted()) {
            note(&mut self.journal.drawn[1], ghost.cell(self.clock));
        }
    }

    /// There are no keys any more. Forgets those that were evicted if that gives much memory back.
    pub fn release(&mut self) {
        self.ghosts.release();
    }

    /// Whether the model should be told what was seen.
    pub fn is_due(&self) -> bool {
        let Journal { uses, drawn: [residents, ghosts], .. } = &self.journal;
        uses.len().max(residents.len()).max(ghosts.len()) >= self.pace.notes
    }

    fn advance(&mut self, residents: usize) {
        self.journal.requests += 1;
        self.until_tick -= 1;
        if self.until_tick == 0 {
            self.until_tick = self.pace.tick_length;
            self.clock = self.clock.wrapping_add(1);
            self.journal.presence[0] += residents as u64;
            self.journal.presence[1] += self.ghosts.count() as u64;
        }
    }

    fn note_use(&mut self, access: Access) {
        if self.is_noted() {
            note(&mut self.journal.uses, access.cell(self.clock));
        }
    }

    /// By lot: requests come in patterns, and a pattern of notes might meet them.
    fn is_noted(&mut self) -> bool {
        // Xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        // As rarely as a random number is a multiple, without a division.
        u64::from(self.random) * u64::from(self.pace.noted) < 1 << u32::BITS
    }
}

fn note(notes: &mut Vec<u16>, cell: usize) {
    if notes.len() < NOTES_MAX {
        notes.push(cell as u16);
    }
}
