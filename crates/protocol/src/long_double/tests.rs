use super::*;
use proptest::prelude::*;

fn sum(number: &str, increment: &str) -> Option<String> {
    let sum = LongDouble::parse(number.as_bytes())?.checked_add(LongDouble::parse(increment.as_bytes())?)?;
    Some(shown(sum))
}

fn shown(number: LongDouble) -> String {
    let mut text = Vec::new();
    number.format(&mut text);
    String::from_utf8(text).expect("numbers are ASCII")
}

/// Recorded from Redis 8.0.6: a value, INCRBYFLOAT's increment, and the reply.
#[test]
fn sums_are_those_of_the_stock_server() {
    let cases = [
        ("0.1", "0.2", "0.3"),
        ("100", "-0.1", "99.9"),
        ("3.0", "0", "3"),
        ("-0", "-0", "0"),
        ("-1e-20", "0", "0"),
        ("-5e-18", "0", "0"),
        ("-5.1e-18", "0", "-0.00000000000000001"),
        ("5e-18", "0", "0"),
        ("1e-17", "0", "0.00000000000000001"),
        ("1.5e-17", "0", "0.00000000000000002"),
        ("2.5e-17", "0", "0.00000000000000002"),
        ("0x1.fffffffffffff8p0", "0", "1.99999999999999989"),
        ("0x.8", "1", "1.5"),
        ("0x1p-18", "0", "0.00000381469726562"),
        ("-0x3p-18", "0", "-0.00001144409179688"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("9223372036854775807.5", "0", "9223372036854775807.5"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("1e19", "0.1", "10000000000000000000"),
        ("1e20", "0.5", "100000000000000000000"),
        ("123456789012345678901234567890", "0", "123456789012345678899921813504"),
        ("0x1p-16445", "0", "0"),
        ("4e-4951", "1", "1"),
        ("0e99999999999999999999", "1", "1"),
    ];
    for (number, increment, expected) in cases {
        assert_eq!(sum(number, increment).as_deref(), Some(expected), "{number} + {increment}");
    }
    let largest = sum("1.18973149535723176502e+4932", "0").expect("the largest number is one");
    assert_eq!(largest.len(), 4933);
    assert!(
        largest.starts_with("118973149535723176502126385303097020516906332229462420044032373389173700552297")
    );
}

/// Recorded from Redis 8.0.6.
#[test]
fn what_the_stock_server_refuses_is_no_number() {
    let cases = [
        "",
        ".",
        "1e",
        " 1",
        "1 ",
        "nan",
        "0x",
        "1e5000",
        "1.19e4932",
        "1.18973149535723176506e+4932",
        "0x1p16384",
        "1e-4951",
        "0x1p-16446",
        "1e99999999999999999999",
    ];
    for text in cases {
        assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
    }
    let zeros = |count| [b"0".repeat(count), b"1".to_vec()].concat();
    assert!(LongDouble::parse(&zeros(5118)).is_some());
    assert!(LongDouble::parse(&zeros(5119)).is_none());
}

#[test]
fn infinity_is_a_number_but_no_sum() {
    for text in ["inf", "-inf", "+Infinity"] {
        let infinity = LongDouble::parse(text.as_bytes()).expect("infinity is a number");
        assert!(!infinity.is_finite());
        assert_eq!(sum(text, "1"), None);
    }
    assert_eq!(sum("inf", "-inf"), None);
    assert_eq!(sum("1e4932", "1e4932"), None);
}

proptest! {
    /// Sums of integers of 62 bits are exact, and so are sums of multiples of 2^-10 that small.
    #[test]
    fn sums_that_fit_are_exact(a in -(1i64 << 52)..1 << 52, b in -(1i64 << 52)..1 << 52) {
        prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some((a + b).to_string()));
        let binary = |number: i64| {
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}0x{:x}p-10", number.abs())
        };
        let expected = LongDouble::parse(binary(a + b).as_bytes()).map(shown);
        prop_assert_eq!(sum(&binary(a), &binary(b)), expected);
    }

    #[test]
    fn a_number_that_is_shown_reads_back_to_what_is_shown(text in "-?[0-9]{1,40}(\\.[0-9]{1,17})?") {
        let once = LongDouble::parse(text.as_bytes()).map(shown).expect("the text is a number");
        prop_assert_eq!(LongDouble::parse(once.as_bytes()).map(shown), Some(once));
    }

    #[test]
    fn no_text_panics(text in "[-+.0-9eExXpPinf]{0,30}") {
        let _ = LongDouble::parse(text.as_bytes()).map(shown);
    }
}
