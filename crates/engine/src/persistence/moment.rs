//! All data as of one moment, while every shard is locked.

use std::io::{self, Write};
use std::time::Duration;

use super::{SaveOptions, save};
use crate::Engine;
use crate::keyspace::locked::{Guards, Keys};

/// How long a script is waited for that has run for too long.
const PATIENCE: Duration = Duration::from_millis(10);

impl Engine {
    /// Writes all data as of one moment, and calls `at_moment` in that moment, while every shard is locked.
    ///
    /// # Errors
    /// The file does not take it.
    pub fn write_snapshot(
        &self,
        options: &SaveOptions,
        at_moment: &mut dyn FnMut(),
        sink: &mut dyn Write,
    ) -> io::Result<()> {
        let guards = self.lock_everything();
        at_moment();
        let policy = self.settings.access_policy(self.now_ms());
        let libraries = self.scripts.libraries.all();
        let keys = Keys::new(&self.keyspace, guards, policy.now_ms, policy, 0);
        save(&keys, &libraries, policy, options, sink)
    }

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
