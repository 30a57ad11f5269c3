//! The connected clients, as every thread sees them: for CLIENT LIST, KILL, PAUSE and UNBLOCK.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use nuthatch_protocol::Reply;
use parking_lot::{Mutex, RwLock};

use crate::delivery::{Inbox, Signal};
use crate::watch::Watch;

/// Ends the wait of a blocked client.
pub trait Unblock: Send + Sync + std::fmt::Debug {
    /// Ends the wait with an error, or else as its timeout does. Says whether the client was still waiting.
    fn unblock(&self, with_error: bool) -> bool;

    /// Ends the wait, if the client is still waiting, without an answer: the client is gone.
    fn abandon(&self);
}

/// What a client tells about itself.
#[derive(Debug, Default, Clone)]
pub struct ClientNames {
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub library_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: Vec<u8>,
}

/// What other threads may see of a client. The numbers are written by the client's own thread, once per
/// batch of its requests, and read by anyone: each is right by itself, not together with the others.
#[derive(Debug)]
pub struct ClientRecord {
    /// Unique for the server's lifetime, ascending.
    pub id: u64,
    /// The client's address and port, or the path of the Unix socket.
    pub address: String,
    /// The server's address and port that the client connected to.
    pub local_address: String,
    /// The file descriptor.
    pub descriptor: i32,
    /// Whether it came by a Unix socket.
    pub unix_socket: bool,
    /// Whether it is on this machine.
    pub local: bool,
    /// When it connected, in milliseconds since 1970.
    pub connected_ms: u64,
    /// Where messages to it go.
    pub inbox: Arc<Inbox>,
    /// Names that it gave.
    pub names: Mutex<ClientNames>,
    /// Its wait, while it is blocked.
    pub blocked: Mutex<Option<Arc<dyn Unblock>>>,
    /// When it last sent a command, in milliseconds since 1970.
    pub active_ms: AtomicU64,
    /// The selected database.
    pub database: AtomicU32,
    /// The protocol: 2 or 3.
    pub protocol: AtomicU8,
    /// The command that it ran last, by its number in the table of commands; `u16::MAX` before the first.
    pub last_command: AtomicU16,
    /// Never to be evicted: CLIENT NO-EVICT.
    pub no_evict: AtomicBool,
    /// Reads leave no trace: CLIENT NO-TOUCH.
    pub no_touch: AtomicBool,
    /// Bytes of requests that are read and not run.
    pub query_buffer: AtomicU64,
    /// Bytes of replies that are not sent.
    pub output_buffer: AtomicU64,
    /// Bytes that are allocated for requests besides.
    pub query_spare: AtomicU64,
    /// Bytes that are allocated for replies besides.
    pub output_spare: AtomicU64,
    /// Bytes of replies that are not its own alone: the share of keys and of other clients.
    pub output_of_others: AtomicU64,
    /// Bytes of memory that the client takes, as of when it was last counted; 0 of one that is not closed for it,
    /// and once it is to be closed.
    memory_counted: AtomicU64,
    /// The same of one that is not closed for it (CLIENT NO-EVICT), and 0 of others.
    memory_exempt: AtomicU64,
    /// The same once it is to be closed, and 0 before.
    memory_leaving: AtomicU64,
    /// Bytes received.
    pub received: AtomicU64,
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Commands run.
    pub commands: AtomicU64,
    /// What it has subscribed to.
    pub subscriptions: SubscriptionCounts,
    /// Commands that are queued in its transaction; −1 outside of one.
    pub queued: AtomicI64,
    /// Bytes of memory that these take.
    pub queued_bytes: AtomicU64,
    /// Keys that it watches.
    pub watched: AtomicU32,
    /// Bytes of memory that these take.
    pub watched_bytes: AtomicU64,
    /// Bytes of memory that what it has subscribed to takes.
    pub subscribed_bytes: AtomicU64,
    /// Whether one of them has changed.
    pub watch: Arc<Watch>,
    /// The client that is told of keys that change instead of it; 0 if it is told itself, −1 if nobody is.
    pub redirection: AtomicI64,
    /// Whether it is told of all keys with some prefixes.
    pub broadcasts: AtomicBool,
    /// Whether it sees all commands: MONITOR.
    pub monitors: AtomicBool,
    /// Whether it is to run no further command: CLIENT KILL.
    pub is_killed: AtomicBool,
}

/// Where a client comes from.
#[derive(Debug, Default)]
pub struct Peer {
    /// Its address and port, or the path of the Unix socket.
    pub address: String,
    /// The server's address and port that it connected to.
    pub local_address: String,
    /// The file descriptor.
    pub descriptor: i32,
    /// Whether it came by a Unix socket.
    pub unix_socket: bool,
    /// Whether it is on this machine.
    pub local: bool,
}

impl ClientRecord {
    /// A client that has just connected.
    pub fn new(inbox: Arc<Inbox>, peer: Peer, now_ms: u64) -> Self {
        Self {
            id: inbox.recipient.client,
            address: peer.address,
            local_address: peer.local_address,
            descriptor: peer.descriptor,
            unix_socket: peer.unix_socket,
            local: peer.local,
            connected_ms: now_ms,
            inbox,
            names: Mutex::default(),
            blocked: Mutex::default(),
            active_ms: AtomicU64::new(now_ms),
            database: AtomicU32::new(0),
            protocol: AtomicU8::new(2),
            last_command: AtomicU16::new(u16::MAX),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            query_buffer: AtomicU64::new(0),
            output_buffer: AtomicU64::new(0),
            query_spare: AtomicU64::new(0),
            output_spare: AtomicU64::new(0),
            output_of_others: AtomicU64::new(0),
            memory_counted: AtomicU64::new(0),
            memory_exempt: AtomicU64::new(0),
            memory_leaving: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            subscriptions: SubscriptionCounts::default(),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicU64::new(0),
            watched: AtomicU32::new(0),
            watched_bytes: AtomicU64::new(0),
            subscribed_bytes: AtomicU64::new(0),
            watch: Arc::default(),
            redirection: AtomicI64::new(-1),
            broadcasts: AtomicBool::new(false),
            monitors: AtomicBool::new(false),
            is_killed: AtomicBool::new(false),
        }
    }
}

impl ClientRecord {
    /// How many keys it watches; none once one of them has changed, since nothing can mend that.
    pub fn keys_watched(&self) -> u32 {
        if self.watch.is_broken() { 0 } else { self.watched.load(Ordering::Relaxed) }
    }
}

impl ClientRecord {
    /// Notes what takes the replies that are not sent.
    pub fn note_output(&self, reply: &Reply) {
        // An empty buffer is about to be given back.
        let spare = if reply.is_empty() { 0 } else { reply.memory().saturating_sub(reply.len()) };
        self.output_buffer.store(reply.len() as u64, Ordering::Relaxed);
        self.output_spare.store(spare as u64, Ordering::Relaxed);
        self.output_of_others.store(reply.share_of_others() as u64, Ordering::Relaxed);
    }

    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let parts = [
            &self.query_buffer,
            &self.query_spare,
            &self.output_buffer,
            &self.output_spare,
            &self.queued_bytes,
            &self.watched_bytes,
            &self.subscribed_bytes,
        ];
        let bytes: u64 = parts.into_iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum();
        let of_others = self.output_of_others.load(Ordering::Relaxed);
        bytes.saturating_sub(of_others) + size_of::<Self>() as u64
    }
}

/// How many channels a client has subscribed to.
#[derive(Debug, Default)]
pub struct SubscriptionCounts {
    /// By name.
    pub channels: AtomicU32,
    /// By pattern.
    pub patterns: AtomicU32,
    /// Of shards.
    pub shard_channels: AtomicU32,
}

impl SubscriptionCounts {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        let counts = [&self.channels, &self.patterns, &self.shard_channels];
        counts.into_iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }
}

/// Counts the clients that wait in a blocking command.
#[derive(Debug, Default)]
pub struct WaitCounters {
    all: AtomicU64,
    with_timeout: AtomicU64,
}

impl WaitCounters {
    /// Counts a client that begins to wait.
    pub fn begin(&self, with_timeout: bool) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.with_timeout.fetch_add(u64::from(with_timeout), Ordering::Relaxed);
    }

    /// Counts a client whose wait has ended.
    pub fn end(&self, with_timeout: bool) {
        self.all.fetch_sub(1, Ordering::Relaxed);
        self.with_timeout.fetch_sub(u64::from(with_timeout), Ordering::Relaxed);
    }

    /// How many wait.
    pub fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    /// How many of them have a timeout.
    pub fn with_timeout(&self) -> u64 {
        self.with_timeout.load(Ordering::Relaxed)
    }
}

/// A sum to which threads add what they count for one client and from which they take what they counted before: in between
/// it may be less than nothing.
fn sum(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed).cast_signed().max(0).cast_unsigned()
}

/// All connected clients, by id.
#[derive(Debug, Default)]
pub struct Clients {
    records: RwLock<BTreeMap<u64, Arc<ClientRecord>>>,
    last_id: AtomicU64,
    /// Bytes of memory that all of them take but those who are not closed for it.
    memory: AtomicU64,
    /// Bytes that those take.
    exempt: AtomicU64,
    /// Bytes that those take besides who are to be closed.
    leaving: AtomicU64,
    /// `maxmemory-clients` in bytes; 0 for none.
    pub memory_max: AtomicU64,
    /// Held by the thread that has clients closed for their memory.
    evicting: Mutex<()>,
    /// How many wait in a blocking command.
    pub waiting: Arc<WaitCounters>,
    /// Commands held back until then, in milliseconds since 1970; all of them if negative (minus the time),
    /// else only writes. 0: none.
    paused: AtomicI64,
}

impl Clients {
    /// The id of the next client.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a client.
    pub fn add(&self, record: Arc<ClientRecord>) {
        self.records.write().insert(record.id, record);
    }

    /// Takes a client out.
    pub fn remove(&self, id: u64) {
        self.records.write().remove(&id);
    }

    /// Counts the memory that a client takes now. Only its own thread calls this.
    #[inline]
    pub fn count_memory(&self, record: &ClientRecord) {
        let bytes = record.memory_bytes();
        let counted_exempt_leaving =
            match (record.is_killed.load(Ordering::Relaxed), record.no_evict.load(Ordering::Relaxed)) {
                (false, false) => [bytes, 0, 0],
                (false, true) => [0, bytes, 0],
                // It may still grow before its thread is told.
                (true, _) => [0, 0, bytes],
            };
        self.recount(record, counted_exempt_leaving);
    }

    /// Counts the memory of a client no more, which has been released.
    pub fn uncount_memory(&self, record: &ClientRecord) {
        self.recount(record, [0; 3]);
    }

    fn recount(&self, record: &ClientRecord, [counted, exempt, leaving]: [u64; 3]) {
        let parts = [
            (&record.memory_counted, &self.memory, counted),
            (&record.memory_exempt, &self.exempt, exempt),
            (&record.memory_leaving, &self.leaving, leaving),
        ];
        for (of_client, of_all, bytes) in parts {
            if of_client.load(Ordering::Relaxed) != bytes {
                let before = of_client.swap(bytes, Ordering::Relaxed);
                of_all.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
            }
        }
    }

    /// The memory that all clients take, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        sum(&self.memory).saturating_add(self.exempt_bytes())
    }

    /// Of that, the memory of those who are not closed for it, in bytes.
    pub fn exempt_bytes(&self) -> u64 {
        sum(&self.exempt)
    }

    /// The memory that those take besides who are about to be closed, in bytes.
    pub fn leaving_bytes(&self) -> u64 {
        sum(&self.leaving)
    }

    /// Has those closed that take most memory, until all together take no more than `bytes_max`. Clients that asked for it
    /// stay (CLIENT NO-EVICT). Returns those that are to be closed.
    pub fn evict(&self, bytes_max: u64) -> Vec<Arc<ClientRecord>> {
        let mut evicted = Vec::new();
        // If another thread is at it, what has grown meanwhile is seen after the next turn.
        let Some(_alone) = self.evicting.try_lock() else { return evicted };
        let with_memory = |record: Arc<ClientRecord>| (record.memory_counted.load(Ordering::Relaxed), record);
        let mut all: Vec<_> = self.all().into_iter().map(with_memory).collect();
        // Until its thread knows, what the memory of a closed one is may be counted again: it is not asked in between.
        let mut bytes = self.exempt_bytes() + all.iter().map(|(memory, _)| memory).sum::<u64>();
        all.retain(|(_, record)| !record.no_evict.load(Ordering::Relaxed));
        all.sort_by_key(|(memory, _)| std::cmp::Reverse(*memory));
        for (memory, record) in all {
            if bytes <= bytes_max {
                break;
            }
            bytes = bytes.saturating_sub(memory);
            if self.count_as_leaving(&record) && self.close(&record) {
                evicted.push(record);
            }
        }
        evicted
    }

    /// Counts the memory of a client as that of one who is about to be closed, unless it is closed already.
    fn count_as_leaving(&self, record: &ClientRecord) -> bool {
        // Whoever closes it takes it out first.
        let records = self.records.read();
        if !records.contains_key(&record.id) {
            return false;
        }
        let bytes = record.memory_counted.swap(0, Ordering::Relaxed);
        self.memory.fetch_sub(bytes, Ordering::Relaxed);
        record.memory_leaving.fetch_add(bytes, Ordering::Relaxed);
        self.leaving.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.read().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<Arc<ClientRecord>> {
        self.records.read().get(&id).cloned()
    }

    /// All of them, in the order in which they connected.
    pub fn all(&self) -> Vec<Arc<ClientRecord>> {
        self.records.read().values().cloned().collect()
    }

    /// Asks a client's thread to close it. From here on the client is not to be seen any more. Says whether it was until now.
    pub fn close(&self, record: &ClientRecord) -> bool {
        let was_seen = self.records.write().remove(&record.id).is_some();
        record.is_killed.store(true, Ordering::Release);
        // Nothing is taken any more for who cannot be told.
        if let Some(blocked) = &*record.blocked.lock() {
            blocked.abandon();
        }
        record.inbox.mailbox.post(record.id, Signal::Close);
        was_seen
    }

    /// Holds back all commands, or only those that write, until `until_ms` (milliseconds since 1970).
    pub fn pause(&self, until_ms: u64, writes_only: bool) {
        let until = i64::try_from(until_ms).unwrap_or(i64::MAX);
        let was = self.paused.load(Ordering::Relaxed);
        // A pause of all commands is not weakened, and none is shortened, by a later one.
        let until = until.max(was.abs());
        self.paused.store(if writes_only && was >= 0 { until } else { -until }, Ordering::Relaxed);
    }

    /// Ends a pause at once.
    pub fn resume(&self) {
        if self.paused.swap(0, Ordering::Relaxed) != 0 {
            for record in self.all() {
                record.inbox.mailbox.post(record.id, Signal::Resume);
            }
        }
    }

    /// Until when commands (only those that write, or all) are held back, in milliseconds since 1970.
    #[inline]
    pub fn paused_until(&self, writes: bool, now_ms: u64) -> Option<u64> {
        let paused = self.paused.load(Ordering::Relaxed);
        if paused == 0 {
            return None;
        }
        let until = paused.unsigned_abs();
        if until <= now_ms {
            // Another pause may have begun in between: only this one is over.
            let _ = self.paused.compare_exchange(paused, 0, Ordering::Relaxed, Ordering::Relaxed);
            return None;
        }
        (paused < 0 || writes).then_some(until)
    }
}
