//! Which cells a shape may reach into.

use super::{Cell, Position, Shape};

/// Half the circumference of the earth in the projection, in meters.
const PROJECTED_MAX: f64 = 20_037_726.37;

/// The neighbours in the order in which they are searched: columns to the east, rows to the north.
const NEIGHBOURS: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// At most nine cells that cover a shape around `center`: the one around the center, and those of its neighbours that
/// the shape may reach into. In the order in which stock servers search them, which an unsorted reply shows.
pub fn cover(center: Position, shape: &Shape) -> impl Iterator<Item = Cell> + use<> {
    let bounds = shape.bounds(center);
    let mut cell = if Position::new(center.longitude, center.latitude).is_some() {
        Cell::around(center, estimated_steps(shape.reach(center), center.latitude))
    } else {
        // The center of a polygon may be so near to a pole that no cell is around it: then any cell is searched.
        Cell::around(Position { longitude: 0.0, latitude: 0.0 }, 1)
    };
    let neighbours_reach = cell.neighbour(0, 1).bounds().north >= bounds.north
        && cell.neighbour(0, -1).bounds().south <= bounds.south
        && cell.neighbour(1, 0).bounds().east >= bounds.east
        && cell.neighbour(-1, 0).bounds().west <= bounds.west;
    if cell.steps() > 1 && !neighbours_reach {
        cell = Cell::around(center, cell.steps() - 1);
    }
    let inside = cell.bounds();
    // With two rows and columns the neighbour on one side is that on the other, too.
    let all = cell.steps() < 2;
    let reached = move |(east, north): (i32, i32)| {
        all || !((north < 0 && inside.south < bounds.south)
            || (north > 0 && inside.north > bounds.north)
            || (east < 0 && inside.west < bounds.west)
            || (east > 0 && inside.east > bounds.east))
    };
    let mut last = None;
    NEIGHBOURS.into_iter().filter(move |place| reached(*place)).filter_map(move |(east, north)| {
        let neighbour = cell.neighbour(east, north);
        let again = last.replace(neighbour) == Some(neighbour);
        (!again).then_some(neighbour)
    })
}

/// How often to halve the earth so that a cell and its neighbours cover about `reach` meters in each direction.
fn estimated_steps(mut reach: f64, latitude: f64) -> u32 {
    if reach == 0.0 {
        return Cell::STEPS_MAX;
    }
    let mut steps = -1;
    while reach < PROJECTED_MAX {
        reach *= 2.0;
        steps += 1;
    }
    // The cells are narrower towards the poles.
    steps -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    steps.clamp(1, Cell::STEPS_MAX as i32) as u32
}
