//! The processor time of the server, read from outside.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::ClockId;
use nix::unistd::Pid;

/// The clock that runs while any thread of a process on this machine has a processor.
///
/// What a virtual machine's host takes for others does not count, if it tells: the kernel subtracts it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock(ClockId);

impl ServerClock {
    pub(crate) fn new(process: u32) -> Result<Self> {
        let process = i32::try_from(process).context("this is no number of a process")?;
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(process));
        Ok(Self(clock.context("the server has no clock of its processor time")?))
    }

    pub(crate) fn now(self) -> Result<Duration> {
        Ok(self.0.now().context("reading the server's processor time")?.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_clock_runs_with_the_work_of_the_process() {
        let clock = ServerClock::new(std::process::id()).unwrap();
        let before = clock.now().unwrap();
        let start = Instant::now();
        while clock.now().unwrap() - before < Duration::from_millis(5) {
            assert!(start.elapsed() < Duration::from_secs(20), "no processor time is seen");
        }
    }
}
