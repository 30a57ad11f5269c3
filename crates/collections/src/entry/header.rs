//! The first eight bytes of an entry, which say how the rest is laid out.

/// The header as one word: kind in bits 0 to 7, flags in 8 to 15, key length in 16 to 23, inline payload
/// length in 24 to 39 and access in 40 to 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header(pub(super) u64);

/// A stamp follows the header.
pub(super) const STAMP: u8 = 1;
/// The key's length follows in a word of its own, because it does not fit the header's byte.
pub(super) const LONG_KEY: u8 = 2;
/// The payload is a word ahead of the key, instead of bytes behind it.
pub(super) const WORD: u8 = 4;
/// The payload's word is a shared vector, instead of an integer.
pub(super) const SHARED: u8 = 8;
/// Free for the engine's use.
pub(super) const MARK: u8 = 16;
/// The payload's word is a collection, instead of an integer.
pub(super) const COLLECTION: u8 = 32;

/// The flags that each stand for one word between the header and the key.
const EXTRA_WORDS: u8 = STAMP | LONG_KEY | WORD;
/// How many of those three flags are set, for each combination, four bits each.
const EXTRA_WORD_COUNTS: u64 = 0x3221_2110;

pub(super) const SHORT_KEY_MAX: usize = u8::MAX as usize;
pub(super) const ACCESS_MAX: u32 = (1 << 24) - 1;

impl Header {
    pub(super) fn new(kind: u8, flags: u8, key_len: u8, inline_len: u16, access: u32) -> Header {
        Header(0).with_kind(kind).with_flags(flags).with_inline_len(inline_len).with_access(access).with(
            16,
            0xff,
            u64::from(key_len),
        )
    }

    fn with(self, shift: u32, mask: u64, value: u64) -> Header {
        Header(self.0 & !(mask << shift) | (value & mask) << shift)
    }

    pub(super) fn kind(self) -> u8 {
        self.0 as u8
    }

    pub(super) fn with_kind(self, kind: u8) -> Header {
        self.with(0, 0xff, u64::from(kind))
    }

    pub(super) fn flags(self) -> u8 {
        (self.0 >> 8) as u8
    }

    pub(super) fn with_flags(self, flags: u8) -> Header {
        self.with(8, 0xff, u64::from(flags))
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags() & flag != 0
    }

    pub(super) fn short_key_len(self) -> usize {
        usize::from((self.0 >> 16) as u8)
    }

    pub(super) fn inline_len(self) -> usize {
        usize::from((self.0 >> 24) as u16)
    }

    pub(super) fn with_inline_len(self, len: u16) -> Header {
        self.with(24, 0xffff, u64::from(len))
    }

    pub(super) fn access(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub(super) fn with_access(self, access: u32) -> Header {
        self.with(40, u64::from(ACCESS_MAX), u64::from(access))
    }

    /// The word at which the long key's length is, counted from the header.
    pub(super) fn long_key_word(self) -> usize {
        1 + usize::from(self.has(STAMP))
    }

    /// The word that holds an integer or shared payload, counted from the header.
    pub(super) fn payload_word(self) -> usize {
        1 + usize::from(self.has(STAMP)) + usize::from(self.has(LONG_KEY))
    }

    /// Where the key begins, in bytes from the header.
    #[inline]
    pub(super) fn key_offset(self) -> usize {
        let combination = self.flags() & EXTRA_WORDS;
        8 + 8 * (EXTRA_WORD_COUNTS >> (4 * combination) & 0xf) as usize
    }
}
