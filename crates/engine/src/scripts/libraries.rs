//! Libraries of functions: their code, and who has which function.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nuthatch_scripting::LibraryFunction;
use parking_lot::RwLock;

use super::ScriptFlags;
use crate::error::CommandError;

/// What is known of a function.
#[derive(Debug, Clone)]
pub struct FunctionFacts {
    /// Its name.
    pub name: String,
    /// What it says of itself.
    pub description: Option<Vec<u8>>,
    /// Its flags.
    pub flags: ScriptFlags,
}

/// A library.
#[derive(Debug)]
pub struct Library {
    /// A number that no other library has or had.
    pub(super) id: u64,
    /// Its name.
    pub name: String,
    /// Its text as it was sent.
    pub text: Box<[u8]>,
    /// What it has registered.
    pub functions: Vec<FunctionFacts>,
    is_forgotten: AtomicBool,
}

impl Library {
    /// A library of this name and text that has registered these functions.
    pub(crate) fn new(name: String, text: &[u8], registered: &[LibraryFunction]) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let facts = |function: &LibraryFunction| FunctionFacts {
            name: function.name.clone(),
            description: function.description.clone(),
            flags: function.flags.iter().filter_map(|name| ScriptFlags::named(name.as_bytes())).collect(),
        };
        Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            name,
            text: text.into(),
            functions: registered.iter().map(facts).collect(),
            is_forgotten: AtomicBool::new(false),
        }
    }

    /// Whether the server has forgotten it.
    pub(super) fn is_forgotten(&self) -> bool {
        self.is_forgotten.load(Ordering::Acquire)
    }
}

/// A function of a library.
#[derive(Debug, Clone)]
pub struct FoundFunction {
    /// Its library.
    pub library: Arc<Library>,
    /// Its place among the library's functions.
    pub place: usize,
}

impl FoundFunction {
    /// What is known of it.
    pub fn facts(&self) -> &FunctionFacts {
        &self.library.functions[self.place]
    }
}

/// What becomes of the libraries that are there when others come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They all go.
    Flush,
    /// They stay, and none may have the name of one that comes.
    Append,
    /// Those go whose names others have that come.
    Replace,
}

#[derive(Debug, Default, Clone)]
struct Index {
    libraries: BTreeMap<String, Arc<Library>>,
    /// By their names in lower case.
    functions: HashMap<String, FoundFunction>,
}

/// All libraries.
#[derive(Debug, Default)]
pub struct Libraries(RwLock<Index>);

impl Libraries {
    /// The function of this name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<FoundFunction> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.0.read().functions.get(&name).cloned()
    }

    /// Whether there is a library of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.read().libraries.contains_key(name)
    }

    /// All libraries, by their names.
    pub fn all(&self) -> Vec<Arc<Library>> {
        self.0.read().libraries.values().cloned().collect()
    }

    /// Adds libraries: all of them or, with an error, none.
    ///
    /// # Errors
    /// One has the name of a library that stays, or a function has that of another one.
    pub fn add(&self, added: Vec<Library>, policy: Policy) -> Result<(), CommandError> {
        let mut index = self.0.write();
        let mut next = if policy == Policy::Flush { Index::default() } else { index.clone() };
        for library in added {
            if next.libraries.contains_key(&library.name) {
                if policy != Policy::Replace {
                    return Err(CommandError::new(format!("ERR Library {} already exists", library.name)));
                }
                next.remove(&library.name);
            }
            next.add(Arc::new(library))?;
        }
        for library in index.libraries.values() {
            if next.libraries.get(&library.name).is_none_or(|kept| kept.id != library.id) {
                library.is_forgotten.store(true, Ordering::Release);
            }
        }
        *index = next;
        Ok(())
    }

    /// Forgets a library. Says whether there was one.
    pub fn delete(&self, name: &str) -> bool {
        let removed = self.0.write().remove(name);
        removed.inspect(|library| library.is_forgotten.store(true, Ordering::Release)).is_some()
    }

    /// Forgets all libraries.
    pub fn flush(&self) {
        for library in std::mem::take(&mut *self.0.write()).libraries.values() {
            library.is_forgotten.store(true, Ordering::Release);
        }
    }
}

impl Index {
    fn add(&mut self, library: Arc<Library>) -> Result<(), CommandError> {
        for (place, function) in library.functions.iter().enumerate() {
            let found = FoundFunction { library: library.clone(), place };
            if self.functions.insert(function.name.to_ascii_lowercase(), found).is_some() {
                return Err(CommandError::new(format!("ERR Function {} already exists", function.name)));
            }
        }
        self.libraries.insert(library.name.clone(), library);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Option<Arc<Library>> {
        let library = self.libraries.remove(name)?;
        self.functions.retain(|_, function| function.library.id != library.id);
        Some(library)
    }
}
