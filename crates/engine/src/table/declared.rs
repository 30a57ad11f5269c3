//! Which calls in scripts use declared keys only: the answer to what the proof asks of each, from the commands' rows.
//!
//! It follows what the dispatcher locks for such a call: see [`Registered::key_positions`].

use nuthatch_scripting::{CommandKeys, KnownArgument, KnownRequest, Rest};

use super::{CommandTable, Locks, Registered};
use crate::arguments::is_word;
use crate::command::{FindKeys, KeyFlags, KeySpec};

impl CommandKeys for CommandTable {
    fn are_declared(&self, request: &KnownRequest<'_>) -> bool {
        let [KnownArgument::Text(name), arguments @ ..] = &request.arguments[..] else { return false };
        // What is unknown is refused when it is called.
        let Some(command) = self.find(name) else { return true };
        let command = match (arguments.first(), request.rest) {
            _ if command.subcommands.is_empty() => command,
            (Some(KnownArgument::Text(name)), _) => match command.subcommand(name) {
                Some(subcommand) => subcommand,
                None => return true,
            },
            (None, Rest::None) => command,
            _ => return false,
        };
        match command.locks {
            Locks::None => true,
            Locks::One(index) => are_keys(request, usize::from(index), usize::from(index) + 1, 1),
            Locks::Several => names_keys_only(command, request),
            Locks::All | Locks::Visits | Locks::Depends(_) | Locks::Script => false,
        }
    }
}

/// Whether keys stand in every place where a command takes them.
fn names_keys_only(command: &Registered, request: &KnownRequest<'_>) -> bool {
    let mut specs = command.row.keys.iter().filter(|spec| !spec.flags.contains(KeyFlags::NOT_KEY));
    specs.all(|spec| are_found(spec, request))
}

/// Whether keys stand in every place that a specification finds, whatever the arguments are that are not known.
fn are_found(spec: &KeySpec, request: &KnownRequest<'_>) -> bool {
    let KnownRequest { arguments, rest } = request;
    let first = usize::from(spec.index);
    // Where the arguments end, if that is known.
    let count = (*rest == Rest::None).then_some(arguments.len());
    match spec.find {
        FindKeys::Range { last, step } => {
            let end = match (usize::try_from(last), count) {
                (Ok(last), _) => first + last + 1,
                (Err(_), Some(count)) => (count + 1).saturating_sub(usize::from(last.unsigned_abs())),
                (Err(_), None) => usize::MAX,
            };
            are_keys(request, first, end, usize::from(step))
        }
        FindKeys::Counted { step } => {
            let step = usize::from(step);
            let keys = match arguments.get(first) {
                Some(KnownArgument::Integer(number)) => usize::try_from(*number).ok(),
                Some(KnownArgument::Text(text)) => {
                    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
                }
                _ => None,
            };
            let end = keys.and_then(|keys| keys.checked_mul(step)?.checked_add(first + 1));
            are_keys(request, first + 1, end.unwrap_or(usize::MAX), step)
        }
        FindKeys::Behind { keyword } => {
            let places = first + 1..arguments.len();
            let mut suspects = places.filter(|place| may_be(&arguments[*place - 1], keyword));
            *rest != Rest::Unknown && suspects.all(|place| arguments[place] == KnownArgument::Key)
        }
        FindKeys::FirstHalfBehind { keyword } => {
            let place = (first..arguments.len()).find(|place| may_be(&arguments[*place], keyword));
            match place {
                Some(place) if matches!(arguments[place], KnownArgument::Text(_)) => {
                    let end = count.map(|count| place + 1 + (count - place - 1) / 2);
                    are_keys(request, place + 1, end.unwrap_or(usize::MAX), 1)
                }
                Some(_) => false,
                None => count.is_some(),
            }
        }
        FindKeys::Sought(_) => false,
    }
}

/// Whether every `step`-th argument from `first` up to `end` is a key, or is not there.
fn are_keys(request: &KnownRequest<'_>, first: usize, end: usize, step: usize) -> bool {
    let KnownRequest { arguments, rest } = request;
    let known = arguments.iter().take(end).skip(first).step_by(step.max(1));
    known.into_iter().all(|argument| *argument == KnownArgument::Key)
        && (end <= arguments.len() || first >= end || *rest != Rest::Unknown)
}

/// Whether an argument may be this word.
fn may_be(argument: &KnownArgument<'_>, word: &str) -> bool {
    match argument {
        KnownArgument::Text(text) => is_word(text, word),
        KnownArgument::Integer(_) => false,
        KnownArgument::Key | KnownArgument::Unknown => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of words: `$` is a key, `?` is unknown, a number is one, and `$*` or `?*` at the end is any number of such.
    fn are_declared(table: &CommandTable, call: &str) -> bool {
        let mut rest = Rest::None;
        let mut arguments = Vec::new();
        for word in call.split(' ') {
            match word {
                "$" => arguments.push(KnownArgument::Key),
                "?" => arguments.push(KnownArgument::Unknown),
                "$*" => rest = Rest::Keys,
                "?*" => rest = Rest::Unknown,
                word => arguments.push(match word.parse() {
                    Ok(number) => KnownArgument::Integer(number),
                    Err(_) => KnownArgument::Text(word.as_bytes()),
                }),
            }
        }
        table.are_declared(&KnownRequest { arguments, rest })
    }

    #[test]
    fn calls_with_keys_where_commands_take_them_use_declared_keys_only() {
        let table = CommandTable::new();
        for call in [
            "get $",
            "SET $ ?",
            "SET $ ?*",
            "GET $*",
            "PING",
            "ECHO ?",
            "PUBLISH ? ?",
            "SELECT ?",
            "DEL $ $ $",
            "DEL $*",
            "MGET $ $*",
            "MSET $ ? $ ?",
            "MSET $ ? $*",
            "RENAME $ $",
            "LMOVE $ $ ? ?",
            "LMOVE $ $ ?*",
            "BLPOP $ $ 0",
            "OBJECT ENCODING $",
            "XGROUP CREATE $ ? ?",
            "XADD $ * ? ?",
            "ZUNIONSTORE $ 2 $ $",
            "ZUNIONSTORE $ 2 $ $ WEIGHTS ? ?",
            "ZUNIONSTORE $ 2 $ $ ?*",
            "ZUNIONSTORE $ ? $*",
            "LMPOP 1 $ LEFT",
            "XREAD COUNT 10 STREAMS $ ?",
            "XREAD STREAMS $ $ ? ?",
            "XREADGROUP GROUP group consumer STREAMS $ >",
            "GEORADIUS $ 1 2 3 km",
            "GEORADIUS $ 1 2 3 km STORE $",
            "GEOSEARCHSTORE $ $ ?*",
            "BITOP AND $ $ $",
            "HSET $ ?*",
            "nonesuch ?",
            "OBJECT nonesuch ?",
        ] {
            assert!(are_declared(&table, call), "{call}");
        }
    }

    #[test]
    fn calls_that_may_name_other_keys_are_not_taken_for_harmless() {
        let table = CommandTable::new();
        for call in [
            "?",
            "$",
            "GET ?",
            "GET key",
            "GET ?*",
            "?*",
            "$*",
            "DEL $ ?",
            "DEL $ ?*",
            "MGET ? $*",
            "MSET $ ? ? ?",
            "MSET $ ? ?*",
            "RENAME $ ?",
            "RENAME $ ?*",
            "LMOVE $ ? ? ?",
            "BLPOP $ ? 0",
            "BLPOP $ ?*",
            "OBJECT ? $",
            "OBJECT ?*",
            "OBJECT $*",
            "OBJECT ENCODING ?",
            "ZUNIONSTORE ? 1 $",
            "ZUNIONSTORE $ 2 $ ?",
            "ZUNIONSTORE $ 2 $ ?*",
            "ZUNIONSTORE $ ? $ WEIGHTS ?",
            "ZUNIONSTORE $ ?*",
            "LMPOP ? $ LEFT",
            "XREAD COUNT ? STREAMS $ ?",
            "XREAD COUNT 10 STREAMS ? ?",
            "XREAD STREAMS $ ?*",
            "XREAD STREAMS $ ? ? ?",
            "XREAD $*",
            "GEORADIUS $ 1 2 3 km ? ?",
            "GEORADIUS $ 1 2 3 km STORE ?",
            "GEORADIUS $ 1 2 3 km ?*",
            "BITOP AND ? $ $",
            "SORT $ BY ?",
            "SORT $ STORE ?",
            "KEYS $",
            "SCAN 0",
            "FLUSHALL",
            "DBSIZE",
            "RANDOMKEY",
            "INFO",
            "SWAPDB 0 1",
            "EVAL ? 1 $",
            "FCALL ? 1 $",
        ] {
            assert!(!are_declared(&table, call), "{call}");
        }
    }
}
