//! Places on the earth, kept in sorted sets: one file a subject, and what they share.

pub(super) mod adding;
mod options;
mod query;
pub(super) mod radius;
pub(super) mod reading;
pub(super) mod searching;

use std::fmt::Write as _;

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_f64;

use crate::arguments::is_word;
use crate::command::{KeyFlags, KeySpec};
use crate::error::CommandError;
use crate::value::geo::Position;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// A unit of length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Unit {
    meters: f64,
}

impl Unit {
    const METER: Self = Self { meters: 1.0 };

    fn parse(word: &[u8]) -> Result<Self, CommandError> {
        const UNITS: [(&str, f64); 4] = [("M", 1.0), ("KM", 1000.0), ("FT", 0.3048), ("MI", 1609.34)];
        const UNSUPPORTED: CommandError =
            CommandError::fixed("ERR unsupported unit provided. please use M, KM, FT, MI");
        let found = UNITS.iter().find(|(name, _)| is_word(word, name)).ok_or(UNSUPPORTED)?;
        Ok(Self { meters: found.1 })
    }
}

/// Reads a longitude and a latitude that cells cover.
fn parse_position(longitude: &[u8], latitude: &[u8]) -> Result<Position, CommandError> {
    let number = |argument| parse_f64(argument).ok_or(CommandError::NOT_A_FLOAT);
    let (longitude, latitude) = (number(longitude)?, number(latitude)?);
    Position::new(longitude, latitude).ok_or_else(|| {
        CommandError::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    })
}

/// Replies a place as longitude and latitude.
fn reply_position(reply: &mut Reply, position: Position) {
    reply.array(2);
    reply.double(position.longitude);
    reply.double(position.latitude);
}

/// Replies a distance in a unit, to four digits.
fn reply_distance(reply: &mut Reply, meters: f64, unit: Unit) {
    let mut digits = String::new();
    let _ = write!(digits, "{:.4}", meters / unit.meters);
    reply.bulk(digits.as_bytes());
}
