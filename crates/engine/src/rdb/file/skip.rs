//! Where a value ends, told by its structure: nothing is decoded.

use crate::rdb::reader::Reader;
use crate::rdb::{Malformed, encoding};

/// Whether there are values in this encoding.
pub(super) fn is_known(encoding: u8) -> bool {
    matches!(
        encoding,
        encoding::STRING..=encoding::SORTED_SET
            | encoding::HASH_ZIPMAP..=encoding::HASH_EXPIRATIONS
            | encoding::HASH_DEADLINES
            | encoding::HASH_LISTPACK_DEADLINES
    )
}

/// Goes past a value in a known encoding.
pub(super) fn skip_value(reader: &mut Reader<'_>, encoding: u8) -> Result<(), Malformed> {
    match encoding {
        encoding::LIST | encoding::SET | encoding::LIST_ZIPLISTS => repeat(reader, Reader::skip_string),
        encoding::HASH => repeat(reader, |reader| {
            reader.skip_string()?;
            reader.skip_string()
        }),
        encoding::SORTED_SET_TEXTS => repeat(reader, |reader| {
            reader.skip_string()?;
            reader.score_text().map(drop)
        }),
        encoding::SORTED_SET => repeat(reader, |reader| {
            reader.skip_string()?;
            reader.take(8).map(drop)
        }),
        encoding::LIST_NODES => repeat(reader, |reader| {
            reader.length()?;
            reader.skip_string()
        }),
        encoding::HASH_EXPIRATIONS => repeat(reader, |reader| {
            reader.skip_string()?;
            reader.skip_string()?;
            reader.take(8).map(drop)
        }),
        encoding::HASH_DEADLINES => {
            reader.take(8)?;
            repeat(reader, |reader| {
                reader.length()?;
                reader.skip_string()?;
                reader.skip_string()
            })
        }
        encoding::HASH_LISTPACK_DEADLINES => {
            reader.take(8)?;
            reader.skip_string()
        }
        encoding::STREAM | encoding::STREAM_PAST | encoding::STREAM_ACTIVE_TIMES => {
            skip_stream(reader, encoding)
        }
        _ => reader.skip_string(),
    }
}

/// A count, and as many of what `skip` goes past.
fn repeat<'a>(
    reader: &mut Reader<'a>,
    mut skip: impl FnMut(&mut Reader<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for _ in 0..reader.length()? {
        skip(reader)?;
    }
    Ok(())
}

fn skip_stream(reader: &mut Reader<'_>, encoding: u8) -> Result<(), Malformed> {
    const ID_LEN: usize = 16;
    const TIME_LEN: usize = 8;
    let knows_past = encoding != encoding::STREAM;
    let times = if encoding == encoding::STREAM_ACTIVE_TIMES { 2 } else { 1 };
    let lengths =
        |reader: &mut Reader<'_>, count: usize| (0..count).try_for_each(|_| reader.length().map(drop));
    repeat(reader, |reader| {
        reader.skip_string()?;
        reader.skip_string()
    })?;
    // How many entries there are, and the last id; then the first one, that of the last deletion, and a count.
    lengths(reader, if knows_past { 8 } else { 3 })?;
    repeat(reader, |group| {
        group.skip_string()?;
        lengths(group, if knows_past { 3 } else { 2 })?;
        repeat(group, |pending| {
            pending.take(ID_LEN + TIME_LEN)?;
            pending.length().map(drop)
        })?;
        repeat(group, |consumer| {
            consumer.skip_string()?;
            consumer.take(times * TIME_LEN)?;
            repeat(consumer, |pending| pending.take(ID_LEN).map(drop))
        })
    })
}
