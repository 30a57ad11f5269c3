//! The patterns of BY and GET: names of keys, or of fields of hashes, in which a star stands for the element.

use std::borrow::Cow;

use nuthatch_collections::packed::Element;

use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::hash::HashRef;
use crate::value::string::StringRef;
use crate::value::{Kind, Type};

/// A pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Nothing, as there is no star.
    Nothing,
    /// A key.
    Key {
        /// What is before the element in the key.
        before: &'a [u8],
        /// What is behind it.
        after: &'a [u8],
        /// The field of the hash; none if the key holds a string.
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Self {
        if text == b"#" {
            return Self::Element;
        }
        let Some(star) = text.iter().position(|byte| *byte == b'*') else { return Self::Nothing };
        let (before, after) = (&text[..star], &text[star + 1..]);
        let arrow = after.windows(2).position(|pair| pair == b"->");
        match arrow.map(|arrow| (&after[..arrow], &after[arrow + 2..])) {
            Some((after, field)) if !field.is_empty() => Self::Key { before, after, field: Some(field) },
            _ => Self::Key { before, after, field: None },
        }
    }

    /// Whether it leads to different keys for different elements.
    pub(super) fn names_a_key(&self) -> bool {
        matches!(self, Self::Key { .. })
    }
}

/// Where patterns lead: the keys of a database, all of which are locked if there is a pattern.
pub(super) struct Patterns<'k, 's> {
    pub(super) keys: &'k Keys<'s>,
    pub(super) database: u32,
}

impl<'k> Patterns<'k, '_> {
    /// What a pattern leads to for an element.
    pub(super) fn find<'e: 'k>(&self, pattern: &Pattern<'_>, element: Element<'e>) -> Option<Cow<'k, [u8]>> {
        let Pattern::Key { before, after, field } = pattern else {
            return (*pattern == Pattern::Element).then(|| element.to_cow());
        };
        let mut name = before.to_vec();
        element.write_to(&mut name);
        name.extend_from_slice(after);
        let key = Key { bytes: &name, hash: self.keys.keyspace().hash(&name), database: self.database };
        let record = self.keys.peek(&key)?;
        match field {
            None => Some(StringRef::of(record)?.bytes()),
            Some(field) if Kind::of(record.kind()).value_type() == Type::Hash => {
                Some(HashRef::of(record).get(field, self.keys.now_ms)?.value.to_cow())
            }
            Some(_) => None,
        }
    }

    /// Shows what the patterns lead to for each element, or the elements themselves if there are none.
    pub(super) fn visit<'e: 'k>(
        &self,
        elements: &[Element<'e>],
        patterns: &[Pattern<'_>],
        mut show: impl FnMut(Option<Cow<'k, [u8]>>),
    ) {
        for element in elements {
            if patterns.is_empty() {
                show(Some(element.to_cow()));
            }
            for pattern in patterns {
                show(self.find(pattern, *element));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_star_is_the_element_and_an_arrow_behind_it_names_a_field() {
        let key = |before: &'static str, after: &'static str, field: Option<&'static str>| Pattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        };
        assert_eq!(Pattern::parse(b"#"), Pattern::Element);
        assert_eq!(Pattern::parse(b"nosort"), Pattern::Nothing);
        assert_eq!(Pattern::parse(b"a*b*"), key("a", "b*", None));
        assert_eq!(Pattern::parse(b"w_*->f"), key("w_", "", Some("f")));
        assert_eq!(Pattern::parse(b"w_*x->f->g"), key("w_", "x", Some("f->g")));
        assert_eq!(Pattern::parse(b"w_*->"), key("w_", "->", None));
        assert_eq!(Pattern::parse(b"w->*"), key("w->", "", None));
    }
}
