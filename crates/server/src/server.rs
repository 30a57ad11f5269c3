//! The server's life: threads started, configuration applied, everything ended in order.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nuthatch_engine::Engine;
use nuthatch_engine::effect::EffectLog;
use nuthatch_engine::host::ShutdownOptions;
use nuthatch_engine::keyspace::{Garbage, Keyspace};
use nuthatch_engine::notifications::Classes;
use nuthatch_engine::persistence::Job;
use nuthatch_engine::settings::LocalOnly;

use crate::config::{Config, Settings, Share, system_text};
use crate::host::Process;
use crate::log;
use crate::memory;
use crate::network::{EventLoop, Limits, Listener, Shared, ThreadMailbox, listen_tcp, listen_unix};
use crate::persistence::{self, AppendOnly, Found, Tap, Unreadable, Unusable, background};
use crate::process;
use crate::process::signals::Termination;

/// Why the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SHUTDOWN.
    Command(ShutdownOptions),
    /// A signal that asks for it.
    Signal(Termination),
    /// The data set cannot be loaded.
    NotLoaded,
}

/// A running server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Brings the append-only file to the disk.
    syncing: JoinHandle<()>,
}

/// How long the threads may take to end before the process ends without them.
const ENDING_MAX: Duration = Duration::from_secs(3);

/// How long between two looks at whether a thread has ended.
const ENDING_STEP: Duration = Duration::from_millis(1);

/// How long loading may take before clients are served meanwhile, who are told so then.
const LOADING_UNTOLD: Duration = Duration::from_millis(100);

impl Server {
    /// Starts the threads of a server that listens on `listeners`, and calls `announce` when the data set is loaded. The
    /// engine is `known` before that begins.
    ///
    /// # Errors
    /// The system refuses threads or descriptors, or the file of the data set.
    pub(crate) fn start(
        config: &Arc<Config>,
        listeners: Vec<Listener>,
        ending: mpsc::Sender<Ending>,
        announce: impl FnOnce() + Send + 'static,
        known: &OnceLock<Arc<Engine>>,
    ) -> io::Result<Self> {
        let settings = config.settings();
        let (saver, saves) = background::requests();
        let process = Arc::new(Process::new(config.clone(), ending.clone(), saver));
        memory::start_threads(settings.maxmemory)?;
        let seed = getrandom::u64().map_err(io::Error::other)?;
        let log = Arc::new(AppendOnly::new(&settings.append_only, settings.databases));
        let tap = Some(Box::new(Tap(log.clone())) as Box<dyn EffectLog>);
        let keyspace = Keyspace::new(settings.databases, settings.io_threads, seed, tap, start_reclaiming()?);
        keyspace.set_logged(false);
        let mut engine = Engine::new(keyspace, process.clone());
        engine.persistence.log.appended = log.appended.clone();
        engine.persistence.log.written = log.written.clone();
        engine.persistence.log.synced = log.synced.clone();
        for (name, new_name) in &config.declarations().renamed_commands {
            engine.commands.rename(name, new_name).map_err(io::Error::other)?;
        }
        let mailboxes = (0..settings.io_threads.max(1))
            .map(|number| ThreadMailbox::new(number).map(Arc::new))
            .collect::<io::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            engine: Arc::new(engine),
            limits: Limits::default(),
            log: log.clone(),
            mailboxes,
            accepted: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        apply_all(&settings, &shared);
        warn_of_hardly_any_memory(settings.maxmemory);
        *shared.engine.settings.debug_commands.write() = match config.get("enable-debug-command").as_deref() {
            Some(b"yes") => LocalOnly::Yes,
            Some(b"local") => LocalOnly::Local,
            _ => LocalOnly::No,
        };
        process.attach(&shared);
        log.attach(&shared);
        // There is one server in a process.
        let _ = known.set(shared.engine.clone());
        let mut listeners = Some(listeners);
        let event_loops = (0..shared.mailboxes.len())
            .map(|number| EventLoop::new(shared.clone(), number, listeners.take().unwrap_or_default()))
            .collect::<io::Result<Vec<_>>>()?;
        memory::keep_within_limit(&shared.engine)?;
        background::start(&shared.engine, config.clone(), saves)?;
        let mut threads = Vec::new();
        threads.extend(start_loading(&settings, &shared, ending, announce)?);
        for (number, event_loop) in event_loops.into_iter().enumerate() {
            let thread = thread::Builder::new().name(format!("io-{number}"));
            threads.push(thread.spawn(move || {
                memory::draw_from_reserve();
                event_loop.run();
            })?);
        }
        let syncing = memory::start_beside("aof", move || log.keep_synced())?;
        memory::count_thread();
        Ok(Self { shared, threads, syncing })
    }

    /// Does what is to be done before the end. Says whether the server may end.
    pub(crate) fn prepare_end(&self, settings: &Settings, options: ShutdownOptions) -> bool {
        persistence::prepare_end(&self.shared.engine, &self.shared.log, settings, options)
    }

    /// Ends the threads, closing all connections.
    pub(crate) fn stop(self) {
        self.shared.engine.persistence.loading.cancel();
        for mailbox in &self.shared.mailboxes {
            mailbox.stop();
        }
        let begun = Instant::now();
        for thread in self.threads {
            while !thread.is_finished() && begun.elapsed() < ENDING_MAX {
                thread::sleep(ENDING_STEP);
            }
            if !thread.is_finished() {
                // Such as a script inside of one long call. It ends with the process.
                log::warning!("A thread does not come to an end");
            } else if thread.join().is_err() {
                log::warning!("A thread ended with a panic");
            }
        }
        // Whoever still writes a file removes it. Nobody begins another.
        let background = &self.shared.engine.persistence.background;
        while !background.begin(Job::Save, 0) && begun.elapsed() < ENDING_MAX {
            background.cancel();
            thread::sleep(ENDING_STEP);
        }
        // Nothing more is appended when the others have ended.
        self.shared.log.stop();
        if self.syncing.join().is_err() {
            log::warning!("A thread ended with a panic");
        }
    }
}

/// Loads the data set, if there is one, and calls `announce` then. If that takes long, a thread is returned that goes
/// on with it.
fn start_loading(
    settings: &Settings,
    shared: &Arc<Shared>,
    ending: mpsc::Sender<Ending>,
    announce: impl FnOnce() + Send + 'static,
) -> io::Result<Option<JoinHandle<()>>> {
    let (engine, log) = (shared.engine.clone(), shared.log.clone());
    engine.persistence.saved_s.store(engine.now_ms() / 1000, Ordering::Relaxed);
    persistence::remove_remains();
    let source = if settings.append_only.enabled {
        None
    } else if let Found::File(source) = persistence::find(&settings.dbfilename)
        .map_err(|Unreadable| io::Error::other("the data set cannot be read"))?
    {
        Some(source)
    } else {
        announce();
        return Ok(None);
    };
    let bytes = match &source {
        Some(source) => source.bytes(),
        None => log.find().map_err(|Unusable| io::Error::other("the append-only file cannot be used"))?,
    };
    engine.persistence.loading.begin(engine.now_ms() / 1000, bytes);
    let helpers = settings.io_threads.saturating_sub(1).max(1);
    let (done, is_done) = mpsc::channel();
    let thread = thread::Builder::new().name("load".into()).spawn(move || {
        memory::count_thread();
        let is_loaded = match source {
            Some(source) => persistence::load(&engine, source, helpers),
            None => log.load(&engine, helpers).is_ok(),
        };
        if is_loaded {
            engine.persistence.loading.end();
            announce();
        } else {
            // The receiver lives until the process ends.
            let _ = ending.send(Ending::NotLoaded);
        }
        // Nobody waits for it any more if it has taken long.
        let _ = done.send(());
    })?;
    // As with stock servers, nobody is served, and nobody told either, until loading has taken a while. Files that are made
    // first are waited for.
    let _ = if bytes > 0 { is_done.recv_timeout(LOADING_UNTOLD).ok() } else { is_done.recv().ok() };
    Ok(Some(thread))
}

/// Starts the thread that releases big values and flushed databases.
fn start_reclaiming() -> io::Result<Box<dyn Fn(Garbage) + Send + Sync>> {
    let (sender, receiver) = mpsc::channel::<Garbage>();
    // Where event loops want the same processor, they need not wait until the system takes it from this thread.
    let release = |garbage: Garbage| garbage.release(&mut thread::yield_now);
    memory::start_beside("reclaim", move || receiver.into_iter().for_each(release))?;
    // Should the thread be gone, the send fails and gives the garbage back, which is released here.
    Ok(Box::new(move |garbage| drop(sender.send(garbage))))
}

/// Listens on all addresses of the configuration.
///
/// # Errors
/// The text of the log line that says which address cannot be listened on, and why.
pub(crate) fn listen(settings: &Settings) -> Result<Vec<Listener>, String> {
    let backlog = i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX);
    let mut listeners = Vec::new();
    if settings.port != 0 {
        for entry in &settings.bind {
            let optional = entry.starts_with('-');
            let name = entry.trim_start_matches('-');
            match resolve(name).and_then(|address| listen_tcp(address, settings.port, backlog)) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    let port = settings.port;
                    let reason = system_text(&error);
                    log::warning!(
                        "Warning: Could not create server TCP listening socket {name}:{port}: {reason}"
                    );
                    if !(optional && is_absent(&error)) {
                        return Err(format!("Failed listening on port {port} (tcp), aborting."));
                    }
                }
            }
        }
        if listeners.is_empty() && !settings.bind.is_empty() {
            return Err(format!("Failed listening on port {} (tcp), aborting.", settings.port));
        }
    }
    if let Some(path) = &settings.unix_socket {
        match listen_unix(path, settings.unix_socket_permissions, backlog) {
            Ok(listener) => listeners.push(listener),
            Err(error) => return Err(format!("Failed opening Unix socket: bind: {}", system_text(&error))),
        }
    }
    Ok(listeners)
}

/// The kinds of socket that the configuration asks for, as the log names them.
pub(crate) fn kinds(settings: &Settings) -> Vec<&'static str> {
    let tcp = (settings.port != 0).then_some("tcp");
    let unix = settings.unix_socket.as_ref().map(|_| "unix");
    tcp.into_iter().chain(unix).collect()
}

fn resolve(name: &str) -> io::Result<IpAddr> {
    use std::net::ToSocketAddrs;
    match name {
        "*" => Ok(IpAddr::from([0; 4])),
        "::*" => Ok(IpAddr::from([0; 16])),
        name => match name.parse() {
            Ok(address) => Ok(address),
            Err(_) => (name, 0)
                .to_socket_addrs()?
                .next()
                .map(|address| address.ip())
                .ok_or_else(|| io::Error::other("Name or service not known")),
        },
    }
}

/// Whether the machine lacks the address or its whole protocol.
fn is_absent(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let absent = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::PFNOSUPPORT];
    error.raw_os_error().is_some_and(|code| absent.iter().any(|errno| errno.raw_os_error() == code))
}

/// Applies one directive that CONFIG SET has changed.
///
/// # Errors
/// The system does not allow it.
pub(crate) fn apply(directive: &str, settings: &Settings, shared: &Shared) -> Result<(), String> {
    process::apply(directive, settings)?;
    apply_all(settings, shared);
    if directive == "appendonly" {
        shared.log.switch(settings.append_only.enabled)?;
    }
    if directive == "maxmemory" {
        warn_of_less_memory_than_used(settings.maxmemory);
    }
    Ok(())
}

fn warn_of_hardly_any_memory(limit: u64) {
    if (1..1024 * 1024).contains(&limit) {
        log::warning!(
            "WARNING: You specified a maxmemory value that is less than 1MB (current value is {limit} bytes). Are you sure \
             this is what you really want?"
        );
    }
}

fn warn_of_less_memory_than_used(limit: u64) {
    let used = memory::allocated();
    if limit > 0 && limit < used {
        log::warning!(
            "WARNING: the new maxmemory value set via CONFIG SET ({limit}) is smaller than the current memory usage \
             ({used}). This will result in key eviction and/or the inability to accept new write commands depending on \
             the maxmemory-policy."
        );
    }
}

fn apply_all(settings: &Settings, shared: &Shared) {
    let limits = &shared.limits;
    let seconds = |time: Option<std::time::Duration>| time.map_or(0, |time| time.as_secs());
    limits.clients_max.store(u64::from(settings.maxclients), Ordering::Relaxed);
    limits.idle_seconds_max.store(seconds(settings.timeout), Ordering::Relaxed);
    limits.keepalive_seconds.store(seconds(settings.tcp_keepalive), Ordering::Relaxed);
    limits.query_bytes_max.store(settings.client_query_buffer_limit, Ordering::Relaxed);
    limits.bulk_bytes_max.store(settings.proto_max_bulk_len, Ordering::Relaxed);
    limits.protected.store(settings.protected_mode, Ordering::Relaxed);
    let client_bytes_max = match settings.maxmemory_clients {
        Share::Bytes(bytes) => bytes,
        Share::Percent(percent) => settings.maxmemory / 100 * u64::from(percent),
    };
    shared.engine.clients.memory_max.store(client_bytes_max, Ordering::Relaxed);
    *limits.output.write() = settings.client_output_buffer_limits.normal;
    *limits.output_of_subscribers.write() = settings.client_output_buffer_limits.pubsub;
    shared.log.configure(&settings.append_only);
    let engine = &shared.engine.settings;
    engine.string_bytes_max.store(settings.proto_max_bulk_len, Ordering::Relaxed);
    let policy = settings.eviction.policy;
    let tracked_before = std::mem::replace(&mut *engine.tracking.write(), policy.tracking());
    if tracked_before != policy.tracking() {
        shared.engine.keyspace.forget_use();
    }
    engine.keeps_last_use.store(policy.minds_use(), Ordering::Relaxed);
    shared.engine.memory.configure(settings.maxmemory, settings.eviction);
    memory::limit_reserve(settings.maxmemory);
    engine.compresses_files.store(settings.rdbcompression, Ordering::Relaxed);
    engine.checks_files.store(settings.rdbchecksum, Ordering::Relaxed);
    engine.has_save_points.store(!settings.save_points.is_empty(), Ordering::Relaxed);
    shared.engine.persistence.loading.delay_us.store(settings.key_load_delay, Ordering::Relaxed);
    let stops_writes = settings.stop_writes_on_bgsave_error && !settings.save_points.is_empty();
    shared.engine.persistence.stop_writes_on_failure(stops_writes);
    shared.engine.persistence.background.delay_us.store(settings.rdb_key_save_delay, Ordering::Relaxed);
    engine.lfu_log_factor.store(settings.lfu_log_factor, Ordering::Relaxed);
    engine.lfu_decay_minutes.store(settings.lfu_decay_time, Ordering::Relaxed);
    engine.expire_effort.store(settings.active_expire_effort, Ordering::Relaxed);
    let defragmentation = &shared.engine.defragmentation;
    let wanted = &settings.defragmentation;
    defragmentation.enabled.store(wanted.enabled, Ordering::Relaxed);
    defragmentation.ignore_bytes.store(wanted.ignore_bytes, Ordering::Relaxed);
    defragmentation.threshold_lower.store(wanted.threshold_lower, Ordering::Relaxed);
    defragmentation.threshold_upper.store(wanted.threshold_upper, Ordering::Relaxed);
    defragmentation.cycle_min.store(wanted.cycle_min, Ordering::Relaxed);
    defragmentation.cycle_max.store(wanted.cycle_max, Ordering::Relaxed);
    defragmentation.cycle_us.store(wanted.cycle_us, Ordering::Relaxed);
    defragmentation.elements_max.store(wanted.max_scan_fields, Ordering::Relaxed);
    let encodings = &engine.encodings;
    encodings.hash_entries_max.store(settings.hash_max_listpack_entries, Ordering::Relaxed);
    encodings.hash_value_bytes_max.store(settings.hash_max_listpack_value, Ordering::Relaxed);
    encodings.list_size_max.store(settings.list_max_listpack_size, Ordering::Relaxed);
    encodings.set_integers_max.store(settings.set_max_intset_entries, Ordering::Relaxed);
    encodings.set_entries_max.store(settings.set_max_listpack_entries, Ordering::Relaxed);
    encodings.set_value_bytes_max.store(settings.set_max_listpack_value, Ordering::Relaxed);
    encodings.sorted_set_entries_max.store(settings.zset_max_listpack_entries, Ordering::Relaxed);
    encodings.sorted_set_value_bytes_max.store(settings.zset_max_listpack_value, Ordering::Relaxed);
    encodings.hyperloglog_sparse_bytes_max.store(settings.hll_sparse_max_bytes, Ordering::Relaxed);
    encodings.stream_block_bytes_max.store(settings.stream_node_max_bytes, Ordering::Relaxed);
    encodings.stream_block_entries_max.store(settings.stream_node_max_entries, Ordering::Relaxed);
    let messages = &shared.engine.keyspace.messages;
    messages.set_notifications(Classes::of_letters(&settings.notify_keyspace_events));
    let tracked_keys_max = settings.tracking_table_max_keys;
    messages.followers.tracked_keys_max.store(tracked_keys_max, Ordering::Relaxed);
    engine.password.write().clone_from(&settings.requirepass);
    engine.busy_reply_ms.store(settings.busy_reply_threshold, Ordering::Relaxed);
    engine.latency_tracking.store(settings.latency_tracking, Ordering::Relaxed);
    engine.latency_percentiles.write().clone_from(&settings.latency_tracking_info_percentiles);
}
