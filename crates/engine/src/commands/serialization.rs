//! Values as byte strings that other servers understand: DUMP and RESTORE.

use nuthatch_protocol::number::parse_i64;

use crate::access::LastUse;
use crate::arguments::is_word;
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::strings::NewDeadline;
use crate::rdb::{self, payload};
use crate::settings::Settings;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];
const OVERWRITE: &[KeySpec] = &[KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE))];

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::read("DUMP", 2, READ, dump)
        .docs(
            Group::Generic,
            "2.6.0",
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis \
             objects composing the value and M their average size. For small string values the time complexity \
             is thus O(1)+O(1*M) where M is small, so simply O(1).",
            "key",
            "Returns the value of a key as a byte string that RESTORE takes.",
        )
        .tips(&["nondeterministic_output"]),
    Command::write("RESTORE", -4, OVERWRITE, restore)
        .deny_oom()
        .also_in(Categories::DANGEROUS)
        .docs(
            Group::Generic,
            "2.6.0",
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N is \
             the number of Redis objects composing the value and M their average size. For small string values \
             the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted set \
             values the complexity is O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
            "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]",
            "Gives a key the value that DUMP returned, here or elsewhere.",
        ),
];

fn dump(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let now_ms = call.now_ms();
    match call.keys.read(&key).and_then(|record| rdb::save(record, now_ms)) {
        Some(value) => call.reply.bulk(&payload::seal(value)),
        None => call.reply.null(),
    }
    Ok(())
}

/// The options of RESTORE.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    last_use: Option<LastUse>,
}

impl Options {
    fn parse<'a>(mut rest: impl Iterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        const BAD_IDLE_TIME: CommandError = CommandError::fixed("ERR Invalid IDLETIME value, must be >= 0");
        const BAD_FREQUENCY: CommandError =
            CommandError::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255");
        let number = |text: Option<&[u8]>| {
            text.map_or(Err(CommandError::SYNTAX), |text| parse_i64(text).ok_or(CommandError::NOT_AN_INTEGER))
        };
        let mut options = Self::default();
        while let Some(word) = rest.next() {
            if is_word(word, "REPLACE") {
                options.replace = true;
            } else if is_word(word, "ABSTTL") {
                options.absolute = true;
            } else if is_word(word, "IDLETIME") && !matches!(options.last_use, Some(LastUse::Frequency(_))) {
                let seconds = number(rest.next())?.try_into().map_err(|_| BAD_IDLE_TIME)?;
                options.last_use = Some(LastUse::Idle(seconds));
            } else if is_word(word, "FREQ") && !matches!(options.last_use, Some(LastUse::Idle(_))) {
                let counter = number(rest.next())?.try_into().map_err(|_| BAD_FREQUENCY)?;
                options.last_use = Some(LastUse::Frequency(counter));
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn restore(call: &mut Call<'_, '_>) -> Outcome {
    const BUSY_KEY: CommandError = CommandError::fixed("BUSYKEY Target key name already exists.");
    const BAD_PAYLOAD: CommandError = CommandError::fixed("ERR DUMP payload version or checksum are wrong");
    const BAD_DATA: CommandError = CommandError::fixed("ERR Bad data format");
    let key = call.key(1);
    let Options { replace, absolute, last_use } = Options::parse(call.arguments.from(4))?;
    if !replace && call.keys.contains(&key) {
        return Err(BUSY_KEY);
    }
    let now_ms = call.now_ms();
    let deadline = deadline(call.arguments.at(2), absolute, now_ms)?;
    let serialized = payload::open(call.arguments.at(3)).ok_or(BAD_PAYLOAD)?;
    let Settings { string_bytes_max, encodings, .. } = &call.engine.settings;
    let string_bytes_max = string_bytes_max.load(std::sync::atomic::Ordering::Relaxed);
    let string_bytes_max = usize::try_from(string_bytes_max).unwrap_or(usize::MAX);
    let value = rdb::load(serialized, string_bytes_max).map_err(|_| BAD_DATA)?;
    let is_past = deadline.is_some_and(|deadline| deadline <= now_ms);
    match value.live_at(now_ms).filter(|_| !is_past) {
        None => {
            call.keys.remove(&key, "del");
        }
        Some(value) => {
            let new_deadline = deadline.map_or(NewDeadline::Clear, NewDeadline::At);
            if call.keys.contains(&key) {
                // It is removed first, so that the event is that of a new key, too.
                call.keys.notify(&key, "new");
            }
            rdb::build(value, encodings, |kind, payload| call.keys.put(&key, kind, payload, new_deadline));
            if let Some(last_use) = last_use {
                call.keys.set_last_use(&key, last_use);
            }
            // Without the fields of a hash that had expired.
            call.keys.note_whole(&key, "restore");
        }
    }
    call.reply.ok();
    Ok(())
}

/// The deadline that RESTORE's argument says, in milliseconds since 1970; none for 0.
fn deadline(time: &[u8], absolute: bool, now_ms: u64) -> Result<Option<u64>, CommandError> {
    const NEGATIVE: CommandError = CommandError::fixed("ERR Invalid TTL value, must be >= 0");
    let time = parse_i64(time).ok_or(CommandError::NOT_AN_INTEGER)?;
    let time = u64::try_from(time).map_err(|_| NEGATIVE)?;
    let from = if absolute { 0 } else { now_ms };
    Ok((time > 0).then(|| time.saturating_add(from).min(i64::MAX.unsigned_abs())))
}
