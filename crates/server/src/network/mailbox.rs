//! Messages to an event loop from other threads.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};

use nuthatch_engine::delivery::{Delivery, Mailbox, Signal};
use rustix::event::{EventfdFlags, eventfd};

use super::listen::Accepted;
use super::queue::Queue;

/// What an event loop is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Serve this connection.
    Serve(Accepted),
    /// Something about a client that the loop serves.
    Client(u64, Signal),
    /// Look again at whether replies may leave that wait for the append-only file.
    Kept,
    /// A snapshot is made that wants help.
    Help,
    /// Close everything and end.
    Stop,
}

/// With so many bytes of deliveries a mailbox is full. It still takes more, but those who leave them have to wait.
const DELIVERED_BYTES_MAX: usize = 8 << 20;

thread_local! {
    /// The number of the event loop that runs in this thread.
    static OWN_NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether this thread has left something in another one's mailbox that is full.
    static IS_AHEAD: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread has left deliveries in a full mailbox since this was last asked. Whoever had it do so should wait
/// until that thread has come to them.
pub(crate) fn is_ahead() -> bool {
    IS_AHEAD.take()
}

/// An event loop's mailbox. Its descriptor becomes readable when something was left in it.
#[derive(Debug)]
pub(crate) struct ThreadMailbox {
    /// The loop's number.
    number: usize,
    messages: Queue<Message>,
    deliveries: Queue<Delivery>,
    /// About what the deliveries take, in bytes.
    delivered_bytes: AtomicUsize,
    wake: OwnedFd,
}

impl ThreadMailbox {
    /// The empty mailbox of the loop `number`.
    pub(crate) fn new(number: usize) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (messages, deliveries, delivered_bytes) = (Queue::new(), Queue::new(), AtomicUsize::new(0));
        Ok(Self { number, messages, deliveries, delivered_bytes, wake })
    }

    /// Makes the calling thread the one that empties the mailbox.
    pub(crate) fn adopt(&self) {
        OWN_NUMBER.set(Some(self.number));
    }

    /// Leaves a message and wakes the loop.
    pub(crate) fn leave(&self, message: Message) {
        if self.messages.leave(message) {
            self.wake();
        }
    }

    fn wake(&self) {
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
        self.messages.take()
    }
}

impl ThreadMailbox {
    /// Whether there are deliveries.
    #[inline]
    pub(crate) fn has_deliveries(&self) -> bool {
        self.deliveries.has_items()
    }

    /// Whether it has more deliveries than it should.
    pub(crate) fn is_full(&self) -> bool {
        self.delivered_bytes.load(Ordering::Relaxed) > DELIVERED_BYTES_MAX
    }

    /// Takes all deliveries.
    pub(crate) fn take_deliveries(&self) -> Vec<Delivery> {
        // One that is left just now may count for nothing.
        self.delivered_bytes.store(0, Ordering::Relaxed);
        self.deliveries.take()
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

    fn deliver(&self, delivery: Delivery) {
        let bytes = size_of::<Delivery>() + delivery.message.memory();
        self.delivered_bytes.fetch_add(bytes, Ordering::Relaxed);
        let is_first = self.deliveries.leave(delivery);
        if OWN_NUMBER.get() == Some(self.number) {
            // The loop looks for deliveries before it sleeps.
            return;
        }
        if is_first {
            self.wake();
        }
        if self.is_full() {
            IS_AHEAD.set(true);
        }
    }
}
