//! Chance as scripts know it from the stock server: a generator that is the same for all of them, starts with the server
//! and is continued from script to script, so that a script that gives its seed always gets the same numbers.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, Table, Value};

use super::arguments::Arguments;
use crate::library::{Failure, Library, Outcome};

/// Puts `random` and `randomseed` into the library `math`.
pub(super) fn replace(lua: &Lua, math: &Table) -> mlua::Result<()> {
    let library = Library::new(lua)?;
    let generator = Generator::default();
    let seeded = generator.clone();
    library.function("random", move |lua, values| random(&generator, Arguments::new(lua, values)))?;
    library.function("randomseed", move |lua, values| {
        seeded.seed(Arguments::new(lua, values).integer(1)?);
        Ok(mlua::MultiValue::new())
    })?;
    for pair in library.finish().pairs::<Value, Value>() {
        let (name, function) = pair?;
        math.raw_set(name, function)?;
    }
    Ok(())
}

/// The 48-bit linear congruential generator of `lrand48`.
#[derive(Clone)]
struct Generator(Rc<Cell<u64>>);

impl Default for Generator {
    /// The state in which a server starts.
    fn default() -> Self {
        Self(Rc::new(Cell::new(0x1234_abcd_330e)))
    }
}

impl Generator {
    /// Starts again from a seed, of which the lowest 32 bits count.
    fn seed(&self, seed: i64) {
        self.0.set(u64::from(seed as u32) << 16 | 0x330e);
    }

    /// The next number, from 0 until 1.
    fn next(&self) -> f64 {
        let state = self.0.get().wrapping_mul(0x5_deec_e66d).wrapping_add(11) & ((1 << 48) - 1);
        self.0.set(state);
        let greatest = u64::from(i32::MAX.unsigned_abs());
        ((state >> 17) % greatest) as f64 / greatest as f64
    }
}

/// A number from 0 until 1, from 1 to a greatest one, or from a least to a greatest one.
fn random(generator: &Generator, arguments: Arguments) -> Outcome {
    // One is drawn whatever the arguments are.
    let drawn = generator.next();
    let bound = |number| arguments.integer(number).map(|bound| bound as i32);
    let result = match arguments.count() {
        0 => drawn,
        1 => {
            let greatest = bound(1)?;
            if greatest < 1 {
                return Err(arguments.refusal(1, "interval is empty"));
            }
            (drawn * f64::from(greatest)).floor() + 1.0
        }
        2 => {
            let (least, greatest) = (bound(1)?, bound(2)?);
            if least > greatest {
                return Err(arguments.refusal(2, "interval is empty"));
            }
            let width = greatest.wrapping_sub(least).wrapping_add(1);
            (drawn * f64::from(width)).floor() + f64::from(least)
        }
        _ => return Err(Failure::new("wrong number of arguments")),
    };
    Ok([Value::Number(result)].into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Script;
    use super::*;

    fn script() -> Script {
        Script::new("math", |lua| {
            let math = lua.create_table()?;
            replace(lua, &math)?;
            Ok(math)
        })
    }

    #[test]
    fn the_sequence_is_that_of_the_stock_server() {
        let script = script();
        script.agrees(&[
            ("math.random()", "0.39646477363839039"),
            ("math.random(1000)", "841"),
            ("math.random(1000)", "354"),
            ("math.random(1000)", "447"),
        ]);
        for (seed, first) in [
            ("5", "0.52483957937212644"),
            ("5.9", "0.52483957937212644"),
            ("'5'", "0.52483957937212644"),
            ("2^32+5", "0.52483957937212644"),
            ("-5.9", "0.81681649285220381"),
            ("-1", "0.3000257272739083"),
            ("4294967295", "0.3000257272739083"),
            ("-2^31", "0.67082803634499577"),
            ("1e300", "0.1708280361121651"),
            ("0/0", "0.1708280361121651"),
            ("1/0", "0.1708280361121651"),
        ] {
            script.agrees(&[(format!("math.randomseed({seed})").as_str(), ""), ("math.random()", first)]);
        }
        script.agrees(&[
            ("math.randomseed(5, 6)", ""),
            ("math.random(1000)", "525"),
            ("math.random(1000)", "273"),
            ("math.random(1000)", "789"),
            ("math.random()", "0.19806924238711093"),
        ]);
    }

    #[test]
    fn intervals_are_those_of_the_stock_server() {
        let script = script();
        let first = |interval: &str, expected: &str| {
            script.agrees(&[
                ("math.randomseed(5)", ""),
                (format!("math.random({interval})").as_str(), expected),
            ]);
        };
        first("1.5", "1");
        first("0.5, 1.5", "1");
        first("2^31-1", "1127084415");
        first("2^33+3", "2");
        first("-2^31, 2^31-1", "-2147483648");
        first("0, 2^31-1", "-1127084415");
        first("2^31, 2^31", "-2147483648");
        first("-5, 5", "0");
    }

    #[test]
    fn other_arguments_are_refused_as_by_the_stock_server() {
        let script = script();
        for (arguments, error) in [
            ("0", "bad argument #1 to 'random' (interval is empty)"),
            ("2^31", "bad argument #1 to 'random' (interval is empty)"),
            ("0/0", "bad argument #1 to 'random' (interval is empty)"),
            ("2, 1", "bad argument #2 to 'random' (interval is empty)"),
            ("1, 2, 3", "wrong number of arguments"),
            ("nil", "bad argument #1 to 'random' (number expected, got nil)"),
            ("1, 'x'", "bad argument #2 to 'random' (number expected, got string)"),
        ] {
            script.agrees(&[("math.randomseed(5)", "")]);
            script.fails(&format!("math.random({arguments})"), error);
            // A number was drawn nevertheless.
            script.agrees(&[("math.random(1000)", "273")]);
        }
        script.fails("math.randomseed()", "bad argument #1 to 'randomseed' (number expected, got no value)");
    }
}
