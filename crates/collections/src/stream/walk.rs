//! Entries in order of their ids, and backwards.

use std::collections::btree_map;

use super::block::{Block, Entries, Run, StreamEntry};
use super::{Stream, StreamId};

/// Some of a stream's blocks.
#[derive(Clone, Debug)]
pub(super) struct Blocks<'a> {
    full: btree_map::Range<'a, StreamId, Box<Block>>,
    tail: Option<&'a Block>,
}

impl<'a> Blocks<'a> {
    fn next(&mut self) -> Option<&'a Block> {
        self.full.next().map(|(_, block)| &**block).or_else(|| self.tail.take())
    }

    fn next_back(&mut self) -> Option<&'a Block> {
        self.tail.take().or_else(|| self.full.next_back().map(|(_, block)| &**block))
    }
}

impl Stream {
    /// The blocks that may have entries from `first` to `last`.
    fn blocks(&self, first: StreamId, last: StreamId) -> Blocks<'_> {
        let tail = self.tail.as_ref().filter(|tail| tail.base <= last);
        if tail.is_some_and(|tail| tail.base <= first) {
            let none = self.full.range(StreamId::MAX..);
            return Blocks { full: none, tail };
        }
        let from = self.full.range(..=first).next_back().map_or(first, |(base, _)| *base);
        let full = if from <= last { self.full.range(from..=last) } else { self.full.range(StreamId::MAX..) };
        Blocks { full, tail }
    }

    /// The entries as they are kept together.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        self.full.values().map(|block| block.run()).chain(self.tail.as_ref().map(Block::run))
    }

    /// The entries from `first` to `last`, both included.
    #[inline]
    pub fn range(&self, first: StreamId, last: StreamId) -> Range<'_> {
        Range { blocks: self.blocks(first, last), entries: None, first, last }
    }

    /// The entries from `last` back to `first`, both included.
    pub fn range_back(&self, first: StreamId, last: StreamId) -> RangeBack<'_> {
        RangeBack { blocks: self.blocks(first, last), entries: Vec::new(), first, last }
    }
}

/// See [`Stream::range`].
#[derive(Clone, Debug)]
pub struct Range<'a> {
    blocks: Blocks<'a>,
    entries: Option<Entries<'a>>,
    first: StreamId,
    last: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = StreamEntry<'a>;

    #[inline]
    fn next(&mut self) -> Option<StreamEntry<'a>> {
        loop {
            if let Some(entries) = &mut self.entries {
                for entry in entries {
                    if entry.id > self.last {
                        return None;
                    }
                    if entry.id >= self.first {
                        return Some(entry);
                    }
                }
            }
            self.entries = Some(self.blocks.next()?.entries());
        }
    }
}

/// See [`Stream::range_back`].
#[derive(Clone, Debug)]
pub struct RangeBack<'a> {
    blocks: Blocks<'a>,
    /// Those of the present block that are still to come, the next one at last.
    entries: Vec<StreamEntry<'a>>,
    first: StreamId,
    last: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        while self.entries.is_empty() {
            let (first, last) = (self.first, self.last);
            let entries = self.blocks.next_back()?.entries();
            self.entries.extend(entries.filter(|entry| (first..=last).contains(&entry.id)));
        }
        self.entries.pop()
    }
}
