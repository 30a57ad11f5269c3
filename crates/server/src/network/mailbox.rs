//! Messages to an event loop from other threads.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nuthatch_engine::clients::{Mailbox, Signal};
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};

use super::listen::Accepted;

/// What an event loop is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Serve this connection.
    Serve(Accepted),
    /// Something about a client that the loop serves.
    Client(u64, Signal),
    /// Close everything and end.
    Stop,
}

/// An event loop's mailbox. Its descriptor becomes readable when something was left in it.
#[derive(Debug)]
pub(crate) struct ThreadMailbox {
    messages: Mutex<Vec<Message>>,
    wake: OwnedFd,
}

impl ThreadMailbox {
    /// An empty mailbox.
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { messages: Mutex::default(), wake })
    }

    /// Leaves a message and wakes the loop.
    pub(crate) fn leave(&self, message: Message) {
        self.messages.lock().push(message);
        // The only failure is a counter at its maximum, which wakes the loop just as well.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Tells the loop to end.
    pub(crate) fn stop(&self) {
        self.leave(Message::Stop);
    }

    /// Takes all messages.
    pub(crate) fn take(&self) -> Vec<Message> {
        let mut count = [0; 8];
        // Not readable when the loop was woken by something else.
        let _ = rustix::io::read(&self.wake, &mut count);
        std::mem::take(&mut *self.messages.lock())
    }
}

impl AsFd for ThreadMailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl Mailbox for ThreadMailbox {
    fn post(&self, client: u64, signal: Signal) {
        self.leave(Message::Client(client, signal));
    }
}
