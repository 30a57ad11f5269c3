//! The elements of a list, a set or a sorted set in another order: SORT and SORT_RO.

mod options;
mod pattern;
mod weights;

use nuthatch_collections::chunked::End;
use nuthatch_collections::entry::RecordRef;
use nuthatch_collections::packed::Element;

use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::keyspace::Key;
use crate::keyspace::locked::Keys;
use crate::value::list::{ListRef, node_limit};
use crate::value::set::SetRef;
use crate::value::sorted_set::SortedSetRef;
use crate::value::{Kind, Type};
use options::{Options, reaches_other_keys, seek_destination};
use pattern::Patterns;

const SOURCE: KeySpec = KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS));
/// What BY and GET read: its keys are made from the elements.
const PATTERNS: KeySpec = KeySpec::sought(|_| None, KeyFlags::RO.union(KeyFlags::ACCESS));
const DESTINATION: KeySpec = KeySpec::sought(seek_destination, KeyFlags::OW.union(KeyFlags::UPDATE));
const COMPLEXITY: &str = "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number \
                          of returned elements. When the elements are not sorted, complexity is O(N).";

/// The categories of the types that can be sorted, and that of commands which may take long.
const CATEGORIES: Categories =
    Categories::SET.union(Categories::SORTEDSET).union(Categories::LIST).union(Categories::DANGEROUS);

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::write("SORT", -2, &[SOURCE, PATTERNS, DESTINATION], sort)
        .deny_oom()
        .reaches_all_if(reaches_other_keys)
        .instead_in(CATEGORIES)
        .docs(
            Group::Generic,
            "1.0.0",
            COMPLEXITY,
            "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern ...]] [ASC | DESC] [ALPHA] \
             [STORE destination]",
            "Returns or stores the elements of a list, a set or a sorted set in another order.",
        ),
    Command::read("SORT_RO", -2, &[SOURCE, PATTERNS], sort_only)
        .reaches_all_if(reaches_other_keys)
        .instead_in(CATEGORIES)
        .docs(
            Group::Generic,
            "7.0.0",
            COMPLEXITY,
            "key [BY by-pattern] [LIMIT offset count] [GET get-pattern [GET get-pattern ...]] [ASC | DESC] [ALPHA]",
            "Returns the elements of a list, a set or a sorted set in another order.",
        ),
];

fn sort(call: &mut Call<'_, '_>) -> Outcome {
    let options = Options::parse(&call.arguments, true)?;
    let Some(destination) = options.destination else { return reply_sorted(call, &options) };
    let (key, destination) = (call.key(1), call.key(destination));
    call.remove_expired_keys();
    call.keys.touch(&key);
    let elements = sorted(call.keys, &key, &options)?;
    let patterns = Patterns { keys: call.keys, database: key.database };
    let mut texts: Vec<Vec<u8>> = Vec::with_capacity(elements.len());
    patterns.visit(&elements, &options.get, |text| texts.push(text.unwrap_or_default().into_owned()));
    call.reply.integer(i64::try_from(texts.len()).unwrap_or(i64::MAX));
    if texts.is_empty() {
        call.keys.remove(&destination, "del");
        return Ok(());
    }
    let limit = node_limit(&call.engine.settings.encodings.list_size_max);
    call.keys.put_list(&destination, End::Back, texts.iter().map(Vec::as_slice), limit);
    // Elements of the same weight come in an order that may be chance, and what patterns lead to may expire.
    call.keys.note_whole(&destination, "sortstore");
    Ok(())
}

fn sort_only(call: &mut Call<'_, '_>) -> Outcome {
    let options = Options::parse(&call.arguments, false)?;
    reply_sorted(call, &options)
}

fn reply_sorted(call: &mut Call<'_, '_>, options: &Options<'_>) -> Outcome {
    let key = call.key(1);
    call.keys.touch(&key);
    let elements = sorted(call.keys, &key, options)?;
    let patterns = Patterns { keys: call.keys, database: key.database };
    call.reply.array(elements.len() * options.get.len().max(1));
    patterns.visit(&elements, &options.get, |text| match text {
        Some(text) => call.reply.bulk(&text),
        None => call.reply.null(),
    });
    Ok(())
}

/// The elements that the options ask for, in order. All that is looked at leaves no trace.
fn sorted<'k>(
    keys: &'k Keys<'_>,
    key: &Key<'_>,
    options: &Options<'_>,
) -> Result<Vec<Element<'k>>, CommandError> {
    let Some(record) = keys.peek(key) else { return Ok(Vec::new()) };
    let mut elements = elements_of(record)?;
    let is_set = Kind::of(record.kind()).value_type() == Type::Set;
    let patterns = Patterns { keys, database: key.database };
    if !options.keeps_order {
        let by = options.by.as_ref();
        elements = weights::sort(elements, by, options.by_text, options.descending, &patterns)?;
    } else if is_set && options.destination.is_some() {
        // The order of a set is chance, and what is stored must not depend on it.
        elements = weights::sort(elements, None, true, options.descending, &patterns)?;
    } else if options.descending && !is_set {
        elements.reverse();
    }
    let range = options.range(elements.len());
    elements.truncate(range.end);
    elements.drain(..range.start);
    Ok(elements)
}

/// The elements of a list, a set or a sorted set, in the order in which they are kept.
fn elements_of(record: RecordRef<'_>) -> Result<Vec<Element<'_>>, CommandError> {
    match Kind::of(record.kind()).value_type() {
        Type::List => Ok(ListRef::of(record).iter(0, End::Back).collect()),
        Type::SortedSet => {
            let set = SortedSetRef::of(record);
            Ok(set.into_iter().flat_map(|set| set.iter_all().map(|(member, _)| member)).collect())
        }
        Type::Set => Ok(SetRef::of(record).members().collect()),
        Type::String | Type::Hash | Type::Stream => Err(CommandError::WRONG_TYPE),
    }
}
