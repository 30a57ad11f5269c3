//! Keys past their deadlines.

use std::time::{Duration, Instant};

use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;

use crate::start;

#[test]
fn a_deadline_behind_a_slow_command_counts_from_when_it_is_set() {
    let server = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    let lines = ["TIME", "DEBUG SLEEP 0.5", "SET key value PX 60000", "PEXPIRETIME key", "BLPOP none 0.5"];
    let began = Instant::now();
    client.send(&Request::encode_all(&lines.map(Request::from_line))).expect("the server reads");
    let mut reply = || client.read_reply().expect("a reply");
    let time: Vec<u64> = reply().into_elements().iter().filter_map(|part| part.text().parse().ok()).collect();
    assert_eq!([reply().text(), reply().text()], ["OK", "OK"]);
    let deadline = reply().integer().and_then(|deadline| u64::try_from(deadline).ok()).expect("a time");
    assert!(deadline >= time[0] * 1000 + time[1] / 1000 + 60_500, "{deadline} behind {time:?}");
    assert_eq!(reply(), Reply::NullArray);
    assert!(began.elapsed() >= Duration::from_millis(999), "the wait ended after {:?}", began.elapsed());
}

#[test]
fn many_keys_that_expire_at_once_are_removed_without_being_asked_for() {
    const KEYS: usize = 200_000;
    const TIME_TO_LIVE_MS: usize = 2000;
    let server = start(&[]);
    let mut client = server.connect();
    let requests: Vec<Request> = (0..KEYS)
        .map(|key| Request::from_line(&format!("SET key:{key} value PX {TIME_TO_LIVE_MS}")))
        .collect();
    client.pipeline(&requests).expect("replies");
    client.command("SET stays value");
    let began = Instant::now();
    assert!(
        wait_until(|| client.command("DBSIZE").integer() == Some(1)),
        "keys past their deadline are still there"
    );
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert_eq!(client.command("GET stays").text(), "value");
}

#[test]
fn a_key_is_gone_at_its_deadline_and_there_before() {
    let server = start(&[]);
    let mut client = server.connect();
    for _ in 0..20 {
        let began = Instant::now();
        client.command("SET a value PX 50");
        let there = client.command("EXISTS a").integer() == Some(1);
        assert!(there || began.elapsed() >= Duration::from_millis(49), "gone after {:?}", began.elapsed());
        assert!(wait_until(|| client.command("GET a").bytes().is_none()), "the key does not expire");
        assert!(began.elapsed() >= Duration::from_millis(49), "gone after {:?}", began.elapsed());
    }
}

#[test]
fn fields_that_expire_by_themselves_are_told_of() {
    let server = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    // Nothing expires until everybody listens.
    client.command("DEBUG SET-ACTIVE-EXPIRE 0");
    client.command("CONFIG SET notify-keyspace-events Eh");
    let mut reader = server.connect();
    reader.command("HELLO 3");
    reader.command("CLIENT TRACKING ON");
    client.command("HSET hash field value");
    client.command("HPEXPIRE hash 20 FIELDS 1 field");
    reader.command("HGETALL hash");
    reader.command("WATCH hash");
    let mut subscriber = server.connect();
    subscriber.command("SUBSCRIBE __keyevent@0__:hexpired");
    client.command("DEBUG SET-ACTIVE-EXPIRE 1");
    let event = subscriber.read_reply().expect("an event").into_elements();
    assert_eq!(event[2].text(), "hash");
    let invalidation = reader.read_reply().expect("an invalidation").into_elements();
    assert_eq!(invalidation[0].text(), "invalidate");
    reader.command("MULTI");
    assert_eq!(reader.command("EXEC"), Reply::Null);
}
