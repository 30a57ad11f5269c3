//! Removing and moving elements, waiting for one if there is none.

use nuthatch_collections::chunked::{End, NodeLimit};
use nuthatch_protocol::Reply;

use super::moves::{SOURCE_AND_DESTINATION, move_element};
use super::pops::{MultiplePop, SHRUNK, pop_named, pop_one};
use super::{end_name, node_limit, parse_end};
use crate::blocking::{Take, take_from_first};
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeySpec};
use crate::commands::blocking::{deadline_of, take_or_wait};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::Type;

const ALL_BUT_TIMEOUT: &[KeySpec] = &[KeySpec::up_to(1, -2, SHRUNK)];

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("BLMOVE", 6, SOURCE_AND_DESTINATION, blmove).with(Flags::BLOCKING).deny_oom().docs(
        Group::List,
        "6.2.0",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
        "Moves an element from an end of a list to an end of another and returns it, as soon as there is one.",
    ),
    Command::write("BLMPOP", -5, &[KeySpec::counted(2, 1, SHRUNK)], blmpop)
        .with(Flags::BLOCKING.union(Flags::MOVABLE_KEYS))
        .docs(
            Group::List,
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
            "Removes and returns elements at an end of the first list among several keys, as soon as there is one.",
        ),
    Command::write("BLPOP", -3, ALL_BUT_TIMEOUT, |call| pop(call, End::Front)).with(Flags::BLOCKING).docs(
        Group::List,
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "key [key ...] timeout",
        "Removes and returns the element at the head of the first list among several keys, as soon as there is one.",
    ),
    Command::write("BRPOP", -3, ALL_BUT_TIMEOUT, |call| pop(call, End::Back)).with(Flags::BLOCKING).docs(
        Group::List,
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "key [key ...] timeout",
        "Removes and returns the element at the tail of the first list among several keys, as soon as there is one.",
    ),
    Command::write("BRPOPLPUSH", 4, SOURCE_AND_DESTINATION, brpoplpush)
        .with(Flags::BLOCKING)
        .deny_oom()
        .docs(
            Group::List,
            "2.2.0",
            "O(1)",
            "source destination timeout",
            "Moves an element from the tail of a list to the head of another and returns it, as soon as there is one.",
        )
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
];

fn pop(call: &mut Call<'_, '_>, end: End) -> Outcome {
    let timeout = call.arguments.len() - 1;
    let deadline = deadline_of(call.arguments.at(timeout), call.now_ms())?;
    let limit = node_limit(call);
    take_or_wait(call, 1..timeout, deadline, Pop { end, limit })
}

fn blmpop(call: &mut Call<'_, '_>) -> Outcome {
    let MultiplePop { keys, end, count } = MultiplePop::parse(&call.arguments, 2)?;
    let deadline = deadline_of(call.arguments.at(1), call.now_ms())?;
    let limit = node_limit(call);
    take_or_wait(call, keys, deadline, PopSeveral { end, count, limit })
}

fn blmove(call: &mut Call<'_, '_>) -> Outcome {
    let from = parse_end(call.arguments.at(3))?;
    let to = parse_end(call.arguments.at(4))?;
    move_or_wait(call, from, to, 5)
}

fn brpoplpush(call: &mut Call<'_, '_>) -> Outcome {
    move_or_wait(call, End::Back, End::Front, 3)
}

fn move_or_wait(call: &mut Call<'_, '_>, from: End, to: End, timeout: usize) -> Outcome {
    let deadline = deadline_of(call.arguments.at(timeout), call.now_ms())?;
    let limit = node_limit(call);
    let destination = call.arguments.at(2).into();
    take_or_wait(call, 1..2, deadline, Move { from, to, destination, limit })
}

/// Whether the key holds a list.
fn is_list(keys: &Keys<'_>, key: &Key<'_>) -> bool {
    matches!(keys.peek_as(key, Type::List), Ok(Some(_)))
}

fn pop_name(end: End) -> Vec<u8> {
    match end {
        End::Front => b"LPOP".to_vec(),
        End::Back => b"RPOP".to_vec(),
    }
}

#[derive(Debug)]
struct Pop {
    end: End,
    limit: NodeLimit,
}

impl Take for Pop {
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool {
        is_list(keys, key)
    }

    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError> {
        take_from_first(wanted, |key| {
            let mark = reply.mark();
            reply.array(2);
            reply.bulk(key.bytes);
            let taken = pop_one(keys, reply, key, self.end, self.limit)?;
            if taken {
                keys.replay_as(|| vec![pop_name(self.end), key.bytes.to_vec()]);
            } else {
                reply.truncate(mark);
            }
            Ok(taken)
        })
    }
}

#[derive(Debug)]
struct PopSeveral {
    end: End,
    count: usize,
    limit: NodeLimit,
}

impl Take for PopSeveral {
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool {
        is_list(keys, key)
    }

    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError> {
        take_from_first(wanted, |key| {
            let taken = pop_named(keys, reply, key, self.end, self.count, self.limit)?;
            if taken {
                let count = self.count.to_string().into_bytes();
                keys.replay_as(|| vec![pop_name(self.end), key.bytes.to_vec(), count]);
            }
            Ok(taken)
        })
    }
}

#[derive(Debug)]
struct Move {
    from: End,
    to: End,
    destination: Box<[u8]>,
    limit: NodeLimit,
}

impl Take for Move {
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool {
        is_list(keys, key)
    }

    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError> {
        take_from_first(wanted, |key| {
            let destination = Key {
                bytes: &self.destination,
                hash: keys.keyspace().hash(&self.destination),
                database: key.database,
            };
            let taken = move_element(keys, reply, (key, self.from), (&destination, self.to), self.limit)?;
            if taken {
                let ends = [self.from, self.to].map(|end| end_name(end).as_bytes().to_vec());
                let keys_moved = [key.bytes, &self.destination].map(<[u8]>::to_vec);
                keys.replay_as(|| [b"LMOVE".to_vec()].into_iter().chain(keys_moved).chain(ends).collect());
            }
            Ok(taken)
        })
    }

    fn destination(&self) -> Option<&[u8]> {
        Some(&self.destination)
    }

    fn not_yet(&self, reply: &mut Reply) {
        reply.null();
    }
}
