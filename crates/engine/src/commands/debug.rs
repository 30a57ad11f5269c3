//! DEBUG: for those who test servers and clients. Off unless `enable-debug-command` says otherwise.

mod digest;
mod object;
mod populate;
mod protocol;
mod reload;
mod structure;

use std::time::Duration;

use nuthatch_protocol::number::{parse_f64, parse_i64};

use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};
use crate::settings::LocalOnly;

use super::container::{Explained, printed, reply_help};

/// The family's rows. DEBUG holds all shards: stock servers stop while they run it, and tests rely on that.
pub(super) const COMMANDS: &[Command] = &[Command::other("DEBUG", -2, debug)
    .with(Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::ALL_KEYS))
    .docs(Group::Server, "1.0.0", "Depends on subcommand.", "", "Helps to test the server and its clients.")];

/// A subcommand: its name, how many arguments follow it, and what runs it.
type Subcommand = (&'static str, std::ops::RangeInclusive<usize>, fn(&mut Call<'_, '_>) -> Outcome);

const SUBCOMMANDS: &[Subcommand] = &[
    ("CHANGE-REPL-ID", 0..=0, |_| Err(WITHOUT_REPLICATION)),
    ("DIGEST", 0..=0, digest::digest),
    ("DIGEST-VALUE", 0..=usize::MAX, digest::digest_value),
    ("ERROR", 1..=1, error),
    ("HELP", 0..=0, help),
    ("HTSTATS", 1..=usize::MAX, table_statistics),
    ("HTSTATS-KEY", 1..=usize::MAX, structure::table_of_key),
    ("LISTPACK", 1..=1, structure::listpack),
    ("LOADAOF", 0..=usize::MAX, reload::load_log),
    ("LOG", 1..=1, log),
    ("OBJECT", 1..=1, object::object),
    ("POPULATE", 1..=3, populate::populate),
    ("PROTOCOL", 1..=1, protocol::protocol),
    ("QUICKLIST", 1..=2, structure::quicklist),
    ("QUICKLIST-PACKED-THRESHOLD", 1..=1, structure::packed_threshold),
    ("RELOAD", 0..=usize::MAX, reload::reload),
    ("SET-ACTIVE-EXPIRE", 1..=1, set_active_expiry),
    ("SLEEP", 1..=1, sleep),
];

const WITHOUT_REPLICATION: CommandError =
    CommandError::fixed("ERR DEBUG CHANGE-REPL-ID needs replication, which this server does not have");

const HELP: &[Explained] = &[
    ("DIGEST", &["Return a digest of all data, which another server with the same data returns, too."]),
    ("DIGEST-VALUE <key> [<key> ...]", &["Return digests of the values of the keys."]),
    ("ERROR <string>", &["Return <string> as an error reply, to test clients."]),
    ("HTSTATS <dbid>", &["Return figures of the hash table and of the index by deadline of a database."]),
    ("HTSTATS-KEY <key>", &["Return figures of the hash table that the value of <key> is kept in."]),
    ("LISTPACK <key>", &["Write figures of the packed value of <key> to the log."]),
    ("LOADAOF", &["Replace all data by those of the append-only file."]),
    ("LOG <message>", &["Write <message> to the log."]),
    ("OBJECT <key>", &["Return how the value of <key> is kept."]),
    (
        "POPULATE <count> [<prefix>] [<size>]",
        &[
            "Create <count> strings named <prefix>:<number> (prefix: key by default) unless they",
            "exist, and cut or fill their values to <size> bytes if that is given.",
        ],
    ),
    (
        "PROTOCOL <type>",
        &[
            "Return a value of the type: string, integer, double, bignum, null, array, set, map,",
            "attrib, push, verbatim, true or false.",
        ],
    ),
    ("QUICKLIST <key>", &["Write figures of the nodes of the list at <key> to the log."]),
    (
        "QUICKLIST-PACKED-THRESHOLD <size>",
        &[
            "Check <size> and do nothing: which elements get a node of their own depends on",
            "list-max-listpack-size alone.",
        ],
    ),
    (
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        &[
            "Save the data set (unless NOSAVE), forget it (unless NOFLUSH), and load it again. A key that is",
            "there already is replaced (MERGE) or an error; nothing is changed then.",
        ],
    ),
    (
        "SET-ACTIVE-EXPIRE <0|1>",
        &["Keep keys in memory after their deadlines (0), or remove them at once as usual (1)."],
    ),
    ("SLEEP <seconds>", &["Stop everything that touches keys for <seconds>, fractions allowed."]),
];

fn debug(call: &mut Call<'_, '_>) -> Outcome {
    /// How much of the name the error repeats.
    const SHOWN_BYTES_MAX: usize = 128;
    const NOT_ALLOWED: CommandError = CommandError::fixed(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can \
         run it from a local connection, otherwise you need to set this option in the configuration file, \
         and then restart the server.",
    );
    let allowed = match *call.engine.settings.debug_commands.read() {
        LocalOnly::Yes => true,
        LocalOnly::Local => call.session.record.local,
        LocalOnly::No => false,
    };
    if !allowed {
        return Err(NOT_ALLOWED);
    }
    let (name, arguments) = (call.arguments.at(1), call.arguments.len() - 2);
    let subcommand =
        SUBCOMMANDS.iter().find(|(known, counts, _)| is_word(name, known) && counts.contains(&arguments));
    match subcommand {
        Some((_, _, run)) => run(call),
        None => {
            let name = printed(name);
            let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES_MAX)]);
            Err(CommandError::new(format!(
                "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
            )))
        }
    }
}

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "DEBUG", HELP);
    Ok(())
}

fn sleep(call: &mut Call<'_, '_>) -> Outcome {
    // What is no number, or a negative one, is no time, as with stock servers.
    let seconds = parse_f64(call.arguments.at(2)).unwrap_or(0.0);
    call.engine.host.sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    call.reply.ok();
    Ok(())
}

fn error(call: &mut Call<'_, '_>) -> Outcome {
    Err(CommandError::new(String::from_utf8_lossy(call.arguments.at(2)).into_owned()))
}

fn log(call: &mut Call<'_, '_>) -> Outcome {
    let message = String::from_utf8_lossy(call.arguments.at(2));
    call.engine.host.log_warning(&format!("DEBUG LOG: {message}"));
    call.reply.ok();
    Ok(())
}

fn set_active_expiry(call: &mut Call<'_, '_>) -> Outcome {
    // What is no number counts as zero, as with stock servers.
    let active = parse_i64(call.arguments.at(2)).is_some_and(|number| number != 0);
    call.engine.keyspace.set_active_expiry(active);
    call.reply.ok();
    Ok(())
}

fn table_statistics(call: &mut Call<'_, '_>) -> Outcome {
    const OUT_OF_RANGE: CommandError = CommandError::fixed("ERR Out of range database");
    let number = parse_i64(call.arguments.at(2)).ok_or(CommandError::NOT_AN_INTEGER)?;
    let database = u32::try_from(number)
        .ok()
        .filter(|number| *number < call.engine.keyspace.databases())
        .ok_or(OUT_OF_RANGE)?;
    let shards = call.engine.keyspace.shards();
    let figures = call.keys.figures(database);
    let report = format!(
        "[Dictionary HT]\nshards: {shards}\nnumber of elements: {}\nbytes: {}\n\
         [Expires HT]\nnumber of elements: {}\nbytes: {}\n",
        figures.keys, figures.table_bytes, figures.with_deadline.keys, figures.index_bytes
    );
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}
