//! Disks that do not take a file: the file before stays as it is, writes are refused, and the next save that works puts an
//! end to it. As with stock servers, whose replies are compared.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nuthatch_testkit::client::Client;
use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::{Server, wait_until};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::FILE;

/// Longer than the disk or the limit allow, and not to be compressed.
const BIG: usize = 200_000;

/// Why a file cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Its name is that of a directory, so that it cannot be renamed.
    NameIsTaken,
    DirectoryIsGone,
    DirectoryIsReadOnly,
    /// The process may not write files of this length.
    Limit,
    DiskIsFull,
}

/// A small disk that is gone at the end of the test.
struct Disk(PathBuf);

impl Disk {
    /// Nothing if this user may not mount any.
    fn mount(place: &Path) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(place);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(place.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server may still have its working directory there.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

impl Fault {
    /// Has it come. Says whether it has: some need a user who may do less, or more.
    fn begin(self, server: &Server, data: &Path) -> bool {
        match self {
            Self::NameIsTaken => {
                fs::rename(data.join(FILE), data.join("kept")).expect("a file can be renamed");
                fs::create_dir(data.join(FILE)).expect("a directory can be made");
            }
            Self::DirectoryIsGone => fs::remove_dir_all(data).expect("a directory can be removed"),
            Self::DirectoryIsReadOnly => {
                set_mode(data, 0o555);
                // The superuser is not refused anything.
                return fs::write(data.join("probe"), "").is_err();
            }
            Self::Limit => limit(server, Some(BIG as u64 / 2)),
            Self::DiskIsFull => {
                // Goes as far as there is room.
                let _ = fs::write(data.join("ballast"), vec![1; 1 << 20]);
            }
        }
        true
    }

    fn end(self, server: &Server, data: &Path) {
        match self {
            Self::NameIsTaken => {
                fs::remove_dir(data.join(FILE)).expect("a directory can be removed");
                fs::rename(data.join("kept"), data.join(FILE)).expect("a file can be renamed");
            }
            Self::DirectoryIsGone => {
                fs::create_dir(data).expect("a directory can be made");
                let mut client = server.connect();
                let directory = data.to_str().expect("the path is a text");
                assert_eq!(client.call(["CONFIG", "SET", "dir", directory]).text(), "OK");
            }
            Self::DirectoryIsReadOnly => set_mode(data, 0o755),
            Self::Limit => limit(server, None),
            Self::DiskIsFull => fs::remove_file(data.join("ballast")).expect("a file can be removed"),
        }
    }

    /// Where the file before is meanwhile.
    fn file_before(self, data: &Path) -> Option<PathBuf> {
        match self {
            Self::NameIsTaken => Some(data.join("kept")),
            Self::DirectoryIsGone => None,
            Self::DirectoryIsReadOnly | Self::Limit | Self::DiskIsFull => Some(data.join(FILE)),
        }
    }

    /// What the log says, here and with Redis 8.0.
    fn line(self) -> &'static str {
        match self {
            Self::NameIsTaken => ".rdb on the final destination dump.rdb (in server root dir /",
            Self::DirectoryIsGone => {
                "# Failed opening the temp RDB file temp-*.rdb (in server root dir unknown) for saving: No such file or directory"
            }
            Self::DirectoryIsReadOnly => "for saving: Permission denied",
            Self::Limit => "# Write error while saving DB to the disk(rdbSaveRio): File too large",
            Self::DiskIsFull => {
                "# Write error while saving DB to the disk(rdbSaveRio): No space left on device"
            }
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions can be changed");
}

/// Limits how long the files may be that a server writes, or lets them be as long as those of this process.
fn limit(server: &Server, bytes: Option<u64>) {
    let process = i32::try_from(server.process_id()).ok().and_then(Pid::from_raw);
    let before = getrlimit(Resource::Fsize);
    let new = Rlimit { current: bytes.or(before.current), maximum: before.maximum };
    prlimit(process, Resource::Fsize, new).expect("a child can be limited");
}

fn info(client: &mut Client, name: &str) -> String {
    let text = client.command("INFO persistence").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} is not in {text}")).to_owned()
}

fn save_in_background(client: &mut Client) {
    assert_eq!(client.command("BGSAVE").text(), "Background saving started");
    assert!(wait_until(|| info(client, "rdb_bgsave_in_progress") == "0"), "it goes on for ever");
}

/// Has a server meet a fault. Says whether it could be brought about.
fn meet(program: &Program, fault: Fault) -> bool {
    let arguments = ["--save", "3600 1", "--dir", "data", "--enable-protected-configs", "yes"];
    let mut disk = None;
    let server = Server::start_with(program, &arguments, |directory| {
        fs::create_dir(directory.join("data")).expect("a directory can be made");
        disk = (fault == Fault::DiskIsFull).then(|| Disk::mount(&directory.join("data"))).flatten();
    });
    if fault == Fault::DiskIsFull && disk.is_none() {
        return false;
    }
    let data = fs::canonicalize(server.directory().join("data")).expect("a directory has a path");
    let case = format!("{} {fault:?}", program.name);
    let mut client = server.connect();
    client.command("SET a first");
    assert_eq!(client.command("SAVE").text(), "OK", "{case}");
    let before = fs::read(data.join(FILE)).expect("the file is there");
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let big: Vec<u8> = (0..BIG).map(|_| noise()).collect();
    client.call([&b"SET"[..], b"big", &big]);
    if !fault.begin(&server, &data) {
        fault.end(&server, &data);
        return false;
    }
    // Only what fails in the background has consequences.
    assert_eq!(client.command("SAVE").text(), "ERR", "{case}");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok", "{case}");
    assert_eq!(client.command("SET a second").text(), "OK", "{case}");
    save_in_background(&mut client);
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "err", "{case}");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "2", "{case}");
    for line in ["SET a third", "PING", "FLUSHALL", "DEL big"] {
        let name = if program.name == "valkey-9.1" { "Valkey" } else { "Redis" };
        let expected = format!(
            "MISCONF {name} is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may \
             modify the data set are disabled, because this instance is configured to report errors during writes if RDB \
             snapshotting fails (stop-writes-on-bgsave-error option). Please check the {name} logs for details about the RDB \
             error."
        );
        assert_eq!(client.command(line).text(), expected, "{case}: {line}");
    }
    assert_eq!(client.command("GET a").text(), "second", "{case}");
    if let Some(path) = fault.file_before(&data) {
        assert!(fs::read(path).is_ok_and(|file| file == before), "{case}: the file before has changed");
        let names = fs::read_dir(&data).expect("a directory can be read");
        let names = names.map(|entry| entry.expect("an entry can be read").file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("temp-")).collect();
        assert!(left.is_empty(), "{case}: {left:?} is left behind");
    }
    if ["nuthatch", "redis-8.0"].contains(&program.name) {
        let log = server.log();
        let is_there = |line: &str| {
            let mut rest = line;
            fault
                .line()
                .split('*')
                .all(|part| rest.split_once(part).map(|(_, behind)| rest = behind).is_some())
        };
        assert!(log.lines().any(is_there) && log.contains("# Background saving error"), "{case}:\n{log}");
    }
    fault.end(&server, &data);
    save_in_background(&mut client);
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok", "{case}");
    assert_eq!(client.command("SET a third").text(), "OK", "{case}");
    assert!(fs::read(data.join(FILE)).is_ok_and(|file| file.len() > BIG), "{case}");
    true
}

fn meet_everywhere(fault: Fault) {
    for program in [Program::nuthatch()].into_iter().chain(Program::references()) {
        // A limit ends stock servers.
        if fault == Fault::Limit && program.name != "nuthatch" {
            continue;
        }
        if !meet(&program, fault) {
            println!("not tested: this user cannot bring about that {fault:?}");
        }
    }
}

#[test]
fn a_name_that_cannot_be_taken() {
    meet_everywhere(Fault::NameIsTaken);
}

#[test]
fn a_directory_that_is_gone() {
    meet_everywhere(Fault::DirectoryIsGone);
}

#[test]
fn a_directory_that_is_read_only() {
    meet_everywhere(Fault::DirectoryIsReadOnly);
}

#[test]
fn a_limit_on_the_length_of_files() {
    meet_everywhere(Fault::Limit);
}

#[test]
fn a_disk_that_is_full() {
    meet_everywhere(Fault::DiskIsFull);
}

#[test]
fn a_save_in_the_foreground_that_works_ends_it_too() {
    let server = Server::start(&Program::nuthatch(), &["--save", "3600 1"]);
    let mut client = server.connect();
    fs::create_dir(server.directory().join(FILE)).expect("a directory can be made");
    save_in_background(&mut client);
    assert!(client.command("SET a b").text().starts_with("MISCONF"));
    // Those who do not mind can go on.
    assert_eq!(client.command("CONFIG SET stop-writes-on-bgsave-error no").text(), "OK");
    assert_eq!(client.command("SET a b").text(), "OK");
    assert_eq!(client.command("CONFIG SET stop-writes-on-bgsave-error yes").text(), "OK");
    assert!(client.command("SET a c").text().starts_with("MISCONF"));
    fs::remove_dir(server.directory().join(FILE)).expect("a directory can be removed");
    assert_eq!(client.command("SAVE").text(), "OK");
    assert_eq!(client.command("SET a c").text(), "OK");
}
