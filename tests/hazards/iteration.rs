//! Cursors over keys that change meanwhile.

use std::collections::HashSet;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;

use crate::start;

/// All keys that a whole iteration returns, with `between` done after each step.
fn iterate(client: &mut Client, mut between: impl FnMut(&mut Client, usize)) -> HashSet<Vec<u8>> {
    const STEPS_MAX: usize = 1_000_000;
    let mut keys = HashSet::new();
    let mut cursor = "0".to_owned();
    for step in 0..STEPS_MAX {
        let elements = client.command(&format!("SCAN {cursor} COUNT 7")).into_elements();
        cursor = elements[0].text();
        keys.extend(elements[1].clone().into_elements().iter().filter_map(|key| Some(key.bytes()?.to_vec())));
        if cursor == "0" {
            return keys;
        }
        between(client, step);
    }
    panic!("the iteration does not end");
}

fn set(client: &mut Client, prefix: &str, count: usize) {
    let requests: Vec<Request> =
        (0..count).map(|key| Request::from_line(&format!("SET {prefix}:{key} x"))).collect();
    client.pipeline(&requests).expect("replies");
}

#[test]
fn a_key_that_stays_is_returned_however_much_is_added_and_removed() {
    const STAYING: usize = 2000;
    let server = start(&[]);
    let mut client = server.connect();
    set(&mut client, "stays", STAYING);
    set(&mut client, "goes", 20_000);
    let keys = iterate(&mut client, |client, step| {
        // Grows and shrinks the table several times over, then lets the iteration catch up.
        if step >= 400 {
            return;
        }
        if step % 2 == 0 {
            set(client, &format!("added:{step}"), 100);
        } else {
            let goes: Vec<Request> = (0..100)
                .map(|key| Request::from_line(&format!("DEL goes:{}", step / 2 * 100 + key)))
                .collect();
            client.pipeline(&goes).expect("replies");
        }
    });
    let missing = (0..STAYING).filter(|key| !keys.contains(format!("stays:{key}").as_bytes())).count();
    assert_eq!(missing, 0, "keys that were there all the time are missing");
}

#[test]
fn a_key_that_was_never_there_is_not_returned() {
    let server = start(&[]);
    let mut client = server.connect();
    set(&mut client, "key", 1000);
    assert_eq!(iterate(&mut client, |_, _| {}).len(), 1000);
}

#[test]
fn every_member_that_stays_is_returned_while_a_set_grows_and_shrinks() {
    const STAYING: usize = 500;
    let server = start(&[]);
    let mut client = server.connect();
    let staying: Vec<String> = (0..STAYING).map(|number| format!("stays:{number}")).collect();
    client.call(["SADD", "set"].into_iter().chain(staying.iter().map(String::as_str)));
    let mut found = std::collections::BTreeSet::new();
    let (mut cursor, mut steps) = ("0".to_owned(), 0);
    loop {
        let mut reply = client.command(&format!("SSCAN set {cursor} COUNT 20")).into_elements();
        found.extend(reply.remove(1).into_elements().iter().map(|member| member.text()));
        cursor = reply.remove(0).text();
        if cursor == "0" {
            break;
        }
        // Half of the time many members come, the other half they go.
        let step = steps % 8;
        let command = if step < 4 { "SADD" } else { "SREM" };
        let passing = (0..400).map(|number| format!("passes:{}:{number}", step % 4));
        client.call([command.to_owned(), "set".to_owned()].into_iter().chain(passing));
        steps += 1;
    }
    assert!(steps > 10, "the scan took several steps");
    assert!(staying.iter().all(|member| found.contains(member)));
}
