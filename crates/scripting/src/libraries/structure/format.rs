//! The formats of `struct`: letters for values, with sizes, between letters for their order and alignment.

use super::super::arguments::Arguments;
use crate::library::Failure;

/// The longest integer.
const LONGEST_INTEGER: usize = 32;
/// The alignment that the machine's own values have at most.
const NATIVE_ALIGNMENT: usize = 8;

/// One letter of a format.
#[derive(Clone, Copy)]
pub(super) struct Item {
    /// The letter.
    pub(super) option: u8,
    /// How many bytes its value takes; 0 if the value says.
    pub(super) size: usize,
}

/// What is still to be read of a format, and what it has said so far.
pub(super) struct Format<'f> {
    rest: &'f [u8],
    big_endian: bool,
    /// Values are aligned to their size, but to no more than this.
    alignment: usize,
    arguments: Arguments<'f>,
}

impl<'f> Format<'f> {
    /// A format, which ends at its first zero byte, that is the first of a call's arguments.
    pub(super) fn new(text: &'f [u8], arguments: Arguments<'f>) -> Self {
        let rest = text.split(|&byte| byte == 0).next().unwrap_or_default();
        Self { rest, big_endian: false, alignment: 1, arguments }
    }

    /// Whether the most significant byte comes first.
    pub(super) fn big_endian(&self) -> bool {
        self.big_endian
    }

    /// The next letter.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Failure> {
        let Some((&option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number()?.unwrap_or(1),
            b'i' | b'I' => {
                let size = self.number()?.unwrap_or(4);
                if size > LONGEST_INTEGER {
                    let error = format!("integral size {size} is larger than limit of {LONGEST_INTEGER}");
                    return Err(Failure::new(error));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { option, size }))
    }

    /// How many bytes lie between a position and where the value may begin. A size that is no power of two is not
    /// refused, but taken as if it were one.
    pub(super) fn padding(&self, position: u64, item: Item) -> usize {
        if item.option == b'c' || item.size == 0 {
            return 0;
        }
        let alignment = item.size.min(self.alignment);
        let mask = alignment - 1;
        (alignment - (position as usize & mask)) & mask
    }

    /// Obeys a letter that stands for no value.
    pub(super) fn control(&mut self, item: Item) -> Result<(), Failure> {
        match item.option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.number()?.unwrap_or(NATIVE_ALIGNMENT);
                if !alignment.is_power_of_two() {
                    return Err(Failure::new(format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment;
            }
            option => {
                let why = [b"invalid format option '", &[option][..], b"'"].concat();
                return Err(self.arguments.refusal(1, why));
            }
        }
        Ok(())
    }

    /// The number that stands here, if one does.
    fn number(&mut self) -> Result<Option<usize>, Failure> {
        let mut number: Option<i32> = None;
        while let Some((&digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let longer = number.unwrap_or(0).checked_mul(10);
            let longer = longer.and_then(|number| number.checked_add(i32::from(digit - b'0')));
            number = Some(longer.ok_or_else(|| Failure::new("integral size overflow"))?);
            self.rest = rest;
        }
        Ok(number.map(|number| number.unsigned_abs() as usize))
    }
}
