//! Comparisons with a running stock server, whose address `NUTHATCH_STOCK_SERVER` gives (`127.0.0.1:6379`). The
//! server's data is overwritten.
//!
//! `NUTHATCH_STOCK_SERVER=127.0.0.1:6379 cargo test -p nuthatch-protocol --test stock_server -- --ignored`
//!
//! What these tests once found is kept as cases of the tests that always run.

mod globs;
mod numbers;
mod requests;

use nuthatch_protocol::{Decoder, Reply, Value};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

fn connect() -> TcpStream {
    let address =
        std::env::var("NUTHATCH_STOCK_SERVER").expect("NUTHATCH_STOCK_SERVER is the server's address");
    let stream = TcpStream::connect(address).expect("the stock server accepts connections");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a read timeout can be set");
    stream
}

/// Sends `bytes` and nothing more; everything that the server replies.
fn exchange(bytes: &[u8]) -> Vec<Value> {
    exchange_until(bytes, Some(Shutdown::Write))
}

/// Sends `bytes`; everything that the server replies until it closes the connection.
fn exchange_until(bytes: &[u8], shutdown: Option<Shutdown>) -> Vec<Value> {
    let mut stream = connect();
    let mut reader = stream.try_clone().expect("a socket can be cloned");
    let received = thread::spawn(move || {
        let mut received = Vec::new();
        // A server that closes the connection with unread bytes resets it: what came before still counts.
        let _ = reader.read_to_end(&mut received);
        received
    });
    let _ = stream.write_all(bytes);
    if let Some(how) = shutdown {
        let _ = stream.shutdown(how);
    }
    let received = received.join().expect("the reader ends");
    decode(&received)
}

fn decode(mut bytes: &[u8]) -> Vec<Value> {
    let mut decoder = Decoder::new();
    let mut values = Vec::new();
    while let (consumed, Some(value)) = decoder.decode(bytes).expect("the server replies in RESP") {
        bytes = &bytes[consumed..];
        values.push(value);
    }
    values
}

/// Runs commands, each given by its arguments.
fn run(commands: &[Vec<Vec<u8>>]) -> Vec<Value> {
    let mut requests = Reply::new();
    for command in commands {
        requests.array(command.len());
        command.iter().for_each(|argument| requests.bulk(argument));
    }
    requests.array(1);
    requests.bulk(b"QUIT");
    let bytes: Vec<u8> = requests.slices().iter().flat_map(|slice| slice.to_vec()).collect();
    let mut values = exchange_until(&bytes, None);
    assert_eq!(values.pop(), Some(Value::Simple(b"OK".to_vec())), "the reply to QUIT");
    assert_eq!(values.len(), commands.len(), "one reply a command");
    values
}

fn command(arguments: &[&[u8]]) -> Vec<Vec<u8>> {
    arguments.iter().map(|argument| argument.to_vec()).collect()
}

/// The same `count` values on every run.
fn samples<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    let mut sample = || strategy.new_tree(&mut runner).expect("the strategy rejects nothing").current();
    (0..count).map(|_| sample()).collect()
}
