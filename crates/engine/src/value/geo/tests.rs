//! Cells and what they cover, against the arithmetic on the sphere.

use proptest::prelude::*;

use super::*;

fn position() -> impl Strategy<Value = Position> {
    let longitude = prop_oneof![6 => -180.0..=180.0, 1 => 179.9..=180.0, 1 => -180.0..=-179.9];
    let latitude = prop_oneof![
        6 => -LATITUDE_MAX..=LATITUDE_MAX,
        1 => 84.0..=LATITUDE_MAX,
        1 => -LATITUDE_MAX..=-84.0,
    ];
    (longitude, latitude).prop_map(|(longitude, latitude)| Position { longitude, latitude })
}

fn shape() -> impl Strategy<Value = Shape> {
    let size = || (0.0..6.3f64).prop_map(|exponent| 10f64.powf(exponent));
    prop_oneof![
        size().prop_map(|radius| Shape::Circle { radius }),
        (size(), size()).prop_map(|(width, height)| Shape::Box { width, height }),
    ]
}

/// On which side of the line from one place to another a third is: positive on the left.
fn side(from: Position, to: Position, place: Position) -> f64 {
    (to.longitude - from.longitude) * (place.latitude - from.latitude)
        - (to.latitude - from.latitude) * (place.longitude - from.longitude)
}

fn square(west: f64, south: f64, size: f64) -> Polygon {
    let corners = [(0.0, 0.0), (size, 0.0), (size, size), (0.0, size)];
    Polygon::new(
        corners.map(|(x, y)| Position { longitude: west + x, latitude: south + y }).into_iter().collect(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_name_the_cell_around_a_place(position in position()) {
        let again = Position::of_score(position.score());
        // Half a cell, and what rounding adds.
        prop_assert!((again.longitude - position.longitude).abs() <= 180.0 / f64::from(1 << 26) + 1e-9);
        prop_assert!((again.latitude - position.latitude).abs() <= 90.0 / f64::from(1 << 26) + 1e-9);
        if position.longitude < 180.0 && position.latitude < LATITUDE_MAX {
            prop_assert_eq!(again.score(), position.score());
        }
    }

    #[test]
    fn any_score_is_a_place(score in any::<f64>()) {
        let position = Position::of_score(score);
        prop_assert!(Position::new(position.longitude, position.latitude).is_some());
    }

    #[test]
    fn distances_are_the_same_in_both_directions(one in position(), other in position()) {
        let there = one.distance(other);
        prop_assert!((0.0..=EARTH_RADIUS * 3.15).contains(&there));
        prop_assert!((there - other.distance(one)).abs() < 1e-6);
    }

    #[test]
    fn the_neighbour_of_a_neighbour_is_the_cell(position in position(), steps in 1..=26u32, east in -1..=1, north in -1..=1) {
        prop_assume!(position.longitude < 180.0 && position.latitude < LATITUDE_MAX);
        let cell = Cell::around(position, steps);
        prop_assert_eq!(cell.neighbour(east, north).neighbour(-east, -north), cell);
    }

    #[test]
    fn what_is_within_a_shape_is_covered(
        // Far enough from the edges of the earth: shapes are cut off there, as with stock servers.
        center in (-90.0..90.0f64, -60.0..60.0f64)
            .prop_map(|(longitude, latitude)| Position { longitude, latitude }),
        shape in shape(),
        east in -1.0..1.0f64,
        north in -1.0..1.0f64,
    ) {
        let bounds = shape.bounds(center);
        let place = Position {
            longitude: center.longitude + east * (bounds.east - center.longitude),
            latitude: center.latitude + north * (bounds.north - center.latitude),
        };
        let place = Position::of_score(place.score());
        if shape.distance_within(center, place).is_some() {
            let score = place.score();
            prop_assert!(cover(center, &shape).any(|cell| cell.scores().contains(&score)));
        }
    }

    #[test]
    fn what_is_within_a_triangle_is_on_the_same_side_of_its_lines(corners in prop::array::uniform3(position()), place in position()) {
        let [a, b, c] = corners;
        let sides = [side(a, b, place), side(b, c, place), side(c, a, place)];
        prop_assume!(sides.iter().all(|side| side.abs() > 1e-6));
        let is_within = sides.iter().all(|side| *side > 0.0) || sides.iter().all(|side| *side < 0.0);
        prop_assert_eq!(Polygon::new(corners.to_vec()).contains(place), is_within);
    }

    #[test]
    fn what_is_within_a_polygon_is_covered(
        middle in (-90.0..90.0f64, -60.0..60.0f64),
        size in (-3.0..1.3f64).prop_map(|exponent| 10f64.powf(exponent)),
        vertices in prop::collection::vec((-1.0..1.0f64, -1.0..1.0f64), 3..9),
        place in (-1.0..1.0f64, -1.0..1.0f64),
    ) {
        let near = |(east, north): (f64, f64)| Position {
            longitude: middle.0 + east * size,
            latitude: middle.1 + north * size,
        };
        let polygon = Polygon::new(vertices.into_iter().map(near).collect());
        let (center, score) = (polygon.center(), near(place).score());
        let shape = Shape::Polygon(polygon);
        if let Some(distance) = shape.distance_within(center, Position::of_score(score)) {
            prop_assert!(distance <= shape.reach(center) * 1.000_001);
            prop_assert!(cover(center, &shape).any(|cell| cell.scores().contains(&score)));
        }
    }

    #[test]
    fn cells_that_cover_a_shape_are_different(center in position(), shape in shape()) {
        let cells: Vec<Cell> = cover(center, &shape).collect();
        prop_assert!((1..=9).contains(&cells.len()));
        let duplicate = (1..cells.len()).find(|index| cells[..*index].contains(&cells[*index]));
        prop_assert_eq!(duplicate, None);
    }
}

#[test]
fn scores_and_geohashes_are_those_of_stock_servers() {
    let palermo = Position { longitude: 13.361389, latitude: 38.115556 };
    let catania = Position { longitude: 15.087269, latitude: 37.502669 };
    assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
    assert_eq!(catania.score(), 3_479_447_370_796_909.0);
    let [palermo, catania] = [palermo, catania].map(|position| Position::of_score(position.score()));
    assert_eq!(&palermo.geohash(), b"sqc8b49rny0");
    assert_eq!(&catania.geohash(), b"sqdtr74hyu0");
    assert_eq!(format!("{:.4}", palermo.distance(catania)), "166274.1516");
}

#[test]
fn scores_that_are_no_cells_wrap_around() {
    let lowest = Position::of_score(0.0);
    assert_eq!(Position::of_score(f64::INFINITY), lowest);
    assert_eq!(Position::of_score(1e300), lowest);
    assert_eq!(Position::of_score(-1.0), Position { longitude: 180.0, latitude: LATITUDE_MAX });
}

#[test]
fn the_edges_of_the_earth_are_neighbours_in_longitude() {
    let cell = Cell::around(Position { longitude: 179.999, latitude: 10.0 }, 10);
    assert_eq!(cell.neighbour(1, 0), Cell::around(Position { longitude: -179.999, latitude: 10.0 }, 10));
}

#[test]
fn polygons_with_a_common_side_share_no_place() {
    let (west, east, north) = (square(0.0, 0.0, 10.0), square(10.0, 0.0, 10.0), square(0.0, 10.0, 10.0));
    for step in 1..10 {
        let common = Position { longitude: 10.0, latitude: f64::from(step) };
        assert!(!west.contains(common) && east.contains(common));
        let common = Position { longitude: f64::from(step), latitude: 10.0 };
        assert!(!west.contains(common) && north.contains(common));
    }
}

#[test]
fn lines_that_cross_others_make_holes() {
    let on_circle = |corner: u32| {
        let (sine, cosine) = (f64::from(corner) * 0.4 * std::f64::consts::PI).sin_cos();
        Position { longitude: 10.0 * sine, latitude: 10.0 * cosine }
    };
    // Every second corner in turn: a star.
    let star = Polygon::new([0, 2, 4, 1, 3].map(on_circle).to_vec());
    assert!(!star.contains(Position { longitude: 0.1, latitude: 0.0 }));
    assert!(star.contains(Position { longitude: 0.1, latitude: 8.0 }));
    assert!(!star.contains(Position { longitude: 0.1, latitude: -8.0 }));
}

#[test]
fn the_center_of_a_polygon_is_found_on_a_globe() {
    let both_sides_of_the_date_line = [(179.0, 0.0), (-179.0, 0.0), (180.0, 1.0), (180.0, -1.0)];
    let center = Polygon::new(
        both_sides_of_the_date_line.map(|(longitude, latitude)| Position { longitude, latitude }).to_vec(),
    )
    .center();
    assert!((center.longitude.abs() - 180.0).abs() < 1e-9 && center.latitude.abs() < 1e-9, "{center:?}");
}

#[test]
fn a_polygon_around_a_pole_is_searched_everywhere() {
    let corners = [-170.0, -60.0, 70.0, 170.0].map(|longitude| Position { longitude, latitude: 80.0 });
    let south = Position { longitude: 0.0, latitude: -10.0 };
    let shape = Shape::Polygon(Polygon::new([&corners[..], &[south]].concat()));
    let center = Position { longitude: 0.0, latitude: 89.0 };
    for longitude in [-100.0, -1.0, 1.0, 100.0] {
        for latitude in [-5.0, 75.0] {
            let score = Position { longitude, latitude }.score();
            assert!(cover(center, &shape).any(|cell| cell.scores().contains(&score)));
        }
    }
}
