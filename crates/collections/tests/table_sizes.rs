//! Tables with segments of the sizes that servers have: tests within the crate have smaller ones.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use nuthatch_collections::entry::{Entry, NewPayload};
use nuthatch_collections::table::{KeyHasher, Table};
use proptest::prelude::*;

/// The same in every run.
#[derive(Clone, Default)]
struct Hasher(BuildHasherDefault<DefaultHasher>);

impl KeyHasher for Hasher {
    fn hash(&self, key: &[u8]) -> u64 {
        self.0.hash_one(key)
    }
}

struct Pair {
    table: Table<Hasher>,
    twin: HashSet<u32>,
}

impl Pair {
    fn new() -> Pair {
        Pair { table: Table::new(Hasher::default()), twin: HashSet::new() }
    }

    fn insert(&mut self, number: u32) {
        let key = number.to_be_bytes();
        let hash = self.table.hasher().hash(&key);
        assert_eq!(self.table.find(hash, &key).is_some(), self.twin.contains(&number));
        if self.twin.insert(number) {
            self.table.insert(hash, Entry::new(&key, 0, None, NewPayload::Int(0)));
        }
    }

    fn remove(&mut self, number: u32) {
        let key = number.to_be_bytes();
        let hash = self.table.hasher().hash(&key);
        assert_eq!(self.table.remove(hash, &key).is_some(), self.twin.remove(&number));
    }

    fn check(&self) {
        assert_eq!(self.table.len(), self.twin.len());
        let mut found = Vec::new();
        let mut position = Some(0);
        while let Some(from) = position {
            position = self.table.scan(from, &mut |record| {
                found.push(u32::from_be_bytes(record.key().try_into().expect("all keys are numbers")));
            });
        }
        assert_eq!(found.len(), self.twin.len(), "each is found once");
        assert!(found.iter().all(|number| self.twin.contains(number)));
    }

    fn bytes_for_each(&self) -> f64 {
        self.table.memory_bytes() as f64 / self.table.len() as f64
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert { first: u32, count: u32 },
    Remove { first: u32, count: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let range = || (0..100_000_u32, 1..40_000_u32);
    prop_oneof![
        2 => range().prop_map(|(first, count)| Step::Insert { first, count }),
        1 => range().prop_map(|(first, count)| Step::Remove { first, count }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 1 } else { 12 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_of_many_entries_does_what_a_set_does(steps in prop::collection::vec(step(), 1..12)) {
        let mut pair = Pair::new();
        for step in steps {
            match step {
                Step::Insert { first, count } => (first..first + count).for_each(|number| pair.insert(number)),
                Step::Remove { first, count } => (first..first + count).for_each(|number| pair.remove(number)),
            }
            pair.check();
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn a_table_takes_twelve_bytes_for_each_of_many_entries() {
    let mut pair = Pair::new();
    for number in 0..400_000 {
        pair.insert(number);
        if number >= 40_000 && number % 10_000 == 0 {
            let bytes = pair.bytes_for_each();
            assert!((10.5..12.75).contains(&bytes), "{bytes} bytes for each of {number}");
        }
    }
}
