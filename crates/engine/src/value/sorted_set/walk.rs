//! Walking through the members of a sorted set, in either direction.

use std::ops::Range;

use nuthatch_collections::packed::Element;
use nuthatch_collections::ranked;

use super::{SortedSetRef, packed};

/// Members with their scores, in order.
pub struct Entries<'a> {
    rest: usize,
    form: Form<'a>,
}

enum Form<'a> {
    Packed { bytes: &'a [u8], offset: usize },
    Big(ranked::Entries<'a>),
}

impl<'a> Entries<'a> {
    pub(super) fn new(set: SortedSetRef<'a>, ranks: Range<usize>) -> Self {
        let form = match set {
            SortedSetRef::Packed(bytes) => {
                let start = ranks.start.checked_sub(1).map(|before| packed::iter(bytes).nth(before));
                let offset = start.map_or(0, |before| before.map_or(bytes.len(), |entry| entry.end));
                Form::Packed { bytes, offset }
            }
            SortedSetRef::Big(set) => Form::Big(set.iter_from(ranks.start)),
        };
        Self { rest: ranks.len(), form }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.checked_sub(1)?;
        match &mut self.form {
            Form::Packed { bytes, offset } => {
                let entry = packed::Entry::read(bytes, *offset)?;
                *offset = entry.end;
                Some((entry.member, entry.score))
            }
            Form::Big(entries) => entries.next().map(|(score, member)| (Element::Bytes(member), score)),
        }
    }
}

/// Members with their scores, backwards.
pub struct EntriesBackward<'a> {
    rest: usize,
    form: FormBackward<'a>,
}

enum FormBackward<'a> {
    /// Packed ones can only be read forward.
    Packed(std::iter::Rev<std::vec::IntoIter<packed::Entry<'a>>>),
    Big(ranked::EntriesBackward<'a>),
}

impl<'a> EntriesBackward<'a> {
    pub(super) fn new(set: SortedSetRef<'a>, ranks: Range<usize>) -> Self {
        let form = match set {
            SortedSetRef::Packed(bytes) => {
                let entries: Vec<_> = packed::iter(bytes).skip(ranks.start).take(ranks.len()).collect();
                FormBackward::Packed(entries.into_iter().rev())
            }
            SortedSetRef::Big(set) => FormBackward::Big(set.iter_back_from(ranks.end.saturating_sub(1))),
        };
        Self { rest: ranks.len(), form }
    }
}

impl<'a> Iterator for EntriesBackward<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.checked_sub(1)?;
        match &mut self.form {
            FormBackward::Packed(entries) => entries.next().map(|entry| (entry.member, entry.score)),
            FormBackward::Big(entries) => {
                entries.next().map(|(score, member)| (Element::Bytes(member), score))
            }
        }
    }
}
