//! Reading a configuration: files, what they include, and the lines that the command line stands for.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nuthatch_protocol::words::split_words;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::compound::SavePoint;
use super::directives;
use super::kind::{Refusal, Value};
use super::values::Values;
use crate::version;

/// Files may include files to this depth: a file that includes itself must end in an error.
const INCLUDE_DEPTH_MAX: usize = 32;

/// All files together: as many bytes as fit memory easily, and far more than anyone configures.
const BYTES_MAX: u64 = 16 << 20;

/// Directives that once had a meaning. They are accepted, and neither shown nor checked.
const RETIRED: &[&str] =
    &["io-threads-do-reads", "list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

const BAD_DIRECTIVE: &str = "Bad directive or wrong number of arguments";

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// A line is wrong. Displayed as the block that tools look for on the standard error stream.
    Line {
        /// Counted from one, within the file that holds the line.
        number: usize,
        /// The line, without surrounding blanks.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read. Displayed as a line of the log.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The log file, which the server needs to say anything else, cannot be written.
    LogFile(String),
    /// The command line is wrong.
    Arguments(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("\n*** FATAL CONFIG FILE ERROR ({} {}) ***\n", version::NAME, version::VERSION);
        match self {
            Self::Line { number, text, reason } => {
                write!(f, "{title}Reading the configuration file, at line {number}\n>>> '{text}'\n{reason}")
            }
            Self::LogFile(reason) => write!(f, "{title}Can't open the log file: {reason}"),
            Self::File { path, reason } => {
                write!(f, "Fatal error, can't open config file '{}': {reason}", path.display())
            }
            Self::Arguments(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What a configuration says beyond the values of directives. Later parts of the server act on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Declarations {
    /// The words of each `user` line, without `user`.
    pub(crate) users: Vec<Vec<Vec<u8>>>,
    /// Commands with their new names; an empty one removes the command.
    pub(crate) renamed_commands: Vec<(Vec<u8>, Vec<u8>)>,
    /// The words of each `loadmodule` line, without `loadmodule`.
    pub(crate) modules: Vec<Vec<Vec<u8>>>,
    /// Lines whose directive nobody knows. The stock server keeps them for modules, and refuses to run if no
    /// module takes them.
    pub(crate) unresolved: Vec<String>,
}

/// The state while a configuration is read.
pub(super) struct Loader {
    pub(super) values: Values,
    pub(super) declarations: Declarations,
    /// The directory that relative paths start from: `dir` changes it for the lines that follow.
    directory: PathBuf,
    /// Whether the default of `save` was replaced.
    save_points_given: bool,
    /// Whether a `save` line adds to those before it.
    adds_save_points: bool,
    bytes_left: u64,
}

impl Loader {
    pub(super) fn new() -> Self {
        let values = Values::defaults();
        let directory = PathBuf::from(OsStr::from_bytes(values.text("dir")));
        let declarations = Declarations::default();
        Self {
            values,
            declarations,
            directory,
            save_points_given: false,
            adds_save_points: true,
            bytes_left: BYTES_MAX,
        }
    }

    /// Reads a file, or the standard input, to its end.
    pub(super) fn read(&mut self, path: &Path, mut source: impl Read) -> Result<Vec<u8>, ConfigError> {
        let error = |reason: String| ConfigError::File { path: path.to_owned(), reason };
        let mut text = Vec::new();
        let read = source.by_ref().take(self.bytes_left + 1).read_to_end(&mut text);
        let len = read.map_err(|problem| error(system_text(&problem)))? as u64;
        self.bytes_left = self.bytes_left.checked_sub(len).ok_or_else(|| error("File too large".into()))?;
        Ok(text)
    }

    pub(super) fn read_file(&mut self, path: &Path) -> Result<Vec<u8>, ConfigError> {
        let file = File::open(self.directory.join(path))
            .map_err(|problem| ConfigError::File { path: path.to_owned(), reason: system_text(&problem) })?;
        self.read(path, file)
    }

    /// Applies every line of `text`, in order.
    pub(super) fn apply(&mut self, text: &[u8]) -> Result<(), ConfigError> {
        self.apply_at_depth(text, 0)
    }

    fn apply_at_depth(&mut self, text: &[u8], depth: usize) -> Result<(), ConfigError> {
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let refused = |reason: Refusal| ConfigError::Line {
                number: number + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                reason: reason.into_owned(),
            };
            let words =
                split_words(line).ok_or_else(|| refused("Unbalanced quotes in configuration line".into()))?;
            let Some((name, arguments)) = words.split_first() else { continue };
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            match (name.to_ascii_lowercase().as_slice(), arguments.as_slice()) {
                (b"include", [pattern]) if depth == INCLUDE_DEPTH_MAX => {
                    let pattern = String::from_utf8_lossy(pattern);
                    return Err(refused(format!("Includes are nested too deeply at '{pattern}'").into()));
                }
                (b"include", [pattern]) => self.include(pattern, depth)?,
                (name, arguments) => self.directive(name, arguments).map_err(refused)?,
            }
        }
        Ok(())
    }

    /// Reads every file that matches, in the order of their names. A pattern without wildcards must exist.
    fn include(&mut self, pattern: &[u8], depth: usize) -> Result<(), ConfigError> {
        let path = Path::new(OsStr::from_bytes(pattern));
        let mut paths = vec![path.to_owned()];
        if pattern.iter().any(|byte| b"*?[".contains(byte)) {
            let absolute = self.directory.join(path);
            let matches = glob::glob(&absolute.to_string_lossy()).map(|paths| paths.flatten().collect());
            paths = matches.unwrap_or_default();
        }
        for path in paths {
            let text = self.read_file(&path)?;
            self.adds_save_points = true;
            self.apply_at_depth(&text, depth + 1)?;
        }
        self.adds_save_points = false;
        Ok(())
    }

    fn directive(&mut self, name: &[u8], arguments: &[&[u8]]) -> Result<(), Refusal> {
        if let Some((_, index)) = directives::find(name) {
            let value = directives::all()[index].kind.parse(arguments, Some(self.values.at(index)))?;
            let value = self.in_context(name, value)?;
            self.values.set(index, value);
            return Ok(());
        }
        let owned = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect();
        match (name, arguments) {
            (b"user", [_, ..]) => self.user(owned(arguments))?,
            (b"rename-command", [command, renamed]) => self.rename(command, renamed)?,
            (b"loadmodule", [_, ..]) => self.declarations.modules.push(owned(arguments)),
            (b"include" | b"user" | b"rename-command" | b"loadmodule", _) => return Err(BAD_DIRECTIVE.into()),
            (b"sentinel", _) => return Err("sentinel directive while not in sentinel mode".into()),
            (_, [_]) if RETIRED.iter().any(|retired| retired.as_bytes() == name) => {}
            (_, []) => return Err(BAD_DIRECTIVE.into()),
            _ => {
                let line = [&[name], arguments].concat().join(&b' ');
                self.declarations.unresolved.push(String::from_utf8_lossy(&line).into_owned());
            }
        }
        Ok(())
    }

    /// What depends on the lines before: the first `save` line replaces the default, later ones add to it, but behind an
    /// `include` line, which stock servers take for the end of the file, each replaces what is before; a working
    /// directory is relative to the one before.
    fn in_context(&mut self, name: &[u8], value: Value) -> Result<Value, Refusal> {
        match (name, value) {
            (b"save", Value::SavePoints(points)) => Ok(Value::SavePoints(self.add_save_points(points))),
            (b"dir", Value::Text(path)) => {
                self.directory = resolve_directory(&self.directory, &path)?;
                Ok(Value::Text(self.directory.clone().into_os_string().into_vec()))
            }
            (_, value) => Ok(value),
        }
    }

    fn add_save_points(&mut self, points: Vec<SavePoint>) -> Vec<SavePoint> {
        if !self.adds_save_points {
            return points;
        }
        let first = !std::mem::replace(&mut self.save_points_given, true);
        match self.values.get("save") {
            // An empty `save` line takes back all of those before it.
            Value::SavePoints(given) if !first && !points.is_empty() => [given.clone(), points].concat(),
            _ => points,
        }
    }

    fn user(&mut self, words: Vec<Vec<u8>>) -> Result<(), Refusal> {
        let name = words.first();
        if self.declarations.users.iter().any(|user| user.first() == name) {
            let name = String::from_utf8_lossy(name.map_or(b"", Vec::as_slice)).into_owned();
            let reason = "Duplicate user found. A user can only be defined once in config files";
            return Err(format!("Error in user declaration '{name}': {reason}").into());
        }
        self.declarations.users.push(words);
        Ok(())
    }

    fn rename(&mut self, command: &[u8], renamed: &[u8]) -> Result<(), Refusal> {
        let targets: HashSet<&[u8]> =
            self.declarations.renamed_commands.iter().map(|(_, renamed)| renamed.as_slice()).collect();
        if !renamed.is_empty() && targets.contains(renamed) {
            return Err("Target command name already exists".into());
        }
        self.declarations.renamed_commands.push((command.to_vec(), renamed.to_vec()));
        Ok(())
    }
}

/// The canonical path of a directory that exists.
pub(super) fn resolve_directory(current: &Path, path: &[u8]) -> Result<PathBuf, Refusal> {
    if path.is_empty() {
        return Err(system_text(&Errno::NOENT.into()).into());
    }
    let path = current.join(OsStr::from_bytes(path));
    let text = |problem: std::io::Error| Refusal::from(system_text(&problem));
    let resolved = path.canonicalize().map_err(text)?;
    if !resolved.is_dir() {
        return Err("Not a directory".into());
    }
    // It will be entered, which may be forbidden where looking at it is not.
    let enter = accessat(CWD, &resolved, Access::EXEC_OK, AtFlags::EACCESS);
    enter.map_err(|problem| text(problem.into()))?;
    Ok(resolved)
}

/// The words of the system for an error, without the error's number.
pub(crate) fn system_text(problem: &std::io::Error) -> String {
    let text = problem.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
