use mlua::BString;
use proptest::prelude::*;

use super::super::tests::Script;
use super::table;

fn script() -> Script {
    Script::new("cmsgpack", table)
}

/// What the stock server (8.0) has answered, a line each.
#[test]
fn answers_are_those_of_the_stock_server() {
    script().answers(include_str!("answers.txt"));
}

/// Few tables can be reached on many ways.
#[test]
fn what_is_packed_has_a_greatest_size() {
    let doubled =
        "(function(t) for i = 1, 15 do t = {t, t} end return #cmsgpack.pack(t) end)(('x'):rep(2^20))";
    assert_eq!(script().eval(doubled), Err("user_script:1: not enough memory".to_owned()));
}

/// The interpreter lends a limited number of values, and that is no reason to fail in another way.
#[test]
fn more_values_than_fit_are_refused() {
    let too_many = Err("user_script:1: stack overflow \
         (too many return values at once; use unpack_one or unpack_limit instead.)"
        .to_owned());
    for packed in ["\\161x", "\\144", "\\145\\144", "\\145\\161x", "\\129\\1\\145\\1"] {
        let count =
            |count: usize| script().eval(&format!("select('#', cmsgpack.unpack(('{packed}'):rep({count})))"));
        assert_eq!(count(5000), Ok("5000".to_owned()), "{packed}");
        assert_eq!(count(100_000), too_many, "{packed}");
    }
}

#[test]
fn what_is_cut_off_misses_bytes() {
    let script = script();
    let packed: BString = script
        .call("cmsgpack.pack({1, 300, -70000, 2^40, 1.5, 0.1, true, {a = {b = ('x'):rep(40)}}, ('y'):rep(300)})", ())
        .unwrap();
    for length in 1..packed.len() {
        let (ok, error): (bool, BString) =
            script.call("pcall(cmsgpack.unpack, ...)", BString::from(&packed[..length])).unwrap();
        assert_eq!((ok, &error[..]), (false, &b"Missing bytes in input."[..]), "{length}");
    }
}

proptest! {
    #[test]
    fn values_come_back(text: Vec<u8>, number: f64, integer: i64, boolean: bool, length in 0_usize..100) {
        // A number of Lua holds 53 bits.
        let integer = integer >> 11;
        let text = BString::from(text);
        let texts = vec![text.clone(); length];
        let expression = "cmsgpack.unpack(cmsgpack.pack(...))";
        let given = (text, number, integer, boolean, texts);
        let back: (BString, f64, i64, bool, Vec<BString>) = script().call(expression, given.clone()).unwrap();
        prop_assert_eq!(back.1.to_bits(), if number == 0.0 { 0 } else { number.to_bits() });
        prop_assert_eq!((back.0, back.2, back.3, back.4), (given.0, given.2, given.3, given.4));
    }

    #[test]
    fn any_text_is_unpacked_or_refused(
        text in prop_oneof![
            any::<Vec<u8>>(),
            prop::collection::vec(prop_oneof![0x80..0xe0_u8, Just(0), Just(1), Just(0xff)], 0..40),
        ],
        offset in -2..50,
    ) {
        let script = script();
        let expression = "pcall(cmsgpack.unpack_limit, ...)";
        let result: mlua::MultiValue = script.call(expression, (BString::from(text), 100, offset)).unwrap();
        if result[0] == mlua::Value::Boolean(false) {
            let error = result[1].to_string().unwrap();
            let refusals = ["Bad data", "Missing bytes", "Start offset", "Invalid request", "table index is"];
            prop_assert!(refusals.iter().any(|refusal| error.starts_with(refusal)), "{}", error);
        }
    }
}
