//! A server between clients and a server that makes a mistake now and then.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// GET is sometimes answered with what it was answered with before.
    StaleReads,
    /// The commands of a transaction are executed one by one.
    SplitTransactions,
    /// WATCH is answered and forgotten.
    ForgottenWatches,
    /// A write is sometimes answered before it is executed.
    EarlyAnswers,
}

/// How often, where it would not always matter.
const ONE_IN: usize = 10;

/// What all connections share.
#[derive(Default)]
struct Shared {
    reads: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    count: AtomicUsize,
}

/// Listens for clients of the server at `upstream`, until the process ends.
pub(crate) fn listen(upstream: SocketAddr, fault: Fault) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared::default());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // A client that leaves ends its connection.
                let _ = serve(stream, upstream, fault, &shared);
            });
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, upstream: SocketAddr, fault: Fault, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut requests = Client::from_stream(stream)?;
    let mut server = Client::connect(upstream)?;
    let mut queued: Option<Vec<Request>> = None;
    loop {
        let frame = requests.read_frame()?;
        let elements = Reply::decode(&frame).map_err(io::Error::other)?.into_elements();
        let request = Request::new(elements.iter().filter_map(Reply::bytes));
        let name = request.upper(0);
        let mut forward = |request: &Request| {
            server.send(&Request::encode_all(std::slice::from_ref(request)))?;
            server.read_frame()
        };
        let now_and_then = || shared.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(ONE_IN);
        let answer = match (fault, name.as_str()) {
            (Fault::SplitTransactions, "MULTI") => {
                queued = Some(Vec::new());
                b"+OK\r\n".to_vec()
            }
            (Fault::SplitTransactions, "EXEC") => {
                let queued = queued.take().unwrap_or_default();
                let mut answer = format!("*{}\r\n", queued.len()).into_bytes();
                for request in &queued {
                    answer.extend(forward(request)?);
                }
                answer
            }
            (Fault::SplitTransactions, _) if queued.is_some() => {
                queued.get_or_insert_default().push(request);
                b"+QUEUED\r\n".to_vec()
            }
            (Fault::ForgottenWatches, "WATCH") => b"+OK\r\n".to_vec(),
            (Fault::EarlyAnswers, "SET") if now_and_then() => {
                answers.write_all(b"+OK\r\n")?;
                forward(&request)?;
                continue;
            }
            (Fault::StaleReads, "GET") => {
                let key = request.0.get(1).cloned().unwrap_or_default();
                let fresh = forward(&request)?;
                let mut reads = shared.reads.lock().unwrap_or_else(PoisonError::into_inner);
                let stale = reads.entry(key).or_insert_with(|| fresh.clone()).clone();
                if fresh.starts_with(b"$") && now_and_then() { stale } else { fresh }
            }
            _ => forward(&request)?,
        };
        answers.write_all(&answer)?;
    }
}
