//! Memory that is left behind in gaps when most keys go.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::wait_until;

use crate::start;

const KEYS: usize = 200_000;

/// A number among the lines of INFO.
fn info(client: &mut Client, field: &str) -> f64 {
    let text = client.command("INFO all").text().to_owned();
    let mut values = text.lines().filter_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    values.next().and_then(|value| value.trim().parse().ok()).expect("INFO has the field")
}

/// The value of a key: its length is one of several, so that there are gaps of several sizes.
fn value(key: usize) -> String {
    format!("{key:0length$}", length = 50 + key % 7 * 30)
}

#[test]
fn gaps_that_keys_leave_are_closed_while_clients_are_served() {
    let server = start(&["--active-defrag-ignore-bytes", "1mb", "--activedefrag", "no"]);
    let mut client = server.connect();
    let set = |key: usize| Request::from_line(&format!("SET key:{key} {}", value(key)));
    client.pipeline(&(0..KEYS).map(set).collect::<Vec<_>>()).expect("replies");
    let fields = |key: usize| Request::from_line(&format!("HSET hash field:{key} {}", value(key)));
    client.pipeline(&(0..KEYS / 20).map(fields).collect::<Vec<_>>()).expect("replies");
    let stays = |key: &usize| key.is_multiple_of(5);
    let delete = |key: usize| Request::from_line(&format!("DEL key:{key}"));
    let deleted: Vec<Request> = (0..KEYS).filter(|key| !stays(key)).map(delete).collect();
    client.pipeline(&deleted).expect("replies");
    let before = info(&mut client, "allocator_frag_ratio");
    assert!(before > 1.5, "there are no gaps: {before}");
    client.command("CONFIG SET activedefrag yes");
    let mut running = false;
    let closed = wait_until(|| {
        running |= info(&mut client, "active_defrag_running") > 0.0;
        // Clients change what is being moved.
        client.command("SET key:0 other");
        client.command("HSET hash field:0 other");
        info(&mut client, "allocator_frag_ratio") < 1.15
    });
    assert!(closed, "still {} after {before}", info(&mut client, "allocator_frag_ratio"));
    assert!(running && info(&mut client, "active_defrag_hits") >= (KEYS / 20) as f64);
    assert!(info(&mut client, "active_defrag_key_hits") >= (KEYS / 20) as f64);
    assert!(wait_until(|| info(&mut client, "active_defrag_running") == 0.0), "it goes on for ever");
    assert!(info(&mut client, "total_active_defrag_time") > 0.0);
    for key in (5..KEYS).filter(stays) {
        assert_eq!(client.command(&format!("GET key:{key}")).text(), value(key));
    }
    assert_eq!(client.command("HLEN hash").integer(), Some(KEYS as i64 / 20));
    assert_eq!(client.command("HGET hash field:77").text(), value(77));
}
