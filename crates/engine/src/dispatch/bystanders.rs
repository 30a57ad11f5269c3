//! Those who are served by a thread that runs a script for too long.

use scoped_tls_hkt::scoped_thread_local;

/// The other clients of a thread.
pub trait Bystanders {
    /// Reads what they have sent and answers it, which is done while a script runs: it must not take long. Called again
    /// and again.
    fn attend(&mut self);
}

scoped_thread_local!(
    /// Those of the thread.
    static mut BYSTANDERS: for<'b> &'b mut dyn Bystanders
);

/// Runs something that may run a script, during which `bystanders` are attended to if it takes long.
pub fn attending<R>(bystanders: &mut dyn Bystanders, run: impl FnOnce() -> R) -> R {
    BYSTANDERS.set(bystanders, run)
}

/// Attends to those of the calling thread.
pub(super) fn attend() {
    if BYSTANDERS.is_set() {
        BYSTANDERS.with(|bystanders| bystanders.attend());
    }
}
