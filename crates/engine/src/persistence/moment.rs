//! A moment in which nobody can change anything.

use std::time::Duration;

use crate::Engine;
use crate::keyspace::locked::Guards;

/// How long a script is waited for that has run for too long.
const PATIENCE: Duration = Duration::from_millis(10);

impl Engine {
    /// Calls `act` while every shard is locked.
    pub fn at_one_moment(&self, act: &mut dyn FnMut()) {
        let _guards = self.lock_everything();
        act();
    }

    fn lock_everything(&self) -> Guards<'_> {
        loop {
            match self.keyspace.lock_all() {
                Ok(guards) => return guards,
                Err(_) => self.host.sleep(PATIENCE),
            }
        }
    }
}
