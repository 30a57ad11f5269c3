//! Limits of rates: a bucket of tokens, a sliding and a fixed window. The first two number their decisions, so that each
//! of them can be compared with what should have been decided.

use std::io;

use nuthatch_testkit::differential::Extent;

use crate::caller::{Script, unexpected};
use crate::twins::{Decision, Limit, SlidingWindow, TokenBucket, compare};
use crate::{crowd, start};

const CAPACITY: i64 = 100;
const TOKENS_PER_SECOND: i64 = 100;

const TOKEN_BUCKET: Script = Script {
    name: "token_bucket",
    text: "
        local capacity, rate = tonumber(ARGV[1]) * 1000000, tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local level, at = unpack(redis.call('HMGET', KEYS[1], 'level', 'at'))
        level = level and math.min(capacity, level + (now - at) * rate) or capacity
        local allowed = level >= 1000000
        if allowed then level = level - 1000000 end
        redis.call('HSET', KEYS[1], 'level', level, 'at', now)
        redis.call('PEXPIRE', KEYS[1], 3600000)
        return {redis.call('INCR', KEYS[2]), now, allowed}",
};

/// Does not take the token out.
const BUCKET_WITHOUT_END: Script = Script {
    name: "bucket_without_end",
    text: "
        local time = redis.call('TIME')
        local number = redis.call('INCR', KEYS[2])
        return {number, time[1] * 1000000 + time[2], number % 100 < 90}",
};

const WINDOW_LIMIT: usize = 100;
const WINDOW_MICROSECONDS: i64 = 500_000;

const SLIDING_WINDOW: Script = Script {
    name: "sliding_window",
    text: "
        local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local number = redis.call('INCR', KEYS[2])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - length)
        local allowed = redis.call('ZCARD', KEYS[1]) < limit
        if allowed then redis.call('ZADD', KEYS[1], now, number) end
        redis.call('PEXPIRE', KEYS[1], 3600000)
        return {number, now, allowed}",
};

/// Allows one more.
const WINDOW_OF_ONE_MORE: Script = Script {
    name: "window_of_one_more",
    text: "
        local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local number = redis.call('INCR', KEYS[2])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - length)
        local allowed = redis.call('ZCARD', KEYS[1]) <= limit
        if allowed then redis.call('ZADD', KEYS[1], now, number) end
        return {number, now, allowed}",
};

/// Has all clients ask a script; says what is wrong with what it decided.
fn check(script: Script, arguments: [i64; 2], limit: impl Limit, extent: Extent) -> Result<(), String> {
    let server = start();
    let arguments = arguments.map(|argument| argument.to_string());
    let decisions = crowd::all(server.port(), extent.seed, |_, caller, _| {
        let mut decide = || {
            let reply = caller.run(script, &["limit", "decisions"], &[&arguments[0], &arguments[1]])?;
            let error = unexpected(&reply);
            // False is null.
            match &reply.into_elements()[..] {
                [number, now, allowed] => {
                    let (Some(number), Some(now)) = (number.integer(), now.integer()) else {
                        return Err(error);
                    };
                    Ok(Decision { number, now, allowed: allowed.integer() == Some(1) })
                }
                _ => Err(error),
            }
        };
        (0..extent.commands / crowd::CLIENTS).map(|_| decide()).collect::<io::Result<Vec<Decision>>>()
    });
    compare(decisions.concat(), limit)
}

#[test]
fn a_bucket_gives_no_more_tokens_than_it_gets() {
    let limit = TokenBucket::new(CAPACITY, TOKENS_PER_SECOND);
    let extent = Extent::from_environment();
    assert_eq!(check(TOKEN_BUCKET, [CAPACITY, TOKENS_PER_SECOND], limit, extent), Ok(()));
}

#[test]
fn a_bucket_that_gives_too_many_is_found() {
    let extent = Extent { commands: 3_000, ..Extent::from_environment() };
    let limit = TokenBucket::new(CAPACITY, TOKENS_PER_SECOND);
    let found = check(BUCKET_WITHOUT_END, [CAPACITY, TOKENS_PER_SECOND], limit, extent).unwrap_err();
    assert!(found.ends_with("is wrong"), "{found}");
}

#[test]
fn a_sliding_window_never_holds_more_than_its_limit() {
    let limit = SlidingWindow::new(WINDOW_LIMIT, WINDOW_MICROSECONDS);
    let arguments = [WINDOW_LIMIT as i64, WINDOW_MICROSECONDS];
    assert_eq!(check(SLIDING_WINDOW, arguments, limit, Extent::from_environment()), Ok(()));
}

#[test]
fn a_sliding_window_that_holds_one_more_is_found() {
    let extent = Extent { commands: 10_000, ..Extent::from_environment() };
    let limit = SlidingWindow::new(WINDOW_LIMIT, WINDOW_MICROSECONDS);
    let arguments = [WINDOW_LIMIT as i64, WINDOW_MICROSECONDS];
    let found = check(WINDOW_OF_ONE_MORE, arguments, limit, extent).unwrap_err();
    assert!(found.ends_with("is wrong"), "{found}");
}

/// Requests in one window, of which half are allowed.
const ATTEMPTS: usize = 100;

const FIXED_WINDOW: Script = Script {
    name: "fixed_window",
    text: "
        local count = redis.call('INCR', KEYS[1])
        if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return {count, count <= tonumber(ARGV[1]), redis.call('PTTL', KEYS[1])}",
};

/// Sets a deadline only by chance, and counts what it does not allow only up to the limit.
const FORGETFUL_WINDOW: Script = Script {
    name: "forgetful_window",
    text: "
        local count = tonumber(redis.call('GET', KEYS[1]) or 0) + 1
        redis.call('SET', KEYS[1], math.min(count, tonumber(ARGV[1])))
        return {count, count <= tonumber(ARGV[1]), 1}",
};

/// Has all clients ask for windows, whose names follow from a number that they share; says what is wrong with the
/// counts.
fn check_fixed(script: Script, extent: Extent) -> Result<(), String> {
    let server = start();
    let each = extent.commands / crowd::CLIENTS;
    let windows = (each * crowd::CLIENTS).div_ceil(ATTEMPTS).max(1);
    let limit = (ATTEMPTS / 2).to_string();
    let counts = crowd::all(server.port(), extent.seed, |number, caller, _| {
        let mut counts = Vec::new();
        for attempt in 0..each {
            let window = (number + attempt * crowd::CLIENTS) % windows;
            let reply = caller.run(script, &[&format!("window:{window}")], &[&limit, "3600000"])?;
            let elements = reply.clone().into_elements();
            let [Some(count), allowed, Some(left)] = [0, 1, 2].map(|place| elements.get(place)?.integer())
            else {
                return Err(unexpected(&reply));
            };
            counts.push((window, count, allowed == Some(1), left));
        }
        Ok(counts)
    });
    let mut counts = counts.concat();
    counts.sort_unstable();
    for of_window in counts.chunk_by(|left, right| left.0 == right.0) {
        for ((window, count, allowed, left), expected) in of_window.iter().zip(1..) {
            if *count != expected
                || *allowed != (expected <= ATTEMPTS as i64 / 2)
                || !(1..=3_600_000).contains(left)
            {
                return Err(format!(
                    "window {window}: {count} (allowed: {allowed}, {left} ms left) for {expected}"
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn a_fixed_window_counts_each_request_once() {
    assert_eq!(check_fixed(FIXED_WINDOW, Extent::from_environment()), Ok(()));
}

#[test]
fn a_fixed_window_that_does_not_count_is_found() {
    let extent = Extent { commands: 3_000, ..Extent::from_environment() };
    assert!(check_fixed(FORGETFUL_WINDOW, extent).is_err());
}
