//! The nuthatch binary: an in-memory data store that takes Redis's place.

#![forbid(unsafe_code)]

mod config;
mod host;
mod log;
mod memory;
mod network;
mod persistence;
mod process;
mod server;
mod version;

use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use config::Config;
use process::Start;
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
    let started = process::signals::watch(move |_| {
        // The receiver lives until the process ends.
        let _ = on_signal.send(Ending::Signal);
    })
    .and_then(|()| {
        let config = config.clone();
        Server::start(&config.clone(), listeners, ending, move || process::ready(&config, &kinds))
    });
    let server = match started {
        Ok(server) => server,
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
            Ok(Ending::Signal) => {
                process::asked_to_end();
                if server.save_finally(&config.settings()) {
                    break;
                }
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
