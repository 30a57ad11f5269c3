//! From a row's syntax, in the notation of Redis's documentation, to the structure of COMMAND DOCS.
//!
//! Words in upper case, and signs, are literal tokens; other words are values. `[x]` is optional, `<a | b>`
//! is one of several, and `x [x ...]` is one or more. A token belongs with the values behind it.

use crate::command::{Command, FindKeys, KeySpec};

/// One argument of a command, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument {
    /// What the syntax calls it; a group is named after what it consists of.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
    /// The word in front of it.
    pub(super) token: Option<String>,
    /// Which of the row's key specifications finds it.
    pub(super) key_spec: Option<usize>,
    /// It may be left out.
    pub(super) optional: bool,
    /// It may be repeated.
    pub(super) multiple: bool,
    /// The token is repeated with it.
    pub(super) multiple_token: bool,
    /// The members of a group.
    pub(super) arguments: Vec<Argument>,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    OneOf,
    Block,
}

impl Kind {
    /// The name in COMMAND DOCS.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }

    /// The kind of a value, which the documentation's names tell.
    fn of_value(name: &str) -> Self {
        match name {
            "bit" | "client-id" | "count" | "cursor" | "db" | "decrement" | "destination-db" | "end"
            | "id" | "increment" | "index" | "index1" | "index2" | "len" | "maxage" | "milliseconds"
            | "min-match-len" | "numkeys" | "offset" | "port" | "protover" | "seconds" | "start" | "stop"
            | "timeout" | "ttl" | "version" => Self::Integer,
            "height" | "latitude" | "longitude" | "radius" | "width" => Self::Double,
            "pattern" => Self::Pattern,
            name if name.starts_with("unix-time") => Self::UnixTime,
            _ => Self::String,
        }
    }
}

impl Argument {
    /// The arguments of a command; a subcommand's follow two words instead of one.
    pub(super) fn parse_all(row: &Command, is_subcommand: bool) -> Vec<Self> {
        let mut arguments = Parser { rest: row.syntax }.sequence(Level::Top);
        refine(&mut arguments, row, if is_subcommand { 2 } else { 1 });
        arguments
    }

    fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            token: None,
            key_spec: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: Vec::new(),
        }
    }

    fn group(kind: Kind, separator: &str, arguments: Vec<Self>) -> Self {
        let names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
        Self { arguments: arguments.clone(), ..Self::new(names.join(separator), kind) }
    }

    /// Several arguments as one: a block, unless it is one anyway.
    fn block(mut arguments: Vec<Self>) -> Option<Self> {
        match arguments.len() {
            0 | 1 => arguments.pop(),
            _ => Some(Self::group(Kind::Block, "-", arguments)),
        }
    }

    /// What follows a token, together with it.
    fn with_token(token: &str, values: Vec<Self>) -> Self {
        let name = token.to_ascii_lowercase();
        let token = Some(token.to_owned());
        match <[Self; 1]>::try_from(values) {
            Ok([value]) if value.token.is_none() && !value.optional => Self { token, ..value },
            Ok([value]) => Self { token, arguments: vec![value], ..Self::new(name, Kind::Block) },
            Err(values) if values.is_empty() => Self { token, ..Self::new(name, Kind::PureToken) },
            Err(values) => Self { token, arguments: values, ..Self::new(name, Kind::Block) },
        }
    }
}

/// Where a sequence stands: between brackets, a token takes all that follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    Nested,
}

/// A piece of the notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Open(char),
    Close,
    Or,
    Repeat,
    Token(&'a str),
    Value(&'a str),
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn next_with_rest(&self) -> Option<(Piece<'a>, &'a str)> {
        let text = self.rest.trim_start();
        let first = text.chars().next()?;
        let (_, behind) = text.split_at(first.len_utf8());
        let piece = match first {
            '[' | '<' => Piece::Open(first),
            ']' | '>' => Piece::Close,
            '|' => Piece::Or,
            _ => {
                let end = text.find(|sign: char| sign.is_whitespace() || "[]<>|".contains(sign));
                let (word, behind) = text.split_at(end.unwrap_or(text.len()));
                let piece = match word {
                    "..." => Piece::Repeat,
                    word if word.contains(|letter: char| letter.is_ascii_lowercase()) => Piece::Value(word),
                    word => Piece::Token(word),
                };
                return Some((piece, behind));
            }
        };
        Some((piece, behind))
    }

    fn peek(&self) -> Option<Piece<'a>> {
        self.next_with_rest().map(|(piece, _)| piece)
    }

    fn take(&mut self) -> Option<Piece<'a>> {
        let (piece, rest) = self.next_with_rest()?;
        self.rest = rest;
        Some(piece)
    }

    /// Arguments one after another, up to the end of the alternative.
    fn sequence(&mut self, level: Level) -> Vec<Argument> {
        let mut arguments = Vec::new();
        while let Some(piece) = self.peek() {
            match piece {
                Piece::Close | Piece::Or => break,
                Piece::Token(token) => {
                    self.take();
                    let values = self.values(token, level);
                    arguments.push(Argument::with_token(token, values));
                }
                _ => self.value(&mut arguments),
            }
        }
        arguments
    }

    /// What a token takes.
    fn values(&mut self, token: &str, level: Level) -> Vec<Argument> {
        let mut values = Vec::new();
        while let Some(piece) = self.peek() {
            let takes = match piece {
                Piece::Value(_) | Piece::Open('<') => true,
                Piece::Open(_) if level == Level::Nested => !self.repeats_token(token),
                Piece::Open(_) => self.repeats(&values),
                _ => false,
            };
            if !takes {
                break;
            }
            self.value(&mut values);
        }
        values
    }

    /// Whether the bracket that comes next repeats the end of `arguments`.
    fn repeats(&self, arguments: &[Argument]) -> bool {
        let mut ahead = Parser { rest: self.rest };
        ahead.take();
        let mut inside = ahead.sequence(Level::Nested);
        let repeated = inside.pop().is_some_and(|last| last.name == REPEAT);
        repeated && !arguments.is_empty() && arguments.ends_with(&inside)
    }

    /// Whether the bracket that comes next begins with the same token again.
    fn repeats_token(&self, token: &str) -> bool {
        let mut ahead = Parser { rest: self.rest };
        ahead.take();
        ahead.take() == Some(Piece::Token(token))
    }

    /// One value, or one group in brackets.
    fn value(&mut self, arguments: &mut Vec<Argument>) {
        match self.take() {
            Some(Piece::Value(name)) => arguments.push(Argument::new(name, Kind::of_value(name))),
            Some(Piece::Repeat) => arguments.push(Argument::new(REPEAT, Kind::PureToken)),
            Some(Piece::Open(bracket)) => {
                let mut alternatives = Vec::new();
                loop {
                    alternatives.push(self.sequence(Level::Nested));
                    if self.take() != Some(Piece::Or) {
                        break;
                    }
                }
                add_group(arguments, alternatives, bracket == '[');
            }
            _ => {}
        }
    }
}

/// Stands for `...` until what it repeats is known.
const REPEAT: &str = "...";

fn add_group(arguments: &mut Vec<Argument>, mut alternatives: Vec<Vec<Argument>>, optional: bool) {
    if let [inside] = alternatives.as_mut_slice()
        && inside.last().is_some_and(|last| last.name == REPEAT)
    {
        inside.pop();
        let tail = arguments.len().saturating_sub(inside.len().max(1));
        if inside.is_empty() || arguments.get(tail..) == Some(inside.as_slice()) {
            let repeated = Argument::block(arguments.split_off(tail));
            arguments.extend(repeated.map(|argument| Argument {
                multiple: true,
                multiple_token: argument.token.is_some() && !inside.is_empty(),
                ..argument
            }));
            return;
        }
        let block = Argument::block(std::mem::take(inside));
        arguments.extend(block.map(|argument| Argument { multiple: true, optional, ..argument }));
        return;
    }
    let mut members: Vec<Argument> = alternatives.into_iter().filter_map(Argument::block).collect();
    let group = match members.len() {
        0 | 1 => members.pop(),
        _ => Some(Argument::group(Kind::OneOf, "-or-", members)),
    };
    arguments.extend(group.map(|group| Argument { optional: optional || group.optional, ..group }));
}

/// Corrects the kinds of values by what the row tells: which of them are keys, and whether it counts in
/// fractions. Returns the place behind the arguments, as far as places are certain.
fn refine(arguments: &mut [Argument], row: &Command, first_place: usize) -> usize {
    let mut place = first_place;
    for argument in arguments {
        place += usize::from(argument.token.is_some());
        if argument.kind == Kind::Block {
            place = refine(&mut argument.arguments, row, place);
            continue;
        }
        argument.key_spec =
            row.keys.iter().position(|spec| is_key_place(spec, place, argument.token.as_deref()));
        if argument.key_spec.is_some() {
            argument.kind = Kind::Key;
        } else if argument.name == "increment" && row.name.ends_with("FLOAT") {
            argument.kind = Kind::Double;
        }
        place += 1;
    }
    place
}

/// Whether the value at `place` of a request's arguments, behind `token`, is a key by `spec`. Of keys that repeat to the end
/// only the first counts: the others are the same argument again.
fn is_key_place(spec: &KeySpec, place: usize, token: Option<&str>) -> bool {
    let first = usize::from(spec.index);
    match spec.find {
        FindKeys::Range { last, step } => {
            let last = first + usize::try_from(last).unwrap_or(0);
            (first..=last).step_by(usize::from(step).max(1)).any(|key| key == place)
        }
        FindKeys::Counted { .. } => place == first + 1,
        FindKeys::Behind { keyword } | FindKeys::FirstHalfBehind { keyword } => token == Some(keyword),
        FindKeys::Sought(_) => false,
    }
}

#[cfg(test)]
mod tests;
