use super::*;
use proptest::prelude::*;

fn shown(number: f64) -> String {
    let mut text = Vec::new();
    format_f64(number, &mut text);
    String::from_utf8(text).expect("numbers are ASCII")
}

/// Recorded from Redis 8.0.6: what ZADD took, and what ZSCORE showed of a big sorted set. Among them numbers that an algorithm
/// which is always shortest shows differently.
#[test]
fn floating_point_numbers_look_as_in_the_stock_server() {
    let cases = [
        ("3", "3"),
        ("-0", "-0"),
        ("0.1", "0.1"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("+3", "3"),
        ("00012", "12"),
        ("1e15", "1000000000000000"),
        ("1e18", "1000000000000000000"),
        ("1e19", "1e+19"),
        ("1e20", "1e+20"),
        ("4611686018427387904", "4611686018427387904"),
        ("-4611686018427387904", "-4611686018427387904"),
        ("4611686018427388928", "4611686018427389000"),
        ("9223372036854775808", "9223372036854776000"),
        ("1.5e17", "150000000000000000"),
        ("123456789012345680", "123456789012345680"),
        ("1234567890123456789012", "1234567890123456800000"),
        ("1e23", "99999999999999990000000"),
        ("1.2e23", "1.2e+23"),
        ("0.00001", "0.00001"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("0.000015", "0.000015"),
        ("0.0000015", "1.5e-6"),
        ("0.00001234567", "1.234567e-5"),
        ("1234.5678901", "1234.5678901"),
        ("12345.6789012", "1.23456789012e+4"),
        ("123.456", "123.456"),
        ("249.40174734", "249.40174733999999"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("10928588.983213553", "1.0928588983213553e+7"),
        ("5.807372774326351e-47", "5.8073727743263505e-47"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("4.9e-324", "5e-324"),
        ("2.5e-324", "5e-324"),
        ("1.7976931348623158e308", "1.7976931348623157e+308"),
        ("0x10", "16"),
        ("0X1.8P+1", "3"),
        ("0x.8", "0.5"),
        ("0x1p-1074", "5e-324"),
        ("0x1e5", "485"),
        ("0e99999999999999999999", "0"),
        ("inf", "inf"),
        ("+Infinity", "inf"),
        ("-INF", "-inf"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_f64(text.as_bytes()).map(shown).as_deref(), Some(expected), "{text:?}");
    }
    assert_eq!(shown(f64::NAN), "nan");
}

#[test]
fn every_digit_is_that_of_the_stock_server() {
    let recorded = include_str!("recorded.txt").lines().filter(|line| !line.starts_with('#'));
    let cases: Vec<(&str, &str)> = recorded.filter_map(|line| line.split_once(' ')).collect();
    assert!(cases.len() > 500);
    for (bits, expected) in cases {
        let bits = u64::from_str_radix(bits, 16).expect("the first word is a number's bits");
        assert_eq!(shown(f64::from_bits(bits)), expected, "{bits:#x}");
    }
}

/// Recorded from Redis 8.0.6, ZSCAN of a big sorted set.
#[test]
fn seventeen_digits_look_as_in_the_stock_server() {
    let cases = [
        (1e16, "10000000000000000"),
        (0.0001, "0.0001"),
        (-1e22, "-1e+22"),
        (1e-5, "1.0000000000000001e-05"),
        (1.5e300, "1.5000000000000001e+300"),
        (123_456_789.125, "123456789.125"),
        (100.0, "100"),
        (1e17, "1e+17"),
        (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
        (0.1, "0.10000000000000001"),
        (1e-7, "9.9999999999999995e-08"),
        (10.0 / 3.0, "3.3333333333333335"),
        (f64::INFINITY, "inf"),
        (-0.0, "-0"),
    ];
    for (number, expected) in cases {
        let mut text = Vec::new();
        format_f64_17(number, &mut text);
        assert_eq!(String::from_utf8(text).expect("numbers are ASCII"), expected);
    }
}

/// Recorded from Redis 8.0.6: what ZRANGEBYSCORE takes.
#[test]
fn bounds_are_read_as_in_the_stock_server() {
    let accepted =
        [("", 0.0), ("+1", 1.0), ("1e400", f64::INFINITY), ("-1e-400", 0.0), ("1\0abc", 1.0), ("\0", 0.0)];
    for (text, expected) in accepted {
        assert_eq!(parse_f64_bound(text.as_bytes()), Some(expected), "{text:?}");
    }
    assert_eq!(parse_f64_bound(b"-Infinity"), Some(f64::NEG_INFINITY));
    for text in ["0x1", " 1", "1 ", " ", "(1", "1e", "nan", "\n1", "x"] {
        assert_eq!(parse_f64_bound(text.as_bytes()), None, "{text:?}");
    }
}

/// Recorded from Redis 8.0.6.
#[test]
fn what_the_stock_server_refuses_is_no_floating_point_number() {
    let cases = [
        "",
        "+",
        "-",
        ".",
        "e5",
        "1e",
        "1e+",
        "1e5.5",
        "++1",
        "+-1",
        "1 ",
        " 1",
        "\t1",
        "1\0",
        "1_0",
        "1,5",
        "1d",
        "0x",
        "0x.",
        "0x1p",
        "0x1p+",
        "0xp1",
        "0b1",
        "nan",
        "-nan",
        "NaN",
        "nan(1)",
        "infi",
        "infinit",
        "infinityx",
        "1e309",
        "-1e400",
        "1.7976931348623159e308",
        "0x1p1024",
        "2.4e-324",
        "1e-400",
        "0x1p-1075",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "١",
    ];
    for text in cases {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_f64(b"\xff"), None);
}

#[test]
fn integers_are_read_in_one_spelling_only() {
    for number in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
        assert_eq!(parse_i64(number.to_string().as_bytes()), Some(number));
    }
    assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
    let refused = [
        "",
        "-",
        "+1",
        "01",
        "-0",
        "-01",
        " 1",
        "1 ",
        "1a",
        "0x1",
        "1.0",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        "1844674407370955161:",
        "1\0",
    ];
    for text in refused {
        assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
    }
    for text in [
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        "1844674407370955161:",
        "-1",
    ] {
        assert_eq!(parse_u64(text.as_bytes()), None, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn floating_point_numbers_read_back_as_the_same(bits: u64) {
        let number = f64::from_bits(bits);
        if number.is_finite() {
            prop_assert_eq!(parse_f64(shown(number).as_bytes()), Some(number), "{:?}", number);
        }
    }

    #[test]
    fn integers_read_back_as_the_same(number: i64) {
        let mut text = Vec::new();
        format_i64(number, &mut text);
        prop_assert_eq!(parse_i64(&text), Some(number));
    }

    #[test]
    fn integers_are_read_as_the_standard_library_reads_them(text in "-?[0-9]{1,22}") {
        let standard = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        prop_assert_eq!(parse_i64(text.as_bytes()), standard);
    }

    #[test]
    fn no_text_panics(text in "[-+.0-9eExXpPinfatyINF ]{0,30}") {
        let _ = parse_f64(text.as_bytes()).map(shown);
    }
}

/// Recorded from Redis 8.0.6: what `cjson.encode` prints with the precision set to so many digits.
#[test]
fn any_number_of_digits_looks_as_in_the_stock_server() {
    let cases = [
        (1.0 / 3.0, 14, "0.33333333333333"),
        (1.0 / 3.0, 1, "0.3"),
        (123_456_789.0, 2, "1.2e+08"),
        (123_456_789.0, 13, "123456789"),
        (123_456_789_012_345.0, 14, "1.2345678901234e+14"),
        (12_345_678_901_234.0, 14, "12345678901234"),
        (1e14, 14, "1e+14"),
        (1.25, 2, "1.2"),
        (1.25, 1, "1"),
        (0.1 + 0.2, 14, "0.3"),
        (9_007_199_254_740_992.0, 14, "9.007199254741e+15"),
        (5e-324, 14, "4.9406564584125e-324"),
        (-9_223_372_036_854_775_808.0, 14, "-9.2233720368548e+18"),
        (0.000_012_34, 14, "1.234e-05"),
        (0.0001, 14, "0.0001"),
        (-0.0, 14, "-0"),
        (1e308, 14, "1e+308"),
    ];
    for (number, digits, expected) in cases {
        let mut text = Vec::new();
        format_f64_significant(number, digits, &mut text);
        assert_eq!(String::from_utf8(text).expect("numbers are ASCII"), expected);
    }
}

/// Recorded from Redis 8.0.6: where `cjson.decode` finds the end of a number.
#[test]
fn numbers_at_the_beginning_of_text_are_read_as_in_the_stock_server() {
    let infinity = f64::INFINITY;
    let cases: &[(&str, Option<(f64, usize)>)] = &[
        ("5.", Some((5.0, 2))),
        (".5", Some((0.5, 2))),
        (".", None),
        ("-", None),
        ("-.e1", None),
        ("--1", None),
        ("- 1", None),
        ("", None),
        ("+1", Some((1.0, 2))),
        ("1e", Some((1.0, 1))),
        ("1e+", Some((1.0, 1))),
        ("1E+5", Some((1e5, 4))),
        ("1e1.5", Some((10.0, 3))),
        ("1.5.5", Some((1.5, 3))),
        ("007", Some((7.0, 3))),
        ("0x", Some((0.0, 1))),
        ("0x.", Some((0.0, 1))),
        ("0xg", Some((0.0, 1))),
        ("0x.8", Some((0.5, 4))),
        ("0x1p", Some((1.0, 3))),
        ("-0X1F", Some((-31.0, 5))),
        ("0x1.8p+1,", Some((3.0, 8))),
        ("0x1.fffffffffffff8p0", Some((2.0, 20))),
        ("0x123456789abcdef01", Some((2.098_829_547_942_064_5e19, 19))),
        ("0x1.fffffffffffff8p1023", Some((infinity, 23))),
        ("0x1p99999999999", Some((infinity, 15))),
        ("0x1p-99999999999", Some((0.0, 16))),
        ("0x0.00000000000008p-1022", Some((0.0, 24))),
        ("0x0.00000000000008000001p-1022", Some((5e-324, 30))),
        ("1e400", Some((infinity, 5))),
        ("-1e99999999999999999999", Some((-infinity, 23))),
        ("1e-99999999999999999999", Some((0.0, 23))),
        ("infinit", Some((infinity, 3))),
        ("-iNfInItYx", Some((-infinity, 9))),
        ("in", None),
        ("na", None),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_f64_prefix(text.as_bytes()), *expected, "{text}");
    }
    for (text, length, negative) in [
        ("nano", 3, false),
        ("-NaN", 4, true),
        ("nan(a_1)x", 8, false),
        ("nan(", 3, false),
        ("nan(-)", 3, false),
    ] {
        let (number, read) = parse_f64_prefix(text.as_bytes()).expect("not a number is what it says");
        assert_eq!((number.is_nan(), number.is_sign_negative(), read), (true, negative, length), "{text}");
    }
}
