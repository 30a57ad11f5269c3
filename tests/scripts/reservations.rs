//! Queues of programs such as Laravel: jobs are JSON documents that count their attempts; who takes one reserves it, and
//! it comes back when it is released, or when the reservation is over.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use nuthatch_testkit::differential::Extent;
use rand::RngExt;

use crate::caller::{Script, unexpected};
use crate::{crowd, start};

const QUEUE: &str = "queues:default";
const DELAYED: &str = "queues:default:delayed";
const RESERVED: &str = "queues:default:reserved";
const NOTIFY: &str = "queues:default:notify";

const PUSH: Script = Script {
    name: "reservations_push",
    text: "
        redis.call('RPUSH', KEYS[1], ARGV[1])
        redis.call('RPUSH', KEYS[2], 1)",
};

const POP: Script = Script {
    name: "reservations_pop",
    text: "
        local job, reserved = redis.call('LPOP', KEYS[1]), false
        if job then
            reserved = cjson.decode(job)
            reserved.attempts = reserved.attempts + 1
            reserved = cjson.encode(reserved)
            redis.call('ZADD', KEYS[2], ARGV[1], reserved)
            redis.call('LPOP', KEYS[3])
        end
        return {job, reserved}",
};

/// Loses a job now and then.
const POP_LOSES: Script = Script {
    name: "reservations_pop_loses",
    text: "
        if redis.call('INCR', 'popped') % 50 == 0 then redis.call('LPOP', KEYS[1]) end
        local job, reserved = redis.call('LPOP', KEYS[1]), false
        if job then
            reserved = cjson.decode(job)
            reserved.attempts = reserved.attempts + 1
            reserved = cjson.encode(reserved)
            redis.call('ZADD', KEYS[2], ARGV[1], reserved)
        end
        return {job, reserved}",
};

const RELEASE: Script = Script {
    name: "reservations_release",
    text: "
        redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
        return redis.call('ZREM', KEYS[2], ARGV[1])",
};

const MIGRATE: Script = Script {
    name: "reservations_migrate",
    text: "
        local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
        if next(due) ~= nil then
            redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #due - 1)
            for first = 1, #due, 100 do
                local last = math.min(first + 99, #due)
                redis.call('RPUSH', KEYS[2], unpack(due, first, last))
                for _ = first, last do redis.call('RPUSH', KEYS[3], 1) end
            end
        end
        return due",
};

/// Gives a job that is due to two.
const MIGRATE_DOUBLES: Script = Script {
    name: "reservations_migrate_doubles",
    text: "
        local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 1)
        for _, job in ipairs(due) do
            redis.call('ZREM', KEYS[1], job)
            redis.call('RPUSH', KEYS[2], job, job)
        end
        return due",
};

/// How long a reservation holds, and at most a delay, by a clock that does not move while there are jobs to take.
const RESERVATION: usize = 90;

/// What is known of a job, whatever the server says.
#[derive(Default)]
struct Known {
    taken: AtomicU32,
    done: AtomicU32,
}

/// The number behind a name in a document.
fn member(document: &str, name: &str) -> Option<usize> {
    let behind = document.split_once(&format!("\"{name}\":"))?.1;
    behind.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Has all clients take jobs, of which they do some, release some, and leave some reserved; says what is wrong with what
/// was done.
fn check(pop: Script, migrate: Script, extent: Extent) -> Result<(), String> {
    let server = start();
    let jobs = (extent.commands / 5).max(crowd::CLIENTS);
    let known: Vec<Known> = (0..jobs).map(|_| Known::default()).collect();
    let faults = AtomicUsize::new(0);
    let fault = |is: bool| faults.fetch_add(usize::from(is), Ordering::SeqCst);
    crowd::all(server.port(), extent.seed, |number, caller, _| {
        for job in (number..jobs).step_by(crowd::CLIENTS) {
            let document =
                format!("{{\"id\":{job},\"attempts\":0,\"data\":{{\"list\":[],\"text\":\"\\u00e4/\\n\"}}}}");
            caller.run(PUSH, &[QUEUE, NOTIFY], &[&document])?;
        }
        Ok(())
    });
    let mut now = 0;
    loop {
        let expires = (now + RESERVATION).to_string();
        let taken = crowd::all(server.port(), extent.seed + now as u64, |_, caller, random| {
            let mut taken = 0;
            loop {
                let reply = caller.run(pop, &[QUEUE, RESERVED, NOTIFY], &[&expires])?;
                let error = unexpected(&reply);
                let reserved =
                    reply.into_elements().get(1).map(|reserved| reserved.text()).unwrap_or_default();
                if reserved.is_empty() {
                    return Ok(taken);
                }
                let (Some(job), Some(attempts)) = (member(&reserved, "id"), member(&reserved, "attempts"))
                else {
                    return Err(error);
                };
                taken += 1;
                let job = known.get(job).ok_or(error)?;
                fault(job.taken.fetch_add(1, Ordering::SeqCst) as usize + 1 != attempts);
                match random.random_range(0..100) {
                    // Dies.
                    0..15 => {}
                    15..30 => {
                        let due = (now + random.random_range(0..RESERVATION)).to_string();
                        let released = caller.number(RELEASE, &[DELAYED, RESERVED], &[&reserved, &due])?;
                        fault(released != 1);
                    }
                    _ => {
                        job.done.fetch_add(1, Ordering::SeqCst);
                        fault(caller.command(&["ZREM", RESERVED, &reserved])?.integer() != Some(1));
                    }
                }
            }
        });
        if taken.iter().sum::<i32>() == 0 {
            break;
        }
        now += RESERVATION;
        crowd::all(server.port(), 0, |_, caller, _| {
            for source in [DELAYED, RESERVED] {
                let arguments = [&*now.to_string(), "250"];
                while !caller.run(migrate, &[source, QUEUE, NOTIFY], &arguments)?.into_elements().is_empty() {
                }
            }
            Ok(())
        });
    }
    for (job, known) in known.iter().enumerate() {
        let done = known.done.load(Ordering::SeqCst);
        if done != 1 {
            return Err(format!("job {job} of {jobs} was done {done} times"));
        }
    }
    match faults.into_inner() {
        0 => {}
        faults => return Err(format!("{faults} jobs were not as they had been taken")),
    }
    let left = server.connect().call(["EXISTS", QUEUE, DELAYED, RESERVED, NOTIFY]);
    if left.integer() == Some(0) { Ok(()) } else { Err("jobs are left".into()) }
}

#[test]
fn every_job_is_done_once_and_knows_its_attempts() {
    assert_eq!(check(POP, MIGRATE, Extent::from_environment()), Ok(()));
}

#[test]
fn jobs_that_are_lost_or_done_twice_are_found() {
    let extent = Extent { commands: 10_000, ..Extent::from_environment() };
    for (pop, migrate) in [(POP_LOSES, MIGRATE), (POP, MIGRATE_DOUBLES)] {
        let found = check(pop, migrate, extent).unwrap_err();
        assert!(found.ends_with(" times"), "{found}");
    }
}
