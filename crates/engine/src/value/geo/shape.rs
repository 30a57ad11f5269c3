//! The area that a search asks for.

use super::cell::Bounds;
use super::{EARTH_RADIUS, Polygon, Position, degrees, radians};

/// An area with a center, sizes in meters.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A circle.
    Circle {
        /// From the center to its edge.
        radius: f64,
    },
    /// A box between parallels and meridians.
    Box {
        /// From west to east, at the latitude of whatever is looked at.
        width: f64,
        /// From south to north.
        height: f64,
    },
    /// Whatever is within some lines.
    Polygon(Polygon),
}

impl Shape {
    /// The distance of a place that is within the shape around `center`.
    pub fn distance_within(&self, center: Position, place: Position) -> Option<f64> {
        match self {
            Self::Circle { radius } => Some(center.distance(place)).filter(|distance| distance <= radius),
            Self::Box { width, height } => {
                let on_the_same_parallel = Position { longitude: center.longitude, ..place };
                let within = place.distance_in_latitude(center) <= height / 2.0
                    && place.distance(on_the_same_parallel) <= width / 2.0;
                within.then(|| center.distance(place))
            }
            Self::Polygon(polygon) => polygon.contains(place).then(|| center.distance(place)),
        }
    }

    /// From the center as far as the shape may reach.
    pub(super) fn reach(&self, center: Position) -> f64 {
        match self {
            Self::Circle { radius } => *radius,
            Self::Box { width, height } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width * width + height * height).sqrt()
            }
            Self::Polygon(polygon) => polygon.reach(center),
        }
    }

    /// What the shape around `center` lies within, whether or not the earth goes on there.
    pub(super) fn bounds(&self, center: Position) -> Bounds {
        let (width, height) = match self {
            Self::Circle { radius } => (*radius, *radius),
            Self::Box { width, height } => (width / 2.0, height / 2.0),
            Self::Polygon(polygon) => return polygon.bounds(),
        };
        let Position { longitude, latitude } = center;
        let rows = degrees(height / EARTH_RADIUS);
        // Degrees of longitude are shortest at the edge that is nearer to a pole.
        let outermost = if latitude < 0.0 { latitude - rows } else { latitude + rows };
        let columns = degrees(width / EARTH_RADIUS / radians(outermost).cos());
        Bounds {
            west: longitude - columns,
            east: longitude + columns,
            south: latitude - rows,
            north: latitude + rows,
        }
    }
}
