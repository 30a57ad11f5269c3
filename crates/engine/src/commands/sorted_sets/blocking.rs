//! Taking members with the lowest or the highest scores, waiting for one if there is none.

use nuthatch_protocol::Reply;

use super::pops::{End, MultiplePop, POP_FLAGS, PopReply, pop};
use crate::blocking::{Take, take_from_first};
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeySpec};
use crate::commands::blocking::{deadline_of, take_or_wait};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::Type;

const ALL_BUT_TIMEOUT: &[KeySpec] = &[KeySpec::up_to(1, -2, POP_FLAGS)];
const COMPLEXITY: &str = "O(log(N)) with N being the number of elements in the sorted set.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("BZMPOP", -5, &[KeySpec::counted(2, 1, POP_FLAGS)], bzmpop)
        .with(Flags::BLOCKING.union(Flags::MOVABLE_KEYS))
        .docs(
            Group::SortedSet,
            "7.0.0",
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the \
             sorted set, and M being the number of elements popped.",
            "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
            "Takes members with the lowest or highest scores from the first of several sorted sets, as soon as \
             one has any.",
        ),
    Command::write("BZPOPMAX", -3, ALL_BUT_TIMEOUT, |call| bzpop(call, End::Highest))
        .fast()
        .with(Flags::BLOCKING)
        .docs(
            Group::SortedSet,
            "5.0.0",
            COMPLEXITY,
            "key [key ...] timeout",
            "Takes the member with the highest score from the first of several sorted sets, as soon as one has any.",
        ),
    Command::write("BZPOPMIN", -3, ALL_BUT_TIMEOUT, |call| bzpop(call, End::Lowest))
        .fast()
        .with(Flags::BLOCKING)
        .docs(
            Group::SortedSet,
            "5.0.0",
            COMPLEXITY,
            "key [key ...] timeout",
            "Takes the member with the lowest score from the first of several sorted sets, as soon as one has any.",
        ),
];

fn bzpop(call: &mut Call<'_, '_>, end: End) -> Outcome {
    let timeout = call.arguments.len() - 1;
    let deadline = deadline_of(call.arguments.at(timeout), call.now_ms())?;
    take_or_wait(call, 1..timeout, deadline, Pop { end, count: 1, form: PopReply::OneOfKey })
}

fn bzmpop(call: &mut Call<'_, '_>) -> Outcome {
    let MultiplePop { keys_end, end, count } = MultiplePop::parse(call, 2)?;
    let deadline = deadline_of(call.arguments.at(1), call.now_ms())?;
    take_or_wait(call, 3..keys_end, deadline, Pop { end, count, form: PopReply::OfKey })
}

#[derive(Debug)]
struct Pop {
    end: End,
    count: usize,
    form: PopReply,
}

impl Take for Pop {
    fn can_take(&self, keys: &Keys<'_>, key: &Key<'_>) -> bool {
        matches!(keys.peek_as(key, Type::SortedSet), Ok(Some(_)))
    }

    fn take(&self, keys: &mut Keys<'_>, wanted: &[Key<'_>], reply: &mut Reply) -> Result<bool, CommandError> {
        take_from_first(wanted, |key| {
            let taken = pop(keys, key, self.end, self.count, self.form, reply)?;
            if taken {
                let name = if self.end == End::Lowest { "ZPOPMIN" } else { "ZPOPMAX" };
                keys.replay_as(|| vec![name.into(), key.bytes.to_vec(), self.count.to_string().into()]);
            }
            Ok(taken)
        })
    }
}
