//! The syntax of a command, written as in its documentation, and random instances of it.
//!
//! Words in upper case stand for themselves, words in lower case for an [argument](crate::argument::Kind).
//! `[…]` is optional, `(…)` groups, `|` separates alternatives, and `...` repeats what stands before it:
//!
//! ```text
//! SET key value [NX|XX] [GET] [EX seconds|PX milliseconds|KEEPTTL]
//! MSET (key value)...
//! ```

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::argument::{Kind, World};

/// A part of a command's syntax.
#[derive(Clone, Debug)]
enum Part {
    Literal(&'static str),
    Argument(Kind),
    Alternatives(Vec<Vec<Part>>),
    Optional(Vec<Vec<Part>>),
    Repeated(Box<Part>),
}

/// The parsed syntax of one command.
#[derive(Clone, Debug)]
pub(crate) struct Syntax(Vec<Part>);

/// One word of a generated command, with the kind of argument that it is; `None` for a literal.
pub(crate) type Word = (Vec<u8>, Option<Kind>);

const REPEATS_MAX: usize = 4;

impl Syntax {
    /// Parses a line of syntax.
    ///
    /// # Panics
    ///
    /// When it is not well-formed: lines of syntax are part of the program.
    pub(crate) fn parse(line: &'static str) -> Self {
        let mut tokens = tokens(line).into_iter().peekable();
        let mut alternatives = alternatives(&mut tokens, line);
        assert!(tokens.next().is_none() && alternatives.len() == 1, "unbalanced syntax: {line}");
        Self(alternatives.remove(0))
    }

    /// A random instance.
    pub(crate) fn expand(&self, world: &mut World) -> Vec<Word> {
        let mut words = Vec::new();
        expand_sequence(&self.0, world, &mut words);
        words
    }
}

fn tokens(line: &'static str) -> Vec<&'static str> {
    let mut tokens = Vec::new();
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        while !rest.is_empty() {
            let end = if rest.starts_with("...") {
                3
            } else if rest.starts_with(['[', ']', '(', ')', '|']) {
                1
            } else {
                rest.find("...")
                    .into_iter()
                    .chain(rest.find(['[', ']', '(', ')', '|']))
                    .min()
                    .unwrap_or(rest.len())
            };
            tokens.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    tokens
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<&'static str>>;

fn alternatives(tokens: &mut Tokens, line: &'static str) -> Vec<Vec<Part>> {
    let mut all = vec![Vec::new()];
    while let Some(token) = tokens.next_if(|token| !matches!(*token, "]" | ")")) {
        let part = match token {
            "|" => {
                all.push(Vec::new());
                continue;
            }
            "[" | "(" => {
                let inner = alternatives(tokens, line);
                let closing = tokens.next();
                assert_eq!(closing, Some(if token == "[" { "]" } else { ")" }), "unbalanced syntax: {line}");
                if token == "[" { Part::Optional(inner) } else { Part::Alternatives(inner) }
            }
            word => match Kind::named(word) {
                Some(kind) => Part::Argument(kind),
                None => {
                    assert!(
                        !word.contains(|letter: char| letter.is_lowercase()),
                        "no argument {word}: {line}"
                    );
                    Part::Literal(word)
                }
            },
        };
        let repeated = tokens.next_if_eq(&"...").is_some();
        if let Some(sequence) = all.last_mut() {
            sequence.push(if repeated { Part::Repeated(Box::new(part)) } else { part });
        }
    }
    all
}

fn expand_sequence(parts: &[Part], world: &mut World, words: &mut Vec<Word>) {
    let mut position = 0;
    while position < parts.len() {
        // Neighbouring options come in any order, sometimes twice or in conflict with one another.
        let options = parts[position..].iter().take_while(|part| matches!(part, Part::Optional(_))).count();
        if options > 0 {
            let mut chosen: Vec<&Part> = parts[position..position + options].iter().collect();
            if world.random.random_ratio(1, 3) {
                chosen.shuffle(&mut world.random);
            }
            if world.random.random_ratio(1, 12) {
                chosen.push(chosen[0]);
            }
            for option in chosen {
                if let Part::Optional(alternatives) = option
                    && world.random.random_ratio(2, 5)
                {
                    expand_choice(alternatives, world, words);
                }
            }
            position += options;
        } else {
            expand_part(&parts[position], world, words);
            position += 1;
        }
    }
}

fn expand_choice(alternatives: &[Vec<Part>], world: &mut World, words: &mut Vec<Word>) {
    if let Some(sequence) = alternatives.choose(&mut world.random) {
        expand_sequence(sequence, world, words);
    }
}

fn expand_part(part: &Part, world: &mut World, words: &mut Vec<Word>) {
    match part {
        Part::Literal(word) => words.push((word.as_bytes().to_vec(), None)),
        Part::Argument(kind) => words.push((kind.valid(world), Some(*kind))),
        Part::Alternatives(alternatives) | Part::Optional(alternatives) => {
            expand_choice(alternatives, world, words);
        }
        Part::Repeated(inner) => {
            for _ in 0..world.random.random_range(1..=REPEATS_MAX) {
                expand_part(inner, world, words);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances(line: &'static str) -> Vec<String> {
        let syntax = Syntax::parse(line);
        let mut world = World::new(7);
        let mut lines: Vec<String> = (0..2000)
            .map(|_| {
                let words: Vec<_> = syntax.expand(&mut world).into_iter().map(|word| word.0).collect();
                String::from_utf8(words.join(&b' ')).expect("literals are text")
            })
            .collect();
        lines.sort();
        lines.dedup();
        lines
    }

    #[test]
    fn every_alternative_and_order_of_options_comes_up() {
        let lines = instances("A (B|C) [D|E F] [G]");
        for expected in ["A B", "A C", "A B D", "A C E F", "A B G", "A B D G", "A B G D", "A C G E F"] {
            assert!(lines.iter().any(|line| line == expected), "{expected} is missing in {lines:?}");
        }
    }

    #[test]
    fn repetition_repeats_the_whole_group() {
        assert_eq!(instances("M (A B)..."), ["M A B", "M A B A B", "M A B A B A B", "M A B A B A B A B"]);
    }

    #[test]
    #[should_panic(expected = "unbalanced syntax")]
    fn unbalanced_syntax_is_refused() {
        Syntax::parse("A [B");
    }
}
