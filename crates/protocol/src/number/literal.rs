//! What C's `strtod` and `strtold` read as a number, given that it must be all of the text.

/// A number as it was written, found to be well formed.
#[derive(Clone, Copy)]
pub(crate) enum Literal<'text> {
    /// `inf` or `infinity`.
    Infinity {
        /// Whether there is a minus sign.
        negative: bool,
    },
    /// Digits, perhaps a point, perhaps a power of ten.
    Decimal {
        /// The number, sign included.
        text: &'text str,
        /// Its digits without the exponent.
        significand: &'text str,
    },
    /// Hexadecimal digits, perhaps a point, perhaps a power of two.
    Hexadecimal {
        /// The number, sign included.
        text: &'text str,
        /// Its digits without `0x` and the exponent.
        significand: &'text str,
    },
}

impl<'text> Literal<'text> {
    /// Recognises a number. Not-a-number is not one.
    pub(crate) fn parse(text: &'text [u8]) -> Option<Literal<'text>> {
        let text = std::str::from_utf8(text).ok()?;
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
            return Some(Literal::Infinity { negative: text.starts_with('-') });
        }
        let hexadecimal = unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X"));
        let (digits, exponent_marks, radix) = match hexadecimal {
            Some(digits) => (digits, ['p', 'P'], 16),
            None => (unsigned, ['e', 'E'], 10),
        };
        let (significand, exponent) = match digits.split_once(exponent_marks) {
            Some((significand, exponent)) => (significand, Some(exponent)),
            None => (digits, None),
        };
        let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
        let are_digits = |text: &str, radix| text.chars().all(|digit| digit.is_digit(radix));
        let well_formed = whole.len() + fraction.len() > 0
            && are_digits(whole, radix)
            && are_digits(fraction, radix)
            && exponent.is_none_or(|exponent| {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                !digits.is_empty() && are_digits(digits, 10)
            });
        well_formed.then_some(match hexadecimal {
            Some(_) => Literal::Hexadecimal { text, significand },
            None => Literal::Decimal { text, significand },
        })
    }

    /// Whether the number is zero, rather than so small that it is rounded to zero.
    pub(crate) fn is_zero(self) -> bool {
        match self {
            Literal::Infinity { .. } => false,
            Literal::Decimal { significand, .. } | Literal::Hexadecimal { significand, .. } => {
                significand.bytes().all(|byte| matches!(byte, b'0' | b'.'))
            }
        }
    }

    /// A hexadecimal number with the exponent that `rustc_apfloat` insists on.
    pub(crate) fn hexadecimal(self) -> Option<String> {
        match self {
            Literal::Hexadecimal { text, .. } if text.contains(['p', 'P']) => Some(text.to_owned()),
            Literal::Hexadecimal { text, .. } => Some(format!("{text}p0")),
            _ => None,
        }
    }
}
