//! The row of pages, in chunks, so that it grows and shrinks at its end without a big copy.

use super::page::Page;
use crate::entry::vector_bytes;
use crate::mover::Mover;

/// How many pages are in a full chunk, as a power of two.
const CHUNK_BITS: u32 = 9;
const CHUNK_LEN: usize = 1 << CHUNK_BITS;
/// A chunk grows by a quarter, but at least by so many pages.
const GROWTH_MIN: usize = 4;

/// At least one page.
#[derive(Clone)]
pub(super) struct Pages {
    /// All are full but the last, which is not empty.
    chunks: Vec<Vec<Page>>,
    len: usize,
    /// What the chunks before the last have allocated.
    full_bytes: usize,
}

impl Pages {
    pub(super) fn new() -> Pages {
        Pages { chunks: vec![vec![Page::default()]], len: 1, full_bytes: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> &Page {
        &self.chunks[index >> CHUNK_BITS][index % CHUNK_LEN]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> &mut Page {
        &mut self.chunks[index >> CHUNK_BITS][index % CHUNK_LEN]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Page> {
        self.chunks.iter().flatten()
    }

    /// The pages, some hundred at a time.
    pub(super) fn into_chunks(self) -> impl Iterator<Item = Vec<Page>> {
        self.chunks.into_iter()
    }

    pub(super) fn push(&mut self, page: Page) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_LEN => {
                if chunk.len() == chunk.capacity() {
                    let growth = (chunk.len() / 4).max(GROWTH_MIN).min(CHUNK_LEN - chunk.len());
                    chunk.reserve_exact(growth);
                }
                chunk.push(page);
            }
            _ => {
                self.full_bytes += self.chunks.last().map_or(0, chunk_bytes);
                let mut chunk = Vec::with_capacity(GROWTH_MIN);
                chunk.push(page);
                self.chunks.push(chunk);
            }
        }
    }

    /// Takes the last page away, unless it is the only one.
    pub(super) fn pop(&mut self) -> Option<Page> {
        if self.len == 1 {
            return None;
        }
        self.len -= 1;
        let chunk = self.chunks.last_mut()?;
        let page = chunk.pop();
        if chunk.is_empty() {
            self.chunks.pop();
            self.full_bytes -= self.chunks.last().map_or(0, chunk_bytes);
        } else if chunk.len() + chunk.len() / 2 + GROWTH_MIN < chunk.capacity() {
            chunk.shrink_to(chunk.len() + GROWTH_MIN);
        }
        page
    }

    /// Moves what the mover wants of a page, and of the row where that begins a chunk of it.
    pub(super) fn relocate(&mut self, index: usize, mover: &mut Mover<'_>) {
        if index == 0 {
            mover.vector(&mut self.chunks);
        }
        let chunk = &mut self.chunks[index >> CHUNK_BITS];
        if index.is_multiple_of(CHUNK_LEN) {
            mover.vector(chunk);
        }
        chunk[index % CHUNK_LEN].relocate(mover);
    }

    /// What the row has allocated without the pages' own bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.full_bytes
            + self.chunks.last().map_or(0, chunk_bytes)
            + vector_bytes::<Vec<Page>>(self.chunks.capacity())
    }
}

fn chunk_bytes(chunk: &Vec<Page>) -> usize {
    vector_bytes::<Page>(chunk.capacity())
}
