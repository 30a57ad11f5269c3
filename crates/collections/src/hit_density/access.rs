//! What is known of a key's use, in 24 bits, and the cell of the model that this belongs to.

const STAMP_BITS: u32 = 12;
/// Stamps are kept modulo this number of ticks.
const STAMPS: u32 = 1 << STAMP_BITS;
/// Ages stay below this one, so that they do not turn into young ones before a census takes notice.
pub(super) const AGE_MAX: u32 = STAMPS / 4 * 3;
const INTERVAL_BITS: u32 = 9;
/// Intervals are counted in this part of a tick, a power of two,
const INTERVAL_UNIT_BITS: u32 = 4;
/// and written down with so many bits behind the leading one.
const INTERVAL_MANTISSA_BITS: u32 = 5;
/// As many uses as three bits can tell apart; more are the same.
const USES_MAX: u32 = 8;
/// Intervals are means over about this many uses.
const USES_IN_MEAN: u32 = 7;

/// Numbers of uses in the model: 1, 2 and 3, 4 to 7, more.
const USES: usize = 4;
/// Intervals in it: two in an octave.
const INTERVALS: usize = 32;
/// Ages in it: a power of two for the sake of indexing, of which [`AGE_PLACES`] are in use.
pub(super) const AGES: usize = 32;
/// The ages: two in an octave but for the first one, which is a single age.
pub(super) const AGE_PLACES: usize = 2 * STAMP_BITS as usize - 1;
/// A class is what stays as it is while a key grows older.
pub(super) const CLASSES: usize = USES * INTERVALS;
pub(super) const CELLS: usize = CLASSES * AGES;

/// The interval that is assumed of keys that were used once, in ticks.
const FIRST_INTERVAL: f32 = 64.0;

/// From the least bit: the tick of the last use modulo [`STAMPS`], the interval on a logarithmic scale, and the
/// number of uses less one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access(pub(super) u32);

impl Access {
    /// Of a key of which nothing was known before its use.
    pub(super) fn first(clock: u32) -> Access {
        Access::new(clock, 0, 1)
    }

    fn new(clock: u32, interval: u32, uses: u32) -> Access {
        Access((clock % STAMPS) | (interval << STAMP_BITS) | ((uses - 1) << (STAMP_BITS + INTERVAL_BITS)))
    }

    fn interval(self) -> u32 {
        (self.0 >> STAMP_BITS) & ((1 << INTERVAL_BITS) - 1)
    }

    fn uses(self) -> u32 {
        ((self.0 >> (STAMP_BITS + INTERVAL_BITS)) & (USES_MAX - 1)) + 1
    }

    /// Ticks since the last use.
    pub(super) fn age(self, clock: u32) -> u32 {
        (clock.wrapping_sub(self.0) % STAMPS).min(AGE_MAX)
    }

    /// After one more use.
    pub(super) fn used(self, clock: u32) -> Access {
        let age = self.age(clock) << INTERVAL_UNIT_BITS;
        let interval = match self.uses().min(USES_IN_MEAN) {
            1 => age,
            known => {
                let mean = decoded(self.interval());
                mean.saturating_add_signed((age as i32 - mean as i32) / known as i32)
            }
        };
        Access::new(clock, encoded(interval), (self.uses() + 1).min(USES_MAX))
    }

    /// The same, with an age that will not turn into a young one soon.
    pub(super) fn settled(self, clock: u32) -> Access {
        if self.age(clock) < AGE_MAX {
            return self;
        }
        Access::new(clock.wrapping_sub(AGE_MAX), self.interval(), self.uses())
    }

    /// The cell of the model: the class, and in it the age.
    pub(super) fn cell(self, clock: u32) -> usize {
        let uses = self.uses().ilog2() as usize;
        let interval = (self.interval() >> (INTERVAL_MANTISSA_BITS - 1)) as usize;
        (uses * INTERVALS + interval) * AGES + age_place(self.age(clock))
    }
}

/// An interval on a logarithmic scale that is straight between powers of two.
fn encoded(interval: u32) -> u32 {
    let interval = u64::from(interval.max(1));
    let octave = interval.ilog2();
    let mantissa = ((interval << INTERVAL_MANTISSA_BITS) >> octave) as u32 - (1 << INTERVAL_MANTISSA_BITS);
    ((octave << INTERVAL_MANTISSA_BITS) | mantissa).min((1 << INTERVAL_BITS) - 1)
}

fn decoded(code: u32) -> u32 {
    let mantissa = (code & ((1 << INTERVAL_MANTISSA_BITS) - 1)) | (1 << INTERVAL_MANTISSA_BITS);
    ((u64::from(mantissa) << (code >> INTERVAL_MANTISSA_BITS)) >> INTERVAL_MANTISSA_BITS) as u32
}

/// The place of an age among those of its class.
fn age_place(age: u32) -> usize {
    let octave = (age + 1).ilog2();
    let half = ((age + 1) << 1 >> octave) & 1;
    // The first octave has no second half.
    (octave * 2 + half).saturating_sub(1) as usize
}

/// The first age that has a place.
pub(super) fn age_at(place: usize) -> f32 {
    if place == 0 {
        return 0.0;
    }
    let octave = (1_u32 << place.div_ceil(2)) as f32;
    octave * (1.0 + ((place + 1) % 2) as f32 / 2.0) - 1.0
}

/// The interval in the middle of a class, in ticks.
pub(super) fn class_interval(class: usize) -> f32 {
    if class < INTERVALS {
        return FIRST_INTERVAL;
    }
    let code = (class % INTERVALS) << (INTERVAL_MANTISSA_BITS - 1);
    decoded(code as u32) as f32 * 1.25 / (1 << INTERVAL_UNIT_BITS) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_survive_encoding_but_for_three_per_cent() {
        for interval in (1..1 << 16).step_by(7) {
            let back = decoded(encoded(interval));
            assert!(
                back <= interval && f64::from(interval - back) <= f64::from(interval) / 32.0,
                "{interval}"
            );
            assert!(encoded(interval) <= encoded(interval + 1));
        }
    }

    #[test]
    fn ages_have_consecutive_places_that_begin_where_they_say() {
        let mut before = None;
        for age in 0..=AGE_MAX {
            let place = age_place(age);
            if before != Some(place) {
                assert_eq!(place, before.map_or(0, |before: usize| before + 1), "no place is left out");
                assert_eq!(age_at(place), age as f32);
                before = Some(place);
            }
        }
        assert_eq!(before, Some(AGE_PLACES - 1));
    }

    #[test]
    fn regular_use_is_learned_and_cells_are_within_the_model() {
        for interval in [0, 1, 3, 50, 700, 3000] {
            let (mut clock, mut access) = (4000, Access::first(4000));
            for _ in 0..20 {
                clock += interval;
                access = access.used(clock);
            }
            let learned = decoded(access.interval()) as f32 / 16.0;
            assert!(
                (learned - interval as f32).abs() <= interval as f32 / 30.0 + 0.07,
                "{interval}: {learned}"
            );
            assert_eq!((access.uses(), access.age(clock + 5)), (8, 5));
            assert!(access.cell(clock + 5000) < CELLS && access.0 < 1 << 24);
        }
    }

    #[test]
    fn a_settled_age_is_the_oldest_for_a_while() {
        let access = Access::first(10).settled(10 + AGE_MAX + 7);
        assert_eq!(access.age(10 + AGE_MAX + 7), AGE_MAX);
        assert_eq!(access.age(10 + AGE_MAX + 7 + STAMPS / 4 - 1), AGE_MAX);
        assert_eq!(Access::first(10).settled(500), Access::first(10));
    }
}
