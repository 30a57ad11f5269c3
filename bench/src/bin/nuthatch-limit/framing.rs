//! Finds where each request ends and which fixed reply it gets, and nothing more.

use anyhow::{Result, ensure};

/// Most arguments of a request.
const ARGUMENTS_MAX: usize = 1024;
/// Most bytes of an argument.
const ARGUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The fixed reply to a request, by the first letter of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A bulk string of the configured size: GET and its like.
    Value,
    /// One such string for each argument: MGET.
    Values(usize),
    /// `:1`: INCR and its like.
    Integer,
    /// `+PONG`.
    Pong,
    /// `+OK`: everything else.
    Ok,
}

/// The reply to the request at the start of `input` and the length of that request, or nothing while it
/// is incomplete.
pub(crate) fn next_request(input: &[u8]) -> Result<Option<(Reply, usize)>> {
    let Some((arguments, mut position)) = read_length(input, 0, b'*')? else { return Ok(None) };
    ensure!((1..=ARGUMENTS_MAX).contains(&arguments), "a request has {arguments} arguments");
    let mut letter = 0;
    for number in 0..arguments {
        let Some((length, body)) = read_length(input, position, b'$')? else { return Ok(None) };
        ensure!(length <= ARGUMENT_BYTES_MAX, "an argument has {length} bytes");
        position = body + length + 2;
        if position > input.len() {
            return Ok(None);
        }
        if number == 0 {
            letter = input[body].to_ascii_uppercase();
        }
    }
    let reply = match letter {
        b'G' => Reply::Value,
        b'M' => Reply::Values(arguments - 1),
        b'I' => Reply::Integer,
        b'P' => Reply::Pong,
        _ => Reply::Ok,
    };
    Ok(Some((reply, position)))
}

/// The number of the line at `start` and the position after the line.
fn read_length(input: &[u8], start: usize, kind: u8) -> Result<Option<(usize, usize)>> {
    let Some((&first, digits)) = input.get(start..).and_then(<[u8]>::split_first) else { return Ok(None) };
    ensure!(first == kind, "a request has {first:#04x} in place of {kind:#04x}");
    let mut number = 0;
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' if number <= ARGUMENT_BYTES_MAX => number = number * 10 + usize::from(byte - b'0'),
            // One byte for the type, one for the carriage return, one for the line feed.
            b'\r' => return Ok(Some((number, start + index + 3))),
            _ => anyhow::bail!("a request has a malformed length"),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_found_only_when_its_last_byte_is_there() {
        let request = b"*3\r\n$3\r\nSET\r\n$2\r\n*1\r\n$0\r\n\r\n";
        for end in 0..request.len() {
            assert_eq!(next_request(&request[..end]).unwrap(), None, "{end} bytes");
        }
        assert_eq!(next_request(request).unwrap(), Some((Reply::Ok, request.len())));
    }

    #[test]
    fn the_command_decides_the_reply() {
        let reply = |request: &str| next_request(request.as_bytes()).unwrap().unwrap().0;
        assert_eq!(reply("*2\r\n$3\r\nget\r\n$1\r\na\r\n"), Reply::Value);
        assert_eq!(reply("*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n"), Reply::Values(2));
        assert_eq!(reply("*1\r\n$4\r\nPING\r\n"), Reply::Pong);
    }

    #[test]
    fn bytes_that_are_no_request_are_refused() {
        for input in ["PING\r\n", "*0\r\n", "*1\r\n:1\r\n", "*99999999999\r\n", "*1\r\n$x\r\n"] {
            assert!(next_request(input.as_bytes()).is_err(), "{input:?}");
        }
    }
}
