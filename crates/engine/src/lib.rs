//! Keyspace, commands and dispatch of Nuthatch: bytes and a clock in, replies and effects out. No sockets,
//! files or threads.

pub mod access;
pub mod arguments;
pub mod blocking;
pub mod call;
pub mod categories;
pub mod clients;
pub mod command;
pub mod commands;
pub mod defragmentation;
pub mod delivery;
pub mod dispatch;
pub mod effect;
pub mod error;
pub mod host;
pub mod keyspace;
pub mod memory;
pub mod messages;
pub mod notifications;
pub mod persistence;
pub mod propagation;
pub mod pubsub;
pub mod rdb;
pub mod scripts;
pub mod session;
pub mod settings;
pub mod statistics;
pub mod table;
pub mod tracking;
pub mod transaction;
pub mod value;
pub mod watch;

use std::sync::Arc;

use clients::Clients;
use defragmentation::Defragmentation;
use host::Host;
use keyspace::Keyspace;
use memory::Memory;
use persistence::Persistence;
use scripts::Scripts;
use settings::Settings;
use statistics::Statistics;
use table::CommandTable;

/// The version of Redis whose behaviour is reported, so that clients pick the right features.
pub const REDIS_VERSION: &str = "8.0.6";

/// The server without its sockets.
pub struct Engine {
    /// All data.
    pub keyspace: Keyspace,
    /// All commands.
    pub commands: CommandTable,
    /// All clients.
    pub clients: Clients,
    /// The directives that commands look at.
    pub settings: Settings,
    /// The limit on memory.
    pub memory: Memory,
    /// Scripts that clients have sent.
    pub scripts: Scripts,
    /// When memory is defragmented.
    pub defragmentation: Defragmentation,
    /// What is known of loading and saving.
    pub persistence: Persistence,
    /// What was counted.
    pub statistics: Statistics,
    /// The process around it.
    pub host: Arc<dyn Host>,
}

impl Engine {
    /// A server with this keyspace in this process.
    pub fn new(keyspace: Keyspace, host: Arc<dyn Host>) -> Self {
        let commands = CommandTable::new();
        let statistics = Statistics::new(commands.all().len());
        Self {
            keyspace,
            commands,
            clients: Clients::default(),
            settings: Settings::default(),
            memory: Memory::new(),
            scripts: Scripts::default(),
            defragmentation: Defragmentation::default(),
            persistence: Persistence::default(),
            statistics,
            host,
        }
    }

    /// The wall clock in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.host.now_us() / 1000
    }
}
