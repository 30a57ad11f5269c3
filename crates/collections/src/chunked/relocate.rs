//! Moving nodes to other memory.

use crate::mover::Mover;

use super::ChunkedList;

impl ChunkedList {
    /// Moves what the mover wants, as [`Collection::relocate`](crate::Collection::relocate) says. Positions are numbers of
    /// nodes.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        let first = usize::try_from(position).unwrap_or(usize::MAX);
        for index in first..self.nodes.len() {
            if mover.work >= work_max {
                return Some(index as u128);
            }
            self.nodes[index].relocate_memory(mover);
        }
        None
    }
}
