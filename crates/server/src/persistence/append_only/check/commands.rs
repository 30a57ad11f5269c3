//! Going through the commands of a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// The longest line that says a number or a time, in bytes.
const LINE_BYTES_MAX: u64 = 1024;

/// The longest name of a command that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 5;

/// What is in a file.
pub(super) struct Scan {
    /// Up to here it is whole.
    pub(super) whole: u64,
    /// The number of the line in which it was left.
    pub(super) line: u64,
    pub(super) outcome: Outcome,
}

/// How it was left.
pub(super) enum Outcome {
    Whole,
    /// What is here was appended later than is wanted.
    Later(u64),
    /// It is no such file from there on.
    Format,
    /// It ends where something must follow.
    End,
    Error {
        at: u64,
        text: String,
    },
}

/// Goes through the commands from an offset on, until one was appended after a time.
pub(super) fn scan(
    mut file: File,
    offset: u64,
    size: u64,
    line: u64,
    until: Option<u64>,
) -> io::Result<Scan> {
    file.seek(SeekFrom::Start(offset))?;
    let mut reader =
        Commands { source: BufReader::new(file), at: offset, size, line, last: offset, begun: None };
    let mut whole = offset;
    let outcome = loop {
        if reader.at >= size {
            break match reader.begun {
                None => Outcome::Whole,
                Some(_) => {
                    let text = "Reached EOF before reading EXEC for MULTI".to_owned();
                    Outcome::Error { at: reader.last, text }
                }
            };
        }
        let start = reader.at;
        let stop = match reader.source.fill_buf()?.first() {
            Some(b'#') => match reader.line() {
                Ok(line) => {
                    let time = line.strip_prefix(b"#TS:").and_then(|text| std::str::from_utf8(text).ok());
                    let time = time.and_then(|text| text.trim_end().parse::<u64>().ok());
                    let is_later = until.zip(time).is_some_and(|(until, time)| time > until);
                    is_later.then_some(Outcome::Later(start))
                }
                Err(stop) => Some(stop),
            },
            Some(b'*') => reader.command().err(),
            _ => Some(Outcome::Format),
        };
        if let Some(outcome) = stop {
            break outcome;
        }
        if reader.begun.is_none() {
            whole = reader.at;
        }
    };
    let whole = if matches!(outcome, Outcome::Later(_)) { size } else { whole };
    Ok(Scan { whole, line: reader.line, outcome })
}

struct Commands {
    source: BufReader<File>,
    /// Where in the file it is.
    at: u64,
    size: u64,
    line: u64,
    /// Where that began which was read last.
    last: u64,
    /// Where the transaction begins that is not complete.
    begun: Option<u64>,
}

impl Commands {
    /// Reads a line. Its end is part of it.
    fn line(&mut self) -> Result<Vec<u8>, Outcome> {
        let mut line = Vec::new();
        let at = self.at;
        self.last = at;
        let read = self.source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        read.map_err(|problem| Outcome::Error { at, text: problem.to_string() })?;
        if line.is_empty() {
            return Err(Outcome::End);
        }
        self.at += line.len() as u64;
        Ok(line)
    }

    /// Reads the number in a line that begins with a byte.
    fn number(&mut self, prefix: u8) -> Result<u64, Outcome> {
        let at = self.at;
        let line = self.line()?;
        let (first, rest) = line.split_first().unwrap_or((&0, &[]));
        if *first != prefix {
            let text = format!("Expected prefix '{}', got: '{}'", char::from(prefix), first.escape_ascii());
            return Err(Outcome::Error { at, text });
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, end) = rest.split_at(digits);
        if end != b"\r\n" {
            let byte = |index: usize| end.get(index).copied().unwrap_or_default();
            let text = format!("Expected \\r\\n, got: {:02x}{:02x}", byte(0), byte(1));
            return Err(Outcome::Error { at, text });
        }
        self.line += 1;
        let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        number.ok_or(Outcome::Error { at, text: "Expected a number".to_owned() })
    }

    /// Goes past a command.
    fn command(&mut self) -> Result<(), Outcome> {
        let start = self.at;
        let count = self.number(b'*')?;
        let mut name = Vec::new();
        for number in 0..count {
            let length = self.number(b'$')?;
            let word = self.word(length)?;
            if number == 0 {
                name = word;
            }
        }
        let at = self.last;
        let error = |text: &str| Outcome::Error { at, text: text.to_owned() };
        if name.eq_ignore_ascii_case(b"MULTI") && self.begun.replace(start).is_some() {
            return Err(error("Unexpected MULTI"));
        }
        if name.eq_ignore_ascii_case(b"EXEC") && self.begun.take().is_none() {
            return Err(error("Unexpected EXEC"));
        }
        Ok(())
    }

    /// Goes past a word of so many bytes. Returns it, if it can be the name of a command that counts.
    fn word(&mut self, length: u64) -> Result<Vec<u8>, Outcome> {
        let at = self.at;
        self.last = at;
        let (left, wanted) = (self.size - self.at, length.saturating_add(2));
        if wanted > left {
            // The stock tool reads nothing if it is at the end, nor what it reads in part.
            return Err(Outcome::Error {
                at,
                text: format!("Expected to read {wanted} bytes, got {left} bytes"),
            });
        }
        let failed = |problem: io::Error| Outcome::Error { at, text: problem.to_string() };
        let mut word = Vec::new();
        if length <= NAME_BYTES_MAX as u64 {
            self.source.by_ref().take(length).read_to_end(&mut word).map_err(failed)?;
        } else {
            let past = i64::try_from(length).unwrap_or(i64::MAX);
            self.source.seek_relative(past).map_err(failed)?;
        }
        let mut end = [0; 2];
        self.source.read_exact(&mut end).map_err(failed)?;
        if end != *b"\r\n" {
            let text = format!("Expected \\r\\n, got: {:02x}{:02x}", end[0], end[1]);
            return Err(Outcome::Error { at, text });
        }
        self.at += wanted;
        self.line += 1;
        Ok(word)
    }
}
