//! Streams as the commands that make them.

use nuthatch_collections::Stream;
use nuthatch_collections::stream::{Consumer, Group, IdText, StreamEntry, StreamId};

use super::values::{Maker, in_batches};
use super::{Decimal, argument};

impl<E> Maker<'_, E> {
    /// Makes a stream. XCLAIM, which says what consumers have to acknowledge, passes over entries that are gone: these are
    /// added, too, and removed again at the end.
    pub(super) fn stream(&mut self, stream: &Stream) -> Result<(), E> {
        let gone = gone_entries(stream);
        let mut rest = gone.iter().copied().peekable();
        for entry in stream.range(StreamId::MIN, StreamId::MAX) {
            while let Some(id) = rest.next_if(|id| *id < entry.id) {
                self.add_placeholder(id)?;
            }
            self.add(&entry)?;
        }
        rest.try_for_each(|id| self.add_placeholder(id))?;
        if stream.is_empty() && gone.is_empty() {
            // There is no other way to a stream without entries.
            self.command(&[b"XADD", self.key, b"MAXLEN", b"0", b"0-1", b"x", b"y"])?;
        }
        if gone.is_empty() {
            self.set_past(stream)?;
        }
        for (name, group) in &stream.groups {
            self.group(name, group)?;
        }
        if !gone.is_empty() {
            self.remove_placeholders(stream, &gone)?;
            self.set_past(stream)?;
        }
        Ok(())
    }

    fn add(&mut self, entry: &StreamEntry<'_>) -> Result<(), E> {
        self.begin(&[b"XADD", self.key, entry.id.text().bytes()], 2 * entry.len());
        entry.elements().for_each(|element| self.element(element));
        self.end()
    }

    fn add_placeholder(&mut self, id: StreamId) -> Result<(), E> {
        self.command(&[b"XADD", self.key, id.text().bytes(), b"x", b"y"])
    }

    /// Those before the first entry are trimmed, which is not noted as a deletion; the others are deleted.
    fn remove_placeholders(&mut self, stream: &Stream, gone: &[StreamId]) -> Result<(), E> {
        let Some(first) = stream.first() else {
            return self.command(&[b"XTRIM", self.key, b"MAXLEN", b"0"]);
        };
        let (trimmed, deleted) = gone.split_at(gone.partition_point(|id| *id < first.id));
        if !trimmed.is_empty() {
            self.command(&[b"XTRIM", self.key, b"MINID", first.id.text().bytes()])?;
        }
        in_batches(
            deleted.iter(),
            |_| size_of::<IdText>(),
            |batch| {
                self.begin(&[b"XDEL", self.key], batch.len());
                batch.iter().for_each(|id| argument(id.text().bytes(), self.out));
                self.end()
            },
        )
    }

    /// Says what the stream knows of its past.
    fn set_past(&mut self, stream: &Stream) -> Result<(), E> {
        let (last, deleted) = (stream.last_id.text(), stream.max_deleted_id.text());
        let added = count(stream.entries_added);
        self.command(&[
            b"XSETID",
            self.key,
            last.bytes(),
            b"ENTRIESADDED",
            added.text(),
            b"MAXDELETEDID",
            deleted.bytes(),
        ])
    }

    fn group(&mut self, name: &[u8], group: &Group) -> Result<(), E> {
        let (last, read) = (group.last_id.text(), group.entries_read.map(count));
        let read = read.as_ref().map_or(&b"-1"[..], Decimal::text);
        self.command(&[b"XGROUP", b"CREATE", self.key, name, last.bytes(), b"ENTRIESREAD", read])?;
        for (_, consumer) in group.consumers() {
            if consumer.pending_len() == 0 {
                self.command(&[b"XGROUP", b"CREATECONSUMER", self.key, name, &consumer.name])?;
            } else {
                self.pending(name, group, consumer)?;
            }
        }
        Ok(())
    }

    /// Says what a consumer has to acknowledge, in one command what was delivered at the same time and equally often.
    fn pending(&mut self, name: &[u8], group: &Group, consumer: &Consumer) -> Result<(), E> {
        let delivered = consumer
            .pending(StreamId::MIN)
            .filter_map(|id| group.pending_entry(id).map(|pending| (id, pending)));
        in_batches(
            delivered,
            |_| size_of::<IdText>(),
            |batch| {
                for alike in batch.chunk_by(|(_, one), (_, other)| one == other) {
                    let [(_, pending), ..] = alike else { continue };
                    let (time, times) = (count(pending.delivered_ms), count(pending.count));
                    let options = [b"TIME", time.text(), b"RETRYCOUNT", times.text(), b"JUSTID", b"FORCE"];
                    self.begin(
                        &[b"XCLAIM", self.key, name, &consumer.name, b"0"],
                        alike.len() + options.len(),
                    );
                    alike.iter().for_each(|(id, _)| argument(id.text().bytes(), self.out));
                    options.iter().for_each(|word| argument(word, self.out));
                    self.end()?;
                }
                Ok(())
            },
        )
    }
}

/// The entries that consumers have to acknowledge although they are not there any more, in order. One that cannot have been
/// there, which a damaged file may name, is left out.
fn gone_entries(stream: &Stream) -> Vec<StreamId> {
    let pending = stream.groups.values().flat_map(|group| group.pending(StreamId::MIN));
    let mut gone: Vec<StreamId> = pending.map(|(id, _)| id).collect();
    gone.sort_unstable();
    gone.dedup();
    let mut entries = stream.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id).peekable();
    gone.retain(|id| {
        while entries.next_if(|entry| entry < id).is_some() {}
        let may_have_been = *id > StreamId::MIN && (stream.is_empty() || *id <= stream.last_id);
        entries.peek() != Some(id) && may_have_been
    });
    gone
}

/// A number as commands take it, which read no greater ones.
fn count(number: u64) -> Decimal {
    Decimal::of(number.min(i64::MAX.unsigned_abs()))
}
