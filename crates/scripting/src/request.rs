//! From the arguments of `redis.call` to a request.

use mlua::Value;
use nuthatch_protocol::Span;
use nuthatch_protocol::number::{exact_integer, format_f64, format_i64};

use crate::host::Request;

/// The most bytes of one request's arguments.
const REQUEST_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Why arguments are not a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// There is not even a command.
    Empty,
    /// One is neither a string nor a number.
    Type,
    /// They are too many bytes.
    TooLarge,
}

impl Request {
    /// Takes the arguments in place of what was there.
    ///
    /// # Errors
    /// They are not a request.
    pub(crate) fn fill<'v>(&mut self, arguments: impl Iterator<Item = &'v Value>) -> Result<(), Malformed> {
        self.bytes.clear();
        self.spans.clear();
        for argument in arguments {
            let start = self.bytes.len();
            match argument {
                Value::String(text) => {
                    let text = text.as_bytes();
                    if self.bytes.len() + text.len() > REQUEST_BYTES_MAX {
                        return Err(Malformed::TooLarge);
                    }
                    self.bytes.extend_from_slice(&text);
                }
                // The interpreter's numbers all have a fraction; these happen to have none.
                Value::Integer(number) => format_number(*number as f64, &mut self.bytes),
                Value::Number(number) => format_number(*number, &mut self.bytes),
                _ => return Err(Malformed::Type),
            }
            // Below the limit, which is below 4 GiB.
            self.spans.push(Span { start: start as u32, end: self.bytes.len() as u32 });
        }
        if self.spans.is_empty() { Err(Malformed::Empty) } else { Ok(()) }
    }

    /// Forgets the arguments, and gives memory back above so many bytes.
    pub(crate) fn shrink_to(&mut self, kept_bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(kept_bytes);
    }
}

/// A number as an argument: as an integer if it is one of 64 bits, else with as many digits as tell it from others.
fn format_number(number: f64, out: &mut Vec<u8>) {
    if number == 0.0 {
        out.push(b'0');
    } else if number.is_nan() {
        // As the C library prints it, with the sign.
        out.extend_from_slice(if number.is_sign_negative() { b"-nan" } else { b"nan" });
    } else {
        match exact_integer(number) {
            Some(integer) => format_i64(integer, out),
            None => format_f64(number, out),
        }
    }
}
