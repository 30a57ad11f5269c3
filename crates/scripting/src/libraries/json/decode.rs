//! JSON as values of Lua.

use std::borrow::Cow;
use std::mem::replace;

use mlua::{Either, IntoLua, Lua, Table, Value};

use super::Settings;
use super::tokens::{Lexeme, Token, Tokens};
use crate::library::Failure;

/// The value that a text stands for.
pub(super) fn decode(lua: &Lua, text: &[u8], settings: Settings) -> Result<Value, Failure> {
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(Failure::new("JSON parser does not support UTF-16 or UTF-32"));
    }
    let deepest = usize::try_from(settings.decode_max_depth).unwrap_or(0).min(DEEPEST);
    let tokens = Tokens::new(text, settings.decode_invalid_numbers);
    Decoder { lua, tokens, deepest, open: Vec::new(), pending: Vec::new() }.document()
}

/// So many arrays and objects may stand in one another whatever the settings say: the interpreter lends a limited number
/// of tables at a time.
const DEEPEST: usize = 3999;

/// So many values at most wait for the end of what they stand in, for the same reason.
const MOST_PENDING: usize = 2048;

struct Decoder<'l, 't> {
    lua: &'l Lua,
    tokens: Tokens<'t>,
    deepest: usize,
    /// The arrays and objects that have begun, the innermost last.
    open: Vec<Open<'t>>,
    /// The members of all of them that are not yet in their tables: filling a table at once is faster.
    pending: Vec<(Part<'t>, Part<'t>)>,
}

/// An array or an object that has begun.
struct Open<'t> {
    is_array: bool,
    /// The key of an object's value that comes next.
    key: Part<'t>,
    /// Where its pending members begin.
    first: usize,
    /// Its table with how many elements, if not all members are pending.
    begun: Option<(Table, usize)>,
}

/// A key or a value. The text of a document goes into a table as it is, rather than being lent by the interpreter in between.
type Part<'t> = Either<&'t str, Value>;

impl<'t> Decoder<'_, 't> {
    fn document(mut self) -> Result<Value, Failure> {
        let mut lexeme = self.tokens.next();
        loop {
            let mut value = match lexeme.token {
                Token::ArrayBegin => {
                    self.begin(&lexeme, true)?;
                    lexeme = self.tokens.next();
                    if !matches!(lexeme.token, Token::ArrayEnd) {
                        continue;
                    }
                    self.end()?
                }
                Token::ObjectBegin => {
                    self.begin(&lexeme, false)?;
                    lexeme = self.tokens.next();
                    if !matches!(lexeme.token, Token::ObjectEnd) {
                        lexeme = self.value_of(lexeme)?;
                        continue;
                    }
                    self.end()?
                }
                Token::Text(text) => self.part(text)?,
                Token::Number(number) => Either::Right(Value::Number(number)),
                Token::Boolean(boolean) => Either::Right(Value::Boolean(boolean)),
                Token::Null => Either::Right(Value::NULL),
                _ => return Err(lexeme.instead_of("value")),
            };
            // What it stands in goes on, or ends with it.
            lexeme = loop {
                let Some(innermost) = self.open.last_mut() else {
                    let end = self.tokens.next();
                    return match end.token {
                        Token::End => Ok(value.into_lua(self.lua)?),
                        _ => Err(end.instead_of("the end")),
                    };
                };
                let is_array = innermost.is_array;
                self.pending.push((replace(&mut innermost.key, NO_KEY), value));
                if self.pending.len() > MOST_PENDING {
                    self.fill()?;
                }
                let lexeme = self.tokens.next();
                match lexeme.token {
                    Token::Comma if is_array => break self.tokens.next(),
                    Token::Comma => {
                        let key = self.tokens.next();
                        break self.value_of(key)?;
                    }
                    Token::ArrayEnd if is_array => value = self.end()?,
                    Token::ObjectEnd if !is_array => value = self.end()?,
                    _ if is_array => return Err(lexeme.instead_of("comma or array end")),
                    _ => return Err(lexeme.instead_of("comma or object end")),
                }
            };
        }
    }

    /// Begins an array or an object.
    fn begin(&mut self, lexeme: &Lexeme, is_array: bool) -> Result<(), Failure> {
        let depth = self.open.len() + 1;
        if depth > self.deepest {
            let character = lexeme.character();
            return Err(Failure::new(format!(
                "Found too many nested data structures ({depth}) at character {character}"
            )));
        }
        self.open.push(Open { is_array, key: NO_KEY, first: self.pending.len(), begun: None });
        Ok(())
    }

    /// What the value begins with that stands behind a key and a colon.
    fn value_of(&mut self, lexeme: Lexeme<'t>) -> Result<Lexeme<'t>, Failure> {
        let Token::Text(text) = lexeme.token else { return Err(lexeme.instead_of("object key string")) };
        let part = self.part(text)?;
        if let Some(Open { key, .. }) = self.open.last_mut() {
            *key = part;
        }
        let colon = self.tokens.next();
        match colon.token {
            Token::Colon => Ok(self.tokens.next()),
            _ => Err(colon.instead_of("colon")),
        }
    }

    fn part(&self, text: Cow<'t, [u8]>) -> mlua::Result<Part<'t>> {
        if let Cow::Borrowed(text) = text
            && let Ok(text) = str::from_utf8(text)
        {
            return Ok(Either::Left(text));
        }
        self.lua.create_string(text).map(|text| Either::Right(Value::String(text)))
    }

    /// Ends the innermost array or object.
    fn end(&mut self) -> Result<Part<'t>, Failure> {
        self.fill()?;
        let begun = self.open.pop().and_then(|open| open.begun);
        Ok(Either::Right(begun.map_or(Value::Nil, |(table, _)| Value::Table(table))))
    }

    /// Puts the pending members of the innermost array or object into its table.
    fn fill(&mut self) -> mlua::Result<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let members = self.pending.drain(open.first..);
        match &mut open.begun {
            Some((table, length)) => {
                for (key, value) in members {
                    *length += 1;
                    if open.is_array {
                        table.raw_set(*length, value)?;
                    } else {
                        table.raw_set(key, value)?;
                    }
                }
            }
            None => {
                let length = members.len();
                // How many there are is kept from the interpreter: tables that grow step by step are walked in another
                // order, which is that of the stock server.
                let members = members.filter(|_| true);
                let table = match open.is_array {
                    true => self.lua.create_sequence_from(members.map(|(_, value)| value))?,
                    false => self.lua.create_table_from(members)?,
                };
                open.begun = Some((table, length));
            }
        }
        Ok(())
    }
}

/// What stands for the key in arrays.
const NO_KEY: Part<'static> = Either::Right(Value::Nil);
