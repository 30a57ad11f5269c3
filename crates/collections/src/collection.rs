//! The values of many elements, beyond the size at which they are kept as one byte string in their entry.

use crate::chunked::{ChunkedList, NodeLimit};
use crate::field_map::FieldMap;
use crate::mover::Mover;
use crate::paged::PagedTable;
use crate::sorted_set::SortedSet;
use crate::stream::Stream;

/// A value of many elements.
#[derive(Clone, Debug)]
pub enum Collection {
    /// A hash.
    Hash(FieldMap),
    /// A list.
    List(ChunkedList),
    /// A set, of stride 1.
    Set(PagedTable),
    /// Members with scores.
    SortedSet(SortedSet),
    /// Entries in order.
    Stream(Box<Stream>),
}

impl Collection {
    /// Where elements are searched by their hashes.
    #[inline]
    pub fn table(&self) -> Option<&PagedTable> {
        match self {
            Self::Hash(map) => Some(map.table()),
            Self::List(_) | Self::Stream(_) => None,
            Self::SortedSet(set) => Some(set.table()),
            Self::Set(table) => Some(table),
        }
    }

    /// Frees the elements in steps of some microseconds, between which it calls `pause`, and leaves the collection empty.
    pub fn dismantle(&mut self, pause: &mut dyn FnMut()) {
        match self {
            Self::Hash(map) => map.dismantle(pause),
            Self::List(list) => list.dismantle(pause),
            Self::SortedSet(set) => set.dismantle(pause),
            Self::Set(table) => table.dismantle(pause),
            Self::Stream(stream) => stream.dismantle(pause),
        }
    }

    /// One without elements that has allocated nothing, of whatever type.
    pub(crate) fn empty() -> Collection {
        Collection::List(ChunkedList::new(NodeLimit::from_setting(-1)))
    }

    /// How many elements there are.
    fn elements(&self) -> usize {
        match self {
            Self::Hash(map) => map.len(),
            Self::List(list) => list.len(),
            Self::SortedSet(set) => set.len(),
            Self::Set(table) => table.len(),
            Self::Stream(stream) => stream.len(),
        }
    }

    /// Moves what the mover wants of what is behind the collection, unless there are so many elements that it leaves that
    /// for later. Says whether it is done.
    pub(crate) fn relocate_small(&mut self, mover: &mut Mover<'_>) -> bool {
        let is_small = !mover.leaves(self.elements());
        if is_small {
            self.relocate(0, usize::MAX, mover);
        }
        is_small
    }

    /// Moves what the mover wants of what is behind the collection, from a position on, until the mover's work is this.
    /// Returns the position at which to go on, or `None` at the end. The first is 0; whatever changes meanwhile, any position
    /// will do, and at worst something is passed over.
    pub fn relocate(&mut self, position: u128, work_max: usize, mover: &mut Mover<'_>) -> Option<u128> {
        match self {
            Self::Hash(map) => map.relocate(position, work_max, mover),
            Self::List(list) => list.relocate(position, work_max, mover),
            Self::SortedSet(set) => set.relocate(position, work_max, mover),
            Self::Set(table) => table.relocate(position, work_max, mover),
            Self::Stream(stream) => {
                if position == 0 {
                    mover.boxed(stream, Stream::new());
                }
                stream.relocate(position, work_max, mover)
            }
        }
    }

    /// The memory behind the collection in bytes; its own size is not counted.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Hash(map) => map.memory_bytes(),
            Self::List(list) => list.memory_bytes(),
            Self::SortedSet(set) => set.memory_bytes(),
            Self::Set(table) => table.memory_bytes(),
            Self::Stream(stream) => size_of::<Stream>() + stream.memory_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunked::{End, NodeLimit};
    use crate::hash::ElementHasher;
    use crate::packed::Element;
    use crate::stream::{BlockLimits, StreamId};

    #[test]
    fn big_collections_are_dismantled_in_many_steps_and_empty_afterwards() {
        const ELEMENTS: usize = 50_000;
        let texts: Vec<String> = (0..ELEMENTS).map(|number| format!("element:{number}")).collect();
        let (mut map, mut set, mut sorted) = (FieldMap::default(), PagedTable::new(1), SortedSet::new());
        let mut list = ChunkedList::new(NodeLimit::from_setting(-2));
        let (mut stream, limits) = (Stream::new(), BlockLimits { entries_max: 100, bytes_max: 4096 });
        for (number, text) in texts.iter().enumerate() {
            let (hash, text) = (ElementHasher::get().hash(text.as_bytes()), text.as_bytes());
            map.set(text, Element::Bytes(text), Some(number as u64));
            set.insert_or_replace(hash, text, None, None);
            sorted.change(text, |_| Some(number as f64));
            list.push(End::Back, Element::of(text));
            stream.append(StreamId::new(1, number as u64), [text, text].into_iter(), limits);
        }
        for mut collection in [
            Collection::Hash(map),
            Collection::Set(set),
            Collection::SortedSet(sorted),
            Collection::List(list),
            Collection::Stream(Box::new(stream)),
        ] {
            let mut pauses = 0;
            collection.dismantle(&mut || pauses += 1);
            assert!(pauses >= 4, "{collection:?}: {pauses}");
            assert!(collection.memory_bytes() < 1000, "{collection:?}: {}", collection.memory_bytes());
        }
    }
}
