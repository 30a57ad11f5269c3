//! Registers of six bits each, the first in the lowest bits of the first byte.

use super::{Observation, REGISTERS};

const BITS: usize = 6;
const VALUE_MASK: u32 = (1 << BITS) - 1;

/// Four registers fill three bytes.
const GROUP: usize = 4;
const GROUP_BYTES: usize = 3;

/// The length of all registers.
pub const BODY_BYTES: usize = REGISTERS * BITS / 8;

/// The bytes that a register lies in, with another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Where they begin.
    pub offset: usize,
    bytes: [u8; GROUP_BYTES],
}

impl Patch {
    /// What is to stand there.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The value of each register.
pub fn registers(body: &[u8]) -> impl Iterator<Item = u8> {
    body.as_chunks::<GROUP_BYTES>().0.iter().flat_map(|group| {
        let bits = load(*group);
        (0..GROUP).map(move |place| (bits >> (place * BITS) & VALUE_MASK) as u8)
    })
}

/// What to change so that the register is at least what was observed; nothing if it is.
pub fn raise(body: &[u8], observation: Observation) -> Option<Patch> {
    let (group, place) = (observation.register / GROUP, observation.register % GROUP);
    let offset = group * GROUP_BYTES;
    let bits = load(*body.get(offset..)?.first_chunk()?);
    let rank = u32::from(observation.rank);
    let before = bits >> (place * BITS) & VALUE_MASK;
    (rank > before).then(|| {
        let [first, second, third, _] = (bits ^ (before ^ rank) << (place * BITS)).to_le_bytes();
        Patch { offset, bytes: [first, second, third] }
    })
}

/// Appends registers of these values.
pub fn push(body: &mut Vec<u8>, values: &[u8; REGISTERS]) {
    for group in values.as_chunks::<GROUP>().0 {
        let bits = group.iter().rev().fold(0, |bits, value| bits << BITS | u32::from(*value));
        body.extend_from_slice(&bits.to_le_bytes()[..GROUP_BYTES]);
    }
}

fn load([first, second, third]: [u8; GROUP_BYTES]) -> u32 {
    u32::from_le_bytes([first, second, third, 0])
}
