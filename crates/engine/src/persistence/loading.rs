//! From the parts of a file to the keyspace.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nuthatch_collections::table::pin;

use crate::Engine;
use crate::access::AccessPolicy;
use crate::error::CommandError;
use crate::keyspace::Key;
use crate::rdb::build;
use crate::rdb::file::{Batch, FileEntry, FileError, Problem};
use crate::scripts::{Library, Policy, load_library, with_interpreter};

/// Entries of which the buckets are asked for together.
const AHEAD: usize = 32;

impl Engine {
    /// Decodes the entries of a batch and gives the keys their values. Many threads can do so at once, in any order: no
    /// key is in a file twice.
    ///
    /// # Errors
    /// An entry cannot be decoded, a key is there already, or loading was cancelled. What was before it stays.
    pub fn load_entries(&self, batch: &Batch) -> Result<(), FileError> {
        let now_ms = self.now_ms();
        let policy = self.settings.access_policy(now_ms);
        let mut entries = batch.entries();
        let mut window: Vec<(FileEntry<'_>, Cow<'_, [u8]>, u64)> = Vec::with_capacity(AHEAD);
        let pin = pin();
        let (mut end, mut counted) = (0, 0);
        let mut count = |end: u64| {
            let loaded = end - std::mem::replace(&mut counted, end);
            self.persistence.loading.bytes_loaded.fetch_add(loaded, Ordering::Relaxed);
        };
        while entries.len() > 0 {
            for entry in entries.by_ref().take(AHEAD) {
                let key = entry.key()?;
                let hash = self.keyspace.hash(&key);
                self.keyspace.prefetch_bucket(&pin, entry.database(), hash);
                window.push((entry, key, hash));
            }
            for (entry, key, hash) in window.drain(..) {
                let key = Key { bytes: &key, hash, database: entry.database() };
                self.load_entry(entry, &key, policy)?;
                end = entry.end();
            }
            count(end);
        }
        count(batch.len_bytes());
        Ok(())
    }

    fn load_entry(&self, entry: FileEntry<'_>, key: &Key<'_>, policy: AccessPolicy) -> Result<(), FileError> {
        let loading = &self.persistence.loading;
        if loading.is_cancelled() {
            return Err(entry.error(0, Problem::Cancelled));
        }
        let moment = if loading.keeps_expired.load(Ordering::Relaxed) { 0 } else { policy.now_ms };
        let is_past = entry.deadline().is_some_and(|deadline| deadline <= moment);
        let value = if is_past { None } else { entry.value()? };
        let was_empty = !is_past && value.is_none();
        let counter = match value.and_then(|value| value.live_at(moment)) {
            Some(value) => {
                let access = entry.last_use().and_then(|last_use| policy.field_of(last_use));
                let access = access.unwrap_or_else(|| policy.initial());
                let is_new = build(value, &self.settings.encodings, |kind, payload| {
                    self.keyspace.load(key, kind, payload, entry.deadline(), access, policy.now_ms)
                });
                if !is_new {
                    return Err(entry.error(0, Problem::SameKey));
                }
                &loading.keys
            }
            None if was_empty => &loading.keys_empty,
            None => &loading.keys_expired,
        };
        let number = counter.fetch_add(1, Ordering::Relaxed);
        match loading.delay_us.load(Ordering::Relaxed) {
            0 => {}
            delay @ 1.. => self.host.sleep(Duration::from_micros(delay.unsigned_abs())),
            keys if number.is_multiple_of(keys.unsigned_abs()) => self.host.sleep(Duration::from_micros(1)),
            _ => {}
        }
        Ok(())
    }

    /// Adds a library of functions, of which the text is at an offset in a file.
    ///
    /// # Errors
    /// It is no such text, or a library or a function has the name of another one.
    pub fn load_library(&self, text: &[u8], offset: u64) -> Result<(), FileError> {
        let library = self.read_library(text, offset)?;
        self.add_libraries(vec![library], Policy::Append, offset)
    }

    /// Compiles a library of functions, of which the text is at an offset in a file.
    ///
    /// # Errors
    /// It is no such text.
    pub(crate) fn read_library(&self, text: &[u8], offset: u64) -> Result<Library, FileError> {
        let read = with_interpreter(|thread| load_library(thread, text));
        read.map(|(name, functions)| Library::new(name, text, &functions))
            .map_err(|error| of_library(&error, offset))
    }

    /// Adds libraries of a file.
    ///
    /// # Errors
    /// A library or a function has the name of another one.
    pub(crate) fn add_libraries(
        &self,
        libraries: Vec<Library>,
        policy: Policy,
        offset: u64,
    ) -> Result<(), FileError> {
        self.scripts.libraries.add(libraries, policy).map_err(|error| of_library(&error, offset))
    }
}

fn of_library(error: &CommandError, offset: u64) -> FileError {
    FileError {
        offset,
        reading: "a library of functions".to_owned(),
        problem: Problem::Library(String::from_utf8_lossy(without_code(error.text())).into_owned()),
    }
}

/// The text of an error without the code before it.
fn without_code(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"ERR ").unwrap_or(text)
}
