//! A client that writes numbered steps to a server on a disk that fails, and what has to be left of them.

use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::server::{Server, wait_until};
use rand::RngExt;
use rand_pcg::Pcg64;

/// Keys of several sectors that steps write in turn.
const BIG_KEYS: u64 = 3;

/// What is done besides after so many steps.
const STEPS_BETWEEN: u64 = 5;

/// What the server promises to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// What it has acknowledged.
    Acknowledged,
    /// What WAITAOF has said is on the disk.
    Waited,
    /// What was there when it began to save, if that went well.
    Saved,
    Nothing,
}

/// How far the writer has come.
#[derive(Debug)]
pub(super) struct History {
    promise: Promise,
    /// Whether it counts, now: there is a file that everything goes to.
    is_kept: bool,
    begun: u64,
    acknowledged: u64,
    promised: u64,
}

impl History {
    pub(super) fn new(promise: Promise) -> Self {
        Self { promise, is_kept: true, begun: 0, acknowledged: 0, promised: 0 }
    }

    /// Whether so many steps may be there.
    pub(super) fn may_be(&self, steps: u64) -> bool {
        (self.promised..=self.begun).contains(&steps)
    }
}

/// Writes, saves and rewrites.
pub(super) struct Writer<'h> {
    history: &'h mut History,
}

impl<'h> Writer<'h> {
    pub(super) fn new(history: &'h mut History) -> Self {
        Self { history }
    }

    /// Does so many steps, or fewer if the server ends.
    pub(super) fn run(&mut self, server: &mut Server, steps: u64, random: &mut Pcg64) {
        let mut tries = 0;
        while tries < steps {
            let Ok(mut client) = server.try_connect() else { break };
            // A connection ends when it cannot be told whether its writes are kept.
            let _ = self.write(&mut client, &mut tries, steps, random);
        }
        if tries < steps {
            assert!(server.wait_for_end().is_some(), "a server that takes no connection has ended");
        }
    }

    fn write(
        &mut self,
        client: &mut Client,
        tries: &mut u64,
        steps: u64,
        random: &mut Pcg64,
    ) -> io::Result<()> {
        let mut last = client.try_call(["LLEN", "list"])?.integer().unwrap_or(0).unsigned_abs();
        while *tries < steps {
            *tries += 1;
            let step = last + 1;
            self.history.begun = self.history.begun.max(step);
            if do_step(client, step)? {
                last = step;
                self.history.acknowledged = step;
                if self.history.promise == Promise::Acknowledged && self.history.is_kept {
                    self.history.promised = step;
                }
            }
            if tries.is_multiple_of(STEPS_BETWEEN) {
                self.do_besides(client, random)?;
            }
        }
        Ok(())
    }

    /// What has files written, exchanged and removed. It may be refused.
    fn do_besides(&mut self, client: &mut Client, random: &mut Pcg64) -> io::Result<()> {
        let before = self.history.acknowledged;
        if self.history.promise == Promise::Saved {
            let command = if random.random() { "SAVE" } else { "BGSAVE" };
            let answer = client.try_call([command])?;
            let is_over = wait_for(client, "rdb_bgsave_in_progress:0\r")?;
            let went_well = info(client)?.contains("rdb_last_bgsave_status:ok\r");
            if !answer.is_error() && is_over && went_well {
                self.history.promised = before;
            }
            return Ok(());
        }
        match random.random_range(0..8) {
            0..3 => {
                client.try_call(["BGREWRITEAOF"])?;
            }
            3 => {
                client.try_call(["BGREWRITEAOF"])?;
                wait_for(client, "aof_rewrite_in_progress:0\r")?;
            }
            4 => {
                self.history.is_kept = false;
                client.try_call(["CONFIG", "SET", "appendonly", "no"])?;
                client.try_call(["CONFIG", "SET", "appendonly", "yes"])?;
                self.wait_until_kept(client)?;
            }
            5 => {
                client.try_call(["BGSAVE"])?;
            }
            _ if self.history.promise != Promise::Nothing => self.wait_until_kept(client)?,
            _ => {}
        }
        Ok(())
    }

    /// Waits until all that was acknowledged is on the disk.
    fn wait_until_kept(&mut self, client: &mut Client) -> io::Result<()> {
        let before = self.history.acknowledged;
        let kept = client.try_call(["WAITAOF", "1", "0", "3000"])?.into_elements();
        if kept.first().and_then(|local| local.integer()) == Some(1) {
            self.history.promised = before;
            self.history.is_kept = true;
        }
        Ok(())
    }
}

/// Does one step. Says whether it was acknowledged.
fn do_step(client: &mut Client, step: u64) -> io::Result<bool> {
    let text = step.to_string();
    if step.is_multiple_of(4) {
        let script = "redis.call('RPUSH', KEYS[1], ARGV[1]) return redis.call('SET', KEYS[2], ARGV[1])";
        return client.try_call(["EVAL", script, "2", "list", "copy", &text]).map(|reply| !reply.is_error());
    }
    client.try_call(["MULTI"])?;
    client.try_call(["RPUSH", "list", &text])?;
    client.try_call(["SET", &big_key(step), &big(step)])?;
    client.try_call(["SET", "copy", &text])?;
    let reply = client.try_call(["EXEC"])?;
    Ok(!reply.is_error() && reply.into_elements().iter().all(|element| !element.is_error()))
}

fn big_key(step: u64) -> String {
    format!("big:{}", step % BIG_KEYS)
}

/// From one sector to many.
fn big(step: u64) -> String {
    format!("{step} ").repeat((step * step % 4000) as usize)
}

fn info(client: &mut Client) -> io::Result<String> {
    client.try_call(["INFO", "persistence"]).map(|reply| reply.text())
}

/// Waits until INFO has a line. Says whether it has.
fn wait_for(client: &mut Client, line: &str) -> io::Result<bool> {
    let mut failure = None;
    let has_it = wait_until(|| match info(client) {
        Ok(text) => text.contains(line),
        Err(problem) => {
            failure = Some(problem);
            true
        }
    });
    failure.map_or(Ok(has_it), Err)
}

/// Whether the server takes writes, soon.
pub(super) fn writes_again(server: &Server) -> bool {
    wait_until(|| {
        let Ok(mut client) = server.try_connect() else { return false };
        client.try_call(["SET", "probe", "1"]).is_ok_and(|reply| !reply.is_error())
    })
}

/// Whether the server has loaded what there is.
pub(super) fn is_loaded(server: &Server) -> bool {
    let text = server.try_connect().and_then(|mut client| info(&mut client));
    text.is_ok_and(|text| text.contains("\nloading:0\r"))
}

/// How many steps are there; nothing if the server has ended, or is not done with loading.
pub(super) fn steps(server: &Server) -> Option<u64> {
    let mut client = server.try_connect().ok()?;
    let steps = client.try_call(["LLEN", "list"]).ok()?;
    steps.integer().map(i64::unsigned_abs)
}

/// Checks that what was promised is there, whole.
#[track_caller]
pub(super) fn check(server: &Server, history: &History) {
    let mut client = server.connect();
    let list = client.call(["LRANGE", "list", "0", "-1"]).into_elements();
    let list: Vec<String> = list.iter().map(|element| element.text()).collect();
    let steps = list.len() as u64;
    let expected: Vec<String> = (1..=steps).map(|step| step.to_string()).collect();
    assert_eq!(list, expected, "steps are missing, or there twice, of {history:?}");
    assert!(history.may_be(steps), "{steps} steps are there of {history:?}");
    let copy = client.call(["GET", "copy"]).text();
    assert_eq!(copy.parse().unwrap_or(0), steps, "a step is torn of {history:?}");
    for place in 0..BIG_KEYS {
        let last = (1..=steps).rev().find(|step| step % BIG_KEYS == place && !step.is_multiple_of(4));
        // What is in a value that was not promised cannot be told from what should be.
        if let Some(step) = last.filter(|step| *step <= history.promised) {
            assert_eq!(client.call(["GET", &big_key(step)]).text(), big(step), "{history:?}");
        }
    }
}
