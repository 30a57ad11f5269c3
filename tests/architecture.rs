//! The rules of the code's layout, each a prohibition.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// Modules of the engine, and what they never import from it: lower layers know nothing of upper ones.
const ENGINE: &[(&str, &[&str])] = &[
    (
        "effect",
        &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace", "value"],
    ),
    (
        "value",
        &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace", "host"],
    ),
    ("delivery", &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace"]),
    ("pubsub", &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace"]),
    (
        "notifications",
        &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace"],
    ),
    ("tracking", &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace"]),
    ("messages", &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace"]),
    ("transaction", &["dispatch", "table", "commands", "call", "session"]),
    ("scripts", &["dispatch", "table", "commands", "call", "session", "clients", "keyspace"]),
    ("rdb", &["dispatch", "table", "commands", "command", "call", "session", "clients", "keyspace", "host"]),
    ("keyspace", &["dispatch", "table", "commands", "command", "call", "session", "clients", "host"]),
    ("persistence", &["dispatch", "table", "commands", "command", "call", "session", "clients", "host"]),
    ("session", &["dispatch", "table", "commands", "command", "call", "keyspace"]),
    ("blocking", &["dispatch", "table", "commands", "command", "call", "session"]),
    ("clients", &["dispatch", "table", "commands", "command", "call", "keyspace"]),
    ("arguments", &["dispatch", "table", "commands", "command", "call", "session", "keyspace"]),
    ("command", &["dispatch", "table", "commands"]),
    ("call", &["dispatch", "commands"]),
    ("commands", &["dispatch"]),
    ("table", &["dispatch"]),
    ("statistics", &["dispatch", "commands", "command", "call", "session"]),
];

/// Crates that compute only, and what of the standard library would make them do more.
const PURE_CRATES: &[&str] = &["crates/collections", "crates/protocol", "crates/scripting", "crates/engine"];
const IMPURE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::process",
    "std::thread::spawn",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::os",
    "std::env",
];

/// The project's own crates that each crate may depend on.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("crates/collections", &[]),
    ("crates/protocol", &[]),
    ("crates/engine", &["nuthatch-collections", "nuthatch-protocol", "nuthatch-scripting"]),
    ("crates/server", &["nuthatch-collections", "nuthatch-protocol", "nuthatch-engine"]),
    ("crates/scripting", &["nuthatch-protocol", "nuthatch-testkit"]),
    ("crates/testkit", &[]),
    ("bench", &["nuthatch-collections", "nuthatch-protocol"]),
    ("tests", &["nuthatch-testkit"]),
    ("xtask", &["nuthatch-testkit"]),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All Rust sources below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn tokens(path: &Path) -> TokenStream {
    let text = fs::read_to_string(path).expect("a source can be read");
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether the file holds tests only.
fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| ["tests", "tests.rs", "benches", "examples"].iter().any(|name| part.as_os_str() == *name))
}

/// Every path that the tokens mention, with the trees of `use` written out; unit tests left out.
fn paths(stream: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut position = 0;
    while position < tokens.len() {
        match &tokens[position] {
            TokenTree::Ident(word) if *word == "mod" && is_word(tokens.get(position + 1), "tests") => {
                position += 3
            }
            TokenTree::Ident(_) => position = path_at(&tokens, position, "", &mut found),
            TokenTree::Group(group) => {
                found.extend(paths(group.stream()));
                position += 1;
            }
            _ => position += 1,
        }
    }
    found
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(found)) if *found == word)
}

fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

/// Reads the path that begins at `position`, adds it to `found`, and returns where it ends.
fn path_at(tokens: &[TokenTree], mut position: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        match tokens.get(position) {
            Some(TokenTree::Ident(word)) => path += &word.to_string(),
            Some(TokenTree::Group(group)) if path.ends_with("::") => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inner.split(|token| is_sign(Some(token), ',')) {
                    path_at(branch, 0, &path, found);
                }
                return position + 1;
            }
            _ => return position + 1,
        }
        if is_sign(tokens.get(position + 1), ':') && is_sign(tokens.get(position + 2), ':') {
            path += "::";
            position += 3;
        } else {
            found.push(path);
            return position + 1;
        }
    }
}

fn begins_with(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn holds_word(stream: TokenStream, word: &str) -> bool {
    stream.into_iter().any(|token| match token {
        TokenTree::Ident(found) => found == word,
        TokenTree::Group(group) => holds_word(group.stream(), word),
        _ => false,
    })
}

#[test]
fn lower_modules_of_the_engine_never_import_upper_ones() {
    let source = root().join("crates/engine/src");
    let mut violations = Vec::new();
    for (module, forbidden) in ENGINE {
        let file = source.join(format!("{module}.rs"));
        let folder = source.join(module);
        let mut files: Vec<PathBuf> = if folder.is_dir() { sources(&folder) } else { Vec::new() };
        files.extend(file.is_file().then_some(file));
        assert!(!files.is_empty(), "the engine has no module {module}: mend this list");
        for file in files.into_iter().filter(|file| !is_test(file)) {
            for path in paths(tokens(&file)) {
                if forbidden.iter().any(|upper| begins_with(&path, &format!("crate::{upper}"))) {
                    violations.push(format!("{} imports {path}", file.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn crates_that_compute_never_reach_for_sockets_files_threads_or_clocks() {
    let mut violations = Vec::new();
    for krate in PURE_CRATES {
        for file in sources(&root().join(krate).join("src")).into_iter().filter(|file| !is_test(file)) {
            for path in paths(tokens(&file)) {
                if IMPURE.iter().any(|impure| begins_with(&path, impure)) {
                    violations.push(format!("{} mentions {path}", file.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn only_collections_may_be_unsafe() {
    let mut violations = Vec::new();
    for (krate, _) in DEPENDENCIES.iter().filter(|(krate, _)| *krate != "crates/collections") {
        let unsafe_files =
            sources(&root().join(krate)).into_iter().filter(|file| holds_word(tokens(file), "unsafe"));
        violations.extend(unsafe_files.map(|file| file.display().to_string()));
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn crates_depend_on_no_crate_above_them() {
    for (krate, allowed) in DEPENDENCIES {
        let manifest =
            fs::read_to_string(root().join(krate).join("Cargo.toml")).expect("a crate has a manifest");
        let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
        let own = ["dependencies", "dev-dependencies", "build-dependencies"].into_iter();
        let own = own.filter_map(|kind| manifest.get(kind)?.as_table()).flat_map(|table| table.keys());
        for dependency in own.filter(|name| name.starts_with("nuthatch-")) {
            assert!(allowed.contains(&dependency.as_str()), "{krate} depends on {dependency}");
        }
    }
}

#[test]
fn the_reader_of_paths_sees_imports_in_every_form() {
    let stream: TokenStream =
        "use crate::{dispatch, keyspace::{Shard, locked::*}}; fn f() { crate::commands::g(); }
        use std::time::{Duration, Instant}; mod tests { use crate::table; }"
            .parse()
            .expect("the sample is Rust");
    let found = paths(stream);
    for expected in ["crate::dispatch", "crate::keyspace::Shard", "crate::commands::g", "std::time::Instant"]
    {
        assert!(found.iter().any(|path| path == expected), "{expected} is missing in {found:?}");
    }
    assert!(!found.iter().any(|path| path == "crate::table"), "{found:?}");
}
