//! Scripts that want more memory, stack or time than there is.

use std::time::{Duration, Instant};

use crate::Sandbox;

/// Each has to end within this time.
const EACH_MAX: Duration = Duration::from_secs(15);

/// Whatever each of these does, the interpreter goes on.
fn all_end(scripts: &[&str]) {
    let sandbox = Sandbox::new();
    for script in scripts {
        let began = Instant::now();
        let outcome = sandbox.run(script);
        assert_ne!(outcome.as_ref().err().map(String::as_str), Some("interrupted"), "{script}");
        assert!(began.elapsed() < EACH_MAX, "{:?}: {script}", began.elapsed());
        sandbox.holds("return #('x'):rep(1000) == 1000 and (pcall(error)) == false");
    }
}

#[test]
fn memory_ends_with_an_error() {
    let sandbox = Sandbox::new();
    for script in [
        "return ('x'):rep(1e9)",
        "return ('x'):rep(1e6):rep(1e6)",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} while true do t[#t + 1] = function() return t end end",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "local t = {} local s = ('x'):rep(1e6) for i = 1, 1000 do t[i] = s end return table.concat(t)",
        "local s = ('x'):rep(1e6) return (s:gsub('x', s:sub(1, 1000)))",
        "return cjson.encode(({ (('x'):rep(3e7)) }))",
        "local t = {} local s = ('\"'):rep(1e6) for i = 1, 100 do t[i] = s end return cjson.encode(t)",
        "local t = {} while true do t[#t + 1] = assert(loadstring('return ' .. #t)) end",
        "return string.format(('%s'):rep(90), unpack((function() local t = {} for i = 1, 90 do t[i] = ('x'):rep(1e6) end return t end)()))",
    ] {
        sandbox.fails(script, "not enough memory");
        sandbox.holds("collectgarbage() return #('x'):rep(1000000) == 1000000");
    }
}

#[test]
fn memory_that_ends_again_and_again_is_survived() {
    let sandbox = Sandbox::new();
    for attempt in [
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local t = {} while true do t[#t + 1] = coroutine.wrap(function() coroutine.yield() end) t[#t]() end",
        "local t = {} while true do t[#t + 1] = redis.call('echo', ('x'):rep(100000) .. #t) end",
        "local s = ('x'):rep(3e7) redis.call(s, s, s)",
        "local t = {} while true do t[#t + 1] = cjson.decode('[[],{},\"text\",[[]]]') end",
        "local t = {} while true do t[#t + 1] = cmsgpack.unpack('\\148\\144\\128\\161a\\145\\144') end",
        "local t = {} while true do t[#t + 1] = struct.pack('c0', ('x'):rep(50000) .. #t) end",
        "local s = ('x'):rep(1e6) string.gsub(s, '.', function() s = s .. s end)",
        "local t = {} while true do t[#t + 1] = select(2, pcall(error, ('x'):rep(100000) .. #t)) end",
        "local t = {} while true do t[#t + 1] = redis.error_reply(('x'):rep(100000) .. #t) end",
        "xpcall(function() local s = 'x' while true do s = s .. s end end, function() local s = 'x' while true do s = s .. s end end)",
        "local t = setmetatable({}, { __index = function(t, k) t[#t + 1] = ('x'):rep(1e6) .. k return t[k + 1] end }) return t[1]",
    ] {
        let began = Instant::now();
        // The attempts' garbage may be in the way of what the script itself needs.
        let outcome = sandbox.run(&format!(
            "local function attempt() {attempt} end \
             for i = 1, 2 do pcall(attempt) pcall(coroutine.wrap(attempt)) end return true"
        ));
        let has_ended = match &outcome {
            Ok(reply) => reply == ":1\r\n",
            Err(error) => error.contains("not enough memory"),
        };
        assert!(has_ended, "{outcome:?}: {attempt}");
        assert!(began.elapsed() < EACH_MAX, "{:?}: {attempt}", began.elapsed());
        sandbox.holds("collectgarbage() return #('x'):rep(1000000) == 1000000");
    }
}

#[test]
fn stacks_end_with_an_error() {
    let sandbox = Sandbox::new();
    for script in [
        "local function f() return 1 + f() end return f()",
        "local function f(...) return 1, f(1, ...) end return f()",
        "local function f(s) return (s:gsub('.', f)) end return f('x')",
        "local function f() return coroutine.wrap(f)() end return f()",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
        "local t = {} setmetatable(t, { __index = t }) return t.x",
        "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end return t .. t",
        "local t = setmetatable({}, {}) getmetatable(t).__call = t return t()",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end return tostring(t)",
        "local function f() table.sort({ 1, 2 }, f) end f()",
        "local f = loadstring('return ...') local function g(n) return f(g(n + 1)) end return g(1)",
    ] {
        let outcome = sandbox.run(script);
        assert!(outcome.is_err(), "{outcome:?}: {script}");
        sandbox.holds("return (pcall(error)) == false");
    }
}

#[test]
fn nesting_in_the_text_of_a_script_is_bounded() {
    let sandbox = Sandbox::new();
    let many = |text: &str| text.repeat(100_000);
    for source in [
        many("("),
        many("{"),
        many("return function() "),
        many("return not "),
        format!("return {}", many("'a'..")),
        format!("return {}", many("2^")),
        many("do "),
        many("while 1 do "),
        many("if 1 then "),
        many("repeat "),
        many("for i=1,1 do "),
        many("f("),
        many("a["),
        many("a.b{"),
        many("[["),
        format!("return {}1", many("{{")),
        many("local function f() "),
        many("a=function() "),
    ] {
        assert!(sandbox.run(&source).is_err(), "{}", &source[..30]);
    }
    for source in [
        format!("return 1{}", many("+1")),
        many("local a "),
        many("local a; do end "),
        format!("if 1 then {} end", many("elseif 1 then ")),
        (0..300_000).map(|number| format!("local _ = '{number}' ")).collect(),
        (0..100_000).map(|number| format!("x={number}.5;")).collect(),
        format!("return {{{}}}", many("1,")),
        format!("f({})", many("1,") + "1"),
        many("::"),
        format!("local {}a", many("a,")),
        format!("return a{}", many(".b")),
        format!("return a{}", many("()")),
        format!("goto{}", many(" a")),
    ] {
        let _ = sandbox.run(&source);
        sandbox.holds("return true");
    }
}

#[test]
fn hostile_patterns_and_formats_end() {
    all_end(&[
        "return string.find(('a'):rep(1e6), ('a?'):rep(1e6))",
        "return string.match(('a'):rep(1e6), ('(a)'):rep(33))",
        "return string.find(('a'):rep(1e4), '.-b')",
        "return string.find(('a'):rep(100), '(.-)(.-)b')",
        "return #string.gsub(('a'):rep(1e6), '', 'b')",
        "return string.find(('('):rep(1e4), '%b()')",
        "return string.find(('a'):rep(8000), ('('):rep(8000))",
        "return string.find('a', ('['):rep(8000))",
        "return string.find('a', '[' .. ('a-z'):rep(2000))",
        "return string.find('a', ('%f'):rep(4000))",
        "return string.find(('ab'):rep(1e5), '(ab)%1%1%1%1%1c')",
        "for n in string.gmatch(('a'):rep(1e3), ('a*'):rep(3)) do end return 1",
        "return string.format(('%99.99f'):rep(100), 1e308)",
        "return pcall(string.format, '%' .. ('0'):rep(1e6) .. 'd', 1)",
        "return pcall(string.format, '%.99999999999f', 1)",
        "return string.format('%q', ('\\0'):rep(1e6)):len()",
        "return tonumber(('9'):rep(1e6))",
        "return tonumber(('z'):rep(1e6), 36)",
        "return pcall(string.rep, '', 1e6)",
        "return string.sub(('x'):rep(1e6), -1e300, 1e300):len()",
        "return pcall(string.byte, ('x'):rep(1e6), 1, -1)",
    ]);
}

#[test]
fn orders_that_are_none_sort_no_further_than_the_table() {
    all_end(&[
        "local t = {} for i = 1, 1000 do t[i] = i % 7 end pcall(table.sort, t, function() return true end) return #t",
        "local t = {} for i = 1, 1000 do t[i] = i % 7 end pcall(table.sort, t, function(a, b) return a ~= b end) return #t",
        "local t = {} for i = 1, 1000 do t[i] = 0/0 end pcall(table.sort, t) return #t",
        "local t = {} for i = 1, 1000 do t[i] = i end pcall(table.sort, t, function(a, b) t[#t] = nil return true end) return #t",
        "local t = {} for i = 1, 100 do t[i] = i end pcall(table.sort, t, function(a, b) t[#t + 1] = 1 return a < b end) return 1",
        "local t = {} for i = 1, 100 do t[i] = i end pcall(table.sort, t, function(a, b) coroutine.yield() end) return 1",
        "local t = setmetatable({ 1, 2, 3 }, { __index = error, __newindex = error, __lt = error }) pcall(table.sort, t) return 1",
        "for k in pairs({ 1, 2, 3 }) do pcall(next, {}, k) end return 1",
        "local t = { a = 1, b = 2 } for k in pairs(t) do t[k] = nil t[k .. 'x'] = nil end return 1",
    ]);
}
