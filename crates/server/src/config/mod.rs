//! The configuration: read from a file and the command line, shown and changed while the server runs.

mod arguments;
mod compound;
mod directives;
mod documentation;
mod kind;
mod load;
mod rewrite;
mod settings;
mod text;
mod values;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use nuthatch_protocol::glob;

use arguments::Request;
use directives::Index;
use kind::Value;
use load::resolve_directory;
use values::Values;

pub(crate) use compound::OutputBufferLimit;
pub(crate) use documentation::documentation;
pub(crate) use load::{ConfigError, Declarations, system_text};
pub(crate) use settings::{AppendOnlySettings, Fsync, Settings, Share, Supervision};

/// Where scripts that start a server in the background look for its process id.
const DEFAULT_PIDFILE: &str = "/var/run/redis.pid";

/// The configuration of a server. All threads share it.
pub(crate) struct Config {
    values: Mutex<Values>,
    settings: ArcSwap<Settings>,
    declarations: Declarations,
    file: Option<PathBuf>,
}

/// What the command line asks for.
pub(crate) enum Startup {
    /// Run a server with this configuration.
    Run(Box<Config>),
    /// Print the version.
    PrintVersion,
    /// Print how to use the program.
    PrintHelp,
    /// Check that the system suits the server.
    CheckSystem,
    /// Print the documentation of the configuration.
    PrintDocumentation,
}

/// Where the client is that asks for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On this machine.
    Local,
    /// Anywhere else.
    Remote,
}

impl Config {
    /// Reads the command line (without the name of the program), and the files that it names. The standard input
    /// is read only if the command line asks for it.
    pub(crate) fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
        standard_input: impl Read,
    ) -> Result<Startup, ConfigError> {
        let arguments: Vec<Vec<u8>> = arguments.into_iter().map(OsString::into_vec).collect();
        let sources = match Request::parse(&arguments)? {
            Request::Version => return Ok(Startup::PrintVersion),
            Request::Help => return Ok(Startup::PrintHelp),
            Request::CheckSystem => return Ok(Startup::CheckSystem),
            Request::Documentation => return Ok(Startup::PrintDocumentation),
            Request::Run(sources) => sources,
        };
        let file =
            sources.file.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()));
        let loader = sources.load(standard_input)?;
        Ok(Startup::Run(Box::new(Self {
            settings: ArcSwap::from_pointee(Settings::new(&loader.values)),
            values: Mutex::new(loader.values),
            declarations: loader.declarations,
            file,
        })))
    }

    /// The settings as they are now. Keep the result only as long as they may be out of date.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// What the configuration says beyond the values of directives.
    pub(crate) fn declarations(&self) -> &Declarations {
        &self.declarations
    }

    /// The directives that are set to something else than their default although they have no effect yet.
    pub(crate) fn without_effect(&self) -> Vec<&'static str> {
        let (values, defaults) = (self.lock(), Values::defaults());
        let differs = |index: Index| values.at(index).to_text() != defaults.at(index).to_text();
        // Who wants nothing saved gets just that.
        let is_done = |index: Index, name: &str| name == "save" && values.at(index).to_text().is_empty();
        let directives = directives::all().iter().enumerate();
        directives
            .filter(|(index, directive)| !directive.effective && !directive.hidden && differs(*index))
            .filter(|(index, directive)| !is_done(*index, directive.name))
            .map(|(_, directive)| directive.name)
            .collect()
    }

    /// The absolute path of the configuration file, if the server was started with one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The value of one directive as `CONFIG GET` shows it.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let (_, index) = directives::find(name.as_bytes())?;
        Some(self.lock().at(index).to_text())
    }

    /// What `CONFIG GET` answers: names, spelled as they were asked for, and values.
    pub(crate) fn get_matching(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let values = self.lock();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for pattern in patterns {
            if pattern.iter().any(|byte| b"*?[".contains(byte)) {
                for (index, directive) in directives::all().iter().enumerate() {
                    let names = std::iter::once(directive.name).chain(directive.alias);
                    for name in names.filter(|_| !directive.hidden) {
                        if glob::matches_ignoring_case(pattern, name.as_bytes()) && seen.insert(name) {
                            found.push((name.as_bytes().to_vec(), values.at(index).to_text()));
                        }
                    }
                }
            } else if let Some((name, index)) = directives::find(pattern)
                && seen.insert(name)
            {
                found.push((pattern.to_vec(), values.at(index).to_text()));
            }
        }
        found
    }

    /// Changes directives as `CONFIG SET` does: all of them or, if one is refused, none.
    ///
    /// The new settings are published, then `apply` is called with the name of each directive whose value has
    /// changed, and of `dir` in any case. If it refuses one, the old settings are published again and it is called once more for
    /// this one, of which something may be in force, and those before. It must not ask for values itself: they are locked.
    ///
    /// # Errors
    ///
    /// The text of the error reply, without its leading `ERR`. It repeats names as they were given.
    pub(crate) fn set(
        &self,
        pairs: &[(&[u8], &[u8])],
        origin: Origin,
        apply: &mut dyn FnMut(&'static str, &Settings) -> Result<(), String>,
    ) -> Result<(), Vec<u8>> {
        let mut values = self.lock();
        let targets = targets_of(pairs, &values, origin)?;
        let mut changed = values.clone();
        let mut changes = Vec::new();
        for ((name, index), (_, text)) in targets.iter().zip(pairs) {
            let current = values.at(*index);
            let new = parse(*index, text, current).map_err(|reason| failure(name.as_bytes(), &reason))?;
            // Another directory may have the name of the one before.
            if new != *current || directives::all()[*index].name == "dir" {
                changes.push((*name, *index));
            }
            changed.set(*index, new);
        }
        let new = self.publish(&changed);
        for (applied, (name, index)) in changes.iter().enumerate() {
            if let Err(reason) = apply(directives::all()[*index].name, &new) {
                let old = self.publish(&values);
                for (_, index) in &changes[..=applied] {
                    if let Err(reason) = apply(directives::all()[*index].name, &old) {
                        crate::log::warning!("Failed applying restored failed CONFIG SET command: {reason}");
                    }
                }
                return Err(failure(name.as_bytes(), &reason));
            }
        }
        *values = changed;
        Ok(())
    }

    /// Writes the values as they are now into the configuration file.
    ///
    /// # Errors
    ///
    /// The text of the error reply, without its leading `ERR`.
    pub(crate) fn rewrite(&self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Err("The server is running without a config file".to_owned());
        };
        // Held to the end, so that two rewrites at once do not leave the values of the earlier one.
        let values = self.lock();
        rewrite::rewrite_file(file, &values)
            .map_err(|problem| format!("Rewriting config file: {}", system_text(&problem)))
    }

    /// Lowers the number of clients to what the system allows. For the start only.
    pub(crate) fn reduce_maxclients(&self, maxclients: u32) {
        self.override_value("maxclients", Value::Integer(maxclients.into()));
    }

    /// Gives a server in the background the file for its process id that it has if none is configured. For the
    /// start only.
    pub(crate) fn set_default_pidfile(&self) {
        if self.settings().pidfile.is_none() {
            self.override_value("pidfile", Value::Text(DEFAULT_PIDFILE.into()));
        }
    }

    fn override_value(&self, name: &str, value: Value) {
        let mut values = self.lock();
        if let Some((_, index)) = directives::find(name.as_bytes()) {
            values.set(index, value);
            self.publish(&values);
        }
    }

    fn publish(&self, values: &Values) -> Arc<Settings> {
        let settings = Arc::new(Settings::new(values));
        self.settings.store(Arc::clone(&settings));
        settings
    }

    fn lock(&self) -> MutexGuard<'_, Values> {
        // Values are replaced as a whole, so that a panic leaves none of them half changed.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the directives that `CONFIG SET` names, and whether they may be changed.
fn targets_of(
    pairs: &[(&[u8], &[u8])],
    values: &Values,
    origin: Origin,
) -> Result<Vec<(&'static str, Index)>, Vec<u8>> {
    let protected_allowed = match values.choice("enable-protected-configs") {
        "yes" => true,
        "local" => origin == Origin::Local,
        _ => false,
    };
    let mut names = HashSet::new();
    let mut targets = Vec::with_capacity(pairs.len());
    for (given, _) in pairs {
        let Some((name, index)) = directives::find(given) else {
            let unknown: &[u8] = b"Unknown option or number of arguments for CONFIG SET - '";
            return Err([unknown, given, b"'"].concat());
        };
        let directive = directives::all()[index];
        let refusal = if directive.immutable {
            Some("can't set immutable config")
        } else if directive.protected && !protected_allowed {
            Some("can't set protected config")
        } else if !names.insert(name) {
            Some("duplicate parameter")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Err(failure(given, refusal));
        }
        targets.push((name, index));
    }
    Ok(targets)
}

fn parse(index: Index, text: &[u8], current: &Value) -> Result<Value, Cow<'static, str>> {
    let directive = directives::all()[index];
    let value = directive.kind.parse(&[text], Some(current))?;
    match (directive.name, value, current) {
        ("dir", Value::Text(path), Value::Text(current)) => {
            let current = PathBuf::from(OsString::from_vec(current.clone()));
            Ok(Value::Text(resolve_directory(&current, &path)?.into_os_string().into_vec()))
        }
        (_, value, _) => Ok(value),
    }
}

fn failure(name: &[u8], reason: &str) -> Vec<u8> {
    let failed: &[u8] = b"CONFIG SET failed (possibly related to argument '";
    [failed, name, b"') - ", reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
