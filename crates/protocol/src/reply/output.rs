//! The bytes of replies in the order in which they are sent: a buffer, and long values between its bytes.

use crate::number::format_f64;
use std::{collections::VecDeque, io::IoSlice, ops::Deref, sync::Arc};

/// Slices of one [`Slices`]: as many as a reply with several long values has, and far below the system's limit.
const SLICES_MAX: usize = 16;
/// The kind, a number with its sign, and a line end.
const HEADER_BYTES_MAX: usize = 23;
/// Sent bytes that may stay at the front of a buffer that is never empty, unless they are the larger part.
const SENT_BYTES_MAX: usize = 16 * 1024;

/// Bytes to be sent. Offsets count from the first byte that was ever written to the buffer's present memory.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Output {
    buffer: Vec<u8>,
    /// Bytes at the front of `buffer` that have been sent.
    sent: usize,
    /// Values by reference, if there are any.
    shared: Option<Box<Shared>>,
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
struct Shared {
    values: VecDeque<SharedValue>,
    /// Bytes of all the values that have not been sent.
    bytes: usize,
    /// Of these, bytes of values that others may have, too.
    foreign: usize,
    /// Bytes of the first value that have been sent.
    sent: usize,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct SharedValue {
    /// The value stands before the byte of the buffer with this offset.
    offset: usize,
    value: Arc<Vec<u8>>,
    /// Whether nobody else has it: it was set aside.
    is_own: bool,
}

impl SharedValue {
    /// As many bytes if others may have the value, too, and none otherwise.
    fn foreign(&self, bytes: usize) -> usize {
        if self.is_own { 0 } else { bytes }
    }
}

/// A place in the output, see [`Reply::mark`](super::Reply::mark).
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    offset: usize,
    shared_values: usize,
}

/// The place of a header that is written later, see [`Reply::array_later`](super::Reply::array_later).
#[derive(Debug)]
#[must_use = "the header has to be written"]
pub struct Later(Mark);

/// Up to 16 slices to be sent in one call, in order. Slices of further values follow once these are sent.
#[derive(Debug)]
pub struct Slices<'output> {
    slices: [IoSlice<'output>; SLICES_MAX],
    count: usize,
}

impl<'output> Slices<'output> {
    fn push(&mut self, bytes: &'output [u8]) {
        if !bytes.is_empty()
            && let Some(slice) = self.slices.get_mut(self.count)
        {
            *slice = IoSlice::new(bytes);
            self.count += 1;
        }
    }
}

impl<'output> Deref for Slices<'output> {
    type Target = [IoSlice<'output>];

    fn deref(&self) -> &[IoSlice<'output>] {
        self.slices.get(..self.count).unwrap_or_default()
    }
}

impl Output {
    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes `kind`, `text` without line ends, and a line end.
    pub(super) fn line(&mut self, kind: u8, text: &[u8]) {
        self.buffer.reserve(text.len() + 3);
        self.buffer.push(kind);
        let printable = |byte: &u8| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte };
        self.buffer.extend(text.iter().map(printable));
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Writes `kind`, a number and a line end.
    #[inline]
    pub(super) fn header(&mut self, kind: u8, number: i64) {
        // Copying an array, whose length is known, takes two instructions; most numbers are short.
        let digit = |weight: i64| b'0' + (number / weight % 10) as u8;
        match number {
            0..10 => self.extend(&[kind, digit(1), b'\r', b'\n']),
            10..100 => self.extend(&[kind, digit(10), digit(1), b'\r', b'\n']),
            100..1000 => self.extend(&[kind, digit(100), digit(10), digit(1), b'\r', b'\n']),
            _ => self.long_header(kind, number),
        }
    }

    fn long_header(&mut self, kind: u8, number: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        self.buffer.reserve(digits.len() + 3);
        self.buffer.push(kind);
        self.buffer.extend_from_slice(digits);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Writes a string with its length.
    #[inline]
    pub(super) fn bulk(&mut self, value: &[u8]) {
        self.buffer.reserve(HEADER_BYTES_MAX + value.len() + 2);
        self.header(b'$', value.len() as i64);
        self.buffer.extend_from_slice(value);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// Writes a floating-point number as it is shown.
    pub(super) fn f64(&mut self, number: f64) {
        format_f64(number, &mut self.buffer);
    }

    /// Writes a floating-point number as a string with its length.
    pub(super) fn bulk_f64(&mut self, number: f64) {
        let header = self.later();
        let start = self.buffer.len();
        self.f64(number);
        self.header_at(header, b'$', (self.buffer.len() - start) as i64);
        self.extend(b"\r\n");
    }

    pub(super) fn share(&mut self, value: Arc<Vec<u8>>) {
        let shared = self.shared.get_or_insert_default();
        shared.bytes += value.len();
        shared.foreign += value.len();
        shared.values.push_back(SharedValue { offset: self.buffer.len(), value, is_own: false });
    }

    /// Makes what stands behind the last value by reference one itself, without copying it if there is none yet, if that is at
    /// least `bytes_min` bytes. No [`Mark`] or [`Later`] from before may be used any more.
    pub(super) fn set_aside(&mut self, bytes_min: usize) {
        let last = self.shared.as_ref().and_then(|shared| shared.values.back()).map(|value| value.offset);
        let start = last.unwrap_or(self.sent);
        if self.buffer.len() - start < bytes_min.max(1) {
            return;
        }
        let (mut value, sent) = match last {
            None => (std::mem::take(&mut self.buffer), std::mem::take(&mut self.sent)),
            Some(0) => (std::mem::take(&mut self.buffer), 0),
            Some(offset) => {
                let value = self.buffer.split_off(offset);
                self.buffer.shrink_to_fit();
                (value, 0)
            }
        };
        value.shrink_to_fit();
        let shared = self.shared.get_or_insert_default();
        shared.sent += sent;
        shared.bytes += value.len() - sent;
        let value = SharedValue { offset: self.buffer.len(), value: Arc::new(value), is_own: true };
        shared.values.push_back(value);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.buffer.len() - self.sent + self.shared.as_ref().map_or(0, |shared| shared.bytes)
    }

    /// About how many bytes of values by reference are others' share of them, if each owner has the same share.
    pub(super) fn share_of_others(&self) -> usize {
        /// More values are not looked at, of which there may be very many; they are taken to be like these.
        const VALUES_MAX: usize = 32;
        let Some(shared) = self.shared.as_ref().filter(|shared| shared.foreign > 0) else { return 0 };
        let (mut bytes, mut others) = (0, 0);
        for SharedValue { value, .. } in shared.values.iter().filter(|value| !value.is_own).take(VALUES_MAX) {
            bytes += value.len();
            others += value.len() - value.len() / Arc::strong_count(value);
        }
        (shared.foreign as u128 * others as u128).checked_div(bytes as u128).unwrap_or(0) as usize
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        let shared_values = self.shared.as_ref().map_or(0, |shared| shared.values.len());
        Mark { offset: self.buffer.len(), shared_values }
    }

    pub(super) fn truncate(&mut self, mark: Mark) {
        self.buffer.truncate(mark.offset.max(self.sent));
        if let Some(shared) = &mut self.shared {
            while shared.values.len() > mark.shared_values {
                if let Some(last) = shared.values.pop_back() {
                    shared.bytes -= last.value.len();
                    shared.foreign -= last.foreign(last.value.len());
                }
            }
            if shared.values.is_empty() {
                self.shared = None;
            }
        }
    }

    pub(super) fn later(&mut self) -> Later {
        Later(self.mark())
    }

    /// Writes a header at `at`, moving what follows.
    pub(super) fn header_at(&mut self, Later(at): Later, kind: u8, number: i64) {
        let end = self.buffer.len();
        self.header(kind, number);
        let header_length = self.buffer.len() - end;
        let mut header = [0; HEADER_BYTES_MAX];
        header[..header_length].copy_from_slice(&self.buffer[end..]);
        if at.offset <= end {
            self.buffer.copy_within(at.offset..end, at.offset + header_length);
            self.buffer[at.offset..at.offset + header_length].copy_from_slice(&header[..header_length]);
        }
        for value in self.shared.iter_mut().flat_map(|shared| shared.values.iter_mut().skip(at.shared_values))
        {
            value.offset += header_length;
        }
    }

    #[inline]
    pub(super) fn contiguous(&self) -> Option<&[u8]> {
        if self.shared.is_none() { self.buffer.get(self.sent..) } else { None }
    }

    #[inline]
    pub(super) fn slices(&self) -> Slices<'_> {
        let mut slices = Slices { slices: [IoSlice::new(&[]); SLICES_MAX], count: 0 };
        let mut position = self.sent;
        if let Some(shared) = &self.shared {
            let mut value_sent = shared.sent;
            for SharedValue { offset, value, .. } in shared.values.iter().take(SLICES_MAX / 2) {
                slices.push(self.buffer.get(position..*offset).unwrap_or_default());
                slices.push(value.get(value_sent..).unwrap_or_default());
                position = *offset;
                value_sent = 0;
            }
            if shared.values.len() >= SLICES_MAX / 2 {
                return slices;
            }
        }
        slices.push(self.buffer.get(position..).unwrap_or_default());
        slices
    }

    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        if self.shared.is_none() {
            self.sent += bytes;
            if self.sent >= self.buffer.len() {
                self.buffer.clear();
                self.sent = 0;
            } else {
                self.compact();
            }
        } else {
            self.advance_shared(bytes);
        }
    }

    #[cold]
    fn advance_shared(&mut self, mut bytes: usize) {
        while let Some(shared) = &mut self.shared {
            let Some(first) = shared.values.front() else {
                self.shared = None;
                break;
            };
            let before = bytes.min(first.offset - self.sent);
            self.sent += before;
            bytes -= before;
            if self.sent < first.offset {
                break;
            }
            let of_value = bytes.min(first.value.len() - shared.sent);
            shared.sent += of_value;
            shared.bytes -= of_value;
            shared.foreign -= first.foreign(of_value);
            bytes -= of_value;
            if shared.sent < first.value.len() {
                break;
            }
            shared.sent = 0;
            shared.values.pop_front();
        }
        if self.shared.is_none() {
            self.advance(bytes);
        } else {
            self.compact();
        }
    }

    /// Moves the unsent bytes to the front once at least as many have been sent, so that it costs no more than
    /// writing them did.
    fn compact(&mut self) {
        if self.sent < SENT_BYTES_MAX || self.sent < self.buffer.len() - self.sent {
            return;
        }
        self.buffer.drain(..self.sent);
        for value in self.shared.iter_mut().flat_map(|shared| shared.values.iter_mut()) {
            value.offset -= self.sent;
        }
        self.sent = 0;
    }

    pub(super) fn memory(&self) -> usize {
        let Some(shared) = &self.shared else { return self.buffer.capacity() };
        // What was set aside is there until all of it is sent.
        let sent = shared.values.front().filter(|first| first.is_own).map_or(0, |_| shared.sent);
        self.buffer.capacity() + shared.bytes + sent
    }

    pub(super) fn shrink(&mut self) {
        self.buffer.drain(..self.sent);
        for value in self.shared.iter_mut().flat_map(|shared| shared.values.iter_mut()) {
            value.offset -= self.sent;
        }
        self.sent = 0;
        self.buffer.shrink_to_fit();
    }
}
