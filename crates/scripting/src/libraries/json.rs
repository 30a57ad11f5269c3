//! The library `cjson`: values of Lua as JSON, and back.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use super::arguments::Arguments;
use super::walk;
use crate::library::{Failure, Library, Outcome};

mod decode;
mod encode;
#[cfg(test)]
mod tests;
mod tokens;

/// The library's table, and the settings that all scripts share which use it.
pub(super) fn table(lua: &Lua) -> mlua::Result<(Table, SharedSettings)> {
    let settings = Rc::new(Cell::new(Settings::default()));
    Ok((instance(lua, &settings)?, SharedSettings(settings)))
}

/// The settings of the table that all scripts of an interpreter share.
#[derive(Debug)]
pub(crate) struct SharedSettings(Rc<Cell<Settings>>);

impl SharedSettings {
    /// Forgets what a script has set: to be called before each, so that none depends on which others ran before it.
    pub(crate) fn reset(&self) {
        self.0.set(Settings::default());
    }
}

/// What scripts can set.
#[derive(Debug, Clone, Copy)]
struct Settings {
    sparse_arrays: SparseArrays,
    encode_max_depth: i32,
    decode_max_depth: i32,
    encode_number_precision: i32,
    /// It is kept for who asks for it: our buffers last for one call.
    encode_keep_buffer: bool,
    encode_invalid_numbers: InvalidNumbers,
    decode_invalid_numbers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_arrays: SparseArrays { convert: false, ratio: 2, safe: 10 },
            encode_max_depth: 1000,
            decode_max_depth: 1000,
            encode_number_precision: 14,
            encode_keep_buffer: true,
            encode_invalid_numbers: InvalidNumbers::Refuse,
            decode_invalid_numbers: true,
        }
    }
}

/// What becomes of arrays that miss most of their elements.
#[derive(Debug, Clone, Copy)]
struct SparseArrays {
    /// Whether they become objects, rather than an error.
    convert: bool,
    /// An array is sparse if it is longer than so many times its elements; if this is 0, none is.
    ratio: i32,
    /// No array that is not longer than this is sparse.
    safe: i32,
}

/// What becomes of numbers that JSON does not have: those that are none, and infinite ones.
#[derive(Debug, Clone, Copy)]
enum InvalidNumbers {
    Refuse,
    Encode,
    Null,
}

/// A table whose functions follow the settings.
fn instance(lua: &Lua, settings: &Rc<Cell<Settings>>) -> mlua::Result<Table> {
    let library = Library::new(lua)?;
    let of_settings = Rc::clone(settings);
    library.function("encode", move |lua, values| {
        let value = only(Arguments::new(lua, values))?;
        let text = walk::text(lua, || encode::encode(value, of_settings.get()))?;
        Ok(one(Value::String(text)))
    })?;
    let of_settings = Rc::clone(settings);
    library.function("decode", move |lua, values| {
        let arguments = Arguments::new(lua, values);
        only(arguments)?;
        let text = arguments.text(1)?;
        let value = decode::decode(lua, &text.as_bytes(), of_settings.get())?;
        Ok(one(value))
    })?;
    let setting = |name, function: fn(Arguments, &mut Settings) -> Outcome| {
        let settings = Rc::clone(settings);
        library.function(name, move |lua, values| {
            let mut changed = settings.get();
            let outcome = function(Arguments::new(lua, values), &mut changed);
            // What stands before an argument that is refused has been set.
            settings.set(changed);
            outcome
        })
    };
    setting("encode_sparse_array", |arguments, settings| {
        let SparseArrays { convert, ratio, safe } = &mut settings.sparse_arrays;
        at_most(3, arguments)?;
        switch(arguments, convert)?;
        integer(arguments, 2, 0..=i32::MAX, ratio)?;
        integer(arguments, 3, 0..=i32::MAX, safe)?;
        let [ratio, safe] = [*ratio, *safe].map(|integer| Value::Integer(integer.into()));
        Ok([Value::Boolean(*convert), ratio, safe].into_iter().collect())
    })?;
    setting("encode_max_depth", |arguments, settings| {
        only_integer(arguments, 1..=i32::MAX, &mut settings.encode_max_depth)
    })?;
    setting("decode_max_depth", |arguments, settings| {
        only_integer(arguments, 1..=i32::MAX, &mut settings.decode_max_depth)
    })?;
    setting("encode_number_precision", |arguments, settings| {
        only_integer(arguments, 1..=14, &mut settings.encode_number_precision)
    })?;
    setting("encode_keep_buffer", |arguments, settings| {
        only_switch(arguments, &mut settings.encode_keep_buffer)
    })?;
    setting("encode_invalid_numbers", |arguments, settings| {
        at_most(1, arguments)?;
        let of_null = ("null", InvalidNumbers::Null);
        let names = [("off", InvalidNumbers::Refuse), ("on", InvalidNumbers::Encode), of_null];
        choice(arguments, &names, &mut settings.encode_invalid_numbers)?;
        Ok(one(match settings.encode_invalid_numbers {
            InvalidNumbers::Refuse => Value::Boolean(false),
            InvalidNumbers::Encode => Value::Boolean(true),
            InvalidNumbers::Null => Value::String(arguments.lua().create_string("null")?),
        }))
    })?;
    setting("decode_invalid_numbers", |arguments, settings| {
        only_switch(arguments, &mut settings.decode_invalid_numbers)
    })?;
    library.function("new", |lua, _| {
        let table = instance(lua, &Rc::new(Cell::new(Settings::default())))?;
        Ok(one(Value::Table(table)))
    })?;
    library.value("null", Value::NULL)?;
    library.value("_NAME", "cjson")?;
    library.value("_VERSION", "2.1.0")?;
    Ok(library.finish())
}

fn one(value: Value) -> MultiValue {
    [value].into_iter().collect()
}

/// The argument of a function that takes one.
fn only<'c>(arguments: Arguments<'c>) -> Result<&'c Value, Failure> {
    match arguments.get(1) {
        Some(value) if arguments.count() == 1 => Ok(value),
        _ => Err(arguments.refusal(1, "expected 1 argument")),
    }
}

fn at_most(most: usize, arguments: Arguments) -> Result<(), Failure> {
    match arguments.count() {
        count if count > most => Err(arguments.refusal(most + 1, "found too many arguments")),
        _ => Ok(()),
    }
}

/// Sets and returns an integer.
fn only_integer(arguments: Arguments, range: RangeInclusive<i32>, setting: &mut i32) -> Outcome {
    at_most(1, arguments)?;
    integer(arguments, 1, range, setting)?;
    Ok(one(Value::Integer((*setting).into())))
}

/// Sets and returns what is on or off.
fn only_switch(arguments: Arguments, setting: &mut bool) -> Outcome {
    at_most(1, arguments)?;
    switch(arguments, setting)?;
    Ok(one(Value::Boolean(*setting)))
}

/// Sets an integer, if there is one.
fn integer(
    arguments: Arguments,
    number: usize,
    range: RangeInclusive<i32>,
    setting: &mut i32,
) -> Result<(), Failure> {
    if let None | Some(Value::Nil) = arguments.get(number) {
        return Ok(());
    }
    // It is converted as in C, which drops the upper half.
    let integer = arguments.integer(number)? as i32;
    if !range.contains(&integer) {
        let (least, most) = range.into_inner();
        return Err(arguments.refusal(1, format!("expected integer between {least} and {most}")));
    }
    *setting = integer;
    Ok(())
}

/// Sets what is on or off, if the first argument says so.
fn switch(arguments: Arguments, setting: &mut bool) -> Result<(), Failure> {
    choice(arguments, &[("off", false), ("on", true)], setting)
}

/// Sets one of several values by its name, if the first argument is one. The first two can also be set by `false` and
/// `true`.
fn choice<T: Copy>(arguments: Arguments, names: &[(&str, T)], setting: &mut T) -> Result<(), Failure> {
    let chosen = match arguments.get(1) {
        None | Some(Value::Nil) => return Ok(()),
        Some(Value::Boolean(on)) => names.get(usize::from(*on)).map(|(_, value)| *value),
        Some(_) => {
            let text = arguments.text(1)?;
            let named = names.iter().find(|(name, _)| text == *name).map(|(_, value)| *value);
            if named.is_none() {
                let what = [b"invalid option '", &*text.as_bytes(), b"'"].concat();
                return Err(arguments.refusal(1, what));
            }
            named
        }
    };
    *setting = chosen.unwrap_or(*setting);
    Ok(())
}
