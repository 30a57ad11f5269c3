//! When keys were used: the 24 bits of a record that OBJECT IDLETIME and OBJECT FREQ read.
//!
//! Under an LRM policy only changes count as uses. Under an LFU policy they hold a logarithmic counter (8 bits) and the minute at which it was last
//! decremented (16 bits), else the second of the last access (24 bits), both as in the documentation of
//! Redis's eviction policies.

use nuthatch_collections::entry::RecordMut;

const CLOCK_MASK: u64 = 0x00ff_ffff;
const MINUTE_MASK: u64 = 0xffff;

/// New keys start here, so that they are not the first to go.
const COUNTER_INITIAL: u32 = 5;

/// How a key was used elsewhere, before it came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastUse {
    /// For so many seconds it was not.
    Idle(u64),
    /// So often, as the logarithmic counter says.
    Frequency(u8),
}

/// What is kept of a key's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracking {
    /// When it was last used.
    LastUse,
    /// When it was last changed.
    LastChange,
    /// How often it is used.
    Frequency,
    /// What is needed to know its hit density. Others than those who note uses do not know what that is.
    HitDensity {
        /// Whether only keys count that have a deadline, because no others may go.
        is_volatile: bool,
    },
}

/// How an access is noted: a copy of the settings in force, taken once per batch.
#[derive(Debug, Clone, Copy)]
pub struct AccessPolicy {
    /// What is kept.
    pub tracking: Tracking,
    /// How much slower the counter grows the higher it is: `lfu-log-factor`.
    pub log_factor: u32,
    /// Minutes after which the counter falls by one; 0 never: `lfu-decay-time`.
    pub decay_minutes: u32,
    /// The time in milliseconds since 1970.
    pub now_ms: u64,
    /// Whether the client's accesses leave no trace (CLIENT NO-TOUCH).
    pub silent: bool,
}

impl AccessPolicy {
    /// What a new record's field holds.
    #[inline]
    pub fn initial(self) -> u32 {
        match self.tracking {
            Tracking::LastUse | Tracking::LastChange => self.second(),
            Tracking::Frequency => (self.minute() << 8) | COUNTER_INITIAL,
            Tracking::HitDensity { .. } => 0,
        }
    }

    /// Whether frequencies are kept rather than times.
    #[inline]
    pub fn keeps_frequency(self) -> bool {
        self.tracking == Tracking::Frequency
    }

    /// Notes that the record is being used.
    #[inline]
    pub fn touch(self, record: &mut RecordMut<'_>) {
        if self.silent {
            return;
        }
        let before = record.access();
        let after = match self.tracking {
            Tracking::LastUse | Tracking::LastChange => self.second(),
            Tracking::Frequency => self.counted(before),
            Tracking::HitDensity { .. } => before,
        };
        // Reading is often all that happens to a record: leave its cache line clean.
        if after != before {
            record.set_access(after);
        }
    }

    /// Seconds since the last access.
    pub fn idle_seconds(self, field: u32) -> u64 {
        (u64::from(self.second()).wrapping_sub(u64::from(field))) & CLOCK_MASK
    }

    /// What a record's field tells.
    pub fn last_use_of(self, field: u32) -> LastUse {
        if self.keeps_frequency() {
            LastUse::Frequency(u8::try_from(self.frequency_of(field)).unwrap_or(u8::MAX))
        } else {
            LastUse::Idle(self.idle_seconds(field))
        }
    }

    /// The field of a record that was used like that, if this policy keeps such a thing.
    pub fn field_of(self, last_use: LastUse) -> Option<u32> {
        match last_use {
            LastUse::Idle(seconds) if !self.keeps_frequency() => {
                Some((u64::from(self.second()).wrapping_sub(seconds) & CLOCK_MASK) as u32)
            }
            LastUse::Frequency(counter) if self.keeps_frequency() => {
                Some((self.minute() << 8) | u32::from(counter))
            }
            _ => None,
        }
    }

    /// The frequency counter as it stands now.
    pub fn frequency_of(self, field: u32) -> u32 {
        let elapsed = self.minute().wrapping_sub(field >> 8) & MINUTE_MASK as u32;
        let periods = elapsed.checked_div(self.decay_minutes).unwrap_or(0);
        (field & 0xff).saturating_sub(periods)
    }

    fn counted(self, field: u32) -> u32 {
        let counter = self.frequency_of(field);
        let above = f64::from(counter.saturating_sub(COUNTER_INITIAL));
        let grows = counter < 255 && fastrand::f64() < 1.0 / (above * f64::from(self.log_factor) + 1.0);
        (self.minute() << 8) | (counter + u32::from(grows))
    }

    #[inline]
    fn second(self) -> u32 {
        ((self.now_ms / 1000) & CLOCK_MASK) as u32
    }

    #[inline]
    fn minute(self) -> u32 {
        ((self.now_ms / 60_000) & MINUTE_MASK) as u32
    }
}
