//! Where members are and how far apart: GEODIST, GEOHASH and GEOPOS.

use crate::call::Call;
use crate::command::{Command, Group};
use crate::error::{CommandError, Outcome};
use crate::value::geo::Position;

use super::{READ, Unit, reply_distance, reply_position};

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("GEODIST", -4, READ, geodist).docs(
        Group::Geo,
        "3.2.0",
        "O(1)",
        "key member1 member2 [M | KM | FT | MI]",
        "Returns how far apart two members are.",
    ),
    Command::read("GEOHASH", -2, READ, geohash).docs(
        Group::Geo,
        "3.2.0",
        "O(1) for each member requested.",
        "key [member [member ...]]",
        "Returns the geohashes of members.",
    ),
    Command::read("GEOPOS", -2, READ, geopos).docs(
        Group::Geo,
        "3.2.0",
        "O(1) for each member requested.",
        "key [member [member ...]]",
        "Returns the longitudes and latitudes of members.",
    ),
];

fn geodist(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let unit = match call.arguments.len() {
        4 => Unit::METER,
        5 => Unit::parse(call.arguments.at(4))?,
        _ => return Err(CommandError::SYNTAX),
    };
    let set = call.keys.read_sorted_set(&key)?;
    let place = |index| set?.score(call.arguments.at(index)).map(Position::of_score);
    match (place(2), place(3)) {
        (Some(first), Some(second)) => reply_distance(call.reply, first.distance(second), unit),
        _ => call.reply.null(),
    }
    Ok(())
}

fn geohash(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let members = call.arguments.from(2);
    call.reply.array(members.len());
    for member in members {
        match set.and_then(|set| set.score(member)) {
            Some(score) => call.reply.bulk(&Position::of_score(score).geohash()),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn geopos(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let members = call.arguments.from(2);
    call.reply.array(members.len());
    for member in members {
        match set.and_then(|set| set.score(member)) {
            Some(score) => reply_position(call.reply, Position::of_score(score)),
            None => call.reply.null_array(),
        }
    }
    Ok(())
}
