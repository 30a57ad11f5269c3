//! Scripts that their host ends, whatever they do against it.

use std::time::{Duration, Instant};

use nuthatch_protocol::Reply;
use nuthatch_scripting::Failure;

use crate::{Echo, KeylessCommands, Sandbox};

/// How long each may run on after the host wants it to end.
const AFTERWARDS_MAX: Duration = Duration::from_secs(5);

#[test]
fn what_catches_errors_does_not_keep_a_script_alive() {
    let sandbox = Sandbox::new();
    for source in [
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "xpcall(function() while true do end end, function() while true do pcall(error) end end)",
        "xpcall(function() while true do end end, function() return redis.call('x'), ('x'):rep(1e9) end)",
        "while true do xpcall(function() xpcall(function() while true do end end, error) end, error) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do pcall(coroutine.wrap(function() while true do pcall(coroutine.yield) end end)) end",
        "local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end",
        "while true do pcall(table.sort, { 3, 2, 1, 5 }, function() while true do end end) end",
        "while true do pcall(string.gsub, 'aaa', 'a', function() while true do end end) end",
        "while true do pcall(load, function() while true do end end) end",
        "while true do pcall(loadstring('while true do end')) end",
        "local t = setmetatable({}, { __index = function() while true do end end }) while true do pcall(function() return t.x end) end",
        "local t = setmetatable({}, { __tostring = function() while true do end end }) while true do pcall(tostring, t) end",
        "local function f() pcall(f) f() end while true do pcall(f) end",
        "while true do redis.pcall('fail') pcall(redis.call, 'fail') end",
        "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end",
    ] {
        let script = sandbox.interpreter.compile(source.as_bytes(), "@user_script", &KeylessCommands);
        let script = script.unwrap_or_else(|error| panic!("{}", String::from_utf8_lossy(&error)));
        let ends = Instant::now() + Duration::from_millis(20);
        let mut reply = Reply::new();
        let arguments = std::iter::empty();
        let outcome = sandbox.interpreter.run(&script, 0, arguments, &mut Echo { ends }, &mut reply);
        assert!(matches!(outcome, Err(Failure::Interrupted { .. })), "{outcome:?}: {source}");
        assert!(ends.elapsed() < AFTERWARDS_MAX, "{:?}: {source}", ends.elapsed());
        // The handlers of the next one are called again.
        sandbox.holds("local caught xpcall(error, function() caught = true end) return caught");
    }
}
