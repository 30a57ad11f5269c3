//! What programs build of scripts keeps its promises, however many clients use it at once: only one holds a lock, limits
//! are kept, every job of a queue is done once, no update is lost.
//!
//! The scripts are ours, after what well-known libraries document of theirs. Clients call them by their text, by their
//! digest and as functions, while scripts are forgotten now and then. Each check is also shown to find what is wrong with
//! a script that leaves its point out.
//!
//! `NUTHATCH_COMMANDS` and `NUTHATCH_SEED` say how much each test does and from which seed.

mod busy;
mod caller;
mod crowd;
mod exchanges;
mod jobs;
mod limits;
mod locks;
mod redlock;
mod reservations;
mod semaphores;
mod side_by_side;
mod transfers;
mod twins;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

/// Starts Nuthatch with several event loops.
#[track_caller]
fn start() -> Server {
    Server::start(&Program::nuthatch(), &["--io-threads", "4"])
}
