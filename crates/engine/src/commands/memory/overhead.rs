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
        Self {
            clients: engine.clients.memory_bytes(),
            tables: databases
                .iter()
                .map(|(_, database)| (database.table_bytes + database.index_bytes) as u64)
                .sum(),
            databases,
        }
    }

    /// All that is not keys and values, what was allocated at start included.
    pub(in crate::commands) fn total(&self, memory: &MemoryFacts) -> u64 {
        memory.allocated_at_start + self.clients + self.tables
    }
}
