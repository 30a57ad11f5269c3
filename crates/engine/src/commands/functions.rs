//! Functions: FCALL, which the dispatcher runs, and FUNCTION, which manages their libraries.

use nuthatch_protocol::Reply;
use nuthatch_protocol::glob;

use super::container::{Explained, reply_help, subcommand_required, wrong_form};
use super::scripting::{manages, runs};
use crate::arguments::is_word;
use crate::call::Call;
use crate::command::{Command, Flags, Group, NamedBy};
use crate::error::{CommandError, Outcome};
use crate::rdb::functions::NotFunctions;
use crate::rdb::{self, payload};
use crate::scripts::{FLAG_NAMES, FunctionFacts, Library, Policy, load_library, with_interpreter};

/// The family's rows.
pub(super) const COMMANDS: &[Command] = &[
    runs("FCALL", NamedBy::Function, false).docs(
        Group::Scripting,
        "7.0.0",
        "Depends on the function that is executed.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a function.",
    ),
    runs("FCALL_RO", NamedBy::Function, true).docs(
        Group::Scripting,
        "7.0.0",
        "Depends on the function that is executed.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
        "Runs a function that does not write.",
    ),
    Command::other("FUNCTION", -2, subcommand_required)
        .without(Flags::LOADING.union(Flags::STALE))
        .subcommands(SUBCOMMANDS)
        .docs(
            Group::Scripting,
            "7.0.0",
            "Depends on subcommand.",
            "",
            "A container for commands about functions.",
        ),
];

/// Of commands that change libraries: they run alone, so that the log tells of them in the order in which they ran.
const CHANGING: Flags = Flags::WRITE.union(Flags::ALL_KEYS);

const CHANGES: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const SUBCOMMANDS: &[Command] = &[
    manages("DELETE", 3, delete)
        .with(CHANGING)
        .docs(Group::Scripting, "7.0.0", "O(1)", "library-name", "Removes a library and its functions.")
        .tips(CHANGES),
    manages("DUMP", 2, dump).docs(
        Group::Scripting,
        "7.0.0",
        "O(N) where N is the number of functions",
        "",
        "Returns all libraries as a byte string that FUNCTION RESTORE takes.",
    ),
    manages("FLUSH", -2, flush)
        .with(CHANGING)
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(N) where N is the number of functions deleted",
            "[ASYNC | SYNC]",
            "Removes all libraries.",
        )
        .tips(CHANGES),
    manages("HELP", 2, help).without(Flags::NO_SCRIPT).with(Flags::LOADING.union(Flags::STALE)).docs(
        Group::Scripting,
        "7.0.0",
        "O(1)",
        "",
        "Explains the subcommands.",
    ),
    manages("KILL", 2, kill)
        .with(Flags::ALLOW_BUSY)
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(1)",
            "",
            "Ends a function that has run for too long and has not written.",
        )
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    manages("LIST", -2, list)
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(N) where N is the number of functions",
            "[LIBRARYNAME library-name-pattern] [WITHCODE]",
            "Lists libraries and their functions.",
        )
        .tips(&["nondeterministic_output_order"]),
    manages("LOAD", -3, load)
        .with(CHANGING.union(Flags::DENY_OOM))
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(1) (considering compilation time is redundant)",
            "[REPLACE] function-code",
            "Adds a library.",
        )
        .tips(CHANGES),
    manages("RESTORE", -3, restore)
        .with(CHANGING.union(Flags::DENY_OOM))
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(N) where N is the number of functions on the payload",
            "serialized-value [FLUSH | APPEND | REPLACE]",
            "Adds the libraries that FUNCTION DUMP has returned.",
        )
        .tips(CHANGES),
    manages("STATS", 2, statistics)
        .with(Flags::ALLOW_BUSY)
        .docs(
            Group::Scripting,
            "7.0.0",
            "O(1)",
            "",
            "Tells which function has run for too long, and how many functions there are.",
        )
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
];

fn load(call: &mut Call<'_, '_>) -> Outcome {
    const NO_TEXT: CommandError = CommandError::fixed("ERR Function code is missing");
    let mut replace = false;
    let (text, options) = match call.arguments.len() {
        0..3 => return Err(NO_TEXT),
        count => (call.arguments.at(count - 1), call.arguments.from(2).take(count - 3)),
    };
    for option in options {
        if !is_word(option, "REPLACE") {
            return Err(CommandError::repeating("ERR Unknown option given: ", option, ""));
        }
        replace = true;
    }
    let libraries = &call.engine.scripts.libraries;
    let name = crate::scripts::library_name(text)?;
    if !replace && libraries.contains(&name) {
        return Err(CommandError::new(format!("ERR Library '{name}' already exists")));
    }
    let (name, functions) = with_interpreter(|thread| load_library(thread, text))?;
    let library = Library::new(name.clone(), text, &functions);
    libraries.add(vec![library], if replace { Policy::Replace } else { Policy::Append })?;
    call.keys.note_request();
    call.reply.bulk(name.as_bytes());
    Ok(())
}

fn delete(call: &mut Call<'_, '_>) -> Outcome {
    const UNKNOWN: CommandError = CommandError::fixed("ERR Library not found");
    let name = std::str::from_utf8(call.arguments.at(2)).map_err(|_| UNKNOWN)?;
    if !call.engine.scripts.libraries.delete(name) {
        return Err(UNKNOWN);
    }
    call.keys.note_request();
    call.reply.ok();
    Ok(())
}

fn flush(call: &mut Call<'_, '_>) -> Outcome {
    const MODES: CommandError = CommandError::fixed("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    match (call.arguments.get(2), call.arguments.get(3)) {
        (None, _) => {}
        (Some(_), Some(_)) => return Err(wrong_form(call)),
        (Some(mode), None) if is_word(mode, "SYNC") || is_word(mode, "ASYNC") => {}
        (Some(_), None) => return Err(MODES),
    }
    call.engine.scripts.flush_libraries();
    call.keys.note_request();
    call.reply.ok();
    Ok(())
}

fn dump(call: &mut Call<'_, '_>) -> Outcome {
    let libraries = call.engine.scripts.libraries.all();
    let texts = rdb::functions::save(libraries.iter().map(|library| &*library.text));
    call.reply.bulk(&payload::seal(texts));
    Ok(())
}

fn restore(call: &mut Call<'_, '_>) -> Outcome {
    const POLICIES: CommandError = CommandError::fixed(
        "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
    );
    const BAD_PAYLOAD: CommandError = CommandError::fixed("ERR DUMP payload version or checksum are wrong");
    const OTHER_TYPE: CommandError = CommandError::fixed("ERR given type is not a function");
    const MALFORMED: CommandError = CommandError::fixed("ERR failed loading functions payload");
    if call.arguments.len() > 4 {
        return Err(wrong_form(call));
    }
    let policy = match call.arguments.get(3) {
        None => Policy::Append,
        Some(word) if is_word(word, "APPEND") => Policy::Append,
        Some(word) if is_word(word, "REPLACE") => Policy::Replace,
        Some(word) if is_word(word, "FLUSH") => Policy::Flush,
        Some(_) => return Err(POLICIES),
    };
    let bytes = payload::open(call.arguments.at(2)).ok_or(BAD_PAYLOAD)?;
    // No text is longer than the request that brings it, but for what compression hides.
    let texts = rdb::functions::load(bytes, TEXT_BYTES_MAX).map_err(|error| match error {
        NotFunctions::OtherType => OTHER_TYPE,
        NotFunctions::Malformed => MALFORMED,
    })?;
    let libraries = with_interpreter(|thread| {
        let load = |text: &Vec<u8>| {
            load_library(thread, text).map(|(name, functions)| Library::new(name, text, &functions))
        };
        texts.iter().map(load).collect::<Result<Vec<_>, _>>()
    })?;
    call.engine.scripts.libraries.add(libraries, policy)?;
    call.keys.note_request();
    call.reply.ok();
    Ok(())
}

/// The longest text of a library that is restored, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

fn list(call: &mut Call<'_, '_>) -> Outcome {
    const NO_PATTERN: CommandError = CommandError::fixed("ERR library name argument was not given");
    let (mut pattern, mut with_code) = (None, false);
    let mut words = call.arguments.from(2);
    while let Some(word) = words.next() {
        if is_word(word, "WITHCODE") && !with_code {
            with_code = true;
        } else if is_word(word, "LIBRARYNAME") && pattern.is_none() {
            pattern = Some(words.next().ok_or(NO_PATTERN)?);
        } else {
            return Err(CommandError::repeating("ERR Unknown argument ", word, ""));
        }
    }
    let mut libraries = call.engine.scripts.libraries.all();
    libraries.retain(|library| {
        pattern.is_none_or(|pattern| glob::matches_ignoring_case(pattern, library.name.as_bytes()))
    });
    call.reply.array(libraries.len());
    for library in &libraries {
        call.reply.map(3 + usize::from(with_code));
        call.reply.bulk(b"library_name");
        call.reply.bulk(library.name.as_bytes());
        call.reply.bulk(b"engine");
        call.reply.bulk(b"LUA");
        call.reply.bulk(b"functions");
        call.reply.array(library.functions.len());
        for function in &library.functions {
            describe(call.reply, function);
        }
        if with_code {
            call.reply.bulk(b"library_code");
            call.reply.bulk(&library.text);
        }
    }
    Ok(())
}

fn describe(reply: &mut Reply, function: &FunctionFacts) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(function.name.as_bytes());
    reply.bulk(b"description");
    match &function.description {
        Some(description) => reply.bulk(description),
        None => reply.null(),
    }
    reply.bulk(b"flags");
    let flags = FLAG_NAMES.iter().filter(|(_, flag)| function.flags.contains(*flag));
    reply.set(flags.clone().count());
    for (name, _) in flags {
        reply.simple(name);
    }
}

fn kill(call: &mut Call<'_, '_>) -> Outcome {
    call.engine.scripts.busy.kill(true)?;
    call.reply.ok();
    Ok(())
}

fn statistics(call: &mut Call<'_, '_>) -> Outcome {
    let scripts = &call.engine.scripts;
    let running = scripts.busy.first();
    if running.as_ref().is_some_and(|script| script.function.is_none()) {
        return Err(scripts.busy.refusal());
    }
    call.reply.map(2);
    call.reply.bulk(b"running_script");
    match running {
        Some(script) => {
            call.reply.map(3);
            call.reply.bulk(b"name");
            call.reply.bulk(script.function.as_deref().unwrap_or_default().as_bytes());
            call.reply.bulk(b"command");
            call.reply.array(script.request.len());
            script.request.iter().for_each(|argument| call.reply.bulk(argument));
            call.reply.bulk(b"duration_ms");
            let duration_us = call.engine.host.now_us().saturating_sub(script.begun_us);
            call.reply.integer(i64::try_from(duration_us / 1000).unwrap_or(i64::MAX));
        }
        None => call.reply.null(),
    }
    call.reply.bulk(b"engines");
    call.reply.map(1);
    call.reply.bulk(b"LUA");
    let libraries = scripts.libraries.all();
    let functions: usize = libraries.iter().map(|library| library.functions.len()).sum();
    call.reply.map(2);
    call.reply.bulk(b"libraries_count");
    call.reply.integer(libraries.len() as i64);
    call.reply.bulk(b"functions_count");
    call.reply.integer(functions as i64);
    Ok(())
}

const HELP: &[Explained] = &[
    ("LOAD [REPLACE] <FUNCTION CODE>", &["Create a new library with the given library name and code."]),
    ("DELETE <LIBRARY NAME>", &["Delete the given library."]),
    (
        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
        &[
            "Return general information on all the libraries:",
            "* Library name",
            "* The engine used to run the Library",
            "* Functions list",
            "* Library code (if WITHCODE is given)",
            "It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
        ],
    ),
    (
        "STATS",
        &[
            "Return information about the current function running:",
            "* Function name",
            "* Command used to run the function",
            "* Duration in MS that the function is running",
            "If no function is running, return nil",
            "In addition, returns a list of available engines.",
        ],
    ),
    ("KILL", &["Kill the current running function."]),
    (
        "FLUSH [ASYNC|SYNC]",
        &[
            "Delete all the libraries.",
            "When called without the optional mode argument, the behavior is determined by the",
            "lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "* ASYNC: Asynchronously flush the libraries.",
            "* SYNC: Synchronously flush the libraries.",
        ],
    ),
    (
        "DUMP",
        &[
            "Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
        ],
    ),
    (
        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
        &[
            "Restore the libraries represented by the given payload, it is possible to give a restore policy to",
            "control how to handle existing libraries (default APPEND):",
            "* FLUSH: delete all existing libraries.",
            "* APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
            "* REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
            "  libraries with the new libraries (notice that even on this option there is a chance of failure",
            "  in case of functions name collision with another library).",
        ],
    ),
];

fn help(call: &mut Call<'_, '_>) -> Outcome {
    reply_help(call.reply, "FUNCTION", HELP);
    Ok(())
}
