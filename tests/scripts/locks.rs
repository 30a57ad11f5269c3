//! Locks on one server: a key with a token that only its owner knows, which scripts compare before they change it.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::wait_until;
use rand::RngExt;

use crate::caller::{Caller, Script};
use crate::{crowd, start};

const LOCKS: usize = 3;

/// So long that no lock expires while it is held.
const LEASE_MILLISECONDS: &str = "3600000";

pub(crate) const RELEASE: Script = Script {
    name: "lock_release",
    text: "
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[1])
        return 1",
};

/// Does not compare the token.
pub(crate) const RELEASE_ANY: Script =
    Script { name: "lock_release_any", text: "return redis.call('DEL', KEYS[1])" };

/// Adds to the time that is left, or starts it anew.
const EXTEND: Script = Script {
    name: "lock_extend",
    text: "
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        local left = ARGV[3] == '0' and redis.call('PTTL', KEYS[1]) or 0
        if left < 0 then return 0 end
        redis.call('PEXPIRE', KEYS[1], left + ARGV[2])
        return 1",
};

/// Takes the lock if it is free.
fn acquire(caller: &mut Caller, lock: &str, token: &str, lease: &str) -> io::Result<bool> {
    Ok(caller.command(&["SET", lock, token, "NX", "PX", lease])? != Reply::Null)
}

/// What only the owner of a lock enters.
#[derive(Default)]
pub(crate) struct Section {
    inside: AtomicUsize,
    entered: AtomicUsize,
    violations: AtomicUsize,
}

impl Section {
    /// Runs `work` inside, and notes if somebody else is there.
    pub(crate) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.inside.fetch_add(1, Ordering::SeqCst) > 0 {
            self.violations.fetch_add(1, Ordering::SeqCst);
        }
        self.entered.fetch_add(1, Ordering::SeqCst);
        let done = work();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        done
    }

    /// How often it was entered, if never by two at once.
    pub(crate) fn entered(&self) -> Result<usize, String> {
        let entered = self.entered.load(Ordering::SeqCst);
        match self.violations.load(Ordering::SeqCst) {
            0 => Ok(entered),
            violations => Err(format!("{violations} of {entered} times two held the lock")),
        }
    }
}

/// Adds 1 to a number in two steps, between which nobody else may come.
fn increment(caller: &mut Caller, key: &str) -> io::Result<()> {
    let number = caller.command(&["GET", key])?.text().parse().unwrap_or(0) + 1;
    caller.command(&["SET", key, &i64::to_string(&number)]).map(drop)
}

/// Has all clients acquire, extend and release locks; says what is wrong with who held them.
fn check(release: Script, extent: Extent) -> Result<(), String> {
    let server = start();
    let sections: [Section; LOCKS] = Default::default();
    let wrong = AtomicUsize::new(0);
    crowd::all(server.port(), extent.seed, |number, caller, random| {
        let expect = |answer: i64, expected: i64| {
            wrong.fetch_add(usize::from(answer != expected), Ordering::SeqCst);
        };
        for attempt in 0..extent.commands / crowd::CLIENTS / 3 {
            let place = random.random_range(0..LOCKS);
            let (lock, counter) = (format!("lock:{place}"), format!("counter:{place}"));
            let token = format!("{number}:{attempt}");
            let anew = if random.random_bool(0.5) { "1" } else { "0" };
            let extension = [&*token, LEASE_MILLISECONDS, anew];
            if acquire(caller, &lock, &token, LEASE_MILLISECONDS)? {
                sections[place].enter(|| {
                    increment(caller, &counter)?;
                    expect(caller.number(EXTEND, &[&lock], &extension)?, 1);
                    io::Result::Ok(())
                })?;
                expect(caller.number(release, &[&lock], &[&token])?, 1);
            } else {
                expect(caller.number(EXTEND, &[&lock], &extension)?, 0);
                expect(caller.number(release, &[&lock], &[&token])?, 0);
            }
        }
        Ok(())
    });
    let mut control = server.connect();
    for (place, section) in sections.iter().enumerate() {
        let entered = section.entered()?;
        let counted = control.call(["GET", &format!("counter:{place}")]).text();
        if counted != entered.to_string() {
            return Err(format!("lock {place} was held {entered} times, and counted {counted:?}"));
        }
    }
    match wrong.into_inner() {
        0 => Ok(()),
        wrong => Err(format!("{wrong} wrong answers to who held a lock, or not")),
    }
}

#[test]
fn one_client_at_a_time_holds_a_lock() {
    assert_eq!(check(RELEASE, Extent::from_environment()), Ok(()));
}

#[test]
fn two_holders_of_a_lock_are_found() {
    let extent = Extent { commands: 10_000, ..Extent::from_environment() };
    let found = check(RELEASE_ANY, extent).unwrap_err();
    assert!(found.contains("two held the lock"), "{found}");
}

#[test]
fn who_has_lost_a_lock_neither_releases_nor_extends_it() {
    let server = start();
    for way in 0..3 {
        let mut caller = Caller::connect(server.port(), way).unwrap();
        assert!(acquire(&mut caller, "lock", "first", "50").unwrap());
        assert!(wait_until(|| acquire(&mut caller, "lock", "second", LEASE_MILLISECONDS).unwrap()));
        assert_eq!(caller.number(EXTEND, &["lock"], &["first", "1000", "0"]).unwrap(), 0);
        assert_eq!(caller.number(RELEASE, &["lock"], &["first"]).unwrap(), 0);
        // What is added counts from what is left.
        assert_eq!(caller.number(EXTEND, &["lock"], &["second", "1000000", "0"]).unwrap(), 1);
        let left = caller.command(&["PTTL", "lock"]).unwrap().integer().unwrap();
        assert!((4_000_000..=4_600_000).contains(&left), "{left}");
        assert_eq!(caller.number(EXTEND, &["lock"], &["second", "1000", "1"]).unwrap(), 1);
        let left = caller.command(&["PTTL", "lock"]).unwrap().integer().unwrap();
        assert!((1..=1000).contains(&left), "{left}");
        assert_eq!(caller.number(RELEASE, &["lock"], &["second"]).unwrap(), 1);
    }
}
