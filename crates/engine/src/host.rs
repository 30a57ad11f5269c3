//! What the engine asks of the process around it: configuration, the clock, the way out.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::persistence::LogFacts;

pub use nuthatch_scripting::LogLevel;

/// How SHUTDOWN is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Save even without save points.
    pub save: bool,
    /// Do not save.
    pub no_save: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Go even if saving fails.
    pub force: bool,
}

/// What became of the wish to rewrite the append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteStart {
    /// It is being rewritten.
    Started,
    /// It will be.
    Scheduled,
}

/// Facts about the process for INFO.
#[derive(Debug, Clone, Default)]
pub struct ProcessFacts {
    /// The process's id.
    pub process_id: u32,
    /// The program's path.
    pub executable: String,
    /// The configuration file's path, or nothing.
    pub config_file: String,
    /// The TCP port.
    pub tcp_port: u16,
    /// `systemd`, `upstart` or nothing.
    pub supervised: String,
    /// The operating system's name, release and machine.
    pub operating_system: String,
    /// 40 hexadecimal digits, new at every start.
    pub run_id: String,
    /// How many threads serve clients.
    pub io_threads: usize,
    /// The limit on clients.
    pub clients_max: u64,
    /// The wanted number of background turns per second: `hz`.
    pub hz: u64,
    /// When the server started, in milliseconds since 1970.
    pub started_ms: u64,
    /// Memory figures in bytes.
    pub memory: MemoryFacts,
    /// Processor time of the process in user mode, in seconds.
    pub cpu_user: f64,
    /// Processor time of the process in the kernel, in seconds.
    pub cpu_system: f64,
    /// Processor time of the thread that asks in user mode, in seconds.
    pub cpu_user_thread: f64,
    /// Processor time of the thread that asks in the kernel, in seconds.
    pub cpu_system_thread: f64,
    /// The memory allocator and its version: `jemalloc-5.3.0`.
    pub allocator: String,
}

/// Memory figures, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryFacts {
    /// Given out by the allocator.
    pub allocated: u64,
    /// In pages that hold allocations.
    pub active: u64,
    /// Mapped by the allocator and present.
    pub resident: u64,
    /// The process's resident set.
    pub process_resident: u64,
    /// The highest `allocated` that was seen.
    pub allocated_peak: u64,
    /// `allocated` when the server had started.
    pub allocated_at_start: u64,
    /// The machine's memory.
    pub system: u64,
    /// `maxmemory`.
    pub limit: u64,
}

/// The process around the engine.
pub trait Host: Send + Sync {
    /// The wall clock in microseconds since 1970.
    fn now_us(&self) -> u64;

    /// Names and values of the directives that match any of the patterns.
    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// Sets all of the directives or none of them, for a client that is on this machine (`local`) or not.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    fn config_set(&self, pairs: &[(&[u8], &[u8])], local: bool) -> Result<(), Vec<u8>>;

    /// Writes the configuration in force back to its file.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    fn config_rewrite(&self) -> Result<(), String>;

    /// Starts the end of the process.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    fn shut_down(&self, options: ShutdownOptions) -> Result<(), String>;

    /// Facts about the process.
    fn facts(&self) -> ProcessFacts;

    /// Has `write` write a file of the data set, which takes the place of the one before when it is complete and on the
    /// disk. Says whether it does; if it does not, the log says why.
    fn save_file(&self, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> bool;

    /// Starts to rewrite the append-only file, or has that done as soon as it can be. Returns which.
    ///
    /// # Errors
    /// The text of the error reply, without its code.
    fn rewrite_log(&self) -> Result<RewriteStart, &'static str> {
        Err("there is no append-only file")
    }

    /// Loads the append-only file into an engine that has begun to load. Says whether all of it was loaded; if not, the log
    /// says why.
    fn load_log(&self) -> bool {
        false
    }

    /// Figures of the append-only file.
    fn log_facts(&self) -> LogFacts {
        LogFacts::default()
    }

    /// Opens the file of the data set, and says how long it is.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    fn open_file(&self) -> io::Result<(Box<dyn Read>, u64)>;

    /// Has another thread call [`Engine::save_in_background`](crate::Engine::save_in_background). Says whether there is one.
    fn start_background_save(&self) -> bool;

    /// Stops the calling thread for a while: DEBUG SLEEP.
    fn sleep(&self, duration: Duration);

    /// Has those who serve clients help with a snapshot, if there is no processor for the thread that makes it besides
    /// theirs. Says whether they will.
    fn call_for_help(&self) -> bool {
        false
    }

    /// Gives memory back to the operating system: MEMORY PURGE.
    fn purge_memory(&self);

    /// The allocator's own report: MEMORY MALLOC-STATS.
    fn allocator_report(&self) -> String;

    /// Writes a line to the server's log as a warning.
    fn log_warning(&self, line: &str);

    /// Writes a line to the server's log.
    fn log_notice(&self, line: &str);

    /// Writes a line of a script to the server's log.
    fn log_of_script(&self, level: LogLevel, line: &[u8]);
}
