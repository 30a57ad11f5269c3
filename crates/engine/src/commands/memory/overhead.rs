//! What memory goes to besides the keys and their values.

use crate::Engine;
use crate::host::MemoryFacts;
use crate::keyspace::DatabaseFigures;
use crate::keyspace::locked::Keys;

/// Memory by its use, in bytes.
#[derive(Debug)]
pub(in crate::commands) struct Overhead {
    /// Buffers of clients.
    pub(in crate::commands) clients: u64,
    /// What waits to be appended to the append-only file.
    pub(in crate::commands) log: u64,
    /// The interpreters of scripts and functions.
    pub(in crate::commands) interpreters: u64,
    /// Scripts that are kept.
    pub(in crate::commands) scripts: u64,
    /// Functions.
    pub(in crate::commands) functions: u64,
    /// Tables and indexes of all databases.
    pub(in crate::commands) tables: u64,
    /// The databases that have keys, by number.
    pub(in crate::commands) databases: Vec<(u32, DatabaseFigures)>,
}

impl Overhead {
    /// What it is now.
    pub(in crate::commands) fn of(engine: &Engine, keys: &Keys<'_>) -> Self {
        let databases: Vec<(u32, DatabaseFigures)> = (0..engine.keyspace.databases())
            .map(|number| (number, keys.figures(number)))
            .filter(|(_, database)| database.keys > 0)
            .collect();
        let scripts = engine.scripts.figures();
        Self {
            clients: engine.clients.memory_bytes(),
            log: engine.persistence.log.buffered(),
            interpreters: scripts.interpreter_bytes,
            scripts: scripts.text_bytes as u64,
            functions: engine.scripts.libraries.all().iter().map(|library| library.text.len() as u64).sum(),
            tables: databases
                .iter()
                .map(|(_, database)| (database.table_bytes + database.index_bytes) as u64)
                .sum(),
            databases,
        }
    }

    /// All that is not keys and values, what was allocated at start included.
    pub(in crate::commands) fn total(&self, memory: &MemoryFacts) -> u64 {
        let scripts = self.interpreters + self.scripts + self.functions;
        memory.allocated_at_start + self.clients + self.log + scripts + self.tables
    }
}
