//! Streams: ids at their end, counts beyond all that is there, and very many who wait for one entry.

use std::time::{Duration, Instant};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use crate::start;

/// The greatest id.
const LAST: &str = "18446744073709551615-18446744073709551615";

fn send(client: &mut Client, line: &str) {
    client.send(&Request::encode_all(&[Request::from_line(line)])).expect("the server reads");
}

fn blocked(server: &Server) -> usize {
    let info = server.connect().command("INFO clients").text();
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.trim().parse().ok()).expect("INFO tells how many clients are blocked")
}

#[test]
fn ids_end_without_harm() {
    let server = start(&[]);
    let mut client = server.connect();
    assert_eq!(client.command(&format!("XADD s {LAST} a b")).text(), LAST);
    for id in ["*", "18446744073709551615-*", LAST, "1-1"] {
        assert!(client.command(&format!("XADD s {id} a b")).is_error(), "{id}");
    }
    assert_eq!(client.command(&format!("XRANGE s {LAST} {LAST}")).into_elements().len(), 1);
    assert!(client.command(&format!("XRANGE s ({LAST} +")).is_error());
    assert_eq!(client.command(&format!("XREAD STREAMS s {LAST}")).into_elements().len(), 0);
    assert_eq!(client.command("XGROUP CREATE s group $").text(), "OK");
    assert_eq!(client.command("XREADGROUP GROUP group one STREAMS s >").into_elements().len(), 0);
    assert_eq!(client.command("XGROUP SETID s group 0").text(), "OK");
    assert_eq!(client.command("XREADGROUP GROUP group one STREAMS s >").into_elements().len(), 1);
    assert_eq!(client.command(&format!("XAUTOCLAIM s group two 0 {LAST}")).into_elements().len(), 3);
    assert_eq!(client.command(&format!("XDEL s {LAST}")).integer(), Some(1));
    // What was deleted last is known: nothing can be behind it.
    assert!(client.command("XADD s * a b").is_error());
    assert_eq!(client.command("XTRIM s MINID 18446744073709551615").integer(), Some(0));
}

#[test]
fn counts_beyond_all_that_is_there_cost_nothing() {
    let server = start(&[]);
    let mut client = server.connect();
    for number in 1..=1000 {
        client.command(&format!("XADD s {number}-1 a b"));
    }
    client.command("XGROUP CREATE s group 0");
    let before = server.resident_bytes();
    let begun = Instant::now();
    for line in [
        "XRANGE s - + COUNT 9223372036854775807",
        "XREVRANGE s + - COUNT 9223372036854775807",
        "XREAD COUNT 9223372036854775807 STREAMS s 0",
        "XREADGROUP GROUP group one COUNT 9223372036854775807 STREAMS s >",
        "XREADGROUP GROUP group one COUNT 9223372036854775807 STREAMS s 0",
        "XPENDING s group - + 9223372036854775807",
        "XAUTOCLAIM s group two 0 0 COUNT 576460752303423487",
        "XINFO STREAM s FULL COUNT 9223372036854775807",
    ] {
        assert!(!client.command(line).is_error(), "{line}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(server.resident_bytes() < before + (64 << 20), "memory was taken for what is not there");
    assert_eq!(client.command("XTRIM s MAXLEN ~ 0 LIMIT 9223372036854775807").integer(), Some(1000));
}

#[test]
fn an_entry_reaches_everybody_who_waits_for_it_and_one_of_each_group() {
    const READERS: usize = 200;
    const GROUPS: usize = 20;
    let server = start(&["--io-threads", "2"]);
    let mut control = server.connect();
    for group in 0..GROUPS {
        control.command(&format!("XGROUP CREATE s group:{group} $ MKSTREAM"));
    }
    let mut readers: Vec<Client> = (0..READERS).map(|_| server.connect()).collect();
    readers.iter_mut().for_each(|client| send(client, "XREAD BLOCK 0 STREAMS s other $ $"));
    let mut members: Vec<Client> = (0..2 * GROUPS).map(|_| server.connect()).collect();
    for (number, client) in members.iter_mut().enumerate() {
        let group = number % GROUPS;
        send(client, &format!("XREADGROUP GROUP group:{group} one BLOCK 0 STREAMS s >"));
    }
    assert!(wait_until(|| blocked(&server) == READERS + 2 * GROUPS));
    control.command("XADD s 1-1 a b");
    for client in &mut readers {
        assert_eq!(client.read_reply().expect("a reply").into_elements().len(), 1);
    }
    assert!(wait_until(|| blocked(&server) == GROUPS), "one of each group goes on waiting");
    control.command("DEL s");
    let mut errors = 0;
    for client in &mut members {
        errors += usize::from(client.read_reply().expect("a reply").is_error());
    }
    assert_eq!((errors, blocked(&server)), (GROUPS, 0));
}

#[test]
fn a_wait_for_a_group_ends_when_its_stream_expires() {
    let server = start(&[]);
    let mut control = server.connect();
    control.command("XGROUP CREATE s group $ MKSTREAM");
    let mut member = server.connect();
    send(&mut member, "XREADGROUP GROUP group one BLOCK 0 STREAMS s >");
    assert!(wait_until(|| blocked(&server) == 1));
    control.command("PEXPIRE s 50");
    let reply = member.read_reply().expect("a reply");
    assert!(reply.text().starts_with("NOGROUP"), "{reply:?}");
}

#[test]
fn what_a_group_reads_is_no_change_for_those_who_watch_the_stream() {
    let server = start(&[]);
    let (mut watcher, mut other) = (server.connect(), server.connect());
    for line in ["XADD s 1-1 a b", "XADD s 2-1 a b", "XGROUP CREATE s group 0"] {
        other.command(line);
    }
    for (line, breaks) in [
        ("XREADGROUP GROUP group one COUNT 1 STREAMS s >", false),
        ("XREADGROUP GROUP group one STREAMS s 0", false),
        ("XCLAIM s group two 0 1-1", false),
        ("XACK s group 1-1", false),
        ("XGROUP SETID s group 0", false),
        ("XSETID s 9-1", false),
        ("XGROUP DESTROY s group", false),
        ("XDEL s 1-1", true),
        ("XADD s * a b", true),
        ("XTRIM s MAXLEN 1", true),
    ] {
        for command in ["WATCH s", "MULTI", "PING"] {
            watcher.command(command);
        }
        assert!(!other.command(line).is_error(), "{line}");
        assert_eq!(watcher.command("EXEC").into_elements().is_empty(), breaks, "{line}");
    }
}
