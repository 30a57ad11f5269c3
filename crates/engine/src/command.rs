//! One command is one row: its name, arity, flags, keys and handler. Everything that the server knows
//! about a command — arity checks, key extraction, locks, COMMAND INFO and DOCS, the compatibility
//! table — derives from the row.

use bitflags::bitflags;

use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::categories::Categories;
use crate::error::Outcome;

/// Runs a command whose arity was checked and whose keys are locked.
pub type Handler = fn(&mut Call<'_, '_>) -> Outcome;

bitflags! {
    /// What the server has to know before it runs a command. The names are those of COMMAND INFO.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// May change the data set.
        const WRITE = 1 << 0;
        /// Reads keys and changes nothing.
        const READONLY = 1 << 1;
        /// Refused while memory is above its limit.
        const DENY_OOM = 1 << 2;
        /// For operators.
        const ADMIN = 1 << 3;
        /// About messages.
        const PUBSUB = 1 << 4;
        /// Not to be called from a script.
        const NO_SCRIPT = 1 << 5;
        /// May wait.
        const BLOCKING = 1 << 6;
        /// Allowed while the data set is being loaded.
        const LOADING = 1 << 7;
        /// Allowed on a replica with stale data.
        const STALE = 1 << 8;
        /// Not shown to MONITOR.
        const SKIP_MONITOR = 1 << 9;
        /// Not kept in the slow log.
        const SKIP_SLOWLOG = 1 << 10;
        /// Takes constant or logarithmic time.
        const FAST = 1 << 11;
        /// Runs before the client has authenticated.
        const NO_AUTH = 1 << 12;
        /// Allowed while a script runs for too long.
        const ALLOW_BUSY = 1 << 13;
        /// Not to be queued in a transaction.
        const NO_MULTI = 1 << 14;
        /// The keys cannot be told from positions alone.
        const MOVABLE_KEYS = 1 << 15;
        /// Takes every shard before it runs.
        const ALL_KEYS = 1 << 16;
        /// May reach replicas although it writes no keys.
        const MAY_REPLICATE = 1 << 17;
        /// Visits the shards one after another, without a lock that it holds from its beginning to its end.
        const VISITS_SHARDS = 1 << 18;
        /// May name no keys although it takes some.
        const NO_MANDATORY_KEYS = 1 << 19;
        /// Runs a script.
        const RUNS_SCRIPT = 1 << 20;
        /// Refused while a replica loads a data set beside the one that it serves.
        const NO_ASYNC_LOADING = 1 << 21;
    }
}

/// How a command names the script that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// By its text.
    Text,
    /// By the SHA-1 of its text.
    Digest,
    /// By the name of a function of a library.
    Function,
}

/// What becomes of a command that a client sends while its transaction is being queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InTransaction {
    /// It waits for EXEC.
    Queued,
    /// It runs at once.
    RunsAtOnce,
    /// It has the queued commands run.
    Executes,
}

/// The group of COMMAND DOCS, from which the data type's ACL category also derives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Strings and counters.
    String,
    /// Bits in strings.
    Bitmap,
    /// Hashes.
    Hash,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Places on the earth, in sorted sets.
    Geo,
    /// Estimates of cardinality, in strings.
    HyperLogLog,
    /// Streams.
    Stream,
    /// Keys of any type.
    Generic,
    /// Commands that run together.
    Transactions,
    /// Messages.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// The connection itself.
    Connection,
    /// The server itself.
    Server,
}

impl Group {
    /// The name in COMMAND DOCS.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Bitmap => "bitmap",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Geo => "geo",
            Self::HyperLogLog => "hyperloglog",
            Self::Stream => "stream",
            Self::Generic => "generic",
            Self::Transactions => "transactions",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Connection => "connection",
            Self::Server => "server",
        }
    }
}

bitflags! {
    /// What a command does with the keys of one specification, as in COMMAND INFO's key specifications.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct KeyFlags: u16 {
        /// Reads the value.
        const RO = 1 << 0;
        /// Changes the value, depending on what it was.
        const RW = 1 << 1;
        /// Overwrites the value.
        const OW = 1 << 2;
        /// Removes the key.
        const RM = 1 << 3;
        /// Returns, copies or compares the data.
        const ACCESS = 1 << 4;
        /// Changes the data.
        const UPDATE = 1 << 5;
        /// Adds data, changing none.
        const INSERT = 1 << 6;
        /// Removes data.
        const DELETE = 1 << 7;
        /// Which of the flags hold depends on the arguments.
        const VARIABLE_FLAGS = 1 << 8;
        /// Is no key, although it is found like one: the channel of a shard.
        const NOT_KEY = 1 << 9;
    }
}

/// How the keys are found from the first one on.
#[derive(Debug, Clone, Copy)]
pub enum FindKeys {
    /// Up to `last` (negative: counted from the last argument), each `step`-th; relative to the first.
    Range {
        /// The last key, relative to the first when not negative; −1 is the last argument.
        last: i16,
        /// Arguments from one key to the next.
        step: u16,
    },
    /// As many as the argument at the specification's index says, starting one behind it.
    Counted {
        /// Arguments from one key to the next.
        step: u16,
    },
    /// The argument behind this word, each time that it occurs from the specification's index on.
    Behind {
        /// In upper case.
        keyword: &'static str,
    },
    /// The first half of what is behind this word, which is sought from the specification's index on.
    FirstHalfBehind {
        /// In upper case.
        keyword: &'static str,
    },
    /// The argument at the place that this tells, for keys that only the command's grammar shows: COMMAND INFO calls
    /// them unknown.
    Sought(fn(&Arguments<'_>) -> Option<usize>),
}

/// Where keys stand among the arguments (the command's name is argument 0).
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// The first key; for [`FindKeys::Counted`] the argument that counts the keys, for [`FindKeys::Behind`] the first
    /// one that may be the keyword.
    pub index: u16,
    /// How the others follow.
    pub find: FindKeys,
    /// What is done with them.
    pub flags: KeyFlags,
}

impl KeySpec {
    /// One key at `index`.
    pub const fn one(index: u16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::Range { last: 0, step: 1 }, flags }
    }

    /// Every `step`-th argument from `index` to the end.
    pub const fn rest(index: u16, step: u16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::Range { last: -1, step }, flags }
    }

    /// Every argument from `index` to `last`, which is negative and counted from the end.
    pub const fn up_to(index: u16, last: i16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::Range { last, step: 1 }, flags }
    }

    /// As many keys as the argument at `index` says.
    pub const fn counted(index: u16, step: u16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::Counted { step }, flags }
    }

    /// The argument behind each `keyword` from `index` on.
    pub const fn behind(keyword: &'static str, index: u16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::Behind { keyword }, flags }
    }

    /// The first half of the arguments behind the first `keyword` from `index` on.
    pub const fn first_half_behind(keyword: &'static str, index: u16, flags: KeyFlags) -> Self {
        Self { index, find: FindKeys::FirstHalfBehind { keyword }, flags }
    }

    /// The key at the place that `seek` tells.
    pub const fn sought(seek: fn(&Arguments<'_>) -> Option<usize>, flags: KeyFlags) -> Self {
        Self { index: 0, find: FindKeys::Sought(seek), flags }
    }

    /// The indexes of the keys among a request's arguments; `number` reads an argument as a count of keys. Indexes
    /// beyond the request are left out.
    pub fn positions<'a>(
        &self,
        arguments: &Arguments<'a>,
        number: impl Fn(usize) -> Option<usize>,
    ) -> KeyPositions<'a> {
        let (first, count) = (usize::from(self.index), arguments.len());
        let (next, end, step, keyword) = match self.find {
            FindKeys::Range { last, step } => {
                let end = match usize::try_from(last) {
                    Ok(last) => first + last + 1,
                    Err(_) => (count + 1).saturating_sub(usize::from(last.unsigned_abs())),
                };
                (first, end, usize::from(step), None)
            }
            FindKeys::Counted { step } => {
                let step = usize::from(step);
                let behind = count.saturating_sub(first + 1);
                // A command that counts more than there are is refused, and has none.
                let keys = number(first).filter(|keys| *keys <= behind / step).unwrap_or(0);
                (first + 1, first + 1 + keys * step, step, None)
            }
            FindKeys::Behind { keyword } => (first + 1, count, 1, Some(keyword)),
            FindKeys::FirstHalfBehind { keyword } => {
                let place =
                    (first..count).find(|place| is_word(arguments.at(*place), keyword)).unwrap_or(count);
                (place + 1, place + 1 + count.saturating_sub(place + 1) / 2, 1, None)
            }
            FindKeys::Sought(seek) => {
                let place = seek(arguments).unwrap_or(count);
                (place, place + 1, 1, None)
            }
        };
        KeyPositions { next, end: end.min(count), step, keyword, arguments: *arguments }
    }
}

/// Iterates over the argument indexes of keys.
#[derive(Debug, Clone)]
pub struct KeyPositions<'a> {
    next: usize,
    end: usize,
    step: usize,
    /// What must stand before a key.
    keyword: Option<&'static str>,
    arguments: Arguments<'a>,
}

impl Iterator for KeyPositions<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.next < self.end {
            let position = self.next;
            self.next += self.step;
            if self.keyword.is_none_or(|keyword| is_word(self.arguments.at(position - 1), keyword)) {
                return Some(position);
            }
        }
        None
    }
}

/// One command, or one subcommand of a container such as CLIENT.
#[derive(Debug)]
pub struct Command {
    /// In upper case; a subcommand's is its own name only.
    pub name: &'static str,
    /// Arguments including the name; negative: at least as many.
    pub arity: i16,
    /// What has to be known before it runs.
    pub flags: Flags,
    /// What becomes of it in a transaction.
    pub in_transaction: InTransaction,
    /// Whether clients that have subscribed to channels may run it although they do not speak RESP3.
    pub for_subscribers: bool,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Tells of a request whether it may reach any key, not only those that the specifications name.
    pub reaches_all: Option<fn(&Arguments<'_>) -> bool>,
    /// How it names the script that it runs.
    pub script: Option<NamedBy>,
    /// The argument that is the first element it looks for in the value of its key; 0 if it looks for none.
    pub element: u16,
    /// Runs it. A container's answers requests without a known subcommand.
    pub handler: Handler,
    /// The subcommands of a container.
    pub subcommands: &'static [Command],
    /// The group of COMMAND DOCS.
    pub group: Group,
    /// The Redis version that first had it.
    pub since: &'static str,
    /// One line of documentation.
    pub summary: &'static str,
    /// The time it takes.
    pub complexity: &'static str,
    /// Its arguments in the notation of the documentation: `key [NX|XX] [EX seconds]`.
    pub syntax: &'static str,
    /// What cluster clients and proxies have to know about it: COMMAND INFO's tips.
    pub tips: &'static [&'static str],
    /// ACL categories that neither the flags nor the group tell.
    pub also_in: Categories,
    /// Whether it is in the ACL category of its group.
    pub in_group: bool,
    /// The Redis version from which on it should not be used, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
}

impl Command {
    const fn new(
        name: &'static str,
        arity: i16,
        flags: Flags,
        keys: &'static [KeySpec],
        handler: Handler,
    ) -> Self {
        Self {
            name,
            arity,
            flags,
            in_transaction: InTransaction::Queued,
            for_subscribers: false,
            keys,
            reaches_all: None,
            script: None,
            element: 0,
            handler,
            subcommands: &[],
            group: Group::Generic,
            since: "1.0.0",
            summary: "",
            complexity: "O(1)",
            syntax: "",
            tips: &[],
            also_in: Categories::empty(),
            in_group: true,
            deprecated: None,
        }
    }

    /// A command that reads keys.
    pub const fn read(name: &'static str, arity: i16, keys: &'static [KeySpec], handler: Handler) -> Self {
        Self::new(name, arity, Flags::READONLY, keys, handler)
    }

    /// A command that changes keys.
    pub const fn write(name: &'static str, arity: i16, keys: &'static [KeySpec], handler: Handler) -> Self {
        Self::new(name, arity, Flags::WRITE, keys, handler)
    }

    /// A command about the connection or the server rather than the data.
    pub const fn other(name: &'static str, arity: i16, handler: Handler) -> Self {
        Self::new(name, arity, Flags::LOADING.union(Flags::STALE), &[], handler)
    }

    /// Where its keys are, if it is not a command that is made with them.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    /// Adds `flags`.
    pub const fn with(mut self, flags: Flags) -> Self {
        self.flags = self.flags.union(flags);
        self
    }

    /// Takes `flags` away.
    pub const fn without(mut self, flags: Flags) -> Self {
        self.flags = self.flags.difference(flags);
        self
    }

    /// Runs a script.
    pub const fn runs_script(mut self, named_by: NamedBy) -> Self {
        self.script = Some(named_by);
        self.with(Flags::RUNS_SCRIPT)
    }

    /// Takes constant or logarithmic time.
    pub const fn fast(self) -> Self {
        self.with(Flags::FAST)
    }

    /// Refused while memory is above its limit.
    pub const fn deny_oom(self) -> Self {
        self.with(Flags::DENY_OOM)
    }

    /// Another thing than to be queued is what becomes of it in a transaction.
    pub const fn in_transaction(mut self, in_transaction: InTransaction) -> Self {
        self.in_transaction = in_transaction;
        self
    }

    /// Clients that have subscribed to channels may run it although they do not speak RESP3.
    pub const fn for_subscribers(mut self) -> Self {
        self.for_subscribers = true;
        self
    }

    /// Visits the shards one after another.
    pub const fn visits_shards(self) -> Self {
        self.with(Flags::VISITS_SHARDS)
    }

    /// Takes every shard before it runs, if this says so of the request.
    pub const fn reaches_all_if(mut self, reaches_all: fn(&Arguments<'_>) -> bool) -> Self {
        self.reaches_all = Some(reaches_all);
        self
    }

    /// Looks for the element that this argument is, of which the memory is asked for before it runs.
    pub const fn looks_for(mut self, element: u16) -> Self {
        self.element = element;
        self
    }

    /// A container's subcommands.
    pub const fn subcommands(mut self, subcommands: &'static [Command]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// What COMMAND DOCS tells: group, first version, time, arguments, one line.
    pub const fn docs(
        mut self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        syntax: &'static str,
        summary: &'static str,
    ) -> Self {
        self.group = group;
        self.since = since;
        self.complexity = complexity;
        self.syntax = syntax;
        self.summary = summary;
        self
    }

    /// What cluster clients and proxies have to know about it.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// In these ACL categories besides those that the flags and the group tell.
    pub const fn also_in(mut self, categories: Categories) -> Self {
        self.also_in = categories;
        self
    }

    /// In these ACL categories instead of that of the group.
    pub const fn instead_in(mut self, categories: Categories) -> Self {
        self.in_group = false;
        self.also_in(categories)
    }

    /// Not to be used since this Redis version; `replacement` is to be used instead.
    pub const fn deprecated(mut self, since: &'static str, replacement: &'static str) -> Self {
        self.deprecated = Some((since, replacement));
        self
    }

    /// Whether a request of `count` arguments, the name included, satisfies the arity.
    pub fn accepts(&self, count: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { count >= arity } else { count == arity }
    }
}
