//! Changes of strings: set as a whole, or spliced.

use std::sync::Arc;

use nuthatch_collections::entry::{Entry, INLINE_MAX, NewPayload, Payload, RecordMut};

use super::eviction::adaptive::{note_creation, note_use};
use super::locked::{Keys, is_live};
use super::{Database, Key};
use crate::effect::Change;
use crate::value::{Kind, string};

/// What becomes of a key's deadline when its value is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewDeadline {
    /// It stays as it is.
    Keep,
    /// There is none any more.
    Clear,
    /// It is this, in milliseconds since 1970.
    At(u64),
}

impl Keys<'_> {
    /// Sets a key to a string, in the encoding that suits it.
    #[inline]
    pub fn set_string(&mut self, key: &Key<'_>, value: &[u8], deadline: NewDeadline, event: &'static str) {
        let (kind, payload) = string::encode(value);
        self.set_payload(key, kind, payload, deadline, event);
    }

    /// Sets a key to a string that is kept as text even if it spells a number.
    pub fn set_text(&mut self, key: &Key<'_>, value: &[u8], deadline: NewDeadline, event: &'static str) {
        let (kind, payload) = string::encode_text(value);
        self.set_payload(key, kind, payload, deadline, event);
    }

    /// Sets a key to a string that was computed: it counts as text that was changed in part.
    pub fn set_raw_string(
        &mut self,
        key: &Key<'_>,
        mut value: Vec<u8>,
        deadline: NewDeadline,
        event: &'static str,
    ) {
        let payload = raw_payload(&mut value);
        self.set_payload(key, Kind::StringRaw, payload, deadline, event);
    }

    /// Sets a key to a number.
    pub fn set_integer(&mut self, key: &Key<'_>, value: i64, deadline: NewDeadline, event: &'static str) {
        self.set_payload(key, Kind::StringInteger, NewPayload::Int(value), deadline, event);
    }

    fn set_payload(
        &mut self,
        key: &Key<'_>,
        kind: Kind,
        payload: NewPayload<'_>,
        deadline: NewDeadline,
        event: &'static str,
    ) {
        if deadline == NewDeadline::Keep
            && event == "set"
            && let Some(before) = self.peek(key).map(|record| Kind::of(record.kind()))
        {
            self.notify_of_overwriting(key, before, kind);
        }
        self.put(key, kind, payload, deadline);
        self.append_put(key, event);
        if matches!(deadline, NewDeadline::At(_)) {
            self.append_event(key, "expire");
        }
    }

    /// Replaces the number in a record that is known to hold one, in place; other records are set anew.
    pub fn update_integer(&mut self, key: &Key<'_>, value: i64, event: &'static str) {
        let now_ms = self.now_ms;
        let access = self.access;
        let database = self.database(key);
        let residents = database.residents(access);
        let Database { table, learner, .. } = database;
        let in_place = match table.find_mut(key.hash, key.bytes) {
            Some(mut slot) if is_live(slot.get(), now_ms) => {
                note_use(&mut slot.get_mut(), access, learner, residents);
                slot.get_mut().overwrite(Kind::StringInteger as u8, &NewPayload::Int(value))
            }
            _ => false,
        };
        if in_place {
            self.append_put(key, event);
        } else {
            self.set_integer(key, value, NewDeadline::Keep, event);
        }
    }

    /// Keeps a string as text that counts as changed in part. Its value stays, so this is no effect.
    pub fn make_raw(&mut self, key: &Key<'_>) {
        if let Some(mut slot) = self.database(key).table.find_mut(key.hash, key.bytes)
            && slot.get().kind() != Kind::StringRaw as u8
        {
            let mut text = spliced(slot.get().payload(), 0, &[]);
            slot.with_payload(Kind::StringRaw as u8, raw_payload(&mut text));
        }
    }

    /// Writes `bytes` into the string at `offset`, filling a gap with zeros and making the key if there is
    /// none; the deadline stays. Returns the string's length. The caller has checked the length's limit.
    pub fn splice(&mut self, key: &Key<'_>, offset: usize, bytes: &[u8], event: &'static str) -> usize {
        self.remove_if_expired(key);
        let access = self.access;
        let database = self.database(key);
        let residents = database.residents(access);
        let Database { table, learner, .. } = database;
        let (length, replaced) = match table.find_mut(key.hash, key.bytes) {
            None => {
                let mut text = spliced(Payload::Inline(&[]), offset, bytes);
                let length = text.len();
                let payload = raw_payload(&mut text);
                let mut entry = Entry::new(key.bytes, Kind::StringRaw as u8, None, payload);
                note_creation(&mut entry.as_mut(), access, learner, residents, key.hash);
                table.insert(key.hash, entry);
                self.notify(key, "new");
                (length, None)
            }
            Some(mut slot) => {
                note_use(&mut slot.get_mut(), access, learner, residents);
                match splice_in_place(&mut slot.get_mut(), offset, bytes) {
                    Some(length) => (length, None),
                    None => {
                        let mut text = spliced(slot.get().payload(), offset, bytes);
                        let length = text.len();
                        (length, slot.with_payload(Kind::StringRaw as u8, raw_payload(&mut text)))
                    }
                }
            }
        };
        if let Some(entry) = replaced {
            self.discard(entry);
        }
        if bytes.is_empty() {
            // Whether there was a gap cannot be seen from what was written.
            self.append_put(key, event);
        } else {
            self.append_effect(key, event, Change::Splice { offset, bytes });
        }
        length
    }
}

/// A text that fits stays in the record; another one is taken over.
fn raw_payload(text: &mut Vec<u8>) -> NewPayload<'_> {
    if text.len() <= INLINE_MAX {
        NewPayload::Inline(text)
    } else {
        NewPayload::Shared(Arc::new(std::mem::take(text)))
    }
}

/// Splices without a new allocation of the record, if that can be.
fn splice_in_place(record: &mut RecordMut<'_>, offset: usize, bytes: &[u8]) -> Option<usize> {
    let end = offset + bytes.len();
    let length = if let Some(text) = record.inline_mut() {
        text.get_mut(offset..end)?.copy_from_slice(bytes);
        text.len()
    } else {
        // Copies the text only if an output buffer still refers to it.
        let text = Arc::make_mut(record.shared_mut()?);
        if text.len() < end {
            text.resize(end, 0);
        }
        text[offset..end].copy_from_slice(bytes);
        text.len()
    };
    record.set_kind(Kind::StringRaw as u8);
    Some(length)
}

/// The text with `bytes` written at `offset`.
fn spliced(payload: Payload<'_>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let digits;
    let text: &[u8] = match payload {
        Payload::Int(number) => {
            digits = number.to_string();
            digits.as_bytes()
        }
        Payload::Inline(text) => text,
        Payload::Shared(text) => text,
        Payload::Collection(_) => &[],
    };
    let end = offset + bytes.len();
    // Memory that is allocated as zeros is not touched until it is used: a far offset costs little.
    let mut spliced = vec![0; text.len().max(end)];
    spliced[..text.len()].copy_from_slice(text);
    spliced[offset..end].copy_from_slice(bytes);
    spliced
}
