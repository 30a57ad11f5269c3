//! Ordering elements by themselves or by what a pattern leads to.

use std::cmp::Ordering;

use nuthatch_collections::packed::Element;

use super::pattern::{Pattern, Patterns};
use crate::error::CommandError;

/// The elements in order.
///
/// # Errors
/// Numbers are to be compared, and something is none.
pub(super) fn sort<'k>(
    elements: Vec<Element<'k>>,
    by: Option<&Pattern<'_>>,
    by_text: bool,
    descending: bool,
    patterns: &Patterns<'k, '_>,
) -> Result<Vec<Element<'k>>, CommandError> {
    let in_order = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
    let text = |element: Element<'k>| match by {
        Some(pattern) => patterns.find(pattern, element),
        None => Some(element.to_cow()),
    };
    if by_text {
        let mut weighed: Vec<_> = elements.into_iter().map(|element| (text(element), element)).collect();
        // What is missing comes before everything.
        weighed.sort_by(|(one, _), (other, _)| in_order(one.cmp(other)));
        return Ok(weighed.into_iter().map(|(_, element)| element).collect());
    }
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let score = match (by, element) {
            (None, Element::Integer(number)) => number as f64,
            _ => text(element).map_or(Ok(0.0), |text| score(&text))?,
        };
        weighed.push((score, element));
    }
    weighed.sort_by(|(one, element), (other, other_element)| {
        let by_score = one.partial_cmp(other).unwrap_or(Ordering::Equal);
        in_order(by_score.then_with(|| compare_texts(*element, *other_element)))
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

/// Equal scores are ordered by the elements, so that the result does not depend on their order before.
fn compare_texts(one: Element<'_>, other: Element<'_>) -> Ordering {
    one.with_text(|one| other.with_text(|other| one.cmp(other)))
}

/// The number that a text spells: decimal, up to its first zero byte; nothing is 0. Too great numbers are infinite.
fn score(text: &[u8]) -> Result<f64, CommandError> {
    const NOT_A_NUMBER: CommandError =
        CommandError::fixed("ERR One or more scores can't be converted into double");
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Ok(0.0);
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    number.filter(|number| !number.is_nan()).ok_or(NOT_A_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers_as_the_stock_server_reads_them() {
        let cases: [(&[u8], Option<f64>); 14] = [
            (b"", Some(0.0)),
            (b"+5", Some(5.0)),
            (b".5", Some(0.5)),
            (b"5.", Some(5.0)),
            (b"1e5", Some(1e5)),
            (b"1e400", Some(f64::INFINITY)),
            (b"1e-400", Some(0.0)),
            (b"-inf", Some(f64::NEG_INFINITY)),
            (b"INFINITY", Some(f64::INFINITY)),
            (b"5\0abc", Some(5.0)),
            (b"nan", None),
            (b"0x10", None),
            (b" 5", None),
            (b"5x", None),
        ];
        for (text, number) in cases {
            assert_eq!(score(text).ok(), number, "{}", text.escape_ascii());
        }
    }
}
