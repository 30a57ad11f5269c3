//! CLIENT KILL: by address, or by any combination of properties.

use nuthatch_protocol::number::parse_i64;

use crate::arguments::{Arguments, is_word};
use crate::call::Call;
use crate::clients::ClientRecord;
use crate::commands::connection::DEFAULT_USER;
use crate::error::{CommandError, Outcome};

use super::description::Kind;

/// Which connections to end: those that satisfy all that is given.
#[derive(Debug)]
struct Filter<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    kind: Option<Kind>,
    age_seconds_min: Option<u64>,
    spare_self: bool,
}

impl<'a> Filter<'a> {
    fn parse(arguments: &Arguments<'a>) -> Result<Self, CommandError> {
        let mut filter = Self {
            id: None,
            address: None,
            local_address: None,
            kind: None,
            age_seconds_min: None,
            spare_self: true,
        };
        let mut options = arguments.from(2);
        while let Some(option) = options.next() {
            let value = options.next().ok_or(CommandError::SYNTAX)?;
            filter.set(option, value)?;
        }
        Ok(filter)
    }

    fn set(&mut self, option: &[u8], value: &'a [u8]) -> Outcome {
        const INVALID_ID: CommandError = CommandError::fixed("ERR client-id should be greater than 0");
        const AGE_NOT_A_NUMBER: CommandError =
            CommandError::fixed("ERR maxage is not an integer or out of range");
        const AGE_NOT_POSITIVE: CommandError = CommandError::fixed("ERR maxage should be greater than 0");
        let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
        if is_word(option, "ID") {
            self.id = Some(parse_i64(value).and_then(positive).ok_or(INVALID_ID)?);
        } else if is_word(option, "MAXAGE") {
            let age = parse_i64(value).ok_or(AGE_NOT_A_NUMBER)?;
            self.age_seconds_min = Some(positive(age).ok_or(AGE_NOT_POSITIVE)?);
        } else if is_word(option, "TYPE") {
            self.kind = Some(Kind::parse(value)?);
        } else if is_word(option, "ADDR") {
            self.address = Some(value);
        } else if is_word(option, "LADDR") {
            self.local_address = Some(value);
        } else if is_word(option, "USER") {
            // Every connection is the default user's, so the name selects all or is wrong.
            if value != DEFAULT_USER {
                return Err(CommandError::repeating("ERR No such user '", value, "'"));
            }
        } else if is_word(option, "SKIPME") && is_word(value, "YES") {
            self.spare_self = true;
        } else if is_word(option, "SKIPME") && is_word(value, "NO") {
            self.spare_self = false;
        } else {
            return Err(CommandError::SYNTAX);
        }
        Ok(())
    }

    fn selects(&self, record: &ClientRecord, now_ms: u64) -> bool {
        let age_seconds = now_ms.saturating_sub(record.connected_ms) / 1000;
        self.id.is_none_or(|id| record.id == id)
            && self.address.is_none_or(|address| record.address.as_bytes() == address)
            && self.local_address.is_none_or(|address| record.local_address.as_bytes() == address)
            && self.kind.is_none_or(|kind| kind == Kind::of(record))
            && self.age_seconds_min.is_none_or(|age| age_seconds >= age)
    }
}

/// CLIENT KILL.
pub(super) fn kill(call: &mut Call<'_, '_>) -> Outcome {
    const NO_SUCH_CLIENT: CommandError = CommandError::fixed("ERR No such client");
    if call.arguments.len() == 3 {
        let address = Some(call.arguments.at(2));
        let filter = Filter {
            address,
            id: None,
            local_address: None,
            kind: None,
            age_seconds_min: None,
            spare_self: false,
        };
        if end_connections(call, &filter, 1) == 0 {
            return Err(NO_SUCH_CLIENT);
        }
        call.reply.ok();
        return Ok(());
    }
    let filter = Filter::parse(&call.arguments)?;
    let ended = end_connections(call, &filter, usize::MAX);
    call.reply.integer(i64::try_from(ended).unwrap_or(i64::MAX));
    Ok(())
}

/// Ends up to `count_max` connections that `filter` selects. Says how many it was.
fn end_connections(call: &mut Call<'_, '_>, filter: &Filter<'_>, count_max: usize) -> usize {
    let (own_id, now_ms) = (call.session.record.id, call.now_ms());
    let records = call.engine.clients.all();
    let selected = records
        .iter()
        .filter(|record| filter.selects(record, now_ms) && !(filter.spare_self && record.id == own_id));
    let mut ended = 0;
    for record in selected.take(count_max) {
        ended += 1;
        if record.id == own_id {
            // The reply to this very command is still sent.
            call.session.closing = true;
        } else {
            call.engine.clients.close(record);
        }
    }
    ended
}
