//! Which key to evict, learned from the requests themselves.
//!
//! The order in which keys should go is that of their *hit density*: how many hits are to be expected from keeping a key, for
//! the time for which it has to be kept (Beckmann, Chen and Cidon, "LHD: improving cache hit rate by maximizing hit density",
//! NSDI '18). What is known of a key is
//!
//! - its age: how long ago its last use is;
//! - its interval: the mean time between its last uses;
//! - how many uses the interval is known from;
//!
//! all of it in 24 bits ([`Access`]). For each combination, on a logarithmic scale (a [`cell`]), the [`Model`] estimates how often a
//! key in this situation is used: uses that were seen there, over the time that keys spent there. The latter is not
//! counted key by key. The keys that are drawn at random for eviction anyway are a census of the whole population.
//! From these rates follows the density as Gittins' index: the best ratio of the chance of a hit within a time to the time
//! that the key is expected to be kept for it, over all times (Gittins, J. R. Stat. Soc. B 41, 1979). Where popularity
//! is fixed it equals the rate; in a loop it rises with the age, since a key that was used just now comes last.
//!
//! Learning from residents alone would confirm any prejudice: what is evicted early is never seen to be used late. So what is known of
//! some evicted keys is kept ([`Ghosts`]): they are counted in the census, and their uses count as uses. Besides, a key that comes
//! back takes up what was known of it (as in ARC, Megiddo and Modha, FAST '03, and LIRS, Jiang and Zhang, SIGMETRICS '02).
//! Estimates are thus free of the policy's influence, and neither a tuning parameter nor an exploring phase is needed.
//!
//! Time is counted in *ticks*, of which 256 pass while as many keys come as there are residents. It follows the size of the
//! cache and the pace of requests: what changes is how many requests make a tick ([`Ranks::tick_length`]), never the meaning of stamps.
//!
//! Cost: a use changes the 24 bits with a dozen integer operations and notes one in eight in a journal. A candidate
//! for eviction costs one look-up in a table of 8 KiB. About once in as many requests as there are keys the table is computed
//! anew, in a fraction of a millisecond, by whoever owns the [`Model`].

/// Ticks that pass while as many keys are inserted as are resident.
const TICKS_IN_TURNOVER: u32 = 256;
/// Stamps are kept modulo this number of ticks.
const STAMPS: u32 = 1 << STAMP_BITS;
const STAMP_BITS: u32 = 12;
const INTERVAL_BITS: u32 = 9;
/// Ages stay below this one, so that they do not turn into young ones before a census takes notice.
const AGE_MAX: u32 = STAMPS / 4 * 3;
/// As many uses as the three bits can tell apart; more are the same.
const USES_MAX: u32 = 8;
/// Intervals are means over about this many uses.
const USES_IN_MEAN: u32 = 7;
/// Intervals are counted in this part of a tick,
const INTERVAL_UNIT_BITS: u32 = 4;
/// and written down with so many bits behind the leading one.
const INTERVAL_MANTISSA_BITS: u32 = 5;

/// Ages within a class, a power of two for the sake of indexing; there are two in an octave.
const AGES: usize = 32;
/// Intervals within a number of uses, two in an octave.
const INTERVALS: usize = 32;
/// Numbers of uses: 1, 2 and 3, 4 to 7, more.
const USES: usize = 4;
const CELLS: usize = USES * INTERVALS * AGES;

/// One in so many uses and draws is noted, the fewer the more residents there are; which one is drawn.
const NOTED_MAX: u32 = 8;
/// Residents up to which all are noted.
const RESIDENTS_NOTED: u64 = 1 << 16;
/// Notes in a journal before the model has to take them: one for so many residents in all, within limits.
const RESIDENTS_FOR_NOTE: u64 = 512;
const NOTES_MIN: u64 = 16;
const NOTES_MAX: u64 = 256;
/// Notes of uses that a journal has room for.
const JOURNAL_NOTES_MAX: usize = 2 * NOTES_MAX as usize;
/// Of what was learned so much stays at each computation.
const MEMORY: f32 = 0.9;
/// Requests between two computations: one for so many residents, but no fewer than the least. What was learned is thus forgotten
/// within about as many requests as there are residents.
const RESIDENTS_FOR_REQUEST: u64 = 8;
const PERIOD_MIN: u64 = 1 << 13;
/// So many uses of a cell are taken as seen before any was: at the rate that the interval or the age suggests.
const PRIOR_USES: f32 = 1.0;
/// The interval that is assumed of keys that were used once, in ticks.
const PRIOR_INTERVAL: f32 = 64.0;

/// Ghosts for each resident key. A ghost takes four bytes, which makes one byte for each key.
const RESIDENTS_FOR_GHOST: usize = 2;
/// Ghosts that are looked at together.
const GHOSTS_IN_BUCKET: usize = 4;

/// What is known of a key's use, in 24 bits: the tick of its last use modulo [`STAMPS`], its interval, and its uses less one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Access(u32);

impl Access {
    fn new(stamp: u32, interval: u32, uses: u32) -> Access {
        Access((stamp % STAMPS) | (interval << STAMP_BITS) | ((uses - 1) << (STAMP_BITS + INTERVAL_BITS)))
    }

    fn interval(self) -> u32 {
        self.0 >> STAMP_BITS & ((1 << INTERVAL_BITS) - 1)
    }

    fn uses(self) -> u32 {
        (self.0 >> (STAMP_BITS + INTERVAL_BITS) & (USES_MAX - 1)) + 1
    }

    /// Ticks since the last use.
    fn age(self, clock: u32) -> u32 {
        (clock.wrapping_sub(self.0) % STAMPS).min(AGE_MAX)
    }

    /// After one more use.
    fn used(self, clock: u32) -> Access {
        let (age, known) = (self.age(clock) << INTERVAL_UNIT_BITS, self.uses().min(USES_IN_MEAN) as i64);
        let interval = if known == 1 {
            age
        } else {
            let mean = i64::from(decoded(self.interval()));
            // The first interval lies between the first two uses.
            (mean + (i64::from(age) - mean) / (known)) as u32
        };
        Access::new(clock, encoded(interval), (self.uses() + 1).min(USES_MAX))
    }

    /// The cell of the model that this belongs to.
    fn cell(self, clock: u32) -> usize {
        let uses = self.uses().ilog2() as usize;
        let interval = (self.interval() >> (INTERVAL_MANTISSA_BITS - 1)) as usize;
        (uses * INTERVALS + interval) * AGES + age_place(self.age(clock))
    }
}

/// An interval on a logarithmic scale that is straight between powers of two.
fn encoded(interval: u32) -> u32 {
    let interval = interval.max(1);
    let octave = interval.ilog2();
    let mantissa =
        (u64::from(interval) << INTERVAL_MANTISSA_BITS >> octave) as u32 - (1 << INTERVAL_MANTISSA_BITS);
    (octave << INTERVAL_MANTISSA_BITS | mantissa).min((1 << INTERVAL_BITS) - 1)
}

fn decoded(code: u32) -> u32 {
    let mantissa = code & ((1 << INTERVAL_MANTISSA_BITS) - 1) | 1 << INTERVAL_MANTISSA_BITS;
    (u64::from(mantissa) << (code >> INTERVAL_MANTISSA_BITS) >> INTERVAL_MANTISSA_BITS) as u32
}

/// The place of an age among those of its class.
fn age_place(age: u32) -> usize {
    let octave = (age + 1).ilog2();
    let half = ((age + 1) << 1 >> octave) & 1;
    // There is one age in the first octave, and no second half of it.
    (octave * 2 + half).saturating_sub(1) as usize
}

/// The first age with a place, as a time.
fn age_at(place: usize) -> f32 {
    if place == 0 {
        return 0.0;
    }
    let octave = (1_u32 << place.div_ceil(2)) as f32;
    octave * (1.0 + ((place + 1) % 2) as f32 / 2.0) - 1.0
}

/// The places that ages have; the last one ends with the last stamp.
const AGE_PLACES: usize = 2 * STAMP_BITS as usize - 1;

/// A density as a logarithm, so that it can be divided by a size; the least one goes first.
pub(crate) type Priority = i32;

/// Steps of a [`Priority`] for a factor of two.
const PRIORITY_STEPS: f32 = 256.0;

fn priority(density: f32) -> Priority {
    (density.max(f32::MIN_POSITIVE).log2() * PRIORITY_STEPS) as Priority
}

/// What the model has found, for all shards to read.
#[derive(Debug, Clone)]
pub(crate) struct Ranks {
    /// Of each cell, the priority, and the priority of keys that expire before the hits come for which they should be kept.
    cells: Box<[(i16, i16)]>,
    /// Of each cell, for how many ticks keys should be kept.
    horizons: Box<[u16]>,
    /// Requests to a shard in one of its ticks.
    tick_length: u32,
    /// Milliseconds in a tick.
    tick_ms: u32,
    /// One use or draw in so many is noted, and the model takes so many notes at once.
    noted: u32,
    notes: usize,
}

/// What a shard knows beyond the bits of its keys.
#[derive(Debug)]
pub(crate) struct Shard {
    clock: u32,
    /// Requests until the next tick.
    until_tick: u32,
    tick_length: u32,
    noted: u32,
    notes: usize,
    /// The key that has come last, by the upper half of its hash.
    last: Option<u32>,
    ghosts: Ghosts,
    random: u32,
    journal: Journal,
}

/// What a shard has seen since it told the model.
#[derive(Debug, Default)]
struct Journal {
    requests: u64,
    insertions: u64,
    /// Cells of noted uses, of drawn residents and of drawn ghosts.
    uses: Vec<u16>,
    /// Uses that would have been noted, had there been room.
    unnoted: u32,
    drawn: [Vec<u16>; 2],
    /// Numbers of residents and of ghosts, summed over the ticks.
    presence: [u64; 2],
}

impl Shard {
    pub(crate) fn new(seed: u32) -> Shard {
        Shard {
            clock: 0,
            until_tick: 1,
            tick_length: 1,
            noted: 1,
            notes: NOTES_MIN as usize,
            last: None,
            ghosts: Ghosts::default(),
            random: seed | 1,
            journal: Journal::default(),
        }
    }

    /// A resident key was used, one of so many: its new 24 bits.
    pub(crate) fn on_use(&mut self, access: u32, residents: usize) -> u32 {
        self.advance(residents);
        let access = Access(access);
        self.note_use(access);
        access.used(self.clock).0
    }

    /// A key has come to so many: its 24 bits.
    pub(crate) fn on_insert(&mut self, hash: u64, residents: usize) -> u32 {
        self.advance(residents);
        self.journal.insertions += 1;
        self.last = Some((hash >> 32) as u32);
        match self.ghosts.take(hash) {
            Some(access) => {
                self.note_use(access);
                access.used(self.clock).0
            }
            None => Access::new(self.clock, 0, 1).0,
        }
    }

    /// The upper half of the hash of the key that has come last.
    pub(crate) fn last_inserted(&self) -> Option<u32> {
        self.last
    }

    /// A key is evicted, one of so many.
    pub(crate) fn on_evict(&mut self, hash: u64, access: u32, residents: usize, ranks: &Ranks) {
        self.ghosts.fit(residents);
        let drawn = self.ghosts.put(hash, Access(access), self.clock, ranks);
        if let Some(ghost) = drawn.filter(|_| self.is_noted()) {
            self.journal.drawn[1].push(ghost.cell(self.clock) as u16);
        }
    }

    /// The priority of a resident key that has been drawn at random; the one with the least is evicted. `left` is how many
    /// milliseconds the key has to live if it expires, `size` what it takes if sizes matter, otherwise 1.
    pub(crate) fn rank(&self, access: u32, size: u32, left: Option<u32>, ranks: &Ranks) -> Priority {
        let cell = Access(access).cell(self.clock);
        let (kept, now) = ranks.cells[cell];
        // Hits that are only to be expected later will not come.
        let short =
            left.is_some_and(|left| left < u32::from(ranks.horizons[cell]).saturating_mul(ranks.tick_ms));
        Priority::from(if short { now } else { kept }) - priority(size as f32)
    }

    /// Counts a resident key that has been drawn at random, and not for its rank, in the census: its bits, which may have changed.
    pub(crate) fn on_draw(&mut self, access: u32) -> u32 {
        let access = Access(access);
        if self.is_noted() {
            self.journal.drawn[0].push(access.cell(self.clock) as u16);
        }
        if access.age(self.clock) < AGE_MAX {
            return access.0;
        }
        Access::new(self.clock.wrapping_sub(AGE_MAX), access.interval(), access.uses()).0
    }

    /// Whether the model should be told what was seen.
    pub(crate) fn is_due(&self) -> bool {
        let Journal { uses, drawn: [residents, ghosts], .. } = &self.journal;
        uses.len().max(residents.len()).max(ghosts.len()) >= self.notes
    }

    fn advance(&mut self, residents: usize) {
        self.journal.requests += 1;
        self.until_tick -= 1;
        if self.until_tick == 0 {
            self.until_tick = self.tick_length;
            self.clock = self.clock.wrapping_add(1);
            self.journal.presence[0] += residents as u64;
            self.journal.presence[1] += self.ghosts.count as u64;
        }
    }

    fn note_use(&mut self, access: Access) {
        if self.is_noted() {
            // Where no key has to go for long, nobody asks for the notes.
            if self.journal.uses.len() < JOURNAL_NOTES_MAX {
                self.journal.uses.push(access.cell(self.clock) as u16);
            } else {
                self.journal.unnoted += 1;
            }
        }
    }

    /// By lot: requests come in patterns, and a pattern of notes might meet them.
    fn is_noted(&mut self) -> bool {
        // Xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random.is_multiple_of(self.noted)
    }
}

/// What is known of keys that were evicted: of each a tag of 8 bits and its 24 bits, in buckets by hash.
#[derive(Debug, Default)]
struct Ghosts {
    /// 0 is no ghost.
    ghosts: Vec<u32>,
    count: usize,
}

impl Ghosts {
    /// Makes room for as many as go with a number of residents, once the number has grown by a fourth.
    fn fit(&mut self, residents: usize) {
        let wanted = residents.div_ceil(RESIDENTS_FOR_GHOST * GHOSTS_IN_BUCKET).max(1) * GHOSTS_IN_BUCKET;
        if wanted > self.ghosts.len() + self.ghosts.len() / 4 {
            self.ghosts = vec![0; wanted];
            self.count = 0;
        }
    }

    fn bucket(&mut self, hash: u64) -> &mut [u32] {
        let buckets = self.ghosts.len() / GHOSTS_IN_BUCKET;
        let bucket = if buckets == 0 { 0 } else { hash as usize % buckets };
        let start = bucket * GHOSTS_IN_BUCKET;
        let end = self.ghosts.len().min(start + GHOSTS_IN_BUCKET);
        &mut self.ghosts[start..end]
    }

    fn tag(hash: u64) -> u32 {
        ((hash >> 56) as u32).max(1)
    }

    fn take(&mut self, hash: u64) -> Option<Access> {
        let ghost = self.bucket(hash).iter_mut().find(|ghost| **ghost >> 24 == Ghosts::tag(hash))?;
        let access = Access(std::mem::take(ghost) & 0xff_ffff);
        self.count -= 1;
        Some(access)
    }

    /// Puts a ghost where there is none or where the one with the least rank is, and returns one that was there, drawn at random.
    fn put(&mut self, hash: u64, access: Access, clock: u32, ranks: &Ranks) -> Option<Access> {
        let known = |ghost: u32| Access(ghost & 0xff_ffff);
        let drawn = (hash >> 32) as usize % GHOSTS_IN_BUCKET;
        let mut gone = 0;
        let bucket = self.bucket(hash);
        for ghost in bucket.iter_mut().filter(|ghost| **ghost != 0 && known(**ghost).age(clock) >= AGE_MAX) {
            *ghost = 0;
            gone += 1;
        }
        let drawn = bucket.get(drawn).filter(|ghost| **ghost != 0).map(|ghost| known(*ghost));
        let place = |ghost: &&mut u32| match **ghost {
            0 => i16::MIN,
            ghost => ranks.cells[known(ghost).cell(clock)].0,
        };
        if let Some(worst) = bucket.iter_mut().min_by_key(place) {
            let added = usize::from(*worst == 0);
            *worst = Ghosts::tag(hash) << 24 | access.0;
            self.count += added;
        }
        self.count -= gone;
        drawn
    }
}

/// Rates of use, by what is known of keys.
#[derive(Debug)]
pub(crate) struct Model {
    seen: Journal,
    /// Uses and the census of the present period.
    uses: Box<[f32]>,
    census: [Box<[f32]>; 2],
    /// What was learned: uses, and the time that keys spent, in ticks.
    learned_uses: Box<[f32]>,
    learned_time: Box<[f32]>,
    shards: usize,
}

impl Model {
    pub(crate) fn new(shards: usize) -> Model {
        let cells = || vec![0.0; CELLS].into_boxed_slice();
        Model {
            seen: Journal::default(),
            uses: cells(),
            census: [cells(), cells()],
            learned_uses: cells(),
            learned_time: cells(),
            shards,
        }
    }

    /// Takes what a shard has seen, and tells it how long a tick is.
    pub(crate) fn take(&mut self, shard: &mut Shard, ranks: &Ranks) {
        let noted = shard.journal.uses.len() as f32;
        let unnoted = std::mem::take(&mut shard.journal.unnoted) as f32;
        let weight = shard.noted as f32;
        let weight_of_uses = weight * (1.0 + unnoted / noted.max(1.0));
        (shard.tick_length, shard.noted, shard.notes) = (ranks.tick_length, ranks.noted, ranks.notes);
        let journal = &mut shard.journal;
        self.seen.requests += std::mem::take(&mut journal.requests);
        self.seen.insertions += std::mem::take(&mut journal.insertions);
        for (sum, presence) in self.seen.presence.iter_mut().zip(&mut journal.presence) {
            *sum += std::mem::take(presence);
        }
        journal.uses.drain(..).for_each(|cell| self.uses[usize::from(cell)] += weight_of_uses);
        for (census, drawn) in self.census.iter_mut().zip(&mut journal.drawn) {
            drawn.drain(..).for_each(|cell| census[usize::from(cell)] += 1.0);
        }
    }

    /// Whether enough was seen to compute new ranks.
    pub(crate) fn is_due(&self, residents: u64) -> bool {
        self.seen.requests >= PERIOD_MIN.max(residents / RESIDENTS_FOR_REQUEST)
    }

    /// Learns from what was seen in the last `elapsed_ms`, and ranks all cells.
    pub(crate) fn ranks(&mut self, residents: u64, elapsed_ms: u64) -> Ranks {
        let seen = std::mem::take(&mut self.seen);
        let totals: [f32; 2] = std::array::from_fn(|population| self.census[population].iter().sum());
        for cell in 0..CELLS {
            let times = totals.iter().zip(&seen.presence).zip(&mut self.census);
            let time: f32 = times
                .filter(|((total, _), _)| **total > 0.0)
                .map(|((total, presence), census)| {
                    std::mem::take(&mut census[cell]) / total * *presence as f32
                })
                .sum();
            let uses = std::mem::take(&mut self.uses[cell]);
            self.learned_uses[cell] = self.learned_uses[cell] * MEMORY + uses;
            self.learned_time[cell] = self.learned_time[cell] * MEMORY + time;
        }
        let tick_length = tick_length(&seen, residents, self.shards);
        let ticks = (seen.requests / self.shards as u64 / u64::from(tick_length)).max(1);
        let mut ranks = Ranks {
            cells: vec![(0, 0); CELLS].into(),
            horizons: vec![0; CELLS].into(),
            tick_length,
            tick_ms: u32::try_from(elapsed_ms / ticks).unwrap_or(u32::MAX),
            noted: (residents / RESIDENTS_NOTED).clamp(1, u64::from(NOTED_MAX)) as u32,
            notes: (residents / RESIDENTS_FOR_NOTE).clamp(NOTES_MIN, NOTES_MAX) as usize,
        };
        for class in 0..CELLS / AGES {
            self.rank_class(class, &mut ranks);
        }
        ranks
    }

    /// Gittins' index of each age of a class, in which a key is used at its age's rate until it comes to the next age.
    fn rank_class(&self, class: usize, ranks: &mut Ranks) {
        let interval = match class {
            0..INTERVALS => PRIOR_INTERVAL,
            _ => {
                let code = (class % INTERVALS) << (INTERVAL_MANTISSA_BITS - 1);
                decoded(code as u32) as f32 * 1.25 / (1 << INTERVAL_UNIT_BITS) as f32
            }
        };
        // Of each age, the rate of uses, how long it lasts, and the chance to get through it without a use.
        let ages: [(f32, f32, f32); AGE_PLACES] = std::array::from_fn(|place| {
            let (start, end) = (age_at(place), age_at(place + 1));
            let expected = interval.max((start + end) / 2.0) + 0.5;
            let cell = class * AGES + place;
            let rate =
                (self.learned_uses[cell] + PRIOR_USES) / (self.learned_time[cell] + PRIOR_USES * expected);
            (rate, end - start, (-rate * (end - start)).exp())
        });
        for start in 0..AGE_PLACES {
            let (mut hits, mut time, mut left) = (0.0, 0.0, 1.0);
            let (mut best, mut horizon, mut kept) = (0.0, 0.0, 0.0);
            for (rate, length, through) in &ages[start..] {
                let here = left * (1.0 - through);
                hits += here;
                time += here / rate;
                kept += length;
                left *= through;
                if hits / time > best {
                    (best, horizon) = (hits / time, kept);
                }
            }
            let cell = class * AGES + start;
            ranks.cells[cell] = (priority(best) as i16, priority(ages[start].0) as i16);
            ranks.horizons[cell] = horizon as u16;
        }
    }
}

impl Ranks {
    /// Before anything is learned: the longer a key was not used, and the fewer uses it had, the sooner it goes.
    pub(crate) fn first(shards: usize) -> Ranks {
        Model::new(shards).ranks(0, 0)
    }
}

/// How many requests make a tick in each shard.
fn tick_length(seen: &Journal, residents: u64, shards: usize) -> u32 {
    // As many requests as bring one insertion; where nothing has to be inserted, not beyond all measure.
    let requests = (seen.requests.max(1) as f64 / seen.insertions.max(1) as f64).min(1000.0);
    let length = residents as f64 / shards as f64 / f64::from(TICKS_IN_TURNOVER) * requests;
    length.max(1.0) as u32
}
