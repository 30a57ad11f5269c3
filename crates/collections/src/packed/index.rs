//! A sequence prepared for many searches.

use super::skip;

/// So many signatures are compared at once.
const LANES: usize = size_of::<u64>();
/// A one in each lane.
const ONES: u64 = u64::MAX / 0xff;

/// Where the elements of a sequence are, with a byte of each that tells it from most others. Walking through elements
/// means to wait for each one's header; these bytes are compared eight at a time.
#[derive(Debug, Default)]
pub struct Index {
    /// The signatures of eight elements in each number.
    signatures: Vec<u64>,
    /// Where each element begins, and where the last one ends.
    offsets: Vec<usize>,
}

impl Index {
    /// Prepares for searches in `bytes`, and forgets what it was prepared for before.
    pub fn prepare(&mut self, bytes: &[u8]) {
        self.signatures.clear();
        self.offsets.clear();
        let (mut offset, mut lanes, mut lane) = (0, 0, 0);
        self.offsets.push(0);
        for encoding in encodings(bytes) {
            lanes |= u64::from(signature(encoding)) << (u8::BITS as usize * lane);
            lane += 1;
            if lane == LANES {
                self.signatures.push(lanes);
                (lanes, lane) = (0, 0);
            }
            offset += encoding.len();
            self.offsets.push(offset);
        }
        if lane > 0 {
            self.signatures.push(lanes);
        }
    }

    /// Whether an element with this encoding is among the `bytes` that this was prepared for.
    #[inline]
    pub fn contains(&self, bytes: &[u8], encoding: &[u8]) -> bool {
        let wanted = u64::from(signature(encoding)) * ONES;
        self.signatures.iter().enumerate().any(|(group, signatures)| {
            let differing = signatures ^ wanted;
            // The top bit of each lane that is zero; of a few more sometimes, which does no harm.
            let mut equal = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
            while equal != 0 {
                let index = group * LANES + (equal.trailing_zeros() / u8::BITS) as usize;
                if let Some([start, end]) = self.offsets.get(index..index + 2)
                    && bytes.get(*start..*end) == Some(encoding)
                {
                    return true;
                }
                equal &= equal - 1;
            }
            false
        })
    }
}

/// The encodings of a sequence of elements, one after another.
pub fn encodings(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (encoding, behind) = skip(rest).and_then(|len| rest.split_at_checked(len))?;
        rest = behind;
        Some(encoding)
    })
}

/// From the length and the end, where elements that are alike mostly differ.
#[inline]
fn signature(encoding: &[u8]) -> u8 {
    let end = match encoding.last_chunk() {
        Some(end) => u32::from_le_bytes(*end),
        None => encoding.iter().fold(0, |end, byte| end << 8 | u32::from(*byte)),
    };
    ((end ^ encoding.len() as u32).wrapping_mul(0x9e37_79b1) >> 24) as u8
}
