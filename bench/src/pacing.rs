//! When the next request is sent.

/// What makes a connection send its next request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pacing {
    /// Closed loop: a connection sends a whole pipeline and the next one when all is answered.
    Batches,
    /// Closed loop: every reply makes room for one more request.
    Sliding,
    /// Open loop: requests are due at fixed intervals, whether or not the server keeps up, and their
    /// latency counts from the moment they were due. A connection with a full pipeline sends late.
    Rate {
        /// Requests in a second over all connections.
        per_second: f64,
    },
}

/// The due times of an open loop's requests on one thread.
///
/// Request `index` belongs to the connection at position `index % connections`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    interval_ns: f64,
}

impl Schedule {
    pub(crate) fn new(per_second: f64) -> Self {
        Self { interval_ns: 1e9 / per_second }
    }

    /// When the request is due, in nanoseconds since the start of the run.
    pub(crate) fn due_ns(self, index: u64) -> u64 {
        (index as f64 * self.interval_ns) as u64
    }

    /// How many requests are due before `time_ns`.
    pub(crate) fn due_before(self, time_ns: u64) -> u64 {
        (time_ns as f64 / self.interval_ns).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_exactly_the_requests_of_its_rate() {
        let schedule = Schedule::new(3000.0);
        assert_eq!(schedule.due_before(1_000_000_000), 3000);
        assert!(schedule.due_ns(2999) < 1_000_000_000);
        assert!(schedule.due_ns(3000) >= 1_000_000_000);
    }
}
