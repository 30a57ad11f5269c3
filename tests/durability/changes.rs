//! How many changes there are for the save points: as many as on stock servers for what changes many parts at once.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

const COMMANDS: &[&str] = &[
    "SET a 1",
    "MSET a 1 b 2 c 3",
    "DEL a b c d",
    "RPUSH list 1 2 3 4 5",
    "LPUSH list 1 2",
    "RPUSHX list 1 2 3",
    "LREM list 0 1",
    "SADD set 1 2 3 3 4",
    "SREM set 1 9",
    "SPOP set 2",
    "ZADD sorted 1 a 2 b 3 c",
    "ZADD sorted 1 a 5 b",
    "ZREM sorted a z",
    "HSET hash a 1 b 2 c 3",
    "HDEL hash a z",
    "EXPIRE list 1000",
    "INCR number",
    "GET number",
    "FLUSHDB",
];

fn changes(client: &mut Client) -> i64 {
    let text = client.command("INFO persistence").text();
    let number = text.lines().find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
    number.and_then(|number| number.trim().parse().ok()).expect("INFO tells")
}

#[test]
fn parts_that_change_count_as_on_stock_servers() {
    let programs = [Program::nuthatch(), Program::redis_7()];
    let [here, stock] = programs.map(|program| {
        let server = Server::start(&program, &[]);
        let mut client = server.connect();
        let counted = COMMANDS.iter().map(|command| {
            let before = changes(&mut client);
            assert!(!client.command(command).is_error(), "{command}");
            (*command, changes(&mut client) - before)
        });
        counted.collect::<Vec<_>>()
    });
    assert_eq!(here, stock);
}

#[test]
fn a_library_counts() {
    let server = Server::start(&Program::nuthatch(), &[]);
    let mut client = server.connect();
    let code = "#!lua name=any\nredis.register_function('any', function() return 1 end)";
    assert_eq!(client.call(["FUNCTION", "LOAD", code]).text(), "any");
    assert_eq!(changes(&mut client), 1);
}
