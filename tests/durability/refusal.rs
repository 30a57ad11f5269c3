//! Files that are none: the server says what is wrong and where, and does not start.

use nuthatch_testkit::program::Program;
use nuthatch_testkit::server::Server;

use crate::{put, start_with_file};

#[test]
fn a_server_does_not_start_with_a_file_that_it_cannot_read() {
    let end = [0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    let with = |header: &[u8], parts: &[u8]| [header, parts, &end].concat();
    let redis = |parts: &[u8]| with(b"REDIS0011", parts);
    let cases: &[(Vec<u8>, &str)] = &[
        (Vec::new(), "offset 0, reading the signature: the file ends there"),
        (with(b"REDIX0011", b""), "offset 0, reading the signature: wrong signature"),
        (with(b"REDIS0013", b""), "can't handle RDB format version 13"),
        (with(b"VALKEY081", b""), "can't handle RDB format version 81"),
        (redis(b"\xf0"), "offset 9, reading the next part: unknown type or opcode 240"),
        (redis(b"\xfe\x10"), "offset 9, reading the number of a database: there is no database 16"),
        (redis(b"\xf6\x00"), "was written by a release candidate"),
        (
            redis(b"\x00\x01k\x01v\x00\x01k\x01w"),
            "offset 14, reading the value of key 'k', of type 0: the key is in the file twice",
        ),
        (redis(b"\x0b\x01k\x03abc"), "offset 16, reading the value of key 'k', of type 11"),
        (redis(b"\x07\x01k\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "module type 'AAAAAAAAA'"),
        (redis(b"\xf5\x05#!lua"), "offset 9, reading a library of functions: Invalid library metadata"),
        (
            b"REDIS0011\x00\x01k\x05v".to_vec(),
            "offset 14, reading the value of key 'k', of type 0: the file ends there",
        ),
        (
            b"REDIS0011\x00\x01k\x80\x7f\xff\xff\xffv".to_vec(),
            "offset 18, reading the value of key 'k', of type 0: the file ends there",
        ),
        // Lengths beyond the end of the file are not believed.
        (
            b"REDIS0011\x00\x01k\x81\x00\x00\x00\xff\x00\x00\x00\x00v".to_vec(),
            "offset 21, reading the value of key 'k', of type 0: this is no valid data",
        ),
        (b"REDIS0011\xff\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(), "wrong RDB checksum"),
        (b"REDIS0011\xff\x00\x00".to_vec(), "offset 12, reading the checksum: the file ends there"),
    ];
    for (file, expected) in cases {
        let (status, log) =
            Server::fail_to_start(&Program::nuthatch(), &[], |directory| put(directory, file));
        let shown = file.escape_ascii();
        assert_eq!(status.and_then(|status| status.code()), Some(1), "{shown}\n{log}");
        assert!(log.contains(expected), "{shown}\n{expected}\n{log}");
        assert!(!log.contains("Ready to accept"), "{shown}\n{log}");
    }
}

#[test]
fn the_log_has_the_words_of_stock_servers_besides() {
    const SHORT_READ: [&str; 2] = [
        "# Short read or OOM loading DB. Unrecoverable error, aborting now.\n",
        " -> Unexpected EOF reading RDB file\n",
    ];
    const EXITING: &str = "# Fatal error loading the DB, check server logs. Exiting.\n";
    let cases: &[(&[u8], &[&str])] = &[
        (b"", &SHORT_READ),
        (b"REDIS0011\x00\x01k\x05v", &SHORT_READ),
        (b"REDIX0011\xff", &["# Wrong signature trying to load DB from file\n", EXITING]),
        (b"REDIS0099\xff", &["# Can't handle RDB format version 99\n", EXITING]),
        (
            b"REDIS0011\xff\x01\x02\x03\x04\x05\x06\x07\x08",
            &[
                "# Wrong RDB checksum expected: (629738748d8a22c0) but got (807060504030201). Aborting now.\n",
                "# Internal error in RDB reading offset 10, the checksum -> RDB CRC error\n",
            ],
        ),
        (
            b"REDIS0011\xfe\x10",
            &[
                "# FATAL: Data file was created with a Redis server configured to handle more than 16 databases. Exiting\n",
            ],
        ),
        (
            b"REDIS0011\x07\x01k\x81\0\0\0\0\0\0\0\0\0",
            &["The RDB file contains module data I can't load: no matching module type 'AAAAAAAAA'\n"],
        ),
        (b"REDIS0011\xf5\x05#!lua\xff", &["# Failed loading library, Invalid library metadata\n"]),
    ];
    for (file, lines) in cases {
        let (_, log) = Server::fail_to_start(&Program::nuthatch(), &[], |directory| put(directory, file));
        for line in *lines {
            assert!(log.contains(line), "{}\n{line}{log}", file.escape_ascii());
        }
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let (status, log) = Server::fail_to_start(&Program::nuthatch(), &[], |directory| {
        // A link to itself cannot be opened, whoever tries.
        let path = directory.join(crate::FILE);
        std::os::unix::fs::symlink(&path, &path).expect("a link can be made");
    });
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{log}");
    for line in [
        "# Fatal error: can't open the RDB file dump.rdb for reading: Too many levels of symbolic links\n",
        "# Fatal error loading the DB, check server logs. Exiting.\n",
    ] {
        assert!(log.contains(line), "{line}{log}");
    }
}

#[test]
fn a_wrong_checksum_is_passed_over_if_none_is_wanted() {
    let file = b"REDIS0011\x00\x01k\x01v\xff\x01\x02\x03\x04\x05\x06\x07\x08";
    let arguments = ["--rdbchecksum", "no"];
    let server = start_with_file(&Program::nuthatch(), &arguments, file);
    assert_eq!(server.connect().command("GET k").text(), "v");
}
