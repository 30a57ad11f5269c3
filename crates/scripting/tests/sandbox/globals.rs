//! Every script finds its own keys and arguments, however it looks for them, and changes nothing for those after it.

use super::Sandbox;

/// Ways to reach a global that a script is given.
const WAYS: &[&str] = &[
    "NAME",
    "_G.NAME",
    "_G['NA' .. 'ME']",
    "rawget(_G, 'NAME')",
    "(function() return NAME end)()",
    "loadstring('return NAME')()",
    "(function(text) return load(function() local sent = text text = nil return sent end)() end)('return NAME')",
    "coroutine.wrap(function() return NAME end)()",
];

#[test]
fn a_script_never_finds_the_keys_or_arguments_of_another() {
    let sandbox = Sandbox::new();
    let counts = [(0, 0), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2), (1, 70), (70, 70)];
    let mut number = 0;
    for way in WAYS {
        for (keys, others) in counts {
            for (name, given) in [("KEYS", keys), ("ARGV", others)] {
                number += 1;
                let texts = |kind: &str, count| -> Vec<String> {
                    (1..=count).map(|place| format!("{kind}{number}.{place}")).collect()
                };
                let (keys, others) = (texts("key", keys), texts("argument", others));
                let expected = if name == "KEYS" { keys.join(",") } else { others.join(",") };
                let way = way
                    .replace("NAME", name)
                    .replace("'NA' .. 'ME'", &format!("'{}' .. '{}'", &name[..2], &name[2..]));
                let source = format!("local given = {way} return table.concat(given, ',') .. '/' .. #given");
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let others: Vec<&str> = others.iter().map(String::as_str).collect();
                let expected = format!("{expected}/{given}");
                let outcome = sandbox.run_with(source.as_bytes(), &keys, &others);
                assert_eq!(outcome, Ok(format!("${}\r\n{expected}\r\n", expected.len())), "{source}");
            }
        }
    }
}

#[test]
fn what_a_script_does_to_its_keys_is_not_there_for_the_next() {
    let sandbox = Sandbox::new();
    let changes = [
        "KEYS[1] = 'changed'",
        "KEYS[2] = 'more'",
        "KEYS.name = 'more'",
        "table.insert(KEYS, 'more')",
        "rawset(KEYS, 2, 'more')",
        "setmetatable(KEYS, { __index = function() return 'more' end, __len = 2 })",
        "local keys = KEYS keys[2] = 'more'",
        "for _, keys in ipairs({ KEYS }) do keys[2] = 'more' end",
        "(function(keys) keys[2] = 'more' end)(KEYS)",
        "pcall(function() KEYS[2] = 'more' error('x') end)",
        "coroutine.wrap(function() KEYS[2] = 'more' coroutine.yield() end)()",
    ];
    for change in changes {
        sandbox.run_with(format!("{change} return 1").as_bytes(), &["first"], &[]).expect("a script");
        let look =
            "return KEYS[1] .. tostring(KEYS[2]) .. tostring(KEYS.name) .. tostring(getmetatable(KEYS))";
        assert_eq!(
            sandbox.run_with(look.as_bytes(), &["a"], &[]),
            Ok("$10\r\nanilnilnil\r\n".to_owned()),
            "{change}"
        );
        let all =
            "local found = {} for name, value in pairs(KEYS) do found[#found + 1] = value end return found";
        assert_eq!(
            sandbox.run_with(all.as_bytes(), &["a"], &[]),
            Ok("*1\r\n$1\r\na\r\n".to_owned()),
            "{change}"
        );
    }
}

/// Scripts that set no global have a shorter way to them: it must not be a way to change them.
#[test]
fn globals_cannot_be_set_by_scripts_that_only_read_them() {
    let sandbox = Sandbox::new();
    sandbox.fails("x = 1", "Attempt to modify a readonly table");
    sandbox.fails("return (function() x = 1 end)()", "Attempt to modify a readonly table");
    sandbox.fails("_G.x = 1", "Attempt to modify a readonly table");
    sandbox.fails("return loadstring('x = 1')()", "Attempt to modify a readonly table");
    sandbox.fails("return rawset(_G, 'x', 1)", "Attempt to modify a readonly table");
    sandbox.fails("return setmetatable(_G, {})", "Attempt to modify a readonly table");
    sandbox.fails("redis.call = 1", "Attempt to modify a readonly table");
    sandbox.fails("return absent", "Script attempted to access nonexistent global variable 'absent'");
    sandbox.fails("return (function() return absent end)()", "nonexistent global variable 'absent'");
    sandbox.holds("return _G._G == _G and _G.redis == redis");
    sandbox.holds("return pcall(function() return absent end) == false");
}
