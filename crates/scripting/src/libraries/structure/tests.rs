use proptest::prelude::*;

use super::super::tests::Script;
use super::table;

fn script() -> Script {
    Script::new("struct", table)
}

/// What the stock server (8.0) has answered, a line each.
#[test]
fn answers_are_those_of_the_stock_server() {
    script().answers(include_str!("answers.txt"));
}

#[test]
fn errors_show_the_letter_of_the_format_as_it_is() {
    let script = script();
    let (ok, error): (bool, mlua::LuaString) = script.call("pcall(struct.pack, '\\200', 1)", ()).unwrap();
    assert!(!ok);
    assert_eq!(&*error.as_bytes(), b"bad argument #1 to '?' (invalid format option '\xc8')");
}

#[test]
fn as_many_values_are_unpacked_as_fit_on_the_stack() {
    let script = script();
    let unpack = |count: usize, offset: &str| {
        script.eval(&format!("select('#', struct.unpack(('b'):rep({count}), ('x'):rep(9000){offset}))"))
    };
    let overflow = Err("user_script:1: stack overflow (too many results)".to_owned());
    for (offset, arguments) in [("", 2), (", 1", 3), (", 1, 2, 3", 5)] {
        let most = 7900 - arguments + 1;
        assert_eq!(unpack(most, offset), Ok((most + 1).to_string()));
        assert_eq!(unpack(most + 1, offset), overflow);
    }
    assert_eq!(unpack(9000, ""), overflow);
}

/// One long text can be given many times over.
#[test]
fn what_is_packed_has_a_greatest_size() {
    let script = script();
    let expression = "#struct.pack(('s'):rep(1000), unpack((function() local text, texts = ('x'):rep(2^20), {} \
         for place = 1, 1000 do texts[place] = text end return texts end)()))";
    assert_eq!(script.eval(expression), Err("user_script:1: not enough memory".to_owned()));
}

proptest! {
    #[test]
    fn integers_come_back(value in any::<i64>(), size in 7_usize..=8, big: bool) {
        // A number of Lua holds 53 bits.
        let value = value >> 11;
        let format = format!("{}i{size}", if big { '>' } else { '<' });
        let script = script();
        let packed: mlua::LuaString = script.call("struct.pack(...)", (format.as_str(), value)).unwrap();
        prop_assert_eq!(packed.as_bytes().len(), size);
        let unpacked: (i64, usize) = script.call("struct.unpack(...)", (format, packed)).unwrap();
        prop_assert_eq!(unpacked, (value, size + 1));
    }

    #[test]
    fn numbers_and_texts_come_back(number: f64, text: Vec<u8>, word in "[a-z]*") {
        let script = script();
        let text = mlua::BString::from(text);
        let arguments = ("!>bdI4c0s", 7, number, text.len(), text.clone(), word.as_str());
        let packed: mlua::LuaString = script.call("struct.pack(...)", arguments).unwrap();
        let (seven, back, bytes, letters, end): (i64, f64, mlua::BString, String, usize) =
            script.call("struct.unpack(...)", ("!>bdI4c0s", packed.clone())).unwrap();
        prop_assert_eq!(back.to_bits(), number.to_bits());
        prop_assert_eq!((seven, bytes, letters, end), (7, text, word, packed.as_bytes().len() + 1));
    }

    #[test]
    fn hostile_formats_and_data_end_in_a_value_or_an_error(
        format in "([bBhHlLTfdxsz ><=]|!(|1|2|4|8|16|99999999999)|[ic](|0|1|3|9|16|32|33|2147483647|4294967296)){0,12}",
        data: Vec<u8>,
        offset in prop_oneof![any::<f64>(), -3.0..20.0],
        numbers in proptest::collection::vec(any::<f64>(), 0..8),
    ) {
        let script = script();
        let data = mlua::BString::from(data);
        let packed: mlua::MultiValue =
            script.call("pcall(struct.pack, ...)", (format.as_str(), mlua::Variadic::from_iter(numbers))).unwrap();
        prop_assert_eq!(packed.len(), 2);
        let unpacked: mlua::MultiValue =
            script.call("pcall(struct.unpack, ...)", (format.as_str(), data, offset)).unwrap();
        prop_assert!(unpacked.len() >= 2);
        let size: mlua::MultiValue = script.call("pcall(struct.size, ...)", format).unwrap();
        prop_assert_eq!(size.len(), 2);
    }
}
