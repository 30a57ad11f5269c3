//! What modules have left in a file: their names, and how to go past what they say about all of their data.

use crate::rdb::Malformed;
use crate::rdb::reader::Reader;

/// The characters of names, by their numbers.
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The name that a number stands for: nine characters of six bits each, above ten bits for a version.
pub(super) fn name(number: u64) -> String {
    const LETTERS: u32 = 9;
    let place = |letter: u32| ((number >> (10 + 6 * (LETTERS - 1 - letter))) & 63) as usize;
    (0..LETTERS).map(|letter| char::from(CHARACTERS[place(letter)])).collect()
}

/// Goes past values of which each is behind a number that says what it is, up to 0.
pub(super) fn skip(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    loop {
        match reader.length()? {
            0 => return Ok(()),
            1 | 2 => reader.length().map(drop)?,
            3 => reader.take(4).map(drop)?,
            4 => reader.take(8).map(drop)?,
            5 => reader.skip_string()?,
            _ => return Err(Malformed),
        }
    }
}
