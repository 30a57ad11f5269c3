//! Clients whose buffers take too much memory.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};

use crate::{count, info, run, set, start, used, which_exist};

const MIB: usize = 1 << 20;

/// A value of this length is copied for each client that asks for it; longer ones are shared.
const PART_BYTES: usize = 16_000;

/// Has the server keep replies of about so many bytes for a client that does not read.
fn ask(client: &mut Client, bytes: usize) {
    let requests = vec![Request::from_line("GET part"); bytes / PART_BYTES];
    client.send(&Request::encode_all(&requests)).expect("the requests are small");
}

/// Has the server keep a request of about so many bytes that is not complete.
fn begin_request(client: &mut Client, bytes: usize) {
    let mut request = b"*2\r\n$4\r\nECHO\r\n$500000000\r\n".to_vec();
    request.resize(bytes, b'x');
    // The server may close the connection meanwhile.
    let _ = client.send(&request);
}

fn names(client: &mut Client) -> Vec<String> {
    let list = client.command("CLIENT LIST").text();
    let name = |line: &str| line.split(' ').find_map(|field| field.strip_prefix("name=").map(str::to_owned));
    let mut names: Vec<String> = list.lines().filter_map(name).filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}

fn connect(server: &Server, name: &str) -> Client {
    let mut client = server.connect();
    client.call(["CLIENT", "SETNAME", name]);
    client
}

/// Reads the replies to what [`ask`] has asked for.
#[track_caller]
fn read_all(client: &mut Client, bytes: usize) {
    for _ in 0..bytes / PART_BYTES {
        assert_eq!(client.read_reply().expect("a reply").bytes().map(<[u8]>::len), Some(PART_BYTES));
    }
}

/// A server with a value of a mebibyte, and a shorter one.
fn start_with_value(arguments: &[&str]) -> Server {
    let unlimited = ["--client-output-buffer-limit", "normal 0 0 0 pubsub 0 0 0", "--io-threads", "2"];
    let server = start(&[&unlimited[..], arguments].concat());
    for (key, bytes) in [("big", MIB), ("part", PART_BYTES)] {
        server.connect().call([&b"SET"[..], key.as_bytes(), &vec![b'v'; bytes]]);
    }
    server
}

/// Whether the clients of these names are left at last, and no others.
#[track_caller]
fn await_names(client: &mut Client, expected: &[&str]) {
    let are_left = wait_until(|| names(client) == expected);
    assert!(are_left, "{:?} instead of {expected:?}", names(client));
}

/// How many bytes of replies are kept for the client of this name.
fn kept(observer: &mut Client, name: &str) -> usize {
    let list = observer.command("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains(&format!(" name={name} "))).unwrap_or_default();
    line.split(' ').find_map(|field| field.strip_prefix("omem=")?.parse().ok()).unwrap_or(0)
}

/// Several clients have the server keep replies, the biggest of which has to go.
#[track_caller]
fn check_biggest_goes(arguments: &[&str]) {
    let server = start_with_value(arguments);
    let mut observer = connect(&server, "observer");
    let [mut small, mut exempt, mut big] = ["small", "exempt", "biggest"].map(|name| connect(&server, name));
    exempt.command("CLIENT NO-EVICT ON");
    ask(&mut small, 4 * MIB);
    ask(&mut exempt, 16 * MIB);
    assert!(wait_until(|| kept(&mut observer, "exempt") > 10 * MIB), "nothing is kept for who is exempt");
    assert_eq!(info(&mut observer, "evicted_clients"), 0);
    ask(&mut big, 60 * MIB);
    await_names(&mut observer, &["exempt", "observer", "small"]);
    assert!(wait_until(|| info(&mut observer, "evicted_clients") == 1), "they are not counted");
    assert!(big.read_to_end().is_ok_and(|bytes| bytes.len() < 60 * MIB), "it got everything");
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("Evicting client:")).collect();
    assert!(matches!(lines[..], [line] if line.contains("name=biggest")), "{lines:?}");
    // Those that stay get everything.
    read_all(&mut small, 4 * MIB);
    read_all(&mut exempt, 16 * MIB);
}

#[test]
fn the_client_that_takes_most_is_closed() {
    check_biggest_goes(&["--maxmemory-clients", "60mb"]);
}

#[test]
fn the_limit_can_be_a_part_of_what_is_allowed_in_all() {
    check_biggest_goes(&["--maxmemory", "600mb", "--maxmemory-clients", "10%"]);
}

#[test]
fn requests_count_and_a_limit_that_is_set_later() {
    let server = start_with_value(&[]);
    let mut observer = connect(&server, "observer");
    let (mut asking, mut sending) = (connect(&server, "asking"), connect(&server, "sending"));
    let mut queueing = connect(&server, "queueing");
    let mut before = used(&mut observer);
    begin_request(&mut sending, 10 * MIB);
    assert!(wait_until(|| used(&mut observer) > before + 9 * MIB as u64), "nothing is kept of a request");
    run(&mut queueing, ["MULTI".to_owned()]);
    before = used(&mut observer);
    for _ in 0..6 {
        queueing.call([&b"SET"[..], b"key", &vec![b'v'; MIB]]);
    }
    assert!(used(&mut observer) > before + 5 * MIB as u64, "nothing is kept of a transaction");
    ask(&mut asking, 4 * MIB);
    assert_eq!(info(&mut observer, "evicted_clients"), 0);
    set(&mut observer, "maxmemory-clients", "14mb");
    await_names(&mut observer, &["asking", "observer", "queueing"]);
    set(&mut observer, "maxmemory-clients", "5mb");
    await_names(&mut observer, &["asking", "observer"]);
    assert!(wait_until(|| info(&mut observer, "evicted_clients") == 2), "they are not counted");
    read_all(&mut asking, 4 * MIB);
}

#[test]
fn a_limit_that_is_tiny_leaves_those_who_can_set_another() {
    let server = start_with_value(&[]);
    let mut observer = connect(&server, "observer");
    set(&mut observer, "maxmemory-clients", "100");
    set(&mut observer, "maxmemory-clients", "0");
    assert_eq!(info(&mut observer, "evicted_clients"), 0);
}

#[test]
fn what_is_kept_for_who_is_exempt_makes_keys_go_and_no_other_clients() {
    let (server, limit) = start_with_keys_that_may_go("volatile-lru", " EX 1000");
    let mut observer = connect(&server, "observer");
    let mut exempt = connect(&server, "exempt");
    exempt.command("CLIENT NO-EVICT ON");
    let bytes = limit as usize * 3 / 4;
    ask(&mut exempt, bytes);
    check_keys_make_room(&server, &mut observer, "exempt", limit);
    read_all(&mut exempt, bytes);
}

#[test]
fn what_clients_are_allowed_beyond_half_of_the_limit_makes_keys_go() {
    let (server, limit) = start_with_keys_that_may_go("volatile-lru", " EX 1000");
    let mut observer = connect(&server, "observer");
    set(&mut observer, "maxmemory-clients", limit * 9 / 10);
    let mut slow = connect(&server, "slow");
    let bytes = limit as usize * 3 / 4;
    ask(&mut slow, bytes);
    check_keys_make_room(&server, &mut observer, "slow", limit);
    read_all(&mut slow, bytes);
}

/// Much is kept for the client of this name, the limit holds, and nobody is closed.
#[track_caller]
fn check_keys_make_room(server: &Server, observer: &mut Client, name: &str, limit: u64) {
    let is_kept = wait_until(|| kept(observer, name) > limit as usize * 6 / 10);
    assert!(is_kept, "{} of {limit} bytes are kept", kept(observer, name));
    assert!(wait_until(|| used(observer) <= limit), "{} of {limit} bytes are used", used(observer));
    assert_eq!(server.connect().command("SET another value").text(), "OK");
    let keys = observer.command("DBSIZE").integer();
    assert!((1..KEYS as i64 * 6 / 10).contains(&keys.unwrap_or(0)), "{keys:?} keys are left");
    assert_eq!(info(observer, "evicted_clients"), 0);
}

#[test]
fn what_many_are_sent_at_once_counts_once() {
    const CLIENTS: usize = 20;
    let server = start_with_value(&[]);
    let mut observer = connect(&server, "observer");
    let before = info(&mut observer, "mem_clients_normal");
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    // More than the sockets take.
    for client in &mut clients {
        client.send(&Request::encode_all(&vec![Request::from_line("GET big"); 30])).expect("they are small");
    }
    let sent = || server.connect().command("CLIENT LIST").text().matches(" cmd=get ").count();
    assert!(wait_until(|| sent() == CLIENTS));
    let taken = |observer: &mut Client| info(observer, "mem_clients_normal") - before;
    assert!(taken(&mut observer) < 4 * MIB as u64, "{} bytes", taken(&mut observer));
    // It is theirs alone when the key is gone.
    observer.command("DEL big");
    let is_theirs = || taken(&mut observer) > MIB as u64 / 2;
    assert!(wait_until(is_theirs), "{} bytes", taken(&mut observer));
    for client in &mut clients {
        for _ in 0..30 {
            assert_eq!(client.read_reply().expect("a reply").bytes().map(<[u8]>::len), Some(MIB));
        }
    }
}

const KEYS: usize = 30_000;

/// A server that holds as many keys as it may. Returns the limit, too.
fn start_at_limit() -> (Server, u64) {
    start_with_keys_that_may_go("allkeys-lru", "")
}

/// The same with this policy, and this behind the SET of each key.
fn start_with_keys_that_may_go(policy: &str, options: &str) -> (Server, u64) {
    let server = start_with_value(&["--maxmemory-policy", policy]);
    let mut client = server.connect();
    let value = "v".repeat(1000);
    run(&mut client, (0..KEYS).map(|number| format!("SET key:{number} {value}{options}")));
    // It is the key that was used last.
    run(&mut client, ["STRLEN big".to_owned()]);
    let limit = used(&mut client) + MIB as u64;
    set(&mut client, "maxmemory", limit);
    (server, limit)
}

/// Half of the keys are left, and the client is closed.
#[track_caller]
fn check_keys_stay(observer: &mut Client, limit: u64) {
    let closed = wait_until(|| info(observer, "evicted_clients") == 1);
    assert!(closed, "it is not closed: {} of {limit} bytes are used", used(observer));
    set(observer, "maxmemory", 0);
    let there = which_exist(observer, (0..KEYS).map(|number| format!("key:{number}")));
    // The keys take a little less than what is allowed, and a buffer that is twice as big counts when its command is done: some go
    // before that.
    assert!(count(&there, true) > KEYS * 3 / 10, "{} of {KEYS} are left", count(&there, true));
    assert!(wait_until(|| used(observer) < limit), "what was kept for the client is kept still");
}

#[test]
fn replies_to_who_does_not_read_make_half_of_the_keys_go_at_most() {
    let (server, limit) = start_at_limit();
    let mut observer = connect(&server, "observer");
    let mut slow = connect(&server, "slow");
    // Long, and nothing that may go. Of each a copy is kept.
    for _ in 0..1000 {
        // The connection ends at some time.
        if slow.send(&Request::encode_all(&[Request::from_line("COMMAND DOCS")])).is_err() {
            break;
        }
        if info(&mut observer, "evicted_clients") > 0 {
            break;
        }
    }
    check_keys_stay(&mut observer, limit);
    await_names(&mut observer, &["observer"]);
}

/// How many bytes a client of this name was sent or is about to be sent; nothing if there is none.
fn bytes_told(observer: &mut Client, name: &str) -> Option<u64> {
    let list = observer.command("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains(&format!(" name={name} ")))?;
    let number = |field: &str| line.split(' ').find_map(|word| word.strip_prefix(field)?.parse::<u64>().ok());
    Some(number("tot-net-out=")? + number("omem=")?)
}

#[test]
fn messages_to_who_does_not_read_make_half_of_the_keys_go_at_most() {
    let (server, limit) = start_at_limit();
    let mut observer = connect(&server, "observer");
    let mut slow = connect(&server, "slow");
    slow.command("SUBSCRIBE channel");
    let message = vec![b'm'; 500_000];
    let mut published = 0;
    while observer.call([&b"PUBLISH"[..], b"channel", &message]).integer() != Some(0) {
        published += message.len() as u64;
        // It is the client's before the next is sent: until then nobody could be closed for it.
        let is_told = || bytes_told(&mut observer, "slow").is_none_or(|bytes| bytes >= published);
        assert!(wait_until(is_told), "{:?} of {published} bytes", bytes_told(&mut observer, "slow"));
    }
    check_keys_stay(&mut observer, limit);
    await_names(&mut observer, &["observer"]);
}

#[test]
fn requests_of_who_waits_make_half_of_the_keys_go_at_most() {
    let (server, limit) = start_at_limit();
    let mut observer = connect(&server, "observer");
    let mut slow = connect(&server, "slow");
    slow.send(b"BLPOP nothing 0\r\n").expect("it is connected");
    begin_request(&mut slow, 100 * MIB);
    check_keys_stay(&mut observer, limit);
    await_names(&mut observer, &["observer"]);
}

#[test]
fn requests_of_who_does_not_end_them_make_half_of_the_keys_go_at_most() {
    let (server, limit) = start_at_limit();
    let mut observer = connect(&server, "observer");
    let mut slow = connect(&server, "slow");
    begin_request(&mut slow, 100 * MIB);
    check_keys_stay(&mut observer, limit);
    await_names(&mut observer, &["observer"]);
}

/// A list whose elements take so many bytes together as a reply.
const LIST_BYTES: usize = 5000 * 57;

/// A server with this list and some 60 MB of other keys.
fn start_with_list(threads: &str) -> (Server, Client) {
    let server =
        start(&["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru", "--io-threads", threads]);
    let mut client = server.connect();
    let value = "v".repeat(1500);
    run(&mut client, (0..40_000).map(|number| format!("SET key:{number} {value} EX 1000")));
    let element = "e".repeat(50);
    run(&mut client, (0..50).map(|_| format!("RPUSH list{}", format!(" {element}").repeat(100))));
    (server, client)
}

#[test]
fn replies_of_many_pipelines_in_one_turn_do_not_outgrow_the_limit() {
    const CLIENTS: usize = 20;
    const REQUESTS: usize = 200;
    // With two, one closes clients that the other serves.
    for threads in ["1", "2"] {
        let (server, mut observer) = start_with_list(threads);
        let requests = Request::encode_all(&vec![Request::from_line("LRANGE list 0 -1"); REQUESTS]);
        let mut readers: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
        readers.iter_mut().for_each(|reader| reader.send(&requests).expect("the requests are small"));
        let mut most = 0;
        assert!(
            wait_until(|| {
                most = most.max(used(&mut observer));
                info(&mut observer, "evicted_clients") >= CLIENTS as u64 - 1
            }),
            "all that is sent to one client may stay"
        );
        most = most.max(info(&mut observer, "used_memory_peak"));
        assert!(most < 120 * MIB as u64, "{most} bytes of {}", CLIENTS * REQUESTS * LIST_BYTES);
        // These and half of the limit for buffers are a tenth more than the limit.
        let keys = observer.command("DBSIZE").integer();
        assert!(keys > Some(27_000), "{keys:?} keys are left");
    }
}

#[test]
fn replies_of_one_transaction_do_not_outgrow_the_limit() {
    const REQUESTS: usize = 1000;
    let (server, mut observer) = start_with_list("1");
    let lines = [&["MULTI"][..], &["LRANGE list 0 -1"; REQUESTS], &["SET last value", "EXEC"]].concat();
    let requests: Vec<Request> = lines.into_iter().map(Request::from_line).collect();
    let mut client = server.connect();
    client.send(&Request::encode_all(&requests)).expect("the requests are small");
    let received = client.read_to_end().expect("it is closed");
    assert!(received.len() < LIST_BYTES, "{} bytes came", received.len());
    let most = info(&mut observer, "used_memory_peak");
    assert!(most < 200 * MIB as u64, "{most} bytes of {}", REQUESTS * LIST_BYTES);
    assert_eq!(observer.command("GET last").text(), "value", "all commands have run");
    assert_eq!(info(&mut observer, "evicted_clients"), 1);
}
