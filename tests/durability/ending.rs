//! How a server ends: what it saves, what it says, and when it does not end. As Redis 8.0 does, which goes through the same
//! where it is there.

use std::fs;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::FILE;

/// What asks for the end.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Signal(Signal),
    Command(&'static str),
}

use Asked::{Command, Signal as Sent};

struct Case {
    arguments: &'static [&'static str],
    asked: Asked,
    /// Whether the file cannot be written.
    fails: bool,
    /// What is written to the log from then on.
    says: &'static [&'static str],
    ends: bool,
}

const POINTS: &[&str] = &["--save", "3600 1"];
const ASKED: &str = "User requested shutdown...";
const SAVING: &str = "Saving the final RDB snapshot before exiting.";
const SAVED: &str = "DB saved on disk";
const BYE: &str = "is now ready to exit, bye bye...";
const NOT_MOVED: &str = "Error moving temp DB file";
const TERM: &str = "Received SIGTERM scheduling shutdown...";
const INT: &str = "Received SIGINT scheduling shutdown...";
const REFUSED: [&str; 2] = [
    "Error trying to save the DB, can't exit.",
    "Errors trying to shut down the server. Check the logs for more information.",
];

const CASES: &[Case] = &[
    Case {
        arguments: POINTS,
        asked: Sent(Signal::TERM),
        fails: false,
        says: &[TERM, ASKED, SAVING, SAVED, BYE],
        ends: true,
    },
    Case { arguments: &[], asked: Sent(Signal::TERM), fails: false, says: &[TERM, ASKED, BYE], ends: true },
    Case {
        arguments: POINTS,
        asked: Sent(Signal::INT),
        fails: false,
        says: &[INT, ASKED, SAVING, SAVED, BYE],
        ends: true,
    },
    Case {
        arguments: &["--shutdown-on-sigterm", "save now"],
        asked: Sent(Signal::TERM),
        fails: false,
        says: &[TERM, ASKED, SAVING, SAVED, BYE],
        ends: true,
    },
    Case {
        arguments: &["--save", "3600 1", "--shutdown-on-sigint", "nosave", "--shutdown-on-sigterm", "save"],
        asked: Sent(Signal::INT),
        fails: true,
        says: &[INT, ASKED, BYE],
        ends: true,
    },
    Case {
        arguments: POINTS,
        asked: Sent(Signal::TERM),
        fails: true,
        says: &[TERM, ASKED, SAVING, NOT_MOVED, REFUSED[0], REFUSED[1]],
        ends: false,
    },
    Case {
        arguments: &["--save", "3600 1", "--shutdown-on-sigterm", "force"],
        asked: Sent(Signal::TERM),
        fails: true,
        says: &[TERM, ASKED, SAVING, NOT_MOVED, "Error trying to save the DB. Exit anyway.", BYE],
        ends: true,
    },
    Case {
        arguments: POINTS,
        asked: Command("SHUTDOWN"),
        fails: true,
        says: &[ASKED, SAVING, NOT_MOVED, REFUSED[0], REFUSED[1]],
        ends: false,
    },
    Case {
        arguments: POINTS,
        asked: Command("SHUTDOWN NOW FORCE"),
        fails: true,
        says: &[ASKED, SAVING, NOT_MOVED, "Error trying to save the DB. Exit anyway.", BYE],
        ends: true,
    },
    Case {
        arguments: POINTS,
        asked: Command("SHUTDOWN NOSAVE"),
        fails: false,
        says: &[ASKED, BYE],
        ends: true,
    },
    Case {
        arguments: &[],
        asked: Command("SHUTDOWN SAVE NOW"),
        fails: false,
        says: &[ASKED, SAVING, SAVED, BYE],
        ends: true,
    },
    Case { arguments: POINTS, asked: Command("SHUTDOWN ABORT"), fails: false, says: &[], ends: false },
];

fn programs() -> impl Iterator<Item = Program> {
    let others = Program::references().into_iter().filter(|program| program.name == "redis-8.0");
    [Program::nuthatch()].into_iter().chain(others)
}

/// The messages that are in the log behind its beginning.
fn messages(server: &Server, begun: usize) -> Vec<String> {
    let log = server.log();
    let message = |line: &str| {
        let (_, message) =
            line.split_once(" * ").or_else(|| line.split_once(" # ")).or_else(|| line.split_once(") "))?;
        Some(message.to_owned())
    };
    log[begun..].lines().filter_map(message).collect()
}

fn send(server: &Server, signal: Signal) {
    let process = i32::try_from(server.process_id()).ok().and_then(Pid::from_raw);
    kill_process(process.expect("a child has a process number"), signal).expect("a child can be signalled");
}

#[test]
fn the_end_is_that_of_stock_servers() {
    for program in programs() {
        for Case { arguments, asked, fails, says, ends } in CASES {
            let case = format!("{} {arguments:?} {asked:?}", program.name);
            let mut server = Server::start(&program, arguments);
            let mut client = server.connect();
            client.command("SET kept here");
            if *fails {
                fs::create_dir(server.directory().join(FILE)).expect("a directory can be made");
            }
            assert!(wait_until(|| server.log().contains("Ready to accept")), "{case}");
            let begun = server.log().len();
            match asked {
                Sent(signal) => send(&server, *signal),
                Command(line) => {
                    let reply = client.try_call(line.split(' '));
                    let expected = match (*ends, says.is_empty()) {
                        (true, _) => None,
                        (false, true) => Some("ERR No shutdown in progress."),
                        (false, false) => Some("ERR Errors trying to SHUTDOWN. Check logs."),
                    };
                    assert_eq!(reply.ok().map(|reply| reply.text()).as_deref(), expected, "{case}");
                }
            }
            let are_all_there = || messages(&server, begun).len() >= says.len();
            assert!(wait_until(are_all_there), "{case}: {:?}", messages(&server, begun));
            if *ends {
                let status = server.wait_for_end();
                assert_eq!(status.and_then(|status| status.code()), Some(0), "{case}");
            } else {
                assert_eq!(client.command("GET kept").text(), "here", "{case}");
            }
            let said = messages(&server, begun);
            let is_same = |(said, expected): (&String, &&str)| said.contains(expected);
            assert!(said.len() == says.len() && said.iter().zip(*says).all(is_same), "{case}: {said:?}");
            let is_saved = says.contains(&SAVED);
            assert_eq!(server.directory().join(FILE).is_file(), is_saved, "{case}");
        }
    }
}

#[test]
fn a_server_that_could_not_end_can_be_asked_again() {
    for program in programs() {
        let mut server = Server::start(&program, POINTS);
        let mut client = server.connect();
        client.command("SET kept here");
        let path = server.directory().join(FILE);
        fs::create_dir(&path).expect("a directory can be made");
        for (count, signal) in [(1, Signal::TERM), (2, Signal::INT), (3, Signal::INT)] {
            send(&server, signal);
            let refusals = || server.log().matches(REFUSED[1]).count();
            assert!(wait_until(|| refusals() == count), "{}", program.name);
        }
        fs::remove_dir(&path).expect("a directory can be removed");
        assert_eq!(server.end_with(Signal::INT).and_then(|status| status.code()), Some(0));
        assert!(path.is_file(), "{}", program.name);
    }
}

#[test]
fn a_save_that_goes_on_does_not_keep_the_server_from_ending() {
    let slowly = ["--rdb-key-save-delay", "10000000"];
    let asked = [
        (Sent(Signal::TERM), true),
        (Command("SHUTDOWN NOSAVE"), false),
        (Command("SHUTDOWN"), true),
        (Sent(Signal::INT), false),
    ];
    for (asked, saves) in asked {
        let arguments = [&slowly[..], if saves { POINTS } else { &[] }].concat();
        let mut server = Server::start(&Program::nuthatch(), &arguments);
        let mut client = server.connect();
        client.command("SET kept here");
        assert_eq!(client.command("BGSAVE").text(), "Background saving started");
        let names = || {
            let entries = fs::read_dir(server.directory()).expect("a directory can be read");
            let mut names: Vec<_> =
                entries.map(|entry| entry.expect("an entry can be read").file_name()).collect();
            names.sort();
            names
        };
        assert!(wait_until(|| names().len() == 2), "it writes nothing");
        let before = names();
        assert!(before[1].to_string_lossy().starts_with("temp-"), "{before:?}");
        match asked {
            Sent(signal) => send(&server, signal),
            // The connection ends instead of a reply.
            Command(line) => drop(client.try_call(line.split(' '))),
        }
        let status = server.wait_for_end();
        assert!(status.is_some_and(|status| status.success()), "{asked:?}");
        assert!(server.log().contains("There is a child saving an .rdb. Killing it!"), "{asked:?}");
        let entries = fs::read_dir(server.directory()).expect("a directory can be read");
        let mut left: Vec<_> =
            entries.map(|entry| entry.expect("an entry can be read").file_name()).collect();
        left.sort();
        let expected: &[&str] = if saves { &[FILE, "log"] } else { &["log"] };
        assert_eq!(left, expected, "{asked:?}");
    }
}

#[test]
fn signals_that_ask_for_something_else_do_not_end_the_server() {
    for program in programs() {
        let mut server = Server::start(&program, &[]);
        for signal in [Signal::USR2, Signal::ALARM, Signal::HUP, Signal::PIPE] {
            send(&server, signal);
            assert_eq!(server.connect().command("PING").text(), "PONG", "{signal:?} {}", program.name);
        }
        assert!(!server.has_ended(), "{}", program.name);
    }
}

#[test]
fn many_can_ask_for_the_end_at_once() {
    let mut server = Server::start(&Program::nuthatch(), POINTS);
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    clients[0].command("SET kept here");
    for client in &mut clients {
        client.send(b"SHUTDOWN\r\n").expect("the server reads");
    }
    for _ in 0..3 {
        // It may be gone already.
        let process = i32::try_from(server.process_id()).ok().and_then(Pid::from_raw);
        let _ = kill_process(process.expect("a child has a process number"), Signal::TERM);
    }
    assert_eq!(server.wait_for_end().and_then(|status| status.code()), Some(0), "{}", server.log());
    assert!(server.directory().join(FILE).is_file());
}

#[test]
fn a_signal_while_it_loads_is_told_so() {
    let filled = Server::start(&Program::nuthatch(), &["--enable-debug-command", "yes"]);
    filled.connect().command("DEBUG POPULATE 20000");
    let file = crate::saved(&filled);
    let arguments = ["--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024"];
    for program in programs() {
        for signal in [Signal::TERM, Signal::INT] {
            let mut server =
                Server::start_with(&program, &arguments, |directory| crate::put(directory, &file));
            assert_eq!(server.end_with(signal).and_then(|status| status.code()), Some(0));
            let line = "Received shutdown signal during loading, scheduling shutdown.";
            assert!(server.log().contains(line), "{}", server.log());
            assert!(fs::read(server.directory().join(FILE)).is_ok_and(|after| after == file));
        }
    }
}
