//! Lua 5.1 for scripts: the reference interpreter in a closed sandbox, with the libraries that scripts expect.

#![forbid(unsafe_code)]

mod libraries;
mod library;
