//! One kind of traffic on one thread: what may be sent when, and what came back.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::connection::Connection;
use crate::keys::KeySampler;
use crate::load::Outcome;
use crate::pacing::{Pacing, Schedule};
use crate::tally::Tally;
use crate::traffic::Mix;

/// Longest silence of the server while requests are outstanding, and so the longest latency.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(60);

/// One kind of traffic on one thread.
pub(crate) struct Lane {
    pub(crate) mix: Mix,
    pub(crate) sampler: KeySampler,
    pacing: Pacing,
    /// The due times, in an open loop.
    pub(crate) schedule: Option<Schedule>,
    pipeline: u64,
    /// Where this lane's connections lie in the worker's.
    pub(crate) connections: Range<usize>,
    /// Requests that may still be sent in this run.
    pub(crate) budget: u64,
    /// In an open loop: the next request of the schedule to look at.
    pub(crate) cursor: u64,
    pub(crate) tally: Tally,
    latency_ns: Histogram<u64>,
    costliest_wait_ns: u64,
    last_reply_ns: u64,
}

impl Lane {
    pub(crate) fn new(mix: Mix, sampler: KeySampler, pacing: Pacing, pipeline: usize) -> Result<Self> {
        let schedule = match pacing {
            Pacing::Rate { per_second } => Some(Schedule::new(per_second)),
            Pacing::Batches | Pacing::Sliding => None,
        };
        Ok(Self {
            mix,
            sampler,
            pacing,
            schedule,
            pipeline: pipeline as u64,
            connections: 0..0,
            budget: 0,
            cursor: 0,
            tally: Tally::default(),
            // Three significant digits: an error of at most one in a thousand.
            latency_ns: Histogram::new_with_max(SILENCE_MAX.as_nanos() as u64, 3)?,
            costliest_wait_ns: 0,
            last_reply_ns: 0,
        })
    }

    /// Starts a run of at most `requests`.
    pub(crate) fn begin(&mut self, requests: u64) {
        self.budget = requests.min(self.sampler.remaining().unwrap_or(u64::MAX));
        self.cursor = 0;
        self.costliest_wait_ns = 0;
        self.last_reply_ns = 0;
    }

    /// Decides how many requests the connection may send now, and notes them as sent.
    pub(crate) fn admit(&mut self, connection: &mut Connection, now_ns: u64, stop_ns: u64) -> u64 {
        let room = self.budget.min(self.pipeline.saturating_sub(connection.outstanding()));
        let admitted = match (self.pacing, self.schedule) {
            (_, Some(schedule)) => self.admit_due(connection, schedule.due_before(now_ns.min(stop_ns)), room),
            _ if now_ns >= stop_ns || room == 0 => 0,
            (Pacing::Batches, _) if connection.outstanding() > 0 => 0,
            _ => {
                connection.note_sent(now_ns, room);
                room
            }
        };
        self.budget -= admitted;
        admitted
    }

    /// Notes the connection's requests with an index below `due`, as far as there is room.
    fn admit_due(&self, connection: &mut Connection, due: u64, room: u64) -> u64 {
        let Some(schedule) = self.schedule else { return 0 };
        let mut admitted = 0;
        while admitted < room && connection.next_index < due {
            connection.note_sent(schedule.due_ns(connection.next_index), 1);
            connection.next_index += self.connections.len() as u64;
            admitted += 1;
        }
        admitted
    }

    /// In an open loop: requests were due before the end that have not been sent on this lane's `connections`.
    pub(crate) fn is_late(&self, connections: &[Connection], stop_ns: u64) -> bool {
        let Some(schedule) = self.schedule else { return false };
        let due = schedule.due_before(stop_ns);
        self.budget > 0 && connections.iter().any(|connection| connection.next_index < due)
    }

    /// Records `count` replies to requests that were sent, or due, at `sent_ns`.
    pub(crate) fn record(&mut self, now_ns: u64, sent_ns: u64, count: u64) {
        self.last_reply_ns = now_ns;
        self.latency_ns.saturating_record_n(now_ns.saturating_sub(sent_ns), count);
    }

    /// Records how much processor time the server took during a wait, which `processor_time` tells.
    pub(crate) fn charge(
        &mut self,
        wait_ns: u64,
        processor_time: impl FnOnce() -> Result<Duration>,
    ) -> Result<()> {
        // The clock is read only if that can change the result: nothing is charged beyond the wait.
        if wait_ns > self.costliest_wait_ns {
            let charged_ns = (processor_time()?.as_nanos() as u64).min(wait_ns);
            self.costliest_wait_ns = self.costliest_wait_ns.max(charged_ns);
        }
        Ok(())
    }

    /// Ends a run: the outcome is handed out and the lane is ready for the next run.
    pub(crate) fn take_outcome(&mut self, generator_time: Duration) -> Outcome {
        let latency_ns = self.latency_ns.clone();
        self.latency_ns.reset();
        Outcome {
            tally: std::mem::take(&mut self.tally),
            latency_ns,
            costliest_wait_ns: self.costliest_wait_ns,
            elapsed: Duration::from_nanos(self.last_reply_ns),
            generator_time,
        }
    }
}
