//! Lines of words separated by blanks, with quoting: configuration files and manifests of append-only files.

/// Splits a line into words.
///
/// A word in double quotes may hold blanks and the escapes `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH`, and a
/// backslash before any other character for that character. One in single quotes is literal but for `\'`.
/// `None` means that a quote is not closed, or that something other than a blank follows it.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        rest = read_word(rest, &mut word)?;
        words.push(word);
    }
}

/// Reads one word off the start of `rest` and returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' => return read_double_quoted(after, word),
            b'\'' => return read_single_quoted(after, word),
            _ if byte.is_ascii_whitespace() => break,
            _ => {
                word.push(byte);
                after
            }
        };
    }
    Some(rest)
}

fn read_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\\', b'x', high, low, after @ ..] if let Some(byte) = hexadecimal(*high, *low) => {
                word.push(byte);
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [b'"', after @ ..] => return starts_blank(after).then_some(after),
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
            [] => return None,
        };
    }
}

fn read_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [b'\'', after @ ..] => return starts_blank(after).then_some(after),
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
            [] => return None,
        };
    }
}

fn starts_blank(rest: &[u8]) -> bool {
    rest.first().is_none_or(u8::is_ascii_whitespace)
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Writes a word in double quotes, so that [`split_words`] reads the same word back.
pub fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in word {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            0x07 => quoted.extend(b"\\a"),
            0x08 => quoted.extend(b"\\b"),
            b' '..=b'~' => quoted.push(byte),
            _ => quoted.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split_words(line.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect())
    }

    #[test]
    fn quotes_and_escapes_are_read_as_the_stock_server_reads_them() {
        for (line, expected) in [
            ("port 7310", vec!["port", "7310"]),
            ("\tport\t7310\r", vec!["port", "7310"]),
            (r#"port "73\x310""#, vec!["port", "7310"]),
            (r"port '73\x310'", vec!["port", r"73\x310"]),
            (r#"a "b c" 'd e' """#, vec!["a", "b c", "d e", ""]),
            (r"a 'it\'s'", vec!["a", "it's"]),
            (r#"a "\q\xZZ\"""#, vec!["a", "qxZZ\""]),
            (r#"a b"c""#, vec!["a", "bc"]),
        ] {
            assert_eq!(words(line).expect("quotes are balanced"), expected, "{line}");
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [r#"a "b"#, "a 'b", r#"a "b"c"#, "a 'b'c", r#"a "b\"#, r#"a ""b"#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn a_quoted_word_reads_back_unchanged() {
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(split_words(&quote(&every_byte)), Some(vec![every_byte]));
    }
}
