//! Development only: starts servers, speaks RESP, generates commands, and compares two servers'
//! answers to the same bytes.

pub mod argument;
pub mod client;
pub mod conversation;
pub mod differences;
pub mod differential;
mod documents;
pub mod families;
pub mod generator;
mod geo;
mod hyperloglog;
mod lua;
pub mod normalise;
mod packing;
pub mod program;
pub mod reply;
pub mod request;
mod samples;
pub mod scripts;
pub mod server;
pub mod shrink;
pub mod state;
mod streams;
mod syntax;
pub mod values;
