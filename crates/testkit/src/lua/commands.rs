//! Commands that scripts call.

use std::sync::LazyLock;

use rand::seq::IndexedRandom;

use super::{Author, quoted};
use crate::syntax::Syntax;

/// Commands whose replies are the same on every server, of all types, and those that scripts may not call.
const SYNTAX: &[&str] = &[
    "GET key",
    "SET key value",
    "SET key value [NX|XX] [GET]",
    "APPEND key value",
    "STRLEN key",
    "INCR key",
    "INCRBY key integer",
    "INCRBYFLOAT key float",
    "GETRANGE key index index",
    "SETRANGE key count value",
    "MGET key key",
    "MSET key value key value",
    "DEL key...",
    "EXISTS key...",
    "TYPE key",
    "EXPIRE key seconds",
    "PERSIST key",
    "RENAME key key",
    "COPY key key [REPLACE]",
    "LPUSH key member...",
    "RPUSH key member...",
    "LRANGE key 0 -1",
    "LPOP key [count]",
    "RPOP key",
    "LLEN key",
    "LINDEX key index",
    "LMPOP 2 key key (LEFT|RIGHT) [COUNT count]",
    "BLPOP key key 0",
    "BRPOPLPUSH key key 0",
    "HSET key (member value)...",
    "HGET key member",
    "HMGET key member member",
    "HDEL key member",
    "HLEN key",
    "HINCRBY key member integer",
    "SADD key member",
    "SISMEMBER key member",
    "SMISMEMBER key member member",
    "SCARD key",
    "ZADD key [NX|XX] [CH] score member",
    "ZADD key INCR score member",
    "ZSCORE key member",
    "ZMSCORE key member member",
    "ZRANGE key 0 -1 [WITHSCORES]",
    "ZRANK key member [WITHSCORE]",
    "ZPOPMIN key [count]",
    "ZINCRBY key score member",
    "ZCARD key",
    "XADD key new-id (member value)...",
    "XLEN key",
    "XRANGE key - +",
    "XREAD BLOCK 0 STREAMS key 0",
    "XREADGROUP GROUP group consumer BLOCK 0 STREAMS key >",
    "XINFO STREAM key",
    "BITCOUNT key",
    "SETBIT key offset bit",
    "PFADD key member",
    "PFCOUNT key",
    "GEOADD key longitude latitude member",
    "GEOPOS key member",
    "OBJECT ENCODING key",
    "DBSIZE",
    "PING [value]",
    "ECHO value",
    "SELECT database",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB database database",
    "MOVE key database",
    "PUBLISH channel value",
    "COMMAND GETKEYS GET key",
    "CONFIG NOSUCH",
    "OBJECT NOSUCH key",
    "NOSUCH key",
    "GET",
    "SET key",
    "SUBSCRIBE channel",
    "MULTI",
    "EXEC",
    "WATCH key",
    "EVAL RETURN 0",
    "SCRIPT FLUSH",
    "FUNCTION LIST",
    "CLIENT ID",
    "HELLO 3",
    "MONITOR",
    "WAIT 0 0",
    "RESTORE key 0 value",
    "SINTERCARD 1 key",
];

static COMMANDS: LazyLock<Vec<Syntax>> =
    LazyLock::new(|| SYNTAX.iter().map(|line| Syntax::parse(line)).collect());

impl Author<'_> {
    /// The arguments of `redis.call`.
    pub(super) fn command(&mut self) -> String {
        if self.once_in(25) {
            let count = self.below(4);
            return self.list(count, 1);
        }
        let syntax = COMMANDS.choose(&mut self.world.random).expect("there are commands");
        let mut words = syntax.expand(self.world);
        if self.once_in(20) {
            words.pop();
        } else if self.once_in(20) {
            words.push((b"extra".to_vec(), None));
        }
        let mut arguments = Vec::new();
        for (word, kind) in words {
            let is_number = kind.is_some() && word.len() < 16 && word.parse_number();
            let argument = if kind.is_some() && self.once_in(6) {
                self.argument()
            } else if is_number && self.once_in(2) {
                String::from_utf8_lossy(&word).into_owned()
            } else if self.once_in(3) {
                quoted(&word.to_ascii_lowercase())
            } else {
                quoted(&word)
            };
            arguments.push(argument);
        }
        arguments.join(",")
    }

    fn argument(&mut self) -> String {
        match self.below(6) {
            0 => self.pick(&["KEYS[1]", "KEYS[2]", "ARGV[1]", "ARGV[2]", "ARGV[3]"]).into(),
            1 | 2 => self.number(1),
            3 => self.text(1),
            _ => self.any(1),
        }
    }

    /// An expression that calls a command.
    pub(super) fn call(&mut self) -> String {
        let function = self.pick(&["redis.call", "redis.call", "redis.pcall"]);
        format!("{function}({})", self.command())
    }
}

trait ParseNumber {
    fn parse_number(&self) -> bool;
}

impl ParseNumber for Vec<u8> {
    /// Whether it is a plain decimal number.
    fn parse_number(&self) -> bool {
        let digits = self.strip_prefix(b"-").unwrap_or(self);
        digits.first().is_some_and(|first| (b'1'..=b'9').contains(first))
            && digits.iter().all(u8::is_ascii_digit)
    }
}
