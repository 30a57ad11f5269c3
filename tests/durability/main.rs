//! Files of the data set: what is in them comes back, here and with stock servers, and what is none is refused.

mod append_only;
mod changes;
mod check;
mod crash;
mod disk;
mod ending;
mod failing;
mod flushed;
mod interchange;
mod loading;
mod moment;
mod old;
mod refusal;
mod reload;

use std::fs;
use std::path::Path;

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};

/// The name of the file.
const FILE: &str = "dump.rdb";

/// Starts a server with a file, and waits until it is loaded.
#[track_caller]
fn start_with_file(program: &Program, arguments: &[&str], file: &[u8]) -> Server {
    let server = Server::start_with(program, arguments, |directory| put(directory, file));
    let is_loaded = || server.connect().command("INFO persistence").text().contains("\nloading:0\r\n");
    assert!(wait_until(is_loaded), "{} goes on loading", program.name);
    server
}

fn put(directory: &Path, file: &[u8]) {
    fs::write(directory.join(FILE), file).expect("a file can be written");
}

/// Has the server save its data, and returns the file.
#[track_caller]
fn saved(server: &Server) -> Vec<u8> {
    assert_eq!(server.connect().command("SAVE").text(), "OK");
    let mut names: Vec<_> = fs::read_dir(server.directory())
        .expect("a directory can be read")
        .map(|entry| entry.expect("an entry can be read").file_name())
        .collect();
    names.sort();
    assert_eq!(names, [FILE, "log"], "nothing else is left behind");
    fs::read(server.directory().join(FILE)).expect("the file is there")
}
