//! Numbers of bytes with a unit.

/// A number of bytes with an optional unit; beyond what 64 bits hold it is the largest number there is.
pub fn parse_size(word: &[u8]) -> Option<u64> {
    let digits_len = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = word.split_at(digits_len);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number = digits.iter().fold(0_u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    Some(number.saturating_mul(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal_or_binary_in_any_case() {
        let sizes: &[(&[u8], u64)] = &[
            (b"", 0),
            (b"kb", 0),
            (b"007", 7),
            (b"7B", 7),
            (b"2k", 2000),
            (b"2Kb", 2048),
            (b"3m", 3_000_000),
            (b"3MB", 3 << 20),
            (b"4g", 4_000_000_000),
            (b"4gB", 4 << 30),
            (b"18446744073709551615", u64::MAX),
            (b"99999999999999999999gb", u64::MAX),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse_size(text), Some(*bytes), "{}", text.escape_ascii());
        }
        let refused: &[&[u8]] = &[b"-1", b"+1", b" 1", b"1 ", b"1.5", b"1t", b"1kk", b"1e3", b"0x10"];
        assert!(refused.iter().all(|text| parse_size(text).is_none()));
    }
}
