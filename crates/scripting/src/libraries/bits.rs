//! The library `bit` (LuaBitOp): operations on 32-bit integers.

use mlua::{Lua, Table, Value};

use super::arguments::Arguments;
use crate::library::{Failure, Library, Outcome};

/// The library's table.
pub(crate) fn table(lua: &Lua) -> mlua::Result<Table> {
    let library = Library::new(lua)?;
    one(&library, "tobit", |value| value)?;
    one(&library, "bnot", |value| !value)?;
    one(&library, "bswap", u32::swap_bytes)?;
    all(&library, "band", |left, right| left & right)?;
    all(&library, "bor", |left, right| left | right)?;
    all(&library, "bxor", |left, right| left ^ right)?;
    // Of a distance the lowest five bits count.
    two(&library, "lshift", u32::wrapping_shl)?;
    two(&library, "rshift", u32::wrapping_shr)?;
    two(&library, "arshift", |value, distance| value.cast_signed().wrapping_shr(distance).cast_unsigned())?;
    two(&library, "rol", |value, distance| value.rotate_left(distance % u32::BITS))?;
    two(&library, "ror", |value, distance| value.rotate_right(distance % u32::BITS))?;
    library.function("tohex", tohex)?;
    Ok(library.finish())
}

/// A function of one number.
fn one(library: &Library, name: &'static str, operation: fn(u32) -> u32) -> mlua::Result<()> {
    library.function(name, move |lua, values| {
        let arguments = Arguments::new(lua, values);
        Ok(signed(operation(bits(arguments, 1)?)))
    })
}

/// A function of a number and a distance.
fn two(library: &Library, name: &'static str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    library.function(name, move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let value = bits(arguments, 1)?;
        Ok(signed(operation(value, bits(arguments, 2)?)))
    })
}

/// A function of any number of numbers but none.
fn all(library: &Library, name: &'static str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    library.function(name, move |lua, values| {
        let arguments = Arguments::new(lua, values);
        let mut result = bits(arguments, 1)?;
        // The last one first, which shows in the errors.
        for number in (2..=arguments.count()).rev() {
            result = operation(result, bits(arguments, number)?);
        }
        Ok(signed(result))
    })
}

/// The number in hexadecimal, with the last digits of the eight; in upper case if their count is negative.
fn tohex(lua: &Lua, values: &[Value]) -> Outcome {
    let arguments = Arguments::new(lua, values);
    let value = bits(arguments, 1)?;
    let digits = if arguments.count() < 2 { 8 } else { bits(arguments, 2)?.cast_signed() };
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    let shown = usize::try_from(digits.unsigned_abs()).unwrap_or(8).min(8);
    let text = lua.create_string(&text[8 - shown..])?;
    Ok([Value::String(text)].into_iter().collect())
}

/// An argument's bits. Added to 1.5 times 2^52, a number's lowest 32 bits before the point are those of the sum; it is
/// rounded to an even one on the way. Of numbers from 2^51 on the sum has lost bits, which scripts may have noticed.
fn bits(arguments: Arguments, number: usize) -> Result<u32, Failure> {
    let sum = arguments.number(number)? + 6_755_399_441_055_744.0;
    Ok(sum.to_bits() as u32)
}

/// A result, which is a signed number.
fn signed(bits: u32) -> mlua::MultiValue {
    [Value::Number(f64::from(bits.cast_signed()))].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::Script;
    use super::*;

    fn script() -> Script {
        Script::new("bit", table)
    }

    #[test]
    fn numbers_are_taken_modulo_two_to_32_as_the_stock_server_does() {
        script().agrees(&[
            ("bit.tobit(0)", "0"),
            ("bit.tobit(1.5)", "2"),
            ("bit.tobit(2.5)", "2"),
            ("bit.tobit(-0.5)", "0"),
            ("1/bit.tobit(0*-1)", "inf"),
            ("bit.tobit(-1.5)", "-2"),
            ("bit.tobit(0xffffffff)", "-1"),
            ("bit.tobit(0xffffffff+1)", "0"),
            ("bit.tobit(2^40+1234)", "1234"),
            ("bit.tobit(2^51-1)", "-1"),
            ("bit.tobit(2^51+1)", "0"),
            ("bit.tobit(2^53+2)", "1"),
            ("bit.tobit(-2^51-1)", "-2"),
            ("bit.tobit(-2^52-1)", "-4"),
            ("bit.tobit(1e300)", "-2013235812"),
            ("bit.tobit(-1e300)", "-2013235812"),
            ("bit.tobit(1/0)", "0"),
            ("bit.tobit(0/0)", "0"),
            ("bit.tobit('0x7fffffffff')", "-1"),
            ("bit.tobit(1, 2)", "1"),
        ]);
    }

    #[test]
    fn operations_are_those_of_the_stock_server() {
        script().agrees(&[
            ("bit.bnot(1, 2)", "-2"),
            ("bit.band(7, 3, 2)", "2"),
            ("bit.band(-1, 2^31)", "-2147483648"),
            ("bit.bor(1, 2, 4, 8)", "15"),
            ("bit.bxor(1, 3, 7)", "5"),
            ("bit.bxor(0xffffffff)", "-1"),
            ("bit.lshift(1, 31)", "-2147483648"),
            ("bit.lshift(1, 32)", "1"),
            ("bit.lshift(1, -1)", "-2147483648"),
            ("bit.lshift(1, 1e300)", "268435456"),
            ("bit.rshift(-1, 0)", "-1"),
            ("bit.rshift(-1, 31)", "1"),
            ("bit.rshift(-1, 32)", "-1"),
            ("bit.arshift(-8, 1)", "-4"),
            ("bit.arshift(2^31, 31)", "-1"),
            ("bit.arshift(256, 4)", "16"),
            ("bit.rol(0x12345678, 12)", "1164411171"),
            ("bit.ror(0x12345678, 12)", "1736516421"),
            ("bit.rol(1, -1)", "-2147483648"),
            ("bit.ror(1, 32)", "1"),
            ("bit.bswap(0x12345678)", "2018915346"),
        ]);
    }

    #[test]
    fn hexadecimal_text_is_that_of_the_stock_server() {
        script().agrees(&[
            ("bit.tohex(1)", "\"00000001\""),
            ("bit.tohex(-1)", "\"ffffffff\""),
            ("bit.tohex(-1, -8)", "\"FFFFFFFF\""),
            ("bit.tohex(0x21, 4)", "\"0021\""),
            ("bit.tohex(0x87654321, -4)", "\"4321\""),
            ("bit.tohex(0xabcdef, 0)", "\"\""),
            ("bit.tohex(0xabcdef, 9)", "\"00abcdef\""),
            ("bit.tohex(0xabcdef, '3')", "\"def\""),
            ("bit.tohex(0xabcdef, 1.5)", "\"ef\""),
            ("bit.tohex(0xa, -1)", "\"A\""),
        ]);
    }

    /// The least count of digits has no positive counterpart.
    #[test]
    fn cve_2024_31449_extreme_counts_of_digits_overflow_nothing() {
        script().agrees(&[
            ("bit.tohex(0xabcdef, -2147483648)", "\"00ABCDEF\""),
            ("bit.tohex(0xabcdef, 2147483648)", "\"00ABCDEF\""),
            ("bit.tohex(0xabcdef, 2147483647)", "\"00abcdef\""),
            ("bit.tohex(0xabcdef, -2147483647)", "\"00ABCDEF\""),
            ("bit.tohex(0xabcdef, -2147483649)", "\"00abcdef\""),
            ("bit.tohex(0xabcdef, 2^32)", "\"\""),
            ("bit.tohex(0xabcdef, 2^32+3)", "\"def\""),
            ("bit.tohex(0xabcdef, 1e300)", "\"00ABCDEF\""),
            ("bit.tohex(0xabcdef, 0/0)", "\"\""),
            ("bit.tohex(0xabcdef, 1/0)", "\"\""),
            ("bit.tohex(0xabcdef, -1/0)", "\"\""),
        ]);
    }

    #[test]
    fn other_arguments_are_refused_as_by_the_stock_server() {
        for name in
            ["tobit", "bnot", "bswap", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror"]
        {
            script().fails(
                &format!("bit.{name}()"),
                &format!("bad argument #1 to '{name}' (number expected, got no value)"),
            );
        }
        for (expression, error) in [
            ("bit.tobit('a')", "bad argument #1 to 'tobit' (number expected, got string)"),
            ("bit.tobit(true)", "bad argument #1 to 'tobit' (number expected, got boolean)"),
            ("bit.band(7, 3, nil)", "bad argument #3 to 'band' (number expected, got nil)"),
            ("bit.bor({}, true, nil)", "bad argument #1 to 'bor' (number expected, got table)"),
            ("bit.bor(1, true, nil)", "bad argument #3 to 'bor' (number expected, got nil)"),
            ("bit.lshift(1)", "bad argument #2 to 'lshift' (number expected, got no value)"),
            ("bit.lshift('a')", "bad argument #1 to 'lshift' (number expected, got string)"),
            ("bit.tohex(1, nil)", "bad argument #2 to 'tohex' (number expected, got nil)"),
            ("bit.tohex(nil, 3)", "bad argument #1 to 'tohex' (number expected, got nil)"),
        ] {
            script().fails(expression, error);
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_computed_with_as_integers_are(left in -1_i64 << 50..1 << 50, right in -1_i64 << 50..1 << 50) {
            let script = script();
            let distance = right.rem_euclid(32);
            let low = left.rem_euclid(1 << 32);
            for (name, expected) in [
                ("band", left & right),
                ("bor", left | right),
                ("bxor", left ^ right),
                ("lshift", low << distance),
                ("rshift", low >> distance),
                ("arshift", i64::from(left as i32) >> distance),
                ("rol", low << distance | low >> (32 - distance)),
                ("ror", low >> distance | low << (32 - distance)),
            ] {
                let result: f64 = script.call(&format!("bit.{name}(...)"), (left as f64, right as f64)).unwrap();
                prop_assert_eq!(result, f64::from(expected as i32), "{}", name);
            }
        }

        #[test]
        fn any_numbers_are_taken(left: f64, right: f64) {
            let script = script();
            for name in ["band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "tohex"] {
                script.call::<mlua::Value>(&format!("bit.{name}(...)"), (left, right)).unwrap();
            }
        }
    }
}
