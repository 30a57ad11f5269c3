//! HyperLogLog: estimates of how many different elements were added, kept in strings.

mod debug;

use std::borrow::Cow;

use crate::call::Call;
use crate::command::{Command, Flags, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::keyspace::strings::NewDeadline;
use crate::value::hyperloglog::{
    self, CARDINALITY_AT, Corrupted, Encoding, HEADER_BYTES, Merged, Observation, STALE_AT, Sketch, dense,
};
use crate::value::limits::limit;
use crate::value::string::StringRef;

const UPDATE: KeyFlags = KeyFlags::RW.union(KeyFlags::INSERT);

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("PFADD", -2, &[KeySpec::one(1, UPDATE)], pfadd).fast().deny_oom().docs(
        Group::HyperLogLog,
        "2.8.9",
        "O(1) to add every element.",
        "key [element [element ...]]",
        "Adds elements to a HyperLogLog, which is created if there is none.",
    ),
    Command::read("PFCOUNT", -2, &[KeySpec::rest(1, 1, KeyFlags::RW.union(KeyFlags::ACCESS))], pfcount)
        .with(Flags::MAY_REPLICATE)
        .docs(
            Group::HyperLogLog,
            "2.8.9",
            "O(1) with a very small average constant time when called with a single key. O(N) with N being \
             the number of keys, and much bigger constant times, when called with multiple keys.",
            "key [key ...]",
            "Estimates how many different elements were added to HyperLogLogs together.",
        ),
    Command::write("PFDEBUG", 3, &[KeySpec::one(2, KeyFlags::RW.union(KeyFlags::ACCESS))], debug::pfdebug)
        .deny_oom()
        .with(Flags::ADMIN)
        .docs(
            Group::HyperLogLog,
            "2.8.9",
            "N/A",
            "subcommand key",
            "Looks into a HyperLogLog, to test the server.",
        ),
    Command::write(
        "PFMERGE",
        -2,
        &[
            KeySpec::one(1, UPDATE.union(KeyFlags::ACCESS)),
            KeySpec::rest(2, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ],
        pfmerge,
    )
    .deny_oom()
    .docs(
        Group::HyperLogLog,
        "2.8.9",
        "O(N) to merge N HyperLogLogs, but with high constant times.",
        "destkey [sourcekey [sourcekey ...]]",
        "Merges HyperLogLogs into one.",
    ),
    Command::other("PFSELFTEST", 1, debug::pfselftest)
        .without(Flags::LOADING.union(Flags::STALE))
        .with(Flags::ADMIN)
        .docs(Group::HyperLogLog, "2.8.9", "N/A", "", "Tests the server's HyperLogLogs."),
];

/// The event of whatever changes a HyperLogLog for clients.
const CHANGED: &str = "pfadd";

/// The event of what changes only how a HyperLogLog is kept: none.
const KEPT_OTHERWISE: &str = "";

impl From<Corrupted> for CommandError {
    fn from(_: Corrupted) -> Self {
        Self::fixed("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// The HyperLogLog in a string.
fn sketch(text: &[u8]) -> Result<Sketch<'_>, CommandError> {
    const NOT_ONE: CommandError =
        CommandError::fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
    Sketch::of(text).ok_or(NOT_ONE)
}

/// How the HyperLogLog at a key is encoded; nothing if there is no such key.
fn encoding(keys: &Keys<'_>, key: &Key<'_>) -> Result<Option<Encoding>, CommandError> {
    let Some(text) = keys.peek_string(key)? else { return Ok(None) };
    Ok(Some(sketch(&text.bytes())?.encoding()))
}

fn pfadd(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let changed = match encoding(call.keys, &key)? {
        Some(Encoding::Dense) => add_to_dense(call, &key)?,
        Some(Encoding::Sparse) => add_to_sparse(call, &key)?,
        None => {
            let mut value = Cow::Owned(hyperloglog::empty());
            add_elements(call, &mut value)?;
            hyperloglog::mark_stale(value.to_mut());
            call.keys.set_raw_string(&key, value.into_owned(), NewDeadline::Clear, CHANGED);
            true
        }
    };
    call.reply.integer(i64::from(changed));
    Ok(())
}

/// Adds the arguments to a value. Says whether that changed it.
fn add_elements(call: &Call<'_, '_>, value: &mut Cow<'_, [u8]>) -> Result<bool, Corrupted> {
    let sparse_bytes_max = limit(&call.engine.settings.encodings.hyperloglog_sparse_bytes_max);
    let mut changed = false;
    for element in call.arguments.from(2) {
        changed |= hyperloglog::observe(value, Observation::of(element), sparse_bytes_max)?;
    }
    Ok(changed)
}

fn add_to_sparse(call: &mut Call<'_, '_>, key: &Key<'_>) -> Result<bool, CommandError> {
    let text = call.keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
    let mut value = Cow::Borrowed(&*text);
    let outcome = add_elements(call, &mut value);
    let Cow::Owned(mut value) = value else {
        call.keys.make_raw(key);
        return Ok(outcome?);
    };
    hyperloglog::mark_stale(&mut value);
    let rewrite = Rewrite::between(&text, value);
    // Elements before one that met a corrupted part have been added, but nobody is told.
    rewrite.apply(call.keys, key, if outcome.is_ok() { CHANGED } else { KEPT_OTHERWISE });
    Ok(outcome?)
}

/// Changes registers where they are, instead of copying all of them.
fn add_to_dense(call: &mut Call<'_, '_>, key: &Key<'_>) -> Result<bool, CommandError> {
    let mut changed = false;
    for element in call.arguments.from(2) {
        let text = call.keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
        let patch = dense::raise(sketch(&text)?.body(), Observation::of(element));
        if let Some(patch) = patch {
            call.keys.splice(key, HEADER_BYTES + patch.offset, patch.bytes(), KEPT_OTHERWISE);
            changed = true;
        }
    }
    if changed {
        note_change(call.keys, key)?;
    } else {
        call.keys.make_raw(key);
    }
    Ok(changed)
}

/// Says in a value's header that its cached cardinality is stale, and tells of the change.
fn note_change(keys: &mut Keys<'_>, key: &Key<'_>) -> Outcome {
    let text = keys.peek_string(key)?.map(StringRef::bytes).unwrap_or_default();
    let mut header: [u8; HEADER_BYTES] = *text.first_chunk().ok_or(Corrupted)?;
    hyperloglog::mark_stale(&mut header);
    keys.splice(key, STALE_AT, &header[STALE_AT..], CHANGED);
    Ok(())
}

/// A value that was computed from the one that the key holds.
struct Rewrite {
    value: Vec<u8>,
    /// Where the two begin to differ.
    differs_from: usize,
    /// Whether it is shorter.
    shorter: bool,
}

impl Rewrite {
    fn between(before: &[u8], value: Vec<u8>) -> Self {
        let common = before.iter().zip(&value).take_while(|(before, after)| before == after).count();
        // The byte that says that something has changed is written in any case: the change must be told of.
        Self { differs_from: common.min(STALE_AT), shorter: value.len() < before.len(), value }
    }

    fn apply(self, keys: &mut Keys<'_>, key: &Key<'_>, event: &'static str) {
        if self.shorter {
            keys.set_raw_string(key, self.value, NewDeadline::Keep, event);
        } else {
            keys.splice(key, self.differs_from, &self.value[self.differs_from..], event);
        }
    }
}

fn pfcount(call: &mut Call<'_, '_>) -> Outcome {
    let cardinality = if call.arguments.len() == 2 { count_one(call)? } else { count_several(call)? };
    // What does not fit is no cardinality; clients see it as stock servers print it.
    call.reply.integer(cardinality as i64);
    Ok(())
}

/// The cardinality of one value, which is kept in it.
fn count_one(call: &mut Call<'_, '_>) -> Result<u64, CommandError> {
    let key = call.key(1);
    let Some(text) = call.keys.read_string(&key)? else { return Ok(0) };
    let text = text.bytes();
    let sketch = sketch(&text)?;
    let (cached, estimated) = match sketch.cached_cardinality() {
        Some(cardinality) => (true, Ok(cardinality)),
        None => (false, sketch.cardinality()),
    };
    match estimated {
        Ok(cardinality) if !cached => {
            call.keys.splice(&key, CARDINALITY_AT, &cardinality.to_le_bytes(), KEPT_OTHERWISE);
        }
        _ => call.keys.make_raw(&key),
    }
    Ok(estimated?)
}

fn count_several(call: &mut Call<'_, '_>) -> Result<u64, CommandError> {
    let mut merged = Merged::default();
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        if let Some(text) = call.keys.read_string(&key)? {
            merged.add(sketch(&text.bytes())?)?;
        }
    }
    Ok(merged.cardinality())
}

fn pfmerge(call: &mut Call<'_, '_>) -> Outcome {
    call.remove_expired_keys();
    let mut merged = Merged::default();
    let mut dense = false;
    for index in 1..call.arguments.len() {
        let key = call.key(index);
        if let Some(text) = call.keys.read_string(&key)? {
            let text = text.bytes();
            let sketch = sketch(&text)?;
            dense |= sketch.encoding() == Encoding::Dense;
            merged.add(sketch)?;
        }
    }
    let destination = call.key(1);
    let before = call.keys.peek_string(&destination)?.map(StringRef::bytes);
    let created = before.is_none();
    let before = before.unwrap_or_else(|| Cow::Owned(hyperloglog::empty()));
    let mut value = if dense {
        hyperloglog::with_dense_body(&before[..HEADER_BYTES], &merged)
    } else {
        let sparse_bytes_max = limit(&call.engine.settings.encodings.hyperloglog_sparse_bytes_max);
        let mut value = Cow::Borrowed(&*before);
        hyperloglog::merge(&mut value, &merged, sparse_bytes_max)?;
        value.into_owned()
    };
    hyperloglog::mark_stale(&mut value);
    if created {
        call.keys.set_raw_string(&destination, value, NewDeadline::Clear, CHANGED);
    } else {
        Rewrite::between(&before, value).apply(call.keys, &destination, CHANGED);
    }
    call.reply.ok();
    Ok(())
}
