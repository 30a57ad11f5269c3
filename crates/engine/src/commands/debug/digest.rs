//! DEBUG DIGEST and DEBUG DIGEST-VALUE: whether two servers hold the same.
//!
//! A digest is 20 bytes, zeros at first. What has no order of its own, such as the members of a set, is *mixed in*: the
//! digest is combined by exclusive or with the SHA-1 of each part. What has an order is *chained*: it is mixed in, and the
//! digest becomes the SHA-1 of itself. The rules are those that the stock servers' answers follow.

use nuthatch_collections::chunked::End;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;
use nuthatch_collections::stream::StreamId;
use nuthatch_protocol::number::format_f64_digits;
use sha1::{Digest as _, Sha1};

use crate::call::Call;
use crate::error::Outcome;
use crate::value::hash::HashRef;
use crate::value::list::ListRef;
use crate::value::set::SetRef;
use crate::value::sorted_set::SortedSetRef;
use crate::value::stream::stream_of;
use crate::value::string::StringRef;
use crate::value::{Kind, Type};

pub(super) fn digest(call: &mut Call<'_, '_>) -> Outcome {
    let now_ms = call.now_ms();
    let mut all = Digest::default();
    for number in 0..call.engine.keyspace.databases() {
        if call.keys.figures(number).keys == 0 {
            continue;
        }
        all.chain(&number.to_be_bytes());
        call.keys.for_each(number, &mut |record| {
            let mut entry = Digest::default();
            entry.chain(record.key());
            entry.chain_value(record, now_ms);
            all.mix_in(&entry.0);
        });
    }
    call.reply.simple(all.text());
    Ok(())
}

pub(super) fn digest_value(call: &mut Call<'_, '_>) -> Outcome {
    let now_ms = call.now_ms();
    call.reply.array(call.arguments.len() - 2);
    for place in 2..call.arguments.len() {
        let mut digest = Digest::default();
        if let Some(record) = call.keys.peek(&call.key(place)) {
            digest.chain_value(record, now_ms);
        }
        call.reply.simple(digest.text());
    }
    Ok(())
}

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    fn mix_in(&mut self, part: &[u8]) {
        let sum: [u8; 20] = Sha1::digest(part).into();
        self.0.iter_mut().zip(sum).for_each(|(byte, other)| *byte ^= other);
    }

    fn chain(&mut self, part: &[u8]) {
        self.mix_in(part);
        self.0 = Sha1::digest(self.0).into();
    }

    fn chain_element(&mut self, element: Element<'_>) {
        element.with_text(|text| self.chain(text));
    }

    fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Continues with the value of a record and whether it has a deadline.
    fn chain_value(&mut self, record: RecordRef<'_>, now_ms: u64) {
        let value_type = Kind::of(record.kind()).value_type();
        let number: u32 = match value_type {
            Type::String => 0,
            Type::List => 1,
            Type::Set => 2,
            Type::SortedSet => 3,
            Type::Hash => 4,
            Type::Stream => 6,
        };
        self.chain(&number.to_be_bytes());
        match value_type {
            Type::String => StringRef::of(record).into_iter().for_each(|text| self.chain(&text.bytes())),
            Type::List => {
                ListRef::of(record).iter(0, End::Back).for_each(|element| self.chain_element(element));
            }
            Type::Set => {
                let members = SetRef::of(record).members();
                members.for_each(|member| member.with_text(|text| self.mix_in(text)));
            }
            Type::SortedSet => self.mix_in_scores(SortedSetRef::of(record)),
            Type::Hash => self.mix_in_fields(HashRef::of(record), now_ms),
            Type::Stream => self.chain_entries(record),
        }
        if record.stamp().is_some() {
            self.mix_in(b"!!expire!!");
        }
    }

    fn mix_in_scores(&mut self, set: Option<SortedSetRef<'_>>) {
        let mut score = Vec::new();
        for (member, number) in set.into_iter().flat_map(SortedSetRef::iter_all) {
            let mut pair = Self::default();
            pair.chain_element(member);
            score.clear();
            format_f64_digits(number, &mut score);
            pair.chain(&score);
            self.mix_in(&pair.0);
        }
    }

    fn mix_in_fields(&mut self, hash: HashRef<'_>, now_ms: u64) {
        for field in hash.fields(now_ms) {
            let mut pair = Self::default();
            pair.chain_element(field.name);
            pair.chain_element(field.value);
            if field.deadline.is_some() {
                pair.mix_in(b"!!hexpire!!");
            }
            self.mix_in(&pair.0);
        }
    }

    fn chain_entries(&mut self, record: RecordRef<'_>) {
        let entries =
            stream_of(record).into_iter().flat_map(|stream| stream.range(StreamId::MIN, StreamId::MAX));
        for entry in entries {
            self.chain(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            entry.elements().for_each(|element| self.chain_element(element));
        }
    }
}
