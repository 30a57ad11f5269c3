//! Groups of consumers, who share the entries of a stream.

use std::collections::{BTreeMap, BTreeSet};

use super::StreamId;

/// One consumer of a [`Group`], as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// To whom.
    pub consumer: ConsumerId,
    /// When, in milliseconds since 1970.
    pub delivered_ms: u64,
    /// How often.
    pub count: u64,
}

/// One who reads the entries of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last tried to read or to claim, in milliseconds since 1970.
    pub seen_ms: u64,
    /// When it last got something.
    pub active_ms: Option<u64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// How many entries it has not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The entries that it has not acknowledged, from `first` on.
    pub fn pending(&self, first: StreamId) -> impl Iterator<Item = StreamId> + '_ {
        self.pending.range(first..).copied()
    }
}

/// A group of consumers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The last entry that was delivered to any of them.
    pub last_id: StreamId,
    /// How many entries, since the stream began, were read up to there, if that is known.
    pub entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    /// By number; those that are gone leave a gap.
    consumers: Vec<Option<Consumer>>,
    by_name: BTreeMap<Box<[u8]>, u32>,
    /// The gaps.
    free: Vec<u32>,
}

impl Group {
    /// A group without consumers.
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            last_id,
            entries_read,
            pending: BTreeMap::new(),
            consumers: Vec::new(),
            by_name: BTreeMap::new(),
            free: Vec::new(),
        }
    }

    /// The consumer of this name.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.by_name.get(name).copied().map(ConsumerId)
    }

    /// A consumer.
    ///
    /// # Panics
    /// If it is gone.
    #[inline]
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize].as_ref().expect("consumers are looked at while they are there")
    }

    /// As [`consumer`](Self::consumer), to change what is known of it.
    ///
    /// # Panics
    /// If it is gone.
    #[inline]
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize].as_mut().expect("consumers are looked at while they are there")
    }

    /// The consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, &Consumer)> {
        self.by_name.values().map(|number| (ConsumerId(*number), self.consumer(ConsumerId(*number))))
    }

    /// Adds a consumer. There must be none of that name.
    pub fn add_consumer(&mut self, name: &[u8], seen_ms: u64, active_ms: Option<u64>) -> ConsumerId {
        let consumer = Consumer { name: name.into(), seen_ms, active_ms, pending: BTreeSet::new() };
        let number = match self.free.pop() {
            Some(number) => {
                self.consumers[number as usize] = Some(consumer);
                number
            }
            None => {
                self.consumers.push(Some(consumer));
                self.consumers.len() as u32 - 1
            }
        };
        self.by_name.insert(name.into(), number);
        ConsumerId(number)
    }

    /// Removes a consumer and forgets what it has not acknowledged. Returns how much that was, unless there is none.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.by_name.remove(name)?;
        let consumer = self.consumers[number as usize].take()?;
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        self.free.push(number);
        Some(consumer.pending.len())
    }

    /// The entry as it was delivered, if it was and is not acknowledged.
    #[inline]
    pub fn pending_entry(&self, id: StreamId) -> Option<Pending> {
        self.pending.get(&id).copied()
    }

    /// Entries that were delivered and not acknowledged, from `first` on.
    pub fn pending(&self, first: StreamId) -> impl DoubleEndedIterator<Item = (StreamId, Pending)> + '_ {
        self.pending.range(first..).map(|(id, pending)| (*id, *pending))
    }

    /// How many entries were delivered and not acknowledged.
    #[inline]
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Notes that an entry was delivered, whomever it was delivered to before.
    #[inline]
    pub fn deliver(&mut self, id: StreamId, pending: Pending) {
        match self.pending.insert(id, pending) {
            Some(before) if before.consumer == pending.consumer => return,
            Some(before) => {
                self.consumer_mut(before.consumer).pending.remove(&id);
            }
            None => {}
        }
        self.consumer_mut(pending.consumer).pending.insert(id);
    }

    /// Forgets an entry that was delivered. Says whether it was.
    #[inline]
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.consumer_mut(pending.consumer).pending.remove(&id);
        true
    }

    /// Whether the entry was read by a consumer and acknowledged, or never will be read.
    pub(super) fn is_done_with(&self, id: StreamId) -> bool {
        id <= self.last_id && !self.pending.contains_key(&id)
    }

    /// About how much memory it takes in bytes.
    pub fn memory_bytes(&self) -> usize {
        /// What an element of an ordered map costs besides itself when its nodes are three quarters full.
        const SHARE: fn(usize) -> usize = |bytes| bytes * 4 / 3 + 2;
        let pending = SHARE(size_of::<(StreamId, Pending)>()) + SHARE(size_of::<StreamId>());
        let consumer = size_of::<Option<Consumer>>() + SHARE(size_of::<(Box<[u8]>, u32)>());
        let names: usize = self.by_name.keys().map(|name| 2 * name.len()).sum();
        self.pending.len() * pending + self.by_name.len() * consumer + names
    }

    /// Frees what was delivered in steps, between which it calls `pause`.
    pub(super) fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        const STEP: usize = 256;
        let step = |left: &mut dyn FnMut() -> bool, pause: &mut dyn FnMut()| {
            while (0..STEP).all(|_| left()) {
                pause();
            }
        };
        step(&mut || self.pending.pop_first().is_some(), pause);
        for consumer in self.consumers.iter_mut().flatten() {
            step(&mut || consumer.pending.pop_first().is_some(), pause);
        }
    }
}
