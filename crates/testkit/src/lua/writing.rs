//! Scripts that may or may not need more memory, and say so or not.

use rand::RngExt;

use crate::argument::World;

/// What a script may say of itself in its first line.
const DECLARATIONS: &[&str] = &[
    "",
    "",
    "",
    "#!lua\n",
    "#!lua flags=allow-oom\n",
    "#!lua flags=no-writes\n",
    "#!lua flags=no-writes,allow-oom\n",
    "#!lua flags=allow-cross-slot-keys\n",
];

/// Calls that need memory, give some back, or neither.
const CALLS: &[&str] = &[
    "'set',KEYS[1] or 'k',ARGV[1] or 'v'",
    "'set','k','v'",
    "'append','k','v'",
    "'incr','n'",
    "'lpush','l','v'",
    "'hset','h','f','v'",
    "'get',KEYS[1] or 'k'",
    "'exists','k','n','l'",
    "'del','k'",
    "'lpop','l'",
    "'hdel','h','f'",
    "'expire','k','-1'",
    "'persist','k'",
    "'rename','k','n'",
    "'publish','c','v'",
    "'ping'",
    "'llen','k'",
    "'nosuchcommand'",
    "'set','k'",
];

/// One of a few thousand.
pub(crate) fn writing_script(world: &mut World) -> Vec<u8> {
    let mut text = String::from(world.pick(DECLARATIONS));
    let count = world.random.random_range(1..=3);
    for number in 0..count {
        let how = world.pick(&["call", "pcall"]);
        text += &format!("local r{number}=redis.{how}({}) ", world.pick(CALLS));
    }
    let last = count - 1;
    text += &match world.random.random_range(0..6) {
        0 => "return redis.error_reply('OOM of its own')".to_owned(),
        1 => "return 1".to_owned(),
        2 => "return {r0,1}".to_owned(),
        3 => format!("if type(r{last})=='table' and r{last}.err then error(r{last}) end return 2"),
        4 => format!("return type(r{last})=='table' and r{last}.err or r0"),
        _ => format!("return r{last}"),
    };
    text.into_bytes()
}
