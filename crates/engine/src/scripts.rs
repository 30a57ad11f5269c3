//! Scripts that clients have sent: their texts, by which name, and which are to be forgotten first.
//!
//! Texts are kept once for the server. Each thread has an interpreter of its own, and compiles a script when it first runs
//! it, so that scripts on different keys run side by side and share nothing.

mod busy;
mod libraries;
mod loading;
mod shebang;
mod thread;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nuthatch_scripting::sha1_hex;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::error::CommandError;
pub use busy::{BusyScript, BusyScripts};
pub use libraries::{FoundFunction, FunctionFacts, Libraries, Library, Policy};
pub(crate) use loading::{library_name, load_library};
pub(crate) use shebang::FLAG_NAMES;
pub use shebang::ScriptFlags;
pub(crate) use thread::{Compiled, NO_SCRIPT, ThreadInterpreter, with_interpreter};

/// What a client hears that asks for the debugger of scripts.
pub(crate) const NO_DEBUGGER: CommandError =
    CommandError::fixed("ERR this server has no debugger of scripts");

/// The name of a script: the SHA-1 of its text in hexadecimal digits.
pub type ScriptName = [u8; 40];

/// Scripts that EVAL has sent which are kept. Those of SCRIPT LOAD stay until SCRIPT FLUSH.
const EVALUATED_MAX: usize = 500;

/// A script's text.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: ScriptName,
    /// The text as it was sent.
    pub text: Box<[u8]>,
    /// What its first line says.
    pub flags: ScriptFlags,
    /// Whether it is to be kept until SCRIPT FLUSH.
    is_loaded: AtomicBool,
    /// Whether it is not kept any more.
    is_forgotten: AtomicBool,
    /// When it was last sent by EVAL, in sends.
    sent: AtomicU64,
}

impl Source {
    /// Whether the server has forgotten it.
    #[inline]
    pub fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Ordering::Acquire)
    }
}

/// Figures about scripts.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScriptFigures {
    /// Scripts that are kept.
    pub scripts: usize,
    /// Bytes of their texts.
    pub text_bytes: usize,
    /// Scripts that were forgotten to make room.
    pub evicted: u64,
    /// Scripts that have used keys which they had not declared.
    pub undeclared: u64,
    /// Bytes that the threads' interpreters use.
    pub interpreter_bytes: u64,
}

/// All scripts.
#[derive(Debug, Default)]
pub struct Scripts {
    sources: RwLock<HashMap<ScriptName, Arc<Source>, foldhash::fast::RandomState>>,
    sends: AtomicU64,
    evicted: AtomicU64,
    /// How often all scripts or all functions were forgotten.
    flushes: AtomicU64,
    /// Held by the one script that may use keys which it has not declared.
    straying: Mutex<()>,
    strayed: AtomicU64,
    /// What each thread's interpreter uses, in bytes.
    interpreters: Mutex<Vec<Arc<AtomicU64>>>,
    /// Libraries of functions.
    pub libraries: Libraries,
    /// Scripts that have run for too long.
    pub busy: BusyScripts,
}

impl Scripts {
    /// The script of this name, given in either case.
    pub fn find(&self, name: &[u8]) -> Option<Arc<Source>> {
        self.sources.read().get(&parse_name(name)?).cloned()
    }

    /// Keeps a script that EVAL has sent, in place of the one that was sent longest ago if there are too many.
    ///
    /// # Errors
    /// The first line is not one of a script.
    pub fn evaluate(&self, name: ScriptName, text: &[u8]) -> Result<Arc<Source>, CommandError> {
        let sent = self.sends.fetch_add(1, Ordering::Relaxed);
        if let Some(source) = self.sources.read().get(&name) {
            source.sent.store(sent, Ordering::Relaxed);
            return Ok(source.clone());
        }
        let flags = ScriptFlags::of(text)?;
        let mut sources = self.sources.write();
        let evaluated = sources.values().filter(|source| !source.is_loaded.load(Ordering::Relaxed));
        if evaluated.clone().count() >= EVALUATED_MAX
            && let Some(oldest) = evaluated.min_by_key(|source| source.sent.load(Ordering::Relaxed)).cloned()
        {
            sources.remove(&oldest.name);
            oldest.is_forgotten.store(true, Ordering::Release);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        let new = || Arc::new(Source::new(name, text, flags, sent));
        Ok(sources.entry(name).or_insert_with(new).clone())
    }

    /// Keeps a script until SCRIPT FLUSH.
    ///
    /// # Errors
    /// The first line is not one of a script.
    pub fn load(&self, name: ScriptName, text: &[u8]) -> Result<Arc<Source>, CommandError> {
        let flags = ScriptFlags::of(text)?;
        let mut sources = self.sources.write();
        let source = sources.entry(name).or_insert_with(|| Arc::new(Source::new(name, text, flags, 0)));
        source.is_loaded.store(true, Ordering::Relaxed);
        Ok(source.clone())
    }

    /// Forgets a script that could not be compiled.
    pub(crate) fn forget(&self, source: &Source) {
        self.sources.write().remove(&source.name);
        source.is_forgotten.store(true, Ordering::Release);
    }

    /// Forgets all scripts.
    pub fn flush(&self) {
        for source in std::mem::take(&mut *self.sources.write()).into_values() {
            source.is_forgotten.store(true, Ordering::Release);
        }
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Forgets all libraries of functions.
    pub fn flush_libraries(&self) {
        self.libraries.flush();
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Has the calling thread release what it has compiled of scripts and functions that were forgotten together with all
    /// others. Each thread that runs scripts calls this now and then.
    pub fn release_flushed(&self) {
        thread::release_flushed(self);
    }

    /// Figures for INFO.
    pub fn figures(&self) -> ScriptFigures {
        let (sources, interpreters) = (self.sources.read(), self.interpreters.lock());
        ScriptFigures {
            scripts: sources.len(),
            text_bytes: sources.values().map(|source| size_of::<Source>() + source.text.len()).sum(),
            evicted: self.evicted.load(Ordering::Relaxed),
            undeclared: self.strayed.load(Ordering::Relaxed),
            interpreter_bytes: interpreters.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum(),
        }
    }

    /// A place where a thread tells what its interpreter uses.
    pub(crate) fn register_interpreter(&self) -> Arc<AtomicU64> {
        let bytes = Arc::new(AtomicU64::new(0));
        self.interpreters.lock().push(bytes.clone());
        bytes
    }

    /// Waits for a while until no other script runs that may use keys which it has not declared. No shard may be held.
    pub(crate) fn stray(&self) -> Option<MutexGuard<'_, ()>> {
        /// How long it is waited before it is looked at whether scripts run for too long.
        const PATIENCE: Duration = Duration::from_millis(1);
        self.straying.try_lock_for(PATIENCE)
    }

    /// Counts a script that has used keys which it had not declared.
    pub(crate) fn count_strayed(&self) {
        self.strayed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Source {
    fn new(name: ScriptName, text: &[u8], flags: ScriptFlags, sent: u64) -> Self {
        let (is_loaded, is_forgotten) = Default::default();
        Self { name, text: text.into(), flags, is_loaded, is_forgotten, sent: AtomicU64::new(sent) }
    }
}

/// The name of a script with this text.
pub fn name_of(text: &[u8]) -> ScriptName {
    sha1_hex(text)
}

/// Reads a name, in either case.
#[inline]
pub fn parse_name(name: &[u8]) -> Option<ScriptName> {
    let mut name: ScriptName = name.try_into().ok()?;
    name.make_ascii_lowercase();
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_of_eval_are_bounded_and_those_of_load_stay() {
        let scripts = Scripts::default();
        let loaded = scripts.load(name_of(b"return 0"), b"return 0").expect("a script");
        let texts: Vec<String> = (0..=EVALUATED_MAX).map(|number| format!("return {number} + 0")).collect();
        let send =
            |text: &String| scripts.evaluate(name_of(text.as_bytes()), text.as_bytes()).expect("a script");
        let first: Vec<_> = texts[..EVALUATED_MAX].iter().map(send).collect();
        send(&texts[0]);
        send(&texts[EVALUATED_MAX]);
        assert!(!first[0].is_forgotten(), "the first one was sent again");
        assert!(first[1].is_forgotten() && scripts.find(&first[1].name).is_none());
        assert!(!loaded.is_forgotten());
        assert_eq!((scripts.figures().scripts, scripts.figures().evicted), (EVALUATED_MAX + 1, 1));
        scripts.flush();
        assert!(loaded.is_forgotten() && scripts.find(&loaded.name).is_none());
    }
}
