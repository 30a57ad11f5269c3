//! Borrowed views of an entry.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use super::header::{ACCESS_MAX, COLLECTION, Header, LONG_KEY, MARK, SHARED, STAMP, WORD};
use super::{COUNTED_VECTOR_BYTES, INLINE_MAX, NewPayload, Payload, entry_bytes, size_class};
use crate::collection::Collection;

/// A shared view of an entry.
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    /// Points to the header of an entry that outlives `'a` and is not changed meanwhile. A raw pointer, because
    /// a reference to the header would not be allowed to reach what lies behind it.
    head: NonNull<u64>,
    entry: PhantomData<&'a ()>,
}

// SAFETY: a view is a shared reference to an entry, whose parts (bytes, and an Arc of a Vec or a collection) are all Sync.
unsafe impl Send for RecordRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for RecordRef<'_> {}

impl<'a> RecordRef<'a> {
    /// # Safety
    /// `head` is the pointer of an [`Entry`](super::Entry) that lives for `'a` and is not changed meanwhile.
    #[inline]
    pub(crate) unsafe fn new(head: NonNull<u64>) -> RecordRef<'a> {
        RecordRef { head, entry: PhantomData }
    }

    #[inline]
    pub(super) fn header(self) -> Header {
        // SAFETY: every entry begins with its header.
        Header(unsafe { self.head.read() })
    }

    /// The word at `index`, counted from the header.
    fn word(self, index: usize) -> u64 {
        // SAFETY: callers ask only for words that the header's flags announce.
        unsafe { self.head.add(index).read() }
    }

    fn key_len(self, header: Header) -> usize {
        if header.has(LONG_KEY) { self.word(header.long_key_word()) as usize } else { header.short_key_len() }
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let header = self.header();
        let len = self.key_len(header);
        // SAFETY: the header and the length say where the key is within the allocation, which lives for 'a.
        unsafe { slice::from_raw_parts(self.head.cast::<u8>().add(header.key_offset()).as_ptr(), len) }
    }

    /// What the engine gave as the kind.
    pub fn kind(self) -> u8 {
        self.header().kind()
    }

    /// The stamp, when the entry has one.
    pub fn stamp(self) -> Option<u64> {
        self.header().has(STAMP).then(|| self.word(1))
    }

    /// The value that the entry holds.
    #[inline]
    pub fn payload(self) -> Payload<'a> {
        let header = self.header();
        if !header.has(WORD) {
            let offset = header.key_offset() + self.key_len(header);
            // SAFETY: the inline payload follows the key, within the allocation, which lives for 'a.
            Payload::Inline(unsafe {
                slice::from_raw_parts(self.head.cast::<u8>().add(offset).as_ptr(), header.inline_len())
            })
        } else if header.has(SHARED) {
            // SAFETY: the flags say that this word holds an initialised Arc, which lives for 'a.
            Payload::Shared(unsafe { self.head.add(header.payload_word()).cast::<Arc<Vec<u8>>>().as_ref() })
        } else if header.has(COLLECTION) {
            // SAFETY: the flags say that this word holds an initialised Box, which lives for 'a.
            Payload::Collection(unsafe {
                self.head.add(header.payload_word()).cast::<Box<Collection>>().as_ref()
            })
        } else {
            Payload::Int(self.word(header.payload_word()) as i64)
        }
    }

    /// The length of an inline payload; zero for the other forms.
    pub fn inline_len(self) -> usize {
        self.header().inline_len()
    }

    /// The 24 bits that the engine keeps about the entry's use.
    pub fn access(self) -> u32 {
        self.header().access()
    }

    /// The engine's mark.
    pub fn mark(self) -> bool {
        self.header().has(MARK)
    }

    /// The bytes that the entry takes of the allocator, with those of a collection and of a shared vector, which
    /// may have other owners too.
    pub fn allocated_bytes(self) -> usize {
        let apart = match self.payload() {
            Payload::Shared(bytes) => size_class(COUNTED_VECTOR_BYTES) + size_class(bytes.capacity()),
            Payload::Collection(collection) => {
                size_class(size_of::<Collection>()) + collection.memory_bytes()
            }
            Payload::Inline(_) | Payload::Int(_) => 0,
        };
        self.own_bytes() + apart
    }

    /// The size of the entry's own allocation.
    pub(super) fn own_bytes(self) -> usize {
        let header = self.header();
        entry_bytes(header.key_offset() + self.key_len(header) + header.inline_len())
    }
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Record")
            .field("key", &self.key())
            .field("kind", &self.kind())
            .field("stamp", &self.stamp())
            .field("payload", &self.payload())
            .field("access", &self.access())
            .field("mark", &self.mark())
            .finish()
    }
}

/// An exclusive view of an entry.
pub struct RecordMut<'a> {
    /// As in [`RecordRef`], and nobody else reads or changes the entry during `'a`.
    head: NonNull<u64>,
    entry: PhantomData<&'a mut ()>,
}

// SAFETY: a view is an exclusive reference to an entry, whose parts are all Send.
unsafe impl Send for RecordMut<'_> {}
// SAFETY: as above; through a shared reference it only reads.
unsafe impl Sync for RecordMut<'_> {}

impl<'a> RecordMut<'a> {
    /// # Safety
    /// `head` is the pointer of an [`Entry`](super::Entry) that lives for `'a` and that nobody else reads or
    /// changes meanwhile.
    #[inline]
    pub(crate) unsafe fn new(head: NonNull<u64>) -> RecordMut<'a> {
        RecordMut { head, entry: PhantomData }
    }

    /// The shared view.
    #[inline]
    pub fn as_ref(&self) -> RecordRef<'_> {
        // SAFETY: the borrow of self keeps the entry from changing.
        unsafe { RecordRef::new(self.head) }
    }

    /// See [`RecordRef::key`].
    pub fn key(&self) -> &[u8] {
        self.as_ref().key()
    }

    /// See [`RecordRef::kind`].
    pub fn kind(&self) -> u8 {
        self.as_ref().kind()
    }

    /// See [`RecordRef::stamp`].
    pub fn stamp(&self) -> Option<u64> {
        self.as_ref().stamp()
    }

    /// See [`RecordRef::payload`].
    pub fn payload(&self) -> Payload<'_> {
        self.as_ref().payload()
    }

    /// See [`RecordRef::inline_len`].
    pub fn inline_len(&self) -> usize {
        self.as_ref().inline_len()
    }

    /// See [`RecordRef::access`].
    pub fn access(&self) -> u32 {
        self.as_ref().access()
    }

    /// See [`RecordRef::mark`].
    pub fn mark(&self) -> bool {
        self.as_ref().mark()
    }

    /// See [`RecordRef::allocated_bytes`].
    pub fn allocated_bytes(&self) -> usize {
        self.as_ref().allocated_bytes()
    }

    fn header(&self) -> Header {
        self.as_ref().header()
    }

    fn set_header(&mut self, header: Header) {
        // SAFETY: every entry begins with its header, and the view is exclusive.
        unsafe { self.head.write(header.0) }
    }

    /// Sets the engine's 24 bits about the entry's use; higher bits are cut off.
    #[inline]
    pub fn set_access(&mut self, access: u32) {
        self.set_header(self.header().with_access(access & ACCESS_MAX));
    }

    /// Sets the kind.
    pub fn set_kind(&mut self, kind: u8) {
        self.set_header(self.header().with_kind(kind));
    }

    /// Sets or clears the engine's mark.
    pub fn set_mark(&mut self, mark: bool) {
        let header = self.header();
        let flags = if mark { header.flags() | MARK } else { header.flags() & !MARK };
        self.set_header(header.with_flags(flags));
    }

    /// Changes the stamp, if the entry has room for one; false if not.
    #[must_use]
    pub fn set_stamp(&mut self, stamp: u64) -> bool {
        let has_room = self.header().has(STAMP);
        if has_room {
            // SAFETY: the flag says that the word behind the header is the stamp.
            unsafe { self.head.add(1).write(stamp) }
        }
        has_room
    }

    /// Changes the value in place, if it has the form of the old one and the allocation is of the right size for
    /// it; false, and nothing is changed, if not. Shared payloads are never changed this way: use
    /// [`shared_mut`](Self::shared_mut), so that the caller decides where the old vector is freed.
    #[must_use]
    pub fn overwrite(&mut self, kind: u8, new: &NewPayload<'_>) -> bool {
        let header = self.header();
        match new {
            NewPayload::Inline(bytes) => {
                let old_size = self.as_ref().own_bytes();
                let offset = header.key_offset() + self.key().len();
                let fits = bytes.len() <= INLINE_MAX
                    && !header.has(WORD)
                    && entry_bytes(offset.saturating_add(bytes.len())) == old_size;
                if fits {
                    self.set_header(header.with_kind(kind).with_inline_len(bytes.len() as u16));
                    // SAFETY: the allocation has the size that key and new payload need, and `bytes` cannot
                    // overlap with it because the view is exclusive.
                    unsafe {
                        let payload = self.head.cast::<u8>().add(offset).as_ptr();
                        payload.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                    }
                }
                fits
            }
            NewPayload::Int(number) => {
                let is_int = self.set_int(*number);
                if is_int {
                    self.set_kind(kind);
                }
                is_int
            }
            NewPayload::Shared(_) | NewPayload::Collection(_) => false,
        }
    }

    /// Replaces `range` of a payload of bytes by `with`, if that can be done without another allocation of the entry;
    /// false, and nothing is changed, if not. A shared payload is copied first if it has other owners.
    #[must_use]
    pub fn splice(&mut self, kind: u8, range: Range<usize>, with: &[u8]) -> bool {
        if let Some(shared) = self.shared_mut() {
            Arc::make_mut(shared).splice(range, with.iter().copied());
            self.set_kind(kind);
            return true;
        }
        let header = self.header();
        if header.has(WORD) {
            return false;
        }
        let old_len = header.inline_len();
        assert!(range.start <= range.end && range.end <= old_len, "the range is within the payload");
        let new_len = old_len - range.len() + with.len();
        let offset = header.key_offset() + self.key().len();
        if new_len > INLINE_MAX || entry_bytes(offset + new_len) != self.as_ref().own_bytes() {
            return false;
        }
        self.set_header(header.with_kind(kind).with_inline_len(new_len as u16));
        // SAFETY: the allocation has the size that the key and the new payload need; the range lies within the old
        // payload, and so does the rest that is moved; `with` cannot overlap because the view is exclusive.
        unsafe {
            let payload = self.head.cast::<u8>().add(offset).as_ptr();
            let gap = payload.add(range.start);
            payload.add(range.end).copy_to(gap.add(with.len()), old_len - range.end);
            gap.copy_from_nonoverlapping(with.as_ptr(), with.len());
        }
        true
    }

    /// The bytes of an inline payload.
    pub fn inline_mut(&mut self) -> Option<&mut [u8]> {
        let header = self.header();
        if header.has(WORD) {
            return None;
        }
        let offset = header.key_offset() + self.key().len();
        // SAFETY: the inline payload follows the key, and the view is exclusive.
        Some(unsafe {
            slice::from_raw_parts_mut(self.head.cast::<u8>().add(offset).as_ptr(), header.inline_len())
        })
    }

    /// The owner of a shared payload.
    pub fn shared_mut(&mut self) -> Option<&mut Arc<Vec<u8>>> {
        let header = self.header();
        // SAFETY: the flags say that the word holds an initialised Arc, and the view is exclusive.
        header.has(SHARED).then(|| unsafe { self.head.add(header.payload_word()).cast().as_mut() })
    }

    /// The collection, for as long as the entry is borrowed.
    pub fn into_collection_mut(self) -> Option<&'a mut Collection> {
        let header = self.header();
        // SAFETY: the flags say that the word holds an initialised Box, and the view was exclusive during 'a.
        header.has(COLLECTION).then(|| unsafe {
            self.head.add(header.payload_word()).cast::<Box<Collection>>().as_mut().as_mut()
        })
    }

    /// The collection's box.
    pub(super) fn collection_box_mut(&mut self) -> Option<&mut Box<Collection>> {
        let header = self.header();
        // SAFETY: the flags say that the word holds an initialised Box, and the view is exclusive.
        header.has(COLLECTION).then(|| unsafe { self.head.add(header.payload_word()).cast().as_mut() })
    }

    /// Takes a shared payload or a collection out; the entry then holds an integer.
    pub(crate) fn take_payload(&mut self) -> Option<NewPayload<'static>> {
        let header = self.header();
        if !header.has(SHARED | COLLECTION) {
            return None;
        }
        // The word becomes a plain integer, so that nobody else takes what it holds for an owner.
        self.set_header(header.with_flags(header.flags() & !(SHARED | COLLECTION)));
        // SAFETY: the flags said which owner the word holds, initialised, and nobody reads it as one any more.
        unsafe {
            let word = self.head.add(header.payload_word());
            Some(if header.has(SHARED) {
                NewPayload::Shared(word.cast::<Arc<Vec<u8>>>().read())
            } else {
                NewPayload::Collection(word.cast::<Box<Collection>>().read())
            })
        }
    }

    /// Changes an integer payload; false if the payload has another form.
    #[must_use]
    pub fn set_int(&mut self, number: i64) -> bool {
        let header = self.header();
        let is_int = header.has(WORD) && !header.has(SHARED | COLLECTION);
        if is_int {
            // SAFETY: the flags say that this word is the integer, and the view is exclusive.
            unsafe { self.head.add(header.payload_word()).write(number as u64) }
        }
        is_int
    }
}

impl fmt::Debug for RecordMut<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(formatter)
    }
}
