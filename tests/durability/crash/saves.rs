//! Saving while others write, and what may be in the file then.

use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::server::wait_until;
use rand::RngExt;
use rand_pcg::Pcg64;

use super::state::{Progress, WRITERS};
use super::writers::Written;

/// The steps that a save has: at least those that were confirmed when it was asked for, and none that was sent after its
/// moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Save {
    pub(super) least: Progress,
    pub(super) most: Progress,
}

impl Save {
    pub(super) fn may_have(&self, progress: Progress) -> bool {
        (0..WRITERS).all(|writer| (self.least[writer]..=self.most[writer]).contains(&progress[writer]))
    }
}

/// What may be in the file.
#[derive(Debug)]
pub(super) struct Saves {
    completed: Save,
    /// One of which the outcome is not known.
    attempt: Option<Save>,
}

impl Saves {
    /// The file has exactly this.
    pub(super) fn only(progress: Progress) -> Self {
        Self { completed: Save { least: progress, most: progress }, attempt: None }
    }

    pub(super) fn may_have(&self, progress: Progress) -> bool {
        self.completed.may_have(progress) || self.attempt.is_some_and(|save| save.may_have(progress))
    }

    /// Saves in every way until the server is gone.
    pub(super) fn save_repeatedly(&mut self, client: &mut Client, written: &Written, random: &mut Pcg64) {
        // The connection has ended, and what it was about to do remains an attempt.
        while self.save(client, written, random).is_ok() {}
        if let Some(attempt) = &mut self.attempt {
            let sent = written.sent();
            attempt.most = std::array::from_fn(|writer| attempt.most[writer].min(sent[writer]));
        }
    }

    fn save(&mut self, client: &mut Client, written: &Written, random: &mut Pcg64) -> io::Result<()> {
        let before = info(client, "rdb_saves")?;
        self.attempt = Some(Save { least: written.confirmed(), most: [u64::MAX; WRITERS] });
        match random.random_range(0..6) {
            0 => {
                accept(client, &["SAVE"])?;
                self.bound(written);
            }
            kind => {
                accept(client, &["BGSAVE"])?;
                // All keys are counted at the moment that is saved.
                await_info(client, |client| {
                    let is_over = info(client, "rdb_bgsave_in_progress")? == 0;
                    Ok(is_over || info(client, "current_save_keys_total")? > 0)
                })?;
                self.bound(written);
                if kind == 1 {
                    // Unless it is over.
                    client.try_call(["BGSAVE", "CANCEL"])?;
                }
                await_info(client, |client| Ok(info(client, "rdb_bgsave_in_progress")? == 0))?;
            }
        }
        let was_saved = info(client, "rdb_saves")? > before;
        if let Some(save) = self.attempt.take()
            && was_saved
        {
            self.completed = save;
        }
        // In between there is none.
        let until = self.completed.most[0] + random.random_range(0..100);
        await_info(client, |client| client.try_call(["PING"]).map(|_| written.sent()[0] >= until))
    }

    /// The moment of the attempt has passed.
    fn bound(&mut self, written: &Written) {
        if let Some(attempt) = &mut self.attempt {
            attempt.most = written.sent();
        }
    }
}

fn accept(client: &mut Client, words: &[&str]) -> io::Result<()> {
    let reply = client.try_call(words)?;
    assert!(!reply.is_error(), "{words:?}: {}", reply.text());
    Ok(())
}

/// Waits until something holds, or the server is gone.
fn await_info(
    client: &mut Client,
    mut condition: impl FnMut(&mut Client) -> io::Result<bool>,
) -> io::Result<()> {
    let mut outcome = Ok(false);
    let is_over = wait_until(|| {
        outcome = condition(client);
        !matches!(outcome, Ok(false))
    });
    assert!(is_over, "a save goes on for ever");
    outcome.map(drop)
}

/// A number that INFO tells.
pub(super) fn info(client: &mut Client, name: &str) -> io::Result<u64> {
    let text = client.try_call(["INFO", "persistence"])?.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no {name} in {text}")))
}
