//! What a shard knows beyond the bits of its keys, and what it tells the model.

use super::access::Access;
use super::ghosts::Ghosts;
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

/// The state of one shard. It knows the keys that may be evicted, and has to be told of all that happens to
/// them.
#[derive(Debug)]
pub(crate) struct Shard {
    clock: u32,
    /// Requests until the next tick.
    until_tick: u32,
    pub(super) pace: Pace,
    residents: usize,
    ghosts: Ghosts,
    random: u32,
    pub(super) journal: Journal,
}

impl Shard {
    pub(crate) fn new(seed: u32) -> Shard {
        Shard {
            clock: 0,
            until_tick: 1,
            pace: Pace::FIRST,
            residents: 0,
            ghosts: Ghosts::default(),
            random: seed | 1,
            journal: Journal::default(),
        }
    }

    /// A resident key was read: its new 24 bits.
    pub(crate) fn on_use(&mut self, access: u32) -> u32 {
        self.advance();
        let access = Access(access);
        self.note_use(access);
        access.used(self.clock).0
    }

    /// A key has come: its 24 bits.
    pub(crate) fn on_insert(&mut self, hash: u64) -> u32 {
        self.advance();
        self.journal.insertions += 1;
        self.residents += 1;
        match self.ghosts.take(hash) {
            Some(access) => {
                self.note_use(access);
                access.used(self.clock).0
            }
            None => Access::first(self.clock).0,
        }
    }

    /// A key has gone, and not by eviction.
    pub(crate) fn on_remove(&mut self) {
        self.residents = self.residents.saturating_sub(1);
    }

    /// A key that was drawn at random, and for no other reason, is counted in the census: its bits, which may
    /// have changed.
    pub(crate) fn on_draw(&mut self, access: u32) -> u32 {
        let access = Access(access);
        if self.is_noted() {
            note(&mut self.journal.drawn[0], access.cell(self.clock));
        }
        access.settled(self.clock).0
    }

    /// The priority of a key; of several ones the key with the least is to be evicted. `size` is what it
    /// takes if sizes matter, otherwise 1; `left_ms` how long it has to live if it expires.
    pub(crate) fn rank(&self, access: u32, size: u32, left_ms: Option<u64>, ranks: &Ranks) -> Priority {
        ranks.priority(Access(access).cell(self.clock), size, left_ms)
    }

    /// A key is evicted.
    pub(crate) fn on_evict(&mut self, hash: u64, access: u32, ranks: &Ranks) {
        self.on_remove();
        self.ghosts.fit(self.residents);
        let drawn = self.ghosts.put(hash, Access(access), self.clock, ranks);
        if let Some(ghost) = drawn.filter(|_| self.is_noted()) {
            note(&mut self.journal.drawn[1], ghost.cell(self.clock));
        }
    }

    /// Whether the model should be told what was seen.
    pub(crate) fn is_due(&self) -> bool {
        let Journal { uses, drawn: [residents, ghosts], .. } = &self.journal;
        uses.len().max(residents.len()).max(ghosts.len()) >= self.pace.notes
    }

    fn advance(&mut self) {
        self.journal.requests += 1;
        self.until_tick -= 1;
        if self.until_tick == 0 {
            self.until_tick = self.pace.tick_length;
            self.clock = self.clock.wrapping_add(1);
            self.journal.presence[0] += self.residents as u64;
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
        self.random.is_multiple_of(self.pace.noted)
    }
}

fn note(notes: &mut Vec<u16>, cell: usize) {
    if notes.len() < NOTES_MAX {
        notes.push(cell as u16);
    }
}
