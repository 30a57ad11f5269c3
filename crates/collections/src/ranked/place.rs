//! Places between the entries.

/// A place in the order of the entries, to count those before it.
///
/// Entries are ordered by score and then, byte by byte, by member.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Before every entry with this score or a greater one.
    BeforeScore(f64),
    /// After every entry with this score or a smaller one.
    AfterScore(f64),
    /// Before the entry with this score and member, or where it would be.
    BeforeEntry(f64, &'a [u8]),
    /// After the entry with this score and member, or where it would be.
    AfterEntry(f64, &'a [u8]),
    /// Before the members from this one on, for a tree whose scores are all equal.
    BeforeMember(&'a [u8]),
    /// After the members up to this one, for a tree whose scores are all equal.
    AfterMember(&'a [u8]),
}

impl Place<'_> {
    /// Whether the place is after the entry. The member is asked for only if the score does not decide.
    #[inline]
    pub fn is_after<'a>(&self, score: f64, member: impl FnOnce() -> &'a [u8]) -> bool {
        match *self {
            Place::BeforeScore(bound) => score < bound,
            Place::AfterScore(bound) => score <= bound,
            Place::BeforeEntry(bound, of) => score < bound || (score == bound && member() < of),
            Place::AfterEntry(bound, of) => score < bound || (score == bound && member() <= of),
            Place::BeforeMember(bound) => member() < bound,
            Place::AfterMember(bound) => member() <= bound,
        }
    }

    /// Whether this score of an entry tells on which side of the place the entry is.
    #[inline]
    pub fn is_decided_by(&self, score: f64) -> bool {
        match *self {
            Place::BeforeScore(_) | Place::AfterScore(_) => true,
            Place::BeforeEntry(bound, _) | Place::AfterEntry(bound, _) => score != bound,
            Place::BeforeMember(_) | Place::AfterMember(_) => false,
        }
    }

    /// The scores that decide: entries with a score below the first are before the place, those with a score
    /// above the second are after it.
    #[inline]
    pub(super) fn undecided(&self) -> (f64, f64) {
        match *self {
            Place::BeforeScore(bound) | Place::AfterScore(bound) => (bound, bound),
            Place::BeforeEntry(bound, _) | Place::AfterEntry(bound, _) => (bound, bound),
            Place::BeforeMember(_) | Place::AfterMember(_) => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }
}
