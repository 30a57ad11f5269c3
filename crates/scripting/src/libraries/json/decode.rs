//! JSON as values of Lua.

use std::borrow::Cow;

use mlua::{Either, IntoLua, Lua, Value};

use super::super::assembly::{self, Assembly, Part};
use super::Settings;
use super::tokens::{Lexeme, Token, Tokens};
use crate::library::Failure;

/// The value that a text stands for.
pub(super) fn decode(lua: &Lua, text: &[u8], settings: Settings) -> Result<Value, Failure> {
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(Failure::new("JSON parser does not support UTF-16 or UTF-32"));
    }
    let deepest = usize::try_from(settings.decode_max_depth).unwrap_or(0).min(assembly::DEEPEST);
    let tokens = Tokens::new(text, settings.decode_invalid_numbers);
    Decoder { lua, tokens, deepest, assembly: Assembly::new(lua) }.document()
}

struct Decoder<'l, 't> {
    lua: &'l Lua,
    tokens: Tokens<'t>,
    /// So many arrays and objects may stand in one another.
    deepest: usize,
    assembly: Assembly<'l, 't>,
}

impl<'t> Decoder<'_, 't> {
    fn document(mut self) -> Result<Value, Failure> {
        let mut lexeme = self.tokens.next();
        loop {
            let value = match lexeme.token {
                Token::ArrayBegin => {
                    self.begin(&lexeme, true)?;
                    lexeme = self.tokens.next();
                    if !matches!(lexeme.token, Token::ArrayEnd) {
                        continue;
                    }
                    self.assembly.end()?
                }
                Token::ObjectBegin => {
                    self.begin(&lexeme, false)?;
                    lexeme = self.tokens.next();
                    if !matches!(lexeme.token, Token::ObjectEnd) {
                        lexeme = self.value_of(lexeme)?;
                        continue;
                    }
                    self.assembly.end()?
                }
                Token::Text(text) => self.text(text)?,
                Token::Number(number) => Either::Right(Value::Number(number)),
                Token::Boolean(boolean) => Either::Right(Value::Boolean(boolean)),
                Token::Null => Either::Right(Value::NULL),
                _ => return Err(lexeme.instead_of("value")),
            };
            match self.put(value)? {
                Next::Value(begin) => lexeme = begin,
                Next::End(value) => return Ok(value.into_lua(self.lua)?),
            }
        }
    }

    /// Begins an array or an object.
    fn begin(&mut self, lexeme: &Lexeme, is_array: bool) -> Result<(), Failure> {
        let depth = self.assembly.depth() + 1;
        if depth > self.deepest {
            let character = lexeme.character();
            return Err(Failure::new(format!(
                "Found too many nested data structures ({depth}) at character {character}"
            )));
        }
        self.assembly.begin(is_array);
        Ok(())
    }

    /// Puts a value into what it stands in, which goes on or ends with it.
    fn put(&mut self, mut value: Part<'t>) -> Result<Next<'t>, Failure> {
        while let Some(is_array) = self.assembly.is_in_array() {
            self.assembly.put(value)?;
            let lexeme = self.tokens.next();
            match lexeme.token {
                Token::Comma if is_array => return Ok(Next::Value(self.tokens.next())),
                Token::Comma => {
                    let key = self.tokens.next();
                    return self.value_of(key).map(Next::Value);
                }
                Token::ArrayEnd if is_array => {}
                Token::ObjectEnd if !is_array => {}
                _ if is_array => return Err(lexeme.instead_of("comma or array end")),
                _ => return Err(lexeme.instead_of("comma or object end")),
            }
            value = self.assembly.end()?;
        }
        let end = self.tokens.next();
        match end.token {
            Token::End => Ok(Next::End(value)),
            _ => Err(end.instead_of("the end")),
        }
    }

    /// What the value begins with that stands behind a key and a colon.
    fn value_of(&mut self, lexeme: Lexeme<'t>) -> Result<Lexeme<'t>, Failure> {
        let Token::Text(text) = lexeme.token else { return Err(lexeme.instead_of("object key string")) };
        let key = self.text(text)?;
        self.assembly.set_key(key);
        let colon = self.tokens.next();
        match colon.token {
            Token::Colon => Ok(self.tokens.next()),
            _ => Err(colon.instead_of("colon")),
        }
    }

    fn text(&self, text: Cow<'t, [u8]>) -> mlua::Result<Part<'t>> {
        match text {
            Cow::Borrowed(text) => assembly::text(self.lua, text),
            Cow::Owned(text) => self.lua.create_string(text).map(|text| Either::Right(Value::String(text))),
        }
    }
}

/// What comes behind a value.
enum Next<'t> {
    /// The beginning of another one.
    Value(Lexeme<'t>),
    /// The end of the text: the value is all of it.
    End(Part<'t>),
}
