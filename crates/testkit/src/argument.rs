//! The kinds of arguments that commands take, and values for them: usual ones that make keys
//! collide and have state, and hostile ones that a careless server gets wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::conversation::SPEAKERS;
use crate::samples::{
    CHANNEL_PATTERNS, CHANNELS, COMMANDS, EVENT_CHANNELS, EVENT_CLASSES, FLOATS, HOSTILE_FLOATS,
    HOSTILE_NUMBERS, KEYS, LENGTHS, MEMBERS, MISS_CLASSES, NUMBERS, OTHER_PREFIXES, PATTERNS, PREFIXES,
    SCORES, SORT_PATTERNS, TYPES, WORDS,
};
use crate::{documents, geo, hyperloglog, lua, packing, streams};

/// The state from which requests are generated.
#[derive(Debug)]
pub struct World {
    /// All random choices come from here.
    pub random: Pcg64,
    /// Values are not longer than this.
    pub value_bytes_max: usize,
    /// When the run began: absolute deadlines are relative to it.
    began: i64,
    deadlines: i64,
    /// How many ids of streams' entries were made up.
    entries: u64,
}

impl World {
    /// A world whose choices follow from `seed` alone, but for absolute deadlines, which follow the clock.
    pub fn new(seed: u64) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            random: Pcg64::seed_from_u64(seed),
            value_bytes_max: 300,
            began: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
            deadlines: 0,
            entries: 0,
        }
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.random).expect("there are choices")
    }

    /// Seconds until a deadline, another at each call and a thousand seconds apart: two deadlines
    /// must not be so close that which one is later depends on the moment of execution.
    fn seconds_to_deadline(&mut self) -> i64 {
        self.deadlines = (self.deadlines + 7919) % 1_000_003;
        1000 * (self.deadlines + 1)
    }

    /// A moment that never comes within minutes of a relative deadline.
    fn deadline(&mut self) -> i64 {
        // Few, so that a key is often given the very deadline that it has.
        let later = self.random.random_range(1..=20);
        self.began + 1000 * later + 500
    }

    /// Whether a command with this deadline would expire its key while the run goes on, so that
    /// two servers could rightly disagree.
    pub(crate) fn is_near(&self, deadline: i64) -> bool {
        deadline.abs_diff(self.began) < 450
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal $meaning:literal),* $(,)?) => {
        /// What an argument of a command means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $(#[doc = $meaning] $kind),* }

        impl Kind {
            /// The kind that a line of syntax calls `name`.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    Key "key" "The name of a key, one of a few.",
    Value "value" "Any string.",
    Integer "integer" "A signed number of 64 bits.",
    Float "float" "A number with a fraction.",
    Index "index" "A position in a string, from the end when negative.",
    Offset "offset" "An offset in bytes or bits that a write may extend a string to.",
    Bit "bit" "0 or 1.",
    BitfieldType "bitfield-type" "Such as `i16` or `u63`.",
    BitfieldOffset "bitfield-offset" "Bits, or with `#` a multiple of the type's width.",
    Count "count" "A small positive number.",
    Seconds "seconds" "From now to a deadline.",
    Milliseconds "milliseconds" "From now to a deadline.",
    UnixSeconds "unix-seconds" "A deadline.",
    UnixMilliseconds "unix-milliseconds" "A deadline.",
    Database "database" "The number of a database.",
    Pattern "pattern" "A glob pattern.",
    Type "type" "The name of a type of values.",
    Word "word" "A short name without blanks.",
    Command "command" "The name of a command.",
    Member "member" "A member of a collection, one of a few.",
    Score "score" "The score of a member.",
    ScoreBound "score-bound" "The bound of a range of scores.",
    MemberBound "member-bound" "The bound of a range of members.",
    Longitude "longitude" "Degrees east.",
    Latitude "latitude" "Degrees north.",
    NearLongitude "near-longitude" "Degrees east, in a region where places share meridians.",
    NearLatitude "near-latitude" "Degrees north, in a region where places share parallels.",
    Distance "distance" "A length that is not negative, in any unit.",
    Unit "unit" "A unit of length.",
    Element "element" "One of a few strings, or one that has not been used before.",
    SortPattern "sort-pattern" "Keys, or fields of hashes, in whose names a star stands for an element.",
    HyperLogLog "hyperloglog" "The string that a HyperLogLog is kept in.",
    NewId "new-id" "The id of an entry that is added to a stream, mostly greater than all before.",
    Id "id" "The id of an entry of a stream, mostly one that was given lately.",
    IdBound "id-bound" "The bound of a range of ids.",
    Group "group" "The name of a group of consumers, one of a few.",
    Consumer "consumer" "The name of a consumer, one of a few.",
    Channel "channel" "The name of a channel, one of a few.",
    ChannelPattern "channel-pattern" "A glob pattern for names of channels.",
    EventChannel "event-channel" "A glob pattern for the channels of notifications.",
    EventClasses "event-classes" "Letters of notify-keyspace-events.",
    MissClasses "miss-classes" "Letters of notify-keyspace-events, those for keys that are not there among them.",
    ComputingScript "computing-script" "A script that calls a function which computes.",
    Invalidations "invalidations" "The channel on which RESP2 clients hear of what is out of date.",
    Prefix "prefix" "What names of keys begin with.",
    OtherPrefix "other-prefix" "As a prefix, and no part of one.",
    Json "json" "A text of JSON, or nearly.",
    JsonScript "json-script" "A script for a text of JSON.",
    MessagePack "message-pack" "Values in MessagePack, or nearly.",
    MessagePackScript "message-pack-script" "A script for values in MessagePack.",
    LuaValue "lua-value" "An expression of Lua.",
    LuaValueScript "lua-value-script" "A script for an expression of Lua.",
    Script "script" "A script in Lua.",
    StoredScript "stored-script" "A script in Lua, one of a few.",
    WritingScript "writing-script" "A script that may need more memory.",
    ScriptName "script-name" "The name of one of a few scripts.",
    Connection "connection" "The number of one of the connections of a conversation.",
}

impl Kind {
    /// A value that the command accepts, or refuses for its state only.
    pub(crate) fn valid(self, world: &mut World) -> Vec<u8> {
        let number = |value: i64| value.to_string().into_bytes();
        match self {
            Self::Key => {
                // Half of all choices fall on the first few keys.
                let some = if world.random.random_bool(0.5) { &KEYS[..4] } else { KEYS };
                world.pick(some).to_vec()
            }
            Self::Value => value(world),
            Self::Integer => world.pick(NUMBERS).into(),
            Self::Float => world.pick(FLOATS).into(),
            Self::Index => number(world.random.random_range(-30..=30)),
            Self::Offset => {
                let max = world.pick(&[8, 64, 64, 512, 5000]);
                number(world.random.random_range(0..max))
            }
            Self::Bit => world.pick(&["0", "1"]).into(),
            Self::BitfieldType => {
                let width = world.pick(&[1, 2, 4, 5, 8, 12, 16, 31, 32, 33, 62, 63, 64]);
                let sign = if world.random.random_bool(0.5) && width < 64 { 'u' } else { 'i' };
                format!("{sign}{width}").into_bytes()
            }
            Self::BitfieldOffset => {
                let multiple = if world.random.random_bool(0.5) { "#" } else { "" };
                format!("{multiple}{}", world.random.random_range(0..=40)).into_bytes()
            }
            Self::Count => number(world.random.random_range(1..=12)),
            Self::Seconds if world.random.random_ratio(1, 10) => world.pick(&["0", "-1", "-1000"]).into(),
            Self::Seconds => number(world.seconds_to_deadline()),
            Self::Milliseconds if world.random.random_ratio(1, 10) => {
                world.pick(&["0", "-1", "-1000"]).into()
            }
            Self::Milliseconds => number(1000 * world.seconds_to_deadline()),
            Self::UnixSeconds if world.random.random_ratio(1, 6) => {
                world.pick(&["1", "0", "-1", "1700000000"]).into()
            }
            Self::UnixSeconds => number(world.deadline()),
            Self::UnixMilliseconds if world.random.random_ratio(1, 6) => {
                world.pick(&["1", "0", "-1", "1700000000000"]).into()
            }
            Self::UnixMilliseconds => {
                let deadline = 1000 * world.deadline();
                number(deadline + world.pick(&[0, 1, 250, 499, 500, 501, 999]))
            }
            Self::Database => world.pick(&["0", "1", "2", "3"]).into(),
            Self::Pattern => world.pick(PATTERNS).into(),
            Self::Type => world.pick(TYPES).into(),
            Self::Word => world.pick(WORDS).into(),
            Self::Command => world.pick(COMMANDS).into(),
            Self::Member => world.pick(MEMBERS).into(),
            Self::Score => world.pick(SCORES).into(),
            Self::ScoreBound => {
                let excluded = if world.random.random_bool(0.3) { "(" } else { "" };
                format!("{excluded}{}", world.pick(SCORES)).into_bytes()
            }
            Self::MemberBound if world.random.random_ratio(1, 4) => world.pick(&["-", "+"]).into(),
            Self::MemberBound => {
                let sign = world.pick(&["(", "["]);
                format!("{sign}{}", world.pick(MEMBERS)).into_bytes()
            }
            Self::Longitude => geo::longitude(&mut world.random),
            Self::Latitude => geo::latitude(&mut world.random),
            Self::NearLongitude => geo::near_longitude(&mut world.random),
            Self::NearLatitude => geo::near_latitude(&mut world.random),
            Self::Distance => geo::distance(&mut world.random),
            Self::Unit => world.pick(&["m", "km", "ft", "mi", "M", "KM"]).into(),
            Self::Element => {
                let max = world.pick(&[20, 1000, i64::MAX]);
                number(world.random.random_range(0..max))
            }
            Self::SortPattern => world.pick(SORT_PATTERNS).into(),
            Self::HyperLogLog => hyperloglog::value(&mut world.random),
            Self::NewId => streams::new_id(&mut world.random, &mut world.entries),
            Self::Id => streams::id(&mut world.random, world.entries),
            Self::IdBound => streams::bound(&mut world.random, world.entries),
            Self::Group => world.pick(&["g", "g", "h"]).into(),
            Self::Consumer => world.pick(&["one", "two", "three"]).into(),
            Self::Channel => world.pick(CHANNELS).into(),
            Self::ChannelPattern => world.pick(CHANNEL_PATTERNS).into(),
            Self::EventChannel => world.pick(EVENT_CHANNELS).into(),
            Self::EventClasses => world.pick(EVENT_CLASSES).into(),
            Self::MissClasses => world.pick(MISS_CLASSES).into(),
            Self::ComputingScript => packing::script(&mut world.random),
            Self::Invalidations => b"__redis__:invalidate".to_vec(),
            Self::Prefix => world.pick(PREFIXES).into(),
            Self::OtherPrefix => world.pick(OTHER_PREFIXES).into(),
            Self::Json => documents::json(&mut world.random),
            Self::JsonScript => documents::json_script(&mut world.random),
            Self::MessagePack => documents::message_pack(&mut world.random),
            Self::MessagePackScript => documents::message_pack_script(&mut world.random),
            Self::LuaValue => documents::lua_value(&mut world.random),
            Self::LuaValueScript => documents::lua_value_script(&mut world.random),
            Self::Script => lua::script(world),
            Self::StoredScript => world.pick(lua::STORED_SCRIPTS).0.into(),
            Self::WritingScript => lua::writing_script(world),
            Self::ScriptName => world.pick(lua::STORED_SCRIPTS).1.into(),
            Self::Connection => format!("@{}", world.random.random_range(0..SPEAKERS)).into_bytes(),
        }
    }

    /// A value that the command should refuse, or that is at the edge of what it accepts.
    pub(crate) fn hostile(self, world: &mut World) -> Vec<u8> {
        match self {
            Self::Float | Self::Score => world.pick(HOSTILE_FLOATS).into(),
            Self::ScoreBound => {
                let excluded = if world.random.random_bool(0.3) { "(" } else { "" };
                format!("{excluded}{}", world.pick(HOSTILE_FLOATS)).into_bytes()
            }
            Self::MemberBound => world.pick(&["", "a", "[", "(", "--", "-a", "+a", "{a", "inf", "0"]).into(),
            Self::BitfieldType => world
                .pick(&[
                    "",
                    "i0",
                    "u0",
                    "i65",
                    "u64",
                    "u65",
                    "i",
                    "u",
                    "8",
                    "I8",
                    "U8",
                    "i-1",
                    "i08",
                    "i8 ",
                    "x8",
                    "i99999999999999999999",
                ])
                .into(),
            Self::BitfieldOffset | Self::Offset => {
                // Nothing between what is small and what every server refuses: that would be stored.
                world
                    .pick(&[
                        "",
                        "-1",
                        "#-1",
                        "#",
                        "##1",
                        "abc",
                        "1.5",
                        " 1",
                        "4294967296",
                        "#4294967296",
                        "536870912000",
                        "9223372036854775807",
                        "#9223372036854775807",
                        "9223372036854775808",
                        "18446744073709551615",
                    ])
                    .into()
            }
            Self::Longitude | Self::Latitude | Self::NearLongitude | Self::NearLatitude | Self::Distance => {
                geo::hostile(&mut world.random)
            }
            Self::HyperLogLog => hyperloglog::mutated(&mut world.random),
            Self::NewId | Self::Id | Self::IdBound => streams::hostile(&mut world.random),
            Self::Script => lua::broken_script(world),
            Self::Database => {
                world.pick(&["16", "-1", "", "abc", "1.0", "9223372036854775808", "2147483648", " 1"]).into()
            }
            Self::Key
            | Self::Value
            | Self::Word
            | Self::Pattern
            | Self::SortPattern
            | Self::Type
            | Self::Command
            | Self::Member
            | Self::Unit
            | Self::Channel
            | Self::ChannelPattern
            | Self::EventChannel
            | Self::EventClasses
            | Self::Prefix
            | Self::Element
            | Self::Group
            | Self::StoredScript
            | Self::ScriptName
            | Self::Consumer => world
                .pick(&[
                    &b""[..],
                    b"\0",
                    b"\xff\xfe",
                    b"\r\n",
                    b"a b",
                    b"%s%n",
                    b"\"'",
                    b"EX",
                    b"GET",
                    b"nosuch",
                ])
                .to_vec(),
            Self::Seconds | Self::Milliseconds => {
                // Two equal deadlines in relative time are equal or not by chance.
                let overflows = |number: &i64| *number > i64::MAX / 900;
                let harmless: Vec<&str> = HOSTILE_NUMBERS
                    .iter()
                    .copied()
                    .filter(|text| {
                        text.parse().is_ok_and(|number: i64| number <= 0 || overflows(&number))
                            || text.parse::<i64>().is_err()
                    })
                    .collect();
                world.pick(&harmless).into()
            }
            _ => world.pick(HOSTILE_NUMBERS).into(),
        }
    }
}

fn value(world: &mut World) -> Vec<u8> {
    match world.random.random_range(0..10) {
        0..3 => world.pick(NUMBERS).into(),
        3 => world.pick(HOSTILE_NUMBERS).into(),
        4 => world.pick(FLOATS).into(),
        5 => Vec::new(),
        6 => world
            .pick(&[&b"foobar"[..], b"hello world", b"\0\x01\xff", b"\xff\xff\xff", b"\r\n", b"ohmytext"])
            .to_vec(),
        _ => {
            let fitting = LENGTHS.partition_point(|length| *length <= world.value_bytes_max);
            let length = world.pick(&LENGTHS[..fitting]);
            // Few different letters, so that values have much in common.
            let alphabet: &[u8] = if world.random.random_bool(0.8) { b"abcd" } else { b"\0\xff\x80\x01 \n" };
            (0..length).map(|_| world.pick(alphabet)).collect()
        }
    }
}
