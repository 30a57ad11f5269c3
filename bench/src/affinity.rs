//! Binding threads to processors, so that generator and server do not share one by accident.

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Binds the calling thread, and every thread and process that it starts later, to `processors`.
pub fn pin_current_thread(processors: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &processor in processors {
        ensure!(processor < CpuSet::MAX_CPU, "there is no processor {processor}");
        set.set(processor);
    }
    sched_setaffinity(None, &set).with_context(|| format!("binding to processors {processors:?}"))
}
