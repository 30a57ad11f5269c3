//! Adding places and moving them: GEOADD.

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::sorted_sets::adding::{Options, add_members};
use crate::error::{CommandError, Outcome};

use super::parse_position;

const ADD: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];

/// The row.
pub(in crate::commands) const COMMANDS: &[Command] =
    &[Command::write("GEOADD", -5, ADD, geoadd).deny_oom().docs(
        Group::Geo,
        "3.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
        "Adds places to a sorted set or moves them.",
    )];

fn geoadd(call: &mut Call<'_, '_>) -> Outcome {
    let mut options = Options::default();
    let mut first = 2;
    while call.arguments.get(first).is_some_and(|word| accept(&mut options, word)) {
        first += 1;
    }
    let rest = call.arguments.len() - first;
    if rest == 0 || !rest.is_multiple_of(3) || options.only_new && options.only_present {
        return Err(CommandError::SYNTAX);
    }
    let mut places = Vec::with_capacity(rest / 3);
    for index in (first..call.arguments.len()).step_by(3) {
        let position = parse_position(call.arguments.at(index), call.arguments.at(index + 1))?;
        places.push((position.score(), call.arguments.at(index + 2)));
    }
    add_members(call, options, places.len(), places.into_iter())
}

/// Takes one of the options of ZADD that make sense for places. Says whether it is one.
fn accept(options: &mut Options, word: &[u8]) -> bool {
    let option = match word {
        word if is_word(word, "NX") => &mut options.only_new,
        word if is_word(word, "XX") => &mut options.only_present,
        word if is_word(word, "CH") => &mut options.count_changed,
        _ => return false,
    };
    *option = true;
    true
}
