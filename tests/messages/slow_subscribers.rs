//! Subscribers that do not read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::server::wait_until;

use crate::start;

const MESSAGES: usize = 600;

const MESSAGE_BYTES: usize = 64 << 10;

/// How many messages those who read may be behind: far less than the limit.
const BEHIND_MAX: usize = 16;

fn used_memory(client: &mut Client) -> usize {
    let info = client.command("INFO memory").text();
    let number = info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
    number.expect("INFO tells the memory")
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off_and_the_others_get_everything() {
    let server = start(&["--client-output-buffer-limit", "pubsub 8mb 0 0"]);
    let mut control = server.connect();
    let before = used_memory(&mut control);
    let mut idle = server.connect();
    idle.command("SUBSCRIBE channel");
    let listeners: Vec<Client> = (0..3)
        .map(|number| {
            let mut client = server.connect();
            if number == 0 {
                client.command("HELLO 3");
            }
            client.command("SUBSCRIBE channel");
            client
        })
        .collect();
    let heard: Vec<AtomicUsize> = listeners.iter().map(|_| AtomicUsize::new(0)).collect();
    let payload = "x".repeat(MESSAGE_BYTES);
    thread::scope(|scope| {
        let threads: Vec<_> = listeners
            .into_iter()
            .zip(&heard)
            .map(|(mut client, heard)| {
                scope.spawn(move || {
                    for number in 0..MESSAGES {
                        let parts = client.read_reply().expect("a message").into_elements();
                        let text = parts.last().map(Reply::text).unwrap_or_default();
                        assert!(
                            text.starts_with(&format!("{number}:")),
                            "{} came",
                            &text[..text.len().min(20)]
                        );
                        heard.fetch_add(1, Ordering::SeqCst);
                    }
                    // Stays, so that only one is gone.
                    client
                })
            })
            .collect();
        for number in 0..MESSAGES {
            let in_step = || heard.iter().all(|heard| heard.load(Ordering::SeqCst) + BEHIND_MAX > number);
            assert!(wait_until(in_step), "messages before number {number} do not arrive: {heard:?}");
            let count = control.call(["PUBLISH", "channel", &format!("{number}:{payload}")]).integer();
            assert!(matches!(count, Some(3 | 4)), "{count:?} were sent message {number}");
        }
        let _clients: Vec<Client> =
            threads.into_iter().map(|thread| thread.join().expect("everything arrives")).collect();
        let subscribers = |control: &mut Client| {
            control.command("PUBSUB NUMSUB channel").into_elements().pop().and_then(|count| count.integer())
        };
        assert!(wait_until(|| subscribers(&mut control) == Some(3)), "the idle subscriber is still there");
        assert!(server.log().contains("output buffer limits"), "the log does not say why");
    });
    let received = idle.read_to_end().expect("the connection ends").len();
    assert!(received < MESSAGES * MESSAGE_BYTES, "the idle subscriber was not cut off");
    let fallen = wait_until(|| used_memory(&mut control) < before + (4 << 20));
    assert!(fallen, "{} bytes before, {} bytes afterwards", before, used_memory(&mut control));
}
