//! Strings that are longer than what is allowed now were allowed when the file was written.

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use super::{arguments, crash};

#[test]
fn strings_that_grew_beyond_the_present_limit_are_whole() {
    let part = "p".repeat(500_000);
    let server = Server::start(&Program::nuthatch(), &arguments(&[]));
    let mut client = server.connect();
    (0..6).for_each(|_| drop(client.call(["APPEND", "appended", &part])));
    client.call(["SETRANGE", "set", "2900000", "end"]);
    client.command("SETBIT bits 24000007 1");
    drop(client);
    let server = crash(server, &["--proto-max-bulk-len", "1mb"]);
    let mut client = server.connect();
    for (key, length) in [("appended", 3_000_000), ("set", 2_900_003), ("bits", 3_000_001)] {
        assert_eq!(client.command(&format!("STRLEN {key}")).integer(), Some(length), "{key}");
    }
    assert!(client.command("APPEND appended x").is_error(), "the limit holds for what is new");
}
