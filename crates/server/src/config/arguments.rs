//! The command line: options that stand for lines of a configuration file.

use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nuthatch_protocol::words::quote;

use super::load::{ConfigError, Loader};

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Print the version.
    Version,
    /// Print how to use the program.
    Help,
    /// Check that the system suits the server.
    CheckSystem,
    /// Print the documentation of the configuration.
    Documentation,
    /// Run the server.
    Run(Sources),
}

/// Where the configuration comes from. Later sources win.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sources {
    /// A configuration file.
    pub(super) file: Option<PathBuf>,
    /// Read more lines from the standard input.
    pub(super) standard_input: bool,
    /// Lines that the options stand for.
    pub(super) lines: Vec<u8>,
}

impl Request {
    /// Reads the arguments, without the name of the program.
    pub(super) fn parse(arguments: &[Vec<u8>]) -> Result<Self, ConfigError> {
        match arguments {
            [first, ..] if matches!(first.as_slice(), b"-v" | b"--version") => return Ok(Self::Version),
            [first, ..] if matches!(first.as_slice(), b"-h" | b"--help") => return Ok(Self::Help),
            [first] if first == b"--check-system" => return Ok(Self::CheckSystem),
            [first] if first == b"--print-configuration-documentation" => return Ok(Self::Documentation),
            [first, ..] if first == b"--test-memory" => {
                return Err(ConfigError::Arguments("--test-memory is not supported; use memtest86".into()));
            }
            _ if arguments.iter().any(|argument| argument == b"--sentinel") => {
                return Err(ConfigError::Arguments("Sentinel mode is not supported".into()));
            }
            _ => {}
        }
        let mut sources = Sources::default();
        let mut options = arguments;
        if let [first, rest @ ..] = options
            && !first.starts_with(b"-")
        {
            if !first.is_empty() {
                sources.file = Some(PathBuf::from(std::ffi::OsString::from_vec(first.clone())));
            }
            options = rest;
        }
        if let [first, rest @ ..] = options
            && first == b"-"
        {
            sources.standard_input = true;
            options = rest;
        } else if let [rest @ .., last] = options
            && last == b"-"
        {
            sources.standard_input = true;
            options = rest;
        }
        sources.lines = lines_of(options);
        Ok(Self::Run(sources))
    }
}

/// Writes `--name value value --name value` as the lines `name "value" "value"` and `name "value"`.
///
/// The argument after an option is its value even if it starts with dashes. `--save` alone is the exception:
/// it switches snapshots off.
fn lines_of(options: &[Vec<u8>]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut needs_value = false;
    for (at, option) in options.iter().enumerate() {
        match option.strip_prefix(b"--") {
            Some(name) if !needs_value => {
                lines.push(b'\n');
                lines.extend_from_slice(name);
                lines.push(b' ');
                needs_value = !name.contains(&b' ');
                let next_is_option = options.get(at + 1).is_none_or(|next| next.starts_with(b"--"));
                if name.eq_ignore_ascii_case(b"save") && next_is_option {
                    lines.extend_from_slice(b"\"\"");
                    needs_value = false;
                }
            }
            _ => {
                if at == 0 {
                    lines.push(b'\n');
                }
                lines.extend_from_slice(&quote(option));
                lines.push(b' ');
                needs_value = false;
            }
        }
    }
    lines
}

impl Sources {
    /// Reads and applies the sources, in order.
    pub(super) fn load(&self, standard_input: impl Read) -> Result<Loader, ConfigError> {
        let mut loader = Loader::new();
        let mut text = Vec::new();
        if let Some(path) = &self.file {
            text = loader.read_file(path)?;
        }
        if self.standard_input {
            text.extend(loader.read("stdin".as_ref(), standard_input)?);
        }
        text.extend_from_slice(&self.lines);
        loader.apply(&text)?;
        Ok(loader)
    }
}
