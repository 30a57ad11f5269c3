//! The primitives that [`queue`](super::queue) is made of: others stand in for them where its interleavings are explored.

pub(super) use std::sync::atomic::{AtomicBool, Ordering};

pub(super) use parking_lot::Mutex;
