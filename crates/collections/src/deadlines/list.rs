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

    /// One of the items that were pushed last, chosen by chance.
    pub(super) fn sample(&self, random: u64) -> Option<u32> {
        /// So many chunks are looked at: each is somewhere else in memory.
        const CHUNKS_MAX: usize = 64;
        let chunks = self.len.div_ceil(CHUNK_LEN).min(CHUNKS_MAX);
        let first_len = match self.len % CHUNK_LEN {
            0 => CHUNK_LEN.min(self.len),
            len => len,
        };
        // The first chunk need not be full.
        let items = first_len + chunks.saturating_sub(1) * CHUNK_LEN;
        let mut index = random.checked_rem(items as u64)? as usize;
        let mut chunk = self.first.as_ref()?;
        let mut len = first_len;
        while index >= len {
            index -= len;
            chunk = chunk.next.as_ref()?;
            len = CHUNK_LEN;
        }
        Some(chunk.fragments[index])
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
