//! The options of SORT.

use std::ops::Range;

use nuthatch_protocol::number::parse_i64;

use super::pattern::Pattern;
use crate::arguments::{Arguments, is_word};
use crate::error::CommandError;

/// What a request asks for.
#[derive(Debug, Default)]
pub(super) struct Options<'a> {
    /// What the elements are ordered by, if not by themselves.
    pub(super) by: Option<Pattern<'a>>,
    /// Whether a BY named no key: the elements are not ordered.
    pub(super) keeps_order: bool,
    /// ALPHA: whether texts are compared, not numbers.
    pub(super) by_text: bool,
    /// DESC.
    pub(super) descending: bool,
    /// LIMIT: from which element on, and how many; all if it is negative.
    limit: Option<(i64, i64)>,
    /// What is shown of each element; itself if there is nothing.
    pub(super) get: Vec<Pattern<'a>>,
    /// The argument that is STORE's key.
    pub(super) destination: Option<usize>,
}

impl<'a> Options<'a> {
    /// # Errors
    /// An unknown option, one whose arguments are missing, or a limit that is no number. STORE is unknown unless
    /// `stores`.
    pub(super) fn parse(arguments: &Arguments<'a>, stores: bool) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 2;
        while let Some(word) = arguments.get(index) {
            let (first, second) = (arguments.get(index + 1), arguments.get(index + 2));
            index += 1;
            if is_word(word, "ASC") {
                options.descending = false;
            } else if is_word(word, "DESC") {
                options.descending = true;
            } else if is_word(word, "ALPHA") {
                options.by_text = true;
            } else if is_word(word, "LIMIT")
                && let (Some(start), Some(count)) = (first, second)
            {
                let number = |text| parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER);
                options.limit = Some((number(start)?, number(count)?));
                index += 2;
            } else if is_word(word, "STORE") && stores && first.is_some() {
                options.destination = Some(index);
                index += 1;
            } else if is_word(word, "BY")
                && let Some(pattern) = first
            {
                let pattern = Pattern::parse(pattern);
                options.keeps_order |= !pattern.names_a_key();
                options.by = Some(pattern);
                index += 1;
            } else if is_word(word, "GET")
                && let Some(pattern) = first
            {
                options.get.push(Pattern::parse(pattern));
                index += 1;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }

    /// Which of so many elements are asked for.
    pub(super) fn range(&self, count: usize) -> Range<usize> {
        let Some((start, most)) = self.limit else { return 0..count };
        let start = usize::try_from(start).unwrap_or(0).min(count);
        let end = usize::try_from(most).map_or(count, |most| start.saturating_add(most).min(count));
        start..end
    }
}

/// Whether a request may read keys that are made from the elements.
pub(super) fn reaches_other_keys(arguments: &Arguments<'_>) -> bool {
    arguments.from(2).any(|word| is_word(word, "BY") || is_word(word, "GET"))
}

/// The argument that is STORE's key.
pub(super) fn seek_destination(arguments: &Arguments<'_>) -> Option<usize> {
    let (mut found, mut index) = (None, 2);
    while let Some(word) = arguments.get(index) {
        if is_word(word, "STORE") && index + 1 < arguments.len() {
            found = Some(index + 1);
        }
        index += match word {
            limit if is_word(limit, "LIMIT") => 3,
            other if is_word(other, "BY") || is_word(other, "GET") || is_word(other, "STORE") => 2,
            _ => 1,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_never_reach_beyond_the_elements() {
        let range = |limit| Options { limit, ..Options::default() }.range(4);
        assert_eq!(range(None), 0..4);
        assert_eq!(range(Some((1, 2))), 1..3);
        assert_eq!(range(Some((-5, 2))), 0..2);
        assert_eq!(range(Some((1, -1))), 1..4);
        assert_eq!(range(Some((9, 2))), 4..4);
        assert_eq!(range(Some((i64::MAX, i64::MAX))), 4..4);
        assert_eq!(range(Some((1, i64::MAX))), 1..4);
    }
}
