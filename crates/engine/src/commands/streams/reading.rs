//! XREAD and XREADGROUP.

use nuthatch_collections::stream::StreamId;

use super::reader::{From, Member, Reader, no_group_to_read};
use super::{entry_id, parse_integer};
use crate::arguments::is_word;
use crate::blocking::Take;
use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::commands::blocking::{deadline_of_milliseconds, wait};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;

const READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("XREAD", -4, &[KeySpec::first_half_behind("STREAMS", 1, READ)], xread)
        .with(Flags::BLOCKING.union(Flags::MOVABLE_KEYS))
        .docs(
            Group::Stream,
            "5.0.0",
            "For each stream mentioned: O(N) with N being the number of elements being returned, it means that \
             XREAD-ing with a fixed COUNT is O(1).",
            "[COUNT count] [BLOCK milliseconds] <STREAMS key [key ...] id [id ...]>",
            "Returns the entries of streams behind some ids, or waits for the next one.",
        ),
    Command::write("XREADGROUP", -7, &[KeySpec::first_half_behind("STREAMS", 4, READ)], xreadgroup)
        .with(Flags::BLOCKING.union(Flags::MOVABLE_KEYS))
        .docs(
            Group::Stream,
            "5.0.0",
            "For each stream mentioned: O(M) with M being the number of elements returned. If M is constant (e.g. \
             always asking for the first 10 elements with COUNT), you can consider it O(1). On the other side when \
             XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N clients blocked on the stream \
             getting new data.",
            "<GROUP group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] \
             <STREAMS key [key ...] id [id ...]>",
            "Returns entries of streams that no other consumer of the group has got, or waits for the next one.",
        ),
];

/// The options before the streams.
#[derive(Default)]
struct Options<'a> {
    count: Option<usize>,
    /// Whether it waits, and until when.
    deadline_ms: Option<Option<u64>>,
    member: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// The index of the first key, and how many there are.
    first: usize,
    keys: usize,
}

impl<'a> Options<'a> {
    fn parse(call: &Call<'a, '_>, in_group: bool) -> Result<Self, CommandError> {
        const GROUP: CommandError = CommandError::fixed(
            "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        );
        const NO_ACK: CommandError = CommandError::fixed(
            "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        );
        const UNBALANCED: CommandError = CommandError::fixed(
            "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.",
        );
        const UNBALANCED_GROUP: CommandError = CommandError::fixed(
            "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.",
        );
        const NO_GROUP: CommandError = CommandError::fixed("ERR Missing GROUP option for XREADGROUP");
        let arguments = &call.arguments;
        let (mut options, mut place) = (Self::default(), 1);
        while let Some(word) = arguments.get(place) {
            let value = arguments.get(place + 1);
            match value {
                Some(value) if is_word(word, "BLOCK") => {
                    options.deadline_ms = Some(deadline_of_milliseconds(value, call.clock_ms())?);
                    place += 2;
                }
                Some(value) if is_word(word, "COUNT") => {
                    let count = parse_integer(value)?;
                    options.count = usize::try_from(count).ok().filter(|count| *count > 0);
                    place += 2;
                }
                Some(_) if is_word(word, "STREAMS") => {
                    options.first = place + 1;
                    options.keys = (arguments.len() - options.first) / 2;
                    if !(arguments.len() - options.first).is_multiple_of(2) {
                        return Err(if in_group { UNBALANCED_GROUP } else { UNBALANCED });
                    }
                    break;
                }
                Some(group) if is_word(word, "GROUP") && place + 2 < arguments.len() => {
                    if !in_group {
                        return Err(GROUP);
                    }
                    options.member = Some((group, arguments.at(place + 2)));
                    place += 3;
                }
                _ if is_word(word, "NOACK") => {
                    if !in_group {
                        return Err(NO_ACK);
                    }
                    options.no_ack = true;
                    place += 1;
                }
                _ => return Err(CommandError::SYNTAX),
            }
        }
        if options.first == 0 {
            return Err(CommandError::SYNTAX);
        }
        if in_group && options.member.is_none() {
            return Err(NO_GROUP);
        }
        Ok(options)
    }

    /// The first and last place of the keys among the arguments.
    fn places(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.keys
    }
}

fn xread(call: &mut Call<'_, '_>) -> Outcome {
    read(call, false)
}

fn xreadgroup(call: &mut Call<'_, '_>) -> Outcome {
    read(call, true)
}

fn read(call: &mut Call<'_, '_>, in_group: bool) -> Outcome {
    let options = Options::parse(call, in_group)?;
    let keys: Vec<Key<'_>> = options.places().map(|place| call.key(place)).collect();
    let mut streams = Vec::with_capacity(keys.len());
    for (key, place) in keys.iter().zip(options.first + options.keys..) {
        let id = call.arguments.at(place);
        let from = match options.member {
            Some((group, _)) => from_in_group(call, key, group, id)?,
            None => from_id(call, key, id)?,
        };
        streams.push((key.bytes.into(), from));
    }
    let member = options.member.map(|(group, consumer)| Member {
        group: group.into(),
        consumer: consumer.into(),
        acknowledges: options.no_ack,
    });
    let reader = Reader { streams, count: options.count.unwrap_or(usize::MAX), member };
    if reader.take(call.keys, &keys, call.reply)? {
        return Ok(());
    }
    match options.deadline_ms {
        Some(deadline_ms) => wait(call, &keys, deadline_ms, reader),
        None => call.reply.null_array(),
    }
    Ok(())
}

/// What the id of a stream means to XREAD.
fn from_id(call: &mut Call<'_, '_>, key: &Key<'_>, id: &[u8]) -> Result<From, CommandError> {
    const ONLY_IN_GROUP: CommandError = CommandError::fixed(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
    let last_id = call.keys.seek_stream(key)?.map_or(StreamId::MIN, |stream| stream.last_id);
    Ok(From::Behind(match id {
        b"$" => last_id,
        b"+" => return Ok(From::Last),
        b">" => return Err(ONLY_IN_GROUP),
        id => entry_id(id)?,
    }))
}

/// What the id of a stream means to XREADGROUP.
fn from_in_group(
    call: &mut Call<'_, '_>,
    key: &Key<'_>,
    group: &[u8],
    id: &[u8],
) -> Result<From, CommandError> {
    let stream = call.keys.seek_stream(key)?;
    if !stream.is_some_and(|stream| stream.groups.contains_key(group)) {
        return Err(no_group_to_read(key.bytes, group));
    }
    match id {
        b">" => Ok(From::New),
        b"$" | b"+" => Err(CommandError::new(
            [
                b"ERR The ",
                id,
                b" ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                  consumer by specifying a proper ID, or use the > ID to get new messages. The ",
                id,
                b" ID would just return an empty result set.",
            ]
            .concat(),
        )),
        id => match entry_id(id)? {
            // The stock servers write > as this id.
            StreamId::MAX => Ok(From::New),
            id => Ok(From::History(id)),
        },
    }
}
