//! The data set and files: SAVE, LASTSAVE, BGREWRITEAOF.

use std::sync::atomic::Ordering;

use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};
use crate::host::RewriteStart;
use crate::persistence::{self, SaveOptions};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    Command::other("SAVE", 1, save)
        .without(Flags::LOADING.union(Flags::STALE))
        .with(
            Flags::ADMIN
                .union(Flags::NO_SCRIPT)
                .union(Flags::NO_MULTI)
                .union(Flags::ALL_KEYS)
                .union(Flags::NO_ASYNC_LOADING),
        )
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "",
            "Saves the data set to a file, and lets nobody else use keys meanwhile.",
        ),
    Command::other("BGREWRITEAOF", 1, rewrite)
        .without(Flags::LOADING.union(Flags::STALE))
        .with(Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::NO_ASYNC_LOADING))
        .docs(
            Group::Server,
            "1.0.0",
            "O(1)",
            "",
            "Starts to write the append-only file anew, without what no longer counts.",
        ),
    Command::other("LASTSAVE", 1, last_save)
        .fast()
        .also_in(Categories::ADMIN.union(Categories::DANGEROUS))
        .tips(&["nondeterministic_output"])
        .docs(
            Group::Server,
            "1.0.0",
            "O(1)",
            "",
            "Returns when the data set was saved last, in seconds since 1970.",
        ),
];

fn save(call: &mut Call<'_, '_>) -> Outcome {
    const FAILED: CommandError = CommandError::fixed("ERR");
    let now_ms = call.now_ms();
    let (engine, keys) = (call.engine, &*call.keys);
    let options = SaveOptions {
        with_last_use: engine.settings.keeps_last_use.load(Ordering::Relaxed),
        compresses: engine.settings.compresses_files.load(Ordering::Relaxed),
        with_checksum: engine.settings.checks_files.load(Ordering::Relaxed),
        memory: engine.host.facts().memory.allocated,
        is_log_base: false,
    };
    let libraries = engine.scripts.libraries.all();
    let policy = engine.settings.access_policy(now_ms);
    let saved =
        engine.host.save_file(&mut |file| persistence::save(keys, &libraries, policy, &options, file));
    if !saved {
        return Err(FAILED);
    }
    engine.persistence.note_save(engine.now_ms() / 1000, keys.changes());
    call.reply.ok();
    Ok(())
}

fn rewrite(call: &mut Call<'_, '_>) -> Outcome {
    match call.engine.host.rewrite_log() {
        Ok(RewriteStart::Started) => call.reply.simple("Background append only file rewriting started"),
        Ok(RewriteStart::Scheduled) => call.reply.simple("Background append only file rewriting scheduled"),
        Err(problem) => return Err(CommandError::new(format!("ERR {problem}"))),
    }
    Ok(())
}

fn last_save(call: &mut Call<'_, '_>) -> Outcome {
    let saved = call.engine.persistence.saved_s.load(Ordering::Relaxed);
    call.reply.integer(saved.cast_signed());
    Ok(())
}
