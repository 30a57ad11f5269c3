//! Very many commands at once, and very large values.

use nuthatch_testkit::request::Request;

use crate::start;

#[test]
fn a_hundred_thousand_commands_sent_at_once_are_answered_in_order() {
    const PAIRS: usize = 50_000;
    let server = start(&[]);
    let requests: Vec<Request> = (0..PAIRS)
        .flat_map(|number| {
            let key = number % 100;
            [format!("SET key:{key} {number}"), format!("GET key:{key}")]
        })
        .map(|line| Request::from_line(&line))
        .collect();
    let replies = server.connect().pipeline(&requests).expect("replies");
    for (number, pair) in replies.chunks(2).enumerate() {
        let digits = number.to_string();
        assert_eq!(pair[0], b"+OK\r\n");
        assert_eq!(pair[1], format!("${}\r\n{digits}\r\n", digits.len()).as_bytes());
    }
}

#[test]
fn a_value_of_a_hundred_megabytes_comes_back_as_it_was() {
    const BYTES: usize = 100 << 20;
    let server = start(&[]);
    let mut client = server.connect();
    let value: Vec<u8> =
        (0..BYTES).map(|position| (position.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(client.call([b"SET", b"big", &value[..]]).text(), "OK");
    assert_eq!(client.command("STRLEN big").integer(), Some(BYTES as i64));
    assert!(client.command("GET big").bytes() == Some(&value), "the value has changed");
    assert_eq!(client.command("GETRANGE big 50000000 50000009").bytes(), value.get(50_000_000..50_000_010));
    assert_eq!(client.command("SETRANGE big 99999999 z").integer(), Some(BYTES as i64));
    assert_eq!(client.command("GETRANGE big 99999999 99999999").text(), "z");
    assert_eq!(client.command("DEL big").integer(), Some(1));
}

#[test]
fn a_command_of_a_hundred_thousand_keys_is_executed() {
    const KEYS: usize = 100_000;
    let server = start(&[]);
    let mut client = server.connect();
    let keys: Vec<String> = (0..KEYS).map(|key| format!("key:{key}")).collect();
    let pairs = keys.iter().flat_map(|key| [key.clone(), key.clone()]);
    assert_eq!(client.call(std::iter::once("MSET".to_owned()).chain(pairs)).text(), "OK");
    let values = client.call(std::iter::once("MGET".to_owned()).chain(keys.iter().cloned())).into_elements();
    assert!(values.iter().map(|value| value.text()).eq(keys.iter().cloned()));
    assert_eq!(client.call(std::iter::once("DEL".to_owned()).chain(keys)).integer(), Some(KEYS as i64));
}
