//! Expressions: mostly of the type that is asked for.

use super::Author;
use super::samples::{FORMATS, GLOBALS, LEVELS, NUMBERS, PATTERNS, SMALL, TEXTS};

/// What becomes of one in so many expressions: one of any type instead.
const WRONG_TYPE: u32 = 14;

impl Author<'_> {
    /// An expression of any type. `depth` is how many more expressions it may contain inside one another.
    pub(super) fn any(&mut self, depth: usize) -> String {
        match self.below(14) {
            0..3 => self.number(depth),
            3..6 => self.text(depth),
            6 | 7 => self.table(depth),
            8 => self.condition(depth),
            9 => self.function(depth),
            10 if depth > 0 => self.call(),
            11 if depth > 0 => self.protected(depth),
            12 => self.pick(&["nil", "nil", "true", "false", "x", "n", "s", "t", "f"]).into(),
            _ if self.once_in(4) => self.pick(GLOBALS).into(),
            _ => self.pick(&["x", "n", "s", "t", "nil"]).into(),
        }
    }

    /// Several expressions of any type.
    pub(super) fn list(&mut self, count: usize, depth: usize) -> String {
        (0..count).map(|_| self.any(depth)).collect::<Vec<_>>().join(",")
    }

    pub(super) fn number(&mut self, depth: usize) -> String {
        if self.once_in(WRONG_TYPE) {
            return self.any(depth.saturating_sub(1));
        }
        if depth == 0 || self.once_in(3) {
            return if self.once_in(4) { "n".into() } else { format!("({})", self.pick(NUMBERS)) };
        }
        let depth = depth - 1;
        match self.below(15) {
            0..3 => {
                let operator = self.pick(&["+", "-", "*", "/", "%", "^"]);
                format!("({} {operator} {})", self.number(depth), self.number(depth))
            }
            3 => format!("-{}", self.number(depth)),
            4 => format!("#{}", self.text(depth)),
            5 => format!("#{}", self.table(depth)),
            6 => format!("tonumber({})", self.text(depth)),
            7 => {
                let base = self.pick(&["10", "16", "36", "2", "1", "37", "'8'", "nil", "8.5"]);
                format!("tonumber({},{base})", self.text(depth))
            }
            8 => {
                let function = self.pick(&[
                    "floor", "ceil", "abs", "sqrt", "exp", "log", "log10", "sin", "deg", "frexp", "modf",
                    "rad",
                ]);
                format!("math.{function}({})", self.number(depth))
            }
            9 => {
                let function = self.pick(&["max", "min", "fmod", "mod", "pow", "atan2", "ldexp"]);
                format!("math.{function}({},{})", self.number(depth), self.number(depth))
            }
            10 => format!("string.len({})", self.text(depth)),
            11 => format!("string.byte({},{})", self.text(depth), self.number(depth)),
            12 => format!("select('#',{})", self.list(2, depth)),
            13 => format!("(string.find({},{},{}))", self.text(depth), self.pick(PATTERNS), self.number(0)),
            _ => format!("table.maxn({})", self.table(depth)),
        }
    }

    pub(super) fn text(&mut self, depth: usize) -> String {
        if self.once_in(WRONG_TYPE) {
            return self.any(depth.saturating_sub(1));
        }
        if depth == 0 || self.once_in(3) {
            return if self.once_in(4) { "s".into() } else { self.pick(TEXTS).into() };
        }
        let depth = depth - 1;
        match self.below(17) {
            0 | 1 => format!("({}..{})", self.text(depth), self.any(depth)),
            2 => format!("tostring({})", self.pick(NUMBERS)),
            3 => format!("type({})", self.any(depth)),
            4 => {
                let function = self.pick(&["upper", "lower", "reverse", "len"]);
                format!("string.{function}({})", self.text(depth))
            }
            5 => format!("string.sub({},{},{})", self.text(depth), self.number(depth), self.number(0)),
            6 => format!("string.rep({},{})", self.text(0), self.pick(SMALL)),
            7 | 8 => {
                let count = self.below(4);
                let arguments: String = (0..count).map(|_| format!(",{}", self.scalar(depth))).collect();
                format!("string.format({}{arguments})", self.pick(FORMATS))
            }
            9 | 10 => {
                let replacement = match self.below(4) {
                    0 => self.pick(&["'<%0>'", "'%1'", "'%2'", "'%'", "'%%'", "'%x'", "''"]).into(),
                    1 => format!("{{a={},l='L'}}", self.any(depth)),
                    2 => self.function(depth),
                    _ => self.any(depth),
                };
                let count = if self.once_in(3) { format!(",{}", self.number(0)) } else { String::new() };
                format!("(string.gsub({},{},{replacement}{count}))", self.text(depth), self.pick(PATTERNS))
            }
            11 => format!("(string.match({},{}))", self.text(depth), self.pick(PATTERNS)),
            12 => format!("table.concat({},{})", self.table(depth), self.text(0)),
            13 => {
                let method = self.pick(&[
                    ":upper()",
                    ":sub(2)",
                    ":rep(2)",
                    ":nosuch()",
                    ":len()",
                    ":byte(1)",
                    ":find('a')",
                ]);
                format!("({}){method}", self.text(depth))
            }
            14 => format!("string.char({})", self.number(0)),
            15 => format!("redis.sha1hex({})", self.scalar(depth)),
            _ => format!("D({})", self.list(1, depth)),
        }
    }

    /// A number or a text.
    fn scalar(&mut self, depth: usize) -> String {
        if self.once_in(2) { self.number(depth) } else { self.text(depth) }
    }

    pub(super) fn condition(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&["true", "false", "nil", "x", "not x"]).into();
        }
        let depth = depth - 1;
        match self.below(6) {
            0 => {
                let operator = self.pick(&["<", ">", "<=", ">=", "==", "~="]);
                format!("({} {operator} {})", self.number(depth), self.number(depth))
            }
            1 => {
                let operator = self.pick(&["<", ">", "<=", ">=", "==", "~="]);
                format!("({} {operator} {})", self.scalar(depth), self.any(depth))
            }
            2 => format!("not {}", self.any(depth)),
            3 => format!("({} and {})", self.any(depth), self.any(depth)),
            4 => format!("({} or {})", self.any(depth), self.any(depth)),
            _ => format!("rawequal({})", self.list(2, depth)),
        }
    }

    pub(super) fn table(&mut self, depth: usize) -> String {
        if self.once_in(WRONG_TYPE) {
            return self.any(depth.saturating_sub(1));
        }
        if depth == 0 {
            return self
                .pick(&["{}", "t", "{1,2,3}", "{'a','b'}", "{a=1}", "KEYS", "ARGV", "{3,1,2}"])
                .into();
        }
        let depth = depth - 1;
        match self.below(12) {
            0..3 => {
                let count = self.below(4);
                format!("{{{}}}", self.list(count, depth))
            }
            3 => format!("{{{},nil,{}}}", self.any(depth), self.any(depth)),
            4 => format!("{{[{}]={},a={}}}", self.any(depth), self.any(depth), self.any(depth)),
            5 => {
                let event = self.pick(&[
                    "__index",
                    "__newindex",
                    "__call",
                    "__add",
                    "__concat",
                    "__eq",
                    "__lt",
                    "__len",
                    "__tostring",
                    "__metatable",
                    "__unm",
                    "__gc",
                    "__mode",
                ]);
                let handler = if self.once_in(3) { self.any(depth) } else { self.function(depth) };
                format!("setmetatable({},{{{event}={handler}}})", self.table(depth))
            }
            6 => format!("{{{}}}", self.call()),
            7 => self.reply(depth),
            8 => format!("{{{}}}", self.protected(depth)),
            9 => format!("{{(unpack({},{}))}}", self.table(depth), self.number(0)),
            10 => format!("{{unpack({})}}", self.table(0)),
            _ => format!("{{select({},{})}}", self.number(0), self.list(2, depth)),
        }
    }

    /// What becomes a reply of another kind than an array.
    pub(super) fn reply(&mut self, depth: usize) -> String {
        match self.below(12) {
            0 => format!("{{ok={}}}", self.text(0)),
            1 => format!("{{err={}}}", self.text(0)),
            2 => format!("{{double={}}}", self.number(0)),
            3 => format!("{{map={{[{}]={}}}}}", self.scalar(0), self.any(depth)),
            4 => format!("{{set={{[{}]={}}}}}", self.scalar(0), self.any(0)),
            5 => format!("{{big_number={}}}", self.scalar(0)),
            6 => {
                let format = self.pick(&["'txt'", "'mkd'", "'x'", "'toolong'", "''", "5", "nil"]);
                format!("{{verbatim_string={{format={format},string={}}}}}", self.scalar(0))
            }
            7 => format!("redis.error_reply({})", self.scalar(0)),
            8 => format!("redis.status_reply({})", self.scalar(0)),
            9 => {
                let kind = self.pick(&["ok", "double", "map", "set", "big_number", "verbatim_string"]);
                format!("{{{kind}={},{}}}", self.any(0), self.any(0))
            }
            10 => self
                .pick(&["redis.error_reply()", "redis.status_reply()", "redis.error_reply('a','b')"])
                .into(),
            _ => format!("{{{},{}}}", self.any(depth), self.number(0)),
        }
    }

    pub(super) fn function(&mut self, depth: usize) -> String {
        if depth == 0 || self.once_in(4) {
            return self
                .pick(&[
                    "f",
                    "type",
                    "string.upper",
                    "redis.call",
                    "redis.pcall",
                    "error",
                    "math.max",
                    "D",
                    "function() end",
                    "function(...) return ... end",
                    "function(a,b) return a<b end",
                    "select",
                ])
                .into();
        }
        self.lua_function(depth)
    }

    /// A function whose code is part of the script.
    fn lua_function(&mut self, depth: usize) -> String {
        let depth = depth.max(1);
        let outside = self.variadic;
        self.enclosing += 1;
        let (parameters, variadic) =
            self.pick(&[("", false), ("a", false), ("a,b", false), ("...", true), ("a,...", true)]);
        self.variadic = variadic;
        let body = if self.once_in(2) { self.statement(depth - 1) } else { String::new() };
        let result = if variadic && self.once_in(2) {
            self.pick(&["...", "(...)", "select('#',...)", "{...}"]).into()
        } else if !parameters.is_empty() && self.once_in(2) {
            "a".into()
        } else {
            format!("({})", self.any(depth - 1))
        };
        self.variadic = outside;
        self.enclosing -= 1;
        format!("function({parameters}) {body} return {result} end")
    }

    /// What catches errors, and gives several values.
    pub(super) fn protected(&mut self, depth: usize) -> String {
        let depth = depth.saturating_sub(1);
        match self.below(10) {
            0..3 => format!("pcall({})", self.function(depth)),
            3 => {
                let count = self.below(3);
                format!("pcall({},{})", self.function(depth), self.list(count + 1, depth))
            }
            4 => format!("pcall(redis.call,{})", self.command()),
            5 => format!("pcall(error,{},{})", self.any(depth), self.pick(LEVELS)),
            6 => format!("xpcall({},{})", self.lua_function(depth), self.lua_function(depth)),
            7 => format!(
                "coroutine.resume(coroutine.create({}),{})",
                self.lua_function(depth),
                self.any(depth)
            ),
            8 => {
                let source = self.pick(&[
                    "'return 1'",
                    "'return ...'",
                    "'error(1)'",
                    "'x ='",
                    "'return foo'",
                    "'foo=1'",
                    "'\\27Lua'",
                    "''",
                    "'return redis.call(\"ping\")'",
                    "'error({})'",
                ]);
                let name = self.pick(&["", ",'@c'", ",'=c'", ",'c'", ",5"]);
                format!("pcall(loadstring({source}{name}),{})", self.any(depth))
            }
            _ => format!("pcall(coroutine.wrap({}),{})", self.lua_function(depth), self.any(depth)),
        }
    }
}
