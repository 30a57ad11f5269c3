//! Scripts that use the keys which they declare, and no others, do not wait for each other.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::caller::Script;
use crate::crowd::{self, CLIENTS};
use crate::start;

/// Computes for a while before it uses its key.
const LONG: Script = Script {
    name: "long",
    text: "local sum = 0 for number = 1, 200000000 do sum = sum + number end return redis.call('INCR', KEYS[1])",
};

const SHORT: Script = Script { name: "short", text: "return redis.call('INCR', KEYS[1])" };

/// The same, where it does not show that no other keys are used.
const LONG_UNPROVEN: Script = Script {
    name: "long_unproven",
    text: "local sum = 0 for number = 1, 200000000 do sum = sum + number end
        return redis.call('INCR', KEYS[1] .. '')",
};

const SHORT_UNPROVEN: Script =
    Script { name: "short_unproven", text: "return redis.call('INCR', KEYS[1] .. '')" };

/// One client calls the long script, the others call the short one meanwhile, each on a key of its own. Returns how long
/// the long one took, and how long that of the others at most waited for a reply that waited least.
#[track_caller]
fn call_side_by_side(long: Script, short: Script) -> (Duration, Duration) {
    let server = start();
    let has_ended = AtomicBool::new(false);
    // A thread that runs a script accepts no connections.
    let all_are_there = Barrier::new(CLIENTS);
    let took = crowd::all(server.port(), 1, |number, caller, _| {
        let key = format!("key:{number}");
        caller.run(short, &[&key], &[])?;
        all_are_there.wait();
        if number == 0 {
            let begun = Instant::now();
            let outcome = caller.run(long, &["key:0"], &[]);
            has_ended.store(true, Ordering::SeqCst);
            return outcome.map(|_| begun.elapsed());
        }
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        while !has_ended.load(Ordering::SeqCst) {
            caller.run(short, &[&key], &[])?;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        Ok(longest.max(last.elapsed()))
    });
    (took[0], took[1..].iter().copied().min().unwrap_or(Duration::MAX))
}

#[test]
fn scripts_on_different_keys_run_side_by_side() {
    let (long, waited) = call_side_by_side(LONG, SHORT);
    assert!(waited * 2 < long, "everybody waited for {waited:?} or more while a script took {long:?}");
}

#[test]
fn scripts_that_wait_for_each_other_are_found() {
    let (long, waited) = call_side_by_side(LONG_UNPROVEN, SHORT_UNPROVEN);
    assert!(waited * 2 >= long, "nobody waited: {waited:?} while a script took {long:?}");
}
