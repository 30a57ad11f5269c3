//! Areas that are bounded by any number of lines.

use super::cell::Bounds;
use super::{Position, degrees, radians};

/// What lies between the lines from each vertex to the next, and from the last to the first. They are straight on a map
/// of degrees, so none leads around the earth.
///
/// A line that crosses others makes holes. Of the places on the lines only those to the west and to the south belong to
/// the polygon, so that two polygons with a common side share no place.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    vertices: Vec<Position>,
    bounds: Bounds,
}

impl Polygon {
    /// How many vertices it takes to have an area.
    pub const VERTICES_MIN: usize = 3;

    /// The polygon with these vertices, in the order in which the lines connect them.
    pub fn new(vertices: Vec<Position>) -> Self {
        let nowhere = Bounds {
            west: f64::INFINITY,
            east: f64::NEG_INFINITY,
            south: f64::INFINITY,
            north: f64::NEG_INFINITY,
        };
        let bounds = vertices.iter().fold(nowhere, |bounds, vertex| Bounds {
            west: bounds.west.min(vertex.longitude),
            east: bounds.east.max(vertex.longitude),
            south: bounds.south.min(vertex.latitude),
            north: bounds.north.max(vertex.latitude),
        });
        Self { vertices, bounds }
    }

    /// What it lies within.
    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Below the middle of the vertices, which is in the earth: from there distances are measured.
    pub fn center(&self) -> Position {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for vertex in &self.vertices {
            let (longitude, latitude) = (radians(vertex.longitude), radians(vertex.latitude));
            x += latitude.cos() * longitude.cos();
            y += latitude.cos() * longitude.sin();
            z += latitude.sin();
        }
        // The length of the vector does not change its direction, and stock servers show what a division would round.
        Position { longitude: degrees(y.atan2(x)), latitude: degrees(z.atan2((x * x + y * y).sqrt())) }
    }

    /// From a place within it to the farthest corner of what it lies within.
    pub(super) fn reach(&self, center: Position) -> f64 {
        let Bounds { west, east, south, north } = self.bounds;
        [(west, south), (west, north), (east, south), (east, north)]
            .into_iter()
            .map(|(longitude, latitude)| center.distance(Position { longitude, latitude }))
            .fold(0.0, f64::max)
    }

    /// Whether a place is within it: whether a walk to the east meets an odd number of lines.
    pub(super) fn contains(&self, place: Position) -> bool {
        let Bounds { west, east, south, north } = self.bounds;
        let is_near = (west..=east).contains(&place.longitude) && (south..=north).contains(&place.latitude);
        // From the vertex before, as stock servers have it: rounding puts a place at a vertex to one side or the other.
        let before = self.vertices.iter().rev().take(1).chain(&self.vertices);
        let lines = self.vertices.iter().zip(before);
        is_near && lines.filter(|(one, other)| is_west_of(place, one, other)).count() % 2 == 1
    }
}

/// Whether a walk from a place to the east meets the line between two vertices.
fn is_west_of(place: Position, one: &Position, other: &Position) -> bool {
    if (one.latitude > place.latitude) == (other.latitude > place.latitude) {
        return false;
    }
    let (width, height) = (other.longitude - one.longitude, other.latitude - one.latitude);
    place.longitude < width * (place.latitude - one.latitude) / height + one.longitude
}
