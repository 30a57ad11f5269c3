//! A disk that fails on purpose, in debug builds: `NUTHATCH_SIMULATED_DISK="SEED [FAULT STEP]..."`.
//!
//! Steps are counted from 1, each is told on the standard error. FAULT is what happens at that of the number STEP:
//! - `eio`, `enospc`: the step fails with that error. Of what is written, half may be there before. After an fsync that has failed,
//!   what was not on the disk yet is lost in part, and another fsync does not bring it there, as with Linux.
//! - `power`: the process ends, and of what was not synced, an arbitrary part is there: whole sectors of what was written,
//!   zeros where others are missing, files under the names that they had before or under later ones. SEED decides which.
//!
//! It is more hostile than file systems are: they keep the order of names, and most keep that of what is appended.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};

use fastrand::Rng;

use super::{FileNumber, Step};

/// What is written at once, or not.
const SECTOR_BYTES: usize = 512;

/// The exit code after the power has failed.
const POWER_FAILED: i32 = 86;

static DISK: OnceLock<Option<Mutex<Disk>>> = OnceLock::new();

/// The disk, if one is simulated.
fn disk() -> Option<&'static Mutex<Disk>> {
    let parse = || {
        let wanted = env::var("NUTHATCH_SIMULATED_DISK").ok()?;
        let disk = Disk::parse(&wanted);
        if disk.is_none() {
            eprintln!("NUTHATCH_SIMULATED_DISK is to be SEED [FAULT STEP]..., and not '{wanted}'");
            process::exit(1);
        }
        disk.map(Mutex::new)
    };
    DISK.get_or_init(parse).as_ref()
}

/// Takes a step, unless it is the one that fails.
pub(super) fn take<T: Taken>(step: Step<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(disk) = disk() else { return run() };
    let mut disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
    disk.take(step, run)
}

/// As much of what is to be written as the system takes: half of it, if the rest is what fails.
pub(super) fn room(bytes: &[u8]) -> &[u8] {
    let Some(disk) = disk() else { return bytes };
    let disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
    let fails_next = matches!(disk.fault_at(disk.steps + 2), Some(Fault::Error(_)));
    if fails_next { &bytes[..bytes.len().div_ceil(2)] } else { bytes }
}

/// The number of a file that is open under this name.
pub(super) fn number_of(path: &Path) -> FileNumber {
    let Some(disk) = disk() else { return 0 };
    disk.lock().unwrap_or_else(PoisonError::into_inner).find(path).unwrap_or(0)
}

/// What a step has come to: how many bytes were written, if it is one that writes.
pub(super) trait Taken {
    fn bytes(&self) -> usize {
        0
    }
}

impl Taken for () {}

impl Taken for fs::File {}

impl Taken for usize {
    fn bytes(&self) -> usize {
        *self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The number of the system's error.
    Error(i32),
    Power,
}

/// What changes a file.
#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// What changes names.
#[derive(Debug)]
enum Naming {
    Link(PathBuf, FileNumber),
    Unlink(PathBuf),
    Directory(PathBuf),
}

impl Naming {
    fn directory(&self) -> Option<&Path> {
        let (Self::Link(path, _) | Self::Unlink(path) | Self::Directory(path)) = self;
        path.parent()
    }
}

#[derive(Debug, Default)]
struct Content {
    /// What is on the disk.
    kept: Vec<u8>,
    unsynced: Vec<Change>,
    /// How long it is, as far as the system knows.
    bytes: usize,
}

#[derive(Debug)]
struct Disk {
    /// What happens at which step.
    faults: Vec<(u64, Fault)>,
    random: Rng,
    steps: u64,
    files: Vec<Content>,
    /// What the system shows.
    names: BTreeMap<PathBuf, FileNumber>,
    /// What is on the disk.
    kept_names: BTreeMap<PathBuf, FileNumber>,
    /// Those that are not there yet; an entry for each half of a rename.
    unsynced_names: Vec<(u64, Naming)>,
}

impl Disk {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let random = Rng::with_seed(words.next()?.parse().ok()?);
        let mut faults = Vec::new();
        while let Some(name) = words.next() {
            let fault = match name {
                "eio" => Fault::Error(rustix::io::Errno::IO.raw_os_error()),
                "enospc" => Fault::Error(rustix::io::Errno::NOSPC.raw_os_error()),
                "power" => Fault::Power,
                _ => return None,
            };
            faults.push((words.next()?.parse().ok()?, fault));
        }
        Some(Self {
            faults,
            random,
            steps: 0,
            files: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
        })
    }

    fn take<T: Taken>(&mut self, step: Step<'_>, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.steps += 1;
        self.tell(&step);
        self.look_at(&step);
        match self.fault_at(self.steps) {
            Some(Fault::Power) => self.end(),
            Some(Fault::Error(number)) => {
                eprintln!("simulated disk: fails");
                if let Step::Sync(file) = step {
                    self.lose(file);
                }
                return Err(io::Error::from_raw_os_error(number));
            }
            None => {}
        }
        let taken = run()?;
        self.note(step, taken.bytes());
        Ok(taken)
    }

    fn fault_at(&self, step: u64) -> Option<Fault> {
        self.faults.iter().find(|(at, _)| *at == step).map(|(_, fault)| *fault)
    }

    fn tell(&self, step: &Step<'_>) {
        let shown = match step {
            Step::Write(file, bytes) => format!("Write({file}, {} bytes)", bytes.len()),
            other => format!("{other:?}"),
        };
        eprintln!("simulated disk: step {}: {shown}", self.steps);
    }

    /// Learns of files that were there before.
    fn look_at(&mut self, step: &Step<'_>) {
        match step {
            Step::Open(path) | Step::Create(path) | Step::Remove(path) => drop(self.find(path)),
            Step::Rename(from, to) => {
                self.find(from);
                self.find(to);
            }
            _ => {}
        }
    }

    /// The file of this name.
    fn find(&mut self, path: &Path) -> Option<FileNumber> {
        let path = whole(path);
        if let Some(number) = self.names.get(&path) {
            return Some(*number);
        }
        let kept = fs::read(&path).ok()?;
        let number = self.files.len();
        self.files.push(Content { bytes: kept.len(), kept, unsynced: Vec::new() });
        self.names.insert(path.clone(), number);
        self.kept_names.insert(path, number);
        Some(number)
    }

    /// Notes a step that was taken.
    fn note(&mut self, step: Step<'_>, written: usize) {
        match step {
            Step::Open(path) if self.names.contains_key(&whole(path)) => {}
            Step::Create(path) if self.names.contains_key(&whole(path)) => {
                let number = self.names[&whole(path)];
                self.change(number, Change::Length(0));
            }
            Step::Open(path) | Step::Create(path) => {
                self.files.push(Content::default());
                let number = self.files.len() - 1;
                self.names.insert(whole(path), number);
                self.unsynced_names.push((self.steps, Naming::Link(whole(path), number)));
            }
            Step::Write(number, bytes) => {
                let at = self.files[number].bytes;
                self.change(number, Change::Write(at, bytes[..written].to_vec()));
            }
            Step::SetLength(number, bytes) => self.change(number, Change::Length(bytes as usize)),
            Step::Sync(number) => self.files[number].sync(),
            Step::Rename(from, to) => {
                let (from, to) = (whole(from), whole(to));
                if let Some(number) = self.names.remove(&from) {
                    self.names.insert(to.clone(), number);
                    self.unsynced_names.push((self.steps, Naming::Link(to, number)));
                    self.unsynced_names.push((self.steps, Naming::Unlink(from)));
                }
            }
            Step::Remove(path) => {
                self.names.remove(&whole(path));
                self.unsynced_names.push((self.steps, Naming::Unlink(whole(path))));
            }
            Step::MakeDirectory(path) => {
                self.unsynced_names.push((self.steps, Naming::Directory(whole(path))));
            }
            Step::SyncDirectory(path) => {
                let directory = whole(path);
                for (step, naming) in std::mem::take(&mut self.unsynced_names) {
                    if naming.directory() == Some(&directory) {
                        self.keep(naming);
                    } else {
                        self.unsynced_names.push((step, naming));
                    }
                }
            }
        }
    }

    fn change(&mut self, number: FileNumber, change: Change) {
        let content = &mut self.files[number];
        content.bytes = match &change {
            Change::Write(at, bytes) => content.bytes.max(at + bytes.len()),
            Change::Length(bytes) => *bytes,
        };
        content.unsynced.push(change);
    }

    /// Brings a name to the disk.
    fn keep(&mut self, naming: Naming) {
        match naming {
            Naming::Link(path, number) => drop(self.kept_names.insert(path, number)),
            Naming::Unlink(path) => drop(self.kept_names.remove(&path)),
            Naming::Directory(_) => {}
        }
    }

    /// Leaves of what is not on the disk a part.
    fn lose(&mut self, number: FileNumber) {
        let content = &mut self.files[number];
        let most = self.random.u32(0..3);
        for change in std::mem::take(&mut content.unsynced) {
            match change {
                Change::Write(at, bytes) => {
                    let mut start = 0;
                    while start < bytes.len() {
                        let end = (start + SECTOR_BYTES - (at + start) % SECTOR_BYTES).min(bytes.len());
                        // Nothing, half or all of it.
                        if most > self.random.u32(0..2) {
                            apply(&mut content.kept, at + start, &bytes[start..end]);
                        }
                        start = end;
                    }
                }
                // It goes with what comes after it.
                Change::Length(bytes) => content.kept.resize(bytes, 0),
            }
        }
        // The length may be known where what is in it is not.
        if self.random.u32(0..4) == 0 {
            content.kept.resize(content.bytes, 0);
        }
    }

    /// Has the files be as they are after the power has failed, and ends the process.
    fn end(&mut self) -> ! {
        eprintln!("simulated disk: the power fails");
        for number in 0..self.files.len() {
            self.lose(number);
        }
        let most = self.random.u32(0..3);
        let mut gone = Vec::new();
        let mut last = None;
        for (step, naming) in std::mem::take(&mut self.unsynced_names) {
            // Both halves of a rename are there, or none, as they are in one directory here.
            let is_kept = match last {
                Some((before, is_kept)) if before == step => is_kept,
                _ => most > self.random.u32(0..2),
            };
            last = Some((step, is_kept));
            match naming {
                Naming::Directory(path) if !is_kept => gone.push(path),
                naming if is_kept => self.keep(naming),
                _ => {}
            }
        }
        for path in self.names.keys() {
            // It may be one that was there before.
            let _ = fs::remove_file(path);
        }
        for (path, number) in &self.kept_names {
            if !gone.iter().any(|directory| path.starts_with(directory)) {
                fs::write(path, &self.files[*number].kept).expect("the true disk takes what is left");
            }
        }
        for directory in gone {
            fs::remove_dir_all(directory).expect("the true disk lets a directory go");
        }
        process::exit(POWER_FAILED);
    }
}

impl Content {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Write(at, bytes) => apply(&mut self.kept, at, &bytes),
                Change::Length(bytes) => self.kept.resize(bytes, 0),
            }
        }
    }
}

fn apply(kept: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if kept.len() < end {
        kept.resize(end, 0);
    }
    kept[at..end].copy_from_slice(bytes);
}

fn whole(path: &Path) -> PathBuf {
    // "." and what is relative to it are the same directory, which does not change where this is used.
    absolute(path).map_or_else(|_| path.to_owned(), |path| path.components().collect())
}
