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
        mover.go_through(position, self.nodes.len(), work_max, &mut |index, mover| {
            self.nodes[index].relocate_memory(mover);
        })
    }
}
