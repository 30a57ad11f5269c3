//! More arguments and results than the interpreter has room for, and deeper tables (CVE-2021-32625, CVE-2021-32626).

use crate::Sandbox;

/// Defines `many(n)`, which returns so many texts, and `more(n, ...)`, which returns its arguments and `n` more, beyond
/// what `unpack` gives.
const MANY: &str = "local function many(n) local t = {} for i = 1, n do t[i] = 'x' end return unpack(t) end \
    local function more(n, ...) if n == 0 then return ... end return more(n - 1, 'y', ...) end ";

#[test]
fn requests_have_any_number_of_arguments_or_are_refused() {
    let sandbox = Sandbox::new();
    for count in [1, 64, 65, 1000, 7000, 7900] {
        sandbox.holds(&format!("{MANY} return #redis.call(many({count})) == {count}"));
        sandbox.holds(&format!("{MANY} return #redis.pcall(more(50, many({count}))) == {count} + 50"));
    }
    // Where the interpreter's room ends is its own affair.
    for count in 7901..8010 {
        sandbox.holds(&format!(
            "{MANY} local held, result = pcall(function() return redis.call(many({count})) end) \
             return held and #result == {count} or not held and type(result) == 'string' and result:find('too many') ~= nil"
        ));
    }
    for count in [8001, 10_000, 16_000, 100_000, 1_000_000] {
        sandbox.fails(&format!("{MANY} return redis.call(many({count}))"), "too many results to unpack");
    }
    for count in [1000, 2000, 10_000] {
        sandbox.holds(&format!(
            "{MANY} local held, result = pcall(function() return redis.call(more({count}, many(7000))) end) \
             return held and #result == {count} + 7000 or not held and type(result) == 'string'"
        ));
    }
}

#[test]
fn no_function_is_harmed_by_thousands_of_arguments() {
    let sandbox = Sandbox::new();
    for function in [
        "redis.call",
        "redis.pcall",
        "redis.log",
        "redis.sha1hex",
        "redis.error_reply",
        "redis.setresp",
        "redis.acl_check_cmd",
        "cjson.encode",
        "cjson.decode",
        "cjson.encode_sparse_array",
        "cmsgpack.pack",
        "cmsgpack.unpack",
        "cmsgpack.unpack_one",
        "struct.pack",
        "struct.unpack",
        "struct.size",
        "bit.band",
        "bit.tohex",
        "string.format",
        "string.char",
        "string.gsub",
        "string.find",
        "string.gmatch",
        "math.max",
        "math.random",
        "select",
        "next",
        "pairs",
        "rawset",
        "rawget",
        "setmetatable",
        "getmetatable",
        "pcall",
        "xpcall",
        "error",
        "assert",
        "load",
        "loadstring",
        "table.insert",
        "table.concat",
        "table.sort",
        "unpack",
        "tostring",
        "tonumber",
        "collectgarbage",
        "coroutine.wrap(function(...) return ... end)",
        "coroutine.resume",
        "coroutine.wrap(function(...) return redis.call(...) end)",
        "coroutine.wrap(function(...) return coroutine.yield(...) end)",
        "function(...) return redis.call(...), pcall(redis.call, ...) end",
    ] {
        sandbox.holds(&format!(
            "{MANY} local act = {function} \
             for _, count in ipairs({{ 60, 250, 3999, 4000, 4001, 7890, 7900, 7980, 7990, 7997, 7998 }}) do \
                 pcall(function() return pcall(act, many(count)) end) \
                 pcall(function() return act(1, many(count)) end) \
                 pcall(function() return act(string.rep('c0', count), many(count)) end) \
                 pcall(function() return act(more(200, many(count))) end) \
             end return true"
        ));
    }
}

#[test]
fn thousands_of_results_are_returned_or_refused() {
    let sandbox = Sandbox::new();
    sandbox.holds(&format!(
        "{MANY} local text = ('x'):rep(8100) \
         for _, count in ipairs({{ 100, 3999, 7890, 7900, 7980, 7990, 7998, 7999, 8000, 8100 }}) do \
             local held, result = pcall(function() return #redis.call(text:byte(1, count)) end) \
             if held and result ~= count then return false end \
             pcall(function() return select('#', cmsgpack.unpack(('\\1'):rep(count))) end) \
             pcall(function() return redis.call(cmsgpack.unpack(('\\1'):rep(count))) end) \
             pcall(function() return redis.call(struct.unpack(('b'):rep(count), text)) end) \
             pcall(function() return many(count), redis.call(many(count)) end) \
         end return true"
    ));
}

#[test]
fn tables_in_tables_without_end_are_refused_or_cut() {
    let sandbox = Sandbox::new();
    for deep in [
        "for i = 1, 100000 do t = { t } end",
        "for i = 1, 100000 do t = { a = t } end",
        "for i = 1, 100000 do t = { map = { [1] = t } } end",
        "for i = 1, 100000 do t = { set = { [t] = true } } end",
        "t[1] = t",
        "t.map = { t }",
        "t.set = { [t] = t }",
        "t = setmetatable({}, { __index = function(t) return t end })",
    ] {
        sandbox.holds(&format!(
            "local t = {{}} {deep} \
             for _, act in ipairs({{ cjson.encode, cmsgpack.pack, redis.call, redis.pcall, tostring, unpack, table.concat, \
                 redis.error_reply, redis.status_reply, redis.sha1hex, struct.pack, error }}) do \
                 pcall(act, t) pcall(act, t, t) pcall(act, 1, t) pcall(act, {{ t, t }}) \
             end return true"
        ));
        let _ = sandbox.run(&format!("local t = {{}} {deep} return t"));
        let _ = sandbox.run(&format!("local t = {{}} {deep} error(t)"));
        let _ = sandbox.run(&format!("local t = {{}} {deep} redis.setresp(3) return {{ t, t, t }}"));
        sandbox.holds("return true");
    }
    for deep in ["('['):rep(100000)", "('{\"a\":'):rep(100000)", "('['):rep(900) .. (']'):rep(900)"] {
        sandbox.holds(&format!("pcall(cjson.decode, {deep}) return true"));
    }
}
