//! A command as a client sends it.

use std::fmt;

/// A command's name and arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request(pub Vec<Vec<u8>>);

impl Request {
    /// A request of the given words.
    pub fn new<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(|word| word.as_ref().to_vec()).collect())
    }

    /// A request of the words of `line`, separated by blanks, without quoting.
    pub fn from_line(line: &str) -> Self {
        Self::new(line.split_whitespace())
    }

    /// Appends the request as an array of bulk strings.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n", self.0.len()).as_bytes());
        for word in &self.0 {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Every request of `requests`, encoded one after the other.
    pub fn encode_all(requests: &[Request]) -> Vec<u8> {
        let mut out = Vec::new();
        for request in requests {
            request.encode(&mut out);
        }
        out
    }

    /// The word at `index` in upper case; empty when there is none.
    pub fn upper(&self, index: usize) -> String {
        self.0.get(index).map(|word| String::from_utf8_lossy(word).to_uppercase()).unwrap_or_default()
    }
}

/// Words as a person would type them: quoted and escaped where needed, cut where they are long.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORD_BYTES_MAX: usize = 80;
        /// For code, of which every word counts.
        const CODE_BYTES_MAX: usize = 4000;
        for (index, word) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            let plain = !word.is_empty() && word.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"');
            let is_code = word.windows(6).any(|piece| matches!(piece, b"local " | b"return"));
            if word.len() > if is_code { CODE_BYTES_MAX } else { WORD_BYTES_MAX } {
                write!(formatter, "\"{}…\"({} bytes)", word[..WORD_BYTES_MAX].escape_ascii(), word.len())?;
            } else if plain {
                formatter.write_str(&String::from_utf8_lossy(word))?;
            } else {
                write!(formatter, "\"{}\"", word.escape_ascii())?;
            }
        }
        Ok(())
    }
}
