//! What becomes of the references that groups have to a stream's entries: KEEPREF, DELREF and ACKED, as Redis 8.2 documents
//! them.

use nuthatch_collections::stream::StreamId;
use nuthatch_engine::keyspace::Key;
use nuthatch_engine::keyspace::locked::Keys;

use super::support::Server;

/// Five entries; one group has got the first three and acknowledged the first, another one has got and acknowledged the
/// first two.
fn server() -> Server {
    let mut server = Server::new(None);
    for line in [
        "XADD s 1-0 a b",
        "XADD s 2-0 a b",
        "XADD s 3-0 a b",
        "XADD s 4-0 a b",
        "XADD s 5-0 a b",
        "XGROUP CREATE s one 0",
        "XGROUP CREATE s two 0",
        "XREADGROUP GROUP one c COUNT 3 STREAMS s >",
        "XREADGROUP GROUP two c COUNT 2 STREAMS s >",
        "XACK s one 1-0",
        "XACK s two 1-0 2-0",
    ] {
        let reply = server.run(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
    server
}

/// The times of the entries, and how many are pending in each group.
fn left(server: &Server) -> (Vec<u64>, [usize; 2]) {
    let keyspace = &server.engine.keyspace;
    let access = server.engine.settings.access_policy(server.now_ms());
    let keys = Keys::new(keyspace, keyspace.lock_all().expect("no script runs"), server.now_ms(), access, 0);
    let key = Key { bytes: b"s", hash: keyspace.hash(b"s"), database: 0 };
    let stream = keys.peek_stream(&key).expect("a stream").expect("the key");
    let ids = stream.range(StreamId::MIN, StreamId::MAX);
    let pending = [&b"one"[..], b"two"].map(|name| stream.groups[name].pending_len());
    (ids.map(|entry| entry.id.ms).collect(), pending)
}

#[test]
fn deleting_keeps_or_removes_references_or_spares_what_is_referred_to() {
    for (command, reply, entries, pending) in [
        ("XDELEX s IDS 2 2-0 9-0", "*2\r\n:1\r\n:-1\r\n", vec![1, 3, 4, 5], [2, 0]),
        ("XDELEX s KEEPREF IDS 1 2-0", "*1\r\n:1\r\n", vec![1, 3, 4, 5], [2, 0]),
        ("XDELEX s DELREF IDS 2 2-0 3-0", "*2\r\n:1\r\n:1\r\n", vec![1, 4, 5], [0, 0]),
        // The first is acknowledged by both groups; others are pending or have not been read.
        ("XDELEX s ACKED IDS 3 1-0 2-0 4-0", "*3\r\n:1\r\n:2\r\n:2\r\n", vec![2, 3, 4, 5], [2, 0]),
        ("XDELEX none IDS 1 1-0", "*1\r\n:-1\r\n", vec![1, 2, 3, 4, 5], [2, 0]),
        ("XACKDEL s one IDS 2 2-0 1-0", "*2\r\n:1\r\n:-1\r\n", vec![1, 3, 4, 5], [1, 0]),
        ("XACKDEL s one ACKED IDS 2 2-0 3-0", "*2\r\n:1\r\n:2\r\n", vec![1, 3, 4, 5], [0, 0]),
        ("XACKDEL s none IDS 1 2-0", "*1\r\n:-1\r\n", vec![1, 2, 3, 4, 5], [2, 0]),
        ("XTRIM s MAXLEN 2 KEEPREF", ":3\r\n", vec![4, 5], [2, 0]),
        ("XTRIM s MAXLEN 2 DELREF", ":3\r\n", vec![4, 5], [0, 0]),
        ("XTRIM s MAXLEN 2 ACKED", ":1\r\n", vec![2, 3, 4, 5], [2, 0]),
        ("XTRIM s MINID 3 ACKED", ":1\r\n", vec![2, 3, 4, 5], [2, 0]),
        ("XADD s DELREF MAXLEN = 3 6-0 a b", "$3\r\n6-0\r\n", vec![4, 5, 6], [0, 0]),
        ("XADD s ACKED MAXLEN = 3 6-0 a b", "$3\r\n6-0\r\n", vec![2, 3, 4, 5, 6], [2, 0]),
    ] {
        let mut server = server();
        assert_eq!(server.run(command), reply, "{command}");
        assert_eq!(left(&server), (entries, pending), "{command}");
    }
}

#[test]
fn lists_of_ids_must_be_as_long_as_they_say() {
    for (command, error) in [
        ("XDELEX s IDS 2 1-0", "-ERR The `numids` parameter must match the number of arguments\r\n"),
        ("XDELEX s IDS 1 1-0 2-0", "-ERR The `numids` parameter must match the number of arguments\r\n"),
        ("XDELEX s IDS 0 1-0", "-ERR Number of IDs must be a positive integer\r\n"),
        ("XDELEX s IDS -1 1-0", "-ERR Number of IDs must be a positive integer\r\n"),
        ("XDELEX s DELREF IDS x 1-0", "-ERR Number of IDs must be a positive integer\r\n"),
        ("XDELEX s IDS 1 x", "-ERR Invalid stream ID specified as stream command argument\r\n"),
        ("XDELEX s WRONG IDS 1 1-0", "-ERR syntax error\r\n"),
        ("XACKDEL s one DELREF IDS", "-ERR wrong number of arguments for 'xackdel' command\r\n"),
    ] {
        let mut server = server();
        assert_eq!(server.run(command), error, "{command}");
        assert_eq!(left(&server), (vec![1, 2, 3, 4, 5], [2, 0]), "{command}");
    }
}
