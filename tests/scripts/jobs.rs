//! Jobs of programs such as Sidekiq: scheduled ones become due and are polled into queues, workers fetch from several
//! queues into lists of their own, and what a worker leaves behind that has died is put back.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::PATIENCE;
use rand::RngExt;

use crate::caller::{Caller, Script};
use crate::{crowd, start};

/// The more urgent one first.
const QUEUES: [&str; 2] = ["queue:high", "queue:low"];

const POLL: Script = Script {
    name: "jobs_poll",
    text: "
        local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 1)
        if not due[1] then return false end
        redis.call('ZREM', KEYS[1], due[1])
        return due[1]",
};

/// Leaves some jobs where they are.
const POLL_COPIES: Script = Script {
    name: "jobs_poll_copies",
    text: "
        local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 1)
        if not due[1] then return false end
        if redis.call('INCR', 'polled') % 10 > 0 then redis.call('ZREM', KEYS[1], due[1]) end
        return due[1]",
};

const FETCH: Script = Script {
    name: "jobs_fetch",
    text: "
        local working = KEYS[#KEYS]
        for place = 1, #KEYS - 1 do
            local job = redis.call('LMOVE', KEYS[place], working, 'RIGHT', 'LEFT')
            if job then
                redis.call('SADD', 'workers', working)
                return job
            end
        end
        return false",
};

/// Leaves some jobs where they are.
const FETCH_COPIES: Script = Script {
    name: "jobs_fetch_copies",
    text: "
        for place = 1, #KEYS - 1 do
            local job = redis.call('LINDEX', KEYS[place], -1)
            if job then
                redis.call('LPUSH', KEYS[#KEYS], job)
                if redis.call('INCR', 'fetched') % 10 > 0 then redis.call('RPOP', KEYS[place]) end
                return job
            end
        end
        return false",
};

const FINISH: Script = Script {
    name: "jobs_finish",
    text: "
        local removed = redis.call('LREM', KEYS[1], 1, ARGV[1])
        redis.call('INCRBY', 'finished', removed)
        return removed",
};

/// Puts the jobs of one of the workers that have died back. Which keys that needs is known only then.
const RESCUE: Script = Script {
    name: "jobs_rescue",
    text: "
        local working = redis.call('SPOP', KEYS[1])
        if not working then return 0 end
        local jobs = redis.call('LRANGE', working, 0, -1)
        for _, job in ipairs(jobs) do redis.call('RPUSH', KEYS[2], job) end
        redis.call('DEL', working)
        redis.call('SREM', 'workers', working)
        return #jobs",
};

/// Forgets them.
const RESCUE_NOTHING: Script = Script {
    name: "jobs_rescue_nothing",
    text: "
        local working = redis.call('SPOP', KEYS[1])
        if working then redis.call('DEL', working) end
        return 0",
};

/// The scripts of a program.
#[derive(Clone, Copy)]
struct Scripts {
    poll: Script,
    fetch: Script,
    rescue: Script,
}

const RIGHT: Scripts = Scripts { poll: POLL, fetch: FETCH, rescue: RESCUE };

/// What is known of the jobs, whatever the server says.
struct Journal {
    /// How often each was done.
    done: Vec<AtomicU32>,
    finished: AtomicUsize,
    progress: Mutex<Instant>,
    /// Jobs become due as it goes on.
    clock: AtomicI64,
}

impl Journal {
    fn new(jobs: usize) -> Self {
        Self {
            done: (0..jobs).map(|_| AtomicU32::new(0)).collect(),
            finished: AtomicUsize::new(0),
            progress: Mutex::new(Instant::now()),
            clock: AtomicI64::new(0),
        }
    }

    /// Does a job.
    fn work(&self, job: &str) {
        let done = job.strip_prefix("job:").and_then(|number| self.done.get(number.parse::<usize>().ok()?));
        done.unwrap_or_else(|| panic!("no such job: {job}")).fetch_add(1, Ordering::SeqCst);
        self.finished.fetch_add(1, Ordering::SeqCst);
        *self.progress.lock().unwrap() = Instant::now();
    }

    /// Whether as many were done as there are, or none for so long.
    fn is_over(&self, patience: Duration) -> bool {
        self.finished.load(Ordering::SeqCst) >= self.done.len()
            || self.progress.lock().unwrap().elapsed() > patience
    }
}

/// A client, which now and then dies as a worker, and begins anew as another one.
struct Worker<'w> {
    scripts: Scripts,
    journal: &'w Journal,
    number: usize,
    lives: usize,
}

impl Worker<'_> {
    /// Puts a job into a queue, or where it waits to become due.
    fn give(&self, caller: &mut Caller, job: usize, random: &mut impl RngExt) -> io::Result<()> {
        let name = format!("job:{job}");
        if random.random_bool(0.5) {
            let due = self.journal.clock.load(Ordering::SeqCst) + random.random_range(0..50);
            caller.command(&["ZADD", "schedule", &due.to_string(), &name])?;
        } else {
            caller.command(&["LPUSH", QUEUES[job % 2], &name])?;
        }
        Ok(())
    }

    fn poll(&self, caller: &mut Caller) -> io::Result<()> {
        let now = self.journal.clock.fetch_add(1, Ordering::SeqCst).to_string();
        let due = caller.run(self.scripts.poll, &["schedule"], &[&now])?;
        if due != Reply::Null {
            caller.command(&["LPUSH", QUEUES[0], &due.text()])?;
        }
        Ok(())
    }

    fn fetch(&mut self, caller: &mut Caller, dies: bool) -> io::Result<()> {
        let working = format!("working:{}:{}", self.number, self.lives);
        let job = caller.run(self.scripts.fetch, &[QUEUES[0], QUEUES[1], &working], &[])?;
        if job == Reply::Null {
            return Ok(());
        }
        if dies {
            self.lives += 1;
            return caller.command(&["SADD", "dead", &working]).map(drop);
        }
        self.journal.work(&job.text());
        caller.run(FINISH, &[&working], &[&job.text()]).map(drop)
    }
}

/// Has all clients give and do jobs; says what is wrong with what was done.
fn check(scripts: Scripts, extent: Extent, patience: Duration) -> Result<(), String> {
    let server = start();
    let jobs = (extent.commands / 5).max(crowd::CLIENTS);
    let journal = Journal::new(jobs);
    crowd::all(server.port(), extent.seed, |number, caller, random| {
        let mut given = (number..jobs).step_by(crowd::CLIENTS);
        let mut worker = Worker { scripts, journal: &journal, number, lives: 0 };
        let mut all_given = false;
        while !(all_given && journal.is_over(patience)) {
            match random.random_range(0..10) {
                0..3 => match given.next() {
                    Some(job) => worker.give(caller, job, random)?,
                    None => all_given = true,
                },
                3..5 => worker.poll(caller)?,
                5 => drop(caller.run(scripts.rescue, &["dead", QUEUES[1]], &[])?),
                _ => worker.fetch(caller, random.random_bool(0.05))?,
            }
        }
        Ok(())
    });
    for (number, done) in journal.done.iter().enumerate() {
        let done = done.load(Ordering::SeqCst);
        if done != 1 {
            return Err(format!("job {number} of {jobs} was done {done} times"));
        }
    }
    let mut control = server.connect();
    let finished = control.call(["GET", "finished"]).text();
    if finished != jobs.to_string() {
        return Err(format!("{finished} of {jobs} jobs were finished"));
    }
    let left = control.call(["EXISTS", "schedule", QUEUES[0], QUEUES[1]]);
    if left.integer() == Some(0) { Ok(()) } else { Err("jobs are left".into()) }
}

#[test]
fn every_job_is_done_once() {
    assert_eq!(check(RIGHT, Extent::from_environment(), PATIENCE), Ok(()));
}

#[test]
fn jobs_that_are_lost_or_done_twice_are_found() {
    let extent = Extent { commands: 10_000, ..Extent::from_environment() };
    for broken in [
        Scripts { poll: POLL_COPIES, ..RIGHT },
        Scripts { fetch: FETCH_COPIES, ..RIGHT },
        Scripts { rescue: RESCUE_NOTHING, ..RIGHT },
    ] {
        let found = check(broken, extent, Duration::from_secs(1)).unwrap_err();
        assert!(found.ends_with(" times"), "{found}");
    }
}
