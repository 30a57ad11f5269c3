//! Lua 5.1 for scripts: the reference interpreter in a closed sandbox, with the libraries that scripts expect.
//!
//! Nothing here knows keys or commands: what a script reaches of the server is what its [`Host`] lets it reach.

#![forbid(unsafe_code)]

mod api;
mod bytecode;
mod declared;
mod from_lua;
mod globals;
mod host;
mod interpreter;
mod libraries;
mod library;
mod memory;
mod raise;
mod request;
mod to_lua;

pub use api::sha1_hex;
pub use declared::{CommandKeys, KnownArgument, KnownRequest, Rest};
pub use host::{Host, LogLevel, Request, UnknownCommand};
pub use interpreter::{Failure, Identity, Interpreter, LibraryFunction, LoadFailure, Script};
