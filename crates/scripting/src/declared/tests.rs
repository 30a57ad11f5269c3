//! Scripts that are proven, scripts that must not be, and random ones that are run.

mod random;

use std::cell::Cell;
use std::collections::BTreeSet;

use nuthatch_protocol::Reply;
use proptest::prelude::{any, prop_assert};
use proptest::test_runner::{Config, TestRunner};

use super::{CommandKeys, KnownArgument, KnownRequest, Rest};
use crate::{Host, Identity, Interpreter, LogLevel, Request, UnknownCommand};
use random::Writer;

/// A few commands.
struct Commands;

impl CommandKeys for Commands {
    fn are_declared(&self, request: &KnownRequest<'_>) -> bool {
        let [KnownArgument::Text(name), arguments @ ..] = &request.arguments[..] else { return false };
        let is_key = |argument: &KnownArgument<'_>| *argument == KnownArgument::Key;
        match name.to_ascii_uppercase().as_slice() {
            // The first argument.
            b"GET" | b"SET" | b"INCR" => match arguments.first() {
                Some(argument) => is_key(argument),
                None => request.rest != Rest::Unknown,
            },
            // All arguments.
            b"DEL" => arguments.iter().all(is_key) && request.rest != Rest::Unknown,
            b"PING" => true,
            _ => false,
        }
    }
}

fn interpreter() -> Interpreter {
    let identity = Identity { redis_version: "8.0.6", server_name: "test" };
    Interpreter::new(&identity, 64 << 20).expect("an interpreter")
}

fn is_proven(interpreter: &Interpreter, source: &str) -> bool {
    let script = interpreter.compile(source.as_bytes(), "@test", &Commands);
    script
        .unwrap_or_else(|error| panic!("{source}: {}", String::from_utf8_lossy(&error)))
        .uses_declared_keys_only()
}

#[test]
fn scripts_that_use_declared_keys_only_are_proven() {
    let interpreter = interpreter();
    for source in [
        "return redis.call('INCR', KEYS[1])",
        "return 1",
        "return KEYS",
        "return {KEYS[1], KEYS[2], ARGV[1]}",
        "return server.pcall('get', KEYS[2])",
        "return redis.call('SET', KEYS[1], ARGV[1], 'EX', 10)",
        "return redis.call('SET', KEYS[1], unpack(ARGV))",
        "return redis.call('DEL', unpack(KEYS))",
        "return redis.call('DEL', KEYS[1], unpack(KEYS, 2))",
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end",
        "local call = redis.call call('GET', KEYS[1]) return call('GET', KEYS[#KEYS])",
        "local get = 'GET' return redis.call(get, KEYS[1])",
        "local key = KEYS[1] local i = 0 while i < 3 do redis.call('INCR', key) i = i + 1 end return i",
        "for _, key in ipairs(KEYS) do redis.call('INCR', key) end",
        "for _, key in pairs(KEYS) do redis.call('INCR', key) end",
        "for _, key in next, KEYS do redis.call('INCR', key) end",
        "for i = 1, #KEYS do redis.call('INCR', KEYS[i]) end",
        "local t = {} for i = #KEYS, 1, -1 do t[#t + 1] = redis.call('GET', KEYS[i]) end return t",
        "local key if ARGV[1] then key = KEYS[1] else key = KEYS[2] end return redis.call('GET', key)",
        "local key for i = 1, 2 do key = KEYS[i] end return redis.call('GET', key)",
        "local call = ARGV[1] and redis.call or redis.pcall return call('GET', KEYS[1])",
        "return pcall(redis.call, 'GET', KEYS[1])",
        "return pcall(redis.call, 'DEL', unpack(KEYS))",
        "return pcall(function() return redis.call('GET', KEYS[1]) end)",
        "return pcall(function(key) return redis.call('GET', key) end, KEYS[1])",
        "local rcall = redis.call local function get() return rcall('GET', KEYS[1]) end return get()",
        "local rcall = redis.call local function get(key) return rcall('GET', key) end return get(KEYS[1])",
        "local keys, rcall = KEYS, redis.call
         local function outer() return (function() return rcall('GET', keys[1]) end)() end return outer()",
        "local key = KEYS[1] return (function() return redis.call('GET', key) end)()",
        "local function down(key, n) if n > 0 then return down(key, n - 1) end return redis.call('GET', key) end
         return down(KEYS[1], 3)",
        "local n = 0 local key = KEYS[1]
         local function next() n = n + 1 return redis.call('INCR', key) end next() next() return n",
        "for i = 1, #KEYS do local key = KEYS[i] pcall(function() redis.call('GET', key) end) end",
        "return cjson.encode({redis.call('GET', KEYS[1])})",
        "redis.log(redis.LOG_WARNING, KEYS[1]) redis.setresp(3) return redis.sha1hex(KEYS[1])",
        "return redis.error_reply('no')",
        "return redis.call('PING', ARGV[1])",
        "local t = {} for _, v in ipairs(ARGV) do t[#t + 1] = v end return redis.call('SET', KEYS[1], unpack(t))",
        "local t = {f = function(a) return a end} return t.f(ARGV[1])",
        "table.sort(ARGV, function(a, b) return a < b end) return redis.call('GET', KEYS[1])",
        "return redis.call('GET', KEYS[1]) .. ARGV[1]",
        "local r = redis return r.call('GET', KEYS[1])",
        "return (redis.call('GET', KEYS[1]) or '0') + 1",
        "local a = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])} return a",
        // A function that nobody calls.
        "local function unused() return redis.call('GET', ARGV[1]) end return 1",
        // An unknown key that cannot be reached any more.
        "do return 1 end redis.call('GET', ARGV[1])",
    ] {
        assert!(is_proven(&interpreter, source), "not proven: {source}");
    }
}

#[test]
fn scripts_that_may_use_other_keys_are_not_proven() {
    let interpreter = interpreter();
    for source in [
        "return redis.call('GET', ARGV[1])",
        "return redis.call('GET', 'key')",
        "return redis.call('GET', KEYS[1] .. ':x')",
        "return redis.call('GET', KEYS[1]:upper())",
        "return redis.call('GET', tostring(KEYS[1]))",
        "return redis.call(ARGV[1], KEYS[1])",
        "return redis.call(KEYS[1])",
        "return redis.call(unpack(ARGV))",
        "return redis.call(unpack(KEYS))",
        "return redis.call('DEL', unpack(ARGV))",
        "return redis.call('DEL', KEYS[1], unpack(ARGV))",
        "return redis.call('GET', unpack(ARGV))",
        "return redis.call('KEYS', '*')",
        "return pcall(redis.call, 'GET', ARGV[1])",
        "return pcall(redis.call, unpack(ARGV))",
        "return pcall(pcall, redis.call, 'GET', ARGV[1])",
        "return xpcall(redis.call, function() end)",
        "return redis[ARGV[1]]('GET', ARGV[2])",
        "return redis['ca' .. 'll']('GET', ARGV[2])",
        "return redis:call('GET', ARGV[1])",
        "KEYS[1] = ARGV[1] return redis.call('GET', KEYS[1])",
        "KEYS[#KEYS + 1] = 'other' for _, key in ipairs(KEYS) do redis.call('GET', key) end",
        "local keys = KEYS keys[1] = 'x' return redis.call('GET', KEYS[1])",
        "table.insert(KEYS, 'other') return redis.call('DEL', unpack(KEYS))",
        "rawset(KEYS, 1, 'other') return redis.call('GET', KEYS[1])",
        "setmetatable(KEYS, {__index = function() return 'other' end}) return redis.call('GET', KEYS[9])",
        "_G.KEYS[1] = 'x' return redis.call('GET', KEYS[1])",
        "local g = _G g.redis.call('GET', 'x')",
        "for _, v in pairs(_G) do if type(v) == 'table' and v[1] then v[1] = 'x' end end redis.call('GET', KEYS[1])",
        "return loadstring('return redis.call(\"GET\", \"x\")')()",
        "return load(function() return nil end)()",
        "local t = {redis.call} return t[1]('GET', ARGV[1])",
        "local t = {call = redis.call} return t.call('GET', ARGV[1])",
        "local t = {} t[1] = redis return t[1].call('GET', 'x')",
        "local t = {redis} return t[1].call('GET', 'x')",
        "local t = {KEYS} t[1][1] = 'x' return redis.call('GET', KEYS[1])",
        "local t = {} t.x = KEYS t.x[1] = 'x' return redis.call('GET', KEYS[1])",
        "local t = {unpack({redis.call})} return t[1]('GET', ARGV[1])",
        "local function get(call) return call('GET', ARGV[1]) end return get(redis.call)",
        "local function change(keys) keys[1] = 'x' end change(KEYS) return redis.call('GET', KEYS[1])",
        "local function api() return redis end return api().call('GET', 'x')",
        "local function keys() return KEYS end keys()[1] = 'x' return redis.call('GET', KEYS[1])",
        "local function call() return redis.call end return call()('GET', 'x')",
        "local call local function set() call = redis.call end set() return call('GET', 'x')",
        "local call local function use() return call('GET', 'x') end call = redis.call return use()",
        "local key = KEYS[1] local function get() return redis.call('GET', key) end key = ARGV[1] return get()",
        "local key = KEYS[1] local function set() key = ARGV[1] end set() return redis.call('GET', key)",
        "local key = KEYS[1] local function get() return redis.call('GET', key) end
         local function set() key = ARGV[1] end set() return get()",
        "local key = KEYS[1] local function set() return function() key = ARGV[1] end end set()()
         return redis.call('GET', key)",
        "local key = KEYS[1] for i = 1, 2 do redis.call('GET', key) key = ARGV[1] end",
        "local key = KEYS[1] while ARGV[1] do redis.call('GET', key) key = 'x' end",
        "local key = KEYS[1] repeat redis.call('GET', key) key = 'x' until not ARGV[1]",
        "local key = KEYS[1] if ARGV[1] then key = ARGV[1] end return redis.call('GET', key)",
        "return redis.call('GET', KEYS[1] or ARGV[1])",
        "local key = KEYS[3] return redis.call('GET', key or ARGV[1])",
        "local key = KEYS[1] return redis.call('GET', key and ARGV[1])",
        "local key = ARGV[1] return redis.call('GET', key and KEYS[1] or key)",
        "return redis.call('GET', ARGV[1] and KEYS[1] or 'x')",
        "return redis.call('GET', ARGV[1] or KEYS[1])",
        "local name = 'GET' if ARGV[1] then name = 'KEYS' end return redis.call(name, KEYS[1])",
        "local function get(key) return redis.call('GET', key) end get(KEYS[1]) return get(ARGV[1])",
        "local function get(key) return redis.call('GET', key) end local t = {get} return t[1](ARGV[1])",
        "local function get(key) return redis.call('GET', key) end return string.gsub(ARGV[1], '.*', get)",
        "local function get(key) return redis.call('GET', key) end
         local other = ARGV[1] and get or print return other(ARGV[1])",
        "local function get(key) return redis.call('GET', key) end return pcall(get, ARGV[1])",
        "local function get(key) return redis.call('GET', key) end return get(unpack(ARGV))",
        "local function get(...) return redis.call('GET', ...) end return get(KEYS[1])",
        "local function get(...) return redis.call('GET', (...)) end return get(ARGV[1])",
        "local function get(n, ...) return redis.call('GET', arg[1]) end return get(1, ARGV[1])",
        "for _, key in ipairs(ARGV) do redis.call('GET', key) end",
        "for key in pairs(KEYS) do redis.call('GET', key) end",
        "for i, key in ipairs(KEYS) do redis.call('GET', i) end",
        "for key in string.gmatch(ARGV[1], '.') do redis.call('GET', key) end",
        "local f, t, i = ipairs(KEYS) t[1] = 'x' for _, key in f, t, i do redis.call('GET', key) end",
        "local f, t = ipairs(KEYS) for _, key in f, ARGV, 0 do redis.call('GET', key) end",
        "for call in function(_, old) return not old and redis.call or nil end do call('GET', 'x') end",
        "for _, v in (function() return ipairs(KEYS) end)() do redis.call('GET', v) end",
        "local w = coroutine.wrap(redis.call) return w('GET', 'x')",
        "local w = coroutine.wrap(function() coroutine.yield(redis.call) end) return w()('GET', 'x')",
        "local w = coroutine.wrap(function() coroutine.yield(KEYS) end) w()[1] = 'x' redis.call('GET', KEYS[1])",
        "local t = setmetatable({}, {__index = function(_, f) f[1] = 'x' end})
         local _ = t[KEYS] return redis.call('GET', KEYS[1])",
        "local t = setmetatable({}, {__concat = function(_, f) f[1] = 'x' end})
         local _ = t .. KEYS return redis.call('GET', KEYS[1])",
        "local t = setmetatable({}, {__add = function(f) f[1] = 'x' end})
         local _ = KEYS + t return redis.call('GET', KEYS[1])",
        "local t = setmetatable({}, {__call = function(_, f) f('GET', 'x') end}) t(redis.call)",
        "local t = setmetatable({}, {__newindex = function(_, _, f) f('GET', 'x') end}) t.x = redis.call",
        "local ok, f = pcall(error, redis.call) f('GET', 'x')",
        "local ok, t = pcall(function() error({redis.call}) end) t[1]('GET', 'x')",
        "local ok, t = pcall(function() error(KEYS) end) t[1] = 'x' redis.call('GET', KEYS[1])",
        "local n = select('#', redis.call) local f = select(1, redis.call) f('GET', 'x')",
        "assert(redis.call)('GET', 'x')",
        "x = redis.call",
        "local a, b = redis.call, 1 a, b = b, a return b('GET', 'x')",
        "local function get(key) return redis.call('GET', key) end
         local t = setmetatable({}, {__index = function(_, key) return get(key) end}) return t.x",
        "local t = {} for i = 1, 2 do local key = KEYS[i] t[i] = function() return redis.call('GET', key) end
         key = 'x' end return t[1]()",
    ] {
        assert!(!is_proven(&interpreter, source), "proven: {source}");
    }
}

/// Notes the keys that are used.
#[derive(Default)]
struct Witness {
    keys: BTreeSet<Vec<u8>>,
    looks: usize,
}

impl Host for Witness {
    fn call(&mut self, request: &Request, reply: &mut Reply) -> Result<(), Vec<u8>> {
        let mut arguments =
            request.spans.iter().map(|span| request.bytes[span.start as usize..span.end as usize].to_vec());
        match arguments.next().unwrap_or_default().to_ascii_uppercase().as_slice() {
            b"GET" | b"SET" | b"INCR" => self.keys.extend(arguments.next()),
            b"DEL" => self.keys.extend(arguments),
            b"PING" => {}
            _ => return Err(b"ERR unknown command".to_vec()),
        }
        reply.bulk(b"value");
        Ok(())
    }

    fn may_call(&mut self, _: &Request) -> Result<bool, UnknownCommand> {
        Ok(true)
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    fn replies_error(&mut self, _: &[u8], _: bool) {}

    fn interrupt(&mut self) -> bool {
        self.looks += 1;
        self.looks > 3
    }
}

/// What a script does.
struct Observed {
    is_proven: bool,
    /// Whether it uses a key that it declares.
    uses_declared: bool,
    undeclared: BTreeSet<Vec<u8>>,
}

fn observe(interpreter: &Interpreter, source: &str) -> Observed {
    let script = interpreter.compile(source.as_bytes(), "@test", &Commands);
    let script = script.unwrap_or_else(|error| panic!("{source}: {}", String::from_utf8_lossy(&error)));
    let mut witness = Witness::default();
    let arguments: [&[u8]; 4] = [b"one", b"two", b"three", b"four"];
    // What it returns does not matter.
    let _ = interpreter.run(&script, 2, arguments.into_iter(), &mut witness, &mut Reply::default());
    let (declared, undeclared): (BTreeSet<_>, _) =
        witness.keys.into_iter().partition(|key| arguments[..2].contains(&&key[..]));
    Observed { is_proven: script.uses_declared_keys_only(), uses_declared: !declared.is_empty(), undeclared }
}

#[test]
fn random_scripts_that_are_proven_use_declared_keys_only() {
    let interpreter = interpreter();
    let cases = std::env::var("NUTHATCH_COMMANDS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3_000);
    // Scripts that are proven and use keys, and those that use others than they declare.
    let (proven, strayed) = (Cell::new(0), Cell::new(0));
    let choices = proptest::collection::vec(any::<u8>(), 0..300);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&choices, |choices| {
        let source = Writer::script(&choices);
        let Observed { is_proven, uses_declared, undeclared } = observe(&interpreter, &source);
        proven.update(|count| count + u32::from(is_proven && uses_declared));
        strayed.update(|count| count + u32::from(!undeclared.is_empty()));
        prop_assert!(!is_proven || undeclared.is_empty(), "{undeclared:?} in\n{source}");
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    println!("of {cases}: {} are proven and use keys, {} use undeclared keys", proven.get(), strayed.get());
    // Otherwise there would be nothing to see.
    assert!(proven.get() > cases / 50 && strayed.get() > cases / 20);
}
