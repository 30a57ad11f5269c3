//! Places on the earth and distances between them.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

use crate::samples::HOSTILE_FLOATS;

/// Around these a part of the places lies: a town, the date line, the neighbourhoods of the poles and of the corners
/// where cells of every size meet.
const CENTERS: &[(f64, f64)] = &[
    (13.36, 38.11),
    (179.99, -16.5),
    (-179.99, 65.0),
    (20.0, 84.9),
    (-70.0, -84.9),
    (0.0, 0.0),
    (90.0, 45.0),
];

const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 85.051_128_78;

/// Degrees east, with so many digits that no two places are equally far from a third but by chance.
pub(crate) fn longitude(random: &mut Pcg64) -> Vec<u8> {
    coordinate(random, |center| center.0, LONGITUDE_MAX)
}

/// Degrees north.
pub(crate) fn latitude(random: &mut Pcg64) -> Vec<u8> {
    coordinate(random, |center| center.1, LATITUDE_MAX)
}

fn coordinate(random: &mut Pcg64, of: impl Fn(&(f64, f64)) -> f64, max: f64) -> Vec<u8> {
    let degrees = if random.random_bool(0.5) {
        random.random_range(-max..max)
    } else {
        let center = of(CENTERS.choose(random).expect("there are centers"));
        let spread = 10f64.powi(random.random_range(-5..=1));
        (center + spread * random.random_range(-1.0..1.0)).clamp(-max, max)
    };
    degrees.to_string().into_bytes()
}

/// Degrees east, in one region.
pub(crate) fn near_longitude(random: &mut Pcg64) -> Vec<u8> {
    near(random, CENTERS[0].0, LONGITUDE_MAX)
}

/// Degrees north, in one region.
pub(crate) fn near_latitude(random: &mut Pcg64) -> Vec<u8> {
    near(random, CENTERS[0].1, LATITUDE_MAX)
}

/// Half of these are the middle of one of a few rows of cells, which is what members are found at: they lie exactly on
/// the lines between others.
fn near(random: &mut Pcg64, center: f64, max: f64) -> Vec<u8> {
    const CELLS: f64 = (1u32 << 26) as f64;
    const DISTANCE: f64 = 40_000.0;
    let degrees = if random.random_bool(0.5) {
        let nearest = ((center + max) / (2.0 * max) * CELLS).floor();
        let cell = nearest + DISTANCE * f64::from(random.random_range(-3..=3));
        let [start, end] = [cell, cell + 1.0].map(|edge| -max + (edge / CELLS) * (2.0 * max));
        (start + end) / 2.0
    } else {
        center + 10f64.powf(random.random_range(-2.0..1.6)) * random.random_range(-1.0..1.0)
    };
    degrees.to_string().into_bytes()
}

/// A length, from nothing to more than the earth.
pub(crate) fn distance(random: &mut Pcg64) -> Vec<u8> {
    let length = match random.random_range(0..12) {
        0 => 0.0,
        1 => 1e9,
        _ => 10f64.powi(random.random_range(0..=7)) * random.random_range(0.1..1.0),
    };
    length.to_string().into_bytes()
}

/// What is no place or length, or at the edge of what is one.
pub(crate) fn hostile(random: &mut Pcg64) -> Vec<u8> {
    const EDGES: &[&str] = &[
        "180",
        "-180",
        "180.0000001",
        "-181",
        "85.05112878",
        "-85.05112878",
        "85.05112879",
        "-90",
        "0",
        "-0",
        "-1",
        "1e300",
        "-1e300",
    ];
    let some = if random.random_bool(0.5) { EDGES } else { HOSTILE_FLOATS };
    some.choose(random).expect("there are samples").as_bytes().to_vec()
}
