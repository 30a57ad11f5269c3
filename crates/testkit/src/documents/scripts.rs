//! Scripts that read or write documents and show all of what comes of it.

use rand_pcg::Pcg64;

use super::pick;

/// Shows all of a value: numbers with all digits, members in an order that does not depend on how they are kept.
const SHOW: &str = r#"
local function show(value)
    local kind = type(value)
    if kind == "number" then return string.format("%.17g", value) end
    if kind == "string" then return '"' .. value .. '"' end
    if kind == "userdata" then return value == cjson.null and "null" or "userdata" end
    if kind ~= "table" then return tostring(value) end
    local members = {}
    for key, member in pairs(value) do members[#members + 1] = show(key) .. "=" .. show(member) end
    table.sort(members)
    return "{" .. table.concat(members, ",") .. "}"
end
-- Text in which members stand in any order: what it is made of, and what it stands for.
local function shown(succeeded, text, read)
    if not succeeded then return text end
    local bytes = #text <= 5000 and {text:byte(1, -1)} or {}
    table.sort(bytes)
    return {#text, table.concat(bytes, " "), show(read(text))}
end
local function results(...)
    local shown = {select('#', ...)}
    for place = 1, select('#', ...) do shown[place + 1] = show((select(place, ...))) end
    return shown
end
local function value() return (loadstring("return " .. ARGV[1])()) end
"#;

/// A script for a text of JSON. Only Redis walks through tables in the order that the reference implementation does, and only
/// if keys are short; so nothing that scripts return depends on it.
pub(crate) fn json_script(random: &mut Pcg64) -> Vec<u8> {
    script(
        random,
        &[
            "return results(pcall(cjson.decode, ARGV[1]))",
            "return results(pcall(cjson.decode, ARGV[1]))",
            "return results(pcall(cjson.decode, ARGV[1]))",
            "local value = cjson.decode(ARGV[1]) return {shown(true, cjson.encode({a = value}), cjson.decode)}",
            "local c = cjson.new() c.decode_invalid_numbers(false) return results(pcall(c.decode, ARGV[1]))",
            "local c = cjson.new() c.decode_max_depth(3) c.encode_max_depth(2) c.encode_invalid_numbers('null')
             local read, value = pcall(c.decode, ARGV[1]) if not read then return value end
             local written, text = pcall(c.encode, value) return shown(written, text, cjson.decode)",
            "local c = cjson.new() c.encode_invalid_numbers('on') c.encode_number_precision(7)
             return shown(true, c.encode(c.decode(ARGV[1])), cjson.decode)",
            "local read, value = pcall(cjson.decode, ARGV[1]) if not read then return value end
             return shown(true, cmsgpack.pack(value), cmsgpack.unpack)",
            "local shown = {} for line in ARGV[1]:gmatch('[^,]+') do
                 shown[#shown + 1] = results(pcall(cjson.decode, line)) end return shown",
        ],
    )
}

/// A script for MessagePack.
pub(crate) fn message_pack_script(random: &mut Pcg64) -> Vec<u8> {
    script(
        random,
        &[
            "return results(pcall(cmsgpack.unpack, ARGV[1]))",
            "return results(pcall(cmsgpack.unpack, ARGV[1]))",
            "return results(cmsgpack.unpack(ARGV[1]))",
            "return results(pcall(cmsgpack.unpack_one, ARGV[1], #ARGV[1] % 5))",
            "return results(pcall(cmsgpack.unpack_limit, ARGV[1], 2))",
            "return results(pcall(cmsgpack.unpack_limit, ARGV[1], #ARGV[1] % 3, #ARGV[1] % 7))",
            "local shown, offset = {}, 0 repeat local read, value
                 read, offset, value = pcall(cmsgpack.unpack_one, ARGV[1], offset) shown[#shown + 1] = show(value)
             until not read or offset == -1 return shown",
            "local read, value = pcall(cmsgpack.unpack_one, ARGV[1]) if not read then return value end
             return shown(true, cmsgpack.pack(value, ARGV[1]), cmsgpack.unpack)",
            "local shown = {} for length = 0, math.min(#ARGV[1], 60) do
                 shown[#shown + 1] = results(pcall(cmsgpack.unpack, ARGV[1]:sub(1, length))) end return shown",
        ],
    )
}

/// A script for an expression of Lua.
pub(crate) fn lua_value_script(random: &mut Pcg64) -> Vec<u8> {
    script(
        random,
        &[
            "local written, text = pcall(cjson.encode, value()) return shown(written, text, cjson.decode)",
            "local written, text = pcall(cjson.encode, value()) return shown(written, text, cjson.decode)",
            "return shown(true, cjson.encode(value()), cjson.decode)",
            "local c = cjson.new() c.encode_sparse_array(true, 2, 3) c.encode_invalid_numbers('on')
             local written, text = pcall(c.encode, value()) return shown(written, text, cjson.decode)",
            "local c = cjson.new() c.encode_number_precision(#ARGV[1] % 12 + 3) c.encode_sparse_array(true, 1, 4)
             local written, text = pcall(c.encode, value()) return shown(written, text, cjson.decode)",
            "return shown(true, cmsgpack.pack(value()), cmsgpack.unpack)",
            "return shown(true, cmsgpack.pack(value(), value()), cmsgpack.unpack)",
        ],
    )
}

fn script(random: &mut Pcg64, choices: &[&str]) -> Vec<u8> {
    format!("{SHOW}{}", pick(random, choices)).into_bytes()
}
