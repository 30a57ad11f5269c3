//! Places on the earth as scores of sorted sets, and which scores a search has to look at.
//!
//! A score is the number of one of 2^52 cells, into which the earth is divided by halving longitude and latitude 26
//! times in turn; cells that are near to each other mostly have numbers that are near to each other, too.

mod cell;
mod cover;
mod polygon;
mod shape;

pub use cell::Cell;
pub use cover::cover;
pub use polygon::Polygon;
pub use shape::Shape;

/// The highest latitude that has a cell; the lowest is as far south. Beyond, the projection grows without end.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// The highest longitude; the lowest is as far west.
pub const LONGITUDE_MAX: f64 = 180.0;

/// The radius of the earth, in meters.
const EARTH_RADIUS: f64 = 6_372_797.560_856;

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

impl Position {
    /// The place, if cells cover it.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let covered = longitude.abs() <= LONGITUDE_MAX && latitude.abs() <= LATITUDE_MAX;
        covered.then_some(Self { longitude, latitude })
    }

    /// The middle of the cell that a score names. Any score is taken for one.
    pub fn of_score(score: f64) -> Self {
        Cell::of_score(score).middle()
    }

    /// The score of the cell that the place is in.
    pub fn score(self) -> f64 {
        Cell::around(self, Cell::STEPS_MAX).number() as f64
    }

    /// The distance in meters on a sphere.
    pub fn distance(self, other: Self) -> f64 {
        let half_longitude = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if half_longitude == 0.0 {
            return self.distance_in_latitude(other);
        }
        let (latitude, other_latitude) = (radians(self.latitude), radians(other.latitude));
        let half_latitude = ((other_latitude - latitude) / 2.0).sin();
        let haversine = half_latitude * half_latitude
            + latitude.cos() * other_latitude.cos() * half_longitude * half_longitude;
        // Rounding must not take it beyond what is opposite.
        2.0 * EARTH_RADIUS * haversine.sqrt().min(1.0).asin()
    }

    /// How far apart the latitudes are, in meters.
    fn distance_in_latitude(self, other: Self) -> f64 {
        EARTH_RADIUS * (radians(other.latitude) - radians(self.latitude)).abs()
    }

    /// The geohash that is known outside of this server, to 11 characters.
    pub fn geohash(self) -> [u8; 11] {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        const CHARACTER_BITS: usize = 5;
        // It divides all latitudes.
        let bits = cell::interleaved(self, 90.0, Cell::STEPS_MAX);
        let mut text = [ALPHABET[0]; 11];
        // Of the last character only two bits are known: it stays zero.
        for (place, character) in text[..10].iter_mut().enumerate() {
            let shift = 2 * Cell::STEPS_MAX as usize - CHARACTER_BITS * (place + 1);
            *character = ALPHABET[(bits >> shift) as usize % ALPHABET.len()];
        }
        text
    }
}

// Divided first, as stock servers do: the last bits of distances depend on it.
const DEGREE: f64 = std::f64::consts::PI / 180.0;

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

#[cfg(test)]
mod tests;
