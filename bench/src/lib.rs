//! A load generator for servers that speak the Redis protocol.
//!
//! [`Load`] connects to one server and drives one or more kinds of [`Traffic`] at it from
//! event loops that cost as little as possible: requests are rendered from templates, replies are
//! counted and never decoded. The binaries of this package are thin layers over it.
#![forbid(unsafe_code)]

mod affinity;
mod connection;
mod keys;
mod lane;
mod load;
mod pacing;
mod replies;
mod request;
mod server_clock;
mod summary;
mod tally;
pub mod traces;
mod traffic;
mod worker;

pub use affinity::pin_current_thread;
pub use keys::{KeyDistribution, KeySpace};
pub use load::{Load, Outcome, Stop, Target};
pub use pacing::Pacing;
pub use request::{Request, RequestShape};
pub use summary::{LatencySummary, Summary};
pub use tally::Tally;
pub use traffic::{Mix, Traffic};
