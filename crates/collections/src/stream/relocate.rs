//! Moving blocks to other memory.

use crate::mover::Mover;

use super::{Block, Stream, StreamId};

impl Stream {
    /// Moves what the mover wants of the blocks, as [`Collection::relocate`](crate::Collection::relocate) says. Positions are
    /// ids. The groups stay where they are.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        let first = StreamId::new((position >> 64) as u64, position as u64);
        for (id, block) in self.full.range_mut(first..) {
            if mover.work >= work_max {
                return Some(u128::from(id.ms) << 64 | u128::from(id.seq));
            }
            mover.boxed(block, Block::new(StreamId::MIN, std::iter::empty()));
            block.relocate(mover);
        }
        if let Some(tail) = &mut self.tail {
            tail.relocate(mover);
        }
        None
    }
}
