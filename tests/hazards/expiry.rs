//! Keys past their deadlines.

use std::time::{Duration, Instant};

use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;

use crate::start;

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
