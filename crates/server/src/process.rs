//! The life of the process, from its arguments to its last line in the log.
//!
//! The lines logged here are those of the stock server, in its order: supervisors, init scripts and test
//! harnesses wait for them.

mod banner;
mod daemon;
mod limits;
mod out_of_memory;
pub(crate) mod signals;
mod supervision;
mod system;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::config::{Config, ConfigError, Settings, Startup, system_text};
use crate::log;
use crate::version::{self, NAME};

/// What to do after [`start`].
pub(crate) enum Start {
    /// Serve with this configuration.
    Serve(Arc<Config>),
    /// End the process: it has done what it was asked for, or cannot do it and has said why.
    Exit(ExitCode),
}

/// Reads the configuration and brings the process into the state in which it can serve: in the background if
/// so configured, in its working directory, logging where it should, allowed to open enough files.
///
/// No other thread may run yet.
pub(crate) fn start() -> Start {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let without_arguments = arguments.is_empty();
    let mut invocation = daemon::Invocation::new();
    let config: Arc<Config> = match Config::from_arguments(arguments, &mut invocation) {
        Ok(Startup::Run(config)) => Arc::from(config),
        Ok(Startup::PrintVersion) => return print(&format!("{}\n", version::version_line())),
        Ok(Startup::PrintHelp) => return print(version::HELP),
        Ok(Startup::CheckSystem) => return Start::Exit(system::check()),
        Ok(Startup::PrintDocumentation) => return print(&crate::config::documentation()),
        Err(error) => return refuse(&error),
    };
    let settings = config.settings();
    log::set_level(settings.loglevel);
    if let Err(problem) = prepare_log(&settings) {
        eprintln!("{}", ConfigError::LogFile(system_text(&problem)));
        return Start::Exit(ExitCode::FAILURE);
    }
    let supervised = supervision::begin(settings.supervision);
    if settings.daemonize && !supervised {
        match daemon::detach(&invocation) {
            Ok(daemon::Side::Daemon) => {}
            Ok(daemon::Side::Launcher(status)) => return Start::Exit(status),
            Err(problem) => {
                log::warning!("Can't run in the background: {}", system_text(&problem));
                return Start::Exit(ExitCode::FAILURE);
            }
        }
    }
    announce(without_arguments);
    log::set_role(log::Role::Primary);
    match prepare(&config, supervised) {
        true => Start::Serve(config),
        false => Start::Exit(ExitCode::FAILURE),
    }
}

fn print(text: &str) -> Start {
    use std::io::Write;
    // Whoever closes the pipe early has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Start::Exit(ExitCode::SUCCESS)
}

fn refuse(error: &ConfigError) -> Start {
    match error {
        ConfigError::File { .. } => log::warning!("{error}"),
        _ => eprintln!("{error}"),
    }
    Start::Exit(ExitCode::FAILURE)
}

/// Enters the working directory, which a relative log file is in, and makes sure that the log can be written.
fn prepare_log(settings: &Settings) -> std::io::Result<()> {
    std::env::set_current_dir(&settings.dir)?;
    if let Some(file) = &settings.logfile {
        log::try_file(file)?;
    }
    log::set_destination(log::Destination {
        file: settings.logfile.clone(),
        syslog: settings.syslog_enabled.then(|| (settings.syslog_ident.clone(), settings.syslog_facility)),
    });
    Ok(())
}

fn announce(without_arguments: bool) {
    let process = std::process::id();
    let (version, bits) = (version::VERSION, usize::BITS);
    log::notice!("oO0OoO0OoO0Oo {NAME} is starting oO0OoO0OoO0Oo");
    log::notice!(
        "{NAME} version={version}, bits={bits}, commit=00000000, modified=0, pid={process}, just started"
    );
    if without_arguments {
        log::warning!(
            "Warning: no config file specified, using the default config. In order to specify a config file use \
             nuthatch /path/to/redis.conf"
        );
    } else {
        log::notice!("Configuration loaded");
    }
}

/// The part of the start that needs the final process; `false` if the server cannot run.
fn prepare(config: &Config, supervised: bool) -> bool {
    let settings = config.settings();
    match limits::raise(settings.maxclients, settings.io_threads) {
        limits::Outcome::Enough => {}
        limits::Outcome::Only(maxclients) => config.reduce_maxclients(maxclients),
        limits::Outcome::TooFew => return false,
    }
    if settings.daemonize && !supervised {
        config.set_default_pidfile();
    }
    if let Some(file) = &config.settings().pidfile {
        write_pid_file(file);
    }
    banner::show(&settings);
    limits::check_backlog(settings.tcp_backlog);
    if let Err(problem) = out_of_memory::adjust(&settings) {
        log::warning!("Unable to write oom_score_adj: {}", system_text(&problem));
    }
    let declarations = config.declarations();
    if !declarations.unresolved.is_empty() {
        log::warning!("Unresolved Configuration(s) Detected:");
        for line in &declarations.unresolved {
            log::warning!(">>> '{line}'");
        }
        log::warning!(
            "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"
        );
        return false;
    }
    let without_effect = config.without_effect();
    if !without_effect.is_empty() {
        log::warning!(
            "WARNING These directives are set but have no effect in this version: {}",
            without_effect.join(", ")
        );
    }
    if !declarations.users.iter().all(|words| is_default_user(words))
        || !config.get("aclfile").unwrap_or_default().is_empty()
    {
        log::warning!(
            "{NAME} does not know ACL users yet: the restrictions of `user` and `aclfile` would not hold. Aborting"
        );
        return false;
    }
    for module in &declarations.modules {
        let path = String::from_utf8_lossy(module.first().map_or(b"", Vec::as_slice));
        log::warning!("Module {path} failed to load: {NAME} does not load modules");
        log::warning!("Can't load module from {path}: server aborting");
    }
    declarations.modules.is_empty()
}

/// Whether a `user` line says no more than what holds without it, such as the one that a rewritten
/// configuration of a stock server ends with.
fn is_default_user(words: &[Vec<u8>]) -> bool {
    const UNRESTRICTED: &[&[u8]] = &[
        b"on",
        b"nopass",
        b"sanitize-payload",
        b"~*",
        b"&*",
        b"+@all",
        b"allkeys",
        b"allchannels",
        b"allcommands",
    ];
    words.split_first().is_some_and(|(name, rules)| {
        name == b"default" && rules.iter().all(|rule| UNRESTRICTED.contains(&rule.as_slice()))
    })
}

fn write_pid_file(file: &Path) {
    if let Err(problem) = std::fs::write(file, format!("{}\n", std::process::id())) {
        log::warning!("Failed to write PID file: {}", system_text(&problem));
    }
}

/// Logs that the server is set up. Loading its data comes next.
pub(crate) fn initialized() {
    log::notice!("Server initialized");
}

/// Logs and tells the supervisor that clients are served, over the named kinds of socket: `tcp`, `unix`, `tls`.
pub(crate) fn ready(config: &Config, listeners: &[&str]) {
    for listener in listeners {
        log::notice!("Ready to accept connections {listener}");
    }
    supervision::ready(config.settings().supervision);
}

/// Logs that somebody has asked for the end.
pub(crate) fn asked_to_end() {
    log::notice!("User requested shutdown...");
}

/// Logs and tells the supervisor that the server is shutting down.
pub(crate) fn stopping(config: &Config) {
    supervision::stopping(config.settings().supervision);
}

/// Removes what the process leaves in the file system, and logs its last line.
pub(crate) fn finish(config: &Config) {
    let settings = config.settings();
    if let Some(file) = &settings.pidfile {
        log::notice!("Removing the pid file.");
        remove(file);
    }
    if let Some(socket) = &settings.unix_socket {
        log::notice!("Removing the unix socket file.");
        remove(socket);
    }
    log::warning!("{NAME} is now ready to exit, bye bye...");
}

/// A file that is gone already needs no removing, and one that cannot be removed does no harm.
fn remove(file: &Path) {
    let _ = std::fs::remove_file(file);
}

/// Gives effect to a changed directive, as far as it concerns the process; others are none of its business.
/// To be called first for every change by `CONFIG SET`.
///
/// # Errors
///
/// The reason in the words of the error reply.
pub(crate) fn apply(directive: &str, settings: &Settings) -> Result<(), String> {
    match directive {
        "port" | "bind" => return Err("it takes effect with the next start only".to_owned()),
        "loglevel" => log::set_level(settings.loglevel),
        "dir" => std::env::set_current_dir(&settings.dir).map_err(|problem| system_text(&problem))?,
        "maxclients" => limits::raise_for(settings.maxclients, settings.io_threads)?,
        "oom-score-adj" | "oom-score-adj-values" => out_of_memory::adjust(settings).map_err(|problem| {
            log::warning!("Unable to write oom_score_adj: {}", system_text(&problem));
            "Failed to apply new oom_score_adj configuration, check server logs.".to_owned()
        })?,
        _ => {}
    }
    Ok(())
}
