//! Bits of strings: set, read, counted and looked for. Bit 0 is the highest bit of the first byte.

use nuthatch_protocol::number::parse_i64;

use super::ranges::{resolve, resolve_clamped, string_bytes_max};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::string::StringRef;

mod bits;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const UPDATE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("BITCOUNT", -2, READ, bitcount).docs(
        Group::Bitmap,
        "2.6.0",
        "O(N)",
        "key [start end [BYTE | BIT]]",
        "Counts the set bits of a string or of a part of it.",
    ),
    Command::read("BITPOS", -3, READ, bitpos).docs(
        Group::Bitmap,
        "2.8.7",
        "O(N)",
        "key bit [start [end [BYTE | BIT]]]",
        "Finds the first set or clear bit of a string or of a part of it.",
    ),
    Command::read("GETBIT", 3, READ, getbit).fast().docs(
        Group::Bitmap,
        "2.2.0",
        "O(1)",
        "key offset",
        "Returns one bit of a string.",
    ),
    Command::write("SETBIT", 4, UPDATE, setbit).deny_oom().docs(
        Group::Bitmap,
        "2.2.0",
        "O(1)",
        "key offset value",
        "Sets or clears one bit of a string and returns what it was.",
    ),
];

const OFFSET_ERROR: CommandError = CommandError::fixed("ERR bit offset is not an integer or out of range");

/// Reads the offset of a bit, given in units of `bits_each` bits. It lies within the longest string.
pub(super) fn parse_offset(
    call: &Call<'_, '_>,
    argument: &[u8],
    bits_each: usize,
) -> Result<usize, CommandError> {
    parse_i64(argument)
        .and_then(|units| usize::try_from(units).ok()?.checked_mul(bits_each))
        .filter(|offset| i64::try_from(*offset).is_ok())
        .filter(|offset| *offset as u64 / 8 < string_bytes_max(call))
        .ok_or(OFFSET_ERROR)
}

fn setbit(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let offset = parse_offset(call, call.arguments.at(2), 1)?;
    let bit = match call.arguments.at(3) {
        b"0" => false,
        b"1" => true,
        _ => return Err(CommandError::fixed("ERR bit is not an integer or out of range")),
    };
    let before = call.keys.peek_string(&key)?.and_then(|text| text.bytes().get(offset / 8).copied());
    let mask = 0x80 >> (offset % 8);
    let byte = before.unwrap_or(0);
    let after = if bit { byte | mask } else { byte & !mask };
    if before == Some(after) {
        call.keys.make_raw(&key);
    } else {
        call.keys.splice(&key, offset / 8, &[after], "setbit");
    }
    call.reply.integer(i64::from(byte & mask != 0));
    Ok(())
}

fn getbit(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let offset = parse_offset(call, call.arguments.at(2), 1)?;
    let text = call.keys.read_string(&key)?.map(StringRef::bytes).unwrap_or_default();
    let byte = text.get(offset / 8).copied().unwrap_or(0);
    call.reply.integer(i64::from(byte & (0x80 >> (offset % 8)) != 0));
    Ok(())
}

fn bitcount(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let range = match call.arguments.len() {
        2 => None,
        4 | 5 => Some((integer(call, 2)?, integer(call, 3)?, bits_each(call, 4)?)),
        _ => return Err(CommandError::SYNTAX),
    };
    let text = call.keys.read_string(&key)?.map(StringRef::bytes).unwrap_or_default();
    let (start, end, bits_each) = range.unwrap_or((0, -1, 8));
    let ones = resolve(start, end, text.len() * 8 / bits_each)
        .map_or(0, |(first, last)| bits::count(&text, first * bits_each, (last + 1) * bits_each));
    call.reply.integer(ones as i64);
    Ok(())
}

fn bitpos(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let bit = match integer(call, 2)? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::fixed("ERR The bit argument must be 1 or 0.")),
    };
    let count = call.arguments.len();
    if count > 6 {
        return Err(CommandError::SYNTAX);
    }
    let start = if count > 3 { integer(call, 3)? } else { 0 };
    let bits_each = bits_each(call, 5)?;
    let end = if count > 4 { Some(integer(call, 4)?) } else { None };
    let Some(text) = call.keys.read_string(&key)? else {
        call.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let text = text.bytes();
    let found = resolve_clamped(start, end.unwrap_or(-1), text.len() * 8 / bits_each).map(|(first, last)| {
        let found = bits::find(&text, bit, first * bits_each, (last + 1) * bits_each);
        // A string is followed by zeros, unless the range says where it ends.
        found.or((!bit && end.is_none()).then_some(text.len() * 8))
    });
    call.reply.integer(found.flatten().map_or(-1, |offset| offset as i64));
    Ok(())
}

fn integer(call: &Call<'_, '_>, index: usize) -> Result<i64, CommandError> {
    parse_i64(call.arguments.at(index)).ok_or(CommandError::NOT_AN_INTEGER)
}

/// The unit of a range, in bits: BYTE, unless the argument at `index` says BIT.
fn bits_each(call: &Call<'_, '_>, index: usize) -> Result<usize, CommandError> {
    match call.arguments.get(index) {
        None => Ok(8),
        Some(word) if is_word(word, "BYTE") => Ok(8),
        Some(word) if is_word(word, "BIT") => Ok(1),
        Some(_) => Err(CommandError::SYNTAX),
    }
}
