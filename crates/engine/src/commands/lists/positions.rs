//! Finding elements by value.

use nuthatch_collections::chunked::End;
use nuthatch_collections::packed::Element;

use super::{parse_directed, parse_integer};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::error::{CommandError, Outcome};

/// The rows of this file.
pub(in crate::commands) const COMMANDS: &[Command] =
    &[Command::read("LPOS", -3, &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))], lpos).docs(
        Group::List,
        "6.0.6",
        "O(N) where N is the number of elements in the list, for the average case. When searching for elements near \
         the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant \
         time.",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        "Returns the indexes of the elements of a list that equal another.",
    )];

/// Which matches are asked for.
struct Options {
    /// From which end is searched.
    from: End,
    /// Matches to pass over.
    passed: usize,
    /// How many to return, in an array; if it is not said, one by itself.
    count: Option<usize>,
    /// How many elements to look at.
    looked_at_max: usize,
}

impl Options {
    fn parse<'a>(mut rest: impl Iterator<Item = &'a [u8]>) -> Result<Self, CommandError> {
        let mut options = Self { from: End::Front, passed: 0, count: None, looked_at_max: usize::MAX };
        while let Some(word) = rest.next() {
            let argument = rest.next();
            let argument = || argument.ok_or(CommandError::SYNTAX);
            if is_word(word, "RANK") {
                options.set_rank(parse_directed(argument()?)?)?;
            } else if is_word(word, "COUNT") {
                options.count = Some(parse_limit(argument()?, "ERR COUNT can't be negative")?);
            } else if is_word(word, "MAXLEN") {
                options.looked_at_max = parse_limit(argument()?, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::SYNTAX);
            }
        }
        Ok(options)
    }

    fn set_rank(&mut self, rank: i64) -> Outcome {
        self.from = if rank < 0 { End::Back } else { End::Front };
        let passed = rank.unsigned_abs().checked_sub(1).ok_or(CommandError::fixed(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
             start from the end of the list",
        ))?;
        self.passed = usize::try_from(passed).unwrap_or(usize::MAX);
        Ok(())
    }
}

/// A number of which 0 means that there is no limit.
fn parse_limit(argument: &[u8], error: &'static str) -> Result<usize, CommandError> {
    let number = parse_integer(argument).map_err(|_| CommandError::fixed(error))?;
    match usize::try_from(number) {
        Ok(0) => Ok(usize::MAX),
        Ok(limit) => Ok(limit),
        Err(_) => Err(CommandError::fixed(error)),
    }
}

fn lpos(call: &mut Call<'_, '_>) -> Outcome {
    let options = Options::parse(call.arguments.from(3))?;
    let wanted = Element::of(call.arguments.at(2));
    let key = call.key(1);
    let Some(list) = call.keys.read_list(&key)? else {
        match options.count {
            Some(_) => call.reply.array(0),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let len = list.len();
    let elements = match options.from {
        End::Front => list.iter(0, End::Back),
        End::Back => list.iter(len.saturating_sub(1), End::Front),
    };
    let mut matches = elements
        .take(options.looked_at_max)
        .enumerate()
        .filter(|(_, element)| *element == wanted)
        .skip(options.passed)
        .map(|(distance, _)| match options.from {
            End::Front => distance,
            End::Back => len - 1 - distance,
        });
    let Some(count) = options.count else {
        match matches.next() {
            Some(index) => call.reply.integer(index as i64),
            None => call.reply.null(),
        }
        return Ok(());
    };
    let header = call.reply.array_later();
    let mut found = 0;
    for index in matches.take(count) {
        call.reply.integer(index as i64);
        found += 1;
    }
    call.reply.set_array_len(header, found);
    Ok(())
}
