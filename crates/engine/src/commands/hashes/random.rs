//! Fields by chance.

use std::collections::HashSet;

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::parse_i64;

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::error::{CommandError, Outcome};
use crate::value::hash::{Field, HashRef};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The longest reply of fields that may repeat themselves, in bytes: a number must not exhaust the memory.
const REPEATED_BYTES_MAX: usize = 1 << 30;

/// Tries at hitting a field of a table that has not expired before all are looked at.
const TRIES: usize = 100;

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[Command::read("HRANDFIELD", -2, READ, hrandfield)
    .docs(
        Group::Hash,
        "6.2.0",
        "O(N) where N is the number of fields returned",
        "key [count [WITHVALUES]]",
        "Returns random fields of a hash.",
    )
    .tips(&["nondeterministic_output"])];

const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR value is out of range");

fn hrandfield(call: &mut Call<'_, '_>) -> Outcome {
    let (key, now_ms) = (call.key(1), call.now_ms());
    if call.arguments.len() == 2 {
        let name = call.keys.read_hash(&key)?.and_then(|hash| sample(hash, now_ms)).map(|field| field.name);
        match name {
            Some(name) => reply_element(call.reply, name),
            None => call.reply.null(),
        }
        return Ok(());
    }
    let (count, with_values) = parse(call)?;
    let Some(hash) = call.keys.read_hash(&key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let live = hash.live_len(now_ms);
    let replied = Replied { with_values, is_nested: call.reply.resp3() };
    if count < 0 {
        return reply_repeated(call.reply, hash, now_ms, if live == 0 { 0 } else { wanted }, replied);
    }
    let wanted = wanted.min(live);
    replied.begin(call.reply, wanted);
    match hash {
        // Few of many are found by chance; of most of them it is quicker to pass over the others.
        HashRef::Table(_) if wanted < live / 3 => {
            let mut seen = HashSet::new();
            while seen.len() < wanted {
                let Some(field) = sample(hash, now_ms) else { break };
                if seen.insert(field.name.to_cow()) {
                    replied.add(call.reply, field);
                }
            }
        }
        _ => {
            let (mut left, mut wanted) = (live, wanted);
            for field in hash.fields(now_ms) {
                if fastrand::usize(..left) < wanted {
                    replied.add(call.reply, field);
                    wanted -= 1;
                }
                left -= 1;
            }
        }
    }
    Ok(())
}

fn parse(call: &Call<'_, '_>) -> Result<(i64, bool), CommandError> {
    const BEYOND: CommandError = CommandError::fixed(
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    let count = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    if count == i64::MIN {
        return Err(BEYOND);
    }
    let Some(option) = call.arguments.get(3) else { return Ok((count, false)) };
    if call.arguments.len() > 4 || !is_word(option, "WITHVALUES") {
        return Err(CommandError::SYNTAX);
    }
    if !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(OUT_OF_RANGE);
    }
    Ok((count, true))
}

/// What is replied of each field.
#[derive(Clone, Copy)]
struct Replied {
    with_values: bool,
    /// RESP3 has each field with its value in an array of its own.
    is_nested: bool,
}

impl Replied {
    fn begin(self, reply: &mut Reply, fields: usize) {
        let is_flat = self.with_values && !self.is_nested;
        reply.array(if is_flat { 2 * fields } else { fields });
    }

    fn add(self, reply: &mut Reply, field: Field<'_>) {
        if self.with_values && self.is_nested {
            reply.array(2);
        }
        reply_element(reply, field.name);
        if self.with_values {
            reply_element(reply, field.value);
        }
    }
}

/// Replies so many fields, any of which may come several times.
fn reply_repeated(
    reply: &mut Reply,
    hash: HashRef<'_>,
    now_ms: u64,
    wanted: usize,
    replied: Replied,
) -> Outcome {
    if wanted > REPEATED_BYTES_MAX {
        return Err(OUT_OF_RANGE);
    }
    let bytes_max = reply.len() + REPEATED_BYTES_MAX;
    replied.begin(reply, wanted);
    let few: Vec<Field<'_>> = match hash {
        HashRef::Packed(_) => hash.fields(now_ms).collect(),
        HashRef::Table(_) => Vec::new(),
    };
    for _ in 0..wanted {
        let field = if few.is_empty() {
            sample(hash, now_ms)
        } else {
            few.get(fastrand::usize(..few.len())).copied()
        };
        if let Some(field) = field {
            replied.add(reply, field);
        }
        if reply.len() > bytes_max {
            return Err(OUT_OF_RANGE);
        }
    }
    Ok(())
}

/// A field that has not expired, each about as likely as any other.
fn sample(hash: HashRef<'_>, now_ms: u64) -> Option<Field<'_>> {
    if let HashRef::Table(map) = hash {
        for _ in 0..TRIES {
            let field = Field::from(map.sample(&mut || fastrand::u64(..))?);
            if field.is_live(now_ms) {
                return Some(field);
            }
        }
    }
    let live = hash.live_len(now_ms);
    if live == 0 { None } else { hash.fields(now_ms).nth(fastrand::usize(..live)) }
}
