//! What scripts cannot do: reach what is outside of the sandbox, change what the next script finds, crash the interpreter,
//! or use more memory than they may.

mod arguments;
mod ending;
mod escapes;
mod exhaustion;
mod generated;
mod globals;
mod published;

use std::time::{Duration, Instant};

use nuthatch_protocol::Reply;
use nuthatch_scripting::{
    CommandKeys, Failure, Host, Identity, Interpreter, KnownRequest, LogLevel, Request, UnknownCommand,
};

/// What an interpreter may use.
const MEMORY_MAX: usize = 64 * 1024 * 1024;

/// A script that runs for longer is ended.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Answers a command with its arguments, and any error that it is asked for.
struct Echo {
    ends: Instant,
}

impl Host for Echo {
    fn call(&mut self, request: &Request, reply: &mut Reply) -> Result<(), Vec<u8>> {
        let arguments: Vec<&[u8]> = request.spans.iter().map(|span| span.of(&request.bytes)).collect();
        if arguments.first().is_some_and(|name| name.eq_ignore_ascii_case(b"fail")) {
            return Err(b"ERR as you wish".to_vec());
        }
        reply.array(arguments.len());
        arguments.iter().for_each(|argument| reply.bulk(argument));
        Ok(())
    }

    fn may_call(&mut self, _: &Request) -> Result<bool, UnknownCommand> {
        Ok(true)
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    fn replies_error(&mut self, _: &[u8], _: bool) {}

    fn interrupt(&mut self) -> bool {
        Instant::now() > self.ends
    }
}

/// Commands that take no keys, so that whatever else a script does decides of whether it is proven.
struct KeylessCommands;

impl CommandKeys for KeylessCommands {
    fn are_declared(&self, _: &KnownRequest<'_>) -> bool {
        true
    }
}

/// An interpreter, and what a script that it runs reaches.
struct Sandbox {
    interpreter: Interpreter,
}

impl Sandbox {
    fn new() -> Self {
        let identity = Identity { redis_version: "8.0.6", server_name: "nuthatch" };
        Self { interpreter: Interpreter::new(&identity, MEMORY_MAX).expect("there is memory") }
    }

    /// What a script replies, or the text of its error.
    fn run(&self, source: &str) -> Result<String, String> {
        self.run_bytes(source.as_bytes())
    }

    fn run_bytes(&self, source: &[u8]) -> Result<String, String> {
        self.run_with(source, &["key"], &["argument"])
    }

    fn run_with(&self, source: &[u8], keys: &[&str], others: &[&str]) -> Result<String, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let script = self
            .interpreter
            .compile(source, "@user_script", &KeylessCommands)
            .map_err(|error| text(&error))?;
        let mut reply = Reply::new();
        let mut host = Echo { ends: Instant::now() + TIME_MAX };
        let arguments: Vec<&[u8]> = keys.iter().chain(others).map(|text| text.as_bytes()).collect();
        let (count, arguments) = (keys.len(), arguments.into_iter());
        let outcome = self.interpreter.run(&script, count, arguments, &mut host, &mut reply);
        // A few buffers are kept beside what scripts can use.
        assert!(
            self.interpreter.memory() <= MEMORY_MAX + 4096,
            "{} bytes are in use",
            self.interpreter.memory()
        );
        match outcome {
            Ok(()) => Ok(text(&reply.into_bytes())),
            Err(Failure::Raised { text: error, .. }) => Err(text(&error)),
            Err(Failure::Interrupted { .. }) => Err("interrupted".to_owned()),
        }
    }

    /// Runs a script that must return true.
    #[track_caller]
    fn holds(&self, source: &str) {
        let outcome = self.run(source);
        assert_eq!(outcome.as_deref(), Ok(":1\r\n"), "{source}");
    }

    /// Runs a script that must raise an error with this in its text.
    #[track_caller]
    fn fails(&self, source: &str, expected: &str) {
        match self.run(source) {
            Err(error) if error.contains(expected) => {}
            other => panic!("{other:?} instead of an error with {expected:?}: {source}"),
        }
    }
}
