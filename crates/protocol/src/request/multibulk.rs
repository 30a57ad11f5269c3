//! Arrays of bulk strings: every length, every limit, in any number of pieces.

use super::{LINE_BYTES_MAX, Limits, ProtocolError, RequestParser, Span, complete::bulk_header};
use crate::number::parse_i64;

/// The largest number of arguments that a request may announce.
const ARGUMENTS_MAX: i64 = i32::MAX as i64;
/// The largest number of arguments from a client that has not authenticated.
const ARGUMENTS_MAX_UNAUTHENTICATED: i64 = 10;
/// The longest argument, in bytes, from a client that has not authenticated.
const BULK_BYTES_MAX_UNAUTHENTICATED: i64 = 16 * 1024;
/// How many arguments have to be there before it pays to remember them until the rest arrives.
const REMEMBERED_ARGUMENTS_MIN: usize = 32;
/// What a client may announce without having sent as much, in bytes.
const MISSING_BYTES_TRUSTED: usize = 16 * 1024;

/// A request of which only the first arguments have arrived.
#[derive(Debug, Default)]
pub(super) struct Partial {
    arguments: Vec<Span>,
    /// How many arguments are still to come.
    remaining: usize,
    /// Where the next one begins.
    position: usize,
}

impl Partial {
    pub(super) fn memory(&self) -> usize {
        size_of::<Partial>() + self.arguments.capacity() * size_of::<Span>()
    }
}

/// What a line that announces a number says, and where the bytes after it begin.
struct Line {
    number: Option<i64>,
    end: usize,
}

/// What became of the arguments that have arrived.
enum Progress {
    Complete,
    /// The argument under way lacks this many bytes, 0 if that is not known.
    Missing(usize),
}

impl RequestParser {
    pub(super) fn parse_multibulk(
        &mut self,
        input: &[u8],
        arguments: &mut Vec<Span>,
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        if let Some(mut partial) = self.partial.take() {
            let progress = take_arguments(
                input,
                &mut partial.arguments,
                &mut partial.position,
                &mut partial.remaining,
                limits,
            )?;
            return match progress {
                Progress::Complete => {
                    arguments.extend_from_slice(&partial.arguments);
                    Ok(Some(partial.position))
                }
                Progress::Missing(missing) => {
                    self.partial = Some(partial);
                    self.wait(input.len(), missing)
                }
            };
        }

        let Some(line) = read_line(input, 0, ProtocolError::TooBigMultibulkCount)? else { return Ok(None) };
        let count = line.number.filter(|count| *count <= ARGUMENTS_MAX);
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)?;
        if count > ARGUMENTS_MAX_UNAUTHENTICATED && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        let mut remaining = usize::try_from(count).unwrap_or(0);
        let mut position = line.end;
        let before = arguments.len();
        match take_arguments(input, arguments, &mut position, &mut remaining, limits)? {
            Progress::Complete => Ok(Some(position)),
            Progress::Missing(missing) => {
                if arguments.len() - before >= REMEMBERED_ARGUMENTS_MIN {
                    let arguments = arguments.split_off(before);
                    self.partial = Some(Box::new(Partial { arguments, remaining, position }));
                }
                arguments.truncate(before);
                self.wait(input.len(), missing)
            }
        }
    }

    fn wait(&mut self, received: usize, missing: usize) -> Result<Option<usize>, ProtocolError> {
        let missing = missing.min(received.max(MISSING_BYTES_TRUSTED));
        self.missing = u32::try_from(missing).unwrap_or(u32::MAX);
        Ok(None)
    }
}

/// Reads as many of the `remaining` arguments as have arrived whole from `position` on.
fn take_arguments(
    input: &[u8],
    arguments: &mut Vec<Span>,
    position: &mut usize,
    remaining: &mut usize,
    limits: &Limits,
) -> Result<Progress, ProtocolError> {
    while *remaining > 0 {
        let (start, length) = match input.get(*position..).and_then(bulk_header) {
            Some((header, length)) => (*position + header, length),
            None => match read_bulk_header(input, *position, limits)? {
                Some(header) => header,
                None => return Ok(Progress::Missing(0)),
            },
        };
        let end = start.checked_add(length).filter(|end| *end < u32::MAX as usize - 2);
        let end = end.ok_or(ProtocolError::TooBigRequest)?;
        // What the two bytes after an argument are is not looked at.
        let next = end + 2;
        if next > input.len() {
            return Ok(Progress::Missing(next - input.len()));
        }
        arguments.push(Span { start: start as u32, end: end as u32 });
        *position = next;
        *remaining -= 1;
    }
    Ok(Progress::Complete)
}

/// The start and the length of the argument whose header is at `position`, if its header has arrived.
fn read_bulk_header(
    input: &[u8],
    position: usize,
    limits: &Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(line) = read_line(input, position, ProtocolError::TooBigBulkCount)? else { return Ok(None) };
    match input.get(position) {
        Some(b'$') => {}
        Some(other) => return Err(ProtocolError::ExpectedBulk(*other)),
        None => return Ok(None),
    }
    let number = line.number.ok_or(ProtocolError::InvalidBulkLength)?;
    let length = usize::try_from(number).ok().filter(|length| *length <= limits.bulk_bytes_max);
    let length = length.ok_or(ProtocolError::InvalidBulkLength)?;
    if number > BULK_BYTES_MAX_UNAUTHENTICATED && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    Ok(Some((line.end, length)))
}

/// Reads the line at `position`: one byte of type, a number, a carriage return, and one more byte that is not
/// looked at. A zero byte before the carriage return hides it for good.
fn read_line(input: &[u8], position: usize, too_big: ProtocolError) -> Result<Option<Line>, ProtocolError> {
    let rest = input.get(position..).unwrap_or_default();
    let found = memchr::memchr2(b'\r', 0, rest).filter(|at| rest.get(*at) == Some(&b'\r'));
    match found {
        None if rest.len() > LINE_BYTES_MAX => Err(too_big),
        None => Ok(None),
        Some(at) if rest.len() < at + 2 => Ok(None),
        Some(at) => Ok(Some(Line { number: rest.get(1..at).and_then(parse_i64), end: position + at + 2 })),
    }
}
