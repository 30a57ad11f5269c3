//! The kinds of value a directive takes: how each is read from text, and written back as text.
//!
//! The error texts are those of the stock server, which tools and test suites compare to the letter.

use std::borrow::Cow;

use nuthatch_protocol::number::parse_size;

use super::compound::{self, OutputBufferLimits, SavePoint};

/// Why a value was refused, in the words of the stock server.
pub(crate) type Refusal = Cow<'static, str>;

/// Housekeeping is done at most this often a second.
const FREQUENCY_MAX: i64 = 500;

const WRONG_NUMBER_OF_ARGUMENTS: &str = "wrong number of arguments";

/// What a directive accepts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// `yes` or `no`.
    Boolean,
    /// A decimal number within inclusive bounds.
    Integer(i64, i64),
    /// How often a second; brought within bounds instead of refused.
    Frequency,
    /// A number of bytes with an optional unit (`k` = 1000, `kb` = 1024, and so on), within inclusive bounds.
    Size(u64, u64),
    /// A number of bytes, or a percentage of `maxmemory`.
    SizeOrPercent,
    /// A number of bytes, or -1 for no bound.
    SizeOrUnlimited,
    /// File permissions in octal, at most `0777`.
    Permissions,
    /// Any text that the check lets pass.
    Text(fn(&[u8]) -> Result<(), Refusal>),
    /// One of a set of words, whatever its case.
    Choice(&'static [&'static str]),
    /// Several of a set of words; the first stands for none of the others.
    Choices(&'static [&'static str]),
    /// Addresses to listen on.
    Addresses,
    /// Pairs of seconds and changes after which a snapshot is due.
    SavePoints,
    /// Quadruples of client class, hard limit, soft limit and seconds.
    OutputBufferLimits,
    /// Letters that stand for classes of keyspace notifications.
    KeyspaceEvents,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Three badness scores: of the primary, of a replica, and of a background child.
    OutOfMemoryScores,
    /// The host and the port of the primary to replicate.
    Primary,
}

/// The value of a directive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Boolean(bool),
    Integer(i64),
    Size(u64),
    Percent(u8),
    Permissions(u32),
    Text(Vec<u8>),
    Choice(&'static str),
    Choices(Vec<&'static str>),
    Addresses(Vec<Vec<u8>>),
    SavePoints(Vec<SavePoint>),
    OutputBufferLimits(OutputBufferLimits),
    KeyspaceEvents(String),
    Percentiles(Vec<f64>),
    OutOfMemoryScores([i32; 3]),
    Primary(Option<(Vec<u8>, u16)>),
}

impl Kind {
    /// Whether the directive's line may hold several values.
    pub(crate) fn takes_several_arguments(self) -> bool {
        matches!(
            self,
            Self::Choices(_)
                | Self::Addresses
                | Self::SavePoints
                | Self::OutputBufferLimits
                | Self::Percentiles
                | Self::OutOfMemoryScores
                | Self::Primary
        )
    }

    /// Reads a value from the arguments of a line or of `CONFIG SET`. `current` is what the directive holds
    /// now: some directives change only a part of it.
    pub(crate) fn parse(self, arguments: &[&[u8]], current: Option<&Value>) -> Result<Value, Refusal> {
        if self.takes_several_arguments() {
            // A single argument may hold several words: `CONFIG SET` has no other way to pass them.
            let words: Vec<&[u8]> = match arguments {
                [one] => one.split(|&byte| byte == b' ').collect(),
                several => several.to_vec(),
            };
            return self.parse_words(&words, current);
        }
        match arguments {
            [one] => self.parse_word(one),
            _ => Err(WRONG_NUMBER_OF_ARGUMENTS.into()),
        }
    }

    fn parse_words(self, words: &[&[u8]], current: Option<&Value>) -> Result<Value, Refusal> {
        let words = if words == [b"".as_slice()] { &[] } else { words };
        match self {
            Self::Choices(names) => compound::parse_choices(names, words).map(Value::Choices),
            Self::Addresses => compound::parse_addresses(words).map(Value::Addresses),
            Self::SavePoints => compound::parse_save_points(words).map(Value::SavePoints),
            Self::OutputBufferLimits => {
                let limits = match current {
                    Some(Value::OutputBufferLimits(limits)) => *limits,
                    _ => OutputBufferLimits::default(),
                };
                limits.with(words).map(Value::OutputBufferLimits)
            }
            Self::Percentiles => compound::parse_percentiles(words).map(Value::Percentiles),
            Self::OutOfMemoryScores => {
                compound::parse_out_of_memory_scores(words).map(Value::OutOfMemoryScores)
            }
            Self::Primary => compound::parse_primary(words).map(Value::Primary),
            _ => Err(WRONG_NUMBER_OF_ARGUMENTS.into()),
        }
    }

    fn parse_word(self, word: &[u8]) -> Result<Value, Refusal> {
        match self {
            Self::Boolean => parse_boolean(word).map(Value::Boolean),
            Self::Integer(min, max) => parse_integer(word, min, max).map(Value::Integer),
            Self::Frequency => {
                let frequency = parse_integer(word, 0, i32::MAX.into())?;
                Ok(Value::Integer(frequency.clamp(1, FREQUENCY_MAX)))
            }
            Self::Size(min, max) => parse_size_between(word, min, max).map(Value::Size),
            Self::SizeOrPercent => parse_size_or_percent(word),
            Self::SizeOrUnlimited => parse_size_or_unlimited(word).map(Value::Integer),
            Self::Permissions => parse_permissions(word).map(Value::Permissions),
            Self::Text(check) => check(word).map(|()| Value::Text(word.to_vec())),
            Self::Choice(names) => parse_choice(names, word).map(Value::Choice),
            Self::KeyspaceEvents => compound::parse_keyspace_events(word).map(Value::KeyspaceEvents),
            _ => Err(WRONG_NUMBER_OF_ARGUMENTS.into()),
        }
    }
}

impl Value {
    /// The text that `CONFIG GET` answers.
    pub(crate) fn to_text(&self) -> Vec<u8> {
        match self {
            Self::Boolean(true) => b"yes".to_vec(),
            Self::Boolean(false) => b"no".to_vec(),
            Self::Integer(number) => number.to_string().into_bytes(),
            Self::Size(bytes) => bytes.to_string().into_bytes(),
            Self::Percent(percent) => format!("{percent}%").into_bytes(),
            Self::Permissions(mode) => format!("{mode:o}").into_bytes(),
            Self::Text(text) => text.clone(),
            Self::Choice(name) => name.as_bytes().to_vec(),
            Self::Choices(names) => names.join(" ").into_bytes(),
            Self::Addresses(addresses) => addresses.join(&b' '),
            Self::SavePoints(points) => join(points.iter().map(ToString::to_string)),
            Self::OutputBufferLimits(limits) => limits.to_string().into_bytes(),
            Self::KeyspaceEvents(letters) => compound::shown_keyspace_events(letters).into_bytes(),
            Self::Percentiles(numbers) => join(numbers.iter().copied().map(compound::percentile_text)),
            Self::OutOfMemoryScores(scores) => join(scores.iter().map(ToString::to_string)),
            Self::Primary(None) => Vec::new(),
            Self::Primary(Some((host, port))) => {
                let mut text = host.clone();
                text.extend_from_slice(format!(" {port}").as_bytes());
                text
            }
        }
    }
}

fn join(words: impl Iterator<Item = String>) -> Vec<u8> {
    words.collect::<Vec<_>>().join(" ").into_bytes()
}

fn parse_boolean(word: &[u8]) -> Result<bool, Refusal> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(false)
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

fn parse_choice(names: &'static [&'static str], word: &[u8]) -> Result<&'static str, Refusal> {
    find_choice(names, word).ok_or_else(|| not_a_choice(names))
}

pub(super) fn find_choice(names: &'static [&'static str], word: &[u8]) -> Option<&'static str> {
    names.iter().copied().find(|name| name.as_bytes().eq_ignore_ascii_case(word))
}

pub(super) fn not_a_choice(names: &[&str]) -> Refusal {
    format!("argument(s) must be one of the following: {}", names.join(", ")).into()
}

fn not_between(min: impl std::fmt::Display, max: impl std::fmt::Display) -> Refusal {
    format!("argument must be between {min} and {max} inclusive").into()
}

fn parse_integer(word: &[u8], min: i64, max: i64) -> Result<i64, Refusal> {
    let number = parse_decimal(word).ok_or("argument couldn't be parsed into an integer")?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(not_between(min, max)) }
}

/// A whole number in its only spelling: no sign but a minus, no leading zeros, no blanks.
pub(super) fn parse_decimal(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical = text == "0" || (!digits.starts_with('0') && !digits.starts_with('+'));
    if canonical { text.parse().ok() } else { None }
}

fn parse_size_between(word: &[u8], min: u64, max: u64) -> Result<u64, Refusal> {
    let bytes = parse_size(word).ok_or("argument must be a memory value")?;
    if (min..=max).contains(&bytes) { Ok(bytes) } else { Err(not_between(min, max)) }
}

fn parse_size_or_percent(word: &[u8]) -> Result<Value, Refusal> {
    let refusal = || Refusal::from("argument must be a memory or percent value");
    let too_large = || Refusal::from("percentage argument must be less or equal to 100");
    let Some(percent) = word.strip_suffix(b"%") else {
        let bytes = parse_size(word).ok_or_else(refusal)?;
        // The stock server keeps percentages as negative numbers, and takes a size this large for one.
        return if bytes <= i64::MAX as u64 { Ok(Value::Size(bytes)) } else { Err(too_large()) };
    };
    match parse_decimal(percent) {
        Some(0) => Ok(Value::Size(0)),
        Some(percent @ 1..=100) => Ok(Value::Percent(percent as u8)),
        Some(101..) => Err(too_large()),
        _ => Err(refusal()),
    }
}

fn parse_size_or_unlimited(word: &[u8]) -> Result<i64, Refusal> {
    if word == b"-1" {
        return Ok(-1);
    }
    let bytes = parse_size(word).ok_or("argument must be a memory value")?;
    i64::try_from(bytes).map_err(|_| not_between(-1, i64::MAX))
}

fn parse_permissions(word: &[u8]) -> Result<u32, Refusal> {
    if word.is_empty() {
        return Ok(0);
    }
    let text = std::str::from_utf8(word).unwrap_or("?");
    let mode = i64::from_str_radix(text, 8).map_err(|_| "argument couldn't be parsed as an octal number")?;
    u32::try_from(mode).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| not_between(0, 777))
}
