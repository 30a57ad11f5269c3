//! Accounts that everybody reaches in every way at once: nothing is lost and nobody is held up for ever, in whatever order
//! scripts use keys that they have not declared.
//!
//! That everybody goes on is seen by their replies: one that takes longer than the client's patience fails the test.

use std::io;

use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::reply::Reply;
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::caller::{Caller, Script, unexpected};
use crate::{crowd, start};

/// Accounts, which lie in different shards.
const ACCOUNTS: usize = 10;

/// What each has at the beginning.
const INITIAL: i64 = 1000;

/// Names both accounts as other arguments: their locks are taken as the script comes to them, in this order or the other.
const UNDECLARED: Script = Script {
    name: "transfer_undeclared",
    text: "
        local from, to, amount = ARGV[1], ARGV[2], tonumber(ARGV[3])
        if tonumber(redis.call('GET', from)) < amount then return 0 end
        redis.call('DECRBY', from, amount)
        redis.call('INCRBY', to, amount)
        return 1",
};

/// Declares the account that it takes from.
const HALF_DECLARED: Script = Script {
    name: "transfer_half_declared",
    text: "
        local from, to, amount = KEYS[1], ARGV[1], tonumber(ARGV[2])
        redis.call('INCRBY', to, amount)
        redis.call('DECRBY', from, amount)
        return 1",
};

const DECLARED: Script = Script {
    name: "transfer_declared",
    text: "
        redis.call('DECRBY', KEYS[1], ARGV[1])
        redis.call('INCRBY', KEYS[2], ARGV[1])
        return 1",
};

/// Sums the accounts up, in the order in which they are named.
const SUM: Script = Script {
    name: "sum_undeclared",
    text: "
        local sum = 0
        for place = 1, #ARGV do sum = sum + redis.call('GET', ARGV[place]) end
        return sum",
};

/// Adds a token to each of two queues.
const PUSH: Script = Script {
    name: "push_undeclared",
    text: "
        redis.call('RPUSH', ARGV[1], ARGV[3])
        redis.call('RPUSH', ARGV[2], ARGV[3])
        return 2",
};

/// How two commands of a transfer by a client are held together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Together {
    /// By MULTI and EXEC.
    Transaction,
    /// Not at all, which must be found.
    Not,
}

fn account(number: usize) -> String {
    format!("account:{number}")
}

/// All accounts, in an order of chance.
fn accounts(random: &mut Pcg64) -> Vec<String> {
    let first = random.random_range(0..ACCOUNTS);
    let mut names: Vec<String> = (0..ACCOUNTS).map(|place| account((first + place) % ACCOUNTS)).collect();
    if random.random() {
        names.reverse();
    }
    names
}

fn words(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// The sum of values that a command has returned.
fn sum_of(values: Reply) -> i64 {
    values.into_elements().iter().map(|value| value.text().parse::<i64>().unwrap_or(i64::MIN / 100)).sum()
}

/// What one client has done.
#[derive(Default)]
struct Done {
    transfers: usize,
    pushed: usize,
    popped: usize,
    /// Sums that were seen and are wrong.
    wrong: Vec<String>,
}

impl Done {
    fn check(&mut self, way: &str, sum: i64) {
        if sum != INITIAL * ACCOUNTS as i64 {
            self.wrong.push(format!("{sum} seen by {way}"));
        }
    }

    /// One step of a client.
    fn step(&mut self, caller: &mut Caller, random: &mut Pcg64, together: Together) -> io::Result<()> {
        let (from, to) = (random.random_range(0..ACCOUNTS), random.random_range(1..ACCOUNTS));
        let (from, to) = (account(from), account((from + to) % ACCOUNTS));
        let amount = random.random_range(1..50).to_string();
        match random.random_range(0..16) {
            0..4 => {
                caller.number(UNDECLARED, &[], &[&from, &to, &amount])?;
                self.transfers += 1;
            }
            4 => {
                caller.number(HALF_DECLARED, &[&from], &[&to, &amount])?;
                self.transfers += 1;
            }
            5 | 6 => {
                caller.number(DECLARED, &[&from, &to], &[&amount])?;
                self.transfers += 1;
            }
            7 | 8 => {
                self.transfers += 1;
                if together == Together::Transaction {
                    caller.command(&["MULTI"])?;
                }
                caller.command(&["DECRBY", &from, &amount])?;
                caller.command(&["INCRBY", &to, &amount])?;
                if together == Together::Transaction {
                    let results = caller.command(&["EXEC"])?;
                    if results.clone().into_elements().len() != 2 {
                        return Err(unexpected(&results));
                    }
                }
            }
            9 => {
                let sum = caller.number(SUM, &[], &words(&accounts(random)))?;
                self.check("a script", sum);
            }
            10 => {
                let names = accounts(random);
                let values = caller.command(&[&["MGET"], &words(&names)[..]].concat())?;
                self.check("MGET", sum_of(values));
            }
            11 => {
                caller.command(&["MULTI"])?;
                for name in accounts(random) {
                    caller.command(&["GET", &name])?;
                }
                let values = caller.command(&["EXEC"])?;
                self.check("a transaction", sum_of(values));
            }
            12 => {
                let (first, second) =
                    if random.random() { ("queue:1", "queue:2") } else { ("queue:2", "queue:1") };
                self.pushed += caller.number(PUSH, &[], &[first, second, &amount])? as usize;
            }
            13 => {
                let (first, second) =
                    if random.random() { ("queue:1", "queue:2") } else { ("queue:2", "queue:1") };
                let popped = caller.command(&["BLPOP", first, second, "0.001"])?;
                self.popped += usize::from(popped != Reply::NullArray);
            }
            14 => {
                let cursor = caller.command(&["SCAN", "0", "COUNT", "100"])?.into_elements();
                if cursor.len() != 2 {
                    return Err(io::Error::other("no pair of a cursor and keys"));
                }
                caller.command(&["EXISTS", &to, &from, "queue:1"])?;
            }
            _ => {
                for command in
                    [&["SELECT", "9"][..], &["SET", &from, &amount], &["FLUSHDB"], &["SELECT", "0"]]
                {
                    caller.command(command)?;
                }
            }
        }
        Ok(())
    }
}

/// Has all clients work; says what was wrong with the sums, or what is missing.
fn check(together: Together, extent: Extent) -> Result<(), String> {
    let server = start();
    let mut control = server.connect();
    for number in 0..ACCOUNTS {
        control.call(["SET", &account(number), &INITIAL.to_string()]);
    }
    let done = crowd::all(server.port(), extent.seed, |_, caller, random| {
        let mut done = Done::default();
        for _ in 0..extent.commands / crowd::CLIENTS {
            done.step(caller, random, together)?;
        }
        Ok(done)
    });
    if let Some(wrong) = done.iter().flat_map(|done| &done.wrong).next() {
        return Err(wrong.clone());
    }
    let names: Vec<String> = (0..ACCOUNTS).map(account).collect();
    let mut end = Done::default();
    end.check("MGET at the end", sum_of(control.call([&["MGET"], &words(&names)[..]].concat())));
    if let Some(wrong) = end.wrong.pop() {
        return Err(wrong);
    }
    let total = |count: fn(&Done) -> usize| done.iter().map(count).sum::<usize>();
    let left: i64 =
        ["queue:1", "queue:2"].iter().filter_map(|queue| control.call(["LLEN", queue]).integer()).sum();
    let (pushed, popped) = (total(|done| done.pushed), total(|done| done.popped));
    if pushed != popped + left as usize {
        return Err(format!("{pushed} tokens were added, {popped} taken, {left} are left"));
    }
    println!("{} transfers, {pushed} tokens, of which {popped} were taken", total(|done| done.transfers));
    if control.command("INFO").text().lines().any(|line| line == "scripts_using_undeclared_keys:0") {
        return Err("no script has used keys that it had not declared".into());
    }
    Ok(())
}

#[test]
fn nothing_is_lost_in_whatever_order_keys_are_used() {
    assert_eq!(check(Together::Transaction, Extent::from_environment()), Ok(()));
}

#[test]
fn transfers_in_two_pieces_are_found() {
    let extent = Extent { commands: 5_000, ..Extent::from_environment() };
    assert!(check(Together::Not, extent).is_err());
}
