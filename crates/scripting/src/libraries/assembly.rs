//! How nested tables are built from text that lists their members one after another.

use std::mem::replace;

use mlua::{Either, Lua, Table, Value};

use crate::memory::Unlimited;

/// So many tables may stand in one another: the interpreter lends a limited number of values at a time.
pub(super) const DEEPEST: usize = 3999;

/// So many members at most wait for the end of the table that they stand in, for the same reason.
const MOST_PENDING: usize = 2048;

/// A key or a value. Text that stands in what is read goes into a table as it is, rather than being lent in between.
pub(super) type Part<'t> = Either<&'t str, Value>;

/// What stands in the place of keys that are not there yet.
const NO_KEY: Part<'static> = Either::Right(Value::Nil);

/// Text as a key or a value.
pub(super) fn text<'t>(lua: &Lua, text: &'t [u8]) -> mlua::Result<Part<'t>> {
    match str::from_utf8(text) {
        Ok(text) => Ok(Either::Left(text)),
        Err(_) => lua.create_string(text).map(|text| Either::Right(Value::String(text))),
    }
}

/// Nested tables that have begun.
pub(super) struct Assembly<'l, 't> {
    lua: &'l Lua,
    /// The innermost is the last.
    open: Vec<Open<'t>>,
    /// The values, and the keys unless they are indices, of members that are not yet in their tables: filling a table at
    /// once is faster.
    values: Vec<Part<'t>>,
    keys: Vec<Part<'t>>,
    _unlimited: Option<Unlimited<'l>>,
}

/// A byte gives rise to at most so many bytes of tables and texts, such as to a table that is empty and stands in another.
const BYTES_PER_BYTE: usize = 256;

/// A table that has begun.
struct Open<'t> {
    is_array: bool,
    /// The key of the value that comes next.
    key: Part<'t>,
    /// Where its pending members begin.
    first_value: usize,
    first_key: usize,
    /// The table with how many members, if not all are pending.
    begun: Option<(Table, usize)>,
}

impl<'l, 't> Assembly<'l, 't> {
    /// No table yet of those that a text lists.
    pub(super) fn of(lua: &'l Lua, text: &[u8]) -> Self {
        let unlimited = Unlimited::for_at_most(lua, text.len().saturating_mul(BYTES_PER_BYTE));
        Self { lua, open: Vec::new(), values: Vec::new(), keys: Vec::new(), _unlimited: unlimited }
    }

    /// How many tables have begun and not ended.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Whether the innermost table is an array, if there is one.
    pub(super) fn is_in_array(&self) -> Option<bool> {
        self.open.last().map(|open| open.is_array)
    }

    /// Begins a table, which stands in the innermost one.
    pub(super) fn begin(&mut self, is_array: bool) {
        let (first_value, first_key) = (self.values.len(), self.keys.len());
        self.open.push(Open { is_array, key: NO_KEY, first_value, first_key, begun: None });
    }

    /// Sets the key of the value that comes next.
    pub(super) fn set_key(&mut self, key: Part<'t>) {
        if let Some(open) = self.open.last_mut() {
            open.key = key;
        }
    }

    /// Puts a value into the innermost table.
    pub(super) fn put(&mut self, value: Part<'t>) -> mlua::Result<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        self.values.push(value);
        if !open.is_array {
            self.keys.push(replace(&mut open.key, NO_KEY));
        }
        if self.values.len() > MOST_PENDING { self.fill() } else { Ok(()) }
    }

    /// Ends the innermost table.
    pub(super) fn end(&mut self) -> mlua::Result<Part<'t>> {
        self.fill()?;
        let begun = self.open.pop().and_then(|open| open.begun);
        Ok(Either::Right(begun.map_or(Value::Nil, |(table, _)| Value::Table(table))))
    }

    /// Puts the pending members of the innermost table there.
    fn fill(&mut self) -> mlua::Result<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let values = self.values.drain(open.first_value..);
        let mut keys = self.keys.drain(open.first_key..);
        match &mut open.begun {
            Some((table, length)) => {
                for value in values {
                    *length += 1;
                    match keys.next() {
                        Some(key) => table.raw_set(key, value)?,
                        None => table.raw_set(*length, value)?,
                    }
                }
            }
            None => {
                let length = values.len();
                // How many there are is kept from the interpreter: tables that grow step by step are walked through in
                // another order, which is that of the stock server.
                let table = match open.is_array {
                    true => self.lua.create_sequence_from(values.filter(|_| true))?,
                    false => self.lua.create_table_from(keys.zip(values).filter(|_| true))?,
                };
                open.begun = Some((table, length));
            }
        }
        Ok(())
    }
}
