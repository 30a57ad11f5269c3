//! Streams of keys.

use nuthatch_collections::Stream;
use nuthatch_collections::collection::Collection;
use nuthatch_collections::entry::NewPayload;

use super::Key;
use super::locked::Keys;
use super::strings::NewDeadline;
use crate::error::CommandError;
use crate::value::stream::stream_of;
use crate::value::{Kind, Type};

impl Keys<'_> {
    /// Looks a stream up for a command that reads it.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn read_stream(&mut self, key: &Key<'_>) -> Result<Option<&Stream>, CommandError> {
        Ok(self.read_as(key, Type::Stream)?.and_then(stream_of))
    }

    /// Looks a stream up without a trace.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn peek_stream(&self, key: &Key<'_>) -> Result<Option<&Stream>, CommandError> {
        Ok(self.peek_as(key, Type::Stream)?.and_then(stream_of))
    }

    /// Looks a stream up for a command that changes it.
    ///
    /// # Errors
    /// The key holds a value of another type.
    #[inline]
    pub fn change_stream(&mut self, key: &Key<'_>) -> Result<Option<&mut Stream>, CommandError> {
        let slot = self.change_as(key, Type::Stream)?;
        Ok(slot.and_then(|slot| match slot.into_collection_mut() {
            Some(Collection::Stream(stream)) => Some(&mut **stream),
            _ => None,
        }))
    }

    /// Looks at a stream that is about to be changed by a command of which it is an event that there is no such key.
    ///
    /// # Errors
    /// The key holds a value of another type.
    pub fn seek_stream(&mut self, key: &Key<'_>) -> Result<Option<&Stream>, CommandError> {
        if !self.contains(key) {
            self.note_miss(key);
        }
        self.peek_stream(key)
    }

    /// Makes a key a stream, whatever it held before. Nobody is told: see [`Self::note`].
    pub fn put_stream(&mut self, key: &Key<'_>, stream: Stream) {
        let payload = NewPayload::Collection(Box::new(Collection::Stream(Box::new(stream))));
        self.put(key, Kind::Stream, payload, NewDeadline::Clear);
    }
}
