//! Published ways out of, or through, the interpreters of servers like this.

use crate::Sandbox;

#[test]
fn cve_2014_5461_functions_with_many_parameters_and_others_are_not_run() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..200).map(|number| format!("p{number}")).collect();
    for count in [4, 50, 199] {
        let list = names[..count].join(",");
        sandbox.fails(&format!("local function f({list},...) return p0 end return f()"), "not supported");
        sandbox.fails(
            &format!("return assert(loadstring('return function({list},...) end'))()"),
            "not supported",
        );
    }
    sandbox.holds("local function f(a,b,c,...) return c == nil and select('#',...) == 0 end return f()");
}

#[test]
fn cve_2015_4335_compiled_code_is_not_loaded() {
    let sandbox = Sandbox::new();
    sandbox.holds(
        "local dumped = string.dump and string.dump(function() return 1 end) or '\\27Lua' \
         local function refused(...) return (loadstring(...)) == nil end \
         local place = 0 \
         local pieces = load(function() place = place + 1 \
             return place <= #dumped and dumped:sub(place, place) or nil end) \
         return refused(dumped) and refused(dumped, '=x') and refused('\\27') and refused('\\27Lua\\81') \
             and pieces == nil and load(function() local d = dumped dumped = nil return d end) == nil",
    );
    assert!(sandbox.run_bytes(b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00").is_err());
}

#[test]
fn cve_2015_8080_and_cve_2018_11219_sizes_of_struct_are_bounded() {
    let sandbox = Sandbox::new();
    for format in [
        "I2147483648",
        "i4294967297",
        "I99999999999999999999",
        "c2147483647",
        "!1000000000d",
        "b33x2147483647",
    ] {
        sandbox.holds(&format!(
            "for _, act in ipairs({{ function() return struct.pack('{format}', 1) end, \
             function() return struct.unpack('{format}', 'abcdefgh') end, \
             function() return struct.unpack('{format}', 'abcdefgh', 2147483647) end, \
             function() return struct.unpack('{format}', 'abcdefgh', -2147483648) end, \
             function() return struct.size('{format}') end }}) do pcall(act) end return true"
        ));
    }
    sandbox
        .holds("return not pcall(struct.unpack, 'c0', 'abc', 3) and not pcall(struct.unpack, 's', 'no end')");
}

#[test]
fn cve_2018_11218_depth_and_sizes_of_messages_are_bounded() {
    let sandbox = Sandbox::new();
    sandbox.holds(
        "local cycle = {} cycle[1] = cycle pcall(cmsgpack.pack, cycle) \
         pcall(cmsgpack.unpack, ('\\145'):rep(1000000)) \
         pcall(cmsgpack.unpack, ('\\129\\1'):rep(1000000)) \
         for _, hostile in ipairs({'\\221\\255\\255\\255\\255', '\\223\\255\\255\\255\\255', '\\198\\255\\255\\255\\255', \
             '\\219\\255\\255\\255\\255', '\\220\\255\\255', '\\222\\255\\255', '\\193', '\\201\\255\\255\\255\\255'}) do \
             pcall(cmsgpack.unpack, hostile) pcall(cmsgpack.unpack, hostile .. 'abc') \
             pcall(cmsgpack.unpack_limit, hostile, 2147483647, 2147483647) pcall(cmsgpack.unpack_one, hostile, -1) end \
         return true",
    );
}

#[test]
fn cve_2022_24735_the_surroundings_cannot_be_changed() {
    let sandbox = Sandbox::new();
    for write in [
        "x = 1",
        "_G.x = 1",
        "_G.print = 1",
        "redis.call = function() end",
        "string.format = nil",
        "KEYS = nil",
        "rawset(_G, 'x', 1)",
        "rawset(string, 'x', 1)",
        "table.insert(_G, 1)",
        "table.insert(string, 1, 1)",
        "setmetatable(_G, nil)",
        "setmetatable(string, {})",
        "getmetatable(_G).__index = nil",
        "getmetatable('').__index = nil",
        "getmetatable('').__add = function() end",
        "rawset(getmetatable(''), '__add', 1)",
        "rawset(getmetatable(_G), '__newindex', nil)",
        "setmetatable(getmetatable(_G), {})",
        "__redis__err__handler = nil",
    ] {
        sandbox.fails(write, "Attempt to modify a readonly table");
    }
}

#[test]
fn cve_2022_24736_what_is_raised_is_never_missed() {
    let sandbox = Sandbox::new();
    for raised in [
        "nil",
        "false",
        "0/0",
        "{}",
        "{err=nil}",
        "{err={}}",
        "{err=false}",
        "{err='', source={}, line='x'}",
        "_G",
        "redis",
        "error",
        "coroutine.create(function() end)",
        "setmetatable({}, {__index = error})",
        "getmetatable(_G)",
        "setmetatable({}, {__tostring = function() error('again') end})",
        "{err='x', line=0/0}",
        "cjson.null",
        "setmetatable({}, {__index = function(t, k) return t[k] end})",
        "string.rep('x', 100000)",
    ] {
        assert!(sandbox.run(&format!("error({raised})")).is_err(), "{raised}");
        sandbox.holds(&format!("pcall(function() return not pcall(error, {raised}) end) return true"));
        sandbox
            .holds(&format!("xpcall(function() error({raised}) end, function(e) error(e) end) return true"));
        sandbox.holds(&format!(
            "coroutine.resume(coroutine.create(function() error({raised}) end)) return true"
        ));
        assert!(
            sandbox.run(&format!("coroutine.wrap(function() error({raised}) end)()")).is_err(),
            "{raised}"
        );
    }
}

#[test]
fn cve_2024_46981_the_collector_runs_nothing_and_stays_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.fails("return newproxy(true)", "nonexistent global variable 'newproxy'");
    sandbox.holds(
        "local ran = false setmetatable({}, { __gc = function() ran = true end }) collectgarbage() collectgarbage() \
         return not ran",
    );
    sandbox.run("collectgarbage('stop') collectgarbage('setpause', 1000000)").expect("a script may ask");
    // Ten times the limit, if nothing were collected.
    sandbox.holds("for i = 1, 640 do local text = ('x'):rep(1048576) .. i end return true");
}

#[test]
fn cve_2025_46817_ranges_that_overflow_unpack_nothing() {
    let sandbox = Sandbox::new();
    for range in [
        "0, 2147483647",
        "-2147483648, 2147483647",
        "1, 2147483647",
        "-1, 2147483646",
        "-2147483648, -1",
        "1, 1e8",
        "2147483646, 1e10",
        "1, 8001",
    ] {
        let outcome = sandbox.run(&format!("return #{{unpack({{}}, {range})}}"));
        assert!(
            matches!(&outcome, Err(error) if error.contains("too many results"))
                || outcome.as_deref() == Ok(":0\r\n"),
            "{range}: {outcome:?}"
        );
    }
}

#[test]
fn cve_2025_46818_basic_types_have_no_metatables_that_can_be_changed() {
    let sandbox = Sandbox::new();
    for value in
        ["nil", "true", "1", "print_", "function() end", "coroutine.create(function() end)", "cjson.null"]
    {
        sandbox.holds(&format!("local print_ return getmetatable({value}) == nil"));
        sandbox.holds(&format!("local print_ return not pcall(setmetatable, {value}, {{}})"));
    }
    sandbox.holds("return not pcall(function() getmetatable('').__index = {} end) and ('x'):upper() == 'X'");
    sandbox.fails("return debug.setmetatable(1, {})", "nonexistent global variable 'debug'");
}

#[test]
fn cve_2025_46819_delimiters_of_long_texts_are_read_to_their_end() {
    let sandbox = Sandbox::new();
    for count in [1, 100, 100_000, 1_000_000] {
        let level = "=".repeat(count);
        assert!(sandbox.run(&format!("[{level}[")).is_err());
        assert!(sandbox.run(&format!("return [{level}")).is_err());
        assert!(sandbox.run(&format!("return [{level}[ ]{level}")).is_err());
        assert!(sandbox.run(&format!("--[{level}[")).is_err());
        assert_eq!(sandbox.run(&format!("return #[{level}[x]{level}]")).as_deref(), Ok(":1\r\n"));
    }
}

#[test]
fn cve_2025_49844_names_of_code_outlive_its_compilation() {
    let sandbox = Sandbox::new();
    sandbox.holds(
        "for i = 1, 20000 do \
             local name = ('name'):rep(20) .. i \
             local code = loadstring('local a = {} ' .. ('x' .. i .. ' '):rep(i % 7), name) \
             if i % 3 == 0 then code = loadstring('return \"' .. i .. '\"', '@' .. name .. '\\0' .. i) assert(code() == '' .. i) end \
             if i % 50 == 0 then collectgarbage('step', 100) end \
         end return true",
    );
}
