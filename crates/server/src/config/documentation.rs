//! The page of the documentation that lists every directive, made from the table.

use std::fmt::Write;

use super::directives::{Default, Directive, GROUPS};
use super::kind::Kind;
use crate::version::NAME;

/// The page as Markdown. `docs/configuration.md` is a copy of it.
pub(crate) fn documentation() -> String {
    let mut page = format!(
        "# Configuration\n\n\
         {NAME} reads `redis.conf` as it is. Every directive of Redis 8.0 and of Valkey 9.1 is known: checked when \
         it is set, shown by `CONFIG GET` and kept by `CONFIG REWRITE`. Those in effect change what the server does; \
         the others do not yet.\n\n\
         This page is made from the table in `crates/server/src/config/directives.rs`: \
         `nuthatch --print-configuration-documentation > docs/configuration.md`.\n"
    );
    for (title, rows) in GROUPS {
        let _ = write!(
            page,
            "\n## {title}\n\n| Directive | Accepts | Default | In effect | At run time |\n|---|---|---|---|---|\n"
        );
        for row in rows.iter().filter(|row| !row.hidden) {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                names(row),
                accepts(row.kind),
                default(row),
                if row.effective { "yes" } else { "no" },
                if row.immutable {
                    "no"
                } else if row.protected {
                    "protected"
                } else {
                    "yes"
                }
            );
        }
    }
    page
}

fn names(row: &Directive) -> String {
    match row.alias {
        Some(alias) => format!("`{}`, `{alias}`", row.name),
        None => format!("`{}`", row.name),
    }
}

fn default(row: &Directive) -> String {
    match row.default {
        Default::Text("") => "empty".to_owned(),
        Default::Text(text) => format!("`{text}`"),
        Default::Computed(description, _) => description.to_owned(),
    }
}

fn accepts(kind: Kind) -> String {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match kind {
        Kind::Boolean => "`yes`, `no`".to_owned(),
        Kind::Integer(min, max) => match (min, max) {
            (i64::MIN, i64::MAX) => "number".to_owned(),
            (min, i64::MAX) => format!("number from {min}"),
            (min, max) => format!("number from {min} to {max}"),
        },
        Kind::Frequency => "times a second, 1 to 500".to_owned(),
        Kind::Size(0, _) => "size".to_owned(),
        Kind::Size(min, _) => format!("size from {min}"),
        Kind::SizeOrPercent => "size, or percentage of `maxmemory`".to_owned(),
        Kind::SizeOrUnlimited => "size, or -1 for no bound".to_owned(),
        Kind::Permissions => "octal permissions".to_owned(),
        Kind::Text(_) => "text".to_owned(),
        Kind::Choice(names) => quoted(names),
        Kind::Choices(names) => format!("some of {}", quoted(names)),
        Kind::Addresses => "up to 16 addresses".to_owned(),
        Kind::SavePoints => "pairs of seconds and changes".to_owned(),
        Kind::OutputBufferLimits => "class, hard size, soft size, seconds; repeatedly".to_owned(),
        Kind::KeyspaceEvents => {
            "letters: `K` and `E` for the channels by key and by event; `g` generic, `$` strings, `l` lists, `s` sets, `h` \
             hashes, `z` sorted sets, `t` streams, `x` expired, `e` evicted, `d` modules, `A` all of these; `m` missed, `n` \
             new, `o` overwritten, `c` of another type than before"
                .to_owned()
        }
        Kind::Percentiles => "numbers from 0 to 100".to_owned(),
        Kind::OutOfMemoryScores => "three scores from -2000 to 2000".to_owned(),
        Kind::Primary => "host and port".to_owned(),
    }
}
