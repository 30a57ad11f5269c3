//! What two tables have in common.

use std::ops::ControlFlow;

use crate::packed::{Element, Index, encodings, read};

use super::PagedTable;

impl PagedTable {
    /// Whether [`visit_common`](Self::visit_common) with this other set is quicker than to look up each member.
    pub fn is_alike(&self, other: &PagedTable) -> bool {
        other.pages.len() <= self.pages.len().saturating_mul(2)
    }

    /// Visits the members of this set that are in the other one, until the visitor has enough.
    ///
    /// The pages of both cover intervals of the same hash space, so that only those are compared that cover the same
    /// interval, and no member need be hashed.
    pub fn visit_common<'a>(
        &'a self,
        other: &PagedTable,
        visit: &mut dyn FnMut(Element<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        debug_assert!(!self.has_values && !other.has_values && self.deadlines + other.deadlines == 0);
        let mut index = Index::default();
        let mut prepared = None;
        let mut position = Some(0);
        while let Some(start) = position {
            // The smaller one of the two pages at this place ends first.
            let (ours, theirs) = (self.page_of(start), other.page_of(start));
            let depth = self.depth(ours).max(other.depth(theirs));
            position = (start | u64::MAX.checked_shr(depth).unwrap_or(0)).checked_add(1);
            let their_bytes = other.pages.get(theirs).bytes();
            if prepared != Some(theirs) {
                index.prepare(their_bytes);
                prepared = Some(theirs);
            }
            for encoding in encodings(self.pages.get(ours).bytes()) {
                if index.contains(their_bytes, encoding)
                    && let Some((member, _)) = read(encoding)
                {
                    visit(member)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}
