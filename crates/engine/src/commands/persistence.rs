//! The data set and files: SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF.

use std::sync::atomic::Ordering;

use crate::arguments::is_word;
use crate::call::Call;
use crate::categories::Categories;
use crate::command::{Command, Flags, Group};
use crate::error::{CommandError, Outcome};
use crate::host::RewriteStart;
use crate::persistence::{self, Job};

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
    Command::other("BGSAVE", -1, background_save)
        .without(Flags::LOADING.union(Flags::STALE))
        .with(Flags::ADMIN.union(Flags::NO_SCRIPT).union(Flags::ALL_KEYS).union(Flags::NO_ASYNC_LOADING))
        .docs(
            Group::Server,
            "1.0.0",
            "O(1)",
            "[SCHEDULE|CANCEL]",
            "Saves the data set to a file while commands go on, or stops doing so.",
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

const FAILED: CommandError = CommandError::fixed("ERR");
const SAVES_ALREADY: CommandError = CommandError::fixed("ERR Background save already in progress");
const BUSY_OTHERWISE: CommandError = CommandError::fixed(
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE \
     whenever possible.",
);

fn save(call: &mut Call<'_, '_>) -> Outcome {
    save_all(call)?;
    call.reply.ok();
    Ok(())
}

/// Saves the data set, all shards of which the command holds.
pub(super) fn save_all(call: &mut Call<'_, '_>) -> Outcome {
    let now_ms = call.now_ms();
    let (engine, keys) = (call.engine, &*call.keys);
    let background = &engine.persistence.background;
    // Whoever writes it may need a shard.
    let Some(file) = background.file.try_lock() else { return Err(SAVES_ALREADY) };
    let has_begun = background.begin(Job::Save, now_ms / 1000);
    if !has_begun && background.running() == Some(Job::Save) {
        return Err(SAVES_ALREADY);
    }
    let options = engine.save_options();
    let libraries = engine.scripts.libraries.all();
    let policy = engine.settings.access_policy(now_ms);
    let saved =
        engine.host.save_file(&mut |file| persistence::save(keys, &libraries, policy, &options, file));
    drop(file);
    if has_begun {
        background.end();
    }
    // Whoever asks hears that it fails; writes are refused only for what fails in the background.
    if !saved {
        return Err(FAILED);
    }
    engine.persistence.note_failure(false);
    engine.persistence.note_save(engine.now_ms() / 1000, keys.changes());
    Ok(())
}

/// Sees to it that what was flushed does not come back from the file, if there are save points. The command holds all
/// shards. If that fails, the log says why.
pub(super) fn save_flushed(call: &mut Call<'_, '_>) {
    let engine = call.engine;
    let background = &engine.persistence.background;
    let is_wanted = engine.settings.has_save_points.load(Ordering::Relaxed);
    if !is_wanted || call.session.is_replayed || engine.persistence.loading.is_active() {
        return;
    }
    if background.running() == Some(Job::Save) {
        background.cancel();
    }
    if save_all(call).is_err() {
        background.is_save_scheduled.store(true, Ordering::SeqCst);
    }
}

fn rewrite(call: &mut Call<'_, '_>) -> Outcome {
    match call.engine.host.rewrite_log() {
        // It begins with what there is after the transaction.
        Ok(_) if call.session.is_executing => {
            call.reply.simple("Background append only file rewriting scheduled");
        }
        Ok(RewriteStart::Started) => call.reply.simple("Background append only file rewriting started"),
        Ok(RewriteStart::Scheduled) => call.reply.simple("Background append only file rewriting scheduled"),
        Err(problem) => return Err(CommandError::new(format!("ERR {problem}"))),
    }
    Ok(())
}

fn background_save(call: &mut Call<'_, '_>) -> Outcome {
    const NOT_RUNNING: CommandError =
        CommandError::fixed("ERR Background saving is currently not in progress or scheduled");
    let engine = call.engine;
    let background = &engine.persistence.background;
    let option = match (call.arguments.get(1), call.arguments.len()) {
        (None, _) => None,
        (Some(word), 2) if is_word(word, "SCHEDULE") || is_word(word, "CANCEL") => Some(word),
        _ => return Err(CommandError::SYNTAX),
    };
    if option.is_some_and(|word| is_word(word, "CANCEL")) {
        if background.running() == Some(Job::Save) {
            background.cancel();
            call.reply.simple("Background saving cancelled");
        } else if background.is_save_scheduled.swap(false, Ordering::SeqCst) {
            call.reply.simple("Scheduled background saving cancelled");
        } else {
            return Err(NOT_RUNNING);
        }
        return Ok(());
    }
    if background.running() == Some(Job::Save) {
        return Err(SAVES_ALREADY);
    }
    let now_ms = call.now_ms();
    // The middle of a transaction is not saved.
    let is_executing = call.session.is_executing;
    if !is_executing && background.begin(Job::Save, now_ms / 1000) {
        if !engine.save_this_moment(call.keys, now_ms) {
            background.end();
            return Err(FAILED);
        }
        call.reply.simple("Background saving started");
    } else if is_executing || option.is_some() {
        background.is_save_scheduled.store(true, Ordering::SeqCst);
        call.reply.simple("Background saving scheduled");
    } else {
        return Err(BUSY_OTHERWISE);
    }
    Ok(())
}

fn last_save(call: &mut Call<'_, '_>) -> Outcome {
    let saved = call.engine.persistence.saved_s.load(Ordering::Relaxed);
    call.reply.integer(saved.cast_signed());
    Ok(())
}
