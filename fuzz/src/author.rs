//! Scripts that follow from bytes: mostly calls of what scripts reach, with hostile arguments, each so that the script
//! goes on if it fails.
//!
//! Patterns and the texts that they are matched with are short: how long matching takes has no bound.

mod samples;

use libfuzzer_sys::arbitrary::{Result, Unstructured};

use samples::{EVENTS, FUNCTIONS, MATCHING, NUMBERS, PATTERNS, TEXTS, VARIABLES};

/// How many things stand inside one another.
const DEPTH_MAX: usize = 4;

/// A script, as far as the bytes reach.
pub fn script(choices: &mut Unstructured<'_>) -> Vec<u8> {
    let mut author = Author { choices, text: String::new() };
    author.text += "local A, B, C, D, F, _ = {}, 'text', 1, KEYS, function(...) return ... end ";
    while !author.choices.is_empty() && author.statement(0).is_ok() {}
    author.text += " return A";
    author.text.into_bytes()
}

struct Author<'c, 'b> {
    choices: &'c mut Unstructured<'b>,
    text: String,
}

impl Author<'_, '_> {
    fn pick(&mut self, choices: &[&'static str]) -> Result<&'static str> {
        self.choices.choose(choices).copied()
    }

    fn add(&mut self, choices: &[&'static str]) -> Result<()> {
        let choice = self.pick(choices)?;
        self.text += choice;
        Ok(())
    }

    /// One statement, which is complete whether or not the bytes reach so far.
    fn statement(&mut self, depth: usize) -> Result<()> {
        let kind = self.choices.int_in_range(0..=if depth < DEPTH_MAX { 11 } else { 6 })?;
        let begin = self.text.len();
        let outcome = self.statement_of(kind, depth);
        if outcome.is_err() {
            self.text.truncate(begin);
        }
        outcome
    }

    fn statement_of(&mut self, kind: u8, depth: usize) -> Result<()> {
        match kind {
            0..=3 => {
                self.text += "_, ";
                self.add(VARIABLES)?;
                self.text += ", ";
                self.add(VARIABLES)?;
                self.text += " = pcall(";
                self.add(FUNCTIONS)?;
                self.arguments(depth)?;
                self.text += ") ";
            }
            4 => {
                self.text += "_, ";
                self.add(VARIABLES)?;
                self.text += " = pcall(";
                self.matching()?;
                self.text += ") ";
            }
            5 => {
                self.add(VARIABLES)?;
                self.text += " = ";
                self.expression(depth + 1)?;
                self.text += " ";
            }
            6 => {
                self.text += "pcall(function() ";
                self.add(VARIABLES)?;
                self.text += "[";
                self.expression(depth + 1)?;
                self.text += "] = ";
                self.expression(depth + 1)?;
                self.text += " end) ";
            }
            7 => {
                self.text +=
                    self.choices.choose(&["for _ = 1, 3 do ", "for _ = 1, 20 do ", "for _ = 1, 300 do "])?;
                self.block(depth)?;
                self.text += "end ";
            }
            8 => {
                self.text += "F = function(A, B, ...) ";
                self.block(depth)?;
                self.text += "return A, B, ... end ";
            }
            9 => {
                self.add(VARIABLES)?;
                self.text += " = coroutine.wrap(function(A, ...) ";
                self.block(depth)?;
                self.text += "coroutine.yield(A, ...) ";
                self.block(depth)?;
                self.text += "end) ";
            }
            10 => {
                self.text += "pcall(function(...) ";
                self.block(depth)?;
                self.text += "return ";
                self.expression(depth + 1)?;
                self.text += " end) ";
            }
            _ => {
                self.text += "xpcall(function() ";
                self.block(depth)?;
                self.text += "error(";
                self.expression(depth + 1)?;
                self.text += ", 2) end, function(A) ";
                self.block(depth)?;
                self.text += "return A end) ";
            }
        }
        Ok(())
    }

    fn block(&mut self, depth: usize) -> Result<()> {
        for _ in 0..self.choices.int_in_range(0..=3)? {
            self.statement(depth + 1)?;
        }
        Ok(())
    }

    fn arguments(&mut self, depth: usize) -> Result<()> {
        for _ in 0..self.choices.int_in_range(0..=5)? {
            self.text += ", ";
            self.expression(depth + 1)?;
        }
        Ok(())
    }

    /// A function that matches a pattern, and its arguments.
    fn matching(&mut self) -> Result<()> {
        self.add(MATCHING)?;
        self.text += ", ";
        self.literal(30)?;
        self.text += ", ";
        if self.choices.arbitrary()? {
            self.add(PATTERNS)?;
        } else {
            self.literal(8)?;
        }
        if self.choices.arbitrary()? {
            self.text += ", ";
            self.expression(DEPTH_MAX)?;
        }
        Ok(())
    }

    /// A text of any bytes.
    fn literal(&mut self, length_max: usize) -> Result<()> {
        let length = self.choices.int_in_range(0..=length_max)?;
        let bytes = self.choices.bytes(length.min(self.choices.len()))?;
        self.text += "'";
        for byte in bytes {
            match byte {
                b' '..=b'~' if !b"'\\".contains(byte) => self.text.push(char::from(*byte)),
                _ => self.text += &format!("\\{byte:03}"),
            }
        }
        self.text += "'";
        Ok(())
    }

    fn expression(&mut self, depth: usize) -> Result<()> {
        let kind = self.choices.int_in_range(0..=if depth < DEPTH_MAX { 17 } else { 9 })?;
        match kind {
            0..=2 => self.add(NUMBERS)?,
            3..=5 => self.add(TEXTS)?,
            6 | 7 => self.add(VARIABLES)?,
            8 => self.literal(40)?,
            9 => self.add(&[
                "nil",
                "true",
                "false",
                "F",
                "_G",
                "redis",
                "string",
                "cjson.null",
                "KEYS",
                "{}",
                "cjson.empty_array",
            ])?,
            10 | 11 => {
                self.text += "{";
                for _ in 0..self.choices.int_in_range(0..=4)? {
                    self.expression(depth + 1)?;
                    self.text += ", ";
                }
                self.text += "}";
            }
            12 => {
                self.text += "{[(";
                self.expression(depth + 1)?;
                self.text += ") or 1] = ";
                self.expression(depth + 1)?;
                self.text += "}";
            }
            13 => {
                self.text += "(select(2, pcall(setmetatable, {}, {";
                self.add(EVENTS)?;
                self.text += " = ";
                self.expression(depth + 1)?;
                self.text += "})))";
            }
            14 => {
                self.text += "select(2, pcall(";
                self.add(FUNCTIONS)?;
                self.arguments(depth + 1)?;
                self.text += "))";
            }
            15 => {
                self.text += "function(...) ";
                self.block(depth)?;
                self.text += "return ... end";
            }
            16 => {
                // As deep as it says, and one that contains itself.
                self.text += "(function() local t = {} for _ = 1, ";
                self.add(&["10", "15", "16", "17", "100", "999", "1000", "1001", "20000"])?;
                self.text +=
                    self.choices.choose(&[" do t = {t} end", " do t = {a = t} end", " do end t[1] = t"])?;
                self.text += " return t end)()";
            }
            _ => {
                // A list as long as it says.
                self.text += "(function() local t = {} for i = 1, ";
                self.add(&[
                    "3", "64", "65", "250", "256", "4000", "4001", "7898", "7899", "7900", "8000", "70000",
                ])?;
                self.text += self.choices.choose(&[
                    " do t[i] = i end",
                    " do t[i] = 'x' end",
                    " do t[i * 2] = i end",
                ])?;
                self.text += " return t end)()";
            }
        }
        Ok(())
    }
}
