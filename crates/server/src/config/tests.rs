//! Configurations as users write them and as attackers would, against what the stock server does with them.

mod stock;

use std::io;

use super::*;

fn start(arguments: &[&str], standard_input: &str) -> Result<Config, ConfigError> {
    match Config::from_arguments(arguments.iter().map(OsString::from), standard_input.as_bytes())? {
        Startup::Run(config) => Ok(*config),
        _ => panic!("the arguments ask for something else than a server"),
    }
}

/// A configuration from the text of a file.
fn read(text: &str) -> Result<Config, ConfigError> {
    start(&["-"], text)
}

fn get(config: &Config, name: &str) -> String {
    let value = config.get(name).unwrap_or_else(|| panic!("no directive {name}"));
    String::from_utf8_lossy(&value).into_owned()
}

/// Sets without anything that applies the change.
fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<(), String> {
    let pairs: Vec<(&[u8], &[u8])> =
        pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    config
        .set(&pairs, Origin::Remote, &mut |_, _| Ok(()))
        .map_err(|error| String::from_utf8(error).expect("repeats UTF-8 only"))
}

fn refusal(result: Result<Config, ConfigError>) -> (usize, String) {
    match result {
        Err(ConfigError::Line { number, reason, .. }) => (number, reason),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// A directory of its own for a test, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("nuthatch-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path.canonicalize()?))
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("the temporary directory can be written");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays behind in the temporary directory does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_default_is_valid_and_shown() {
    let config = start(&[], "").expect("defaults are valid");
    let shown = config.get_matching(&[b"*"]);
    let names: usize = directives::all().iter().map(|row| 1 + usize::from(row.alias.is_some())).sum();
    let hidden = directives::all().iter().filter(|row| row.hidden).count();
    assert_eq!(shown.len(), names - hidden);
}

/// `directive|value|= what CONFIG GET shows then` or `directive|value|- error`, recorded from Redis 8.0.6.
#[test]
fn values_are_accepted_and_refused_in_the_words_of_the_stock_server() {
    for line in include_str!("tests/recorded_set.txt").lines() {
        let [name, value, expected] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let config = start(&[], "").expect("defaults are valid");
        let answer = match set(&config, &[(name, value)]) {
            Ok(()) => format!("= {}", get(&config, name)),
            Err(error) => format!("- {error}"),
        };
        assert_eq!(answer, expected, "{name} {value}");
    }
}

#[test]
fn a_refused_pair_leaves_all_others_unchanged() {
    let config = start(&[], "").expect("defaults are valid");
    let error = set(&config, &[("timeout", "77"), ("tcp-keepalive", "x")]).expect_err("refused");
    assert!(error.contains("'tcp-keepalive'"), "{error}");
    assert_eq!(get(&config, "timeout"), "0");
    assert_eq!(config.settings().timeout, None);
}

#[test]
fn a_change_that_cannot_be_applied_is_taken_back() {
    let config = start(&[], "").expect("defaults are valid");
    let mut calls = Vec::new();
    let pairs: [(&[u8], &[u8]); 3] = [(b"timeout", b"77"), (b"hz", b"10"), (b"tcp-keepalive", b"7")];
    let result = config.set(&pairs, Origin::Remote, &mut |name, settings| {
        calls.push((name, settings.timeout.map(|time| time.as_secs())));
        if name == "tcp-keepalive" { Err("no".to_owned()) } else { Ok(()) }
    });
    let error = "CONFIG SET failed (possibly related to argument 'tcp-keepalive') - no";
    assert_eq!(result, Err(error.as_bytes().to_vec()));
    // `hz` has not changed, so that there is nothing to apply. Of what was refused something may be in force.
    let (new, old) = (Some(77), None);
    assert_eq!(calls, [("timeout", new), ("tcp-keepalive", new), ("timeout", old), ("tcp-keepalive", old)]);
    assert_eq!(get(&config, "timeout"), "0");
    assert_eq!(config.settings().timeout, None);
}

#[test]
fn a_name_given_twice_is_refused_but_a_name_and_its_alias_are_not() {
    let config = start(&[], "").expect("defaults are valid");
    let error = set(&config, &[("port", "1"), ("PORT", "2")]).expect_err("refused");
    assert_eq!(error, "CONFIG SET failed (possibly related to argument 'PORT') - duplicate parameter");
    assert_eq!(set(&config, &[("slave-priority", "1"), ("replica-priority", "2")]), Ok(()));
    assert_eq!(get(&config, "slave-priority"), "2");
}

#[test]
fn protected_directives_need_permission() {
    let change = |mode: &str, origin| {
        let config = start(&["--enable-protected-configs", mode], "").expect("valid");
        config.set(&[(b"dbfilename", b"x")], origin, &mut |_, _| Ok(())).is_ok()
    };
    assert!(change("yes", Origin::Remote));
    assert!(change("local", Origin::Local));
    assert!(!change("local", Origin::Remote));
    assert!(!change("no", Origin::Local));
}

#[test]
fn get_shows_each_name_once_and_as_it_was_asked_for() {
    let config = start(&[], "").expect("defaults are valid");
    let names = |patterns: &[&[u8]]| -> Vec<String> {
        let found = config.get_matching(patterns);
        found.into_iter().map(|(name, _)| String::from_utf8_lossy(&name).into_owned()).collect()
    };
    assert_eq!(names(&[b"PORT"]), ["PORT"]);
    assert_eq!(names(&[b"PO*", b"port", b"por?"]), ["port"]);
    assert_eq!(names(&[b"sl[a-z]ve-p*", b"none"]), ["slave-priority"]);
    assert_eq!(names(&[b"*load-delay*"]), [""; 0]);
    assert_eq!(names(&[b"key-load-delay"]), ["key-load-delay"]);
    assert_eq!(names(&[b"\xff\xfe"]), [""; 0]);
}

#[test]
fn lines_are_refused_with_their_number_and_the_words_of_the_stock_server() {
    for (text, number, reason) in [
        ("port abc", 1, "argument couldn't be parsed into an integer"),
        ("# x\n\nport 1 2", 3, "wrong number of arguments"),
        ("port", 1, "wrong number of arguments"),
        ("zzz", 1, "Bad directive or wrong number of arguments"),
        ("port=7310", 1, "Bad directive or wrong number of arguments"),
        ("port \"7310", 1, "Unbalanced quotes in configuration line"),
        ("port \"7310\"x", 1, "Unbalanced quotes in configuration line"),
        ("save 60", 1, "Invalid save parameters"),
        ("user", 1, "Bad directive or wrong number of arguments"),
        ("include", 1, "Bad directive or wrong number of arguments"),
        ("loadmodule", 1, "Bad directive or wrong number of arguments"),
        ("sentinel x", 1, "sentinel directive while not in sentinel mode"),
        ("rename-command get b\nrename-command set b", 2, "Target command name already exists"),
        (
            "user a on\nuser a on",
            2,
            "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files",
        ),
        ("replicaof a 99999", 1, "Invalid master port"),
        ("dir /nonexistent", 1, "No such file or directory"),
        ("dir ''", 1, "No such file or directory"),
        ("unixsocketperm 888", 1, "argument couldn't be parsed as an octal number"),
        ("unixsocketperm 1777", 1, "argument must be between 0 and 777 inclusive"),
        ("appendfilename a/b", 1, "appendfilename can't be a path, just a filename"),
        ("appenddirname ''", 1, "appenddirname can't be empty"),
        ("databases 0", 1, "argument must be between 1 and 2147483647 inclusive"),
        ("io-threads 129", 1, "argument must be between 1 and 128 inclusive"),
    ] {
        assert_eq!(refusal(read(text)), (number, reason.to_owned()), "{text}");
    }
}

#[test]
fn a_bad_line_is_reported_in_the_block_that_tools_look_for() {
    let error = start(&["--port", "abc"], "").err().expect("refused").to_string();
    let expected = format!(
        "\n*** FATAL CONFIG FILE ERROR (Nuthatch {}) ***\nReading the configuration file, at line 2\n\
         >>> 'port \"abc\"'\nargument couldn't be parsed into an integer",
        crate::version::VERSION
    );
    assert_eq!(error, expected);
}

#[test]
fn repeated_save_lines_add_up_from_the_first_one_given() {
    for (text, arguments, expected) in [
        ("", &[][..], "3600 1 300 100 60 10000"),
        ("save 60 1\nsave 30 2", &[], "60 1 30 2"),
        ("save 60 1\nsave ''\nsave 30 2", &[], "30 2"),
        ("save 60 1\nsave ''", &[], ""),
        ("save 60 1", &["--save", "5", "5"], "60 1 5 5"),
        ("save 60 1", &["--save", ""], ""),
        ("", &["--save", "5 5", "--save", "6", "6"], "5 5 6 6"),
        ("", &["--save"], ""),
        ("", &["--save", "--port", "7"], ""),
    ] {
        let arguments: Vec<&str> = ["-"].iter().chain(arguments).copied().collect();
        let config = start(&arguments, text).expect("valid");
        assert_eq!(get(&config, "save"), expected, "{text} {arguments:?}");
    }
}

/// Options whose directive nobody knows show how the command line was taken apart.
#[test]
fn the_command_line_is_taken_apart_as_by_the_stock_server() {
    for (arguments, expected) in [
        (&["--foo", "a", "--bar", "b", "c"][..], &["foo a", "bar b c"][..]),
        (&["--foo", "--bar", "b"], &["foo --bar b"]),
        (&["--foo", "--bar", "--baz", "q"], &["foo --bar", "baz q"]),
        (&["--foo a b", "c", "--baz", "q"], &["foo a b c", "baz q"]),
        (&["--foo a", "--bar", "--baz", "q"], &["foo a", "bar --baz q"]),
        (&["--foo", "a", "", "--baz", "q"], &["foo a ", "baz q"]),
        (&["--foo", "a\"b", "--baz", "q\\n"], &["foo a\"b", "baz q\\n"]),
        (&["--FOO", "a"], &["foo a"]),
        (&["--foo", "-", "a"], &["foo - a"]),
        (&["-foo", "a"], &["-foo a"]),
        (&["--save", "--foo", "a"], &["foo a"]),
        (&["--SAVE", "--foo", "a"], &["foo a"]),
        (&["--foo 'a b' c", "d"], &["foo a b c d"]),
        (&["--foo=3", "x"], &["foo=3 x"]),
    ] {
        let config = start(arguments, "").expect("valid");
        assert_eq!(config.declarations().unresolved, expected, "{arguments:?}");
    }
}

#[test]
fn later_sources_win() -> io::Result<()> {
    let directory = Directory::new("sources")?;
    let file = directory.file("redis.conf", "port 1\ntimeout 1\nhz 1\n");
    let config = start(&[&file, "--hz", "3", "-"], "timeout 2\nhz 2\n").expect("valid");
    let values = ["port", "timeout", "hz"].map(|name| get(&config, name));
    assert_eq!(values, ["1", "2", "3"]);
    assert_eq!(config.file(), Some(Path::new(&file)));
    Ok(())
}

#[test]
fn included_files_are_read_where_they_are_named() -> io::Result<()> {
    let directory = Directory::new("include")?;
    directory.file("1.conf", "hz 1\ntimeout 1");
    directory.file("2.conf", "hz 2");
    let path = directory.0.display();
    let text =
        format!("hz 9\ninclude {path}/*.conf\ninclude {path}/*.none\ntimeout 9\ndir {path}\ninclude 1.conf");
    let config = read(&text).expect("valid");
    assert_eq!((get(&config, "hz"), get(&config, "timeout")), ("1".to_owned(), "1".to_owned()));
    let missing = read(&format!("include {path}/none.conf")).err().expect("refused").to_string();
    assert_eq!(
        missing,
        format!("Fatal error, can't open config file '{path}/none.conf': No such file or directory")
    );
    Ok(())
}

/// As recorded from Redis 8.0 and Valkey 9.1.
#[test]
fn behind_an_included_file_each_save_line_replaces_those_before() -> io::Result<()> {
    let directory = Directory::new("include-save")?;
    directory.file("two.conf", "save 100 100\nsave 200 200\n");
    directory.file("none.conf", "hz 10\n");
    let path = directory.0.display();
    directory.file("nested.conf", format!("include {path}/two.conf\nsave 300 300\nsave 400 400\n"));
    for (text, arguments, expected) in [
        ("include two", &[][..], "100 100 200 200"),
        ("include two", &["--save", "5 5"], "5 5"),
        ("include two", &["--save", "5 5", "--save", "6 6"], "6 6"),
        ("include two", &["--save", ""], ""),
        ("include none", &[], "3600 1 300 100 60 10000"),
        ("include none\nsave 1 1 2 2", &[], "1 1 2 2"),
        ("include none\nsave 1 1\nsave 2 2", &[], "2 2"),
        ("include none\nsave 1 1\ninclude two", &[], "100 100 200 200"),
        ("save 1 1\nsave 2 2\ninclude none", &[], "1 1 2 2"),
        ("save 1 1\ninclude two", &[], "1 1 100 100 200 200"),
        ("save 1 1\ninclude none\ninclude two", &[], "1 1 100 100 200 200"),
        ("save 1 1\ninclude nothing*\nsave 2 2", &[], "2 2"),
        ("include nested", &[], "400 400"),
    ] {
        let lines = text.lines().map(|line| match line.strip_prefix("include ") {
            Some(name) => format!("include {path}/{name}.conf"),
            None => line.to_owned(),
        });
        let arguments: Vec<&str> = ["-"].iter().chain(arguments).copied().collect();
        let config = start(&arguments, &lines.collect::<Vec<_>>().join("\n")).expect("valid");
        assert_eq!(get(&config, "save"), expected, "{text} {arguments:?}");
    }
    Ok(())
}

#[test]
fn a_file_that_includes_itself_ends_in_an_error() -> io::Result<()> {
    let directory = Directory::new("cycle")?;
    let path = directory.0.join("a.conf");
    let file = directory.file("a.conf", format!("include {}\n", path.display()));
    let (_, reason) = refusal(start(&[&file], ""));
    assert!(reason.contains("nested too deeply"), "{reason}");
    // Two includes a file would double the work at every level, were it not bounded.
    let line = format!("include {}\n", path.display());
    directory.file("a.conf", line.repeat(2));
    let (_, reason) = refusal(start(&[&file], ""));
    assert!(reason.contains("nested too deeply"), "{reason}");
    Ok(())
}

#[test]
fn an_endless_file_is_refused_instead_of_read() {
    let error = start(&["/dev/zero"], "").err().expect("refused").to_string();
    assert_eq!(error, "Fatal error, can't open config file '/dev/zero': File too large");
}

#[test]
fn binary_and_giant_lines_do_no_harm() {
    let every_byte: Vec<u8> = (0..=255_u8).cycle().take(1 << 16).collect();
    let binary = String::from_utf8_lossy(&every_byte).into_owned();
    assert!(read(&binary).is_err());
    assert!(read(&format!("port {}", "1".repeat(1 << 20))).is_err());
    assert!(read(&"x".repeat(1 << 20)).is_err());
    assert!(read(&"save 1 1 ".repeat(1 << 17)).is_err());
    let long = "a".repeat(1 << 20);
    assert_eq!(get(&read(&format!("requirepass {long}")).expect("valid"), "requirepass"), long);
}

#[test]
fn arguments_that_print_something_do_not_start_a_server() {
    let startup = |argument: &str| Config::from_arguments([OsString::from(argument)], io::empty());
    assert!(matches!(startup("-v"), Ok(Startup::PrintVersion)));
    assert!(matches!(startup("--version"), Ok(Startup::PrintVersion)));
    assert!(matches!(startup("-h"), Ok(Startup::PrintHelp)));
    assert!(matches!(startup("--help"), Ok(Startup::PrintHelp)));
    assert!(matches!(startup("--check-system"), Ok(Startup::CheckSystem)));
    assert!(startup("--sentinel").is_err());
}

#[test]
fn the_documentation_is_made_from_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(written == documentation(), "write it again with --print-configuration-documentation");
}
