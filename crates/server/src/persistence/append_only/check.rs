//! `nuthatch check-aof`, also under the name `redis-check-aof`: whether an append-only file can be loaded; shortens one that
//! is damaged at its end. The texts are those of the stock tool.

mod commands;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nuthatch_engine::persistence::append_only::{Manifest, Part};

use self::commands::{Outcome, Scan, scan};
use super::loading::begins_with_data_set;
use crate::config::system_text;
use crate::disk::DiskFile;
use crate::persistence::check::check_base;
use crate::persistence::load::open;
use crate::version;

/// The name of the stock tool.
const STOCK_NAME: &str = "redis-check-aof";

/// The longest manifest that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The arguments behind what asks for a check; nothing if the process was started for something else.
pub(crate) fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    let program = PathBuf::from(arguments.next()?);
    if program.file_name().is_some_and(|name| name == STOCK_NAME) {
        return Some(arguments.collect());
    }
    arguments.next().filter(|first| first == "check-aof").map(|_| arguments.collect())
}

/// Checks the file that the arguments name.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let usage = || {
        println!("Usage: {STOCK_NAME} [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>");
        ExitCode::FAILURE
    };
    let mut checker = Checker { mode: Mode::Look, line: 1 };
    let path = match arguments {
        [name] if name == "-v" || name == "--version" => {
            println!("{}", version::version_line());
            return ExitCode::SUCCESS;
        }
        [path] => path,
        [option, path] if option == "--fix" => {
            checker.mode = Mode::Fix;
            path
        }
        [option, time, path] if option == "--truncate-to-timestamp" => {
            let Some(time) = time.to_str().and_then(|time| time.parse().ok()) else {
                println!("Invalid timestamp, aborting...");
                return ExitCode::FAILURE;
            };
            checker.mode = Mode::TruncateTo(time);
            path
        }
        _ => return usage(),
    };
    let path = Path::new(path);
    match checker.check(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Bad::Told) => ExitCode::FAILURE,
        Err(Bad::System(problem)) => {
            println!("Cannot open file {}: {}", path.display(), system_text(&problem));
            ExitCode::FAILURE
        }
    }
}

/// What is done with what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Look,
    /// A damaged end is cut off, if somebody agrees.
    Fix,
    /// What was appended later is cut off.
    TruncateTo(u64),
}

/// Why it is not in order.
enum Bad {
    /// That was told.
    Told,
    System(io::Error),
}

impl From<io::Error> for Bad {
    fn from(problem: io::Error) -> Self {
        Self::System(problem)
    }
}

struct Checker {
    mode: Mode,
    /// The line of all files together, from 1.
    line: u64,
}

impl Checker {
    fn check(&mut self, path: &Path) -> Result<(), Bad> {
        let is_manifest = match fs::metadata(path)? {
            metadata if metadata.len() > MANIFEST_BYTES_MAX => false,
            _ => {
                path.extension().is_some_and(|extension| extension == "manifest")
                    || looks_like_manifest(path)?
            }
        };
        if is_manifest { self.check_all(path) } else { self.check_single(path) }
    }

    fn check_single(&mut self, path: &Path) -> Result<(), Bad> {
        println!("Start checking Old-Style AOF");
        let name = path.display().to_string();
        if self.check_file(path, &name, true, None)? {
            println!("AOF {name} is valid");
        }
        Ok(())
    }

    fn check_all(&mut self, path: &Path) -> Result<(), Bad> {
        println!("Start checking Multi Part AOF");
        let manifest = Manifest::parse(&fs::read(path)?).map_err(|error| {
            println!("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
            println!("Reading the manifest file, at line {}\n", error.line);
            println!(">>> '{}'\n", error.text);
            println!("{}\n", error.reason);
            Bad::Told
        })?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parts: Vec<_> = manifest.parts().collect();
        let path_of = |part: &Part| directory.join(OsStr::from_bytes(&part.name));
        for (number, part) in parts.iter().enumerate() {
            let (path, name) = (path_of(part), part.shown());
            let is_base = number == 0 && manifest.base.is_some();
            let kind = if is_base { "BASE" } else { "INCR" };
            if number == usize::from(manifest.base.is_some()) {
                println!("Start to check INCR files.");
            }
            match open(&path) {
                Ok(_) => {}
                // As the stock tool has it.
                Err(problem) if is_base => {
                    println!("Cannot open file {}: {}", path.display(), system_text(&problem));
                    return Err(Bad::Told);
                }
                Err(problem) => return Err(unreadable(&path, &problem)),
            }
            if is_base {
                let is_rdb = begins_with_data_set(&path).map_err(|problem| unreadable(&path, &problem))?;
                let format = if is_rdb { "RDB" } else { "RESP" };
                println!("Start to check BASE AOF ({format} format).");
            }
            let is_empty =
                |part: &&Part| fs::metadata(path_of(part)).is_ok_and(|metadata| metadata.len() == 0);
            // A rewrite makes the next one before anything goes there.
            let is_last = parts[number + 1..].iter().all(is_empty);
            match self.check_file(&path, &name, is_last, Some(kind)) {
                Ok(true) => println!("{kind} AOF {name} is valid"),
                Ok(false) => {}
                Err(Bad::System(problem)) => return Err(unreadable(&path, &problem)),
                Err(told) => return Err(told),
            }
        }
        println!("All AOF files and manifest are valid");
        Ok(())
    }

    /// Checks a file. Says whether it is valid as it was; it may have been shortened, or be empty.
    fn check_file(
        &mut self,
        path: &Path,
        name: &str,
        is_last: bool,
        kind: Option<&str>,
    ) -> Result<bool, Bad> {
        let size = fs::metadata(path)?.len();
        if size == 0 {
            match kind {
                Some(kind) => println!("{kind} AOF {name} is empty"),
                None => println!("AOF {name} is empty"),
            }
            return Ok(false);
        }
        let mut offset = 0;
        if begins_with_data_set(path)? {
            let Some(end) = check_base(path)? else {
                println!("RDB preamble of AOF file is not sane, aborting.");
                return Err(Bad::Told);
            };
            println!("RDB preamble is OK, proceeding with AOF tail...");
            offset = end;
        }
        let until = match self.mode {
            Mode::TruncateTo(time) => Some(time),
            Mode::Look | Mode::Fix => None,
        };
        let Scan { whole, line, outcome } = scan(File::open(path)?, offset, size, self.line, until)?;
        self.line = line;
        match (outcome, until) {
            (Outcome::Later(at), Some(time)) => return truncate_to(path, name, at, time, is_last),
            (Outcome::Whole, Some(time)) => println!("Truncate nothing in AOF {name} to timestamp {time}"),
            (Outcome::Format, _) => println!("AOF {name} format error"),
            (Outcome::End, _) => {}
            (Outcome::Error { at, text }, _) if text.starts_with("Unexpected ") => {
                println!("0x{at:16x}: {text} in AOF {}", path.display());
            }
            (Outcome::Error { at, text }, _) => println!("0x{at:16x}: {text}"),
            (Outcome::Whole | Outcome::Later(_), None) => {}
        }
        let surplus = size - whole;
        if until.is_none() || surplus > 0 {
            println!(
                "AOF analyzed: filename={name}, size={size}, ok_up_to={whole}, ok_up_to_line={line}, diff={surplus}"
            );
        }
        if surplus == 0 {
            return Ok(true);
        }
        if self.mode != Mode::Fix {
            println!("AOF {name} is not valid. Use the --fix option to try fixing it.");
            return Err(Bad::Told);
        }
        if !is_last {
            println!("Failed to truncate AOF {name} because it is not the last file");
            return Err(Bad::Told);
        }
        println!("This will shrink the AOF {name} from {size} bytes, with {surplus} bytes, to {whole} bytes");
        print!("Continue? [y/N]: ");
        io::stdout().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if !answer.starts_with(['y', 'Y']) {
            println!("Aborting...");
            return Err(Bad::Told);
        }
        truncate(path, name, whole)?;
        println!("Successfully truncated AOF {name}");
        Ok(false)
    }
}

/// Tells that a file cannot be read.
fn unreadable(path: &Path, problem: &io::Error) -> Bad {
    println!("Cannot open file {}: {}, aborting...", path.display(), system_text(problem));
    Bad::Told
}

fn truncate_to(path: &Path, name: &str, at: u64, time: u64, is_last: bool) -> Result<bool, Bad> {
    if at == 0 {
        println!("AOF {} has nothing before timestamp {time}, aborting...", path.display());
        return Err(Bad::Told);
    }
    if !is_last {
        println!(
            "Failed to truncate AOF {} to timestamp {time} to offset {at} because it is not the last file.",
            path.display()
        );
        println!(
            "If you insist, please delete all files after this file according to the manifest file and delete the \
             corresponding records in manifest file manually. Then re-run {STOCK_NAME}."
        );
        return Err(Bad::Told);
    }
    truncate(path, name, at)?;
    println!("Successfully truncated AOF {name} to timestamp {time}");
    Ok(false)
}

fn truncate(path: &Path, name: &str, bytes: u64) -> Result<(), Bad> {
    let truncated = DiskFile::open(path).and_then(|file| {
        file.set_len(bytes)?;
        file.sync_all()
    });
    truncated.map_err(|_| {
        println!("Failed to truncate AOF {name}");
        Bad::Told
    })
}

/// Whether the first line is one of a manifest.
fn looks_like_manifest(path: &Path) -> io::Result<bool> {
    use std::io::Read;
    let mut head = Vec::new();
    open(path)?.0.take(5).read_to_end(&mut head)?;
    Ok(head == b"file ")
}
