//! The thread that saves the data set in the background: when BGSAVE asks for it, and at the save points.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use nuthatch_engine::Engine;

use crate::config::Config;
use crate::{log, memory};

/// How long between two looks at the save points.
const PERIOD: Duration = Duration::from_millis(100);

/// How long after a save that has failed the save points do not try again.
const RETRY: Duration = Duration::from_secs(5);

/// Asks the thread to save the data set: the job has begun.
#[derive(Debug)]
pub(crate) struct Request;

/// The way to the thread.
pub(crate) type Requests = Sender<Request>;

/// Makes the way to the thread that [`start`] starts.
pub(crate) fn requests() -> (Requests, Receiver<Request>) {
    mpsc::channel()
}

/// Starts the thread. It ends with the engine, or when nobody can ask it any more.
///
/// # Errors
/// The system has no thread.
pub(crate) fn start(
    engine: &Arc<Engine>,
    config: Arc<Config>,
    requests: Receiver<Request>,
) -> io::Result<()> {
    let engine = Arc::downgrade(engine);
    let mut saver = Saver { config, failed: None };
    memory::start_beside("save", move || {
        while saver.attend(&engine, requests.recv_timeout(PERIOD)) {
            memory::count_thread();
        }
    })?;
    Ok(())
}

struct Saver {
    config: Arc<Config>,
    /// When saving failed, if it did the last time.
    failed: Option<Instant>,
}

impl Saver {
    /// Saves if that is asked for or due. Says whether there may be more to do.
    fn attend(&mut self, engine: &Weak<Engine>, asked: Result<Request, RecvTimeoutError>) -> bool {
        let Some(engine) = engine.upgrade() else { return false };
        match asked {
            Ok(Request) => self.save(&engine),
            Err(RecvTimeoutError::Timeout) if self.is_due(&engine) => {
                if engine.persistence.background.begin_due_save(engine.now_ms() / 1000) {
                    self.save(&engine);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }

    /// Whether a scheduled save can begin, or a save point is reached.
    fn is_due(&self, engine: &Engine) -> bool {
        let persistence = &engine.persistence;
        if persistence.loading.is_active() || persistence.background.running().is_some() {
            return false;
        }
        if persistence.background.is_save_scheduled.load(Ordering::SeqCst) {
            return true;
        }
        let settings = self.config.settings();
        if settings.save_points.is_empty() || self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return false;
        }
        let Some(changes) = engine.keyspace.changes() else { return false };
        let changes = changes.saturating_sub(persistence.changes_saved.load(Ordering::Relaxed));
        let elapsed = (engine.now_ms() / 1000).saturating_sub(persistence.saved_s.load(Ordering::Relaxed));
        let reached = settings
            .save_points
            .iter()
            .find(|point| changes >= point.changes.into() && elapsed > point.seconds);
        if let Some(point) = reached {
            log::notice!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        }
        reached.is_some()
    }

    fn save(&mut self, engine: &Engine) {
        log::notice!("Background saving started");
        engine.save_in_background();
        let background = &engine.persistence.background;
        if background.is_cancelled() {
            log::notice!("Background saving cancelled");
        } else if background.has_save_failed.load(Ordering::Relaxed) {
            self.failed = Some(Instant::now());
            log::warning!("Background saving error");
        } else {
            self.failed = None;
            log::notice!("Background saving terminated with success");
        }
    }
}
