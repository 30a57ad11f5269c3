//! Random scripts in Lua 5.1, as clients send them to be run: most of them valid, many with errors that show while they
//! run, some that do not even compile.
//!
//! Scripts end and stay small whatever is drawn: what bounds a loop or multiplies text is a small literal, and
//! within a loop or a function nothing grows that is seen outside of it. Addresses of values are never part of a reply.

mod commands;
mod expressions;
mod samples;
mod statements;
mod writing;

use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::argument::World;

pub(crate) use samples::STORED_SCRIPTS;
pub(crate) use writing::writing_script;

/// Shows any values as a text: what is in tables, too, but no address.
const SHOW: &str = "local function D(...) local r={} for i=1,select('#',...) do local v=select(i,...) \
    if type(v)=='table' then local p={} for k,w in pairs(v) do \
    p[#p+1]=((type(k)=='table' or type(k)=='function') and type(k) or tostring(k))..'='..(type(w)=='table' and D(w) or type(w)=='function' and 'function' or type(w)=='thread' and 'thread' or tostring(w)) end \
    table.sort(p) v='{'..table.concat(p,';')..'}' \
    elseif type(v)=='number' then v=string.format('%.17g',v) \
    elseif type(v)~='string' then v=(tostring(v):gsub('0x%x+','')) end \
    r[i]=tostring(v) end return table.concat(r,',') end ";

/// A script that mostly compiles.
pub(crate) fn script(world: &mut World) -> Vec<u8> {
    let mut author = Author::new(world);
    author.script().into_bytes()
}

/// A script that mostly does not compile, because something happened to its text.
pub(crate) fn broken_script(world: &mut World) -> Vec<u8> {
    let mut text = script(world);
    for _ in 0..world.random.random_range(1..=3) {
        let position = world.random.random_range(0..=text.len());
        match world.random.random_range(0..4) {
            0 if position < text.len() => drop(text.remove(position)),
            1 => text.truncate(position),
            2 => {
                let token = *samples::TOKENS.choose(&mut world.random).expect("there are tokens");
                text.splice(position..position, token.iter().copied());
            }
            _ => text.insert(position, world.random.random()),
        }
    }
    text
}

/// Whoever writes a script.
struct Author<'w> {
    world: &'w mut World,
    /// How many loops and functions surround what is written.
    enclosing: usize,
    /// How many function bodies take any number of arguments where the text goes on.
    variadic: bool,
}

impl<'w> Author<'w> {
    fn new(world: &'w mut World) -> Self {
        Self { world, enclosing: 0, variadic: true }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.world.random.random_range(0..limit)
    }

    /// True once in so many cases.
    fn once_in(&mut self, cases: u32) -> bool {
        self.world.random.random_ratio(1, cases)
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        *choices.choose(&mut self.world.random).expect("there are choices")
    }
}

/// Text between quotes.
fn quoted(text: &[u8]) -> String {
    let mut quoted = String::from("'");
    for byte in text {
        match byte {
            b' '..=b'~' if !b"'\\".contains(byte) => quoted.push(char::from(*byte)),
            _ => quoted += &format!("\\{byte:03}"),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_lua_reads_them() {
        assert_eq!(quoted(b"a'b\\\n\xff"), "'a\\039b\\092\\010\\255'");
    }

    #[test]
    fn the_same_seed_gives_the_same_scripts() {
        let scripts = |seed| {
            let mut world = World::new(seed);
            (0..100).map(|_| script(&mut world)).collect::<Vec<_>>()
        };
        assert_eq!(scripts(3), scripts(3));
        assert_ne!(scripts(3), scripts(4));
    }
}
