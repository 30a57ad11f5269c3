use mlua::{BString, Lua};
use proptest::prelude::*;

use super::super::tests::Script;
use super::table;

fn script() -> Script {
    Script::new("cjson", |lua| Ok(table(lua)?.0))
}

/// What the stock server (8.0) has answered, a line each.
#[test]
fn answers_are_those_of_the_stock_server() {
    script().answers(include_str!("answers.txt"));
}

#[test]
fn no_setting_outlives_the_script() {
    let lua = Lua::new();
    let (table, settings) = table(&lua).unwrap();
    lua.globals().set("cjson", table).unwrap();
    let run = |source: &str| -> String { lua.load(source).eval().unwrap() };
    let encoded = "return cjson.encode({1 / 3, cjson.decode_max_depth()})";
    assert_eq!(run("cjson.encode_number_precision(3) cjson.decode_max_depth(7) return ''"), "");
    assert_eq!(run(encoded), "[0.333,7]");
    settings.reset();
    assert_eq!(run(encoded), "[0.33333333333333,1000]");
}

/// Whatever scripts set, nesting must not exhaust the stack.
#[test]
fn nesting_is_bounded() {
    let script = script();
    let deep = "cjson.encode_max_depth(1e6) cjson.decode_max_depth(1e6)";
    let encode = |levels: usize, member: &str| {
        script.eval(&format!(
            "(function(t) {deep} for i = 2, {levels} do t = {{{member}t}} end return #cjson.encode(t) end)({{}})"
        ))
    };
    assert_eq!(encode(1000, ""), Ok("2000".to_owned()));
    assert_eq!(encode(1000, "a="), Ok("5996".to_owned()));
    let excess = Err("user_script:1: Cannot serialise, excessive nesting (1001)".to_owned());
    assert_eq!(encode(1001, ""), excess);
    assert_eq!(encode(100_000, "a="), excess);
    let decode = |opening: &str, levels: usize| {
        script.eval(&format!("(function() {deep} return cjson.decode(('{opening}'):rep({levels})) end)()"))
    };
    assert_eq!(
        decode("[", 3999),
        Err("user_script:1: Expected value but found T_END at character 4000".to_owned())
    );
    let excess = |at: usize| {
        Err(format!("user_script:1: Found too many nested data structures (4000) at character {at}"))
    };
    assert_eq!(decode("[", 1_000_000), excess(4000));
    assert_eq!(decode("{\"a\":", 1_000_000), excess(5 * 3999 + 1));
}

/// Few tables can be reached on many ways, and few elements can be far apart.
#[test]
fn what_is_encoded_has_a_greatest_size() {
    let script = script();
    let too_big = Err("user_script:1: not enough memory".to_owned());
    let doubled =
        "(function(t) for i = 1, 100 do t = {t, t} end return #cjson.encode(t) end)(('x'):rep(2^20))";
    assert_eq!(script.eval(doubled), too_big);
    let far = "(function() cjson.encode_sparse_array(false, 0) return #cjson.encode({[2^31 - 1] = 1}) end)()";
    assert_eq!(script.eval(far), too_big);
}

#[test]
fn a_document_that_is_cut_off_is_no_document() {
    let script = script();
    let document = br#"{"a\u00e9b":[true,false,null,-1.5e-7,"\ud83d\ude00"],"":{"x":[]}}"#;
    let shown = |text: &[u8]| -> (bool, mlua::Value) {
        script.call("pcall(cjson.decode, ...)", BString::from(text)).unwrap()
    };
    for length in 0..document.len() {
        let (ok, error) = shown(&document[..length]);
        assert!(!ok, "{length}: {error:?}");
    }
    assert!(shown(document).0);
}

/// A value of JSON that is the same after a round trip: no empty arrays, which become objects.
fn any_json() -> impl Strategy<Value = String> {
    let text = "[a-z\"\\\\/\u{1}-\u{20}\u{7f}-\u{800}\u{ffff}\u{10000}]{0,8}";
    let text = text.prop_map(|text| {
        let mut shown = String::from('"');
        for character in text.chars() {
            match character {
                '"' | '\\' | '/' => shown.extend(['\\', character]),
                '\t' => shown.push_str("\\t"),
                '\n' => shown.push_str("\\n"),
                '\r' => shown.push_str("\\r"),
                '\u{8}' => shown.push_str("\\b"),
                '\u{c}' => shown.push_str("\\f"),
                '\0'..'\u{20}' | '\u{7f}' => shown.push_str(&format!("\\u{:04x}", u32::from(character))),
                _ => shown.push(character),
            }
        }
        shown + "\""
    });
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|boolean| boolean.to_string()),
        (-99_999_999_999_999_i64..=99_999_999_999_999).prop_map(|integer| integer.to_string()),
        text.clone(),
    ];
    scalar.prop_recursive(4, 24, 5, move |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 1..5).prop_map(|values| format!("[{}]", values.join(","))),
            prop::option::of((text.clone(), value)).prop_map(|member| match member {
                Some((key, value)) => format!("{{{key}:{value}}}"),
                None => "{}".to_owned(),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn documents_come_back(document in any_json()) {
        let back: String = script().call("cjson.encode(cjson.decode(...))", document.as_str()).unwrap();
        prop_assert_eq!(back, document);
    }

    #[test]
    fn texts_and_numbers_come_back(text: Vec<u8>, number in prop::num::f64::NORMAL) {
        let script = script();
        let text = BString::from(text);
        let (back, rounded): (BString, f64) = script
            .call("unpack(cjson.decode(cjson.encode({...})))", (text.clone(), number))
            .unwrap();
        prop_assert_eq!(back, text);
        prop_assert!((rounded - number).abs() <= number.abs() * 1e-13, "{number} became {rounded}");
    }

    #[test]
    fn any_text_is_decoded_or_refused(
        text in prop_oneof![
            any::<Vec<u8>>(),
            "([\\[\\]{}:, ]|true|false|null|nan|-?inf|[-+]?[0-9]{1,20}|\"(\\\\u[0-9a-fA-F]{3,4}|\\\\.|[a-z])*\"?|[.eExX]){0,12}"
                .prop_map(String::into_bytes),
        ],
        strict: bool,
    ) {
        let expression = "pcall(function(text, strict) cjson.decode_invalid_numbers(not strict) \
             return cjson.encode({cjson.decode(text)}) end, ...)";
        let (ok, result): (bool, BString) = script().call(expression, (BString::from(text), strict)).unwrap();
        let result = String::from_utf8_lossy(&result);
        let refusals = ["Expected ", "JSON parser", "Cannot serialise number"];
        prop_assert!(ok || refusals.iter().any(|refusal| result.contains(refusal)), "{}", result);
    }
}
