//! Bytes that are not, or not quite, what a client library sends.
//!
//! Each case goes over a connection of its own, which the client then half-closes; what the server
//! sends until it closes the connection must be the same to the byte.

use std::io;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::{Extent, Finding, Pair, Report};
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::Server;
use nuthatch_testkit::shrink::shrink;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Cases that each show a rule of the protocol. Every one is followed by a request of its own, so
/// that it shows whether the connection lives on.
const CASES: &[&[u8]] = &[
    b"",
    b"\r\n",
    b"\n",
    b"\r",
    b"   \r\n",
    b"PING\r\n",
    b"PING\n",
    b"  PING  \r\n",
    b"\tPING\r\n",
    b"PING hello\r\n",
    b"ECHO \"hello world\"\r\n",
    b"ECHO 'hello world'\r\n",
    b"ECHO \"\\x41\\n\\r\\t\\a\\b\\\"\\\\\\q\"\r\n",
    b"ECHO \"\\xZZ\\x4\"\r\n",
    b"ECHO 'it\\'s \\x41'\r\n",
    b"ECHO \"\"\r\n",
    b"ECHO ''\r\n",
    b"ECHO a\"b\"\r\n",
    b"ECHO \"a\"b\r\n",
    b"ECHO 'a'b\r\n",
    b"ECHO \"a\r\n",
    b"ECHO 'a\r\n",
    b"ECHO \"a\\\r\n",
    b"\"\"\r\n",
    b"ECHO \"a\"\"b\"\r\n",
    b"ECHO \x00\r\n",
    b"ECHO \xff\xfe\r\n",
    b"SET a b c\r\n",
    b"NOSUCHCOMMAND a b\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*-2\r\n",
    b"*-9223372036854775808\r\n",
    b"*\r\n",
    b"*a\r\n",
    b"* 1\r\n$4\r\nPING\r\n",
    b"*1 \r\n$4\r\nPING\r\n",
    b"*+1\r\n$4\r\nPING\r\n",
    b"*01\r\n$4\r\nPING\r\n",
    b"*1048576\r\n",
    b"*1048577\r\n",
    b"*2147483647\r\n",
    b"*2147483648\r\n",
    b"*4294967297\r\n$4\r\nPING\r\n",
    b"*9223372036854775807\r\n",
    b"*9223372036854775808\r\n",
    b"*99999999999999999999999\r\n",
    b"*1\n$4\nPING\n",
    b"*1\r$4\r\nPING\r\n",
    b"*1\r\n\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\n",
    b"*1\r\n+PING\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$a\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*1\r\n$+4\r\nPING\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$ 4\r\nPING\r\n",
    b"*1\r\n$4 \r\nPING\r\n",
    b"*1\r\n$4\r\nPINGxx",
    b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$3\r\nPING\r\n",
    b"*1\r\n$5\r\nPING\r\n",
    b"*1\r\n$1048577\r\n",
    b"*1\r\n$536870912\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$9223372036854775807\r\n",
    b"*1\r\n$9223372036854775808\r\n",
    b"*1\r\n$99999999999999999999999\r\n",
    b"*2\r\n$4\r\nECHO\r\n$-1\r\n",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n$2\r\n\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n$3\r\n\x00\xff\n\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
    b"*2\r\n$3\r\nget\r\n$1\r\na\r\nPING\r\n",
    b"*1\r\n$4\r\nQUIT\r\n",
    b"*2\r\n$4\r\nQUIT\r\n$1\r\na\r\n",
    b"QUIT\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n*1\r\n$4\r\nPING\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*1\r\n$4\r\nPING\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$2\r\nON\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n*1\r\n$4\r\nQUIT\r\n",
    b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$5\r\nRESET\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"{\"a\":1}\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"+OK\r\n",
    b"$4\r\nPING\r\n",
    b":1\r\n",
];

const AFTERWARDS: &[u8] = b"*2\r\n$4\r\nECHO\r\n$5\r\nstill\r\n";

/// Pieces that random cases are put together from.
const PIECES: &[&[u8]] = &[
    b"*1\r\n$4\r\nPING\r\n",
    b"*2\r\n$4\r\nECHO\r\n$1\r\na\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n",
    b"*2\r\n$6\r\nSTRLEN\r\n$1\r\nk\r\n",
    b"PING\r\n",
    b"ECHO \"a b\"\r\n",
    b"SET k 'v w'\r\n",
    b"*0\r\n",
    b"\r\n",
    b"*",
    b"$",
    b"1",
    b"-1",
    b"2\r\n",
    b"\r",
    b"\n",
    b"\"",
    b"'",
    b"\\",
    b" ",
    b"\0",
    b"\xff",
    b"999999999999",
];

/// Everything that the server answers to `bytes`, sent in `chunks` writes, until it closes the connection.
fn answer(server: &Server, bytes: &[u8], chunks: usize) -> io::Result<Vec<u8>> {
    let mut client: Client = server.try_connect()?;
    for chunk in bytes.chunks(bytes.len().div_ceil(chunks).max(1)) {
        match client.send(chunk) {
            // The server may have closed already: then its answer says so.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                break;
            }
            other => other?,
        }
    }
    // Closed already: nothing more can be sent either way.
    let _ = client.finish_sending();
    client.read_to_end()
}

/// Answers that differ in the repeated bytes of the request alone are of one kind.
fn without_escapes(answer: &str) -> String {
    answer
        .split('\\')
        .map(|piece| piece.strip_prefix('x').and_then(|hex| hex.get(2..)).unwrap_or(piece))
        .collect()
}

fn run(pair: &Pair<'_>, heading: &str, cases: impl Iterator<Item = Vec<u8>>) -> Report {
    const FINDINGS_MAX: usize = 20;
    let mut report = Report {
        heading: format!("{} against {}, {heading}", pair.candidate.name(), pair.reference.name()),
        findings: Vec::new(),
    };
    if pair.reference.name().starts_with("valkey") {
        report.heading += ": left out, as Valkey reads malformed requests its own way";
        return report;
    }
    let both = |bytes: &[u8]| {
        let shown = |server| match answer(server, bytes, 1) {
            Ok(bytes) => bytes.escape_ascii().to_string(),
            Err(error) => format!("no answer: {error}"),
        };
        (shown(pair.candidate), shown(pair.reference))
    };
    let differ = |bytes: &[u8]| {
        let (ours, theirs) = both(bytes);
        ours != theirs
    };
    for case in cases {
        if report.findings.len() == FINDINGS_MAX {
            break;
        }
        let case = [&case[..], AFTERWARDS].concat();
        if differ(&case) {
            let case = shrink(&case, differ);
            let (ours, theirs) = both(&case);
            let kind = format!("{} instead of {}", without_escapes(&ours), without_escapes(&theirs));
            if report.findings.iter().all(|finding| finding.kind != kind) {
                let answers = format!("candidate: {ours}\nreference: {theirs}");
                report.findings.push(Finding { kind, history: vec![Request(vec![case])], answers });
            }
        }
    }
    report
}

#[test]
fn odd_requests_are_answered_as_the_stock_servers_answer_them() {
    crate::compare_with_each(|pair| run(pair, "odd requests", CASES.iter().map(|case| case.to_vec())));
}

#[test]
fn garbled_requests_are_answered_as_the_stock_servers_answer_them() {
    // A connection for each case: fewer cases than commands elsewhere.
    let Extent { commands, seed } = Extent::from_environment();
    let mut random = Pcg64::seed_from_u64(seed);
    let mut cases = Vec::new();
    for _ in 0..commands / 10 {
        let count = random.random_range(1..8);
        let pieces: Vec<&[u8]> = (0..count).filter_map(|_| PIECES.choose(&mut random).copied()).collect();
        let mut case = pieces.concat();
        if random.random_bool(0.5) {
            let position = random.random_range(0..case.len());
            case[position] = random.random();
        }
        cases.push(case);
    }
    crate::compare_with_each(|pair| run(pair, "garbled requests", cases.iter().cloned()));
}

#[test]
fn a_request_in_single_bytes_is_answered_like_one_in_one_piece() {
    crate::compare_with_each(|pair| {
        for case in CASES {
            let case = [case, AFTERWARDS].concat();
            let whole = answer(pair.candidate, &case, 1).expect("the server answers");
            let pieces = answer(pair.candidate, &case, case.len()).expect("the server answers");
            assert_eq!(
                pieces.escape_ascii().to_string(),
                whole.escape_ascii().to_string(),
                "{}",
                case.escape_ascii()
            );
        }
        Report { heading: String::new(), findings: Vec::new() }
    });
}
