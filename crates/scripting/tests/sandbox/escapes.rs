//! Everything that a script reaches, and what it could leave behind for the next.

use std::time::Instant;

use nuthatch_protocol::Reply;
use nuthatch_scripting::{Failure, LoadFailure};

use crate::Sandbox;
use crate::{Echo, TIME_MAX};

/// Visits all values that a script reaches from its globals, and calls `visit` with each table and each function.
const WALK: &str = "local function walk(visit) \
    local seen = {} \
    local function go(value, path) \
        if (type(value) ~= 'table' and type(value) ~= 'function') or seen[value] then return end \
        seen[value] = true visit(value, path) \
        local metatable = getmetatable(value) \
        if metatable then go(metatable, path .. '#') end \
        if type(value) == 'table' then \
            for k, v in pairs(value) do go(k, path .. '!') go(v, path .. '.' .. tostring(k)) end \
        end \
    end \
    go(_G, '_G') go(getmetatable(''), 'string#') \
    for _, v in ipairs({ pairs({}), pairs(_G), ipairs({}), string.gmatch('a', 'a'), coroutine.wrap(function() end) }) do go(v, 'made') end \
    local _, failure = pcall(redis.call) go(failure, 'failure') \
    local _, failure = pcall(cjson.decode, '[') go(failure, 'failure') \
    local _, failure = coroutine.resume(coroutine.create(function() redis.call() end)) go(failure, 'failure') \
    xpcall(redis.call, function(e) go(e, 'failure') end) \
    end ";

/// The names of all functions and tables that scripts reach.
fn reached(sandbox: &Sandbox) -> String {
    let census = "local names = {} walk(function(value, path) names[#names + 1] = path .. ':' .. type(value) end) \
                  table.sort(names) return table.concat(names, ' ')";
    sandbox.run(&format!("{WALK}{census}")).expect("a walk is harmless")
}

#[test]
fn nothing_that_reaches_outside_is_within_reach() {
    let sandbox = Sandbox::new();
    let reached = reached(&sandbox);
    for name in [
        "io",
        "package",
        "require",
        "module",
        "dofile",
        "loadfile",
        "setfenv",
        "getfenv",
        "newproxy",
        "print",
        "execute",
        "exit",
        "getenv",
        "remove_file",
        "rename",
        "tmpname",
        "setlocale",
        "popen",
        "getregistry",
        "randomseed_",
    ] {
        assert!(!reached.contains(&format!(".{name}:")), "{name} is reached: {reached}");
    }
}

#[test]
fn no_table_that_is_reached_can_be_written_to() {
    let sandbox = Sandbox::new();
    let before = reached(&sandbox);
    sandbox.holds(&format!(
        "{WALK} local bad = {{}} walk(function(value, path) \
                 if type(value) ~= 'table' or path:find('KEYS') or path:find('ARGV') or path:find('failure') then return end \
                 for name, attempt in pairs({{ \
                     assign = function() value.zzz = 1 end, remove = function() value.call = nil end, \
                     rawset = function() rawset(value, 'zzz', 1) end, \
                     insert = function() table.insert(value, 1) end, \
                     place = function() table.insert(value, 1, 1) end, \
                     metatable = function() setmetatable(value, {{}}) end, \
                     index = function() getmetatable(value).__index = 1 end, \
                     setn = function() table.setn(value, 5) end }}) do \
                     if pcall(attempt) then bad[#bad + 1] = path .. ' ' .. name end end \
                 pcall(table.sort, value) pcall(table.remove, value) pcall(table.remove, value, 1) \
                 pcall(table.foreach, value, function(k, v) value[k] = nil end) \
                 pcall(table.foreachi, value, function(k, v) value[k] = nil end) \
                 if rawget(value, 'zzz') or rawget(value, 1) or #value > 0 then bad[#bad + 1] = path end \
             end) assert(#bad == 0, table.concat(bad, ', ')) return true"
    ));
    assert_eq!(reached(&sandbox), before);
}

#[test]
fn no_function_that_is_reached_gives_a_metatable_or_environment_away() {
    let sandbox = Sandbox::new();
    // Each with all values that might be taken for something else; none of the results may be a table that is not known.
    sandbox.holds(&format!(
        "{WALK} local known, functions = {{}}, {{}} \
         walk(function(value, path) known[value] = path if type(value) == 'function' then functions[path] = value end end) \
         local samples = {{ _G, redis, string, '', 0, -1, 1e9, true, function() end, coroutine.create(function() end), {{}} }} \
         for path, f in pairs(functions) do \
             if f ~= error and f ~= pcall and not path:find('rep$') and not path:find('collectgarbage') then \
                 for i = 1, #samples do for j = 1, #samples do \
                     pcall(f, samples[i], samples[j]) pcall(f, samples[i]) pcall(f, samples[i], samples[j], 1) \
                 end end end end return true"
    ));
    let census = reached(&sandbox);
    assert_eq!(census, reached(&Sandbox::new()));
}

#[test]
fn a_script_leaves_nothing_to_the_next() {
    let sandbox = Sandbox::new();
    let before = reached(&sandbox);
    for script in [
        "KEYS[1] = 'other' KEYS.x = 1 setmetatable(KEYS, { __index = error }) ARGV[7] = 1",
        "redis.setresp(3)",
        "collectgarbage('stop') collectgarbage('setstepmul', 1) collectgarbage('setpause', 1)",
        "coroutine.wrap(function() coroutine.yield() end)()",
        "coroutine.yield()",
        "local f = loadstring('zzz = 1') pcall(f) local g = loadstring('local a = ... return function() a = (a or 0) + 1 return a end') g()()",
        "pcall(rawset, _G, 'zzz', 1)",
        "for k, v in pairs(_G) do pcall(function() _G[k] = nil end) end",
        "error(setmetatable({}, { __index = function() error('x') end }))",
        "xpcall(error, function() error('handler') end)",
        "__redis__err__handler('x')",
    ] {
        let _ = sandbox.run(script);
        assert_eq!(reached(&sandbox), before, "{script}");
        sandbox
            .holds("return KEYS[1] == 'key' and #KEYS == 1 and KEYS.x == nil and getmetatable(KEYS) == nil");
        sandbox.holds("return ARGV[1] == 'argument' and #ARGV == 1 and rawget(_G, 'zzz') == nil");
        assert_eq!(sandbox.run("return true").as_deref(), Ok(":1\r\n"), "{script}");
        assert_eq!(
            sandbox.run("return { redis.call('a') }").as_deref(),
            Ok("*1\r\n*1\r\n$1\r\na\r\n"),
            "{script}"
        );
    }
}

#[test]
fn errors_of_functions_are_never_seen_as_what_they_are_in_rust() {
    let sandbox = Sandbox::new();
    for attempt in [
        "redis.call()",
        "redis.call('fail')",
        "redis.call({})",
        "redis.sha1hex()",
        "cjson.decode('[')",
        "cjson.encode(error)",
        "struct.pack('?', 1)",
        "bit.tohex()",
        "redis.setresp(9)",
        "redis.log()",
        "redis.acl_check_cmd()",
        "math.random(0)",
        "redis.set_repl()",
    ] {
        sandbox.holds(&format!(
            "local function shown(e) return type(e) == 'string' or type(e) == 'table' end \
             local function act() local x = {attempt} return x end \
             local _, a = pcall(act) local _, b = coroutine.resume(coroutine.create(act)) local c \
             xpcall(act, function(e) c = e end) local _, d = pcall(coroutine.wrap(act)) \
             local _, e = pcall(string.gsub, 'x', 'x', act) local _, f = pcall(table.sort, {{1, 2}}, act) \
             local _, g = pcall(load, act) local _, h = pcall(setmetatable({{}}, {{ __call = act }})) \
             return shown(a) and shown(b) and shown(c) and shown(d) and shown(e) and shown(f) and shown(g) and shown(h)"
        ));
    }
}

#[test]
fn a_library_that_is_ended_while_it_is_loaded_leaves_the_functions_of_others_their_globals() {
    let sandbox = Sandbox::new();
    let text = b"redis.register_function('f', function() return math.floor(2.5) end)";
    let functions = sandbox.interpreter.load_library(
        text,
        "@user_function",
        &mut Echo { ends: Instant::now() + TIME_MAX },
    );
    let functions = functions.expect("a library");
    let endless = sandbox.interpreter.load_library(
        b"while true do end",
        "@user_function",
        &mut Echo { ends: Instant::now() },
    );
    assert!(matches!(endless, Err(LoadFailure::Failed(Failure::Interrupted { .. }))));
    let mut reply = Reply::new();
    let mut host = Echo { ends: Instant::now() + TIME_MAX };
    let outcome =
        sandbox.interpreter.run_function(&functions[0], 0, std::iter::empty(), &mut host, &mut reply);
    assert_eq!((outcome, &*reply.into_bytes()), (Ok(()), &b":2\r\n"[..]));
}
