//! A background save holds what there was when it was asked for, whatever its client sends right behind, or what there is
//! after the transaction that asks for it.

use nuthatch_testkit::program::Program;
use nuthatch_testkit::request::Request;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::Signal;

const KEYS: usize = 2_000;

#[test]
fn what_comes_behind_bgsave_is_not_saved_and_a_transaction_is_as_a_whole() {
    for (around, left) in [([None, None], KEYS), ([Some("MULTI"), Some("EXEC")], 0)] {
        for program in std::iter::once(Program::nuthatch()).chain(Program::references()) {
            let arguments = ["--save", ""];
            let mut server = Server::start(&program, &arguments);
            let mut client = server.connect();
            let words = (0..KEYS).flat_map(|number| [format!("key:{number}"), "1".to_owned()]);
            client.call(["MSET".to_owned()].into_iter().chain(words));
            let [before, after] = around;
            let removals = (0..KEYS).map(|number| format!("DEL key:{number}"));
            let lines = before.into_iter().chain(["BGSAVE"]).map(str::to_owned);
            let lines = lines.chain(removals).chain(after.map(str::to_owned));
            let pipeline: Vec<Request> = lines.map(|line| Request::from_line(&line)).collect();
            client.send(&Request::encode_all(&pipeline)).expect("the server reads");
            let size = || server.connect().command("DBSIZE").integer();
            assert!(wait_until(|| size() == Some(0)), "{}", server.log());
            // A save that is only scheduled has not begun yet.
            let is_over = || {
                let info = server.connect().command("INFO persistence").text();
                info.contains("rdb_bgsave_in_progress:0\r") && !info.contains("rdb_last_bgsave_time_sec:-1\r")
            };
            assert!(wait_until(is_over), "{}", server.log());
            assert!(server.end_with(Signal::KILL).is_some());
            server.start_again(&program, &arguments);
            let size = server.connect().command("DBSIZE").integer();
            assert_eq!(size, Some(left as i64), "{}, {around:?}", program.name);
        }
    }
}
