//! The file that effects go to: written, and brought to the disk.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use super::COMPLAINT_INTERVAL;
use crate::config::system_text;
use crate::disk::DiskFile;
use crate::log;

/// Buffers above this are given back, in bytes.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where effects go.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The file, if there is one.
    pub(super) file: Option<Arc<DiskFile>>,
    /// Its length, as far as it is whole.
    pub(super) bytes: u64,
    /// What is to be written next.
    pub(super) unwritten: Vec<u8>,
    /// Up to where all was written, in bytes since the server started.
    pub(super) position: u64,
    /// Files before that, parts of which may not be on the disk. Nothing goes to the file before they are: what is in it
    /// counts only after them.
    pub(super) superseded: Vec<Arc<DiskFile>>,
    /// When the log told last that something was written in part only.
    complained: Option<Instant>,
}

impl Output {
    /// Writes what is unwritten. What was written in part is taken back.
    ///
    /// # Errors
    /// The file does not take it.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let Some(file) = self.file.clone() else {
            self.skip();
            return Ok(());
        };
        let mut written = 0;
        let outcome = loop {
            let rest = &self.unwritten[written..];
            if rest.is_empty() {
                break Ok(());
            }
            match (&*file).write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => written += bytes,
                Err(problem) if problem.kind() == io::ErrorKind::Interrupted => {}
                Err(problem) => break Err(problem),
            }
        };
        if outcome.is_err() && written > 0 {
            if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
                self.complained = Some(Instant::now());
                let expected = self.unwritten.len();
                log::warning!(
                    "Short write while writing to the AOF file: (nwritten={written}, expected={expected})"
                );
            }
            match file.set_len(self.bytes) {
                Ok(()) => written = 0,
                Err(problem) => log::warning!(
                    "Could not remove short write from the append-only file. The server may refuse to load the AOF the \
                     next time it starts. ftruncate: {}",
                    system_text(&problem)
                ),
            }
        }
        self.bytes += written as u64;
        self.position += written as u64;
        self.unwritten.drain(..written);
        if self.unwritten.is_empty() && self.unwritten.capacity() > KEPT_BYTES_MAX {
            self.unwritten = Vec::new();
        }
        outcome
    }

    /// Leaves out what is unwritten: it is in what is about to be written otherwise.
    pub(super) fn skip(&mut self) {
        self.position += self.unwritten.len() as u64;
        self.unwritten.clear();
    }

    /// Whether nothing may be written yet.
    pub(super) fn waits_for_files_before(&self) -> bool {
        !self.superseded.is_empty()
    }

    /// The files that have to be synced so that all is on the disk that was written.
    pub(super) fn files(&self) -> Vec<Arc<DiskFile>> {
        self.superseded.iter().chain(&self.file).cloned().collect()
    }

    /// All of these files is on the disk that was written before they were asked for.
    pub(super) fn note_synced(&mut self, files: &[Arc<DiskFile>]) {
        self.superseded.retain(|file| !files.iter().any(|synced| Arc::ptr_eq(synced, file)));
    }

    /// Goes on with another file, which is empty.
    pub(super) fn turn_to(&mut self, file: Arc<DiskFile>) {
        self.superseded.extend(self.file.replace(file));
        self.bytes = 0;
    }
}
