//! Directives whose value has parts: save points, buffer limits, notification classes and the like.

use std::fmt;

use nuthatch_protocol::number::parse_size;

use super::kind::{Refusal, find_choice, not_a_choice};

/// As many addresses as the stock server listens on.
const ADDRESSES_MAX: usize = 16;

/// A snapshot is due once `seconds` have passed and at least `changes` keys were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SavePoint {
    /// The time since the last snapshot.
    pub(crate) seconds: u64,
    /// The number of changes since the last snapshot.
    pub(crate) changes: u32,
}

impl fmt::Display for SavePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seconds, self.changes)
    }
}

/// When a client that does not read its replies is disconnected. Zero switches a limit off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OutputBufferLimit {
    /// Bytes at which the client is disconnected at once.
    pub(crate) hard_bytes: u64,
    /// Bytes at which the client is disconnected once it stays above them for `soft_seconds`.
    pub(crate) soft_bytes: u64,
    /// How long the soft limit may be exceeded.
    pub(crate) soft_seconds: u32,
}

/// The limits of each class of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputBufferLimits {
    /// Clients that send requests and read replies.
    pub(crate) normal: OutputBufferLimit,
    /// Replicas.
    pub(crate) replica: OutputBufferLimit,
    /// Clients that subscribe to channels.
    pub(crate) pubsub: OutputBufferLimit,
}

impl Default for OutputBufferLimits {
    fn default() -> Self {
        let limit = |hard_mib: u64, soft_mib: u64, soft_seconds| OutputBufferLimit {
            hard_bytes: hard_mib << 20,
            soft_bytes: soft_mib << 20,
            soft_seconds,
        };
        Self { normal: limit(0, 0, 0), replica: limit(256, 64, 60), pubsub: limit(32, 8, 60) }
    }
}

impl fmt::Display for OutputBufferLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (class, limit)) in self.classes().iter().enumerate() {
            let OutputBufferLimit { hard_bytes, soft_bytes, soft_seconds } = limit;
            let separator = if at == 0 { "" } else { " " };
            write!(f, "{separator}{class} {hard_bytes} {soft_bytes} {soft_seconds}")?;
        }
        Ok(())
    }
}

impl OutputBufferLimits {
    /// The classes by the names under which `CONFIG GET` lists them, in its order.
    pub(super) fn classes(&self) -> [(&'static str, OutputBufferLimit); 3] {
        [("normal", self.normal), ("slave", self.replica), ("pubsub", self.pubsub)]
    }

    /// These limits with those of the named classes replaced.
    pub(super) fn with(mut self, words: &[&[u8]]) -> Result<Self, Refusal> {
        let groups = words.chunks_exact(4);
        if !groups.remainder().is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        for group in groups {
            let &[class, hard, soft, seconds] = group else { continue };
            let place = match class.to_ascii_lowercase().as_slice() {
                b"normal" => &mut self.normal,
                b"slave" | b"replica" => &mut self.replica,
                b"pubsub" => &mut self.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            let limit = || {
                Some(OutputBufferLimit {
                    hard_bytes: parse_size(hard)?,
                    soft_bytes: parse_size(soft)?,
                    soft_seconds: parse_number(seconds)?,
                })
            };
            *place = limit()
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
        }
        Ok(self)
    }
}

fn parse_number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

pub(super) fn parse_choices(
    names: &'static [&'static str],
    words: &[&[u8]],
) -> Result<Vec<&'static str>, Refusal> {
    let chosen: Option<Vec<&str>> = words.iter().map(|word| find_choice(names, word)).collect();
    let chosen = chosen.filter(|chosen| !chosen.is_empty()).ok_or_else(|| not_a_choice(names))?;
    let mut distinct: Vec<&str> =
        names.iter().skip(1).copied().filter(|name| chosen.contains(name)).collect();
    if distinct.contains(&"save") && distinct.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    if distinct.is_empty() {
        distinct.extend(names.first());
    }
    Ok(distinct)
}

pub(super) fn parse_addresses(words: &[&[u8]]) -> Result<Vec<Vec<u8>>, Refusal> {
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(words.iter().map(|word| word.to_vec()).collect())
}

pub(super) fn parse_save_points(words: &[&[u8]]) -> Result<Vec<SavePoint>, Refusal> {
    let pairs = words.chunks_exact(2);
    let complete = pairs.remainder().is_empty();
    let points: Option<Vec<SavePoint>> = pairs
        .map(|pair| {
            let &[seconds, changes] = pair else { return None };
            let seconds = parse_number(seconds).filter(|seconds| *seconds >= 1)?;
            // The stock server counts changes in a signed 32-bit number.
            let changes = parse_number::<i32>(changes)?;
            Some(SavePoint { seconds, changes: u32::try_from(changes).ok()? })
        })
        .collect();
    points.filter(|_| complete).ok_or_else(|| "Invalid save parameters".into())
}

/// The letters of the classes that `A` stands for, in the order in which they are listed.
const EVENT_CLASSES: &str = "g$lshzxetd";

/// Reads the letters of `notify-keyspace-events`, and puts them into their usual order.
pub(super) fn parse_keyspace_events(word: &[u8]) -> Result<String, Refusal> {
    const LETTERS: &str = "Ag$lshzxeKEtmdnoc";
    let has = |letter: &char| word.contains(&(*letter as u8));
    if !word.iter().all(|byte| LETTERS.as_bytes().contains(byte)) {
        return Err(format!("Invalid event class character. Use '{LETTERS}'.").into());
    }
    let all = has(&'A') || EVENT_CLASSES.chars().all(|letter| has(&letter));
    let mut letters: String = if all { "A".to_owned() } else { EVENT_CLASSES.chars().filter(has).collect() };
    letters.extend("nKEmoc".chars().filter(has));
    Ok(letters)
}

/// The letters that `CONFIG GET` shows: like the stock server, it keeps silent about `n` beside `A`.
pub(super) fn shown_keyspace_events(letters: &str) -> String {
    if letters.starts_with('A') { letters.replace('n', "") } else { letters.to_owned() }
}

pub(super) fn parse_percentiles(words: &[&[u8]]) -> Result<Vec<f64>, Refusal> {
    let parse = |word: &&[u8]| {
        let number: f64 = parse_number(word)
            .filter(|number: &f64| !number.is_nan())
            .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if (0.0..=100.0).contains(&number) {
            Ok(number)
        } else {
            Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into())
        }
    };
    words.iter().map(parse).collect()
}

pub(super) fn percentile_text(percentile: f64) -> String {
    let text = format!("{percentile:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn parse_out_of_memory_scores(words: &[&[u8]]) -> Result<[i32; 3], Refusal> {
    let &[primary, replica, child] = words else { return Err("wrong number of arguments".into()) };
    let parse = |word| {
        parse_number(word).filter(|score| (-2000..=2000).contains(score)).ok_or_else(|| {
            Refusal::from("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
        })
    };
    Ok([parse(primary)?, parse(replica)?, parse(child)?])
}

pub(super) fn parse_primary(words: &[&[u8]]) -> Result<Option<(Vec<u8>, u16)>, Refusal> {
    match words {
        [no, one] if no.eq_ignore_ascii_case(b"no") && one.eq_ignore_ascii_case(b"one") => Ok(None),
        [host, port] => match parse_number(port) {
            Some(port) => Ok(Some((host.to_vec(), port))),
            None => Err("Invalid master port".into()),
        },
        _ => Err("wrong number of arguments".into()),
    }
}
