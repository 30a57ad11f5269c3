//! The manifest of an append-only file: of which files it consists.
//!
//! One line a file: `file NAME seq NUMBER type b|i|h`, where names that need it are quoted. The base comes first when the
//! server loads, then the incremental files in their order; files of history are superseded, and to be removed.

use std::fmt;

use nuthatch_protocol::words::{quote, split_words};

/// The highest number of a file.
const SEQUENCE_MAX: u64 = u64::MAX / 2;

/// The longest line of a manifest, in bytes.
const LINE_BYTES_MAX: usize = 1024;

/// A file of an append-only file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name in the directory of the manifest.
    pub name: Vec<u8>,
    /// Its number: bases and incremental files are counted apart.
    pub sequence: u64,
}

impl Part {
    /// The name for the log.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// What is loaded first.
    pub base: Option<Part>,
    /// What is loaded then, in this order.
    pub increments: Vec<Part>,
    /// What is superseded.
    pub history: Vec<Part>,
}

/// Why a text is no manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What it says, or the beginning of that.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        const FORMAT: &str = "Invalid AOF manifest file format";
        let mut manifest = Self::default();
        let mut sequence_before = 0;
        let mut number = 0;
        let mut rest = text;
        let error = |line: usize, text: &[u8], reason| ManifestError {
            line,
            text: String::from_utf8_lossy(text).into_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(error(0, b"", "Found an empty AOF manifest"));
        }
        while !rest.is_empty() {
            number += 1;
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return Err(error(number, rest, "The AOF manifest file contains an invalid line"));
            };
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if end > LINE_BYTES_MAX {
                return Err(error(number, &line[..64], "The AOF manifest file contains too long line"));
            }
            if line.starts_with(b"#") {
                continue;
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                return Err(error(number, line, FORMAT));
            }
            let (kind, part) = parse_line(line).map_err(|reason| error(number, line, reason))?;
            match kind {
                b'b' if manifest.base.is_some() => {
                    return Err(error(number, line, "Found duplicate base file information"));
                }
                b'b' => manifest.base = Some(part),
                b'h' => manifest.history.push(part),
                b'i' if part.sequence <= sequence_before => {
                    return Err(error(number, line, "Found a non-monotonic sequence number"));
                }
                b'i' => {
                    sequence_before = part.sequence;
                    manifest.increments.push(part);
                }
                _ => return Err(error(number, line, "Unknown AOF file type")),
            }
        }
        Ok(manifest)
    }

    /// All files that count, in the order in which they are loaded.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// Whether a file of this name is mentioned.
    pub fn mentions(&self, name: &[u8]) -> bool {
        self.parts().chain(&self.history).any(|part| part.name == name)
    }

    /// The number of the next base.
    pub fn next_base(&self) -> u64 {
        let bases = self.base.iter().chain(&self.history).map(|part| part.sequence);
        bases.max().unwrap_or(0).saturating_add(1)
    }

    /// The number of the next incremental file.
    pub fn next_increment(&self) -> u64 {
        let last = self.increments.iter().chain(&self.history).map(|part| part.sequence);
        last.max().unwrap_or(0).saturating_add(1)
    }

    /// Makes all that there is history, but for a new base and the increments from one on.
    pub fn supersede(&mut self, base: Part, first_kept: u64) {
        let (kept, old) = self.increments.drain(..).partition(|part| part.sequence >= first_kept);
        self.increments = kept;
        let old: Vec<Part> = old;
        self.history.extend(self.base.replace(base));
        self.history.extend(old);
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |part: &Part, kind: char| {
            let name = quoted(&part.name);
            writeln!(formatter, "file {name} seq {} type {kind}", part.sequence)
        };
        self.base.iter().try_for_each(|part| line(part, 'b'))?;
        self.history.iter().try_for_each(|part| line(part, 'h'))?;
        self.increments.iter().try_for_each(|part| line(part, 'i'))
    }
}

/// Reads a line: pairs of words, in any order, of which those that are not known are passed over.
fn parse_line(line: &[u8]) -> Result<(u8, Part), &'static str> {
    const FORMAT: &str = "Invalid AOF manifest file format";
    let words = split_words(line).ok_or(FORMAT)?;
    let (mut name, mut sequence, mut kind) = (None, None, None);
    if words.len() < 6 || words.len() % 2 != 0 {
        return Err(FORMAT);
    }
    for pair in words.chunks_exact(2) {
        let [key, value] = pair else { return Err(FORMAT) };
        if key.eq_ignore_ascii_case(b"file") {
            if value.contains(&b'/') || value.is_empty() || value == b"." || value == b".." {
                return Err("File can't be a path, just a filename");
            }
            name = Some(value.clone());
        } else if key.eq_ignore_ascii_case(b"seq") {
            sequence = std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
        } else if key.eq_ignore_ascii_case(b"type") {
            kind = value.first().copied();
        }
    }
    match (name, sequence, kind) {
        // There is always a next one.
        (Some(name), Some(sequence @ 1..=SEQUENCE_MAX), Some(kind)) => Ok((kind, Part { name, sequence })),
        _ => Err(FORMAT),
    }
}

/// A name as it stands in a manifest.
fn quoted(name: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'\\#".contains(byte);
    let text = if name.iter().all(is_plain) { name.to_vec() } else { quote(name) };
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let part = |name: &[u8], sequence| Part { name: name.to_vec(), sequence };
        let manifest = Manifest {
            base: Some(part(b"a b.1.base.rdb", 1)),
            increments: vec![part(b"x\"\xff.1.incr.aof", 1), part(b"plain.2.incr.aof", 2)],
            history: vec![part(b"old", 7)],
        };
        assert_eq!(Manifest::parse(manifest.to_string().as_bytes()), Ok(manifest.clone()));
        assert_eq!((manifest.next_base(), manifest.next_increment()), (8, 8));
        let mut later = manifest;
        later.supersede(part(b"new", 8), 2);
        assert_eq!(later.increments, [part(b"plain.2.incr.aof", 2)]);
        assert_eq!(later.history.len(), 3);
    }

    #[test]
    fn lines_of_newer_versions_are_read() {
        let text = b"# a comment\nfile appendonly.aof.2.base.rdb seq 2 type b\n\
                     file appendonly.aof.2.incr.aof seq 2 type i startoffset 35\n";
        let manifest = Manifest::parse(text).expect("a manifest of Redis 8.0");
        assert_eq!(manifest.increments.len(), 1);
    }

    #[test]
    fn what_is_none_is_refused_with_the_line() {
        let cases: &[(&[u8], usize)] = &[
            (b"", 0),
            (b"file a seq 1 type b", 1),
            (b"\n", 1),
            (b"file a seq 1\n", 1),
            (b"file a seq x type b\n", 1),
            (b"file a seq 0 type b\n", 1),
            (b"file a/b seq 1 type b\n", 1),
            (b"file .. seq 1 type b\n", 1),
            (b"file a seq 1 type x\n", 1),
            (b"file a seq 1 type b\nfile c seq 2 type b\n", 2),
            (b"file a seq 2 type i\nfile b seq 2 type i\n", 2),
            (b"file \"a seq 1 type b\n", 1),
        ];
        for (text, line) in cases {
            let found = Manifest::parse(text).map_err(|error| error.line);
            assert_eq!(found, Err(*line), "{}", text.escape_ascii());
        }
    }
}
