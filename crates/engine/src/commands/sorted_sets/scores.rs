//! What is known of single members: ZSCORE, ZMSCORE, ZRANK, ZREVRANK; and how many there are: ZCARD.

use nuthatch_protocol::Reply;

use super::READ;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

const COUNT: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO)];

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("ZCARD", 2, COUNT, zcard).fast().docs(
        Group::SortedSet,
        "1.2.0",
        "O(1)",
        "key",
        "Returns the number of members of a sorted set.",
    ),
    Command::read("ZMSCORE", -3, READ, zmscore).looks_for(2).fast().docs(
        Group::SortedSet,
        "6.2.0",
        "O(N) where N is the number of members being requested.",
        "key member [member ...]",
        "Returns the scores of several members of a sorted set.",
    ),
    Command::read("ZRANK", -3, READ, zrank).looks_for(2).fast().docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N))",
        "key member [WITHSCORE]",
        "Returns how many members of a sorted set come before a member.",
    ),
    Command::read("ZREVRANK", -3, READ, zrevrank).looks_for(2).fast().docs(
        Group::SortedSet,
        "2.0.0",
        "O(log(N))",
        "key member [WITHSCORE]",
        "Returns how many members of a sorted set come after a member.",
    ),
    Command::read("ZSCORE", 3, READ, zscore).looks_for(2).fast().docs(
        Group::SortedSet,
        "1.2.0",
        "O(1)",
        "key member",
        "Returns the score of a member of a sorted set.",
    ),
];

fn zcard(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let len = call.keys.read_sorted_set(&key)?.map_or(0, |set| set.len());
    call.reply.integer(len as i64);
    Ok(())
}

fn zscore(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    reply_score(call.reply, set.and_then(|set| set.score(call.arguments.at(2))));
    Ok(())
}

fn zmscore(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let members = call.arguments.from(2);
    call.reply.array(members.len());
    for member in members {
        reply_score(call.reply, set.and_then(|set| set.score(member)));
    }
    Ok(())
}

fn reply_score(reply: &mut Reply, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

fn zrank(call: &mut Call<'_, '_>) -> Outcome {
    reply_rank(call, false)
}

fn zrevrank(call: &mut Call<'_, '_>) -> Outcome {
    reply_rank(call, true)
}

fn reply_rank(call: &mut Call<'_, '_>, from_end: bool) -> Outcome {
    let with_score = match call.arguments.get(3) {
        None => false,
        Some(_) if call.arguments.len() > 4 => {
            return Err(CommandError::wrong_arity(&call.command.full_name));
        }
        Some(word) if is_word(word, "WITHSCORE") => true,
        Some(_) => return Err(CommandError::SYNTAX),
    };
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let found = set.and_then(|set| {
        let (rank, score) = set.rank(call.arguments.at(2))?;
        Some((if from_end { set.len() - 1 - rank } else { rank }, score))
    });
    match found {
        None if with_score => call.reply.null_array(),
        None => call.reply.null(),
        Some((rank, score)) => {
            if with_score {
                call.reply.array(2);
            }
            call.reply.integer(rank as i64);
            if with_score {
                call.reply.double(score);
            }
        }
    }
    Ok(())
}
