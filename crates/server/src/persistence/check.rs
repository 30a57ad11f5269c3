//! `nuthatch check-rdb`, also under the name `redis-check-rdb`: whether a file can be loaded, and what is in it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use nuthatch_engine::rdb::Value;
use nuthatch_engine::rdb::file::{Checked, FileEntry, FileError, Part, Problem, ScanOptions, Scanner};

use crate::version;

/// The name of the stock tool.
const STOCK_NAME: &str = "redis-check-rdb";

/// The arguments behind what asks for a check; nothing if the process was started for something else.
pub(crate) fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> Option<Vec<OsString>> {
    let mut arguments = arguments.into_iter();
    let program = PathBuf::from(arguments.next()?);
    if program.file_name().is_some_and(|name| name == STOCK_NAME) {
        return Some(arguments.collect());
    }
    arguments.next().filter(|first| first == "check-rdb").map(|_| arguments.collect())
}

/// Checks the file that the arguments name.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let [name] = arguments else {
        eprintln!("Usage: {STOCK_NAME} <rdb-file-name>");
        return ExitCode::FAILURE;
    };
    if name == "-v" || name == "--version" {
        println!("{}", version::version_line());
        return ExitCode::SUCCESS;
    }
    let mut report = Report { out: io::stdout().lock(), figures: Figures::default() };
    // Whoever closes the pipe early has read enough.
    match report.check(Path::new(name)) {
        Ok(Some(_)) => ExitCode::SUCCESS,
        Ok(None) | Err(_) => ExitCode::FAILURE,
    }
}

/// Checks a file that is the base of an append-only file, or the beginning of one. Returns where it ends, if it is whole.
///
/// # Errors
/// The report cannot be written.
pub(super) fn check_base(path: &Path) -> io::Result<Option<u64>> {
    Report { out: io::stdout().lock(), figures: Figures::default() }.check(path)
}

/// What was found.
#[derive(Default)]
struct Figures {
    keys: u64,
    with_deadline: u64,
    expired: u64,
    with_field_deadlines: u64,
}

struct Report<W> {
    out: W,
    figures: Figures,
}

impl<W: Write> Report<W> {
    fn check(&mut self, path: &Path) -> io::Result<Option<u64>> {
        self.line(0, &format!("Checking RDB file {}", path.display()))?;
        let Ok(file) = File::open(path) else { return Ok(None) };
        let bytes = file.metadata()?.len();
        let options = ScanOptions { bytes, databases: u32::MAX, verifies_checksum: true };
        let outcome = match Scanner::new(file, options) {
            Ok(scanner) => self.parts(scanner)?,
            Err(error) => Err(error),
        };
        if let Err(FileError { offset, reading, problem }) = &outcome {
            writeln!(self.out, "--- RDB ERROR DETECTED ---")?;
            self.line(*offset, &problem.in_stock_words().unwrap_or_else(|| problem.to_string()))?;
            writeln!(self.out, "[additional info] While doing: reading {reading}")?;
        }
        let Figures { keys, with_deadline, expired, with_field_deadlines } = &self.figures;
        writeln!(self.out, "[info] {keys} keys read")?;
        writeln!(self.out, "[info] {with_deadline} expires")?;
        writeln!(self.out, "[info] {expired} already expired")?;
        writeln!(self.out, "[info] {with_field_deadlines} subexpires")?;
        Ok(outcome.ok())
    }

    fn line(&mut self, offset: u64, text: &str) -> io::Result<()> {
        writeln!(self.out, "[offset {offset}] {text}")
    }

    /// Goes through the parts of the file. Returns what is wrong with it, or that its report cannot be written.
    fn parts(&mut self, mut scanner: Scanner<File>) -> io::Result<Result<u64, FileError>> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        loop {
            let part = match scanner.next_part() {
                Ok(part) => part,
                Err(error) => return Ok(Err(error)),
            };
            let offset = scanner.position();
            match part {
                Part::Fact(name, value) => {
                    let text = format!("AUX FIELD {} = '{}'", name.escape_ascii(), value.escape_ascii());
                    self.line(offset, &text)?;
                }
                Part::Database(number) => self.line(offset, &format!("Selecting DB ID {number}"))?,
                Part::Module(name) => self.line(offset, &format!("MODULE AUX for: {name}"))?,
                // The stock tool lets these pass, which no server loads without the module.
                Part::ModuleValue(name, offset) => {
                    let reading = "a value of a module".to_owned();
                    return Ok(Err(FileError { offset, reading, problem: Problem::OfModule(name) }));
                }
                Part::Library(..) => {}
                Part::Entries(batch) => {
                    for entry in batch.entries() {
                        if let Err(error) = self.entry(entry, now_ms) {
                            return Ok(Err(error));
                        }
                    }
                }
                Part::End(checked) => {
                    if checked == Checked::Right {
                        self.line(offset, "Checksum OK")?;
                    } else if scanner.version().has_checksum() {
                        let text = "RDB file was saved with checksum disabled: no check performed.";
                        self.line(offset, text)?;
                    }
                    self.line(offset, r"\o/ RDB looks OK! \o/")?;
                    return Ok(Ok(offset));
                }
            }
        }
    }

    fn entry(&mut self, entry: FileEntry<'_>, now_ms: u64) -> Result<(), FileError> {
        let figures = &mut self.figures;
        figures.keys += 1;
        entry.key()?;
        // The stock tool does not let a collection without elements pass, although servers do.
        let value = entry.value()?.ok_or_else(|| entry.error(0, Problem::Malformed))?;
        figures.with_deadline += u64::from(entry.deadline().is_some());
        figures.expired += u64::from(entry.deadline().is_some_and(|deadline| deadline < now_ms));
        let has_field_deadlines = matches!(value, Value::Hash(fields) if fields.have_deadlines());
        figures.with_field_deadlines += u64::from(has_field_deadlines);
        Ok(())
    }
}
