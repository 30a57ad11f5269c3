//! The strings that HyperLogLogs are kept in: whole ones, and some that a server must not trust.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

const REGISTERS: usize = 16_384;
const DENSE_BODY_BYTES: usize = 12_288;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// A HyperLogLog that its servers agree to be one.
pub(crate) fn value(random: &mut Pcg64) -> Vec<u8> {
    if random.random_ratio(1, 8) {
        let mut value = header(random, DENSE);
        let spread = *[0x01, 0x33, 0xff].choose(random).expect("there are choices");
        value.extend((0..DENSE_BODY_BYTES).map(|_| random.random::<u8>() & spread));
        return value;
    }
    let mut value = header(random, SPARSE);
    let runs_max = *[3, 30, 3000].choose(random).expect("there are choices");
    let mut missing = REGISTERS;
    for _ in 0..random.random_range(0..=runs_max) {
        missing -= push_run(&mut value, missing, random);
    }
    push_zeros(&mut value, missing);
    value
}

/// As [`value`], but changed somewhere, cut off or continued.
pub(crate) fn mutated(random: &mut Pcg64) -> Vec<u8> {
    let mut value = value(random);
    for _ in 0..random.random_range(1..=3) {
        let place = random.random_range(0..value.len());
        match random.random_range(0..8) {
            0 => value.truncate(place),
            1 => value.push(random.random()),
            // The header is worth more than its share.
            2 => value[..place.min(16)].fill(random.random()),
            _ => value[place] = random.random(),
        }
        if value.is_empty() {
            break;
        }
    }
    // Stock servers read beyond the end of a string that ends in half a run: what comes of it is no standard.
    while ends_in_half_a_run(&value) {
        value.pop();
    }
    value
}

fn header(random: &mut Pcg64, encoding: u8) -> Vec<u8> {
    let mut header = b"HYLL".to_vec();
    header.extend_from_slice(&[encoding, 0, 0, 0]);
    let cardinality: u64 = random.random_range(0..100_000);
    let stale = u64::from(random.random_bool(0.7)) << 63;
    header.extend_from_slice(&(cardinality | stale).to_le_bytes());
    header
}

/// Appends a run of at most `missing` registers; says how many it is of.
fn push_run(value: &mut Vec<u8>, missing: usize, random: &mut Pcg64) -> usize {
    let max = *[1, 2, 4, 64, 65, 500].choose(random).expect("there are choices");
    let len = random.random_range(1..=max).min(missing);
    if random.random_bool(0.5) || len == 0 {
        push_zeros(value, len);
        return len;
    }
    let len = len.min(4);
    let register = *[1u8, 1, 2, 2, 3, 4, 31, 32].choose(random).expect("there are choices");
    value.push(0x80 | (register - 1) << 2 | (len as u8 - 1));
    len
}

fn push_zeros(value: &mut Vec<u8>, len: usize) {
    match len {
        0 => {}
        1..=64 => value.push(len as u8 - 1),
        _ => {
            let [high, low] = (len as u16 - 1).to_be_bytes();
            value.extend_from_slice(&[0x40 | high, low]);
        }
    }
}

fn ends_in_half_a_run(value: &[u8]) -> bool {
    if value.get(4) != Some(&SPARSE) {
        return false;
    }
    let mut rest = value.get(16..).unwrap_or_default();
    while let [first, ..] = rest {
        match rest.get(if first & 0xc0 == 0x40 { 2 } else { 1 }..) {
            Some(behind) => rest = behind,
            None => return true,
        }
    }
    false
}
