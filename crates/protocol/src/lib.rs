//! Redis protocol requests and replies, patterns, number formats and quoted words; bytes in, values out.
//!
//! Nothing here reads, writes or waits: a connection hands over the bytes that it has received and sends
//! the bytes that it gets. Whatever those bytes are, no function panics on them.

#![forbid(unsafe_code)]

pub mod glob;
pub mod long_double;
pub mod number;
pub mod reply;
pub mod request;
pub mod value;
pub mod words;

pub use long_double::LongDouble;
pub use reply::Reply;
pub use request::{Limits, ProtocolError, RequestParser, Span};
pub use value::{Decoder, Value};
