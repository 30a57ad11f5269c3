//! DEBUG POPULATE: many keys at once.

use std::sync::atomic::Ordering;

use nuthatch_protocol::number::parse_i64;

use crate::call::Call;
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::strings::NewDeadline;

pub(super) fn populate(call: &mut Call<'_, '_>) -> Outcome {
    let count = parse_size(call.arguments.at(2))?;
    let prefix = call.arguments.get(3).unwrap_or(b"key");
    let size = match call.arguments.get(4) {
        Some(size) => usize::try_from(parse_size(size)?).unwrap_or(usize::MAX),
        None => 0,
    };
    if size as u64 > call.engine.settings.string_bytes_max.load(Ordering::Relaxed) {
        return Err(CommandError::STRING_TOO_LONG);
    }
    let database = call.session.database;
    for number in 0..count {
        let name = [prefix, b":", number.to_string().as_bytes()].concat();
        let key = Key { bytes: &name, hash: call.engine.keyspace.hash(&name), database };
        if !call.keys.contains(&key) {
            let mut value = format!("value:{number}").into_bytes();
            if size > 0 {
                value.resize(size, 0);
            }
            call.keys.set_string(&key, &value, NewDeadline::Clear, "set");
        }
    }
    call.reply.ok();
    Ok(())
}

fn parse_size(argument: &[u8]) -> Result<u64, CommandError> {
    const NOT_POSITIVE: CommandError = CommandError::fixed("ERR value is out of range, must be positive");
    parse_i64(argument).and_then(|number| u64::try_from(number).ok()).ok_or(NOT_POSITIVE)
}
