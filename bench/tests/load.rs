//! The generator against servers whose behaviour is known.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nuthatch_bench::{
    KeyDistribution, KeySpace, Load, Mix, Outcome, Pacing, RequestShape, Stop, Target, Traffic,
};
use rustix::time::{ClockId, clock_gettime};

const SHAPE: RequestShape = RequestShape { key_size: 16, value_size: 64 };

/// The limit server on a free port.
struct Limit {
    child: Child,
    address: SocketAddr,
}

impl Limit {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nuthatch-limit"))
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn target(address: SocketAddr, threads: usize) -> Target {
    Target { address, prelude: vec!["PING".to_owned()], threads, processors: Vec::new(), process: None }
}

fn traffic(mix: &str, connections: usize, pipeline: usize, pacing: Pacing) -> Traffic {
    Traffic {
        mix: Mix::parse(mix, &SHAPE).unwrap(),
        keys: KeySpace { count: 1000, distribution: KeyDistribution::Uniform },
        connections,
        pipeline,
        pacing,
    }
}

fn run(target: &Target, traffic: Traffic, stop: Stop) -> Outcome {
    Load::connect(target, &[traffic]).unwrap().run(stop).unwrap().remove(0)
}

/// The time that the calling thread has had a processor.
fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Accepts one connection and hands it, after the prelude, to `serve`.
fn serve_once(serve: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut prelude = [0; 14];
        stream.read_exact(&mut prelude).unwrap();
        stream.write_all(b"+PONG\r\n").unwrap();
        serve(stream);
    });
    address
}

#[test]
fn every_request_is_answered_once_in_every_pacing() {
    let limit = Limit::start();
    for pacing in [Pacing::Batches, Pacing::Sliding, Pacing::Rate { per_second: 100_000.0 }] {
        for pipeline in [1, 7, 100] {
            for threads in [1, 2] {
                let traffic = traffic("get=2,set=1,mget=1,incr=1,ping=1", 5, pipeline, pacing);
                let outcome = run(&target(limit.address, threads), traffic, Stop::Requests(5003));
                assert_eq!((outcome.tally.replies, outcome.tally.errors), (5003, 0));
                assert_eq!(outcome.latency_ns.len(), 5003, "{pacing:?}, pipeline {pipeline}");
            }
        }
    }
}

#[test]
fn requests_larger_than_the_socket_buffers_do_not_deadlock() {
    let limit = Limit::start();
    let shape = RequestShape { key_size: 16, value_size: 900_000 };
    let traffic =
        Traffic { mix: Mix::parse("set", &shape).unwrap(), ..traffic("set", 2, 20, Pacing::Batches) };
    let outcome = run(&target(limit.address, 1), traffic, Stop::Requests(80));
    assert_eq!(outcome.tally.replies, 80);
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let limit = Limit::start();
    let traffic = traffic("get", 10, 1, Pacing::Rate { per_second: 2000.0 });
    let outcome = run(&target(limit.address, 2), traffic, Stop::After(Duration::from_millis(500)));
    assert_eq!(outcome.tally.replies, 1000);
}

#[test]
fn a_wait_is_charged_the_processor_time_that_the_server_takes_meanwhile() {
    const WORK: Duration = Duration::from_millis(20);
    let address = serve_once(|mut stream| {
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).unwrap() > 0);
        let begun = thread_time();
        while thread_time() - begun < WORK {
            std::hint::spin_loop();
        }
        stream.write_all(b"+PONG\r\n").unwrap();
    });
    // The server is a thread of this process.
    let target = Target { process: Some(std::process::id()), ..target(address, 1) };
    let outcome = run(&target, traffic("ping", 1, 1, Pacing::Batches), Stop::Requests(1));
    assert!(outcome.costliest_wait_ns >= WORK.as_nanos() as u64, "{}", outcome.costliest_wait_ns);
    assert!(outcome.costliest_wait_ns <= outcome.elapsed.as_nanos() as u64);
}

#[test]
fn several_runs_use_the_same_connections() {
    let limit = Limit::start();
    let mut load =
        Load::connect(&target(limit.address, 1), &[traffic("get", 3, 4, Pacing::Batches)]).unwrap();
    for _ in 0..3 {
        assert_eq!(load.run(Stop::Requests(100)).unwrap()[0].tally.replies, 100);
    }
}

#[test]
fn secondary_traffic_ends_with_the_first() {
    let limit = Limit::start();
    let filler = Traffic {
        keys: KeySpace { count: 5000, distribution: KeyDistribution::Sequential },
        ..traffic("set", 1, 16, Pacing::Batches)
    };
    let prober = traffic("get", 1, 1, Pacing::Batches);
    let mut load = Load::connect(&target(limit.address, 1), &[filler, prober]).unwrap();
    let outcomes = load.run(Stop::Requests(u64::MAX)).unwrap();
    assert_eq!(outcomes[0].tally.replies, 5000);
    assert!(outcomes[1].tally.replies > 0);
}

/// A closed loop would see one slow reply only: the requests that it did not send meanwhile, and whose
/// clients would have waited, are missing ("coordinated omission").
#[test]
fn an_open_loop_charges_a_stall_to_every_request_that_was_due_in_it() {
    const STALL: Duration = Duration::from_millis(200);
    let address = serve_once(|stream| {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        for number in 0.. {
            // PING comes as three lines.
            for _ in 0..3 {
                line.clear();
                if reader.read_line(&mut line).unwrap() == 0 {
                    return;
                }
            }
            if number == 100 {
                thread::sleep(STALL);
            }
            reader.get_mut().write_all(b"+PONG\r\n").unwrap();
        }
    });
    let traffic = traffic("ping", 1, 1, Pacing::Rate { per_second: 1000.0 });
    let outcome = run(&target(address, 1), traffic, Stop::Requests(400));
    assert_eq!(outcome.tally.replies, 400);
    let slow = outcome.latency_ns.count_between(STALL.as_nanos() as u64 / 2, u64::MAX);
    assert!(slow >= 95, "{slow} of the 100 requests of the stall's first half are slow");
}

#[test]
fn error_replies_are_counted_with_their_text() {
    let address = serve_once(|mut stream| {
        let mut request = [0; 14];
        for _ in 0..3 {
            stream.read_exact(&mut request).unwrap();
            stream.write_all(b"-LOADING wait\r\n").unwrap();
        }
    });
    let outcome = run(&target(address, 1), traffic("ping", 1, 1, Pacing::Batches), Stop::Requests(3));
    assert_eq!((outcome.tally.replies, outcome.tally.errors), (3, 3));
    assert_eq!(outcome.tally.error_texts.get("LOADING wait"), Some(&3));
}

#[test]
fn a_broken_connection_fails_the_run() {
    let address = serve_once(drop);
    let mut load = Load::connect(&target(address, 1), &[traffic("ping", 1, 1, Pacing::Batches)]).unwrap();
    assert!(load.run(Stop::Requests(3)).is_err());
}

#[test]
fn a_surplus_of_replies_fails_the_run() {
    let address = serve_once(|mut stream| {
        let mut request = [0; 14];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"+PONG\r\n+PONG\r\n").unwrap();
        let _ = stream.read(&mut request);
    });
    let mut load = Load::connect(&target(address, 1), &[traffic("ping", 1, 1, Pacing::Batches)]).unwrap();
    assert!(load.run(Stop::Requests(3)).is_err());
}
