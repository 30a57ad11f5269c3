//! Moving leaves and nodes to other memory.

use crate::mover::Mover;

use super::RankedTree;
use super::node::{Children, Node};

impl RankedTree {
    /// Moves what the mover wants, as [`Collection::relocate`](crate::Collection::relocate) says. Positions are ranks of
    /// entries.
    pub(crate) fn relocate(
        &mut self,
        position: u128,
        work_max: usize,
        mover: &mut Mover<'_>,
    ) -> Option<u128> {
        let mut rank = usize::try_from(position).unwrap_or(usize::MAX);
        while rank < self.len {
            if mover.work >= work_max {
                return Some(rank as u128);
            }
            rank += self.root.relocate(rank, mover);
        }
        None
    }
}

impl Node {
    /// Moves the leaf that has the entry of this rank, and the nodes above it of which it is the first leaf. Returns how many
    /// entries it has from that rank on, at least one.
    fn relocate(&mut self, rank: usize, mover: &mut Mover<'_>) -> usize {
        if rank == 0 {
            mover.vector(&mut self.first_scores);
            mover.vector(&mut self.counts);
            match &mut self.children {
                Children::Leaves(leaves) => mover.vector(leaves),
                Children::Nodes(nodes) => mover.vector(nodes),
            }
        }
        let (child, rest) = self.child_with(rank);
        match &mut self.children {
            Children::Leaves(leaves) => {
                leaves[child].relocate(mover);
                self.counts[child].saturating_sub(rest).max(1)
            }
            Children::Nodes(nodes) => nodes[child].relocate(rest, mover),
        }
    }
}
