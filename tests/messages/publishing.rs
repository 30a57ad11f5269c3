//! Many publishers and subscribers: every message arrives once, in the order of its publisher.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Barrier;
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::Extent;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::start;

const PUBLISHERS: usize = 4;

const CHANNELS: usize = 4;

/// Messages that a publisher sends at once.
const BATCH: usize = 50;

/// What a subscriber listens to, which protocol it speaks, and which channels that means.
const SUBSCRIBERS: &[(&str, bool, &[usize])] = &[
    ("SUBSCRIBE channel:0 channel:1 channel:2 channel:3", false, &[0, 1, 2, 3]),
    ("SUBSCRIBE channel:1", true, &[1]),
    ("SUBSCRIBE channel:2 channel:3", false, &[2, 3]),
    ("PSUBSCRIBE channel:*", true, &[0, 1, 2, 3]),
    ("PSUBSCRIBE channel:[01]", false, &[0, 1]),
    // A message that two subscriptions match comes twice.
    ("PSUBSCRIBE channel:0 *:0", true, &[0, 0]),
    ("SSUBSCRIBE channel:0 channel:1", false, &[CHANNELS, CHANNELS + 1]),
    ("SSUBSCRIBE channel:1", true, &[CHANNELS + 1]),
];

/// What the last message says.
const END: &str = "end";

/// Where a message went, who sent it, and its number among those that the publisher sent there.
type Sent = (usize, usize, usize);

/// The payload of a message, and its channel; those of shards are counted behind the others.
fn message(reply: Reply) -> Option<(usize, String)> {
    let parts = reply.into_elements();
    let kind = parts.first()?.text();
    let (channel, payload) = match kind.as_str() {
        "message" | "smessage" => (parts.get(1)?, parts.get(2)?),
        "pmessage" => (parts.get(2)?, parts.get(3)?),
        _ => return None,
    };
    let number: usize = channel.text().strip_prefix("channel:")?.parse().ok()?;
    Some((number + if kind == "smessage" { CHANNELS } else { 0 }, payload.text()))
}

fn subscribe(server: &Server, line: &str, resp3: bool) -> io::Result<Client> {
    let mut client = server.try_connect()?;
    if resp3 {
        client.try_call(["HELLO", "3"])?;
    }
    client.send(&Request::encode_all(&[Request::from_line(line)]))?;
    for _ in line.split(' ').skip(1) {
        client.read_frame()?;
    }
    Ok(client)
}

/// Everything that a subscriber hears, until each of its subscriptions has heard the end.
fn hear(client: &mut Client, channels: &[usize]) -> io::Result<Vec<Sent>> {
    let mut heard = Vec::new();
    let mut ends = 0;
    while ends < channels.len() {
        let (channel, payload) =
            message(client.read_reply()?).ok_or_else(|| io::Error::other("not a message"))?;
        if payload == END {
            ends += 1;
            continue;
        }
        let numbers: Option<(usize, usize)> = payload
            .split_once(':')
            .and_then(|(publisher, number)| Some((publisher.parse().ok()?, number.parse().ok()?)));
        let (publisher, number) = numbers.ok_or_else(|| io::Error::other(payload))?;
        heard.push((channel, publisher, number));
    }
    Ok(heard)
}

fn publication(channel: usize, payload: &str) -> Request {
    match channel.checked_sub(CHANNELS) {
        None => Request::new(["PUBLISH", &format!("channel:{channel}"), payload]),
        Some(shard) => Request::new(["SPUBLISH", &format!("channel:{shard}"), payload]),
    }
}

/// How many subscriptions a channel has.
fn subscriptions(channel: usize) -> usize {
    let all = SUBSCRIBERS.iter().flat_map(|(_, _, channels)| channels.iter());
    all.filter(|number| **number == channel).count()
}

/// Publishes numbered messages, and returns how many went to each channel.
fn publish(server: &Server, publisher: usize, messages: usize, seed: u64) -> io::Result<Vec<usize>> {
    let mut client = server.try_connect()?;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut counts = vec![0; 2 * CHANNELS];
    for _ in 0..messages.div_ceil(BATCH) {
        let channels: Vec<usize> = (0..BATCH).map(|_| random.random_range(0..2 * CHANNELS)).collect();
        let requests: Vec<Request> = channels
            .iter()
            .map(|channel| {
                counts[*channel] += 1;
                publication(*channel, &format!("{publisher}:{}", counts[*channel]))
            })
            .collect();
        for (channel, reply) in channels.iter().zip(client.pipeline(&requests)?) {
            let expected = format!(":{}\r\n", subscriptions(*channel)).into_bytes();
            if reply != expected {
                let reply = reply.escape_ascii();
                return Err(io::Error::other(format!("channel {channel}: heard by {reply}")));
            }
        }
    }
    Ok(counts)
}

#[test]
fn every_message_arrives_once_and_in_the_order_of_its_publisher() {
    let extent = Extent::from_environment();
    let server = start(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let messages = extent.commands / PUBLISHERS;
    let (counts, heard) = thread::scope(|scope| {
        let listeners: Vec<_> = SUBSCRIBERS
            .iter()
            .map(|(line, resp3, channels)| {
                let mut client = subscribe(&server, line, *resp3).expect("a subscription");
                scope.spawn(move || hear(&mut client, channels))
            })
            .collect();
        let server = &server;
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|number| scope.spawn(move || publish(server, number, messages, extent.seed + number as u64)))
            .collect();
        let counts: Vec<_> =
            publishers.into_iter().map(|publisher| publisher.join().expect("no publisher panics")).collect();
        let mut control = server.connect();
        for channel in 0..2 * CHANNELS {
            control.call(publication(channel, END).0);
        }
        let heard: Vec<_> =
            listeners.into_iter().map(|listener| listener.join().expect("no subscriber panics")).collect();
        (counts, heard)
    });
    let counts: Vec<Vec<usize>> = counts.into_iter().map(|counts| counts.expect("publications")).collect();
    for ((line, _, channels), heard) in SUBSCRIBERS.iter().zip(heard) {
        let mut by_source: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (channel, publisher, number) in heard.expect("messages") {
            by_source.entry((channel, publisher)).or_default().push(number);
        }
        let copies: HashMap<usize, usize> = channels.iter().fold(HashMap::new(), |mut copies, channel| {
            *copies.entry(*channel).or_default() += 1;
            copies
        });
        for (channel, copies) in copies {
            for (publisher, counts) in counts.iter().enumerate() {
                let expected: Vec<usize> =
                    (1..=counts[channel]).flat_map(|number| std::iter::repeat_n(number, copies)).collect();
                let heard = by_source.remove(&(channel, publisher)).unwrap_or_default();
                assert!(heard == expected, "{line}: channel {channel}, publisher {publisher}: {heard:?}");
            }
        }
        assert!(by_source.is_empty(), "{line}: messages of other channels: {:?}", by_source.keys());
    }
}

#[test]
fn who_comes_and_goes_misses_nothing_in_between() {
    let extent = Extent::from_environment();
    let server = start(&[]);
    let messages = (extent.commands / 10).max(1);
    let publishing = Barrier::new(2);
    thread::scope(|scope| {
        let server = &server;
        let publishing = &publishing;
        let publisher = scope.spawn(move || {
            let mut client = server.connect();
            publishing.wait();
            for number in 1..=messages {
                client.call(["PUBLISH", "channel", &number.to_string()]);
            }
        });
        publishing.wait();
        let mut client = server.connect();
        client.call(["HELLO", "3"]);
        let mut heard_in_all = 0;
        while !publisher.is_finished() {
            let confirmed = client.call(["SUBSCRIBE", "channel"]);
            assert!(matches!(confirmed, Reply::Push(_)), "{confirmed:?}");
            // So many messages are waited for that some come before and some after the other thread gets a turn.
            client.send(&Request::encode_all(&[Request::from_line("UNSUBSCRIBE channel")])).expect("sent");
            let mut numbers: Vec<usize> = Vec::new();
            loop {
                let parts = client.read_reply().expect("a message").into_elements();
                match parts[0].text().as_str() {
                    "message" => numbers.push(parts[2].text().parse().expect("a number")),
                    _ => break,
                }
            }
            heard_in_all += numbers.len();
            let contiguous = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
            assert!(contiguous, "messages were lost or doubled: {numbers:?}");
            // What follows the end of the subscription is no message any more.
            assert_eq!(client.call(["PING"]).text(), "PONG");
        }
        publisher.join().expect("the publisher does not panic");
        println!("{heard_in_all} of {messages} messages came while there was a subscription");
    });
}
