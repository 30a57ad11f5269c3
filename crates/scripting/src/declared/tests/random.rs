//! Random scripts over what the proof knows and what it must not fall for.

/// Writes a script that choices determine; where there are none left it takes the first.
pub(super) struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: String,
    /// How many blocks are around.
    depth: usize,
    /// Whether the function that is written has `...`.
    is_variadic: bool,
    is_in_loop: bool,
}

/// Variables for keys, for functions, for what calls commands, and for tables.
const OPENING: &str = "local k, l, c, d, t, n = KEYS[1], KEYS[2], redis.call, redis.pcall, {}, 1\n\
    local f, g = function(k) return c('GET', k) end, function() end\n";

const BLOCKS_MAX: usize = 5;

impl<'c> Writer<'c> {
    pub(super) fn script(choices: &'c [u8]) -> String {
        let mut writer = Self {
            choices: choices.iter(),
            text: String::from(OPENING),
            depth: 0,
            is_variadic: true,
            is_in_loop: false,
        };
        while writer.choices.len() > 0 {
            // What fails in a function that is protected is not the end.
            if writer.choose(2) == 0 { writer.statement() } else { writer.protected() }
        }
        writer.text
    }

    fn word(&mut self, word: &str) {
        self.text.push_str(word);
    }

    /// One of so many.
    fn choose(&mut self, count: u8) -> u8 {
        self.choices.next().copied().unwrap_or(0) % count
    }

    fn one_of(&mut self, words: &[&str]) {
        let choice = self.choose(words.len() as u8);
        self.word(words[usize::from(choice)]);
    }

    /// What is to be a key, and is one most of the time.
    fn key(&mut self) {
        match self.choose(24) {
            0..=4 => self.word("KEYS[1]"),
            5..=6 => self.word("KEYS[n]"),
            7..=10 => self.word("k"),
            11..=13 => self.word("l"),
            14 => self.word("nil"),
            15 => self.one_of(&["ARGV[1]", "'x'", "n", "t[1]", "t.x"]),
            16 => {
                self.key();
                self.one_of(&[" or ", " and "]);
                self.key();
            }
            17 => self.word("KEYS[1] .. 'x'"),
            18 => self.call(),
            19 if self.is_variadic => self.word("(...)"),
            _ => self.word("KEYS[2]"),
        }
    }

    /// What is to call commands.
    fn caller(&mut self) {
        self.one_of(&[
            "redis.call",
            "c",
            "redis.pcall",
            "d",
            "server.call",
            "c",
            "redis.call",
            "redis['call']",
            "f",
            "t[1]",
            "redis.log",
            "redis[t]",
            "n == 1 and c or d",
        ]);
    }

    fn function(&mut self) {
        if self.depth >= BLOCKS_MAX {
            return self.one_of(&["f", "g"]);
        }
        match self.choose(8) {
            0 => self.word("f"),
            1 => self.word("g"),
            2 => self.one_of(&["c", "redis.call", "unpack", "pcall", "t[1]", "t.x"]),
            _ => {
                self.word("function");
                self.body();
            }
        }
    }

    /// Parameters, block and end of a function.
    fn body(&mut self) {
        let (was_variadic, was_in_loop) = (self.is_variadic, self.is_in_loop);
        (self.is_variadic, self.is_in_loop) = (false, false);
        match self.choose(5) {
            0 => self.word("(k) "),
            1 => self.word("(k, f) "),
            2 => self.word("(l) "),
            3 => {
                self.is_variadic = true;
                self.word("(k, ...) ");
            }
            _ => self.word("() "),
        }
        self.block();
        if self.choose(3) > 0 {
            // In parentheses one value is returned: many would be too many for a build of the interpreter that checks itself.
            if self.choose(4) == 0 {
                self.word("return f(");
                self.arguments();
            } else {
                self.word("return (");
                self.any();
            }
            self.word(") ");
        }
        self.word("end");
        (self.is_variadic, self.is_in_loop) = (was_variadic, was_in_loop);
    }

    fn table(&mut self) {
        match self.choose(6) {
            0..=2 => self.word("t"),
            3 => self.one_of(&["KEYS", "redis", "ARGV"]),
            _ => {
                self.word("{");
                self.any();
                self.word(", x = ");
                self.any();
                self.word("}");
            }
        }
    }

    fn any(&mut self) {
        match self.choose(9) {
            0..=3 => self.key(),
            4 => self.function(),
            5 => self.caller(),
            6 => self.table(),
            7 => self.call(),
            _ => self.word("n"),
        }
    }

    /// A call of a command or of something else.
    fn call(&mut self) {
        match self.choose(10) {
            0..=3 => {
                self.word("(");
                self.caller();
                self.word(")(");
                self.command();
                self.word(")");
            }
            4 => {
                self.word("pcall(");
                self.caller();
                self.word(", ");
                self.command();
                self.word(")");
            }
            5 => {
                self.one_of(&["select(1, ", "type(", "rawset(", "unpack(", "assert(", "pcall(error, "]);
                self.table();
                self.word(", 1, ");
                self.any();
                self.word(")");
            }
            6 => {
                self.word("pcall(");
                self.function();
                self.word(", ");
                self.arguments();
                self.word(")");
            }
            _ => {
                self.one_of(&["f", "g", "f", "g", "t[1]", "t.x"]);
                self.word("(");
                self.arguments();
                self.word(")");
            }
        }
    }

    fn arguments(&mut self) {
        self.key();
        if self.choose(3) == 0 {
            self.word(", ");
            self.any();
        }
    }

    /// A command with its arguments.
    fn command(&mut self) {
        self.one_of(&["'GET', ", "'INCR', ", "'DEL', ", "'PING', ", "'get', ", "k, ", "t[1] or 'GET', "]);
        self.key();
        match self.choose(8) {
            0 => self.word(", unpack(KEYS)"),
            1 => self.word(", unpack(ARGV)"),
            2 => {
                self.word(", ");
                self.key();
            }
            3 if self.is_variadic => self.word(", ..."),
            _ => {}
        }
    }

    fn block(&mut self) {
        self.depth += 1;
        for _ in 0..=self.choose(3) {
            if self.depth < BLOCKS_MAX {
                self.statement();
            }
        }
        self.depth -= 1;
    }

    fn loop_block(&mut self) {
        let was_in_loop = std::mem::replace(&mut self.is_in_loop, true);
        self.block();
        self.is_in_loop = was_in_loop;
    }

    fn statement(&mut self) {
        match self.choose(20) {
            0..=3 => {
                self.one_of(&["local _ = ", "t[1] = ", "local x = ", "local _ = "]);
                self.call();
            }
            4..=5 => {
                self.one_of(&["k = ", "l = ", "local k = ", "local l = "]);
                self.key();
            }
            6 => {
                self.one_of(&["f = ", "g = ", "local f = ", "local g = "]);
                self.function();
            }
            7 => {
                self.one_of(&["c = ", "d = ", "local c = ", "local d = "]);
                self.caller();
            }
            8 => {
                self.one_of(&["t = ", "local t = "]);
                self.table();
            }
            9 => {
                self.one_of(&["t[1] = ", "t.x = ", "t[n] = ", "t[#t + 1] = ", "KEYS[1] = "]);
                self.any();
            }
            10..=11 => {
                self.one_of(&["local function f", "local function g"]);
                self.body();
            }
            12 => {
                self.one_of(&["if k then ", "if n == 1 then ", "if not l then "]);
                self.block();
                if self.choose(2) == 0 {
                    self.word("else ");
                    self.block();
                }
                self.word("end");
            }
            13 => {
                self.word("for n = 1, 2 do ");
                self.loop_block();
                self.word("end");
            }
            14..=15 => {
                self.one_of(&[
                    "for n, k in ipairs(KEYS) do ",
                    "for n, l in pairs(KEYS) do ",
                    "for l, k in next, KEYS do ",
                    "for n, k in ipairs(t) do ",
                    "for n, k in ipairs(ARGV) do ",
                ]);
                self.loop_block();
                self.word("end");
            }
            16 => {
                self.word("n = 1 repeat n = n + 1 ");
                self.loop_block();
                self.word("until n > 2");
            }
            17 if self.is_in_loop => self.word("if n == 2 then break end"),
            18 => {
                self.word("do ");
                self.block();
                self.word("end");
            }
            _ => self.protected(),
        }
        self.word("\n");
    }

    fn protected(&mut self) {
        self.word("pcall(function() ");
        let (was_variadic, was_in_loop) = (self.is_variadic, self.is_in_loop);
        (self.is_variadic, self.is_in_loop) = (false, false);
        self.block();
        (self.is_variadic, self.is_in_loop) = (was_variadic, was_in_loop);
        self.word("end)\n");
    }
}
