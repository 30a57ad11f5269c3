//! Replies: an output buffer that knows how each kind of value looks in RESP2 and in RESP3.

mod output;

pub use output::{Later, Mark, Slices};

use crate::number::exact_integer;
use output::Output;
use std::sync::Arc;

/// The shortest value, in bytes, that is sent by reference rather than copied into the buffer.
const SHARED_BYTES_MIN: usize = 16 * 1024;

/// Unsent bytes that are worth a buffer of their own.
const ASIDE_BYTES_MIN: usize = 128 * 1024;

/// The replies of one connection that have not been sent yet.
#[derive(Debug, Default)]
pub struct Reply {
    output: Output,
    resp3: bool,
}

impl Reply {
    /// An empty buffer that speaks RESP2.
    pub fn new() -> Reply {
        Reply::default()
    }

    /// Whether replies are written in RESP3.
    #[inline]
    pub fn resp3(&self) -> bool {
        self.resp3
    }

    /// Chooses between RESP3 and RESP2 for the replies that follow.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// `OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `PONG`.
    #[inline]
    pub fn pong(&mut self) {
        self.raw(b"+PONG\r\n");
    }

    /// A status such as `QUEUED`; line ends in it become spaces.
    pub fn simple(&mut self, status: impl AsRef<[u8]>) {
        self.output.line(b'+', status.as_ref());
    }

    /// An error, of which `text` is all but the leading `-`, such as `ERR syntax error`; line ends in it become
    /// spaces.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.output.line(b'-', text.as_ref());
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.output.header(b':', number);
    }

    /// A string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.output.bulk(value);
    }

    /// A string that, if it is long, is sent from where it is instead of being copied.
    pub fn bulk_shared(&mut self, value: Arc<Vec<u8>>) {
        if value.len() < SHARED_BYTES_MIN {
            return self.bulk(&value);
        }
        self.output.header(b'$', value.len() as i64);
        self.output.share(value);
        self.raw(b"\r\n");
    }

    /// An integer as a string.
    #[inline]
    pub fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A floating-point number as a string.
    pub fn bulk_f64(&mut self, number: f64) {
        match exact_integer(number) {
            Some(number) => self.bulk_integer(number),
            None => self.output.bulk_f64(number),
        }
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        if self.resp3 {
            self.raw(b"_\r\n");
        } else {
            self.raw(b"$-1\r\n");
        }
    }

    /// No array.
    #[inline]
    pub fn null_array(&mut self) {
        if self.resp3 {
            self.raw(b"_\r\n");
        } else {
            self.raw(b"*-1\r\n");
        }
    }

    /// The header of an array, which `length` replies must follow.
    #[inline]
    pub fn array(&mut self, length: usize) {
        self.output.header(b'*', length as i64);
    }

    /// The header of a map, which `pairs` pairs of replies must follow; in RESP2 an array.
    #[inline]
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 {
            self.output.header(b'%', pairs as i64);
        } else {
            self.array(pairs.saturating_mul(2));
        }
    }

    /// The header of a set, which `length` replies must follow; in RESP2 an array.
    #[inline]
    pub fn set(&mut self, length: usize) {
        self.output.header(if self.resp3 { b'~' } else { b'*' }, length as i64);
    }

    /// The header of a message outside the order of replies, which `length` replies must follow; in RESP2 an
    /// array.
    #[inline]
    pub fn push(&mut self, length: usize) {
        self.output.header(if self.resp3 { b'>' } else { b'*' }, length as i64);
    }

    /// A truth value; in RESP2 the integer 1 or 0.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        self.raw(match (self.resp3, value) {
            (true, true) => b"#t\r\n",
            (true, false) => b"#f\r\n",
            (false, true) => b":1\r\n",
            (false, false) => b":0\r\n",
        });
    }

    /// A floating-point number; in RESP2 a string.
    pub fn double(&mut self, number: f64) {
        if !self.resp3 {
            return self.bulk_f64(number);
        }
        self.raw(b",");
        self.output.f64(number);
        self.raw(b"\r\n");
    }

    /// An integer of any size, given by its digits; in RESP2 a string.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) {
        let digits = digits.as_ref();
        if self.resp3 {
            self.output.line(b'(', digits);
        } else {
            self.bulk(digits);
        }
    }

    /// A string for people to read, in the three-letter format `format` (`txt` or `mkd`); in RESP2 a string.
    pub fn verbatim(&mut self, format: impl AsRef<[u8]>, text: &[u8]) {
        let format = format.as_ref();
        if !self.resp3 {
            return self.bulk(text);
        }
        self.output.header(b'=', (format.len() + 1 + text.len()) as i64);
        self.raw(format);
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    /// Bytes that are a reply, or a part of one, already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    /// As [`Reply::raw`], but bytes that are many are sent from where they are instead of being copied.
    #[inline]
    pub fn raw_shared(&mut self, bytes: &Arc<Vec<u8>>) {
        if bytes.len() < SHARED_BYTES_MIN {
            self.output.extend(bytes);
        } else {
            self.output.share(bytes.clone());
        }
    }

    /// All bytes, values by reference included.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        while !self.is_empty() {
            let start = bytes.len();
            self.slices().iter().for_each(|slice| bytes.extend_from_slice(slice));
            self.advance(bytes.len() - start);
        }
        bytes
    }

    /// Leaves room for the header of an array whose length is not known yet.
    pub fn array_later(&mut self) -> Later {
        self.output.later()
    }

    /// Writes the header of a map that [`Reply::array_later`] left room for; in RESP2 of an array.
    pub fn set_map_len(&mut self, at: Later, pairs: usize) {
        if self.resp3 {
            self.output.header_at(at, b'%', pairs as i64);
        } else {
            self.set_array_len(at, pairs.saturating_mul(2));
        }
    }

    /// Writes the header that [`Reply::array_later`] left room for. Headers inside other ones are written first.
    pub fn set_array_len(&mut self, at: Later, length: usize) {
        self.output.header_at(at, b'*', length as i64);
    }

    /// Bytes to be sent, values by reference included.
    #[inline]
    pub fn len(&self) -> usize {
        self.output.len()
    }

    /// Whether there is nothing to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the header of a set that [`Reply::array_later`] left room for; in RESP2 of an array.
    pub fn set_set_len(&mut self, at: Later, length: usize) {
        self.output.header_at(at, if self.resp3 { b'~' } else { b'*' }, length as i64);
    }

    /// The present end, to come back to with [`Reply::truncate`] before anything is sent.
    #[inline]
    pub fn mark(&self) -> Mark {
        self.output.mark()
    }

    /// Takes back what was written since `mark`; what has been sent since is not taken back.
    pub fn truncate(&mut self, mark: Mark) {
        self.output.truncate(mark);
    }

    /// What to send, if it is in one piece.
    #[inline]
    pub fn contiguous(&self) -> Option<&[u8]> {
        self.output.contiguous()
    }

    /// What to send, in order, for `writev`; no more than [`Slices`] says at once.
    #[inline]
    pub fn slices(&self) -> Slices<'_> {
        self.output.slices()
    }

    /// Has what follows not extend the buffer if much is left in it: one that is not read would be copied each time that it
    /// becomes twice as long, and take up to twice the memory. Called between replies: neither [`Mark`]s nor [`Later`]s from
    /// before may be used any more.
    pub fn set_aside(&mut self) {
        self.output.set_aside(ASIDE_BYTES_MIN);
    }

    /// Forgets the first `bytes` bytes, which have been sent.
    #[inline]
    pub fn advance(&mut self, bytes: usize) {
        self.output.advance(bytes);
    }

    /// Bytes of memory that the buffer holds, values by reference included.
    pub fn memory(&self) -> usize {
        self.output.memory()
    }

    /// About how many bytes of that are the share of others, who hold the same values.
    pub fn share_of_others(&self) -> usize {
        self.output.share_of_others()
    }

    /// Gives memory back that what is left to be sent does not need.
    pub fn shrink(&mut self) {
        self.output.shrink();
    }
}

#[cfg(test)]
mod tests;
