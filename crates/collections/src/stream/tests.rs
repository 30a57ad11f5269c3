//! Against a list of entries that does everything the slow way.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Fields = Vec<Vec<u8>>;

/// Entries as they were added.
#[derive(Clone, Debug, Default)]
struct Naive(Vec<(StreamId, Fields)>);

#[derive(Clone, Debug)]
enum Step {
    Append(u64, u64, Fields),
    Delete(usize),
    KeepLen(u64),
    KeepFrom(usize),
    TrimBlocks(u64, u64),
    Check(usize, usize),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(vec![b"a".to_vec(), b"temperature".to_vec(), b"17".to_vec()]),
        vec(any::<u8>(), 0..20),
        vec(any::<u8>(), 120..140),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    prop_oneof![
        3 => text().prop_map(|value| vec![b"a".to_vec(), value]),
        1 => vec((text(), text()), 1..4)
            .prop_map(|pairs| pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![Just(0), Just(1), 0..100_000u64], 1..300u64, fields())
            .prop_map(|(ms, seq, fields)| Step::Append(ms, seq, fields)),
        3 => any::<usize>().prop_map(Step::Delete),
        1 => (0..60u64).prop_map(Step::KeepLen),
        1 => any::<usize>().prop_map(Step::KeepFrom),
        1 => (0..60u64, 0..30u64).prop_map(|(len, limit)| Step::TrimBlocks(len, limit)),
        2 => any::<(usize, usize)>().prop_map(|(first, last)| Step::Check(first, last)),
    ]
}

fn read(entry: StreamEntry<'_>) -> (StreamId, Fields) {
    let elements: Fields = entry.elements().map(|element| element.to_cow().into_owned()).collect();
    assert_eq!(elements.len(), 2 * entry.len());
    (entry.id, elements)
}

fn trim(bound: Bound, approximate: bool, limit: u64) -> Trim {
    Trim { bound, approximate, limit, references: References::Keep }
}

fn check_memory(stream: &Stream) {
    let blocks = stream.full.values().map(|block| &**block).chain(stream.tail.as_ref());
    let (mut bytes, mut len) = (0, 0);
    for block in blocks {
        assert!(block.len() > 0);
        assert_eq!(block.entries().count(), block.len());
        bytes += block.allocated_bytes();
        len += block.len();
    }
    assert_eq!((bytes, len), (stream.block_bytes, stream.len()));
}

proptest! {
    #[test]
    fn a_stream_is_what_the_naive_twin_is(steps in vec(step(), 1..200), entries_max in 1..20usize) {
        let limits = BlockLimits { entries_max, bytes_max: 600 };
        let (mut stream, mut naive) = (Stream::new(), Naive::default());
        for step in steps {
            let id_at = |place: usize| {
                let ids = &naive.0;
                if ids.is_empty() { StreamId::new(5, 5) } else { ids[place % ids.len()].0 }
            };
            match step {
                Step::Append(ms, seq, fields) => {
                    let last = stream.last_id;
                    let id = match ms {
                        0 => StreamId::new(last.ms, last.seq + seq),
                        ms => StreamId::new(last.ms + ms, seq),
                    };
                    stream.append(id, fields.iter().map(Vec::as_slice), limits);
                    naive.0.push((id, fields));
                }
                Step::Delete(place) => {
                    let id = id_at(place);
                    let there = naive.0.iter().any(|entry| entry.0 == id);
                    prop_assert_eq!(stream.delete(id), there);
                    prop_assert!(!stream.delete(id));
                    naive.0.retain(|entry| entry.0 != id);
                }
                Step::KeepLen(len) => {
                    let going = naive.0.len().saturating_sub(len as usize);
                    prop_assert_eq!(stream.trim(trim(Bound::Len(len), false, 0)), going);
                    naive.0.drain(..going);
                }
                Step::KeepFrom(place) => {
                    let id = id_at(place);
                    let before = naive.0.len();
                    naive.0.retain(|entry| entry.0 >= id);
                    prop_assert_eq!(stream.trim(trim(Bound::From(id), false, 0)), before - naive.0.len());
                }
                Step::TrimBlocks(len, limit) => {
                    let removed = stream.trim(trim(Bound::Len(len), true, limit));
                    prop_assert!(limit == 0 || removed as u64 <= limit);
                    naive.0.drain(..removed);
                    let whole_blocks = naive.0.len() as u64 <= len + entries_max as u64;
                    prop_assert!(limit > 0 || whole_blocks || naive.0.is_empty());
                    prop_assert!(removed == 0 || naive.0.len() as u64 >= len);
                }
                Step::Check(first, last) => {
                    let (first, last) = (id_at(first), id_at(last));
                    let first = first.next().unwrap_or(first);
                    let inside = |entry: &&(StreamId, Fields)| (first..=last).contains(&entry.0);
                    let expected: Vec<_> = if first <= last {
                        naive.0.iter().filter(inside).cloned().collect()
                    } else {
                        Vec::new()
                    };
                    let found: Vec<_> = stream.range(first, last).map(read).collect();
                    prop_assert_eq!(&found, &expected);
                    let mut back: Vec<_> = stream.range_back(first, last).map(read).collect();
                    back.reverse();
                    prop_assert_eq!(&back, &expected);
                }
            }
            check_memory(&stream);
            prop_assert_eq!(stream.first().map(read), naive.0.first().cloned());
            prop_assert_eq!(stream.last().map(read), naive.0.last().cloned());
        }
        let all: Vec<_> = stream.range(StreamId::MIN, StreamId::MAX).map(read).collect();
        prop_assert_eq!(all, naive.0);
    }
}

#[test]
fn ids_at_the_ends_have_no_neighbours() {
    assert_eq!(StreamId::MAX.next(), None);
    assert_eq!(StreamId::MIN.previous(), None);
    assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
    assert_eq!(StreamId::new(2, 0).previous(), Some(StreamId::new(1, u64::MAX)));
}

#[test]
fn entries_at_the_greatest_ids_are_kept_as_they_are() {
    let limits = BlockLimits { entries_max: 0, bytes_max: 0 };
    let mut stream = Stream::new();
    let ids = [StreamId::new(0, 1), StreamId::new(0, u64::MAX), StreamId::new(u64::MAX, 0), StreamId::MAX];
    for id in ids {
        stream.append(id, [&b"a"[..], b"b"].into_iter(), limits);
    }
    let found: Vec<_> = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).collect();
    assert_eq!(found, ids);
    assert_eq!(stream.range(StreamId::MAX, StreamId::MAX).count(), 1);
}

#[test]
fn what_is_pending_is_known_by_id_and_by_consumer() {
    let mut group = Group::new(StreamId::MIN, Some(0));
    let (one, two) = (group.add_consumer(b"one", 1, None), group.add_consumer(b"two", 1, None));
    let id = |ms| StreamId::new(ms, 0);
    for ms in 1..=10 {
        group.deliver(id(ms), Pending { consumer: one, delivered_ms: ms, count: 1 });
    }
    group.deliver(id(3), Pending { consumer: two, delivered_ms: 20, count: 2 });
    assert!(group.acknowledge(id(4)) && !group.acknowledge(id(4)));
    assert_eq!(group.consumer(two).pending(StreamId::MIN).collect::<Vec<_>>(), [id(3)]);
    assert_eq!(group.consumer(one).pending_len(), 8);
    assert_eq!(group.pending_len(), 9);
    assert_eq!(group.remove_consumer(b"one"), Some(8));
    assert_eq!(group.remove_consumer(b"one"), None);
    assert_eq!(group.pending(StreamId::MIN).map(|(id, _)| id).collect::<Vec<_>>(), [id(3)]);
    // The number of the one that is gone is given again.
    let three = group.add_consumer(b"three", 2, None);
    assert_eq!(group.consumer(three).pending_len(), 0);
}

#[test]
fn references_decide_what_is_trimmed() {
    let limits = BlockLimits { entries_max: 4, bytes_max: 0 };
    let mut stream = Stream::new();
    let id = |ms| StreamId::new(ms, 0);
    for ms in 1..=10 {
        stream.append(id(ms), [&b"a"[..], b"b"].into_iter(), limits);
    }
    let mut group = Group::new(id(6), None);
    let consumer = group.add_consumer(b"one", 1, None);
    group.deliver(id(2), Pending { consumer, delivered_ms: 1, count: 1 });
    group.deliver(id(3), Pending { consumer, delivered_ms: 1, count: 1 });
    stream.groups.insert(b"group"[..].into(), group);
    let trim = |bound, references| Trim { bound, approximate: false, limit: 0, references };
    // Of the first eight, two are not acknowledged and two not read.
    assert_eq!(stream.trim(trim(Bound::Len(2), References::Acknowledged)), 4);
    let left: Vec<_> = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.ms).collect();
    assert_eq!(left, [2, 3, 7, 8, 9, 10]);
    assert_eq!(stream.trim(trim(Bound::From(id(3)), References::Delete)), 1);
    assert_eq!(stream.groups[&b"group"[..]].pending_len(), 1);
    check_memory(&stream);
}
