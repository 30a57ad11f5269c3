//! Writing the parts that encodings are made of.

use std::cell::RefCell;

use nuthatch_collections::packed::{Element, listpack};
use nuthatch_protocol::number::parse_i64;

use super::lzf::Compressor;

/// Texts up to this length are written as numbers if they spell one.
const NUMBER_TEXT_MAX: usize = 11;

/// Strings up to this length are not worth compressing.
const UNCOMPRESSED_MAX: usize = 20;

thread_local! {
    /// Its table is big, so that there is one for all that a thread writes.
    static COMPRESSOR: RefCell<Compressor> = RefCell::default();
}

/// Writes serialized values, one behind another.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    compresses: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Writer {
    /// A writer that compresses strings, or does not.
    pub(super) fn new(compresses: bool) -> Self {
        Self { out: Vec::new(), compresses }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// The encoding of a value, and the key that it belongs to, if it is one of a file.
    pub(super) fn begin(&mut self, encoding: u8, key: Option<&[u8]>) {
        self.byte(encoding);
        key.into_iter().for_each(|key| self.string(key));
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn length(&mut self, length: u64) {
        match length {
            0..=0x3f => self.out.push(length as u8),
            0x40..=0x3fff => self.out.extend([0x40 | (length >> 8) as u8, length as u8]),
            0x4000..=0xffff_ffff => {
                self.out.push(0x80);
                self.out.extend((length as u32).to_be_bytes());
            }
            _ => {
                self.out.push(0x81);
                self.out.extend(length.to_be_bytes());
            }
        }
    }

    /// A string: as a number if it spells one, compressed if that makes it shorter.
    pub(super) fn string(&mut self, text: &[u8]) {
        let number = if text.len() <= NUMBER_TEXT_MAX { parse_i64(text) } else { None };
        match number.and_then(|number| i32::try_from(number).ok()) {
            Some(number) => self.number(number),
            None => self.text(text),
        }
    }

    pub(super) fn element(&mut self, element: Element<'_>) {
        match element {
            Element::Integer(number) => match i32::try_from(number) {
                Ok(number) => self.number(number),
                Err(_) => element.with_text(|text| self.text(text)),
            },
            Element::Bytes(text) => self.text(text),
        }
    }

    fn number(&mut self, number: i32) {
        if let Ok(number) = i8::try_from(number) {
            self.out.push(0xc0);
            self.out.extend(number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.out.push(0xc1);
            self.out.extend(number.to_le_bytes());
        } else {
            self.out.push(0xc2);
            self.out.extend(number.to_le_bytes());
        }
    }

    /// A string that spells no number, or need not be written as one.
    pub(super) fn text(&mut self, text: &[u8]) {
        let is_worth_it = self.compresses && text.len() > UNCOMPRESSED_MAX;
        let compressed =
            is_worth_it.then(|| COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(text))).flatten();
        match compressed {
            Some(compressed) => {
                self.out.push(0xc3);
                self.length(compressed.len() as u64);
                self.length(text.len() as u64);
                self.out.extend(compressed);
            }
            None => {
                self.length(text.len() as u64);
                self.out.extend_from_slice(text);
            }
        }
    }

    /// Packed elements, as a listpack in a string.
    pub(super) fn listpack(&mut self, packed: &[u8]) {
        self.text(&listpack::to_listpack(packed));
    }

    /// Elements that are each followed by their length, as a listpack in a string.
    pub(super) fn strip(&mut self, elements: &[u8], count: usize) {
        self.text(&listpack::of_strip(elements, count));
    }

    /// Bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn score(&mut self, score: f64) {
        self.out.extend(score.to_le_bytes());
    }

    /// A time in milliseconds since 1970.
    pub(super) fn milliseconds(&mut self, time: u64) {
        self.out.extend(time.to_le_bytes());
    }
}
