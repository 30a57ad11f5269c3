//! INFO's sections about commands: how often each ran, what it answered, how long it took.

use std::sync::atomic::Ordering;

use crate::statistics::CommandCounters;

use super::{Facts, Lines};

pub(super) fn counts(lines: &mut Lines, facts: &Facts<'_>) {
    for (command, counters) in facts.engine.commands.all().iter().zip(&facts.counters.commands) {
        let CommandCounters { calls, rejected, failed, .. } = *counters;
        if calls + rejected + failed == 0 {
            continue;
        }
        let microseconds = counters.nanoseconds / 1000;
        let per_call = counters.nanoseconds as f64 / 1000.0 / calls.max(1) as f64;
        lines.field(
            &format!("cmdstat_{}", command.full_name),
            format_args!(
                "calls={calls},usec={microseconds},usec_per_call={per_call:.2},rejected_calls={rejected},\
                 failed_calls={failed}"
            ),
        );
    }
}

pub(super) fn errors(lines: &mut Lines, facts: &Facts<'_>) {
    for (code, count) in &facts.counters.errors {
        lines.field(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latencies(lines: &mut Lines, facts: &Facts<'_>) {
    if !facts.engine.settings.latency_tracking.load(Ordering::Relaxed) {
        return;
    }
    let percentiles = facts.engine.settings.latency_percentiles.read().clone();
    for command in facts.engine.commands.all() {
        let latency = facts.engine.statistics.latency(command.id);
        let Some(latency) = latency.filter(|latency| !latency.is_empty()) else { continue };
        let values: Vec<String> = percentiles
            .iter()
            .map(|percentile| {
                let microseconds = latency.value_at_percentile(*percentile) as f64 / 1000.0;
                format!("p{percentile}={microseconds:.3}")
            })
            .collect();
        lines.field(&format!("latency_percentiles_usec_{}", command.full_name), values.join(","));
    }
}
