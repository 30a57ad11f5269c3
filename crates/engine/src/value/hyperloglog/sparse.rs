//! Registers as runs of equal values, one after another:
//!
//! ```text
//! 00llllll            1 to 64 zeros
//! 01llllll llllllll   1 to 16,384 zeros
//! 1vvvvvll            1 to 4 registers of a value from 1 to 32
//! ```
//!
//! Lengths and values are kept less one. Which of several ways to write the same registers is chosen is a part of the
//! format, too: a value must be the same on every server that ran the same commands.

use std::ops::Range;

use super::{Corrupted, Observation, REGISTERS};

const SHORT_ZEROS_MAX: usize = 64;
const VALUES_MAX: usize = 4;
const VALUE_MAX: u8 = 32;

const LONG_ZEROS: u8 = 0x40;
const VALUES: u8 = 0x80;

/// Registers of the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Their value.
    pub value: u8,
    /// How many there are.
    pub len: usize,
    /// How many bytes say so.
    bytes: usize,
}

impl Run {
    /// The run that begins here, if all of it is there.
    fn parse(body: &[u8]) -> Option<Self> {
        let first = *body.first()?;
        if first & VALUES != 0 {
            Some(Self { value: (first >> 2 & 0x1f) + 1, len: usize::from(first & 0x03) + 1, bytes: 1 })
        } else if first & LONG_ZEROS != 0 {
            let len = u16::from_be_bytes([first & 0x3f, *body.get(1)?]);
            Some(Self { value: 0, len: usize::from(len) + 1, bytes: 2 })
        } else {
            Some(Self { value: 0, len: usize::from(first) + 1, bytes: 1 })
        }
    }

    /// Whether it is written as `LONG_ZEROS`, however long it is.
    pub fn is_long(self) -> bool {
        self.bytes == 2
    }
}

/// The runs, as far as they can be read.
pub fn runs(body: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let run = Run::parse(rest)?;
        rest = &rest[run.bytes..];
        Some(run)
    })
}

/// The runs, and an error as soon as they are not exactly all registers.
pub fn whole(body: &[u8]) -> impl Iterator<Item = Result<Run, Corrupted>> {
    let (mut rest, mut missing, mut failed) = (body, REGISTERS, false);
    std::iter::from_fn(move || {
        if failed || (rest.is_empty() && missing == 0) {
            return None;
        }
        let run = Run::parse(rest).filter(|run| run.len <= missing);
        failed = run.is_none();
        let run = run.inspect(|run| {
            rest = &rest[run.bytes..];
            missing -= run.len;
        });
        Some(run.ok_or(Corrupted))
    })
}

/// Appends a run of zeros.
pub fn push_zeros(body: &mut Vec<u8>, len: usize) {
    match len {
        0 => {}
        1..=SHORT_ZEROS_MAX => body.push(len as u8 - 1),
        _ => {
            let [high, low] = (len as u16 - 1).to_be_bytes();
            body.extend_from_slice(&[LONG_ZEROS | high, low]);
        }
    }
}

fn push_values(body: &mut Vec<u8>, value: u8, len: usize) {
    if len > 0 {
        body.push(VALUES | (value - 1) << 2 | (len as u8 - 1));
    }
}

/// What it takes to raise a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raised {
    /// Nothing: it is as high already.
    Unchanged,
    /// These bytes are to be replaced.
    Edited {
        /// Which bytes.
        range: Range<usize>,
        /// By what.
        with: Vec<u8>,
    },
    /// The encoding cannot hold it, or only in more bytes than allowed.
    TooBig,
}

/// The run before the one in which a register was found: where to begin to look for a higher register.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cursor {
    offset: usize,
    /// The first register of the run.
    first: usize,
}

/// Raises a register to what was observed. The cursor is that of a lower register, or a new one, and is moved.
///
/// # Errors
/// The runs end before the register.
pub fn raise(
    body: &[u8],
    observation: Observation,
    bytes_max: usize,
    cursor: &mut Cursor,
) -> Result<Raised, Corrupted> {
    let Observation { register, rank } = observation;
    if rank > VALUE_MAX {
        return Ok(Raised::TooBig);
    }
    let Cursor { offset: mut start, mut first } = *cursor;
    let run = loop {
        let run = Run::parse(&body[start..]).ok_or(Corrupted)?;
        if register >= first + run.len {
            *cursor = Cursor { offset: start, first };
            start += run.bytes;
            first += run.len;
        } else if start > 0 && start == cursor.offset {
            // The run before it is not known.
            (*cursor, start, first) = (Cursor::default(), 0, 0);
        } else {
            break run;
        }
    };
    let previous = cursor.offset;
    if run.value >= rank {
        return Ok(Raised::Unchanged);
    }
    let end = start + run.bytes;
    // From the run before on, because that may be joined with what is written now.
    let mut with = body[previous..start].to_vec();
    let (before, after) = (register - first, first + run.len - 1 - register);
    push_run(&mut with, run.value, before);
    push_values(&mut with, rank, 1);
    push_run(&mut with, run.value, after);
    let body_bytes = body.len() + with.len() - (end - previous);
    if body_bytes > body.len() && body_bytes > bytes_max {
        return Ok(Raised::TooBig);
    }
    let joined = join(&mut with, &body[end..]);
    Ok(Raised::Edited { range: previous..end + joined, with })
}

fn push_run(body: &mut Vec<u8>, value: u8, len: usize) {
    if value == 0 { push_zeros(body, len) } else { push_values(body, value, len) }
}

/// Joins neighbouring runs of the same value, looking at no more than five places from the beginning of `edited` on,
/// which `rest` follows. Says how many bytes of `rest` are in `edited` then.
fn join(edited: &mut Vec<u8>, rest: &[u8]) -> usize {
    const PLACES_MAX: usize = 5;
    let (mut at, mut taken) = (0, 0);
    for _ in 0..PLACES_MAX {
        while edited.len() < at + 2 && taken < rest.len() {
            edited.push(rest[taken]);
            taken += 1;
        }
        let Some(run) = Run::parse(&edited[at..]) else { break };
        let next = Run::parse(&edited[at + run.bytes..]);
        match next {
            Some(next) if run.value > 0 && run.value == next.value && run.len + next.len <= VALUES_MAX => {
                let mut joined = Vec::with_capacity(1);
                push_values(&mut joined, run.value, run.len + next.len);
                edited.splice(at..at + 2, joined);
            }
            _ => at += run.bytes,
        }
    }
    taken
}
