//! Members chosen at random: all equally often, each once, and never so many that they exhaust the server.

use std::collections::BTreeMap;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;

use crate::start;

const MEMBERS: usize = 200;

/// Members of a set in each encoding.
fn sets() -> [(&'static str, Vec<String>); 3] {
    [
        ("intset", (0..MEMBERS).map(|number| (number * 7).to_string()).collect()),
        ("listpack", (0..MEMBERS / 2).map(|number| format!("member:{number}")).collect()),
        ("hashtable", (0..MEMBERS).map(|number| format!("member:{number}")).collect()),
    ]
}

fn add(client: &mut Client, members: &[String], encoding: &str) {
    let words = ["SADD", "key"].into_iter().chain(members.iter().map(String::as_str));
    assert_eq!(client.call(words).integer(), Some(members.len() as i64));
    assert_eq!(client.command("OBJECT ENCODING key").text(), encoding);
}

/// Pearson's test, with a bound that is passed by chance less than once in 10^9 times (Laurent and Massart's
/// inequality).
#[track_caller]
fn assert_uniform(counts: &BTreeMap<String, usize>, members: usize) {
    let expected = counts.values().sum::<usize>() as f64 / members as f64;
    let missing = (members - counts.len()) as f64 * expected;
    let statistic: f64 =
        missing + counts.values().map(|count| (*count as f64 - expected).powi(2) / expected).sum::<f64>();
    let (freedom, exponent) = (members as f64 - 1.0, 21.0_f64);
    let bound = freedom + 2.0 * (freedom * exponent).sqrt() + 2.0 * exponent;
    assert!(statistic < bound, "{statistic} of {freedom}, at most {bound}: {counts:?}");
}

#[test]
fn members_are_drawn_equally_often() {
    const DRAWS: usize = 100;
    let server = start(&[]);
    let mut client = server.connect();
    for (encoding, members) in sets() {
        client.command("DEL key");
        add(&mut client, &members, encoding);
        let mut counts = BTreeMap::new();
        let single = vec![Request::from_line("SRANDMEMBER key"); members.len() * DRAWS];
        for frame in client.pipeline(&single).expect("the server answers") {
            let member = Reply::decode(&frame).expect("a reply").text();
            *counts.entry(member).or_default() += 1;
        }
        assert_uniform(&counts, members.len());
        counts.clear();
        let many = format!("SRANDMEMBER key -{}", members.len() * DRAWS);
        for member in client.command(&many).into_elements() {
            *counts.entry(member.text()).or_default() += 1;
        }
        assert_uniform(&counts, members.len());
    }
}

#[test]
fn members_are_popped_equally_often_and_each_once() {
    const ROUNDS: usize = 300;
    let server = start(&[]);
    let mut client = server.connect();
    for (encoding, members) in sets() {
        let mut counts = BTreeMap::new();
        for round in 0..ROUNDS {
            client.command("DEL key");
            add(&mut client, &members, encoding);
            // Few, some, and so many that stock servers would begin a new set.
            let count = [1, members.len() / 3, members.len() * 9 / 10][round % 3];
            let mut popped: Vec<String> = client
                .command(&format!("SPOP key {count}"))
                .into_elements()
                .iter()
                .map(Reply::text)
                .chain([client.command("SPOP key").text()])
                .collect();
            assert_eq!(popped.len(), count + 1);
            let left = client.command("SMEMBERS key").into_elements();
            let mut all: Vec<String> = left.iter().map(Reply::text).chain(popped.iter().cloned()).collect();
            let mut expected = members.clone();
            all.sort();
            expected.sort();
            assert_eq!(all, expected, "what was popped and what is left are the set");
            // The last one is as good as any.
            *counts.entry(popped.remove(count)).or_default() += 1;
            popped.into_iter().for_each(|member| *counts.entry(member).or_default() += 1);
        }
        assert_uniform(&counts, members.len());
    }
}

#[test]
fn a_request_for_too_many_random_members_is_refused() {
    let server = start(&[]);
    let mut client = server.connect();
    client.command("SADD key a");
    let refused = "ERR value is out of range, the reply would be too long";
    for count in ["-9223372036854775807", "-4611686018427387904", "-100000000"] {
        assert_eq!(client.call(["SRANDMEMBER", "key", count]).text(), refused);
    }
    client.call(["SADD", "long", &"x".repeat(100_000)]);
    assert_eq!(client.command("SRANDMEMBER long -6000").text(), refused);
    assert_eq!(client.command("PING").text(), "PONG");
}
