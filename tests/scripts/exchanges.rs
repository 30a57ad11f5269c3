//! Compare and set: a value is replaced only if it is still the one that was seen.

use nuthatch_testkit::differential::Extent;
use rand::RngExt;

use crate::caller::Script;
use crate::{crowd, start};

const EXCHANGE: Script = Script {
    name: "exchange",
    text: "
        local current = redis.call('GET', KEYS[1])
        if (current or '') ~= ARGV[1] then return {0, current or ''} end
        redis.call('SET', KEYS[1], ARGV[2])
        return {1, ARGV[2]}",
};

/// Does not compare.
const SET: Script = Script {
    name: "exchange_without_comparison",
    text: "
        redis.call('SET', KEYS[1], ARGV[2])
        return {1, ARGV[2]}",
};

/// Accounts between which money is moved, each key by itself.
const ACCOUNTS: usize = 3;

/// Has all clients add to counters by exchanges; says what is wrong with the sums.
fn check(exchange: Script, extent: Extent) -> Result<(), String> {
    let server = start();
    let added = crowd::all(server.port(), extent.seed, |_, caller, random| {
        let mut added = [0; ACCOUNTS];
        let mut seen: [String; ACCOUNTS] = Default::default();
        for _ in 0..extent.commands / crowd::CLIENTS {
            let account = random.random_range(0..ACCOUNTS);
            let amount = random.random_range(1..100);
            let next = seen[account].parse().unwrap_or(0) + amount;
            let key = format!("account:{account}");
            let reply = caller.run(exchange, &[&key], &[&seen[account], &i64::to_string(&next)])?;
            let [done, current] = &reply.into_elements()[..] else {
                return Err(std::io::Error::other("no pair"));
            };
            if done.integer() == Some(1) {
                added[account] += amount;
            }
            seen[account] = current.text();
        }
        Ok(added)
    });
    let mut control = server.connect();
    for account in 0..ACCOUNTS {
        let expected: i64 = added.iter().map(|added| added[account]).sum();
        let sum = control.call(["GET", &format!("account:{account}")]).text();
        if sum != expected.to_string() {
            return Err(format!("account {account}: {sum} after {expected} were added"));
        }
    }
    Ok(())
}

#[test]
fn no_update_is_lost() {
    assert_eq!(check(EXCHANGE, Extent::from_environment()), Ok(()));
}

#[test]
fn updates_that_are_lost_are_found() {
    let extent = Extent { commands: 5_000, ..Extent::from_environment() };
    assert!(check(SET, extent).is_err());
}
