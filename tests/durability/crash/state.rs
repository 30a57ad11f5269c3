//! What writers leave in a server, and of which moment that is.
//!
//! Each writer numbers what it does. Every step writes its number to one of a few keys in turn; every second step is a
//! transaction that moves an amount between two accounts besides, and notes that in a counter and a journal. A step
//! also says how far another writer had been confirmed to have come. So what is there at one moment can be told from what
//! never was there at once.

use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;

pub(super) const WRITERS: usize = 4;

/// Keys that each writer writes its numbers to in turn.
pub(super) const PLACES: u64 = 8;

pub(super) const ACCOUNTS: usize = 32;

/// What each account has at the beginning.
pub(super) const INITIAL: i64 = 1000;

/// How many of its last transfers each writer keeps in its journal.
pub(super) const JOURNAL: usize = 20;

/// Keys that nobody changes, so that files have a length.
pub(super) const FILLERS: usize = 1000;

/// How many steps of each writer there have been.
pub(super) type Progress = [u64; WRITERS];

/// What one step has left at a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) number: u64,
    /// How many steps of the next writer were confirmed then.
    pub(super) seen: u64,
}

impl Mark {
    pub(super) fn text(self) -> String {
        format!("{} {}", self.number, self.seen)
    }

    fn parse(text: &str) -> Option<Self> {
        let (number, seen) = text.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, seen: seen.parse().ok()? })
    }
}

/// What one writer has left.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces {
    /// By place.
    pub(super) marks: Vec<Option<Mark>>,
    pub(super) transfers: u64,
    pub(super) journal: Vec<u64>,
}

/// All that the writers have left.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) balances: Vec<i64>,
    pub(super) traces: Vec<Traces>,
    /// How many keys there are at all.
    pub(super) keys: usize,
}

impl State {
    /// Reads it from a server that nobody writes to.
    pub(super) fn read(client: &mut Client) -> io::Result<Self> {
        let words = |name: &str, count: usize| -> Vec<String> {
            let keys = (0..count).map(|number| format!("{name}:{number}"));
            ["MGET".to_owned()].into_iter().chain(keys).collect()
        };
        let accounts = client.try_call(words("account", ACCOUNTS))?.into_elements();
        let balances = accounts.iter().map(|reply| reply.text().parse().unwrap_or(0)).collect();
        let mut traces = Vec::new();
        for writer in 0..WRITERS {
            let marks = client.try_call(words(&format!("mark:{writer}"), PLACES as usize))?.into_elements();
            let transfers = client.try_call(["GET", &format!("transfers:{writer}")])?;
            let journal = client.try_call(["LRANGE", &format!("journal:{writer}"), "0", "-1"])?;
            let number = |reply: &Reply| reply.text().parse().unwrap_or(0);
            traces.push(Traces {
                marks: marks.iter().map(|reply| Mark::parse(&reply.text())).collect(),
                transfers: number(&transfers),
                journal: journal.into_elements().iter().map(number).collect(),
            });
        }
        let keys = client.try_call(["DBSIZE"])?.integer().and_then(|keys| keys.try_into().ok());
        Ok(Self { balances, traces, keys: keys.unwrap_or(0) })
    }

    /// How far each writer had come at the moment that this is the state of.
    ///
    /// # Errors
    /// There was no such moment.
    pub(super) fn progress(&self) -> Result<Progress, String> {
        let sum: i64 = self.balances.iter().sum();
        let expected = INITIAL * ACCOUNTS as i64;
        if sum != expected {
            return Err(format!("all accounts have {sum} and not {expected}"));
        }
        let mut progress = [0; WRITERS];
        let mut keys = ACCOUNTS + FILLERS;
        for (writer, traces) in self.traces.iter().enumerate() {
            progress[writer] = traces.steps().map_err(|fault| format!("writer {writer}: {fault}"))?;
            keys += traces.marks.iter().flatten().count() + 2 * usize::from(traces.transfers > 0);
        }
        if keys != self.keys {
            return Err(format!("there are {} keys and not {keys}", self.keys));
        }
        for (writer, traces) in self.traces.iter().enumerate() {
            let next = (writer + 1) % WRITERS;
            let seen = traces.marks.iter().flatten().map(|mark| mark.seen).max().unwrap_or(0);
            if seen > progress[next] {
                let has = progress[next];
                return Err(format!(
                    "writer {writer} has seen step {seen} of {next}, which has come to {has}"
                ));
            }
        }
        Ok(progress)
    }
}

impl Traces {
    fn steps(&self) -> Result<u64, String> {
        let steps = self.marks.iter().flatten().map(|mark| mark.number).max().unwrap_or(0);
        for (place, mark) in (0..).zip(&self.marks) {
            // The last step before them that went to this place.
            let expected = (1..=steps).rev().take(PLACES as usize).find(|number| number % PLACES == place);
            if mark.map(|mark| mark.number) != expected {
                return Err(format!("of {steps} steps, place {place} has {mark:?} and not {expected:?}"));
            }
        }
        if self.transfers != steps / 2 {
            return Err(format!("{} transfers in {steps} steps", self.transfers));
        }
        let mut journal: Vec<u64> =
            (1..=steps).rev().filter(|number| number.is_multiple_of(2)).take(JOURNAL).collect();
        journal.reverse();
        if self.journal != journal {
            return Err(format!("the journal of {steps} steps is {:?} and not {journal:?}", self.journal));
        }
        Ok(steps)
    }
}

/// What a server has after so many steps of each writer, of which none has seen another's.
fn after(progress: Progress) -> State {
    let traces = progress.map(|steps| {
        let last = |place| (1..=steps).rev().find(|number| number % PLACES == place);
        let mark = |place| last(place).map(|number| Mark { number, seen: 0 });
        let transfers: Vec<u64> = (1..=steps).filter(|number| number.is_multiple_of(2)).collect();
        Traces {
            marks: (0..PLACES).map(mark).collect(),
            transfers: steps / 2,
            journal: transfers[transfers.len().saturating_sub(JOURNAL)..].to_vec(),
        }
    });
    let marks: usize = traces.iter().map(|traces| traces.marks.iter().flatten().count()).sum();
    let transferring = traces.iter().filter(|traces| traces.transfers > 0).count();
    let keys = ACCOUNTS + FILLERS + marks + 2 * transferring;
    State { balances: vec![INITIAL; ACCOUNTS], traces: traces.to_vec(), keys }
}

/// What is wrong, and what makes it so.
type Fault = (&'static str, fn(&mut State));

#[test]
fn what_never_was_there_at_once_is_found() {
    let progress = [0, 3, 50, 101];
    assert_eq!(after(progress).progress(), Ok(progress));
    let faults: [Fault; 7] = [
        ("half a transfer", |state| state.balances[3] -= 5),
        ("a step before the last is missing", |state| {
            state.traces[2].marks[1] = Some(Mark { number: 41, seen: 0 });
        }),
        ("a key is missing", |state| state.traces[1].marks[1] = None),
        ("half of a transaction", |state| state.traces[2].transfers -= 1),
        ("the other half", |state| state.traces[3].journal[0] += 2),
        ("what a writer has seen is missing", |state| {
            state.traces[1].marks[3] = Some(Mark { number: 3, seen: 51 });
        }),
        ("a key that was not written", |state| state.keys += 1),
    ];
    for (name, spoil) in faults {
        let mut state = after(progress);
        spoil(&mut state);
        assert!(state.progress().is_err(), "{name}");
    }
}
