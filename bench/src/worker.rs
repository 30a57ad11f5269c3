//! One thread of the generator: an event loop over its share of the connections.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::rngs::SmallRng;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::time::{ClockId, clock_gettime};

use crate::connection::Connection;
use crate::lane::{Lane, SILENCE_MAX};
use crate::load::{Outcome, Stop};
use crate::server_clock::ServerClock;

/// Bytes that one receive takes at most.
const RECEIVE_BYTES: usize = 256 * 1024;
/// Events that one wait returns at most.
const EVENTS: usize = 512;
/// Longest wait for events in a closed loop, so that the end of the run is noticed.
const TICK: Duration = Duration::from_millis(50);
/// An open loop stops sleeping this long before a request is due, since timers fire late.
const TIMER_SLACK: Duration = Duration::from_micros(200);

/// One thread's connections and lanes.
pub(crate) struct Worker {
    epoll: OwnedFd,
    lanes: Vec<Lane>,
    connections: Vec<Connection>,
    /// The lane of each connection.
    lane_of: Vec<usize>,
    /// The clock of the server's processor time, with its reading when each connection last sent something.
    clock: Option<(ServerClock, Vec<Duration>)>,
    random: SmallRng,
    receive_buffer: Vec<u8>,
    render_buffer: Vec<u8>,
}

impl Worker {
    /// A worker for lanes with their connections.
    pub(crate) fn new(
        traffic: Vec<(Lane, Vec<Connection>)>,
        clock: Option<ServerClock>,
        random: SmallRng,
    ) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut lanes = Vec::new();
        let mut connections = Vec::new();
        let mut lane_of = Vec::new();
        for (mut lane, lane_connections) in traffic {
            let first = connections.len();
            for connection in lane_connections {
                let data = epoll::EventData::new_u64(connections.len() as u64);
                epoll::add(&epoll, connection.stream(), data, epoll::EventFlags::IN)?;
                connections.push(connection);
                lane_of.push(lanes.len());
            }
            lane.connections = first..connections.len();
            lanes.push(lane);
        }
        let clock = clock.map(|clock| (clock, vec![Duration::ZERO; connections.len()]));
        Ok(Self {
            epoll,
            lanes,
            connections,
            lane_of,
            clock,
            random,
            receive_buffer: vec![0; RECEIVE_BYTES],
            render_buffer: Vec::new(),
        })
    }

    /// Runs until `stop` and returns one outcome for each lane.
    pub(crate) fn run(&mut self, start: Instant, stop: Stop) -> Result<Vec<Outcome>> {
        ensure!(
            self.connections.iter().all(|connection| connection.outstanding() == 0),
            "an earlier run has left requests unanswered"
        );
        let busy_before = thread_time();
        let now_ns = || start.elapsed().as_nanos() as u64;
        let mut stop_ns = self.begin(stop);
        for index in 0..self.connections.len() {
            self.top_up(index, now_ns(), stop_ns)?;
        }
        let mut heard_ns = now_ns();
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        loop {
            let now = now_ns();
            if self.lanes[0].budget == 0 {
                stop_ns = stop_ns.min(now);
            }
            self.send_due(now, stop_ns)?;
            if self.is_finished(now, stop_ns) {
                break;
            }
            ensure!(
                now.saturating_sub(heard_ns) < SILENCE_MAX.as_nanos() as u64,
                "the server does not answer"
            );
            let timeout = self.wait_time(now);
            let (ready, _) = match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => continue,
                ready => ready?,
            };
            for event in ready.iter() {
                let (index, flags) = (event.data.u64() as usize, event.flags);
                self.handle(index, flags, &now_ns, stop_ns)?;
            }
            if !ready.is_empty() || self.outstanding() == 0 {
                heard_ns = now_ns();
            }
        }
        let busy = thread_time().saturating_sub(busy_before);
        Ok(self.lanes.iter_mut().map(|lane| lane.take_outcome(busy)).collect())
    }

    /// Sets every lane's budget; returns when the run ends, in nanoseconds since its start.
    fn begin(&mut self, stop: Stop) -> u64 {
        let (stop_ns, requests) = match stop {
            Stop::After(duration) => (duration.as_nanos() as u64, u64::MAX),
            Stop::Requests(requests) => (u64::MAX, requests),
        };
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            lane.begin(if number == 0 { requests } else { u64::MAX });
            for (position, index) in lane.connections.clone().enumerate() {
                self.connections[index].next_index = position as u64;
            }
        }
        stop_ns
    }

    fn handle(
        &mut self,
        index: usize,
        flags: epoll::EventFlags,
        now_ns: &impl Fn() -> u64,
        stop_ns: u64,
    ) -> Result<()> {
        let connection = &mut self.connections[index];
        if flags.contains(epoll::EventFlags::OUT) {
            connection.flush()?;
            if !connection.has_unsent() {
                self.watch(index, epoll::EventFlags::IN)?;
            }
        }
        let connection = &mut self.connections[index];
        let lane = &mut self.lanes[self.lane_of[index]];
        let before = lane.tally.replies;
        connection.receive(&mut self.receive_buffer, &mut lane.tally)?;
        let replies = lane.tally.replies - before;
        let now = now_ns();
        if replies > 0 {
            let mut longest_ns = 0;
            connection.settle(replies, |sent_ns, count| {
                longest_ns = longest_ns.max(now.saturating_sub(sent_ns));
                lane.record(now, sent_ns, count);
            })?;
            if let Some((clock, readings)) = &self.clock {
                lane.charge(longest_ns, || Ok(clock.now()?.saturating_sub(readings[index])))?;
            }
            self.top_up(index, now, stop_ns)?;
        }
        Ok(())
    }

    fn watch(&self, index: usize, flags: epoll::EventFlags) -> Result<()> {
        let data = epoll::EventData::new_u64(index as u64);
        Ok(epoll::modify(&self.epoll, self.connections[index].stream(), data, flags)?)
    }

    /// Sends as many requests on a connection as its pacing allows now.
    fn top_up(&mut self, index: usize, now: u64, stop_ns: u64) -> Result<()> {
        let connection = &mut self.connections[index];
        let lane = &mut self.lanes[self.lane_of[index]];
        let sent = lane.admit(connection, now, stop_ns);
        if sent == 0 {
            return Ok(());
        }
        self.render_buffer.clear();
        for _ in 0..sent {
            let request = lane.mix.draw(&mut self.random);
            request.render(&mut self.render_buffer, || lane.sampler.draw(&mut self.random));
        }
        if let Some((clock, readings)) = &mut self.clock {
            readings[index] = clock.now()?;
        }
        connection.send(&self.render_buffer)?;
        if connection.has_unsent() {
            self.watch(index, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        }
        Ok(())
    }

    /// Sends what open loops have due.
    fn send_due(&mut self, now: u64, stop_ns: u64) -> Result<()> {
        for number in 0..self.lanes.len() {
            let Some(schedule) = self.lanes[number].schedule else { continue };
            let due = schedule.due_before(now.min(stop_ns));
            while self.lanes[number].cursor < due {
                let lane = &mut self.lanes[number];
                let index = lane.connections.start + (lane.cursor % lane.connections.len() as u64) as usize;
                lane.cursor += 1;
                self.top_up(index, now, stop_ns)?;
            }
        }
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        self.connections.iter().map(Connection::outstanding).sum()
    }

    fn is_finished(&self, now: u64, stop_ns: u64) -> bool {
        now >= stop_ns
            && self
                .lanes
                .iter()
                .all(|lane| !lane.is_late(&self.connections[lane.connections.clone()], stop_ns))
            && self.outstanding() == 0
    }

    fn wait_time(&self, now: u64) -> Timespec {
        let next_due =
            self.lanes.iter().filter_map(|lane| lane.schedule.map(|schedule| schedule.due_ns(lane.cursor)));
        let wait = match next_due.min() {
            Some(due) => Duration::from_nanos(due.saturating_sub(now)).saturating_sub(TIMER_SLACK).min(TICK),
            None => TICK,
        };
        Timespec { tv_sec: 0, tv_nsec: wait.as_nanos() as _ }
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
