//! The server's log: one line an event, in the layout that log shippers for Redis parse.
//!
//! A line is `<pid>:<role> <day> <month> <year> <time> <level> <message>`. A log file is opened anew for every
//! line, so that it can be renamed by log rotation while the server runs.

use std::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use jiff::{Timestamp, Zoned};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

/// How important an event is; `Nothing` as a threshold switches the log off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// For tests and the development of the server.
    Debug,
    /// Rarely useful, but not as much as `Debug`.
    Verbose,
    /// What one wants to know in production.
    Notice,
    /// Only what is important or critical.
    Warning,
    /// No event is as important as this.
    Nothing,
}

impl Level {
    /// The level by its name in the configuration; any other name is the default level.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "debug" => Self::Debug,
            "verbose" => Self::Verbose,
            "warning" => Self::Warning,
            "nothing" => Self::Nothing,
            _ => Self::Notice,
        }
    }

    fn symbol(self) -> char {
        match self {
            Self::Debug => '.',
            Self::Verbose => '-',
            Self::Notice => '*',
            Self::Warning | Self::Nothing => '#',
        }
    }
}

/// What the process is, as the letter after its id tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Role {
    /// Not serving: starting up, or a child.
    Starting = b'C',
    /// Serving.
    Primary = b'M',
}

/// Where lines go.
pub(crate) struct Destination {
    /// The log file; `None` for standard output.
    pub(crate) file: Option<PathBuf>,
    /// The name and the facility under which to log to the system's log as well, if at all.
    pub(crate) syslog: Option<(String, &'static str)>,
}

/// Longest line, in bytes: a client must not fill the disk with what it makes the server log.
const MESSAGE_LEN_MAX: usize = 1024;

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static ROLE: AtomicU8 = AtomicU8::new(Role::Starting as u8);
static OUTPUT: Mutex<Output> = Mutex::new(Output { file: None, syslog: None });

struct Output {
    file: Option<PathBuf>,
    syslog: Option<Logger<LoggerBackend, Formatter3164>>,
}

/// Logs what one wants to know in production.
macro_rules! notice {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Notice, format_args!($($argument)*)) };
}
/// Logs what is important or critical.
macro_rules! warning {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Warning, format_args!($($argument)*)) };
}
pub(crate) use {notice, warning};

/// Events below this level are not logged from now on.
pub(crate) fn set_level(level: Level) {
    LEVEL.store(level as u8, Relaxed);
}

/// Lines carry the letter of this role from now on.
pub(crate) fn set_role(role: Role) {
    ROLE.store(role as u8, Relaxed);
}

/// Lines go there from now on.
pub(crate) fn set_destination(destination: Destination) {
    let syslog = destination.syslog.and_then(|(identity, facility)| {
        let formatter = Formatter3164 {
            facility: facility.parse().unwrap_or(Facility::LOG_LOCAL0),
            hostname: None,
            process: identity,
            pid: std::process::id(),
        };
        syslog::unix(formatter).ok()
    });
    let mut output = lock();
    output.file = destination.file;
    output.syslog = syslog;
}

/// Whether events of this level are logged: asked before a costly message is put together.
pub(crate) fn enabled(level: Level) -> bool {
    level as u8 >= LEVEL.load(Relaxed)
}

/// Logs an event. Prefer the macros.
pub(crate) fn write(level: Level, message: Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    let message = printable(message.to_string());
    let line = layout(std::process::id(), char::from(ROLE.load(Relaxed)), &Zoned::now(), level, &message);
    let mut output = lock();
    output.line(&line);
    output.system(level, &message);
}

fn layout(process: u32, role: char, time: &Zoned, level: Level, message: &str) -> String {
    let time = time.strftime("%d %b %Y %H:%M:%S%.3f");
    format!("{process}:{role} {time} {symbol} {message}\n", symbol = level.symbol())
}

/// Logs the arrival of a signal, in the layout that the stock server uses inside its signal handler.
pub(crate) fn write_signal(message: &str) {
    if enabled(Level::Warning) {
        let process = std::process::id();
        let seconds = Timestamp::now().as_second();
        lock().line(&format!("{process}:signal-handler ({seconds}) {message}\n"));
    }
}

/// Writes text to the log as it is, such as the logo.
pub(crate) fn write_raw(text: &str) {
    if enabled(Level::Notice) {
        lock().line(text);
    }
}

/// Whether a file can be opened to log to it, and why it cannot.
pub(crate) fn try_file(path: &Path) -> std::io::Result<()> {
    open(path).map(drop)
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn lock() -> std::sync::MutexGuard<'static, Output> {
    // A thread that panicked while it logged left nothing half done that the next line would suffer from.
    OUTPUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A message without control characters, which could forge lines, and of bounded length.
fn printable(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MESSAGE_LEN_MAX));
    if message.chars().any(char::is_control) {
        message = message
            .chars()
            .map(|character| {
                if character.is_control() {
                    character.escape_default().collect()
                } else {
                    String::from(character)
                }
            })
            .collect();
    }
    message
}

impl Output {
    /// A line that cannot be written is lost: there is nobody left to tell.
    fn line(&self, line: &str) {
        let _ = match &self.file {
            Some(path) => open(path).and_then(|mut file| file.write_all(line.as_bytes())),
            None => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
            }
        };
    }

    fn system(&mut self, level: Level, message: &str) {
        let Some(logger) = &mut self.syslog else { return };
        let _ = match level {
            Level::Debug => logger.debug(message),
            Level::Verbose => logger.info(message),
            Level::Notice => logger.notice(message),
            Level::Warning | Level::Nothing => logger.warning(message),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::{civil, tz::TimeZone};

    use super::*;

    #[test]
    fn a_line_has_the_layout_that_log_shippers_parse() -> Result<(), jiff::Error> {
        let time = civil::date(2026, 11, 3).at(6, 7, 8, 9_000_000).to_zoned(TimeZone::UTC)?;
        let lines = [Level::Debug, Level::Verbose, Level::Notice, Level::Warning]
            .map(|level| layout(123, 'M', &time, level, "Ready to accept connections tcp"));
        let expected = [".", "-", "*", "#"].map(|symbol| {
            format!("123:M 03 Nov 2026 06:07:08.009 {symbol} Ready to accept connections tcp\n")
        });
        assert_eq!(lines, expected);
        Ok(())
    }

    #[test]
    fn a_message_can_neither_forge_lines_nor_fill_the_disk() {
        assert_eq!(printable("a\r\n1:M # b\u{1b}[0m".to_owned()), "a\\r\\n1:M # b\\u{1b}[0m");
        assert_eq!(printable("\u{e4}".repeat(MESSAGE_LEN_MAX)).len(), MESSAGE_LEN_MAX);
    }

    #[test]
    fn a_renamed_file_is_made_anew_for_the_next_line() -> std::io::Result<()> {
        let directory = std::env::temp_dir().join(format!("nuthatch-log-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let (file, rotated) = (directory.join("log"), directory.join("log.1"));
        let output = Output { file: Some(file.clone()), syslog: None };
        output.line("one\n");
        fs::rename(&file, &rotated)?;
        output.line("two\n");
        output.line("three\n");
        assert_eq!(fs::read_to_string(&rotated)?, "one\n");
        assert_eq!(fs::read_to_string(&file)?, "two\nthree\n");
        fs::remove_dir_all(&directory)
    }
}
