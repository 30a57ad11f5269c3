//! Messages to clients that did not ask for them just now: nobody misses one that counts, however many clients write,
//! publish and listen at once.
//!
//! `NUTHATCH_COMMANDS` and `NUTHATCH_SEED` say how much each test does and from which seed.

mod cache;
mod caching;
mod publishing;
mod slow_subscribers;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// Starts Nuthatch with `arguments`, and several event loops.
#[track_caller]
fn start(arguments: &[&str]) -> Server {
    Server::start(&Program::nuthatch(), &[&["--io-threads", "4"], arguments].concat())
}
