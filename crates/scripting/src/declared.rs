//! A proof that a script uses only keys that it declares.
//!
//! The compiled code is interpreted with what is known of values before it runs ([`Value`]): constants, the elements of
//! `KEYS`, the functions that call commands. A script is proven if every call of a command has keys, and nothing else,
//! where the command takes keys.
//!
//! The proof rests on this: what is *sensitive*, which is the functions that call commands, the tables through which
//! scripts reach them, and `KEYS` itself, is only ever in registers and in variables that inner functions use. So an
//! unknown function does not call commands, because it cannot know one that does, and an unknown table is not `KEYS`.
//! Whatever would let such a value go elsewhere, into a table, to an unknown function or out of a function, ends the
//! proof, and so does `_G`, where all of them are, and compiling code while the script runs. That the sandbox lets nobody
//! change globals or keep anything from one script to the next belongs to it.
//!
//! The instructions are those of `lopcodes.h` of Lua 5.1.

mod arguments;
mod flow;
mod instruction;
mod program;
mod state;
#[cfg(test)]
mod tests;
mod value;

pub use arguments::{CommandKeys, KnownArgument, KnownRequest, Rest};

use crate::bytecode::Prototype;

/// The script is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unproven;

/// Whether a script uses only keys that it declares, whatever its keys and arguments are. `false` if that is not known.
pub(crate) fn uses_declared_keys_only(prototype: &Prototype, commands: &dyn CommandKeys) -> bool {
    program::Program::new(prototype, commands).prove().is_ok()
}
