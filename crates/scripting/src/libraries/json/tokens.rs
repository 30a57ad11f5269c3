//! The tokens of JSON, and of what is taken for it.

use std::borrow::Cow;

use nuthatch_protocol::number::parse_f64_prefix;

use crate::library::Failure;

/// What a text consists of.
#[derive(Debug)]
pub(super) enum Token<'t> {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Cow<'t, [u8]>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// None of these, and why.
    Invalid(&'static str),
}

/// A token in its place.
#[derive(Debug)]
pub(super) struct Lexeme<'t> {
    pub(super) token: Token<'t>,
    at: usize,
}

impl Lexeme<'_> {
    /// The place, counted from 1.
    pub(super) fn character(&self) -> usize {
        self.at + 1
    }

    /// The error for a token that stands where another should.
    pub(super) fn instead_of(&self, expected: &str) -> Failure {
        let found = match self.token {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Invalid(why) => why,
        };
        let character = self.character();
        Failure::new(format!("Expected {expected} but found {found} at character {character}"))
    }
}

/// A text from which tokens are taken. It ends at the first zero byte.
pub(super) struct Tokens<'t> {
    text: &'t [u8],
    at: usize,
    /// Whether numbers are taken that C knows and JSON does not.
    invalid_numbers: bool,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t [u8], invalid_numbers: bool) -> Self {
        Self { text, at: 0, invalid_numbers }
    }

    pub(super) fn next(&mut self) -> Lexeme<'t> {
        while let b' ' | b'\t' | b'\n' | b'\r' = self.byte(self.at) {
            self.at += 1;
        }
        let at = self.at;
        match self.byte(at) {
            b'"' => return self.string(),
            b'0'..=b'9' | b'-' => return self.number(),
            _ => {}
        }
        let rest = self.text.get(at..).unwrap_or_default();
        let (token, length) = match self.byte(at) {
            b'{' => (Token::ObjectBegin, 1),
            b'}' => (Token::ObjectEnd, 1),
            b'[' => (Token::ArrayBegin, 1),
            b']' => (Token::ArrayEnd, 1),
            b':' => (Token::Colon, 1),
            b',' => (Token::Comma, 1),
            b't' if rest.starts_with(b"true") => (Token::Boolean(true), 4),
            b'f' if rest.starts_with(b"false") => (Token::Boolean(false), 5),
            b'n' if rest.starts_with(b"null") => (Token::Null, 4),
            b'+' if self.invalid_numbers => return self.number(),
            b'i' | b'I' | b'n' | b'N' if self.invalid_numbers && parse_f64_prefix(rest).is_some() => {
                return self.number();
            }
            0 => (Token::End, 0),
            _ => (Token::Invalid("invalid token"), 0),
        };
        self.at += length;
        Lexeme { token, at }
    }

    /// A byte of the text; zero at its end.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn number(&mut self) -> Lexeme<'t> {
        let at = self.at;
        let token = match self.read_number() {
            Some(number) => Token::Number(number),
            None => Token::Invalid("invalid number"),
        };
        Lexeme { token, at }
    }

    fn read_number(&mut self) -> Option<f64> {
        let text = self.text.get(self.at..)?;
        if !self.invalid_numbers {
            let unsigned = text.strip_prefix(b"-").unwrap_or(text);
            if let [b'0', b'0'..=b'9' | b'x' | b'X', ..] | [b'i' | b'I' | b'n' | b'N', ..] = unsigned {
                return None;
            }
        }
        let (number, length) = short_integer(text).or_else(|| parse_f64_prefix(text))?;
        self.at += length;
        Some(number)
    }

    fn string(&mut self) -> Lexeme<'t> {
        self.at += 1;
        let begin = self.at;
        match self.run() {
            Ok(run) if self.byte(self.at) == b'"' => {
                self.at += 1;
                Lexeme { token: Token::Text(Cow::Borrowed(run)), at: begin - 1 }
            }
            Ok(run) => {
                let mut text = run.to_vec();
                match self.rest_of_string(&mut text) {
                    Ok(()) => Lexeme { token: Token::Text(Cow::Owned(text)), at: begin - 1 },
                    Err(invalid) => invalid,
                }
            }
            Err(invalid) => invalid,
        }
    }

    /// What stands before the next quotation mark or escape.
    fn run(&mut self) -> Result<&'t [u8], Lexeme<'t>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0)).unwrap_or(rest.len());
        self.at += length;
        match self.byte(self.at) {
            0 => Err(Lexeme { token: Token::Invalid("unexpected end of string"), at: self.at }),
            _ => Ok(rest.get(..length).unwrap_or_default()),
        }
    }

    /// Reads a string from an escape on.
    fn rest_of_string(&mut self, text: &mut Vec<u8>) -> Result<(), Lexeme<'t>> {
        while self.byte(self.at) == b'\\' {
            let plain = match self.byte(self.at + 1) {
                byte @ (b'"' | b'\\' | b'/') => byte,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let Some((character, length)) = self.unicode() else {
                        return Err(self.invalid("invalid unicode escape code"));
                    };
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += length;
                    text.extend_from_slice(self.run()?);
                    continue;
                }
                _ => return Err(self.invalid("invalid escape code")),
            };
            text.push(plain);
            self.at += 2;
            text.extend_from_slice(self.run()?);
        }
        self.at += 1;
        Ok(())
    }

    fn invalid(&self, why: &'static str) -> Lexeme<'t> {
        Lexeme { token: Token::Invalid(why), at: self.at }
    }

    /// The character that an escape gives by its number, and the escape's length. Those beyond 16 bits take two.
    fn unicode(&self) -> Option<(char, usize)> {
        let unit = self.code_unit(self.at)?;
        if let Some(character) = char::from_u32(unit) {
            return Some((character, 6));
        }
        let second = self.code_unit(self.at + 6)?;
        let surrogates = [unit as u16, second as u16];
        let mut characters = char::decode_utf16(surrogates);
        Some((characters.next()?.ok()?, 12))
    }

    /// The number in `\u1234`.
    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}

/// A number of so few digits that they make no difference between integers and floating-point numbers, and its length.
fn short_integer(text: &[u8]) -> Option<(f64, usize)> {
    let (digits, sign_length) = match text {
        [b'-', digits @ ..] => (digits, 1),
        digits => (digits, 0),
    };
    let mut number = 0i64;
    for (index, byte) in digits.iter().take(16).enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
            b'.' | b'e' | b'E' | b'x' | b'X' => return None,
            _ if index == 0 => return None,
            _ => return Some((with_sign(number, sign_length), sign_length + index)),
        }
    }
    (1..16).contains(&digits.len()).then(|| (with_sign(number, sign_length), sign_length + digits.len()))
}

fn with_sign(magnitude: i64, sign_length: usize) -> f64 {
    if sign_length > 0 { -(magnitude as f64) } else { magnitude as f64 }
}
