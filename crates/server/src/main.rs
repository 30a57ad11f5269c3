//! The nuthatch binary: an in-memory data store that takes Redis's place.

#![forbid(unsafe_code)]

mod config;
mod disk;
mod host;
mod log;
mod memory;
mod network;
mod persistence;
mod process;
mod server;
mod version;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock, mpsc};

use config::Config;
use nuthatch_engine::Engine;
use process::Start;
use process::signals::Termination;
use server::{Ending, Server};

fn main() -> ExitCode {
    if let Some(files) = persistence::check::asked_for(std::env::args_os()) {
        return persistence::check::run(&files);
    }
    if let Some(arguments) = persistence::check_append_only::asked_for(std::env::args_os()) {
        return persistence::check_append_only::run(&arguments);
    }
    match process::start() {
        Start::Exit(status) => status,
        Start::Serve(config) => serve(&config),
    }
}

/// Serves clients until somebody asks for the end.
fn serve(config: &Arc<Config>) -> ExitCode {
    let listeners = match server::listen(&config.settings()) {
        Ok(listeners) => listeners,
        Err(problem) => {
            log::warning!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    process::initialized();
    let kinds = server::kinds(&config.settings());
    let (ending, ended) = mpsc::channel();
    let on_signal = ending.clone();
    let engine = Arc::new(OnceLock::<Arc<Engine>>::new());
    let known = engine.clone();
    let is_loading = move || known.get().is_some_and(|engine| engine.persistence.loading.is_active());
    let watching = process::signals::watch(is_loading, move |signal| {
        // The receiver lives until the process ends.
        let _ = on_signal.send(Ending::Signal(signal));
    });
    let started = watching.and_then(|request| {
        let announced = config.clone();
        let announce = move || process::ready(&announced, &kinds);
        Ok((request, Server::start(config, listeners, ending, announce, &engine)?))
    });
    let (request, server) = match started {
        Ok(started) => started,
        Err(problem) => {
            log::warning!("Can't start: {problem}");
            return ExitCode::FAILURE;
        }
    };
    loop {
        match ended.recv() {
            Ok(Ending::NotLoaded) => {
                server.stop();
                return ExitCode::FAILURE;
            }
            Ok(Ending::Signal(signal)) => {
                let settings = config.settings();
                let options = match signal {
                    Termination::Terminate => settings.shutdown_on_sigterm,
                    Termination::Interrupt => settings.shutdown_on_sigint,
                };
                process::asked_to_end();
                if server.prepare_end(&settings, options) {
                    break;
                }
                request.refuse();
            }
            // An error would mean that nobody is left to ask for the end.
            Ok(Ending::Command(_)) | Err(_) => break,
        }
    }
    process::stopping(config);
    server.stop();
    process::finish(config);
    ExitCode::SUCCESS
}
