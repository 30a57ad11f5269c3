//! The process, as the engine sees it.

use std::io::{self, Read, Write};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nuthatch_engine::host::{Host, LogLevel, MemoryFacts, ProcessFacts, RewriteStart, ShutdownOptions};
use nuthatch_engine::persistence::LogFacts;

use crate::config::{Config, Origin};
use crate::log;
use crate::log::{notice, warning};
use crate::memory;
use crate::network::{Message, Shared};
use crate::persistence;
use crate::persistence::background::{Request, Requests};
use crate::process;
use crate::server::{Ending, apply};

/// The process around the engine.
pub(crate) struct Process {
    config: Arc<Config>,
    /// Set once the engine stands.
    shared: OnceLock<Weak<Shared>>,
    ending: Sender<Ending>,
    saver: Requests,
    run_id: String,
    started_ms: u64,
    /// What was allocated when everything was there but the data set.
    allocated_at_start: AtomicU64,
}

impl Process {
    /// The process with its configuration; requests to end it go to `ending`, those to save the data set to `saver`.
    pub(crate) fn new(config: Arc<Config>, ending: Sender<Ending>, saver: Requests) -> Self {
        Self {
            config,
            shared: OnceLock::new(),
            ending,
            saver,
            run_id: (0..40).map(|_| fastrand::digit(16)).collect(),
            started_ms: now_us() / 1000,
            allocated_at_start: AtomicU64::new(0),
        }
    }

    /// Tells the process which server changes of the configuration are applied to.
    pub(crate) fn attach(&self, shared: &Arc<Shared>) {
        // Called once, while the server starts.
        let _ = self.shared.set(Arc::downgrade(shared));
        self.allocated_at_start.store(memory::figures().allocated, Ordering::Relaxed);
    }

    fn memory(&self) -> MemoryFacts {
        let figures = memory::figures();
        MemoryFacts {
            allocated_at_start: self.allocated_at_start.load(Ordering::Relaxed),
            limit: self.config.settings().maxmemory,
            ..figures
        }
    }
}

impl Host for Process {
    fn now_us(&self) -> u64 {
        now_us()
    }

    fn config_get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.config.get_matching(patterns)
    }

    fn config_set(&self, pairs: &[(&[u8], &[u8])], local: bool) -> Result<(), Vec<u8>> {
        let origin = if local { Origin::Local } else { Origin::Remote };
        self.config.set(pairs, origin, &mut |directive, settings| match self
            .shared
            .get()
            .and_then(Weak::upgrade)
        {
            Some(shared) => apply(directive, settings, &shared),
            None => Ok(()),
        })
    }

    fn config_rewrite(&self) -> Result<(), String> {
        self.config.rewrite()
    }

    fn shut_down(&self, options: ShutdownOptions) -> Result<(), String> {
        let failure = || "Errors trying to SHUTDOWN. Check logs.".to_owned();
        let shared = self.shared.get().and_then(Weak::upgrade).ok_or_else(failure)?;
        process::asked_to_end();
        if !persistence::prepare_end(&shared.engine, &shared.log, &self.config.settings(), options) {
            return Err(failure());
        }
        self.ending.send(Ending::Command(options)).map_err(|_| failure())
    }

    fn facts(&self) -> ProcessFacts {
        let settings = self.config.settings();
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        let of_thread = getrusage(UsageWho::RUSAGE_THREAD).ok();
        let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        ProcessFacts {
            process_id: std::process::id(),
            executable: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
            config_file: self.config.file().map(|path| path.display().to_string()).unwrap_or_default(),
            tcp_port: settings.port,
            supervised: String::new(),
            operating_system: format!(
                "{} {} {}",
                text(system.sysname()),
                text(system.release()),
                text(system.machine())
            ),
            run_id: self.run_id.clone(),
            io_threads: settings.io_threads,
            clients_max: u64::from(settings.maxclients),
            hz: u64::from(settings.hz),
            started_ms: self.started_ms,
            memory: self.memory(),
            cpu_user: usage.map_or(0.0, |usage| seconds(usage.user_time())),
            cpu_system: usage.map_or(0.0, |usage| seconds(usage.system_time())),
            cpu_user_thread: of_thread.map_or(0.0, |usage| seconds(usage.user_time())),
            cpu_system_thread: of_thread.map_or(0.0, |usage| seconds(usage.system_time())),
            allocator: memory::version(),
        }
    }

    fn save_file(&self, write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> bool {
        persistence::save(&self.config.settings(), write)
    }

    fn rewrite_log(&self) -> Result<RewriteStart, &'static str> {
        let shared = self.shared.get().and_then(Weak::upgrade).ok_or("the server ends")?;
        shared.log.rewrite()
    }

    fn load_log(&self) -> bool {
        self.shared.get().and_then(Weak::upgrade).is_some_and(|shared| shared.log.load_again(&shared.engine))
    }

    fn log_facts(&self) -> LogFacts {
        self.shared.get().and_then(Weak::upgrade).map(|shared| shared.log.facts()).unwrap_or_default()
    }

    fn open_file(&self) -> io::Result<(Box<dyn Read>, u64)> {
        let (file, bytes) = persistence::open(&self.config.settings().dbfilename)?;
        Ok((Box::new(file), bytes))
    }

    fn start_background_save(&self) -> bool {
        self.saver.send(Request).is_ok()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn call_for_help(&self) -> bool {
        let Some(shared) = self.shared.get().and_then(Weak::upgrade) else { return false };
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let shares = processors <= shared.mailboxes.len();
        if shares {
            for mailbox in &shared.mailboxes {
                mailbox.leave(Message::Help);
            }
        }
        shares
    }

    fn purge_memory(&self) {
        memory::purge();
    }

    fn allocator_report(&self) -> String {
        memory::report()
    }

    fn log_warning(&self, line: &str) {
        warning!("{line}");
    }

    fn log_notice(&self, line: &str) {
        notice!("{line}");
    }

    fn log_of_script(&self, level: LogLevel, line: &[u8]) {
        let level = match level {
            LogLevel::Debug => log::Level::Debug,
            LogLevel::Verbose => log::Level::Verbose,
            LogLevel::Notice => log::Level::Notice,
            LogLevel::Warning => log::Level::Warning,
        };
        log::write(level, format_args!("{}", String::from_utf8_lossy(line)));
    }
}

fn now_us() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_micros()).unwrap_or(u64::MAX)
}
