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
        let first = usize::try_from(position).unwrap_or(usize::MAX);
        for index in first..self.pages.len() {
            if mover.work >= work_max {
                return Some(index as u128);
            }
            self.pages.relocate(index, mover);
        }
        None
    }
}
