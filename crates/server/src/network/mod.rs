//! Sockets, event loops and connections.

mod clients;
mod connection;
mod defragmenter;
mod event_loop;
mod held;
mod limits;
mod listen;
mod mailbox;
mod participant;
mod queue;
mod stand_in;
mod stopwatch;
mod synchronization;
mod turn;

pub(crate) use event_loop::{EventLoop, Shared};
pub(crate) use limits::Limits;
pub(crate) use listen::{Listener, listen_tcp, listen_unix};
pub(crate) use mailbox::{Message, ThreadMailbox};
