//! Scripts that have run for too long, and how they are ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::error::CommandError;

/// A script that has run for `busy-reply-threshold`.
#[derive(Debug)]
pub struct BusyScript {
    /// The function's name, or nothing for a script.
    pub function: Option<String>,
    /// The request that runs it.
    pub request: Vec<Box<[u8]>>,
    /// When it began, in microseconds since 1970.
    pub begun_us: u64,
    /// Whether it has called a command that writes, and may not be ended any more.
    pub(crate) has_written: AtomicBool,
    is_killed: AtomicBool,
}

impl BusyScript {
    /// A script that runs on.
    pub(crate) fn new(
        function: Option<String>,
        request: Vec<Box<[u8]>>,
        begun_us: u64,
        has_written: bool,
    ) -> Self {
        let (has_written, is_killed) = (AtomicBool::new(has_written), AtomicBool::new(false));
        Self { function, request, begun_us, has_written, is_killed }
    }

    /// Whether it is to end.
    pub(crate) fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::Acquire)
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct BusyScripts(Mutex<Vec<Arc<BusyScript>>>);

impl BusyScripts {
    pub(crate) fn add(&self, script: Arc<BusyScript>) {
        self.0.lock().push(script);
    }

    pub(crate) fn remove(&self, script: &Arc<BusyScript>) {
        self.0.lock().retain(|other| !Arc::ptr_eq(other, script));
    }

    /// The one that began first.
    pub fn first(&self) -> Option<Arc<BusyScript>> {
        self.0.lock().first().cloned()
    }

    /// What is answered to commands meanwhile.
    pub fn refusal(&self) -> CommandError {
        const OF_FUNCTION: CommandError = CommandError::fixed(
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
        );
        const OF_SCRIPT: CommandError = CommandError::fixed(
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        );
        match self.first() {
            Some(script) if script.function.is_some() => OF_FUNCTION,
            _ => OF_SCRIPT,
        }
    }

    /// Ends those that run functions, or those that run scripts.
    ///
    /// # Errors
    /// There is none, or there are only others, or all have written.
    pub fn kill(&self, functions: bool) -> Result<(), CommandError> {
        const NOT_BUSY: CommandError = CommandError::fixed("NOTBUSY No scripts in execution right now.");
        const UNKILLABLE: CommandError = CommandError::fixed(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        );
        let scripts = self.0.lock().clone();
        if scripts.is_empty() {
            return Err(NOT_BUSY);
        }
        if scripts.iter().all(|script| script.has_written.load(Ordering::Acquire)) {
            return Err(UNKILLABLE);
        }
        let mut meant = scripts.iter().filter(|script| script.function.is_some() == functions).peekable();
        if meant.peek().is_none() {
            return Err(self.refusal());
        }
        let mut outcome = Err(UNKILLABLE);
        for script in meant.filter(|script| !script.has_written.load(Ordering::Acquire)) {
            script.is_killed.store(true, Ordering::Release);
            outcome = Ok(());
        }
        outcome
    }

    /// Ends all of them, whatever they have written: the server ends.
    pub fn end_all(&self) {
        for script in self.0.lock().iter() {
            script.is_killed.store(true, Ordering::Release);
        }
    }
}
