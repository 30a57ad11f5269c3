//! What the engine knows of one client.

use std::sync::Arc;

use crate::blocking::BlockedClient;
use crate::clients::ClientRecord;

/// Which replies a client wants: CLIENT REPLY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    /// All.
    On,
    /// None.
    Off,
    /// Not that to the next command.
    SkipNext,
    /// Not that to the running command.
    Skip,
}

/// One client's state, owned by the thread that serves it.
#[derive(Debug)]
pub struct Session {
    /// What other threads may see and ask of the client.
    pub record: Arc<ClientRecord>,
    /// The selected database.
    pub database: u32,
    /// Whether the client may run commands that need a password.
    pub authenticated: bool,
    /// Which replies it wants.
    pub reply_mode: ReplyMode,
    /// Whether its reads leave no trace in the keys' access fields: CLIENT NO-TOUCH.
    pub no_touch: bool,
    /// What the client waits for. It runs no further command until the wait has ended.
    pub blocked: Option<Arc<BlockedClient>>,
    /// Whether the connection ends once the replies so far are sent.
    pub closing: bool,
}

impl Session {
    /// A new client's state.
    pub fn new(record: Arc<ClientRecord>, authenticated: bool) -> Self {
        Self {
            record,
            database: 0,
            authenticated,
            reply_mode: ReplyMode::On,
            no_touch: false,
            blocked: None,
            closing: false,
        }
    }
}
