//! HyperLogLog: an estimate of how many different elements were added, in a string of at most 12 KiB.
//!
//! Each element falls into one of 16,384 registers, and a register keeps the highest rank of its elements: one more
//! than the zeros that the rest of the hash ends in. The string is that of stock servers, byte by byte:
//!
//! ```text
//! HYLL | encoding | 3 bytes unused | cached cardinality, 8 bytes | registers, dense or sparse
//! ```
//!
//! The cardinality's highest bit says that registers have changed since it was computed.
//!
//! Whether a sparse value is whole shows only when it is read: clients can write any bytes with SET.

pub mod dense;
mod estimate;
mod murmur;
pub mod sparse;

use std::borrow::Cow;

use self::estimate::Histogram;
use self::murmur::murmur_hash_64a;

/// How many bits of the hash choose the register.
const REGISTER_BITS: u32 = 14;

/// How many registers there are.
pub const REGISTERS: usize = 1 << REGISTER_BITS;

/// How many bits of the hash count for the rank.
const RANK_BITS: u32 = 64 - REGISTER_BITS;

/// The length of what stands before the registers.
pub const HEADER_BYTES: usize = 16;

/// The length of a dense value.
pub const DENSE_BYTES: usize = HEADER_BYTES + dense::BODY_BYTES;

/// Where the cached cardinality begins, least significant byte first.
pub const CARDINALITY_AT: usize = 8;

/// The place of the byte whose highest bit says that the cached cardinality is stale.
pub const STALE_AT: usize = 15;

const STALE: u8 = 0x80;
const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;

/// How the registers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits for each register.
    Dense,
    /// Runs of equal registers.
    Sparse,
}

/// The registers of a value are not all there, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupted;

/// Where an element falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// The register.
    pub register: usize,
    /// What the register is raised to, at least: from 1 to 51.
    pub rank: u8,
}

impl Observation {
    /// Where `element` falls.
    pub fn of(element: &[u8]) -> Self {
        const SEED: u64 = 0xadc8_3b19;
        let hash = murmur_hash_64a(element, SEED);
        let rank = (hash >> REGISTER_BITS).trailing_zeros().min(RANK_BITS) + 1;
        Self { register: hash as usize % REGISTERS, rank: rank as u8 }
    }
}

/// A string that was recognised as a HyperLogLog.
#[derive(Debug, Clone, Copy)]
pub struct Sketch<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl<'a> Sketch<'a> {
    /// The string as a HyperLogLog, if it looks like one.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let encoding = match bytes.get(ENCODING_AT)? {
            0 if bytes.len() == DENSE_BYTES => Encoding::Dense,
            1 if bytes.len() >= HEADER_BYTES => Encoding::Sparse,
            _ => return None,
        };
        bytes.starts_with(MAGIC).then_some(Self { bytes, encoding })
    }

    /// How the registers are kept.
    pub fn encoding(self) -> Encoding {
        self.encoding
    }

    /// The registers as they are encoded.
    pub fn body(self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The cardinality as it was last estimated, unless registers have changed since.
    pub fn cached_cardinality(self) -> Option<u64> {
        let bytes = self.bytes[CARDINALITY_AT..].first_chunk()?;
        (bytes[STALE_AT - CARDINALITY_AT] & STALE == 0).then_some(u64::from_le_bytes(*bytes))
    }

    /// Estimates the cardinality.
    ///
    /// # Errors
    /// The value is corrupted.
    pub fn cardinality(self) -> Result<u64, Corrupted> {
        let mut histogram = Histogram::default();
        match self.encoding {
            Encoding::Dense => dense::registers(self.body()).for_each(|value| histogram.add(value, 1)),
            Encoding::Sparse => {
                for run in sparse::whole(self.body()) {
                    let run = run?;
                    histogram.add(run.value, run.len);
                }
            }
        }
        Ok(histogram.cardinality())
    }
}

/// The registers of several values merged: each has the highest value of any.
#[derive(Debug, Clone)]
pub struct Merged {
    registers: Box<[u8; REGISTERS]>,
}

impl Default for Merged {
    fn default() -> Self {
        Self { registers: Box::new([0; REGISTERS]) }
    }
}

impl Merged {
    /// Merges a value.
    ///
    /// # Errors
    /// The value is corrupted; some of its registers may have been merged.
    pub fn add(&mut self, sketch: Sketch<'_>) -> Result<(), Corrupted> {
        match sketch.encoding() {
            Encoding::Dense => {
                for (register, value) in self.registers.iter_mut().zip(dense::registers(sketch.body())) {
                    *register = value.max(*register);
                }
            }
            Encoding::Sparse => {
                let mut rest = self.registers.iter_mut();
                for run in sparse::whole(sketch.body()) {
                    let run = run?;
                    for register in rest.by_ref().take(run.len) {
                        *register = run.value.max(*register);
                    }
                }
            }
        }
        Ok(())
    }

    /// Estimates the cardinality.
    pub fn cardinality(&self) -> u64 {
        let mut histogram = Histogram::default();
        self.registers.iter().for_each(|value| histogram.add(*value, 1));
        histogram.cardinality()
    }

    /// The registers.
    pub fn registers(&self) -> &[u8; REGISTERS] {
        &self.registers
    }

    /// The registers that are not zero, in ascending order.
    fn observations(&self) -> impl Iterator<Item = Observation> {
        let registers = self.registers.iter().enumerate();
        registers.map(|(register, rank)| Observation { register, rank: *rank }).filter(|seen| seen.rank > 0)
    }
}

/// A value to which nothing was added.
pub fn empty() -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_BYTES + 2);
    value.extend_from_slice(MAGIC);
    value.push(1);
    value.resize(HEADER_BYTES, 0);
    sparse::push_zeros(&mut value, REGISTERS);
    value
}

/// Says in a value's header that its cached cardinality is stale.
pub fn mark_stale(value: &mut [u8]) {
    value[STALE_AT] |= STALE;
}

/// Raises a register if it is lower than what was observed; says whether it was. A sparse value that would get longer
/// than `sparse_bytes_max`, or cannot hold the rank, becomes dense.
///
/// # Errors
/// The value is corrupted, and stays as it is.
pub fn observe(
    value: &mut Cow<'_, [u8]>,
    observation: Observation,
    sparse_bytes_max: usize,
) -> Result<bool, Corrupted> {
    observe_from(&mut sparse::Cursor::default(), value, observation, sparse_bytes_max)
}

/// Raises the registers that are lower than merged ones, as [`observe`] does one.
///
/// # Errors
/// The value is corrupted.
pub fn merge(value: &mut Cow<'_, [u8]>, merged: &Merged, sparse_bytes_max: usize) -> Result<(), Corrupted> {
    let mut cursor = sparse::Cursor::default();
    for observation in merged.observations() {
        observe_from(&mut cursor, value, observation, sparse_bytes_max)?;
    }
    Ok(())
}

fn observe_from(
    cursor: &mut sparse::Cursor,
    value: &mut Cow<'_, [u8]>,
    observation: Observation,
    sparse_bytes_max: usize,
) -> Result<bool, Corrupted> {
    let Some(sketch) = Sketch::of(value) else { return Err(Corrupted) };
    if sketch.encoding() == Encoding::Sparse {
        let body_bytes_max = sparse_bytes_max.saturating_sub(HEADER_BYTES);
        match sparse::raise(sketch.body(), observation, body_bytes_max, cursor)? {
            sparse::Raised::Unchanged => return Ok(false),
            sparse::Raised::Edited { range, with } => {
                let range = range.start + HEADER_BYTES..range.end + HEADER_BYTES;
                value.to_mut().splice(range, with);
                return Ok(true);
            }
            sparse::Raised::TooBig => *value = Cow::Owned(to_dense(sketch)?),
        }
    }
    let patch = dense::raise(&value[HEADER_BYTES..], observation);
    if let Some(patch) = &patch {
        value.to_mut()[HEADER_BYTES + patch.offset..][..patch.bytes().len()].copy_from_slice(patch.bytes());
    }
    Ok(patch.is_some())
}

/// The same registers and header in the dense encoding.
///
/// # Errors
/// The value is corrupted.
pub fn to_dense(sketch: Sketch<'_>) -> Result<Vec<u8>, Corrupted> {
    let mut registers = Merged::default();
    registers.add(sketch)?;
    Ok(with_dense_body(&sketch.bytes[..HEADER_BYTES], &registers))
}

/// A dense value with this header, but for the encoding, and these registers.
pub fn with_dense_body(header: &[u8], registers: &Merged) -> Vec<u8> {
    let mut value = Vec::with_capacity(DENSE_BYTES);
    value.extend_from_slice(header);
    value[ENCODING_AT] = 0;
    dense::push(&mut value, registers.registers());
    value
}

#[cfg(test)]
mod tests;
