//! One line about one connection, as CLIENT LIST and CLIENT INFO show it.

use std::sync::atomic::Ordering;

use crate::Engine;
use crate::arguments::is_word;
use crate::clients::ClientRecord;
use crate::commands::container::printed;
use crate::error::CommandError;

/// The kinds of client that CLIENT LIST and CLIENT KILL tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One that sends commands and reads replies.
    Normal,
    /// The server that this one is a replica of.
    Primary,
    /// A replica of this server.
    Replica,
    /// One that has subscribed to messages.
    Subscriber,
}

impl Kind {
    /// Reads the word for a kind.
    ///
    /// # Errors
    /// There is no such kind.
    pub(super) fn parse(argument: &[u8]) -> Result<Self, CommandError> {
        match argument {
            word if is_word(word, "NORMAL") => Ok(Self::Normal),
            word if is_word(word, "MASTER") => Ok(Self::Primary),
            word if is_word(word, "REPLICA") || is_word(word, "SLAVE") => Ok(Self::Replica),
            word if is_word(word, "PUBSUB") => Ok(Self::Subscriber),
            word => Err(CommandError::repeating("ERR Unknown client type '", word, "'")),
        }
    }
}

impl Kind {
    /// The kind of a client.
    pub(super) fn of(record: &ClientRecord) -> Self {
        if record.subscriptions.any() { Self::Subscriber } else { Self::Normal }
    }
}

/// Describes a connection in one line, its end included, as of `now_ms` (milliseconds since 1970).
pub(crate) fn line(engine: &Engine, record: &ClientRecord, now_ms: u64) -> String {
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
    let names = record.names.lock().clone();
    let query_bytes = record.query_buffer.load(Ordering::Relaxed);
    let output_bytes = record.output_buffer.load(Ordering::Relaxed);
    let last_command = engine.commands.all().get(usize::from(record.last_command.load(Ordering::Relaxed)));
    let queued_bytes = record.queued_bytes.load(Ordering::Relaxed);
    let subscriptions = &record.subscriptions;
    let fields = [
        ("id", record.id.to_string()),
        ("addr", record.address.clone()),
        ("laddr", record.local_address.clone()),
        ("fd", record.descriptor.to_string()),
        ("name", text(&names.name)),
        ("age", seconds_since(record.connected_ms).to_string()),
        ("idle", seconds_since(record.active_ms.load(Ordering::Relaxed)).to_string()),
        ("flags", flags(record)),
        ("db", record.database.load(Ordering::Relaxed).to_string()),
        ("sub", subscriptions.channels.load(Ordering::Relaxed).to_string()),
        ("psub", subscriptions.patterns.load(Ordering::Relaxed).to_string()),
        ("ssub", subscriptions.shard_channels.load(Ordering::Relaxed).to_string()),
        ("multi", record.queued.load(Ordering::Relaxed).to_string()),
        ("watch", record.keys_watched().to_string()),
        ("qbuf", query_bytes.to_string()),
        ("qbuf-free", record.query_spare.load(Ordering::Relaxed).to_string()),
        ("argv-mem", "0".to_owned()),
        ("multi-mem", queued_bytes.to_string()),
        ("rbs", output_bytes.to_string()),
        ("rbp", "0".to_owned()),
        ("obl", output_bytes.to_string()),
        ("oll", "0".to_owned()),
        ("omem", output_bytes.to_string()),
        ("tot-mem", record.memory_bytes().to_string()),
        ("events", if output_bytes > 0 { "rw" } else { "r" }.to_owned()),
        ("cmd", last_command.map_or_else(|| "NULL".to_owned(), |command| command.full_name.clone())),
        ("user", "default".to_owned()),
        ("redir", record.redirection.load(Ordering::Relaxed).to_string()),
        ("resp", record.protocol.load(Ordering::Relaxed).to_string()),
        ("lib-name", text(&names.library_name)),
        ("lib-ver", text(&names.library_version)),
        ("io-thread", record.inbox.thread.to_string()),
        ("tot-net-in", record.received.load(Ordering::Relaxed).to_string()),
        ("tot-net-out", record.sent.load(Ordering::Relaxed).to_string()),
        ("tot-cmds", record.commands.load(Ordering::Relaxed).to_string()),
    ];
    let words: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    words.join(" ") + "\n"
}

fn flags(record: &ClientRecord) -> String {
    let flags: String = [
        (record.monitors.load(Ordering::Relaxed), 'O'),
        (record.subscriptions.any(), 'P'),
        (record.queued.load(Ordering::Relaxed) >= 0, 'x'),
        (record.blocked.lock().is_some(), 'b'),
        (record.redirection.load(Ordering::Relaxed) >= 0, 't'),
        (record.inbox.is_redirection_broken.load(Ordering::Relaxed), 'R'),
        (record.broadcasts.load(Ordering::Relaxed), 'B'),
        (record.watch.is_broken(), 'd'),
        (record.unix_socket, 'U'),
        (record.no_evict.load(Ordering::Relaxed), 'e'),
        (record.no_touch.load(Ordering::Relaxed), 'T'),
    ]
    .into_iter()
    .filter_map(|(set, flag)| set.then_some(flag))
    .collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(printed(name)).into_owned()
}
