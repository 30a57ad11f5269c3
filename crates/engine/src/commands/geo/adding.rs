//! Adding places and moving them: GEOADD.

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::sorted_set::{NewSortedSet, PackedLimits};

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

/// Which places are added or moved, and how many are counted.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    /// NX: none that is there.
    only_new: bool,
    /// XX: none that is not there.
    only_present: bool,
    /// CH: moved ones are counted, too.
    count_moved: bool,
}

impl Options {
    /// Takes an option. Says whether it is one.
    fn accept(&mut self, word: &[u8]) -> bool {
        let option = match word {
            word if is_word(word, "NX") => &mut self.only_new,
            word if is_word(word, "XX") => &mut self.only_present,
            word if is_word(word, "CH") => &mut self.count_moved,
            _ => return false,
        };
        *option = true;
        true
    }
}

fn geoadd(call: &mut Call<'_>) -> Outcome {
    let mut options = Options::default();
    let mut first = 2;
    while call.arguments.get(first).is_some_and(|word| options.accept(word)) {
        first += 1;
    }
    let rest = call.arguments.len() - first;
    if rest == 0 || rest % 3 != 0 || options.only_new && options.only_present {
        return Err(CommandError::SYNTAX);
    }
    let mut places = Vec::with_capacity(rest / 3);
    for index in (first..call.arguments.len()).step_by(3) {
        let position = parse_position(call.arguments.at(index), call.arguments.at(index + 1))?;
        places.push((position.score(), call.arguments.at(index + 2)));
    }
    let (added, moved) = add(call, options, &places)?;
    call.reply.integer((added + if options.count_moved { moved } else { 0 }) as i64);
    Ok(())
}

/// Adds members with these scores or changes the scores. Says how many were added, and how many changed.
fn add(
    call: &mut Call<'_>,
    options: Options,
    members: &[(f64, &[u8])],
) -> Result<(usize, usize), CommandError> {
    let (key, limits) = (call.key(1), PackedLimits::of(&call.engine.settings.encodings));
    let (mut added, mut changed) = (0, 0);
    let mut decide = |score: f64, before: Option<f64>| match before {
        Some(_) if options.only_new => None,
        Some(before) => {
            changed += usize::from(score != before);
            Some(score)
        }
        None if options.only_present => None,
        None => {
            added += 1;
            Some(score)
        }
    };
    if let Some(mut set) = call.keys.change_sorted_set(&key)? {
        set.expect_members(members.len(), limits);
        for (score, member) in members {
            set.change(member, limits, |before| decide(*score, before));
        }
    } else if !options.only_present {
        let mut set = NewSortedSet::for_members(members.len(), limits);
        for (score, member) in members {
            set.change(member, limits, |before| decide(*score, before));
        }
        call.keys.put_sorted_set(&key, set);
    }
    if added + changed > 0 {
        call.keys.note(&key, "zadd");
    }
    Ok((added, changed))
}
