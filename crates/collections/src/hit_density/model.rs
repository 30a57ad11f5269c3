//! Rates of use, by what is known of keys, and the ranks that follow from them.

use super::access::{AGE_PLACES, AGES, CELLS, CLASSES, age_at, class_interval};
use super::shard::{Journal, Shard};

/// Ticks that pass while as many keys are inserted as are resident.
const TICKS_IN_TURNOVER: f64 = 256.0;
/// Where hardly anything is inserted, a tick does not grow beyond what it has with one insertion in so many requests.
const REQUESTS_FOR_INSERTION_MAX: f64 = 1000.0;
/// Requests between two computations: one for so many residents, but no fewer than the least.
const RESIDENTS_FOR_REQUEST: u64 = 8;
const PERIOD_MIN: u64 = 1 << 13;
/// Of what was learned so much stays at each computation: it is forgotten within about as many requests as there are
/// residents.
const MEMORY: f32 = 0.9;
/// If ticks are shorter or longer than they were by this factor, what was learned is discounted.
const PACE_CHANGE: f32 = 0.5;
/// Fewer keys than this are no census.
const CENSUS_MIN: f32 = 512.0;
/// So many uses of a cell are taken as seen before any was, at the rate that the interval or the age suggests.
const PRIOR_USES: f32 = 1.0;
/// One in so many uses and draws is noted at most, the fewer the more residents there are,
const NOTED_MAX: u64 = 8;
/// and all up to so many residents.
const RESIDENTS_NOTED: u64 = 1 << 16;
/// Notes that the model takes at once: one for so many residents, within limits.
const RESIDENTS_FOR_NOTE: u64 = 512;
const NOTES_MIN: usize = 16;
const NOTES_MAX: usize = 256;

/// A density as a logarithm, so that a size can be taken off it.
pub type Priority = i32;

/// Steps of a [`Priority`] for a factor of two, as a power of two.
const PRIORITY_BITS: u32 = 8;

fn priority(density: f32) -> Priority {
    (density.max(f32::MIN_POSITIVE).log2() * (1 << PRIORITY_BITS) as f32) as Priority
}

/// As [`priority`] but for four steps, in a few operations with integers: between powers of two a parabola is near enough. That
/// of 0 is that of 1.
fn logarithm(size: u32) -> Priority {
    /// How far the parabola that meets the logarithm at both ends and in the middle is from a straight line, as a part of 256.
    const CURVATURE: u64 = 87;
    let size = u64::from(size.max(1));
    let octave = size.ilog2();
    let fraction = ((size << PRIORITY_BITS) >> octave) - (1 << PRIORITY_BITS);
    let rest = (1 << PRIORITY_BITS) - fraction;
    let above = (CURVATURE * fraction * rest) >> (2 * PRIORITY_BITS);
    ((u64::from(octave) << PRIORITY_BITS) + fraction + above) as Priority
}

/// How fast shards count time, and how much they tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Requests to a shard in one of its ticks.
    pub(super) tick_length: u32,
    /// One use or draw in so many is noted.
    pub(super) noted: u32,
    /// So many notes of a kind are to be taken at once.
    pub(super) notes: usize,
}

impl Pace {
    /// Before anything is known.
    pub(super) const FIRST: Pace = Pace { tick_length: 1, noted: 1, notes: NOTES_MIN };

    fn of(seen: &Journal, residents: u64, shards: usize) -> Pace {
        let requests = seen.requests.max(1) as f64 / seen.insertions.max(1) as f64;
        let turnover = residents as f64 / shards as f64 * requests.min(REQUESTS_FOR_INSERTION_MAX);
        Pace {
            tick_length: (turnover / TICKS_IN_TURNOVER).max(1.0) as u32,
            noted: (residents / RESIDENTS_NOTED).clamp(1, NOTED_MAX) as u32,
            notes: ((residents / RESIDENTS_FOR_NOTE) as usize).clamp(NOTES_MIN, NOTES_MAX),
        }
    }
}

/// What the model has found, for all shards to read.
#[derive(Debug, Clone)]
pub struct Ranks {
    cells: Box<[Rank]>,
    pace: Pace,
    /// Milliseconds in a tick.
    tick_ms: u64,
}

/// The rank of the keys of one cell.
#[derive(Debug, Clone, Copy, Default)]
struct Rank {
    /// If they are kept until the best time to give them up,
    if_kept: i16,
    /// which is so many ticks away,
    horizon: u16,
    /// and if they are kept for a moment.
    at_once: i16,
}

impl Ranks {
    /// Before anything is learned: the longer a key was not used, and the fewer uses it had, the sooner it goes.
    pub fn first(shards: usize) -> Ranks {
        Model::new(shards).ranks(0, 0)
    }

    pub(super) fn rank_if_kept(&self, cell: usize) -> i16 {
        self.cells[cell].if_kept
    }

    pub(super) fn priority(&self, cell: usize, size: u32, left_ms: Option<u64>) -> Priority {
        let rank = self.cells[cell];
        // Who expires before will not have the hits that come later.
        let short = left_ms.is_some_and(|left| left < u64::from(rank.horizon) * self.tick_ms);
        let density = if short { rank.at_once } else { rank.if_kept };
        Priority::from(density) - logarithm(size)
    }
}

/// What was seen, and what was learned from it.
#[derive(Debug)]
pub struct Model {
    shards: usize,
    pace: Pace,
    /// Sums over the present period; notes are counted below.
    seen: Journal,
    /// Since the last time that something was learned: uses, the census of residents and of ghosts, and their numbers
    /// summed over the ticks.
    uses: Box<[f32]>,
    census: [Box<[f32]>; 2],
    presence: [u64; 2],
    /// What was learned: uses, and the time that keys spent in the cell, in ticks.
    learned_uses: Box<[f32]>,
    learned_time: Box<[f32]>,
}

impl Model {
    /// A model of so many shards that has learned nothing.
    pub fn new(shards: usize) -> Model {
        let cells = || vec![0.0; CELLS].into_boxed_slice();
        Model {
            shards,
            pace: Pace::FIRST,
            seen: Journal::default(),
            uses: cells(),
            census: [cells(), cells()],
            presence: [0; 2],
            learned_uses: cells(),
            learned_time: cells(),
        }
    }

    /// Takes what a shard has seen, and tells it how to go on.
    pub fn take(&mut self, shard: &mut Shard, ranks: &Ranks) {
        let weight = std::mem::replace(&mut shard.pace, ranks.pace).noted as f32;
        let journal = &mut shard.journal;
        self.seen.requests += std::mem::take(&mut journal.requests);
        self.seen.insertions += std::mem::take(&mut journal.insertions);
        for (sum, presence) in self.presence.iter_mut().zip(&mut journal.presence) {
            *sum += std::mem::take(presence);
        }
        journal.uses.drain(..).for_each(|cell| self.uses[usize::from(cell)] += weight);
        for (census, drawn) in self.census.iter_mut().zip(&mut journal.drawn) {
            drawn.drain(..).for_each(|cell| census[usize::from(cell)] += 1.0);
        }
    }

    /// Whether it is time for new ranks.
    pub fn is_due(&self, residents: u64) -> bool {
        self.seen.requests >= PERIOD_MIN.max(residents / RESIDENTS_FOR_REQUEST)
    }

    /// Learns from what was seen, and ranks all cells anew. `residents` are there in all shards together, and
    /// `elapsed_ms` have passed since the
    /// last time.
    pub fn ranks(&mut self, residents: u64, elapsed_ms: u64) -> Ranks {
        self.learn();
        let seen = std::mem::take(&mut self.seen);
        let pace = Pace::of(&seen, residents, self.shards);
        self.follow(pace);
        let ticks = seen.requests / self.shards as u64 / u64::from(pace.tick_length);
        let mut cells = vec![Rank::default(); CELLS];
        for (class, cells) in cells.chunks_mut(AGES).enumerate().take(CLASSES) {
            self.rank_class(class, cells);
        }
        Ranks { cells: cells.into(), pace, tick_ms: elapsed_ms / ticks.max(1) }
    }

    /// Changes the pace. What was learned in ticks of a quite different length is not worth much any more.
    fn follow(&mut self, pace: Pace) {
        let (before, now) = (self.pace.tick_length as f32, pace.tick_length as f32);
        self.pace = pace;
        let same = (before / now).min(now / before);
        if same > PACE_CHANGE {
            return;
        }
        for learned in [&mut self.learned_uses, &mut self.learned_time] {
            learned.iter_mut().for_each(|sum| *sum *= same);
        }
        self.uses.fill(0.0);
        self.census.iter_mut().for_each(|census| census.fill(0.0));
        self.presence = [0; 2];
    }

    /// Where too few keys were drawn to tell where keys spend their time, as while nothing is evicted, uses have to wait.
    fn learn(&mut self) {
        let totals: [f32; 2] = std::array::from_fn(|population| self.census[population].iter().sum());
        if totals[0] < CENSUS_MIN {
            return;
        }
        // What one key of the census stands for. Ghosts that nobody has drawn yet are left out.
        let weights: [f32; 2] =
            std::array::from_fn(|population| self.presence[population] as f32 / totals[population].max(1.0));
        for cell in 0..CELLS {
            let census = self.census.each_mut().map(|census| std::mem::take(&mut census[cell]));
            let time = census[0] * weights[0] + census[1] * weights[1];
            self.learned_time[cell] = self.learned_time[cell] * MEMORY + time;
            let uses = std::mem::take(&mut self.uses[cell]);
            self.learned_uses[cell] = self.learned_uses[cell] * MEMORY + uses;
        }
        self.presence = [0; 2];
    }

    /// Gittins' index of each age of a class, where a key is used at the rate of its age until it comes to the next one.
    fn rank_class(&self, class: usize, cells: &mut [Rank]) {
        let interval = class_interval(class);
        // Of each age, the rate of uses, how long it lasts, and the chance to get through it without a use.
        let ages: [(f32, f32, f32); AGE_PLACES] = std::array::from_fn(|place| {
            let (start, end) = (age_at(place), age_at(place + 1));
            let expected = interval.max(f32::midpoint(start, end)) + 0.5;
            let cell = class * AGES + place;
            let uses = self.learned_uses[cell] + PRIOR_USES;
            let rate = uses / (self.learned_time[cell] + PRIOR_USES * expected);
            (rate, end - start, (-rate * (end - start)).exp())
        });
        for (start, cell) in cells.iter_mut().enumerate().take(AGE_PLACES) {
            let (mut hits, mut time, mut left, mut kept) = (0.0, 0.0, 1.0, 0.0);
            let (mut best, mut horizon) = (0.0, 0.0);
            for (rate, length, through) in &ages[start..] {
                let here = left * (1.0 - through);
                hits += here;
                time += here / rate;
                left *= through;
                kept += length;
                if hits / time > best {
                    (best, horizon) = (hits / time, kept);
                }
            }
            *cell = Rank {
                if_kept: priority(best) as i16,
                horizon: horizon as u16,
                at_once: priority(ages[start].0) as i16,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::Access;
    use super::super::ghosts::GhostPrefetcher;
    use super::*;

    /// A model that has learned, for keys of one class, the same time in each age and uses at some ages only.
    fn ranks(uses: impl Fn(usize) -> f32) -> (usize, Ranks) {
        let class = Access::first(0).used(100).used(200).cell(200) / AGES;
        let mut model = Model::new(1);
        for place in 0..AGE_PLACES {
            model.learned_time[class * AGES + place] = 1e6 * (age_at(place + 1) - age_at(place));
            model.learned_uses[class * AGES + place] = uses(place) * 1e6;
        }
        (class * AGES, model.ranks(1000, 0))
    }

    #[test]
    fn a_constant_rate_is_the_rank_at_every_age() {
        let (first, ranks) = ranks(|place| 0.01 * (age_at(place + 1) - age_at(place)));
        for cell in first..first + AGE_PLACES {
            assert!((ranks.priority(cell, 1, None) - priority(0.01)).abs() <= 2, "{}", cell - first);
        }
    }

    #[test]
    fn before_a_use_that_is_sure_to_come_the_rank_rises_and_behind_it_there_is_none() {
        let sure = 14;
        let (first, ranks) = ranks(|place| if place == sure { 1000.0 } else { 0.0 });
        let priorities: Vec<_> =
            (0..AGE_PLACES).map(|place| ranks.priority(first + place, 1, None)).collect();
        assert!(priorities[..=sure].is_sorted(), "{priorities:?}");
        assert!(priorities[0] < priorities[sure - 1]);
        assert!(priorities[sure + 1..].iter().all(|behind| *behind < priorities[0]), "{priorities:?}");
    }

    #[test]
    fn who_expires_before_the_use_comes_has_no_part_in_it() {
        let (first, mut ranks) = ranks(|place| if place == 14 { 1000.0 } else { 0.0 });
        ranks.tick_ms = 10;
        let horizon = u64::from(ranks.cells[first].horizon) * 10;
        assert!(horizon > 1000);
        assert_eq!(ranks.priority(first, 1, Some(horizon)), ranks.priority(first, 1, None));
        assert!(ranks.priority(first, 1, Some(horizon - 1)) < ranks.priority(first, 1, None) - 1000);
    }

    #[test]
    fn logarithms_of_sizes_are_true_but_for_four_steps() {
        for size in (1..100_000).chain(u32::MAX - 1000..=u32::MAX) {
            let difference = logarithm(size) - priority(size as f32);
            assert!(difference.abs() <= 4, "{size}: {difference}");
            assert!(logarithm(size) >= logarithm(size - 1), "{size}");
        }
        assert_eq!((logarithm(0), logarithm(1), logarithm(1 << 31)), (0, 0, 31 << 8));
    }

    #[test]
    fn twice_the_size_is_half_the_density() {
        let ranks = Ranks::first(1);
        assert_eq!(ranks.priority(0, 1, None) - ranks.priority(0, 2, None), 256);
        assert_eq!(ranks.priority(0, 64, None) - ranks.priority(0, 128, None), 256);
    }

    #[test]
    fn rates_of_use_are_learned_from_notes_and_draws() {
        // A hundred keys, each of which is used once in a hundred requests.
        let (mut shard, mut model, mut ranks) =
            (Shard::new(1, GhostPrefetcher::default()), Model::new(1), Ranks::first(1));
        let mut keys: Vec<u32> = (0..100).map(|hash| shard.on_insert(hash, 100)).collect();
        for number in 0..400_000_usize {
            let key = number * 37 % 100;
            keys[key] = shard.on_use(keys[key], 100);
            keys[number % 100] = shard.on_draw(keys[number % 100]);
            if shard.is_due() {
                model.take(&mut shard, &ranks);
            }
            if model.is_due(100) {
                ranks = model.ranks(100, 8192);
            }
        }
        let tick = f64::from(ranks.pace.tick_length);
        assert!(tick > 100.0, "nothing is inserted, so ticks are long: {tick}");
        // Each key is used every hundred requests, thus more than once in a tick.
        let learned: f32 = model.learned_uses.iter().sum::<f32>() / model.learned_time.iter().sum::<f32>();
        assert!((f64::from(learned) * 100.0 / tick - 1.0).abs() < 0.05, "{learned} in a tick of {tick}");
    }

    #[test]
    fn without_a_census_nothing_is_learned_but_the_pace() {
        let (mut shard, mut model, mut ranks) =
            (Shard::new(1, GhostPrefetcher::default()), Model::new(1), Ranks::first(1));
        let mut access = shard.on_insert(1, 1);
        for _ in 0..400_000 {
            access = shard.on_use(access, 1);
            if shard.is_due() {
                model.take(&mut shard, &ranks);
            }
            if model.is_due(1 << 20) {
                ranks = model.ranks(1 << 20, 100);
            }
        }
        assert!(ranks.pace.tick_length > 1);
        assert_eq!(model.learned_uses.iter().sum::<f32>(), 0.0);
        assert!(model.uses.iter().sum::<f32>() > 0.0, "uses wait for a census");
    }
}
