//! BITFIELD: integers of any width within strings.

use nuthatch_protocol::Reply;
use nuthatch_protocol::number::{parse_i64, parse_u64};

use super::bitmaps::parse_offset;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::value::string::StringRef;

mod field;

use field::{Field, Overflow};

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const UPDATE: &[KeySpec] = &[KeySpec::one(
    1,
    KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE).union(KeyFlags::VARIABLE_FLAGS),
)];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("BITFIELD", -2, UPDATE, bitfield).deny_oom().docs(
        Group::Bitmap,
        "3.2.0",
        "O(1) for each subcommand specified",
        "key [<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
         INCRBY encoding offset increment>> ...]",
        "Reads, sets and increments integers of any width within a string.",
    ),
    Command::read("BITFIELD_RO", -2, READ, bitfield_ro).fast().docs(
        Group::Bitmap,
        "6.0.0",
        "O(1) for each subcommand specified",
        "key [GET encoding offset [GET encoding offset ...]]",
        "Reads integers of any width within a string.",
    ),
];

/// One subcommand.
struct Step {
    field: Field,
    action: Action,
    overflow: Overflow,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

impl Action {
    fn writes(self) -> bool {
        !matches!(self, Self::Get)
    }
}

fn bitfield(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let steps = parse_steps(call)?;
    let Some(bytes) = bytes_written(&steps) else {
        return reply_fields(call, &key, &steps);
    };
    let mut length = call.keys.peek_string(&key)?.map_or(0, StringRef::len);
    let mut written = false;
    call.reply.array(steps.len());
    for Step { field, action, overflow } in steps {
        let mut window =
            call.keys.peek_string(&key)?.map_or_else(Default::default, |text| field.window(&text.bytes()));
        let before = field.load(window);
        let (after, answer) = match action {
            Action::Get => {
                call.reply.integer(before);
                continue;
            }
            Action::Set(value) => (field.fit_given(value, overflow), Some(before)),
            Action::Increment(increment) => {
                let sum = field.fit(i128::from(before) + i128::from(increment), overflow);
                (sum, sum)
            }
        };
        match (after, answer) {
            (Some(after), Some(answer)) => {
                field.store(&mut window, after);
                length = call.keys.splice(&key, field.first_byte(), &window[..field.bytes()], "");
                written = true;
                call.reply.integer(answer);
            }
            _ => call.reply.null(),
        }
    }
    // The string grows to hold the fields even if none of them could be changed.
    if length < bytes {
        call.keys.splice(&key, bytes, &[], "");
    } else if !written {
        call.keys.make_raw(&key);
    }
    // One event, however many fields were written, and none of growth alone.
    if written {
        call.keys.append_event(&key, "setbit");
    }
    Ok(())
}

fn bitfield_ro(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let steps = parse_steps(call)?;
    if bytes_written(&steps).is_some() {
        return Err(CommandError::fixed("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    reply_fields(call, &key, &steps)
}

fn reply_fields(call: &mut Call<'_, '_>, key: &Key<'_>, steps: &[Step]) -> Outcome {
    let text = call.keys.read_string(key)?.map(StringRef::bytes).unwrap_or_default();
    let reply: &mut Reply = call.reply;
    reply.array(steps.len());
    for Step { field, .. } in steps {
        reply.integer(field.load(field.window(&text)));
    }
    Ok(())
}

/// How long the string must be to hold all fields that are written; nothing if none is.
fn bytes_written(steps: &[Step]) -> Option<usize> {
    let written = steps.iter().filter(|step| step.action.writes());
    written.map(|step| step.field.first_byte() + step.field.bytes()).max()
}

fn parse_steps(call: &Call<'_, '_>) -> Result<Vec<Step>, CommandError> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = call.arguments.from(2);
    while let Some(word) = rest.next() {
        let operands = if is_word(word, "GET") {
            2
        } else if is_word(word, "SET") || is_word(word, "INCRBY") {
            3
        } else if is_word(word, "OVERFLOW") {
            overflow = parse_overflow(rest.next().ok_or(CommandError::SYNTAX)?)?;
            continue;
        } else {
            return Err(CommandError::SYNTAX);
        };
        if rest.len() < operands {
            return Err(CommandError::SYNTAX);
        }
        let field = parse_field(call, rest.next().unwrap_or_default(), rest.next().unwrap_or_default())?;
        let mut value = || parse_i64(rest.next().unwrap_or_default()).ok_or(CommandError::NOT_AN_INTEGER);
        let action = if is_word(word, "GET") {
            Action::Get
        } else if is_word(word, "SET") {
            Action::Set(value()?)
        } else {
            Action::Increment(value()?)
        };
        steps.push(Step { field, action, overflow });
    }
    Ok(steps)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, CommandError> {
    if is_word(word, "WRAP") {
        Ok(Overflow::Wrap)
    } else if is_word(word, "SAT") {
        Ok(Overflow::Saturate)
    } else if is_word(word, "FAIL") {
        Ok(Overflow::Fail)
    } else {
        Err(CommandError::fixed("ERR Invalid OVERFLOW type specified"))
    }
}

/// Reads a type such as `u8` or `i64` and an offset in bits, or behind `#` in fields of that type.
fn parse_field(call: &Call<'_, '_>, encoding: &[u8], offset: &[u8]) -> Result<Field, CommandError> {
    const INVALID_TYPE: CommandError = CommandError::fixed(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    );
    let (signed, bits_max, digits) = match encoding {
        [b'i', digits @ ..] => (true, 64, digits),
        [b'u', digits @ ..] => (false, 63, digits),
        _ => return Err(INVALID_TYPE),
    };
    let bits = parse_u64(digits).filter(|bits| (1..=bits_max).contains(bits)).ok_or(INVALID_TYPE)?;
    let offset = match offset {
        [b'#', units @ ..] => parse_offset(call, units, bits as usize)?,
        units => parse_offset(call, units, 1)?,
    };
    Ok(Field { signed, bits: bits as u32, offset })
}
