//! DEBUG OBJECT: how a value is kept.

use nuthatch_collections::entry::RecordRef;

use crate::access::AccessPolicy;
use crate::call::Call;
use crate::commands::object::references;
use crate::error::{CommandError, Outcome};
use crate::value::Kind;
use crate::value::string::StringRef;

pub(super) fn object(call: &mut Call<'_>) -> Outcome {
    let key = call.key(2);
    let policy = call.engine.settings.access_policy(call.now_ms());
    let line =
        call.keys.peek(&key).map(|record| describe(record, policy)).ok_or(CommandError::NO_SUCH_KEY)?;
    call.reply.simple(&line);
    Ok(())
}

/// The line that tests of clients and servers take apart. It has an address for their sake only.
fn describe(record: RecordRef<'_>, policy: AccessPolicy) -> String {
    format!(
        "Value at:0x0 refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        references(record),
        Kind::of(record.kind()).encoding_name(),
        StringRef::of(record).map_or(0, serialized_len),
        record.access(),
        policy.idle_seconds(record.access()),
    )
}

/// The length of a string in an RDB file without compression.
fn serialized_len(string: StringRef<'_>) -> usize {
    /// Longer texts are not tried as numbers.
    const NUMBER_BYTES_MAX: usize = 11;
    let number = string.integer().filter(|_| string.len() <= NUMBER_BYTES_MAX);
    match number.and_then(|number| i32::try_from(number).ok()) {
        Some(number) if i8::try_from(number).is_ok() => 2,
        Some(number) if i16::try_from(number).is_ok() => 3,
        Some(_) => 5,
        None => {
            let prefix = match string.len() {
                0..64 => 1,
                64..16_384 => 2,
                _ => 5,
            };
            prefix + string.len()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialized_lengths_are_those_of_rdb_files() {
        let of_number = |number| serialized_len(StringRef::Integer(number));
        assert_eq!([0, -128, 127].map(of_number), [2; 3]);
        assert_eq!([128, -129, 32_767].map(of_number), [3; 3]);
        assert_eq!([32_768, i64::from(i32::MIN)].map(of_number), [5; 2]);
        assert_eq!(of_number(2_147_483_648), 11);
        let of_text = |len| serialized_len(StringRef::Bytes(&vec![b'x'; len]));
        assert_eq!([0, 63, 64, 16_383, 16_384].map(of_text), [1, 64, 66, 16_385, 16_389]);
        assert_eq!(serialized_len(StringRef::Bytes(b"12")), 2);
    }
}
