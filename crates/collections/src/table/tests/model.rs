//! Random operations on the table and on a map of the standard library.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::entry::{INLINE_MAX, Payload};
use crate::mover::Mover;

/// What a map has to know about an entry to be its twin.
#[derive(Clone, Debug, PartialEq)]
struct Twin {
    kind: u8,
    stamp: Option<u64>,
    value: Value,
    access: u32,
    mark: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    Int(i64),
    Shared(Vec<u8>),
}

impl Value {
    fn payload(&self) -> NewPayload<'_> {
        match self {
            Value::Bytes(bytes) => NewPayload::Inline(bytes),
            Value::Int(number) => NewPayload::Int(*number),
            Value::Shared(bytes) => NewPayload::Shared(Arc::new(bytes.clone())),
        }
    }

    /// What an entry makes of it.
    fn stored(self) -> Value {
        match self {
            Value::Bytes(bytes) if bytes.len() > INLINE_MAX => Value::Shared(bytes),
            other => other,
        }
    }
}

impl From<RecordRef<'_>> for Twin {
    fn from(record: RecordRef<'_>) -> Twin {
        let value = match record.payload() {
            Payload::Inline(bytes) => Value::Bytes(bytes.to_vec()),
            Payload::Int(number) => Value::Int(number),
            Payload::Shared(bytes) => Value::Shared(bytes.to_vec()),
            Payload::Collection(_) => unreachable!("the model has no collections"),
        };
        let (kind, stamp, access, mark) = (record.kind(), record.stamp(), record.access(), record.mark());
        Twin { kind, stamp, value, access, mark }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    InsertMany(u32, u32),
    RemoveMany(u32, u32),
    Set(u32, u8, Option<u64>, Value),
    SetStamp(u32, Option<u64>),
    SetPayload(u32, u8, Value),
    Overwrite(u32, u8, Value),
    Rename(u32, u32),
    SetAccess(u32, u32),
    SetMark(u32, bool),
    /// Moves all entries to other memory, or about every other.
    Relocate(bool),
    Take,
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Value::Bytes),
        1 => (INLINE_MAX - 1..INLINE_MAX + 2).prop_map(|len| Value::Bytes(vec![7; len])),
        2 => any::<i64>().prop_map(Value::Int),
        2 => prop::collection::vec(any::<u8>(), 0..50).prop_map(Value::Shared),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = 0u32..3_000;
    let stamp = prop::option::of(any::<u64>());
    prop_oneof![
        2 => (number.clone(), 1u32..800).prop_map(|(first, count)| Operation::InsertMany(first, count)),
        1 => (number.clone(), 1u32..800).prop_map(|(first, count)| Operation::RemoveMany(first, count)),
        6 => (number.clone(), any::<u8>(), stamp.clone(), value())
            .prop_map(|(number, kind, stamp, value)| Operation::Set(number, kind, stamp, value)),
        6 => (number.clone(), stamp).prop_map(|(number, stamp)| Operation::SetStamp(number, stamp)),
        6 => (number.clone(), any::<u8>(), value())
            .prop_map(|(number, kind, value)| Operation::SetPayload(number, kind, value)),
        6 => (number.clone(), any::<u8>(), value())
            .prop_map(|(number, kind, value)| Operation::Overwrite(number, kind, value)),
        3 => (number.clone(), number.clone()).prop_map(|(from, to)| Operation::Rename(from, to)),
        3 => (number.clone(), 0u32..1 << 24).prop_map(|(number, access)| Operation::SetAccess(number, access)),
        3 => (number, any::<bool>()).prop_map(|(number, mark)| Operation::SetMark(number, mark)),
        2 => any::<bool>().prop_map(Operation::Relocate),
        1 => Just(Operation::Take),
    ]
}

struct Pair {
    table: Table<TestHash>,
    map: HashMap<Vec<u8>, Twin>,
}

impl Pair {
    fn set(&mut self, number: u32, twin: Twin) {
        let key = key(number);
        let hash = self.table.hasher().hash(&key);
        let mut entry = Entry::new(&key, twin.kind, twin.stamp, twin.value.payload());
        entry.as_mut().set_access(twin.access);
        entry.as_mut().set_mark(twin.mark);
        let twin = Twin { value: twin.value.stored(), ..twin };
        let old = match self.table.find_mut(hash, &key) {
            Some(mut slot) => Some(slot.replace(entry)),
            None => {
                self.table.insert(hash, entry);
                None
            }
        };
        assert_eq!(old.map(|old| Twin::from(old.as_ref())), self.map.insert(key, twin));
    }

    fn remove(&mut self, number: u32) -> Option<Entry> {
        let removed = remove(&mut self.table, number);
        assert_eq!(removed.as_ref().map(|entry| Twin::from(entry.as_ref())), self.map.remove(&key(number)));
        removed
    }

    /// Changes the entry and its twin alike, if there is one.
    fn change(&mut self, number: u32, change: impl FnOnce(&mut Occupied<'_, TestHash>, &mut Twin)) {
        let key = key(number);
        let hash = self.table.hasher().hash(&key);
        let slot = self.table.find_mut(hash, &key);
        let twin = self.map.get_mut(&key);
        assert_eq!(slot.is_some(), twin.is_some());
        if let (Some(mut slot), Some(twin)) = (slot, twin) {
            change(&mut slot, twin);
            assert_eq!(Twin::from(slot.get()), *twin);
        }
    }

    fn apply(&mut self, operation: Operation) {
        let plain = |number: u32| Twin {
            kind: number as u8,
            stamp: number.is_multiple_of(3).then_some(u64::from(number)),
            value: Value::Int(i64::from(number)),
            access: number,
            mark: number.is_multiple_of(2),
        };
        match operation {
            Operation::InsertMany(first, count) => {
                (first..first + count).for_each(|number| self.set(number, plain(number)));
            }
            Operation::RemoveMany(first, count) => {
                (first..first + count).for_each(|number| drop(self.remove(number)));
            }
            Operation::Set(number, kind, stamp, value) => {
                self.set(number, Twin { kind, stamp, value, access: 3, mark: true });
            }
            Operation::SetStamp(number, stamp) => self.change(number, |slot, twin| {
                slot.with_stamp(stamp);
                twin.stamp = stamp;
            }),
            Operation::SetPayload(number, kind, value) => self.change(number, |slot, twin| {
                slot.with_payload(kind, value.payload());
                (twin.kind, twin.value) = (kind, value.stored());
            }),
            Operation::Overwrite(number, kind, value) => self.change(number, |slot, twin| {
                if slot.get_mut().overwrite(kind, &value.payload()) {
                    (twin.kind, twin.value) = (kind, value);
                }
            }),
            Operation::Rename(from, to) => {
                if from != to
                    && let Some(entry) = self.remove(from)
                {
                    self.remove(to);
                    let key = key(to);
                    self.map.insert(key.clone(), Twin::from(entry.as_ref()));
                    self.table.insert(self.table.hasher().hash(&key), entry.with_key(&key));
                }
            }
            Operation::SetAccess(number, access) => self.change(number, |slot, twin| {
                slot.get_mut().set_access(access);
                twin.access = access;
            }),
            Operation::SetMark(number, mark) => self.change(number, |slot, twin| {
                slot.get_mut().set_mark(mark);
                twin.mark = mark;
            }),
            Operation::Relocate(all) => self.relocate(all),
            Operation::Take => {
                let content = self.table.take();
                assert_eq!(content.len(), self.map.len());
                content.check();
                self.map.clear();
            }
        }
    }

    fn relocate(&mut self, all: bool) {
        let mut moves = false;
        let mut is_misplaced = |_| {
            moves = all || !moves;
            moves
        };
        let mut mover = Mover::by_address(0, &mut is_misplaced);
        let (mut visited, mut moved) = (0, 0);
        let mut position = Some(0);
        while let Some(from) = position {
            let later = &mut |_| unreachable!("there are no collections");
            position = self.table.relocate(from, &mut mover, later, &mut |is_moved| {
                visited += 1;
                moved += u64::from(is_moved);
            });
        }
        assert!(visited >= self.map.len(), "{visited} of {}", self.map.len());
        assert!(moved <= mover.moved && mover.moved >= if all { visited as u64 } else { visited as u64 / 2 });
    }

    fn check(&self) {
        self.table.check();
        assert_eq!(self.table.len(), self.map.len());
        for (key, twin) in &self.map {
            let record = self.table.find(self.table.hasher().hash(key), key).expect("the map has the key");
            assert_eq!(record.key(), key);
            assert_eq!(Twin::from(record), *twin);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 96 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_does_what_a_map_does(
        hash in prop::sample::select(TestHash::ALL.to_vec()),
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let mut pair = Pair { table: Table::new(hash), map: HashMap::new() };
        for operation in operations {
            pair.apply(operation);
        }
        pair.check();
    }
}
