//! Searching around a place or a member, or within a polygon: GEOSEARCH and GEOSEARCHSTORE.

use std::borrow::Cow;
use std::cmp::Ordering;

use nuthatch_protocol::Reply;

use crate::call::Call;
use crate::command::{Command, Group, KeyFlags, KeySpec};
use crate::commands::elements::reply_element;
use crate::commands::sorted_sets::packed_limits;
use crate::commands::sorted_sets::storing::store;
use crate::error::Outcome;
use crate::value::sorted_set::{NewSortedSet, PackedLimits, SortedSetRef};

use super::options::{Grammar, Options};
use super::query::Found;
use super::{READ, Unit, reply_distance, reply_position};

const STORE: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
    KeySpec::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
];

/// The rows.
pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command::read("GEOSEARCH", -7, READ, geosearch).docs(
        Group::Geo,
        "6.2.0",
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the \
         shape provided as the filter and M is the number of items inside the shape",
        "key [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius <M | KM | FT | MI> | \
         BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude \
         [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
        "Finds the members that are within an area.",
    ),
    Command::write("GEOSEARCHSTORE", -8, STORE, geosearchstore).deny_oom().docs(
        Group::Geo,
        "6.2.0",
        "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the \
         shape provided as the filter and M is the number of items inside the shape",
        "destination source [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius \
         <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices longitude latitude \
         [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
        "Stores the members that are within an area.",
    ),
];

fn geosearch(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.key(1);
    let set = call.keys.read_sorted_set(&key)?;
    let mut options = Options::default();
    options.read(&call.arguments, 2, Grammar::Search, set)?;
    reply_found(call.reply, set, &options);
    Ok(())
}

fn geosearchstore(call: &mut Call<'_, '_>) -> Outcome {
    let (destination, source) = (call.key(1), call.key(2));
    let limits = packed_limits(call);
    call.remove_expired_keys();
    let set = call.keys.read_sorted_set(&source)?;
    let mut options = Options::default();
    options.read(&call.arguments, 3, Grammar::SearchStore, set)?;
    let found = found_set(set, &options, limits);
    store(call, &destination, Some(found), "geosearchstore");
    Ok(())
}

fn run<'a>(set: Option<SortedSetRef<'a>>, options: &Options) -> Vec<Found<'a>> {
    match (set, options.query()) {
        (Some(set), Some(query)) => query.run(set),
        _ => Vec::new(),
    }
}

/// Replies what a search finds.
pub(super) fn reply_found(reply: &mut Reply, set: Option<SortedSetRef<'_>>, options: &Options) {
    let found = run(set, options);
    let details = options.details;
    reply.array(found.len());
    for Found { member, score, position, distance, .. } in found {
        if details.count() > 0 {
            reply.array(1 + details.count());
        }
        reply_element(reply, member);
        if details.distance {
            reply_distance(reply, distance, options.unit());
        }
        if details.hash {
            reply.integer(score as i64);
        }
        if details.position {
            reply_position(reply, position);
        }
    }
}

/// What a search finds, with the scores that are to be stored.
pub(super) fn found_set(
    set: Option<SortedSetRef<'_>>,
    options: &Options,
    limits: PackedLimits,
) -> NewSortedSet {
    let Unit { meters } = options.unit();
    let mut members: Vec<(f64, Cow<'_, [u8]>)> = run(set, options)
        .into_iter()
        .map(|Found { member, score, distance, .. }| {
            let score = if options.stores_distances { distance / meters } else { score };
            (score, member.to_cow())
        })
        .collect();
    members.sort_unstable_by(|(score, member), (other_score, other)| {
        // Both zeros are the same score.
        score.partial_cmp(other_score).unwrap_or(Ordering::Equal).then_with(|| member.cmp(other))
    });
    NewSortedSet::from_sorted(members.iter().map(|(score, member)| (*score, &member[..])), limits)
}
