//! All interleavings, or as many as differ, of threads that leave messages and the event loop that takes them.

#![allow(missing_docs, reason = "a test binary has no users of its items")]

/// The code as it is, made of primitives that try every order.
#[path = "../src/network"]
mod explored {
    pub(super) mod queue;

    mod synchronization {
        pub(super) use loom::sync::atomic::{AtomicBool, Ordering};

        /// A mutex that is locked as those of the server are.
        #[derive(Debug)]
        pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

        impl<T> Mutex<T> {
            pub(super) fn new(value: T) -> Self {
                Self(loom::sync::Mutex::new(value))
            }

            pub(super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
                self.0.lock().expect("nobody panics while it holds the lock")
            }
        }
    }
}

use explored::queue::Queue;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Two threads leave a delivery each while the event loop takes a turn as `EventLoop::run` does. Then it must go on at
/// once or be woken until it has both. `looks_before_sleeping` is false for a loop with a fault.
fn explore(looks_before_sleeping: bool) {
    loom::model(move || {
        let queue = Arc::new(Queue::new());
        // Stands for the descriptor that wakes the event loop: a counter, the reading of which sets it to zero.
        let descriptor = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = [1, 2]
            .into_iter()
            .map(|item| {
                let (queue, descriptor) = (queue.clone(), descriptor.clone());
                thread::spawn(move || {
                    if queue.leave(item) {
                        descriptor.fetch_add(1, Ordering::AcqRel);
                    }
                })
            })
            .collect();
        let mut taken = Vec::new();
        let mut turn = || {
            if queue.has_items() {
                taken.extend(queue.take());
            }
            // The mailbox is read after the turn, which forgets whatever the loop was woken for.
            descriptor.swap(0, Ordering::AcqRel);
            taken.len()
        };
        let mut count = turn();
        senders.into_iter().for_each(|sender| sender.join().expect("no thread panics"));
        while count < 2 {
            let is_woken = descriptor.load(Ordering::Acquire) > 0;
            assert!(is_woken || (looks_before_sleeping && queue.has_items()), "it sleeps for ever");
            count = turn();
        }
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn the_event_loop_gets_everything_and_never_oversleeps() {
    explore(true);
}

/// The explorer finds what it is there for: a message that comes between the turn and the reading of the descriptor.
#[test]
#[should_panic(expected = "it sleeps for ever")]
fn a_loop_that_does_not_look_before_it_sleeps_is_found_out() {
    explore(false);
}
