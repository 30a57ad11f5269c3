//! The library `struct`: values as the bytes of C structures, and back.

mod format;
#[cfg(test)]
mod tests;

use mlua::{Lua, MultiValue, Table, Value};

use self::format::{Format, Item};
use super::arguments::{Arguments, as_number, truncated_unsigned};
use crate::library::{Failure, Library, Outcome};

/// The most bytes that a script can make at once.
const LARGEST: usize = 512 << 20;
/// How many values a function of Lua can hold, arguments and results together. The stock server has room for a
/// hundred more, some of which the call itself takes here.
const STACK: usize = 7900;

/// The library's table.
pub(crate) fn table(lua: &Lua) -> mlua::Result<Table> {
    let library = Library::new(lua)?;
    library.function("pack", |lua, values| pack(lua, Arguments::new(lua, values)))?;
    library.function("unpack", |lua, values| unpack(lua, Arguments::new(lua, values)))?;
    library.function("size", |lua, values| size(Arguments::new(lua, values)))?;
    Ok(library.finish())
}

/// The values' bytes in the format.
fn pack(lua: &Lua, arguments: Arguments) -> Outcome {
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text, arguments);
    let mut packed = Vec::new();
    // Of the bytes, those that count for the alignment: not those of text, and the end of text.
    let mut position: u64 = 0;
    let mut values = Values { arguments, next: 2 };
    while let Some(item) = format.next()? {
        let padding = format.padding(position, item);
        packed.resize(packed.len() + padding, 0);
        let mut size = item.size;
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let value = truncated_unsigned(values.number()?);
                push_integer(&mut packed, value, item.size, format.big_endian());
            }
            b'x' => packed.push(0),
            b'f' => {
                let value = values.number()? as f32;
                packed.extend(if format.big_endian() { value.to_be_bytes() } else { value.to_le_bytes() });
            }
            b'd' => {
                let value = values.number()?;
                packed.extend(if format.big_endian() { value.to_be_bytes() } else { value.to_le_bytes() });
            }
            b'c' | b's' => {
                let text = values.text()?;
                let text = text.as_bytes();
                if item.option == b's' || size == 0 {
                    size = text.len();
                }
                let bytes =
                    text.get(..size).ok_or_else(|| arguments.refusal(values.next, "string too short"))?;
                if packed.len() + size >= LARGEST {
                    return Err(Failure::new("not enough memory"));
                }
                packed.extend_from_slice(bytes);
                if item.option == b's' {
                    packed.push(0);
                    size += 1;
                }
            }
            _ => format.control(item)?,
        }
        position += (padding + size) as u64;
        if packed.len() >= LARGEST {
            return Err(Failure::new("not enough memory"));
        }
    }
    Ok([Value::String(lua.create_string(&packed)?)].into_iter().collect())
}

/// The arguments of `pack` behind the format, one after another.
struct Values<'c> {
    arguments: Arguments<'c>,
    next: usize,
}

impl Values<'_> {
    fn number(&mut self) -> Result<f64, Failure> {
        self.check("number")?;
        let number = self.arguments.number(self.next)?;
        self.next += 1;
        Ok(number)
    }

    fn text(&mut self) -> Result<mlua::LuaString, Failure> {
        self.check("string")?;
        let text = self.arguments.text(self.next)?;
        self.next += 1;
        Ok(text)
    }

    /// The error for an argument that is missing, which the stock server takes for a nil.
    fn check(&self, expected: &str) -> Result<(), Failure> {
        match self.arguments.get(self.next) {
            Some(_) => Ok(()),
            None => Err(self.arguments.mismatch(self.next, expected, Some(&Value::Nil))),
        }
    }
}

fn push_integer(packed: &mut Vec<u8>, value: u64, size: usize, big_endian: bool) {
    // What is longer than eight bytes has zeros in front, also if it is negative.
    let value = value.to_le_bytes();
    let byte = |place: usize| value.get(place).copied().unwrap_or(0);
    if big_endian {
        packed.extend((0..size).rev().map(byte));
    } else {
        packed.extend((0..size).map(byte));
    }
}

/// The values that bytes have in the format, and the place behind the last.
fn unpack(lua: &Lua, arguments: Arguments) -> Outcome {
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text, arguments);
    let data = arguments.text(2)?;
    let data = data.as_bytes();
    let offset = match arguments.get(3) {
        None | Some(Value::Nil) => 1,
        Some(_) => arguments.integer(3)?,
    };
    if offset == 0 {
        return Err(arguments.refusal(3, "offset must be 1 or greater"));
    }
    // Counted from the end, as it were, a place is one that no string reaches.
    let mut position = offset.wrapping_sub(1).cast_unsigned();
    let mut results: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        position = position.wrapping_add(format.padding(position, item) as u64);
        let mut bytes = part(arguments, &data, position, item.size as u64)?;
        if arguments.count() + results.len() > STACK {
            return Err(Failure::new("stack overflow (too many results)"));
        }
        let mut size = item.size;
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let value = integer(bytes, item, format.big_endian());
                results.push(Value::Number(value));
            }
            b'x' => {}
            b'f' => {
                let value = f32::from_le_bytes(little_endian(bytes, format.big_endian()));
                results.push(Value::Number(f64::from(value)));
            }
            b'd' => {
                let value = f64::from_le_bytes(little_endian(bytes, format.big_endian()));
                results.push(Value::Number(value));
            }
            b'c' => {
                if size == 0 {
                    // The value before is this one's length.
                    let length = match results.last() {
                        Some(value) => as_number(lua, value)?,
                        None => None,
                    };
                    let length = length.ok_or_else(|| Failure::new("format 'c0' needs a previous size"))?;
                    results.pop();
                    bytes = part(arguments, &data, position, truncated_unsigned(length))?;
                    size = bytes.len();
                }
                results.push(Value::String(lua.create_string(bytes)?));
            }
            b's' => {
                let rest = usize::try_from(position).ok().and_then(|position| data.get(position..));
                let end = rest.and_then(|rest| rest.iter().position(|&byte| byte == 0));
                let (Some(rest), Some(end)) = (rest, end) else {
                    return Err(Failure::new("unfinished string in data"));
                };
                results.push(Value::String(lua.create_string(&rest[..end])?));
                size = end + 1;
            }
            _ => format.control(item)?,
        }
        position = position.wrapping_add(size as u64);
    }
    let next = position.wrapping_add(1).cast_signed();
    results.push(Value::Number(next as f64));
    Ok(MultiValue::from_vec(results))
}

/// As many bytes from a position.
fn part<'d>(arguments: Arguments, data: &'d [u8], position: u64, size: u64) -> Result<&'d [u8], Failure> {
    let start = usize::try_from(position).ok();
    let end = position.checked_add(size).and_then(|end| usize::try_from(end).ok());
    match (start, end) {
        (Some(start), Some(end)) => data.get(start..end),
        _ => None,
    }
    .ok_or_else(|| arguments.refusal(2, "data string too short"))
}

/// The bytes of a value of this size, the least significant one first.
fn little_endian<const N: usize>(bytes: &[u8], big_endian: bool) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(bytes);
    if big_endian {
        value.reverse();
    }
    value
}

/// The number that bytes stand for. Of more than eight the least significant ones count.
fn integer(bytes: &[u8], item: Item, big_endian: bool) -> f64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let mut value = if big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) };
    if item.option.is_ascii_uppercase() {
        return value as f64;
    }
    // The highest bit is the sign. Of more than eight bytes it is where the processor's shift, modulo 64, has it.
    let negative = u64::MAX.wrapping_shl((8 * item.size as u32).wrapping_sub(1));
    if value & negative != 0 {
        value |= negative;
    }
    value.cast_signed() as f64
}

/// How many bytes values take in the format.
fn size(arguments: Arguments) -> Outcome {
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text, arguments);
    let mut position: u64 = 0;
    while let Some(item) = format.next()? {
        position += (format.padding(position, item) + item.size) as u64;
        match item.option {
            b's' => return Err(arguments.refusal(1, "option 's' has no fixed size")),
            b'c' if item.size == 0 => return Err(arguments.refusal(1, "option 'c0' has no fixed size")),
            option if option.is_ascii_alphanumeric() => {}
            _ => format.control(item)?,
        }
    }
    Ok([Value::Number(position as f64)].into_iter().collect())
}
