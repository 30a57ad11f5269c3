//! Libraries of functions as bytes: what FUNCTION DUMP answers and FUNCTION RESTORE takes, which is the same as in files.

use super::Malformed;
use super::reader::Reader;
use super::writer::Writer;

/// What begins a library.
const FUNCTION: u8 = 245;

/// The texts of libraries as bytes.
pub fn save<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Vec<u8> {
    let mut writer = Writer::default();
    for text in texts {
        writer.byte(FUNCTION);
        writer.string(text);
    }
    writer.finish()
}

/// The texts of libraries from bytes, none of which is longer than `string_bytes_max`.
///
/// # Errors
/// The bytes are something else.
pub fn load(bytes: &[u8], string_bytes_max: usize) -> Result<Vec<Vec<u8>>, NotFunctions> {
    let mut reader = Reader::new(bytes, string_bytes_max);
    let mut texts = Vec::new();
    while reader.remaining() > 0 {
        if reader.byte()? != FUNCTION {
            return Err(NotFunctions::OtherType);
        }
        texts.push(reader.string()?.into_owned());
    }
    Ok(texts)
}

/// Why bytes are not libraries of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFunctions {
    /// Something else begins there.
    OtherType,
    /// They end too early, or say what cannot be.
    Malformed,
}

impl From<Malformed> for NotFunctions {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_come_back_and_every_truncation_is_refused() {
        let texts: [&[u8]; 3] = [b"#!lua name=a\nreturn 1", &[b'x'; 1000], b""];
        let bytes = save(texts.into_iter());
        assert_eq!(load(&bytes, 1 << 20).expect("libraries"), texts);
        for end in 1..bytes.len() {
            let loaded = load(&bytes[..end], 1 << 20);
            assert!(loaded.is_err() || loaded.is_ok_and(|loaded| loaded.len() < texts.len()), "{end}");
        }
        assert_eq!(load(&[0, 1, b'x'], 1 << 20), Err(NotFunctions::OtherType));
    }
}
