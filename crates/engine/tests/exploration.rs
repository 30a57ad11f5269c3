//! All interleavings, or as many as differ, of those who may end a wait and the one who waits.

#![allow(missing_docs, reason = "a test binary has no users of its items")]

/// The code as it is, made of primitives that try every order.
#[path = "../src/blocking"]
mod explored {
    pub(super) mod ending;

    mod synchronization {
        pub(super) use loom::sync::atomic::{AtomicBool, Ordering};

        /// A mutex that is locked as those of the engine are.
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

use explored::ending::Ending;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// A write or CLIENT UNBLOCK: ends the wait, if it is the first, and signals so.
fn end(ending: &Ending<usize>, signals: &AtomicUsize, reply: usize) {
    if ending.claim() {
        ending.give(reply);
        signals.fetch_add(1, Ordering::Release);
    }
}

#[test]
fn a_wait_ends_with_exactly_one_reply_whoever_ends_it() {
    loom::model(|| {
        let ending = Arc::new(Ending::new());
        let signals = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = [1, 2]
            .into_iter()
            .map(|reply| {
                let (ending, signals) = (ending.clone(), signals.clone());
                thread::spawn(move || end(&ending, &signals, reply))
            })
            .collect();
        // The event loop, when the time is over: it ends the wait itself, or somebody signals.
        let mut replies = Vec::new();
        if ending.claim() {
            ending.give(0);
        }
        replies.extend(ending.take());
        for other in others {
            other.join().expect("no thread panics");
        }
        for _ in 0..signals.load(Ordering::Acquire) {
            replies.extend(ending.take());
        }
        assert_eq!(replies.len(), 1, "{replies:?}");
        assert!(ending.is_claimed() && ending.take().is_none());
    });
}

/// The explorer finds what it is there for: a wait whose end is claimed by a look and a change one after the other.
#[test]
#[should_panic(expected = "two ended the wait")]
fn a_claim_in_two_steps_is_found_out() {
    loom::model(|| {
        let ended = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let claims = Arc::new(AtomicUsize::new(0));
        let claim = |ended: &loom::sync::atomic::AtomicBool, claims: &AtomicUsize| {
            if !ended.load(Ordering::Acquire) {
                ended.store(true, Ordering::Release);
                claims.fetch_add(1, Ordering::Relaxed);
            }
        };
        let other = thread::spawn({
            let (ended, claims) = (ended.clone(), claims.clone());
            move || claim(&ended, &claims)
        });
        claim(&ended, &claims);
        other.join().expect("no thread panics");
        assert_eq!(claims.load(Ordering::Relaxed), 1, "two ended the wait");
    });
}
