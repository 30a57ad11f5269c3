use super::*;

/// The structure in one line: names and kinds, with `?` optional, `+` multiple, tokens in front.
fn outline(syntax: &'static str) -> String {
    list(&Parser { rest: syntax }.sequence(Level::Top))
}

fn list(arguments: &[Argument]) -> String {
    arguments.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn one(argument: &Argument) -> String {
    let token = argument.token.as_ref().map(|token| format!("{token}:")).unwrap_or_default();
    let marks = [(argument.optional, "?"), (argument.multiple, "+"), (argument.multiple_token, "++")];
    let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
    match argument.kind {
        Kind::PureToken => format!("{}{marks}", argument.token.as_deref().unwrap_or("")),
        Kind::OneOf => format!("{token}<{}>{marks}", list(&argument.arguments)),
        Kind::Block => format!("{token}({}){marks}", list(&argument.arguments)),
        _ => format!("{token}{}{marks}", argument.name),
    }
}

#[test]
fn options_with_values_carry_their_tokens() {
    assert_eq!(
        outline("key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]"),
        "key, value, <NX, XX>?, GET?, <EX:seconds, PX:milliseconds, KEEPTTL>?"
    );
}

#[test]
fn repetitions_of_one_and_of_several_arguments_are_told_apart() {
    assert_eq!(outline("key [key ...]"), "key+");
    assert_eq!(outline("key value [key value ...]"), "(key, value)+");
    assert_eq!(outline("[command-name [command-name ...]]"), "command-name?+");
    assert_eq!(outline("[PREFIX prefix [PREFIX prefix ...]] [BCAST]"), "PREFIX:prefix?+++, BCAST?");
    assert_eq!(outline("[ID client-id [client-id ...]]"), "ID:client-id?+");
}

#[test]
fn tokens_with_several_values_are_blocks() {
    assert_eq!(outline("key [LIMIT offset count]"), "key, LIMIT:(offset, count)?");
    assert_eq!(
        outline("[AUTH username password] [SETNAME clientname]"),
        "AUTH:(username, password)?, SETNAME:clientname?"
    );
    assert_eq!(outline("[TYPE <NORMAL | MASTER>]"), "TYPE:<NORMAL, MASTER>?");
}

#[test]
fn a_repeated_choice_of_blocks_keeps_its_parts() {
    assert_eq!(
        outline("key [<GET encoding offset | [OVERFLOW <WRAP | FAIL>] SET offset value> ...]"),
        "key, <GET:(encoding, offset), (OVERFLOW:<WRAP, FAIL>?, SET:(offset, value))>?+"
    );
}

#[test]
fn keys_and_fractions_are_known_from_the_row() {
    const KEY: &[KeySpec] = &[KeySpec::one(1, crate::command::KeyFlags::RW)];
    let row = Command::write("ADDFLOAT", 3, KEY, |_| Ok(())).docs(
        crate::command::Group::String,
        "",
        "",
        "key increment",
        "",
    );
    let arguments = Argument::parse_all(&row, false);
    assert_eq!(arguments.iter().map(|argument| argument.kind).collect::<Vec<_>>(), [Kind::Key, Kind::Double]);
    assert_eq!(arguments.first().and_then(|argument| argument.key_spec), Some(0));
}

#[test]
fn unbalanced_brackets_neither_hang_nor_panic() {
    for syntax in ["[", "]", "key ]", "<a | ", "[[[", "| |", "[...]", "...", "[a ... b]", "<>", "[ | ]"] {
        outline(syntax);
    }
}
