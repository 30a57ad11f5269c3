//! Hashes: a few fields as bytes in their record, many as a table.
//!
//! A small hash is its fields and values in turn; one of which a field has, or had, a deadline has that as a third
//! element behind each value, 0 if there is none. A field is gone from its deadline on, whether it was removed or not.

use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::{NewPayload, Payload, RecordRef};
use nuthatch_collections::field_map::FieldMap;
use nuthatch_collections::packed::{self, Element};
use nuthatch_collections::paged::{self, EntryRef};

use super::Kind;
use super::limits::{EncodingLimits, limit};

/// A field of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Element<'a>,
    /// Its value.
    pub value: Element<'a>,
    /// When it ends, in milliseconds since 1970.
    pub deadline: Option<u64>,
}

impl Field<'_> {
    /// Whether its deadline, if any, lies ahead.
    #[inline]
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.deadline.is_none_or(|deadline| deadline > now_ms)
    }
}

impl<'a> From<EntryRef<'a>> for Field<'a> {
    #[inline]
    fn from(entry: EntryRef<'a>) -> Self {
        Self { name: entry.key, value: entry.value.unwrap_or(Element::Bytes(b"")), deadline: entry.deadline }
    }
}

/// Up to which sizes hashes are small.
#[derive(Debug, Clone, Copy)]
pub struct HashLimits {
    /// Fields.
    pub entries: usize,
    /// The length of names and values in bytes.
    pub text_bytes: usize,
}

impl HashLimits {
    /// The limits that are in force.
    #[inline]
    pub fn of(limits: &EncodingLimits) -> Self {
        Self { entries: limit(&limits.hash_entries_max), text_bytes: limit(&limits.hash_value_bytes_max) }
    }

    /// Whether a small hash may have this field.
    #[inline]
    pub fn allow(&self, name: &[u8], value: &[u8]) -> bool {
        name.len() <= self.text_bytes && value.len() <= self.text_bytes
    }
}

/// A hash as a record holds it.
#[derive(Debug, Clone, Copy)]
pub enum HashRef<'a> {
    /// Held in the record.
    Packed(PackedHash<'a>),
    /// Held apart.
    Table(&'a FieldMap),
}

impl<'a> HashRef<'a> {
    /// A hash without fields.
    pub const EMPTY: HashRef<'static> = HashRef::Packed(PackedHash { bytes: &[], has_deadlines: false });

    /// The hash in a record that holds one.
    #[inline]
    pub fn of(record: RecordRef<'a>) -> Self {
        match record.payload() {
            Payload::Collection(Collection::Hash(map)) => Self::Table(map),
            payload => {
                let has_deadlines = record.kind() == Kind::HashPackedDeadlines as u8;
                Self::Packed(PackedHash { bytes: payload.bytes().unwrap_or_default(), has_deadlines })
            }
        }
    }

    /// How many fields it has, those included whose deadline has passed but that are still kept.
    pub fn len(self) -> usize {
        match self {
            Self::Packed(hash) => hash.count(),
            Self::Table(map) => map.len(),
        }
    }

    /// Whether it has no fields.
    pub fn is_empty(self) -> bool {
        match self {
            Self::Packed(hash) => hash.bytes.is_empty(),
            Self::Table(map) => map.is_empty(),
        }
    }

    /// How many fields it has whose deadline has not passed, if that is known without a look at each.
    pub fn known_live_len(self, now_ms: u64) -> Option<usize> {
        match self {
            Self::Packed(_) => None,
            Self::Table(_) => Some(self.live_len(now_ms)),
        }
    }

    /// How many fields it has whose deadline has not passed.
    pub fn live_len(self, now_ms: u64) -> usize {
        if self.earliest_deadline().is_none_or(|deadline| deadline > now_ms) {
            self.len()
        } else {
            self.fields(now_ms).count()
        }
    }

    /// The field of this name, if its deadline has not passed.
    #[inline]
    pub fn get(self, name: &[u8], now_ms: u64) -> Option<Field<'a>> {
        let field = match self {
            Self::Packed(hash) => hash.find(name)?.0,
            Self::Table(map) => map.find(name)?.into(),
        };
        Some(field).filter(|field| field.is_live(now_ms))
    }

    /// The fields whose deadlines have not passed.
    #[inline]
    pub fn fields(self, now_ms: u64) -> impl Iterator<Item = Field<'a>> {
        let all = match self {
            Self::Packed(hash) => Fields::Packed(hash, 0),
            Self::Table(map) => Fields::Table(map.iter()),
        };
        all.filter(move |field| field.is_live(now_ms))
    }

    /// The earliest deadline of a field.
    #[inline]
    pub fn earliest_deadline(self) -> Option<u64> {
        match self {
            Self::Packed(hash) if hash.has_deadlines => {
                Fields::Packed(hash, 0).filter_map(|field| field.deadline).min()
            }
            Self::Packed(_) => None,
            Self::Table(map) => map.earliest_deadline(),
        }
    }
}

/// All fields of a hash.
enum Fields<'a> {
    Packed(PackedHash<'a>, usize),
    Table(paged::Iter<'a>),
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match self {
            Self::Packed(hash, offset) => {
                let (field, end) = hash.at(*offset)?;
                *offset = end;
                Some(field)
            }
            Self::Table(entries) => entries.next().map(Field::from),
        }
    }

    /// One loop for each kind is quicker than to ask for the kind in each round.
    #[inline]
    fn fold<B, F: FnMut(B, Field<'a>) -> B>(self, first: B, mut combine: F) -> B {
        match self {
            Self::Packed(hash, mut offset) => {
                let mut folded = first;
                while let Some((field, end)) = hash.at(offset) {
                    folded = combine(folded, field);
                    offset = end;
                }
                folded
            }
            Self::Table(entries) => entries.map(Field::from).fold(first, combine),
        }
    }
}

/// A small hash.
#[derive(Debug, Clone, Copy)]
pub struct PackedHash<'a> {
    bytes: &'a [u8],
    has_deadlines: bool,
}

impl<'a> PackedHash<'a> {
    /// The hash in these bytes.
    pub fn new(bytes: &'a [u8], has_deadlines: bool) -> Self {
        Self { bytes, has_deadlines }
    }

    /// Its fields and values in turn, with the deadlines if it has room for them.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// How many elements belong to a field.
    #[inline]
    pub fn stride(self) -> usize {
        2 + usize::from(self.has_deadlines)
    }

    /// How many fields it has.
    fn count(self) -> usize {
        let (mut elements, mut offset) = (0, 0);
        while let Some(len) = self.bytes.get(offset..).and_then(packed::skip) {
            offset += len;
            elements += 1;
        }
        elements / self.stride()
    }

    /// Whether it has more fields than this.
    #[inline]
    pub fn is_longer_than(self, fields: usize) -> bool {
        // No element is shorter than a byte, which mostly saves counting.
        self.bytes.len() / self.stride() > fields && self.count() > fields
    }

    /// The field at an offset, and where it ends.
    #[inline]
    fn at(self, offset: usize) -> Option<(Field<'a>, usize)> {
        let (name, len) = packed::read(self.bytes.get(offset..)?)?;
        self.behind(name, offset + len)
    }

    /// The field of this name whose value begins at an offset, and where it ends.
    #[inline]
    fn behind(self, name: Element<'a>, mut offset: usize) -> Option<(Field<'a>, usize)> {
        let (value, len) = packed::read(self.bytes.get(offset..)?)?;
        offset += len;
        let mut deadline = None;
        if self.has_deadlines {
            let (element, len) = packed::read(self.bytes.get(offset..)?)?;
            offset += len;
            deadline = deadline_of(element);
        }
        Some((Field { name, value, deadline }, offset))
    }

    /// The field of this name, and where it is.
    #[inline]
    pub fn find(self, name: &[u8]) -> Option<(Field<'a>, packed::Found)> {
        let found = packed::find(self.bytes, name, self.stride())?;
        let (name, _) = packed::read(self.bytes.get(found.offset..)?)?;
        Some((self.behind(name, found.value_offset)?.0, found))
    }

    /// The same fields with room for deadlines.
    pub fn with_deadlines(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + self.bytes.len() / 2);
        Fields::Packed(self, 0).for_each(|field| push(field, true, &mut bytes));
        bytes
    }

    /// The same fields in a table.
    pub fn to_table(self) -> FieldMap {
        let mut map = FieldMap::default();
        for Field { name, value, deadline } in Fields::Packed(self, 0) {
            name.with_text(|name| map.set(name, value, deadline));
        }
        map
    }

    /// The fields without up to `most` of those whose deadlines have passed; calls with the name of each of these.
    pub fn without_expired(
        self,
        now_ms: u64,
        mut most: usize,
        expired: &mut dyn FnMut(Element<'_>),
    ) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for field in Fields::Packed(self, 0) {
            if most == 0 || field.is_live(now_ms) {
                push(field, self.has_deadlines, &mut bytes);
            } else {
                most -= 1;
                expired(field.name);
            }
        }
        bytes
    }
}

/// Appends a field to a small hash.
#[inline]
pub fn push(field: Field<'_>, has_deadlines: bool, bytes: &mut Vec<u8>) {
    packed::encode(field.name, bytes);
    push_value(field.value, field.deadline, has_deadlines, bytes);
}

/// Appends what follows the name of a field.
#[inline]
pub fn push_value(value: Element<'_>, deadline: Option<u64>, has_deadlines: bool, bytes: &mut Vec<u8>) {
    packed::encode(value, bytes);
    if has_deadlines {
        // Deadlines come from signed integers, so nothing is cut off.
        let deadline = deadline.map_or(0, |deadline| i64::try_from(deadline).unwrap_or(i64::MAX));
        packed::encode(Element::Integer(deadline), bytes);
    }
}

#[inline]
fn deadline_of(element: Element<'_>) -> Option<u64> {
    match element {
        Element::Integer(deadline) => u64::try_from(deadline).ok().filter(|deadline| *deadline > 0),
        Element::Bytes(_) => None,
    }
}

/// The bytes of a new small hash without deadlines, if these fields may be one and no name comes twice.
pub fn pack<'f>(fields: impl Iterator<Item = (&'f [u8], &'f [u8])>, limits: HashLimits) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        let hash = PackedHash { bytes: &bytes, has_deadlines: false };
        if !limits.allow(name, value) || hash.find(name).is_some() {
            return None;
        }
        push(Field { name: Element::of(name), value: Element::of(value), deadline: None }, false, &mut bytes);
    }
    let hash = PackedHash { bytes: &bytes, has_deadlines: false };
    if hash.is_longer_than(limits.entries) { None } else { Some(bytes) }
}

/// A table as the payload of a record.
pub fn table(map: FieldMap) -> NewPayload<'static> {
    NewPayload::Collection(Box::new(Collection::Hash(map)))
}
