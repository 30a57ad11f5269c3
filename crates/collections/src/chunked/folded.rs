//! Elements of a node that is far from both ends, compressed.

use std::cell::OnceCell;

use lz4_flex::block::{compress, decompress};

use crate::entry::size_class;
use crate::mover::Mover;

/// Fewer bytes than this are not worth the effort.
const LEN_MIN: usize = if cfg!(test) { 64 } else { 1024 };

/// A compressed strip. When somebody looks at it, its elements are there besides until they are
/// [dropped](Self::close), so that the next one need not wait.
#[derive(Debug)]
pub(super) struct Folded {
    compressed: Box<[u8]>,
    /// How many bytes the elements have.
    len: usize,
    elements: OnceCell<Vec<u8>>,
}

impl Folded {
    /// Compresses elements, if that saves at least a quarter of their bytes.
    pub(super) fn of(elements: &[u8]) -> Option<Folded> {
        if elements.len() < LEN_MIN {
            return None;
        }
        let compressed = compress(elements);
        let is_worth_it = compressed.len() <= elements.len() - elements.len() / 4;
        is_worth_it.then(|| Folded {
            compressed: compressed.into_boxed_slice(),
            len: elements.len(),
            elements: OnceCell::new(),
        })
    }

    pub(super) fn elements(&self) -> &[u8] {
        self.elements.get_or_init(|| self.decompressed())
    }

    pub(super) fn into_elements(mut self) -> Vec<u8> {
        self.elements.take().unwrap_or_else(|| self.decompressed())
    }

    /// How many bytes the elements have.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The memory that the compressed elements take.
    pub(super) fn allocated_bytes(&self) -> usize {
        size_class(size_of::<Folded>()) + size_class(self.compressed.len())
    }

    /// The memory that the elements take because somebody has looked at them.
    pub(super) fn open_bytes(&self) -> usize {
        self.elements.get().map_or(0, |elements| size_class(elements.capacity()))
    }

    /// Drops the elements that somebody has looked at.
    pub(super) fn close(&mut self) {
        self.elements.take();
    }

    /// Moves what is compressed, if the mover wants that.
    pub(super) fn relocate(&mut self, mover: &mut Mover<'_>) {
        if !self.compressed.is_empty() && mover.takes(self.compressed.as_ptr(), self.compressed.len()) {
            self.compressed = self.compressed.clone();
        }
    }

    fn decompressed(&self) -> Vec<u8> {
        decompress(&self.compressed, self.len).expect("what was compressed here can be decompressed")
    }
}

impl Clone for Folded {
    /// Copies what is compressed, and not what somebody has looked at.
    fn clone(&self) -> Folded {
        Folded { compressed: self.compressed.clone(), len: self.len, elements: OnceCell::new() }
    }
}
