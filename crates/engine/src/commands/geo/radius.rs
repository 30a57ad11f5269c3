//! Searching within a radius, as it was before there was GEOSEARCH: GEORADIUS and its variants.

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::sorted_sets::packed_limits;
use crate::commands::sorted_sets::storing::store;
use crate::error::Outcome;
use crate::value::Type;
use crate::value::sorted_set::SortedSetRef;

use super::options::{Center, Grammar, Options, parse_circle, position_of};
use super::searching::{found_set, reply_found};
use super::{READ, parse_position};

/// Where the options of GEORADIUS begin.
const RADIUS_OPTIONS: u16 = 6;
/// Where the options of GEORADIUSBYMEMBER begin.
const MEMBER_OPTIONS: u16 = 5;

const STORED: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);
const RADIUS: &[KeySpec] = &[
    READ[0],
    KeySpec::behind("STORE", RADIUS_OPTIONS, STORED),
    KeySpec::behind("STOREDIST", RADIUS_OPTIONS, STORED),
];
const BY_MEMBER: &[KeySpec] = &[
    READ[0],
    KeySpec::behind("STORE", MEMBER_OPTIONS, STORED),
    KeySpec::behind("STOREDIST", MEMBER_OPTIONS, STORED),
];

const COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by \
     center and radius and M is the number of items inside the index.";

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::write("GEORADIUS", -6, RADIUS, georadius)
        .deny_oom()
        .docs(
            Group::Geo,
            "3.2.0",
            COMPLEXITY,
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
            "Finds or stores the members that are near to a place.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
    Command::write("GEORADIUSBYMEMBER", -5, BY_MEMBER, georadiusbymember)
        .deny_oom()
        .docs(
            Group::Geo,
            "3.2.0",
            COMPLEXITY,
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC] [STORE key | STOREDIST key]",
            "Finds or stores the members that are near to another.",
        )
        .deprecated(
            "6.2.0",
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
        ),
    Command::read("GEORADIUSBYMEMBER_RO", -5, READ, georadiusbymember_ro)
        .docs(
            Group::Geo,
            "3.2.10",
            COMPLEXITY,
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC]",
            "Finds the members that are near to another.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
    Command::read("GEORADIUS_RO", -6, READ, georadius_ro)
        .docs(
            Group::Geo,
            "3.2.10",
            COMPLEXITY,
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC]",
            "Finds the members that are near to a place.",
        )
        .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
];

fn georadius(call: &mut Call<'_, '_>) -> Outcome {
    call.remove_expired_keys();
    around_place(call, Grammar::Radius)
}

fn georadius_ro(call: &mut Call<'_, '_>) -> Outcome {
    around_place(call, Grammar::RadiusReadOnly)
}

fn georadiusbymember(call: &mut Call<'_, '_>) -> Outcome {
    call.remove_expired_keys();
    around_member(call, Grammar::Radius)
}

fn georadiusbymember_ro(call: &mut Call<'_, '_>) -> Outcome {
    around_member(call, Grammar::RadiusReadOnly)
}

fn around_place(call: &mut Call<'_, '_>, grammar: Grammar) -> Outcome {
    let key = call.key(1);
    // The type is checked before anything else.
    call.keys.read_sorted_set(&key)?;
    let center = parse_position(call.arguments.at(2), call.arguments.at(3))?;
    let shape = parse_circle(call.arguments.skip(4))?;
    let options = Options::around(Center::Place(center), Some(shape));
    answer(call, options, RADIUS_OPTIONS, grammar)
}

fn around_member(call: &mut Call<'_, '_>, grammar: Grammar) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let center = position_of(call.arguments.at(2), set)?;
    // Without a sorted set nothing will be found, however far away.
    let shape = set.map(|_| parse_circle(call.arguments.skip(3))).transpose()?;
    let options = Options::around(Center::Member(center), shape);
    answer(call, options, MEMBER_OPTIONS, grammar)
}

/// Searches in the sorted set that was looked up, as the options say.
fn answer(call: &mut Call<'_, '_>, mut options: Options, first_option: u16, grammar: Grammar) -> Outcome {
    let limits = packed_limits(call);
    let key = call.key(1);
    let set = call.keys.peek_as(&key, Type::SortedSet)?.and_then(SortedSetRef::of);
    options.read(&call.arguments, usize::from(first_option), grammar, set)?;
    match options.destination {
        None => reply_found(call.reply, set, &options),
        Some(index) => {
            let found = found_set(set, &options, limits);
            let destination = call.key(index);
            store(call, &destination, Some(found), "georadiusstore");
        }
    }
    Ok(())
}
