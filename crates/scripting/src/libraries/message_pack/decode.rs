//! MessagePack as values of Lua.

use mlua::{Either, IntoLua, Lua, Value};

use super::super::assembly::{self, Assembly, Part};
use super::{TOO_MANY_VALUES, too_many};
use crate::library::Failure;

/// A text from which values are taken.
pub(super) struct Unpacker<'l, 't> {
    lua: &'l Lua,
    text: &'t [u8],
    at: usize,
    assembly: Assembly<'l, 't>,
    /// The arrays and maps that have begun, the innermost last.
    open: Vec<Open>,
}

/// An array or a map that has begun.
struct Open {
    /// So many members are still to come.
    missing: u32,
    /// What is to come next, in a map.
    next: Next,
}

enum Next {
    Element,
    Key,
    /// A value, and why its key can be none.
    Value(Option<&'static str>),
}

/// What a byte and those behind it stand for.
enum Token<'t> {
    Scalar(Part<'t>),
    Array(u32),
    Map(u32),
}

impl<'l, 't> Unpacker<'l, 't> {
    /// Takes values from an offset on.
    pub(super) fn new(lua: &'l Lua, text: &'t [u8], at: usize) -> Self {
        Self { lua, text, at, assembly: Assembly::new(lua), open: Vec::new() }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Where the next value begins.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Takes a value.
    pub(super) fn value(&mut self) -> Result<Value, Failure> {
        loop {
            let mut value = match self.token()? {
                Token::Scalar(value) => value,
                Token::Array(length) => {
                    self.begin(true, length, Next::Element)?;
                    if length > 0 {
                        continue;
                    }
                    self.end()?
                }
                Token::Map(length) => {
                    self.begin(false, length, Next::Key)?;
                    if length > 0 {
                        continue;
                    }
                    self.end()?
                }
            };
            // Ends what ends with the value.
            loop {
                let Some(innermost) = self.open.last_mut() else { return Ok(value.into_lua(self.lua)?) };
                match innermost.next {
                    Next::Key => {
                        innermost.next = Next::Value(unfit_for_key(&value));
                        self.assembly.set_key(value);
                        break;
                    }
                    Next::Value(Some(why)) => return Err(Failure::unplaced(why)),
                    Next::Value(None) => innermost.next = Next::Key,
                    Next::Element => {}
                }
                innermost.missing -= 1;
                let is_last = innermost.missing == 0;
                self.assembly.put(value)?;
                if !is_last {
                    break;
                }
                value = self.end()?;
            }
        }
    }

    fn begin(&mut self, is_array: bool, length: u32, next: Next) -> Result<(), Failure> {
        if self.open.len() >= assembly::DEEPEST {
            return Err(too_many(match is_array {
                true => "in function mp_decode_to_lua_array",
                false => TOO_MANY_VALUES,
            }));
        }
        self.assembly.begin(is_array);
        self.open.push(Open { missing: length, next });
        Ok(())
    }

    fn end(&mut self) -> mlua::Result<Part<'t>> {
        self.open.pop();
        self.assembly.end()
    }

    fn token(&mut self) -> Result<Token<'t>, Failure> {
        let [tag] = self.take()?;
        let number = match tag {
            0x00..=0x7f | 0xe0..=0xff => f64::from(tag.cast_signed()),
            0x80..=0x8f => return Ok(Token::Map(u32::from(tag & 15))),
            0x90..=0x9f => return Ok(Token::Array(u32::from(tag & 15))),
            0xa0..=0xbf => return self.text(u32::from(tag & 31)),
            0xc0 => return Ok(Token::Scalar(Either::Right(Value::Nil))),
            0xc2 | 0xc3 => return Ok(Token::Scalar(Either::Right(Value::Boolean(tag == 0xc3)))),
            0xca => f64::from(f32::from_be_bytes(self.take()?)),
            0xcb => f64::from_be_bytes(self.take()?),
            0xcc => f64::from(u8::from_be_bytes(self.take()?)),
            0xcd => f64::from(u16::from_be_bytes(self.take()?)),
            0xce => f64::from(u32::from_be_bytes(self.take()?)),
            // The stock server takes the greatest ones for negative ones.
            0xcf | 0xd3 => i64::from_be_bytes(self.take()?) as f64,
            0xd0 => f64::from(i8::from_be_bytes(self.take()?)),
            0xd1 => f64::from(i16::from_be_bytes(self.take()?)),
            0xd2 => f64::from(i32::from_be_bytes(self.take()?)),
            0xd9 => {
                let length = u8::from_be_bytes(self.take()?);
                return self.text(u32::from(length));
            }
            0xda => {
                let length = u16::from_be_bytes(self.take()?);
                return self.text(u32::from(length));
            }
            0xdb => {
                let length = u32::from_be_bytes(self.take()?);
                return self.text(length);
            }
            0xdc => return Ok(Token::Array(u32::from(u16::from_be_bytes(self.take()?)))),
            0xdd => return Ok(Token::Array(u32::from_be_bytes(self.take()?))),
            0xde => return Ok(Token::Map(u32::from(u16::from_be_bytes(self.take()?)))),
            0xdf => return Ok(Token::Map(u32::from_be_bytes(self.take()?))),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Failure::new("Bad data format in input.")),
        };
        Ok(Token::Scalar(Either::Right(Value::Number(number))))
    }

    fn text(&mut self, length: u32) -> Result<Token<'t>, Failure> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let text = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(missing)?;
        self.at += text.len();
        Ok(Token::Scalar(assembly::text(self.lua, text)?))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let bytes = rest.first_chunk().ok_or_else(missing)?;
        self.at += N;
        Ok(*bytes)
    }
}

fn missing() -> Failure {
    Failure::new("Missing bytes in input.")
}

/// Why a value can be no key.
fn unfit_for_key(value: &Part) -> Option<&'static str> {
    match value {
        Either::Right(Value::Nil) => Some("table index is nil"),
        Either::Right(Value::Number(number)) if number.is_nan() => Some("table index is NaN"),
        _ => None,
    }
}
