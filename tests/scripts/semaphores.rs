//! A semaphore: a sorted set of those who hold it, by when they lose it.

use std::sync::atomic::{AtomicUsize, Ordering};

use nuthatch_testkit::differential::Extent;
use rand::RngExt;

use crate::caller::Script;
use crate::{crowd, start};

const LIMIT: usize = 3;

const ACQUIRE: Script = Script {
    name: "semaphore_acquire",
    text: "
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
        return redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])",
};

/// Does not count who holds it.
const ACQUIRE_ALWAYS: Script = Script {
    name: "semaphore_acquire_always",
    text: "
        local time = redis.call('TIME')
        return redis.call('ZADD', KEYS[1], time[1] * 1000 + ARGV[2], ARGV[3])",
};

const RELEASE: Script =
    Script { name: "semaphore_release", text: "return redis.call('ZREM', KEYS[1], ARGV[1])" };

/// Has all clients acquire and release; says what is wrong with who held it.
fn check(acquire: Script, extent: Extent) -> Result<(), String> {
    let server = start();
    let holders = AtomicUsize::new(0);
    let too_many = AtomicUsize::new(0);
    let lost = AtomicUsize::new(0);
    let acquired = crowd::all(server.port(), extent.seed, |number, caller, random| {
        let mut acquired = 0;
        for attempt in 0..extent.commands / crowd::CLIENTS / 2 {
            let token = format!("{number}:{attempt}");
            if caller.number(acquire, &["semaphore"], &[&LIMIT.to_string(), "3600000", &token])? == 0 {
                continue;
            }
            acquired += 1;
            too_many.fetch_max(holders.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            for _ in 0..random.random_range(0..3) {
                caller.command(&["PING"])?;
            }
            holders.fetch_sub(1, Ordering::SeqCst);
            let released = caller.number(RELEASE, &["semaphore"], &[&token])?;
            lost.fetch_add(usize::from(released != 1), Ordering::SeqCst);
        }
        Ok(acquired)
    });
    let most = too_many.into_inner();
    if most > LIMIT {
        return Err(format!("{most} held it at once"));
    }
    if lost.into_inner() > 0 {
        return Err("somebody lost it before releasing it".into());
    }
    if acquired.iter().sum::<usize>() < LIMIT {
        return Err("nobody acquired it".into());
    }
    let left = server.connect().call(["ZCARD", "semaphore"]);
    if left.integer() == Some(0) { Ok(()) } else { Err(format!("{left:?} hold it in the end")) }
}

#[test]
fn never_more_hold_a_semaphore_than_it_allows() {
    assert_eq!(check(ACQUIRE, Extent::from_environment()), Ok(()));
}

#[test]
fn too_many_holders_are_found() {
    let extent = Extent { commands: 5_000, ..Extent::from_environment() };
    assert!(check(ACQUIRE_ALWAYS, extent).is_err());
}

#[test]
fn who_does_not_release_loses_it_in_time() {
    let server = start();
    let mut caller = crate::caller::Caller::connect(server.port(), 0).unwrap();
    let mut acquire = |token: &str| caller.number(ACQUIRE, &["semaphore"], &["1", "50", token]).unwrap();
    assert_eq!(acquire("first"), 1);
    assert_eq!(acquire("second"), 0);
    assert!(nuthatch_testkit::server::wait_until(|| acquire("second") == 1));
}
