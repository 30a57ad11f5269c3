//! A stack of fragments in chunks, so that it grows and shrinks without moving anything.

/// As many fragments as fill 256 bytes together with the link.
pub(super) const CHUNK_LEN: usize = 62;

struct Chunk {
    fragments: [u32; CHUNK_LEN],
    next: Option<Box<Chunk>>,
}

/// What one chunk takes from the allocator.
pub(super) const CHUNK_BYTES: usize = size_of::<Chunk>();

const _: () = assert!(CHUNK_BYTES == 256);

/// A stack of fragments. All chunks but the first are full.
#[derive(Default)]
pub(super) struct List {
    first: Option<Box<Chunk>>,
    len: usize,
}

impl List {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn push(&mut self, fragment: u32) {
        let index = self.len % CHUNK_LEN;
        if index == 0 {
            self.first = Some(Box::new(Chunk { fragments: [0; CHUNK_LEN], next: self.first.take() }));
        }
        if let Some(chunk) = &mut self.first {
            chunk.fragments[index] = fragment;
            self.len += 1;
        }
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let chunk = self.first.as_mut()?;
        let index = (self.len - 1) % CHUNK_LEN;
        let fragment = chunk.fragments[index];
        if index == 0 {
            self.first = chunk.next.take();
        }
        self.len -= 1;
        Some(fragment)
    }
}

impl Drop for List {
    /// One chunk after the other, where the derived way would recurse.
    fn drop(&mut self) {
        let mut next = self.first.take();
        while let Some(mut chunk) = next {
            next = chunk.next.take();
        }
    }
}
