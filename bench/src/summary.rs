//! What a run achieved, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::load::Outcome;

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencySummary {
    /// Arithmetic mean.
    pub mean: f64,
    /// Half of the replies came faster.
    pub p50: f64,
    /// 99 % of the replies came faster.
    pub p99: f64,
    /// 99.9 % of the replies came faster.
    pub p99_9: f64,
    /// 99.99 % of the replies came faster.
    pub p99_99: f64,
    /// The slowest reply.
    pub max: f64,
}

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Replies.
    pub replies: u64,
    /// Replies that were errors.
    pub errors: u64,
    /// Replies that were null.
    pub nulls: u64,
    /// The first error texts with their numbers.
    pub error_texts: std::collections::BTreeMap<String, u64>,
    /// Seconds from the start to the last reply.
    pub elapsed_s: f64,
    /// Replies in a second.
    pub throughput: f64,
    /// Latencies in microseconds.
    pub latency_us: LatencySummary,
    /// Processor time of the generator for each reply, in microseconds.
    pub generator_us: f64,
    /// Part of the time in which the generator was busy, over all its threads; near 1 for each thread, the
    /// generator was the limit and not the server.
    pub generator_busy: f64,
}

impl From<&Outcome> for Summary {
    fn from(outcome: &Outcome) -> Self {
        let latency = &outcome.latency_ns;
        let quantile_us = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            replies: outcome.tally.replies,
            errors: outcome.tally.errors,
            nulls: outcome.tally.nulls,
            error_texts: outcome.tally.error_texts.clone(),
            elapsed_s: outcome.elapsed.as_secs_f64(),
            throughput: outcome.throughput(),
            latency_us: LatencySummary {
                mean: latency.mean() / 1e3,
                p50: quantile_us(0.5),
                p99: quantile_us(0.99),
                p99_9: quantile_us(0.999),
                p99_99: quantile_us(0.9999),
                max: latency.max() as f64 / 1e3,
            },
            generator_us: outcome.generator_time.as_secs_f64() * 1e6 / outcome.tally.replies as f64,
            generator_busy: outcome.generator_time.as_secs_f64() / outcome.elapsed.as_secs_f64(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = &self.latency_us;
        writeln!(
            formatter,
            "{} replies in {:.2} s: {:.0} a second",
            self.replies, self.elapsed_s, self.throughput
        )?;
        writeln!(
            formatter,
            "latency in microseconds: mean {:.1}, p50 {:.1}, p99 {:.1}, p99.9 {:.1}, p99.99 {:.1}, max {:.1}",
            latency.mean, latency.p50, latency.p99, latency.p99_9, latency.p99_99, latency.max
        )?;
        write!(
            formatter,
            "generator: {:.3} microseconds a reply, busy {:.0} % of the time",
            self.generator_us,
            self.generator_busy * 100.0
        )?;
        if self.nulls > 0 {
            write!(formatter, "\nnull replies: {}", self.nulls)?;
        }
        if self.errors > 0 {
            write!(formatter, "\nERROR REPLIES: {}", self.errors)?;
            for (text, count) in &self.error_texts {
                write!(formatter, "\n  {count} x {text}")?;
            }
        }
        Ok(())
    }
}
