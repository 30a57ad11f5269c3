//! Shaped like traces with which Megiddo and Modha compare policies ("ARC: a self-tuning, low overhead
//! replacement cache", FAST '03): `oltp`, a database's references, in which recency and frequency both count
//! and logs are written in sequence; and a concatenation of work-station traces (their ConCat), in which
//! phases with scans, loops, recency and fixed popularity follow each other.

use super::draw::{Pattern, Ranks, Reference, happens, key, random};
use super::social::Recency;

const OLTP_KEYS: u64 = 250_000;
const OLTP_EXPONENT: f64 = 0.8;
/// Parts of the references: pages that were in use just now, and the log, which is read in order and once.
const OLTP_RECENT_SHARE: f64 = 0.35;
const OLTP_LOG_SHARE: f64 = 0.12;

pub(super) fn oltp(seed: u64) -> Pattern {
    let (mut random, ranks) = (random(seed), Ranks::new(OLTP_KEYS, OLTP_EXPONENT));
    let mut recency = Recency::new(100_000, 0.9);
    let mut log = 0;
    Box::new(move |_| {
        if happens(&mut random, OLTP_LOG_SHARE) {
            log += 1;
            return Reference::plain(key(1, log));
        }
        let recent = happens(&mut random, OLTP_RECENT_SHARE).then(|| recency.again(&mut random)).flatten();
        let key = recent.unwrap_or_else(|| key(0, ranks.draw(&mut random)));
        recency.note(key);
        Reference::plain(key)
    })
}

/// Requests of one phase.
const PHASE: u64 = 500_000;
const PHASE_KEYS: u64 = 150_000;

pub(super) fn concatenated(seed: u64) -> Pattern {
    let mut random = random(seed);
    let (mild, steep) = (Ranks::new(PHASE_KEYS, 0.8), Ranks::new(PHASE_KEYS, 1.1));
    let mut recency = Recency::new(200_000, 1.1);
    let (mut fresh, mut place) = (0, 0);
    Box::new(move |number| {
        let phase = number / PHASE;
        let key = match phase % 4 {
            // Recency: of three references two are to what was in use before.
            0 => recency.again(&mut random).filter(|_| number % 3 > 0).unwrap_or_else(|| {
                fresh += 1;
                key(1, fresh)
            }),
            // A loop of 60,000 keys under fixed popularity.
            1 if happens(&mut random, 0.5) => {
                place = (place + 1) % 60_000;
                key(2, place)
            }
            1 => key(3, mild.draw(&mut random)),
            // Fixed popularity of keys that are known from two phases ago.
            2 => key(4, steep.draw(&mut random)),
            // A scan over what is mostly new.
            _ if happens(&mut random, 0.4) => {
                fresh += 1;
                key(1, fresh)
            }
            _ => key(3, mild.draw(&mut random)),
        };
        recency.note(key);
        Reference::plain(key)
    })
}
