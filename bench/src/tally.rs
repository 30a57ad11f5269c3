//! What came back: counts of replies and the texts of errors.

use std::collections::BTreeMap;

/// Distinct error texts that are kept; the rest is only counted.
const ERROR_TEXTS_MAX: usize = 8;
/// Bytes that are kept of each error text.
const ERROR_TEXT_BYTES_MAX: usize = 120;

/// Counts of replies.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Complete replies, of whatever type.
    pub replies: u64,
    /// Replies that were errors.
    pub errors: u64,
    /// Replies that were null: the key was missing.
    pub nulls: u64,
    /// How often each error text came, for the first few texts.
    pub error_texts: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn count_error(&mut self, text: &[u8]) {
        self.errors += 1;
        let text = String::from_utf8_lossy(&text[..text.len().min(ERROR_TEXT_BYTES_MAX)]);
        let text = text.trim_end();
        if let Some(count) = self.error_texts.get_mut(text) {
            *count += 1;
        } else if self.error_texts.len() < ERROR_TEXTS_MAX {
            self.error_texts.insert(text.to_owned(), 1);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.replies += other.replies;
        self.errors += other.errors;
        self.nulls += other.nulls;
        for (text, count) in &other.error_texts {
            *self.error_texts.entry(text.clone()).or_default() += count;
        }
    }
}
