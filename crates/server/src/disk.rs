//! Files that must outlive the power: every step of writing one is taken here.
//!
//! A file is on the disk once it was synced, and under its name once the directory was. Debug builds can be told to have a
//! step fail, or the power with it ([`simulated`]), which is how tests see what is left then.

#[cfg(debug_assertions)]
mod simulated;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZero;
use std::path::Path;

use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;

/// A step that changes what is on the disk, or sees to it that it stays.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(debug_assertions), expect(dead_code, reason = "only the simulation looks at it"))]
enum Step<'s> {
    /// A file is opened to be written, and made if it is not there.
    Open(&'s Path),
    /// A file is opened to be written, and made empty.
    Create(&'s Path),
    Write(FileNumber, &'s [u8]),
    SetLength(FileNumber, u64),
    Sync(FileNumber),
    Rename(&'s Path, &'s Path),
    Remove(&'s Path),
    MakeDirectory(&'s Path),
    SyncDirectory(&'s Path),
}

/// A file's number in the simulation.
type FileNumber = usize;

/// Takes a step.
#[cfg(not(debug_assertions))]
fn take<T>(_: Step<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    run()
}

/// As much of what is to be written as the system takes.
#[cfg(not(debug_assertions))]
fn room(bytes: &[u8]) -> &[u8] {
    bytes
}

#[cfg(debug_assertions)]
use simulated::{room, take};

/// A file that is open to be written.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    number: FileNumber,
}

impl DiskFile {
    /// Makes an empty file, or makes one empty.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        take(Step::Create(path), || File::create(path)).map(|file| Self::new(file, path))
    }

    /// Opens a file at its end, and makes it if it is not there.
    pub(crate) fn open_or_create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        take(Step::Open(path), || options.open(path)).map(|file| Self::new(file, path))
    }

    /// Opens a file at its end.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        take(Step::Open(path), || OpenOptions::new().append(true).open(path))
            .map(|file| Self::new(file, path))
    }

    #[cfg(not(debug_assertions))]
    fn new(file: File, _: &Path) -> Self {
        Self { file, number: 0 }
    }

    #[cfg(debug_assertions)]
    fn new(file: File, path: &Path) -> Self {
        Self { file, number: simulated::number_of(path) }
    }

    /// What only looks at it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Cuts it off.
    pub(crate) fn set_len(&self, bytes: u64) -> io::Result<()> {
        take(Step::SetLength(self.number, bytes), || self.file.set_len(bytes))
    }

    /// Brings it to the disk, with all that is known about it.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        take(Step::Sync(self.number), || self.file.sync_all())
    }

    /// Brings what is in it to the disk.
    pub(crate) fn sync_data(&self) -> io::Result<()> {
        take(Step::Sync(self.number), || self.file.sync_data())
    }
}

impl Write for &DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = room(bytes);
        take(Step::Write(self.number, bytes), || (&self.file).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much is written before it is brought to the disk.
const UNSYNCED_BYTES_MAX: u64 = 256 * 1024;

/// A file that is brought to the disk while it is written: what is left for the end is little, and the system does not have
/// to write all of it at once.
#[derive(Debug)]
pub(crate) struct Steadily<'f> {
    file: &'f DiskFile,
    is_wanted: bool,
    /// Up to where the system has begun to write it.
    begun: u64,
    unsynced: u64,
}

impl<'f> Steadily<'f> {
    /// Does so, or not.
    pub(crate) fn new(file: &'f DiskFile, is_wanted: bool) -> Self {
        Self { file, is_wanted, begun: 0, unsynced: 0 }
    }
}

impl Write for Steadily<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file;
        let written = file.write(bytes)?;
        self.unsynced += written as u64;
        if self.is_wanted && self.unsynced >= UNSYNCED_BYTES_MAX {
            // The system begins to write what it does not need. It need not know how.
            let _ = fadvise(&self.file.file, self.begun, NonZero::new(self.unsynced), Advice::DontNeed);
            self.begun += self.unsynced;
            self.unsynced = 0;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Brings a file to the disk that others have written.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    DiskFile::new(File::open(path)?, path).sync_all()
}

/// Gives a file another name, whose file before goes.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    take(Step::Rename(from, to), || fs::rename(from, to))
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    take(Step::Remove(path), || fs::remove_file(path))
}

/// Makes a directory.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    take(Step::MakeDirectory(path), || fs::create_dir(path))
}

/// Brings the names in a directory to the disk. Where the file system does not know such a thing, they are there already, or
/// cannot be brought there.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let synced = take(Step::SyncDirectory(path), || File::open(path)?.sync_all());
    match synced.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(number)) if [Errno::INVAL, Errno::BADF].map(Errno::raw_os_error).contains(&number) => Ok(()),
        _ => synced,
    }
}
