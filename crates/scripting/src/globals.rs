//! Which globals code uses, as its compiled form says.
//!
//! Code reaches a global by an instruction that has its name, or through the table of all of them, `_G`, or through further
//! code that it compiles (`load`, `loadstring`), for which these three names are read.

use crate::bytecode::{Constant, Prototype};

/// `OP_GETGLOBAL` of `lopcodes.h` of Lua 5.1; the name's place among the constants is in the upper 18 bits.
const GET_GLOBAL: u32 = 5;
/// `OP_SETGLOBAL`.
const SET_GLOBAL: u32 = 7;

/// What code, and the functions in it, may do with globals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GlobalUse {
    /// Whether it may read `KEYS`.
    pub(crate) reads_keys: bool,
    /// Whether it may read `ARGV`.
    pub(crate) reads_arguments: bool,
    /// Whether it has instructions that set globals.
    pub(crate) sets: bool,
}

impl GlobalUse {
    /// That of a function with those inside it.
    pub(crate) fn of(prototype: &Prototype) -> Self {
        let mut found = Self::default();
        for word in &prototype.code {
            match word & 0x3f {
                SET_GLOBAL => found.sets = true,
                GET_GLOBAL => match prototype.constants.get((word >> 14) as usize) {
                    Some(Constant::Text(name)) => found.note_read(name),
                    _ => found.note_read(b"_G"),
                },
                _ => {}
            }
        }
        for child in &prototype.children {
            let Self { reads_keys, reads_arguments, sets } = Self::of(child);
            found.reads_keys |= reads_keys;
            found.reads_arguments |= reads_arguments;
            found.sets |= sets;
        }
        found
    }

    fn note_read(&mut self, name: &[u8]) {
        let reaches_all = matches!(name, b"_G" | b"load" | b"loadstring");
        self.reads_keys |= reaches_all || name == b"KEYS";
        self.reads_arguments |= reaches_all || name == b"ARGV";
    }
}
