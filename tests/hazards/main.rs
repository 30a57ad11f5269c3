//! What could bring the server down, or make it lose its place, its memory or its word.

mod access;
mod accounting;
mod blocking;
mod buffers;
mod chance;
mod concurrency;
mod configuration;
mod connections;
mod expiry;
mod fragmentation;
mod garbage;
mod iteration;
mod shutdown;
mod sizes;
mod streams;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// Starts Nuthatch with `arguments`.
#[track_caller]
fn start(arguments: &[&str]) -> Server {
    Server::start(&Program::nuthatch(), arguments)
}
