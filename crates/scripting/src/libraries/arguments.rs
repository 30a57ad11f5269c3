//! Arguments as Lua's auxiliary library takes them: numbers also from text, text also from numbers, and what it says of
//! others.

use mlua::{Lua, LuaString, Value};

use crate::library::Failure;

/// The arguments of a call. They are counted from 1.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'c> {
    lua: &'c Lua,
    values: &'c [Value],
}

impl<'c> Arguments<'c> {
    /// The arguments of a call.
    pub(super) fn new(lua: &'c Lua, values: &'c [Value]) -> Self {
        Self { lua, values }
    }

    /// The interpreter.
    pub(super) fn lua(self) -> &'c Lua {
        self.lua
    }

    /// How many there are.
    pub(super) fn count(self) -> usize {
        self.values.len()
    }

    /// An argument, unless there are fewer.
    pub(super) fn get(self, number: usize) -> Option<&'c Value> {
        self.values.get(number.checked_sub(1)?)
    }

    /// A number.
    pub(super) fn number(self, number: usize) -> Result<f64, Failure> {
        let value = self.get(number);
        let converted = match value {
            Some(value) => as_number(self.lua, value)?,
            None => None,
        };
        converted.ok_or_else(|| self.mismatch(number, "number", value))
    }

    /// A number without its fraction, as C converts it.
    pub(super) fn integer(self, number: usize) -> Result<i64, Failure> {
        self.number(number).map(truncated)
    }

    /// Text.
    pub(super) fn text(self, number: usize) -> Result<LuaString, Failure> {
        let value = self.get(number);
        let converted = match value {
            Some(Value::String(text)) => Some(text.clone()),
            Some(value @ (Value::Integer(_) | Value::Number(_))) => self.lua.coerce_string(value.clone())?,
            _ => None,
        };
        converted.ok_or_else(|| self.mismatch(number, "string", value))
    }

    /// The error for an argument that has the right type, but is not taken.
    pub(super) fn refusal(self, number: usize, why: impl AsRef<[u8]>) -> Failure {
        Failure::bad_argument(number, why.as_ref())
    }

    /// The error for an argument of another type, or for none.
    pub(super) fn mismatch(self, number: usize, expected: &str, found: Option<&Value>) -> Failure {
        let found = found.map_or("no value", type_name);
        self.refusal(number, format!("{expected} expected, got {found}"))
    }
}

/// The number that a value is or reads as.
pub(super) fn as_number(lua: &Lua, value: &Value) -> mlua::Result<Option<f64>> {
    match value {
        Value::Integer(integer) => Ok(Some(*integer as f64)),
        Value::Number(number) => Ok(Some(*number)),
        Value::String(_) => lua.coerce_number(value.clone()),
        _ => Ok(None),
    }
}

/// A number without its fraction. What a 64-bit integer cannot hold becomes the least one, as processors of the x86
/// family convert.
pub(super) fn truncated(number: f64) -> i64 {
    if (-TWO_TO_63..TWO_TO_63).contains(&number) { number as i64 } else { i64::MIN }
}

/// A number without its fraction as C compilers make an unsigned integer of it: negative ones wrap, from 2^64 on it is
/// 0.
pub(super) fn truncated_unsigned(number: f64) -> u64 {
    if number >= TWO_TO_63 {
        truncated(number - TWO_TO_63) as u64 ^ 1 << 63
    } else {
        truncated(number) as u64
    }
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// What Lua calls a value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) => "userdata",
        other => other.type_name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_converted_as_in_c() {
        for (number, integer) in [
            (1.9, 1),
            (-1.9, -1),
            (9_007_199_254_740_994.0, 9_007_199_254_740_994),
            (TWO_TO_63, i64::MIN),
            (-TWO_TO_63, i64::MIN),
            (1e300, i64::MIN),
            (f64::NAN, i64::MIN),
            (f64::NEG_INFINITY, i64::MIN),
        ] {
            assert_eq!(truncated(number), integer, "{number}");
        }
        for (number, integer) in [
            (1.9, 1),
            (-1.9, u64::MAX),
            (TWO_TO_63, 1 << 63),
            (2.0 * TWO_TO_63 - 2048.0, u64::MAX - 2047),
            (2.0 * TWO_TO_63, 0),
            (-2.0 * TWO_TO_63, 1 << 63),
            (f64::NAN, 1 << 63),
            (f64::INFINITY, 0),
        ] {
            assert_eq!(truncated_unsigned(number), integer, "{number}");
        }
    }
}
