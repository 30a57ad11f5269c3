-- The world that scripts see. Runs once, with the real globals as its environment and the functions written in Rust as
-- its arguments. Scripts reach every table of it through an empty one that stands for it, a proxy, because a table of
-- Lua 5.1 cannot be made read-only: reading falls through to the contents, and writing is refused.

local native, libraries = ...
local error, type, tostring, tonumber, select = error, type, tostring, tonumber, select
local raw_next, raw_pairs, raw_get, raw_set, raw_unpack = next, pairs, rawget, rawset, unpack
local raw_getmetatable, raw_setmetatable, raw_pcall, raw_xpcall = getmetatable, setmetatable, pcall, xpcall

local READONLY = "Attempt to modify a readonly table"

-- From each proxy to what it stands for.
local contents_of = {}
-- From each proxy to the metatable that scripts see.
local metatable_of = {}

local function refuse()
    error(READONLY, 2)
end

local function protect(contents)
    local proxy = {}
    contents_of[proxy] = contents
    return raw_setmetatable(proxy, { __index = contents, __newindex = refuse })
end

-- Raises what the auxiliary library raises, at the place that called the function that calls this.
local function bad_argument(number, name, expected, got, absent)
    error("bad argument #" .. number .. " to '" .. name .. "' (" .. expected .. " expected, got "
        .. (absent and "no value" or type(got)) .. ")", 3)
end

local globals = {}

for _, name in raw_pairs({
    "assert", "error", "gcinfo", "ipairs", "rawequal", "select", "tonumber", "tostring", "type", "_VERSION",
}) do
    globals[name] = _G[name]
end

-- Tables: what reads or writes them past their metatables has to know proxies.

function globals.next(...)
    local t, key = ...
    if type(t) ~= "table" then bad_argument(1, "next", "table", t, select("#", ...) == 0) end
    return raw_next(contents_of[t] or t, key)
end

function globals.pairs(...)
    local t = ...
    if type(t) ~= "table" then bad_argument(1, "pairs", "table", t, select("#", ...) == 0) end
    if contents_of[t] then return globals.next, t, nil end
    return raw_next, t, nil
end

function globals.rawget(...)
    local t, key = ...
    if type(t) ~= "table" then bad_argument(1, "rawget", "table", t, select("#", ...) == 0) end
    if select("#", ...) < 2 then error("bad argument #2 to 'rawget' (value expected)", 2) end
    return raw_get(contents_of[t] or t, key)
end

function globals.rawset(...)
    local t, key, value = ...
    if type(t) ~= "table" then bad_argument(1, "rawset", "table", t, select("#", ...) == 0) end
    local count = select("#", ...)
    if count < 3 then error("bad argument #" .. count + 1 .. " to 'rawset' (value expected)", 2) end
    if contents_of[t] then error(READONLY, 0) end
    return raw_set(t, key, value)
end

function globals.getmetatable(...)
    local value = ...
    if select("#", ...) == 0 then error("bad argument #1 to 'getmetatable' (value expected)", 2) end
    if contents_of[value] then return metatable_of[value] end
    local metatable = raw_getmetatable(value)
    return metatable_of[metatable] or metatable
end

function globals.setmetatable(...)
    local t, metatable = ...
    if type(t) ~= "table" then bad_argument(1, "setmetatable", "table", t, select("#", ...) == 0) end
    if metatable ~= nil and type(metatable) ~= "table" or select("#", ...) < 2 then
        error("bad argument #2 to 'setmetatable' (nil or table expected)", 2)
    end
    if contents_of[t] then error(READONLY, 0) end
    return raw_setmetatable(t, metatable)
end

-- Raises an error of a function of the reference implementation again: when it is called by pcall its texts name neither
-- it nor the place.
local gsub, find = string.gsub, string.find
local function raise_again(name, succeeded, ...)
    if succeeded then return ... end
    local message = ...
    error((gsub(message, "'%?'", "'" .. name .. "'")), 3)
end

local table_library = {}
for name, original in raw_pairs(table) do
    table_library[name] = original
end

local insert = table.insert
local NOTHING_MOVED_MAX = 2 ^ 20
function table_library.insert(...)
    local t, value = ...
    if contents_of[t] then error(READONLY, 0) end
    -- By far the most frequent form, without the detour.
    if select("#", ...) == 2 and type(t) == "table" then return insert(t, value) end
    -- Everything from the place on is moved, also what is not there, and nothing can end that.
    if type(value) == "number" and value < -NOTHING_MOVED_MAX then
        error("bad argument #2 to 'insert' (position out of bounds)", 2)
    end
    return raise_again("insert", raw_pcall(insert, ...))
end

-- The integer of 32 bits that the reference implementation makes of a number.
local floor, ceil = math.floor, math.ceil
local function as_int(number)
    if not (number >= -2 ^ 63 and number < 2 ^ 63) then return 0 end
    number = (number < 0 and ceil(number) or floor(number)) % 2 ^ 32
    return number < 2 ^ 31 and number or number - 2 ^ 32
end

-- The reference implementation adds 1 to the distance of the ends without a look at whether that overflows, and
-- takes 8000 results at most: what is beyond them never gets there.
function globals.unpack(...)
    local UNPACKED_MAX = 8000
    local t, first, last = ...
    if type(t) ~= "table" then bad_argument(1, "unpack", "table", t, select("#", ...) == 0) end
    local from, to = 1, #t
    if first ~= nil then from = tonumber(first) end
    if from == nil then bad_argument(2, "unpack", "number", first) end
    if last ~= nil then to = tonumber(last) end
    if to == nil then bad_argument(3, "unpack", "number", last) end
    from, to = as_int(from), as_int(to)
    if from > to then return end
    if to - from >= UNPACKED_MAX then
        error("too many results to unpack", 2)
    end
    return raw_unpack(t, from, to)
end

-- Errors: those of commands are tables, which pcall shows as their texts.

-- What a script sees of an error that it catches. A level that `error` is called with, or the end of the stack, can make
-- a place of the sandbox part of the text: then it is that of the script.
local sub = string.sub
local function unwrapped(failure)
    failure = native.unwrapped(failure)
    if type(failure) == "string" and sub(failure, 1, 8) == "sandbox:" then
        local source, line = native.place()
        if source then
            local place = gsub(sub(source, 2) .. ":" .. line, "%%", "%%%%")
            failure = gsub(failure, "^sandbox:%d+", place)
        end
    end
    return failure
end

local function shown(succeeded, ...)
    if succeeded then return true, ... end
    local failure = unwrapped((...))
    if type(failure) ~= "table" then return false, failure end
    local text = failure.err
    if text ~= nil then return false, text end
    -- Three values, as scripts see them from stock servers.
    return false, failure, nil
end

function globals.pcall(...)
    if select("#", ...) == 0 then return false, "bad argument #1 to 'pcall' (value expected)" end
    return shown(raw_pcall(...))
end

function globals.xpcall(...)
    local attempt, handler = ...
    if select("#", ...) < 2 then error("bad argument #2 to 'xpcall' (value expected)", 2) end
    return raw_xpcall(attempt, function(failure)
        -- A script is ended between two instructions, but none of those that a handler runs: it would run for as long as it
        -- likes.
        if native.is_ended() then return failure end
        return handler(unwrapped(failure))
    end)
end

local coroutine_library = {}
for name, original in raw_pairs(coroutine) do
    coroutine_library[name] = original
end

local function resumed(succeeded, ...)
    if succeeded then return true, ... end
    return false, unwrapped((...))
end

local resume = coroutine.resume
function coroutine_library.resume(...)
    return resumed(resume(...))
end

-- Text: matching calls itself for each item of a pattern, as deep as the pattern is long, and the stack has an end.

local string_library = {}
for name, original in raw_pairs(string) do
    string_library[name] = original
end

local PATTERN_BYTES_MAX = 8192

for _, name in raw_pairs({ "find", "match", "gmatch", "gfind" }) do
    local original = string[name]
    string_library[name] = function(...)
        local _, pattern, _, plain = ...
        if type(pattern) == "string" and #pattern > PATTERN_BYTES_MAX and not plain then
            error("pattern too complex", 2)
        end
        return raise_again(name, raw_pcall(original, ...))
    end
end

-- What gsub itself raises of what it takes begins like this; what the script's own functions raise, to which it hands on,
-- may not.
local OF_GSUB = { "^invalid ", "^malformed ", "^unfinished ", "^missing ", "^unbalanced ", "^too many captures" }

local function substituted(takes, succeeded, ...)
    if succeeded then return ... end
    local message = ...
    if type(message) == "string" then
        if not takes and find(message, "^bad argument") then error((gsub(message, "'%?'", "'gsub'")), 3) end
        for place = 1, #OF_GSUB do
            if find(message, OF_GSUB[place]) then error(message, 3) end
        end
    end
    error(message, 0)
end

local IS_TEXT = { string = true, number = true }
local IS_REPLACEMENT = { string = true, number = true, table = true, ["function"] = true }

function string_library.gsub(...)
    local text, pattern, replacement, count = ...
    if type(pattern) == "string" and #pattern > PATTERN_BYTES_MAX then error("pattern too complex", 2) end
    local takes = IS_TEXT[type(text)] and IS_TEXT[type(pattern)] and IS_REPLACEMENT[type(replacement)]
        and (count == nil or type(count) ~= "table" and tonumber(count))
    return substituted(takes, raw_pcall(gsub, ...))
end

-- Code: only text is compiled, and only what is safe to run.

-- Makes `load` and `loadstring` for one of the environments; `compile` is a field of `native` that is there later.
local function loaders(into, compile)
    local function compiled(source, name)
        local code, message = native[compile](source, name)
        if code == nil then return nil, message end
        return code
    end

    function into.loadstring(...)
        local source, name = ...
        if type(source) == "number" then source = tostring(source) end
        if type(source) ~= "string" then
            bad_argument(1, "loadstring", "string", source, select("#", ...) == 0)
        end
        if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then
            bad_argument(2, "loadstring", "string", name)
        end
        return compiled(source, name == nil and source or tostring(name))
    end

    function into.load(...)
        local reader, name = ...
        if type(reader) ~= "function" then
            bad_argument(1, "load", "function", reader, select("#", ...) == 0)
        end
        if name ~= nil and type(name) ~= "string" and type(name) ~= "number" then
            bad_argument(2, "load", "string", name)
        end
        local pieces = {}
        while true do
            local piece = reader()
            if piece == nil or piece == "" then break end
            if type(piece) ~= "string" and type(piece) ~= "number" then
                return nil, "reader function must return a string"
            end
            pieces[#pieces + 1] = piece
        end
        return compiled(table.concat(pieces), name == nil and "=(load)" or tostring(name))
    end
end

loaders(globals, "compile")

-- How the collector works is not for one script to decide for those after it.
local collectgarbage = collectgarbage
function globals.collectgarbage(...)
    local option = ...
    if option == nil or option == "collect" or option == "count" or option == "step" then
        return collectgarbage(option or "collect")
    elseif option == "stop" or option == "restart" then
        return 0
    elseif option == "setpause" or option == "setstepmul" then
        return 200
    end
    return raise_again("collectgarbage", raw_pcall(collectgarbage, ...))
end

-- Commands.

local api = {
    LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
    REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
    call = native.call,
    pcall = native.pcall,
    acl_check_cmd = native.acl_check_cmd,
    log = native.log,
    setresp = native.setresp,
    set_repl = native.set_repl,
    sha1hex = native.sha1hex,
}
for name, value in raw_pairs(native.constants) do
    api[name] = value
end

local WRONG_REPLY = "ERR wrong number or type of arguments"

local function is_text(...)
    return select("#", ...) == 1 and type((...)) == "string"
end

function api.error_reply(...)
    if not is_text(...) then return { err = WRONG_REPLY } end
    local text = ...
    if text:sub(1, 1) == "-" then text = text:sub(2) end
    text = gsub(text, "[\r\n]+$", "")
    if not text:find(" ", 1, true) then text = "ERR " .. text end
    return { err = text }
end

function api.status_reply(...)
    if not is_text(...) then return { err = WRONG_REPLY } end
    return { ok = (...) }
end

-- Kept for scripts that were written for servers where they meant something.
function api.replicate_commands() return true end
function api.breakpoint() return false end
function api.debug() end

-- The tables as scripts see them.

libraries.string, libraries.table = string_library, table_library
libraries.math, libraries.coroutine, libraries.os = math, coroutine_library, { clock = os.clock }
for name, contents in raw_pairs(libraries) do
    globals[name] = protect(contents)
end
local string_metatable = raw_getmetatable("")
string_metatable.__index = string_library
metatable_of[string_metatable] = protect({ __index = globals.string })

local function unknown(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end
local metatable_of_environments = protect({ __index = unknown })

local function copy_without(contents, ...)
    local copy = {}
    for name, value in raw_pairs(contents) do
        copy[name] = value
    end
    for _, name in raw_pairs({ ... }) do
        copy[name] = nil
    end
    return copy
end

-- Makes an environment of these globals.
local function environment_of(contents, redis)
    contents.redis, contents.server = redis, redis
    raw_setmetatable(contents, { __index = unknown })
    local environment = protect(contents)
    contents._G = environment
    metatable_of[environment] = metatable_of_environments
    return environment
end

-- Functions see less than scripts, and while their library is loaded almost nothing.
local function_globals = copy_without(globals, "load", "loadstring")
loaders(function_globals, "compile_function")
local function_environment =
    environment_of(function_globals, protect(copy_without(api, "breakpoint", "debug", "replicate_commands")))

local environment = environment_of(globals, protect(api))

-- Turns what a script has raised into a table that tells where, too.
local function located(failure)
    local source, line = native.place()
    failure = unwrapped(failure)
    if type(failure) ~= "table" then failure = { err = "ERR " .. tostring(failure) } end
    if contents_of[failure] then failure = { err = "ERR unknown error" } end
    if source then
        raw_set(failure, "source", source)
        raw_set(failure, "line", line)
    end
    return failure
end
globals.__redis__err__handler = located

-- Running: what the host calls.

local running = {}

-- A script that reads neither its keys nor its other arguments is attempted as it is.
running.attempt, running.located = raw_xpcall, located

-- A script with one key that does not read its other arguments, and that is proven not to change or keep the table of its
-- keys, which is the same for all of them.
local kept_keys = {}
function running.proven_script_of_key(script, key)
    kept_keys[1] = key
    globals.KEYS = kept_keys
    return raw_xpcall(script, located)
end

-- A script with one key, and other arguments.
function running.script_of_key_and_arguments(script, key, ...)
    globals.KEYS, globals.ARGV = { key }, { ... }
    return raw_xpcall(script, located)
end

-- A script without keys.
function running.script_of_arguments(script, ...)
    globals.KEYS, globals.ARGV = {}, { ... }
    return raw_xpcall(script, located)
end

-- A script with as many keys, which come first, and the other arguments.
function running.script(script, keys, ...)
    local names, arguments = { ... }, {}
    for place = keys + 1, #names do
        arguments[place - keys], names[place] = names[place], nil
    end
    globals.KEYS, globals.ARGV = names, arguments
    return raw_xpcall(script, located)
end

-- A script with its keys and other arguments as tables.
function running.script_of_tables(script, keys, arguments)
    globals.KEYS, globals.ARGV = keys, arguments
    return raw_xpcall(script, located)
end

-- Libraries of functions: their code runs once, and registers functions.

-- What the library that is being loaded has registered.
local registered

local FLAGS = {
    ["no-writes"] = true, ["allow-oom"] = true, ["allow-stale"] = true, ["no-cluster"] = true,
    ["allow-cross-slot-keys"] = true,
}

local function refuse_to_register(reason)
    error({ err = "ERR " .. reason }, 0)
end

-- Reads the named arguments of register_function.
local function of_named(named)
    local found = { flags = {} }
    for name, value in raw_next, named do
        if name == "function_name" then
            if type(value) ~= "string" and type(value) ~= "number" then
                refuse_to_register("function_name argument given to redis.register_function must be a string")
            end
            found.name = tostring(value)
        elseif name == "description" then
            if type(value) ~= "string" and type(value) ~= "number" then
                refuse_to_register("description argument given to redis.register_function must be a string")
            end
            found.description = tostring(value)
        elseif name == "callback" then
            if type(value) ~= "function" then
                refuse_to_register("callback argument given to redis.register_function must be a function")
            end
            found.callback = value
        elseif name == "flags" then
            if type(value) ~= "table" then
                refuse_to_register(
                    "flags argument to redis.register_function must be a table representing function flags")
            end
            for place = 1, #value do
                local flag = value[place]
                if not FLAGS[flag] then refuse_to_register("unknown flag given") end
                found.flags[place] = flag
            end
        else
            refuse_to_register("unknown argument given to redis.register_function")
        end
    end
    if not found.name then
        refuse_to_register("redis.register_function must get a function name argument")
    elseif not found.callback then
        refuse_to_register("redis.register_function must get a callback argument")
    end
    return found
end

local function of_positions(name, callback)
    if type(name) ~= "string" and type(name) ~= "number" then
        refuse_to_register("first argument to redis.register_function must be a string")
    elseif type(callback) ~= "function" then
        refuse_to_register("second argument to redis.register_function must be a function")
    end
    return { name = tostring(name), callback = callback, flags = {} }
end

local function register_function(...)
    if not registered then
        refuse_to_register("redis.register_function can only be called on FUNCTION LOAD command")
    end
    local count, first, second = select("#", ...), ...
    local found
    if count == 1 then
        if type(first) ~= "table" then
            refuse_to_register("calling redis.register_function with a single argument is only applicable to Lua "
                .. "table (representing named arguments).")
        end
        found = of_named(first)
    elseif count == 2 then
        found = of_positions(first, second)
    else
        refuse_to_register("wrong number of arguments to redis.register_function")
    end
    if not find(found.name, "^[%w_]+$") then
        refuse_to_register(
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
    end
    for place = 1, #registered do
        if registered[place].name:lower() == found.name:lower() then
            refuse_to_register("Function already exists in the library")
        end
    end
    registered[#registered + 1] = found
end

local loading_api = copy_without(api, "breakpoint", "debug", "replicate_commands", "call", "pcall", "setresp",
    "set_repl", "acl_check_cmd", "sha1hex", "error_reply", "status_reply")
loading_api.register_function = register_function
raw_setmetatable(loading_api, { __index = unknown })
local loading_globals = {}
environment_of(loading_globals, protect(loading_api))
loading_globals._G = function_environment

local function see(contents)
    raw_getmetatable(function_environment).__index = contents
    contents_of[function_environment] = contents
end

-- The code of a library. Returns what it has registered.
function running.library(code)
    registered = {}
    see(loading_globals)
    local succeeded, failure = raw_xpcall(code, located)
    see(function_globals)
    local list = registered
    registered = nil
    if succeeded then return true, list end
    return false, failure
end

local callback, callback_keys, callback_arguments
local function call_back()
    return callback(callback_keys, callback_arguments)
end

-- A function of a library.
function running.callback(...)
    callback, callback_keys, callback_arguments = ...
    if registered then
        -- The library before was ended while it was loaded, and with it what ends loading.
        registered = nil
        see(function_globals)
    end
    return raw_xpcall(call_back, located)
end

return environment, globals, function_environment, running
