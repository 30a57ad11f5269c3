//! Clients that write until the server is gone.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::state::{ACCOUNTS, JOURNAL, Mark, PLACES, Progress, WRITERS};

/// How far writers have come.
pub(super) struct Written {
    sent: [AtomicU64; WRITERS],
    confirmed: [AtomicU64; WRITERS],
}

impl Written {
    pub(super) fn from(progress: Progress) -> Self {
        Self { sent: progress.map(AtomicU64::new), confirmed: progress.map(AtomicU64::new) }
    }

    /// Steps of which the server may have heard.
    pub(super) fn sent(&self) -> Progress {
        self.sent.each_ref().map(|number| number.load(Ordering::SeqCst))
    }

    /// Steps of which the server has said that they are done.
    pub(super) fn confirmed(&self) -> Progress {
        self.confirmed.each_ref().map(|number| number.load(Ordering::SeqCst))
    }
}

/// Does one step after another until the connection ends.
///
/// # Errors
/// The server has refused one.
pub(super) fn write(mut client: Client, writer: usize, written: &Written, seed: u64) -> Result<(), String> {
    let mut random = Pcg64::seed_from_u64(seed);
    loop {
        let number = written.confirmed[writer].load(Ordering::SeqCst) + 1;
        let seen = written.confirmed[(writer + 1) % WRITERS].load(Ordering::SeqCst);
        let requests = step(writer, Mark { number, seen }, &mut random);
        written.sent[writer].store(number, Ordering::SeqCst);
        let Ok(replies) = client.pipeline(&requests) else { return Ok(()) };
        if let Some(refusal) = replies.iter().find(|reply| reply.starts_with(b"-")) {
            return Err(format!("writer {writer}: {}", refusal.escape_ascii()));
        }
        written.confirmed[writer].store(number, Ordering::SeqCst);
    }
}

fn step(writer: usize, mark: Mark, random: &mut Pcg64) -> Vec<Request> {
    let place = mark.number % PLACES;
    let mark_it = Request::new(["SET", &format!("mark:{writer}:{place}"), &mark.text()]);
    if !mark.number.is_multiple_of(2) {
        return vec![mark_it];
    }
    let mut account = || format!("account:{}", random.random_range(0..ACCOUNTS));
    let (from, to) = (account(), account());
    let amount = random.random_range(1..10).to_string();
    let journal = format!("journal:{writer}");
    vec![
        Request::new(["MULTI"]),
        Request::new(["DECRBY", &from, &amount]),
        mark_it,
        Request::new(["INCR", &format!("transfers:{writer}")]),
        Request::new(["RPUSH", &journal, &mark.number.to_string()]),
        Request::new(["LTRIM", &journal, &format!("-{JOURNAL}"), "-1"]),
        Request::new(["INCRBY", &to, &amount]),
        Request::new(["EXEC"]),
    ]
}

/// Makes the accounts and the other keys.
pub(super) fn set_up(client: &mut Client, fillers: usize) -> io::Result<()> {
    let accounts = (0..ACCOUNTS).flat_map(|number| [format!("account:{number}"), "1000".to_owned()]);
    client.try_call(["MSET".to_owned()].into_iter().chain(accounts))?;
    let fillers =
        (0..fillers).flat_map(|number| [format!("filler:{number}"), "filling ".repeat(number % 40)]);
    client.try_call(["MSET".to_owned()].into_iter().chain(fillers)).map(drop)
}
