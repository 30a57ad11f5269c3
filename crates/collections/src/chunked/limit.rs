//! How big a node may become.

/// What the end and the beginning of a listpack take, in whose terms limits are given.
const FRAME_BYTES: usize = 7;
/// What an element that is about to be added is expected to take besides its text.
const ELEMENT_OVERHEAD: usize = 8;
/// The limits that the settings −1 to −5 name.
const NAMED_BYTES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
/// Nodes that are limited by their number of elements are no bigger than this, either.
const COUNTED_BYTES: usize = 8 << 10;

/// How big a node may become, as `list-max-listpack-size` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimit {
    bytes: usize,
    /// As it was set; [`u32::MAX`] for a limit by bytes.
    count: u32,
}

impl NodeLimit {
    /// The limit that a setting names: −1 to −5 stand for 4 to 64 KiB, other numbers count elements.
    pub fn from_setting(setting: i32) -> NodeLimit {
        match u32::try_from(setting) {
            Ok(count) => NodeLimit { bytes: COUNTED_BYTES, count },
            Err(_) => {
                let named = (setting.unsigned_abs() as usize).min(NAMED_BYTES.len());
                NodeLimit { bytes: NAMED_BYTES[named - 1], count: u32::MAX }
            }
        }
    }

    /// The setting that names the limit.
    pub fn setting(&self) -> i32 {
        match NAMED_BYTES.iter().position(|bytes| *bytes == self.bytes) {
            Some(place) if self.count == u32::MAX => -1 - place as i32,
            _ => self.count as i32,
        }
    }

    /// Whether a node may have `count` elements that take `element_bytes`, and in the case of elements yet to come
    /// their text is that long.
    #[inline]
    pub fn allows(&self, element_bytes: usize, count: usize) -> bool {
        element_bytes.saturating_add(FRAME_BYTES) <= self.bytes && count <= self.count.max(1) as usize
    }

    /// Whether a node that has `count` elements, which take `element_bytes`, takes one more of `text_len` bytes.
    #[inline]
    pub(super) fn admits(&self, element_bytes: usize, count: usize, text_len: usize) -> bool {
        self.allows(element_bytes.saturating_add(text_len).saturating_add(ELEMENT_OVERHEAD), count + 1)
    }

    /// Whether an element is too big to share a node.
    #[inline]
    pub(super) fn isolates(&self, text_len: usize) -> bool {
        text_len > self.bytes
    }

    /// Whether a node is at most half as big as it may become, so that a list may well become small for good.
    #[inline]
    pub(super) fn is_half(&self, element_bytes: usize, count: usize) -> bool {
        if self.count == u32::MAX {
            element_bytes.saturating_add(FRAME_BYTES) <= self.bytes / 2
        } else {
            count <= (self.count / 2) as usize
        }
    }

    /// The size that a node's memory grows to before it grows no more than it has to.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_the_setting_that_they_were_made_from() {
        for setting in [-5, -2, -1, 0, 1, 128, i32::MAX] {
            assert_eq!(NodeLimit::from_setting(setting).setting(), setting);
        }
    }
}
