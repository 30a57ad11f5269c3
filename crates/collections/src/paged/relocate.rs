//! Moving pages to other memory.

use crate::mover::Mover;

use super::PagedTable;

impl PagedTable {
    /// Moves what the mover wants, as [`Collection::relocate`](crate::Collection::relocate) says. Positions are numbers of
    /// pages.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        mover.go_through(position, self.pages.len(), work_max, &mut |index, mover| {
            self.pages.relocate(index, mover);
        })
    }
}
