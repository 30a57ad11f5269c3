//! Requests as templates: the bytes are rendered once, a request only patches its key numbers in.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

const KEY: &str = "__key__";
const SCRAMBLED: &str = "__scrambled__";
const DATA: &str = "__data__";

/// What replaces the placeholders of a template.
#[derive(Debug, Clone)]
pub struct RequestShape {
    /// Bytes of a key: its number, padded with zeros on the left.
    pub key_size: usize,
    /// Bytes of a value.
    pub value_size: usize,
}

impl RequestShape {
    /// A value of letters: no server can store it as a number.
    fn value(&self) -> String {
        (b'a'..=b'z').cycle().step_by(7).take(self.value_size).map(char::from).collect()
    }

    /// How many keys can be told apart with this many digits.
    pub fn distinct_keys(&self) -> u64 {
        u32::try_from(self.key_size).ok().and_then(|digits| 10u64.checked_pow(digits)).unwrap_or(u64::MAX)
    }
}

/// One rendered request with holes where the digits of its keys go.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    holes: Vec<Hole>,
}

/// A place for the digits of a number.
#[derive(Debug, Clone)]
struct Hole {
    range: Range<usize>,
    /// The number stands for the next key's, in another order.
    is_scrambled: bool,
}

impl Request {
    /// Renders a command line such as `LPUSH list:__key__ __data__`, split as a shell would.
    ///
    /// Every `__key__` is drawn anew for each request; `__data__` is always the same value. `__scrambled__` is the
    /// number of the next `__key__`, in another order: a score that does not grow with its member.
    pub fn from_template(template: &str, shape: &RequestShape) -> Result<Self> {
        let words = shlex::split(template).with_context(|| format!("unbalanced quotes in `{template}`"))?;
        ensure!(!words.is_empty(), "the command is empty");
        let mut request = Self { bytes: format!("*{}\r\n", words.len()).into_bytes(), holes: Vec::new() };
        for word in words {
            request.push_argument(&word.replace(DATA, &shape.value()), shape);
        }
        Ok(request)
    }

    /// Renders one of the built-in commands: get, set, setex, incr, mget, ping.
    pub fn named(name: &str, shape: &RequestShape) -> Result<Self> {
        let template = match name {
            "get" => "GET __key__".to_owned(),
            "set" => "SET __key__ __data__".to_owned(),
            "setex" => "SETEX __key__ 3600 __data__".to_owned(),
            // Counters have keys of their own: the values of the others are no numbers.
            "incr" => "INCR counter:__key__".to_owned(),
            "mget" => format!("MGET{}", " __key__".repeat(10)),
            "ping" => "PING".to_owned(),
            _ => bail!("there is no built-in command `{name}` (get, set, setex, incr, mget, ping)"),
        };
        Self::from_template(&template, shape)
    }

    fn push_argument(&mut self, argument: &str, shape: &RequestShape) {
        let keys = argument.matches(KEY).count();
        let scrambled = argument.matches(SCRAMBLED).count();
        let placeholders = keys * KEY.len() + scrambled * SCRAMBLED.len();
        let length = argument.len() - placeholders + (keys + scrambled) * shape.key_size;
        self.bytes.extend_from_slice(format!("${length}\r\n").as_bytes());
        let mut rest = argument;
        while let Some((before, placeholder)) = next_placeholder(rest) {
            self.bytes.extend_from_slice(before.as_bytes());
            let range = self.bytes.len()..self.bytes.len() + shape.key_size;
            self.bytes.resize(range.end, b'0');
            self.holes.push(Hole { range, is_scrambled: placeholder == SCRAMBLED });
            rest = &rest[before.len() + placeholder.len()..];
        }
        self.bytes.extend_from_slice(rest.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// How many keys a request draws.
    pub fn keys(&self) -> usize {
        self.holes.iter().filter(|hole| !hole.is_scrambled).count()
    }

    /// Appends the request to `output`, with a number from `next_key` in each of its keys.
    pub fn render(&self, output: &mut Vec<u8>, mut next_key: impl FnMut() -> u64) {
        let start = output.len();
        output.extend_from_slice(&self.bytes);
        let mut drawn = None;
        for hole in &self.holes {
            let number = drawn.take().unwrap_or_else(&mut next_key);
            let field = &mut output[start + hole.range.start..start + hole.range.end];
            if hole.is_scrambled {
                drawn = Some(number);
                // Odd and no multiple of five: as many last digits differ as before.
                write_digits(field, number.wrapping_mul(7_368_787));
            } else {
                write_digits(field, number);
            }
        }
    }
}

/// What stands before the first placeholder, and the placeholder.
fn next_placeholder(text: &str) -> Option<(&str, &'static str)> {
    let found =
        [KEY, SCRAMBLED].into_iter().filter_map(|placeholder| Some((text.find(placeholder)?, placeholder)));
    found.min().map(|(position, placeholder)| (&text[..position], placeholder))
}

/// Writes the last digits of `number` over the zeros of `field`, right-aligned.
fn write_digits(field: &mut [u8], mut number: u64) {
    // In pairs, since each step waits for the division before it.
    for pair in field.rchunks_mut(2) {
        if number == 0 {
            break;
        }
        let digits = (number % 100) as u8;
        number /= 100;
        if let Some((ones, tens)) = pair.split_last_mut() {
            *ones = b'0' + digits % 10;
            if let Some(tens) = tens.first_mut() {
                *tens = b'0' + digits / 10;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: RequestShape = RequestShape { key_size: 4, value_size: 3 };

    fn render(template: &str, keys: &[u64]) -> String {
        let mut keys = keys.iter().copied();
        let mut output = Vec::new();
        Request::from_template(template, &SHAPE)
            .unwrap()
            .render(&mut output, || keys.next().expect("no more keys than holes"));
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn lengths_count_the_rendered_argument_not_the_placeholder() {
        assert_eq!(
            render("SET user:__key__ __data__", &[42]),
            "*3\r\n$3\r\nSET\r\n$9\r\nuser:0042\r\n$3\r\naho\r\n"
        );
    }

    #[test]
    fn each_key_of_a_request_is_drawn_anew() {
        assert_eq!(
            render("DEL __key__ {__key__}", &[7, 1234]),
            "*3\r\n$3\r\nDEL\r\n$4\r\n0007\r\n$6\r\n{1234}\r\n"
        );
    }

    #[test]
    fn a_key_number_never_leaves_its_hole() {
        assert_eq!(render("GET __key__", &[99_999]), "*2\r\n$3\r\nGET\r\n$4\r\n9999\r\n");
    }

    #[test]
    fn keys_of_an_odd_size_keep_all_their_digits() {
        let shape = RequestShape { key_size: 5, value_size: 1 };
        for (number, digits) in [(0, "00000"), (7, "00007"), (407, "00407"), (98_765, "98765")] {
            let mut output = Vec::new();
            Request::from_template("__key__", &shape).unwrap().render(&mut output, || number);
            assert_eq!(String::from_utf8(output).unwrap(), format!("*1\r\n$5\r\n{digits}\r\n"));
        }
    }

    #[test]
    fn scrambled_numbers_belong_to_the_key_behind_them() {
        assert_eq!(
            render("ZADD z __scrambled__ u:__key__", &[2]),
            "*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$4\r\n7574\r\n$6\r\nu:0002\r\n"
        );
    }

    #[test]
    fn quotes_keep_an_argument_together() {
        assert_eq!(render("ECHO 'a b'", &[]), "*2\r\n$4\r\nECHO\r\n$3\r\na b\r\n");
    }
}
