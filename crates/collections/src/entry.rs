//! A key and its value in one allocation.
//!
//! ```text
//! header  8 bytes   kind, flags, key length, inline payload length, access
//! stamp   8 bytes   only with the stamp flag
//! length  8 bytes   only for a key of more than 255 bytes
//! word    8 bytes   only when the payload is an integer, a shared vector or a collection
//! key
//! payload           only when the payload is inline
//! ```
//!
//! The allocation is aligned to eight bytes and within the first 2^48, which leaves three and sixteen bits of its address
//! to the table. Up to 1024 bytes it comes from a slab and its size is a multiple of eight; beyond, the size is
//! rounded up to a size class of jemalloc, which costs nothing there. So a value is overwritten in place by one of about the
//! same size. The size is never stored: the header tells it.

mod header;
mod record;
#[cfg(test)]
mod tests;

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::collection::Collection;
use crate::mover::Mover;
use crate::slab::{self, OBJECT_BYTES_MAX};
use header::{COLLECTION, Header, LONG_KEY, MARK, SHARED, SHORT_KEY_MAX, STAMP, WORD};
pub use record::{RecordMut, RecordRef};

/// The longest payload that is stored in the entry's own allocation, in bytes.
pub const INLINE_MAX: usize = 16_383;

/// The alignment of every entry in bytes.
pub(crate) const ALIGN: usize = slab::STEP_BYTES;

/// The general allocator's classes of small sizes are so many bytes apart.
const QUANTUM: usize = 16;

/// How many bits of an entry's address may be set: what user space gets on 64-bit processors unless it asks for
/// more. The table uses the others.
pub(crate) const ADDRESS_BITS: u32 = 48;

const _: () = assert!(size_of::<Arc<Vec<u8>>>() == 8 && align_of::<Arc<Vec<u8>>>() <= 8);
const _: () = assert!(size_of::<Box<Collection>>() == 8 && align_of::<Box<Collection>>() <= 8);
const _: () = assert!(size_of::<usize>() == 8, "table and entries rely on 64-bit pointers");

/// What an entry holds, borrowed from it.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// Bytes in the entry's own allocation.
    Inline(&'a [u8]),
    /// An integer.
    Int(i64),
    /// Bytes that others may own too, so that they can be sent without being copied.
    Shared(&'a Arc<Vec<u8>>),
    /// A value of many elements.
    Collection(&'a Collection),
}

impl<'a> Payload<'a> {
    /// The bytes of an inline or shared payload.
    #[inline]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Payload::Inline(bytes) => Some(bytes),
            Payload::Shared(bytes) => Some(bytes),
            Payload::Int(_) | Payload::Collection(_) => None,
        }
    }
}

impl PartialEq for Payload<'_> {
    /// A collection equals only itself.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Payload::Inline(one), Payload::Inline(other)) => one == other,
            (Payload::Int(one), Payload::Int(other)) => one == other,
            (Payload::Shared(one), Payload::Shared(other)) => one == other,
            (Payload::Collection(one), Payload::Collection(other)) => std::ptr::eq(*one, *other),
            _ => false,
        }
    }
}

/// What an entry shall hold.
#[derive(Clone, Debug)]
pub enum NewPayload<'a> {
    /// Bytes to copy into the entry; if they are longer than [`INLINE_MAX`], they become shared.
    Inline(&'a [u8]),
    /// An integer.
    Int(i64),
    /// Bytes that others may own too.
    Shared(Arc<Vec<u8>>),
    /// A value of many elements.
    Collection(Box<Collection>),
}

impl<'a> From<Payload<'a>> for NewPayload<'a> {
    fn from(payload: Payload<'a>) -> NewPayload<'a> {
        match payload {
            Payload::Inline(bytes) => NewPayload::Inline(bytes),
            Payload::Int(number) => NewPayload::Int(number),
            Payload::Shared(bytes) => NewPayload::Shared(Arc::clone(bytes)),
            Payload::Collection(collection) => NewPayload::Collection(Box::new(collection.clone())),
        }
    }
}

/// A payload as it is stored; an inline one in parts that are joined.
enum Form<'a> {
    Inline([&'a [u8]; 3]),
    Int(i64),
    Shared(Arc<Vec<u8>>),
    Collection(Box<Collection>),
}

/// The owner of a key and its value.
pub struct Entry {
    /// Points to the header of an allocation of `own_bytes()` that nobody else owns.
    head: NonNull<u64>,
}

// SAFETY: an entry owns its parts, bytes and an Arc of a Vec or a collection, which are all Send.
unsafe impl Send for Entry {}
// SAFETY: through a shared reference an entry can only be read.
unsafe impl Sync for Entry {}

impl Entry {
    /// Makes an entry with access 0 and no mark.
    pub fn new(key: &[u8], kind: u8, stamp: Option<u64>, payload: NewPayload<'_>) -> Entry {
        Entry::build(key, kind, stamp, payload, 0, 0)
    }

    /// A copy of `record` with the parts given instead of its own.
    pub(crate) fn rebuild(
        record: RecordRef<'_>,
        key: &[u8],
        kind: u8,
        stamp: Option<u64>,
        payload: NewPayload<'_>,
    ) -> Entry {
        let header = record.header();
        Entry::build(key, kind, stamp, payload, header.flags() & MARK, header.access())
    }

    /// A copy of `record`, whose payload is bytes, with `range` of them replaced by `with`. A payload that becomes
    /// longer than [`INLINE_MAX`] becomes shared.
    pub(crate) fn spliced(record: RecordRef<'_>, kind: u8, range: Range<usize>, with: &[u8]) -> Entry {
        let bytes = record.payload().bytes().unwrap_or_default();
        let parts = [&bytes[..range.start], with, &bytes[range.end..]];
        let header = record.header();
        let payload = if bytes.len() - range.len() + with.len() <= INLINE_MAX {
            Form::Inline(parts)
        } else {
            Form::Shared(Arc::new(parts.concat()))
        };
        let mark = header.flags() & MARK;
        Entry::build_form(record.key(), kind, record.stamp(), payload, mark, header.access())
    }

    fn build(
        key: &[u8],
        kind: u8,
        stamp: Option<u64>,
        payload: NewPayload<'_>,
        mark: u8,
        access: u32,
    ) -> Entry {
        match payload {
            NewPayload::Inline(bytes) if bytes.len() > INLINE_MAX => {
                let payload = Form::Shared(Arc::new(bytes.to_vec()));
                Entry::build_form(key, kind, stamp, payload, mark, access)
            }
            NewPayload::Inline(bytes) => {
                Entry::build_form(key, kind, stamp, Form::Inline([bytes, &[], &[]]), mark, access)
            }
            NewPayload::Int(number) => Entry::build_form(key, kind, stamp, Form::Int(number), mark, access),
            NewPayload::Shared(bytes) => {
                Entry::build_form(key, kind, stamp, Form::Shared(bytes), mark, access)
            }
            NewPayload::Collection(collection) => {
                Entry::build_form(key, kind, stamp, Form::Collection(collection), mark, access)
            }
        }
    }

    fn build_form(
        key: &[u8],
        kind: u8,
        stamp: Option<u64>,
        payload: Form<'_>,
        mark: u8,
        access: u32,
    ) -> Entry {
        let (form, inline) = match &payload {
            Form::Inline(parts) => (0, *parts),
            Form::Int(_) => (WORD, [&[][..]; 3]),
            Form::Shared(_) => (WORD | SHARED, [&[][..]; 3]),
            Form::Collection(_) => (WORD | COLLECTION, [&[][..]; 3]),
        };
        let inline_len = inline.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(inline_len <= INLINE_MAX);
        let is_long = key.len() > SHORT_KEY_MAX;
        let flags =
            form | mark | if stamp.is_some() { STAMP } else { 0 } | if is_long { LONG_KEY } else { 0 };
        let key_len = if is_long { 0 } else { key.len() as u8 };
        let header = Header::new(kind, flags, key_len, inline_len as u16, access);
        let key_offset = header.key_offset();
        let head = allocate(entry_bytes(key_offset + key.len() + inline_len));
        // SAFETY: the allocation has at least the header's eight bytes, and all that is written lies within it:
        // the words that the flags announce, the key behind them and the inline payload behind that.
        let head = unsafe {
            head.write(header.0);
            if let Some(stamp) = stamp {
                head.add(1).write(stamp);
            }
            if is_long {
                head.add(header.long_key_word()).write(key.len() as u64);
            }
            let word = head.add(header.payload_word());
            match payload {
                Form::Inline(_) => {}
                Form::Int(number) => word.write(number as u64),
                Form::Shared(bytes) => word.cast::<Arc<Vec<u8>>>().write(bytes),
                Form::Collection(collection) => word.cast::<Box<Collection>>().write(collection),
            }
            let mut bytes = head.cast::<u8>().add(key_offset).as_ptr();
            for part in [key].into_iter().chain(inline) {
                bytes.copy_from_nonoverlapping(part.as_ptr(), part.len());
                bytes = bytes.add(part.len());
            }
            head
        };
        Entry { head }
    }

    /// Gives the pointer away; [`from_raw`](Self::from_raw) takes it back.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<u64> {
        let head = self.head;
        std::mem::forget(self);
        head
    }

    /// The pointer, still owned.
    pub(crate) fn head(&self) -> NonNull<u64> {
        self.head
    }

    /// # Safety
    /// `head` came from [`into_raw`](Self::into_raw) and nobody else makes an owner of it.
    #[inline]
    pub(crate) unsafe fn from_raw(head: NonNull<u64>) -> Entry {
        Entry { head }
    }

    /// The shared view.
    #[inline]
    pub fn as_ref(&self) -> RecordRef<'_> {
        // SAFETY: the entry lives and does not change while it is borrowed.
        unsafe { RecordRef::new(self.head) }
    }

    /// The exclusive view.
    #[inline]
    pub fn as_mut(&mut self) -> RecordMut<'_> {
        // SAFETY: the entry is borrowed exclusively.
        unsafe { RecordMut::new(self.head) }
    }

    /// Moves what the mover wants of the entry and its value. Says whether that is done: a value of very many elements is left
    /// for later.
    pub(crate) fn relocate(&mut self, mover: &mut Mover<'_>) -> bool {
        let bytes = self.as_ref().own_bytes();
        let is_object = bytes <= OBJECT_BYTES_MAX;
        let is_taken = if is_object {
            // SAFETY: `build` allocated so many bytes for the entry, which owns them.
            unsafe { mover.takes_object(self.head.cast(), bytes) }
        } else {
            mover.takes(self.head.as_ptr(), bytes)
        };
        if is_taken {
            let new =
                if is_object { checked(slab::allocate_from_fullest(bytes).cast()) } else { allocate(bytes) };
            // SAFETY: both have so many bytes. What they hold, owners of a payload included, is moved: nobody takes the old
            // memory for an entry any more when it is given back.
            unsafe {
                new.cast::<u8>().copy_from_nonoverlapping(self.head.cast(), bytes);
                let old = std::mem::replace(&mut self.head, new);
                if is_object { slab::release_to_slab(old.cast(), bytes) } else { release(old, bytes) }
            }
        }
        let mut record = self.as_mut();
        if let Some(shared) = record.shared_mut() {
            mover.shared(shared);
        } else if let Some(collection) = record.collection_box_mut() {
            mover.boxed(collection, Collection::empty());
            return collection.relocate_small(mover);
        }
        true
    }

    /// The same entry under another key.
    #[must_use]
    pub fn with_key(mut self, key: &[u8]) -> Entry {
        let payload = self.as_mut().take_payload();
        let record = self.as_ref();
        Entry::rebuild(record, key, record.kind(), record.stamp(), payload.unwrap_or(record.payload().into()))
    }

    /// A copy under `key`; see [`copy_of`](Self::copy_of).
    #[must_use]
    pub fn duplicate(&self, key: &[u8]) -> Entry {
        Entry::copy_of(self.as_ref(), key)
    }

    /// A copy of a record under `key`: kind, stamp, payload, access and mark are the same, and a shared payload
    /// gets one more owner.
    #[must_use]
    pub fn copy_of(record: RecordRef<'_>, key: &[u8]) -> Entry {
        Entry::rebuild(record, key, record.kind(), record.stamp(), record.payload().into())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let bytes = self.as_ref().own_bytes();
        drop(self.as_mut().take_payload());
        // SAFETY: `build` allocated as much as the header tells.
        unsafe { release(self.head, bytes) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(formatter)
    }
}

/// Memory for an entry that takes so many bytes.
fn allocate(bytes: usize) -> NonNull<u64> {
    // Miri finds more if each entry is an allocation of its own.
    let head = if bytes <= OBJECT_BYTES_MAX && !cfg!(miri) {
        slab::allocate(bytes).cast::<u64>()
    } else {
        let layout = layout(bytes);
        // SAFETY: the layout is not of size zero.
        let head = unsafe { alloc(layout) }.cast::<u64>();
        NonNull::new(head).unwrap_or_else(|| handle_alloc_error(layout))
    };
    checked(head)
}

fn checked(head: NonNull<u64>) -> NonNull<u64> {
    assert!(head.addr().get() >> ADDRESS_BITS == 0, "the allocator uses uncommonly high addresses");
    head
}

/// Gives an entry's memory back.
///
/// # Safety
/// It comes from [`allocate`] with the same size, and nobody uses it any more.
unsafe fn release(head: NonNull<u64>, bytes: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        if bytes <= OBJECT_BYTES_MAX && !cfg!(miri) {
            slab::release(head.cast(), bytes);
        } else {
            dealloc(head.as_ptr().cast(), layout(bytes));
        }
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGN).expect("a key and an inline payload fit the address space")
}

/// What an entry takes that has so many bytes.
#[inline]
pub(crate) fn entry_bytes(bytes: usize) -> usize {
    if bytes <= OBJECT_BYTES_MAX { bytes.next_multiple_of(ALIGN) } else { size_class(bytes) }
}

/// Rounds up to a size class of jemalloc: multiples of 16 up to 128, then four classes to each doubling.
#[inline]
pub(crate) const fn size_class(size: usize) -> usize {
    let doubling = usize::BITS - size.saturating_sub(1).leading_zeros();
    let eighth = 1 << doubling.saturating_sub(3);
    size.next_multiple_of(if eighth > QUANTUM { eighth } else { QUANTUM })
}

/// A vector behind its counts of owners, in bytes.
pub(crate) const COUNTED_VECTOR_BYTES: usize = 2 * size_of::<usize>() + size_of::<Vec<u8>>();

/// What a vector that has room for so many elements has allocated, in bytes.
#[inline]
pub(crate) fn vector_bytes<T>(capacity: usize) -> usize {
    size_class(capacity * size_of::<T>())
}
