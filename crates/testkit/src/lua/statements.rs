//! Statements, and whole scripts of them.

use super::samples::{LEVELS, SHEBANGS, SMALL, STATEMENTS};
use super::{Author, SHOW};

/// How many expressions stand inside one another at most.
const DEPTH_MAX: usize = 3;

impl Author<'_> {
    pub(super) fn script(&mut self) -> String {
        let mut body = String::new();
        if self.once_in(3) {
            // Without it, they are globals that are not there.
            body += &format!(
                "local n,s,t,x = {},{},{},{} ",
                self.number(0),
                self.text(0),
                self.table(1),
                self.any(1)
            );
            body += &format!("local f = {} ", self.function(1));
        } else {
            body += "local n,s,t,x,f = 1,'s',{1,2,3},nil,type ";
        }
        for _ in 0..self.below(4) {
            body += &self.statement(DEPTH_MAX);
            body += self.pick(&[" ", " ", "\n", "; "]);
        }
        let depth = 1 + self.below(DEPTH_MAX);
        body += &match self.below(8) {
            0 | 1 => format!("return D({})", self.list(2, depth)),
            2 => format!("return ({})", self.any(depth)),
            3 => format!("return {{{}}}", self.list(3, depth)),
            4 => format!("return {}", self.reply(depth)),
            5 => format!("return D({})", self.protected(depth)),
            6 => format!("return ({})", self.call()),
            _ => format!("return D({})", self.call()),
        };
        let first = match self.below(15) {
            0 => format!("{}\n", self.pick(SHEBANGS)),
            1 => "\n".into(),
            _ => String::new(),
        };
        let show = if body.contains("D(") || body.contains("(D") { SHOW } else { "" };
        // The name is a global that is not there where the function is not needed by that name.
        format!("{first}{show}{body}")
    }

    pub(super) fn statement(&mut self, depth: usize) -> String {
        if depth == 0 {
            return format!("local y = {}", self.any(0));
        }
        let inner = depth - 1;
        match self.below(17) {
            0..2 if self.enclosing == 0 => {
                let (name, value) = match self.below(4) {
                    0 => ("n", self.number(depth)),
                    1 => ("s", self.text(depth)),
                    2 => ("t", self.table(depth)),
                    _ => ("x", self.any(depth)),
                };
                format!("{name} = {value}")
            }
            0..3 => format!("local y = {}", self.any(depth)),
            3 => {
                let otherwise =
                    if self.once_in(2) { format!(" else {}", self.statement(inner)) } else { String::new() };
                format!("if {} then {}{otherwise} end", self.condition(depth), self.statement(inner))
            }
            4 => {
                self.enclosing += 1;
                let body = self.statement(inner);
                self.enclosing -= 1;
                let [first, last] = [(); 2].map(|()| self.pick(SMALL));
                let step = self.pick(&["", "", ",1", ",-1", ",2", ",0.5", ",'1'", ",{}"]);
                format!("for i={first},{last}{step} do {body} end")
            }
            5 => {
                self.enclosing += 1;
                let body = self.statement(inner);
                self.enclosing -= 1;
                let iterator = match self.below(5) {
                    0 => format!("string.gmatch({},{})", self.text(0), self.pick(super::samples::PATTERNS)),
                    1 => format!("pairs({})", self.table(0)),
                    2 => self.any(inner),
                    _ => format!("ipairs({})", self.table(inner)),
                };
                // Some values are functions that never give nil.
                format!("do local z=0 for k,v in {iterator} do z=z+1 if z>9 then break end {body} end end")
            }
            6 => {
                self.enclosing += 1;
                let body = self.statement(inner);
                self.enclosing -= 1;
                let condition = self.condition(inner);
                match self.below(2) {
                    0 => format!(
                        "do local z=0 while {condition} do z=z+1 if z>4 then break end {body} end end"
                    ),
                    _ => format!("do local z=0 repeat z=z+1 {body} until z>4 or {condition} end"),
                }
            }
            7 => format!("n = n + {}", self.pick(&["1", "2", "x", "s", "t"])),
            8 => match self.below(3) {
                0 => format!("t[{}] = {}", self.number(0), self.scalar_or_nothing()),
                1 => format!("t.a = {}", self.scalar_or_nothing()),
                _ => format!("t[#t+1] = {}", self.scalar_or_nothing()),
            },
            9 => {
                let value = self.scalar_or_nothing();
                match self.below(6) {
                    0 => format!("table.insert({},{value})", self.table(inner)),
                    1 => format!("table.insert(t,{},{value})", self.pick(SMALL)),
                    2 => format!("local y = table.remove({},{})", self.table(inner), self.pick(SMALL)),
                    3 => format!("table.sort({})", self.table(inner)),
                    4 => format!("table.sort({},{})", self.table(inner), self.function(inner)),
                    _ => format!("local y = rawget({},{value})", self.table(inner)),
                }
            }
            10 => format!("error({},{})", self.any(inner), self.pick(LEVELS)),
            11 => format!("local y = assert({})", self.list(2, inner)),
            12..15 => self.call(),
            15 => {
                let called = if self.once_in(2) { "f".into() } else { format!("({})", self.any(inner)) };
                format!("local y = {called}({})", self.list(1, inner))
            }
            _ => self.pick(STATEMENTS).into(),
        }
    }

    fn scalar_or_nothing(&mut self) -> String {
        match self.below(5) {
            0 => "nil".into(),
            1 | 2 => self.number(1),
            _ => self.text(1),
        }
    }
}
