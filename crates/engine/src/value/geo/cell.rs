//! Cells: parts of the earth between two meridians and two parallels.

use std::ops::Range;

use super::{LATITUDE_MAX, LONGITUDE_MAX, Position};

/// One of the parts into which the earth is divided by halving longitude and latitude some times.
///
/// Its number has the bits of its row at even places and those of its column at odd ones. A place at the very edge of
/// the earth is in a row or column behind the last, which stands for itself here; its neighbours are counted as if
/// there was no edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    number: u64,
    steps: u32,
}

/// The parallels and meridians that bound a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The longitude of the left edge.
    pub west: f64,
    /// The longitude of the right edge.
    pub east: f64,
    /// The latitude of the lower edge.
    pub south: f64,
    /// The latitude of the upper edge.
    pub north: f64,
}

impl Cell {
    /// How often longitude and latitude are halved for a score.
    pub const STEPS_MAX: u32 = 26;

    /// The cell that a place is in when the earth is halved so often in each direction.
    pub fn around(position: Position, steps: u32) -> Self {
        Self { number: interleaved(position, LATITUDE_MAX, steps), steps }
    }

    /// The cell that a score names. Scores that are none wrap around as in the conversion of stock servers.
    pub fn of_score(score: f64) -> Self {
        const TOP: f64 = (1u64 << 63) as f64;
        let wrapped = |score: f64| if score.abs() < TOP { score as i64 } else { i64::MIN };
        let number = if score < TOP { wrapped(score) as u64 } else { wrapped(score - TOP) as u64 ^ 1 << 63 };
        Self { number, steps: Self::STEPS_MAX }
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.number
    }

    /// How often the earth is halved in each direction.
    pub fn steps(self) -> u32 {
        self.steps
    }

    /// The cell so many columns to the east and rows to the north, around the earth if it must be.
    pub fn neighbour(self, east: i32, north: i32) -> Self {
        let moved = |place: u32, by: i32| match by {
            0 => place,
            _ => place.wrapping_add_signed(by) & ((1 << self.steps) - 1),
        };
        let (column, row) = (moved(self.column(), east), moved(self.row(), north));
        Self { number: spread(row) | spread(column) << 1, ..self }
    }

    /// The scores of the places in it.
    pub fn scores(self) -> Range<f64> {
        let shift = 2 * (Self::STEPS_MAX - self.steps);
        let [start, end] = [self.number, self.number + 1].map(|number| (number << shift) as f64);
        start..end
    }

    /// Where it ends.
    pub fn bounds(self) -> Bounds {
        let cells = (1u64 << self.steps) as f64;
        let edge = |place: f64, max: f64| -max + (place / cells) * (2.0 * max);
        let [west, east] = [0.0, 1.0].map(|side| edge(f64::from(self.column()) + side, LONGITUDE_MAX));
        let [south, north] = [0.0, 1.0].map(|side| edge(f64::from(self.row()) + side, LATITUDE_MAX));
        Bounds { west, east, south, north }
    }

    /// The place in the middle.
    pub fn middle(self) -> Position {
        let Bounds { west, east, south, north } = self.bounds();
        Position {
            longitude: ((west + east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((south + north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    fn row(self) -> u32 {
        gather(self.number)
    }

    fn column(self) -> u32 {
        gather(self.number >> 1)
    }
}

/// The number of the cell around a place if latitudes up to `latitude_max` are divided.
pub(super) fn interleaved(position: Position, latitude_max: f64, steps: u32) -> u64 {
    let place = |degrees: f64, max: f64| {
        let share = (degrees + max) / (2.0 * max);
        (share * (1u64 << steps) as f64) as u32
    };
    spread(place(position.latitude, latitude_max)) | spread(place(position.longitude, LONGITUDE_MAX)) << 1
}

/// How far runs of bits are moved to be pulled apart, and which bits stay then.
const SPREADING: [(u32, u64); 5] = [
    (16, 0x0000_ffff_0000_ffff),
    (8, 0x00ff_00ff_00ff_00ff),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
];

/// Puts a zero behind every bit.
fn spread(place: u32) -> u64 {
    SPREADING.iter().fold(u64::from(place), |bits, (shift, kept)| (bits | bits << shift) & kept)
}

/// Takes away every second bit, from the second on.
fn gather(number: u64) -> u32 {
    // The same in the opposite order; what a step moves is kept by the mask of the step after it.
    let bits = SPREADING.iter().rev().fold(number, |bits, (shift, kept)| {
        let bits = bits & kept;
        bits | bits >> shift
    });
    bits as u32
}
