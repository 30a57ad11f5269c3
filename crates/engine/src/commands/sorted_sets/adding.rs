//! Adding members and changing scores: ZADD and ZINCRBY.

use nuthatch_protocol::number::parse_f64;

use super::packed_limits;
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};
use crate::value::sorted_set::NewSortedSet;

const ADD: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))];
const INCREMENT: &[KeySpec] =
    &[KeySpec::one(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))];

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("ZADD", -4, ADD, zadd).looks_for(3).fast().deny_oom().docs(
        Group::SortedSet,
        "1.2.0",
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
        "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
        "Adds members to a sorted set or changes their scores.",
    ),
    Command::write("ZINCRBY", 4, INCREMENT, zincrby).looks_for(3).fast().deny_oom().docs(
        Group::SortedSet,
        "1.2.0",
        "O(log(N)) where N is the number of elements in the sorted set.",
        "key increment member",
        "Adds a number to the score of a member, 0 if it is not there.",
    ),
];

/// Which members ZADD adds or changes, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::commands) struct Options {
    /// NX: none that is there.
    pub(in crate::commands) only_new: bool,
    /// XX: none that is not there.
    pub(in crate::commands) only_present: bool,
    /// GT: none to a score that is not greater.
    only_greater: bool,
    /// LT: none to a score that is not less.
    only_less: bool,
    /// CH: changed ones are counted, too.
    pub(in crate::commands) count_changed: bool,
    /// INCR: the number is added to the score.
    increment: bool,
}

impl Options {
    /// Takes an option. Says whether it is one.
    fn accept(&mut self, word: &[u8]) -> bool {
        let option = match word.len() {
            2 if is_word(word, "NX") => &mut self.only_new,
            2 if is_word(word, "XX") => &mut self.only_present,
            2 if is_word(word, "GT") => &mut self.only_greater,
            2 if is_word(word, "LT") => &mut self.only_less,
            2 if is_word(word, "CH") => &mut self.count_changed,
            4 if is_word(word, "INCR") => &mut self.increment,
            _ => return false,
        };
        *option = true;
        true
    }

    /// Checks what goes together.
    fn check(self, pairs: usize) -> Outcome {
        const NX_XX: CommandError =
            CommandError::fixed("ERR XX and NX options at the same time are not compatible");
        const GT_LT_NX: CommandError =
            CommandError::fixed("ERR GT, LT, and/or NX options at the same time are not compatible");
        const ONE_PAIR: CommandError =
            CommandError::fixed("ERR INCR option supports a single increment-element pair");
        let comparisons = usize::from(self.only_greater) + usize::from(self.only_less);
        if self.only_new && self.only_present {
            Err(NX_XX)
        } else if comparisons + usize::from(self.only_new) > 1 {
            Err(GT_LT_NX)
        } else if self.increment && pairs > 1 {
            Err(ONE_PAIR)
        } else {
            Ok(())
        }
    }
}

/// What became of the members so far.
#[derive(Debug, Default)]
struct Effects {
    added: usize,
    changed: usize,
    /// The score of the last member, unless the options forbade the change.
    score: Option<f64>,
    not_a_number: bool,
}

impl Effects {
    /// The score that a member gets, if any.
    #[inline]
    fn decide(&mut self, options: Options, number: f64, before: Option<f64>) -> Option<f64> {
        self.score = None;
        let Some(before) = before else {
            if options.only_present {
                return None;
            }
            self.added += 1;
            self.score = Some(number);
            return self.score;
        };
        let score = if options.increment { before + number } else { number };
        if options.only_new {
            return None;
        }
        if score.is_nan() {
            self.not_a_number = true;
            return None;
        }
        if options.only_greater && score <= before || options.only_less && score >= before {
            return None;
        }
        self.score = Some(score);
        self.changed += usize::from(score != before);
        self.score
    }
}

fn zadd(call: &mut Call<'_, '_>) -> Outcome {
    let mut options = Options::default();
    let mut first = 2;
    while call.arguments.get(first).is_some_and(|word| options.accept(word)) {
        first += 1;
    }
    let rest = call.arguments.len() - first;
    if rest == 0 || rest % 2 == 1 {
        return Err(CommandError::SYNTAX);
    }
    options.check(rest / 2)?;
    add(call, options, first)
}

fn zincrby(call: &mut Call<'_, '_>) -> Outcome {
    add(call, Options { increment: true, ..Options::default() }, 2)
}

/// Adds or changes the members that are given in pairs with numbers from the argument `first` on.
fn add(call: &mut Call<'_, '_>, options: Options, first: usize) -> Outcome {
    let pairs = (call.arguments.len() - first) / 2;
    let number = |argument| parse_f64(argument).ok_or(CommandError::NOT_A_FLOAT);
    // The usual case of one pair needs no list.
    let first_number = number(call.arguments.at(first))?;
    let more_numbers: Vec<f64> =
        call.arguments.from(first + 2).step_by(2).map(number).collect::<Result<_, _>>()?;
    let numbers = std::iter::once(first_number).chain(more_numbers);
    let members = numbers.zip(call.arguments.from(first + 1).step_by(2));
    add_members(call, options, pairs, members)
}

/// Adds or changes `count` members of the first key's sorted set, given with their numbers. Replies what ZADD does.
pub(in crate::commands) fn add_members<'a>(
    call: &mut Call<'_, '_>,
    options: Options,
    count: usize,
    members: impl Iterator<Item = (f64, &'a [u8])>,
) -> Outcome {
    const NOT_A_NUMBER: CommandError = CommandError::fixed("ERR resulting score is not a number (NaN)");
    let (key, limits) = (call.key(1), packed_limits(call));
    let mut effects = Effects::default();
    if let Some(mut set) = call.keys.change_sorted_set(&key)? {
        set.expect_members(count, limits);
        for (number, member) in members {
            set.change(member, limits, |before| effects.decide(options, number, before));
        }
    } else if !options.only_present {
        let mut set = NewSortedSet::for_members(count, limits);
        for (number, member) in members {
            set.change(member, limits, |before| effects.decide(options, number, before));
        }
        if effects.added > 0 {
            call.keys.put_sorted_set(&key, set);
        }
    }
    if effects.added + effects.changed > 0 {
        let event = if options.increment { "zincr" } else { "zadd" };
        call.keys.note_parts(&key, event, effects.added + effects.changed);
    }
    if effects.not_a_number {
        return Err(NOT_A_NUMBER);
    }
    match (options.increment, effects.score) {
        (true, Some(score)) => call.reply.double(score),
        (true, None) => call.reply.null(),
        (false, _) => {
            let counted = effects.added + if options.count_changed { effects.changed } else { 0 };
            call.reply.integer(counted as i64);
        }
    }
    Ok(())
}
