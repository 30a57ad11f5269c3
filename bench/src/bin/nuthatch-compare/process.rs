//! What the kernel accounts to a process. Formats: proc(5).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Processor time and memory of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProcessStatistics {
    /// Time on a processor of all its present threads, in user and in kernel mode.
    pub(crate) processor_time: Duration,
    /// Resident bytes.
    pub(crate) resident_bytes: u64,
}

impl ProcessStatistics {
    pub(crate) fn read(pid: u32) -> Result<Self> {
        Ok(Self { processor_time: processor_time(pid)?, resident_bytes: resident_bytes(pid)? })
    }
}

/// The sum over all threads from `schedstat`, which counts in nanoseconds where `stat` has ticks of 10 ms.
fn processor_time(pid: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(entry?.path().join("schedstat")) else { continue };
        let nanoseconds = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
        total += Duration::from_nanos(nanoseconds.context("schedstat starts with no number")?);
    }
    Ok(total)
}

/// From `smaps_rollup`, since `status` is only updated now and then.
fn resident_bytes(pid: u32) -> Result<u64> {
    rollup(pid, "Rss:")
}

/// Bytes of a process and of its children; what several of them share is counted once.
pub(crate) fn proportional_bytes(pid: u32) -> Result<u64> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    // A child may end between the listing and the reading.
    let of_children =
        children.split_ascii_whitespace().filter_map(|child| rollup(child.parse().ok()?, "Pss:").ok());
    Ok(rollup(pid, "Pss:")? + of_children.sum::<u64>())
}

fn rollup(pid: u32, name: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("smaps_rollup has no {name}"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().context("it is no number")?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn time_and_memory_that_this_process_uses_are_seen() {
        let before = ProcessStatistics::read(std::process::id()).unwrap();
        let block = vec![1u8; 64 << 20];
        let start = Instant::now();
        let after = loop {
            std::hint::black_box(&block);
            let now = ProcessStatistics::read(std::process::id()).unwrap();
            if now.processor_time - before.processor_time >= Duration::from_millis(5) {
                break now;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "no processor time is seen");
        };
        assert!(after.resident_bytes - before.resident_bytes >= 60 << 20);
    }
}
