//! The directory of an append-only file.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nuthatch_engine::persistence::append_only::{Manifest, ManifestError, Part};

use crate::config::AppendOnlySettings;
use crate::disk::{self, DiskFile, sync_directory};
use crate::log;
use crate::persistence::load::open;

/// The longest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The directory with its manifest.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) directory: PathBuf,
    /// What the names of files begin with.
    filename: Vec<u8>,
    pub(super) manifest: Manifest,
}

/// Why a directory cannot be used.
pub(super) enum Refusal {
    /// The system does not let it.
    System(io::Error),
    /// The manifest is damaged.
    Manifest(ManifestError),
}

impl From<io::Error> for Refusal {
    fn from(problem: io::Error) -> Self {
        Self::System(problem)
    }
}

impl Files {
    /// Reads the manifest, if there is one.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub(super) fn open(settings: &AppendOnlySettings) -> Result<Self, Refusal> {
        // It stays where it is when the working directory changes.
        let directory = std::path::absolute(&settings.directory)?;
        let filename = settings.filename.clone();
        let mut files = Self { directory, filename, manifest: Manifest::default() };
        let path = files.path(&files.manifest_name());
        match open(&path) {
            Ok((_, bytes)) if bytes > MANIFEST_BYTES_MAX => {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
            }
            Ok((mut file, _)) => {
                let mut text = Vec::new();
                file.read_to_end(&mut text)?;
                files.manifest = Manifest::parse(&text).map_err(Refusal::Manifest)?;
            }
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
            Err(problem) => return Err(problem.into()),
        }
        Ok(files)
    }

    /// Whether a server that starts now would look for the files elsewhere.
    pub(super) fn is_elsewhere(&self, settings: &AppendOnlySettings) -> io::Result<bool> {
        Ok(self.directory != std::path::absolute(&settings.directory)?)
    }

    /// Makes the directory, if it is not there.
    pub(super) fn make_directory(&self) -> io::Result<()> {
        match disk::make_directory(&self.directory) {
            Ok(()) => self.directory.parent().map_or(Ok(()), sync_directory),
            Err(problem) if problem.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// The path of a file of this name.
    pub(super) fn path(&self, name: &[u8]) -> PathBuf {
        self.directory.join(std::ffi::OsStr::from_bytes(name))
    }

    /// The name of the single file that versions before 7.0 of Redis wrote.
    pub(super) fn old_name(&self) -> &[u8] {
        &self.filename
    }

    pub(super) fn manifest_name(&self) -> Vec<u8> {
        [&self.filename[..], b".manifest"].concat()
    }

    /// The name of a new base.
    pub(super) fn next_base(&self, is_rdb: bool) -> Part {
        let suffix = if is_rdb { "rdb" } else { "aof" };
        self.next(self.manifest.next_base(), &format!("base.{suffix}"))
    }

    /// The name of a new incremental file.
    pub(super) fn next_increment(&self) -> Part {
        self.next(self.manifest.next_increment(), "incr.aof")
    }

    /// The first file from a number on that is not mentioned: whoever has written the manifest may have named files as they
    /// liked.
    fn next(&self, first: u64, suffix: &str) -> Part {
        let mut sequence = first;
        loop {
            let name = self.name(&format!(".{sequence}.{suffix}"));
            if !self.manifest.mentions(&name) {
                return Part { name, sequence };
            }
            sequence = sequence.saturating_add(1);
        }
    }

    /// The name of the incremental file while there is no base yet.
    pub(super) fn first_increment(&self) -> Vec<u8> {
        [b"temp-", &self.filename[..], b".incr"].concat()
    }

    /// The name of a base that is being written.
    pub(super) fn temporary_base() -> Vec<u8> {
        format!("temp-rewriteaof-bg-{}.aof", std::process::id()).into_bytes()
    }

    fn name(&self, suffix: &str) -> Vec<u8> {
        [&self.filename[..], suffix.as_bytes()].concat()
    }

    /// Makes an empty file.
    pub(super) fn create(&self, name: &[u8]) -> io::Result<DiskFile> {
        let file = DiskFile::open_or_create(&self.path(name))?;
        file.set_len(0)?;
        sync_directory(&self.directory)?;
        Ok(file)
    }

    /// Opens a file at its end.
    pub(super) fn open_at_end(&self, part: &Part) -> io::Result<DiskFile> {
        DiskFile::open(&self.path(&part.name))
    }

    /// Gives a file another name, under which it is to be found after a crash, too.
    pub(super) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        disk::rename(&self.path(from), &self.path(to))?;
        sync_directory(&self.directory)
    }

    /// Makes a manifest the one that counts.
    pub(super) fn commit(&mut self, manifest: Manifest) -> io::Result<()> {
        let name = self.manifest_name();
        let temporary = [b"temp-", &name[..]].concat();
        let written = write_new(&self.path(&temporary), manifest.to_string().as_bytes());
        if let Err(problem) = written.and_then(|()| self.rename(&temporary, &name)) {
            // It may not have been made.
            let _ = remove(&self.path(&temporary));
            return Err(problem);
        }
        self.manifest = manifest;
        Ok(())
    }

    /// Whether these are files with nothing in them.
    pub(super) fn are_empty(&self, parts: &[&Part]) -> bool {
        parts.iter().all(|part| {
            fs::metadata(self.path(&part.name))
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
        })
    }

    /// The length of all files that count.
    pub(super) fn bytes(&self) -> u64 {
        let length = |part: &Part| fs::metadata(self.path(&part.name)).map_or(0, |metadata| metadata.len());
        self.manifest.parts().map(length).sum()
    }

    /// Removes the files that are history, and then their mention.
    pub(super) fn remove_history(&mut self) -> io::Result<()> {
        if self.manifest.history.is_empty() {
            return Ok(());
        }
        for part in &self.manifest.history {
            if self.manifest.parts().any(|counting| counting.name == part.name) {
                continue;
            }
            log::notice!("Removing the history file {} in the background", part.shown());
            remove(&self.path(&part.name))?;
        }
        self.commit(Manifest { history: Vec::new(), ..self.manifest.clone() })
    }

    /// Removes what a server has left that ended while it wrote: files under temporary names, and those that it had not
    /// yet mentioned in the manifest.
    pub(super) fn remove_remains(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let name = entry?.file_name().into_vec();
            let is_base = name.starts_with(b"temp-rewriteaof-bg-") && name.ends_with(b".aof");
            let is_manifest = name.strip_prefix(b"temp-") == Some(&self.manifest_name()[..]);
            let is_temporary = is_base || is_manifest || name == self.first_increment();
            if is_temporary && !self.manifest.mentions(&name) {
                remove(&self.path(&name))?;
            }
        }
        for part in [self.next_base(true), self.next_base(false)] {
            remove(&self.path(&part.name))?;
        }
        let increment = self.path(&self.next_increment().name);
        match fs::metadata(&increment) {
            Ok(metadata) if metadata.len() == 0 => remove(&increment),
            _ => Ok(()),
        }
    }
}

/// Writes a file, and brings it to the disk.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = DiskFile::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match disk::remove_file(path) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => Err(problem),
        _ => Ok(()),
    }
}
