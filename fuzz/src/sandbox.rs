//! An interpreter that goes on from input to input, as a thread's does, and notices what is left behind.

use nuthatch_protocol::Reply;
use nuthatch_scripting::{
    CommandKeys, Failure, Host, Identity, Interpreter, KnownRequest, LogLevel, Request, Script,
    UnknownCommand,
};

/// What the interpreter may use: little, because what is done with much takes long.
const MEMORY_BYTES_MAX: usize = 8 << 20;

/// What a few buffers take that are kept beside what scripts can use.
const BUFFER_BYTES: usize = 4096;

/// How often a script is asked whether it is to go on, each time after ten thousand instructions.
const LOOKS_MAX: u32 = 20;

/// After so many scripts it is looked at what they have left behind.
const RUNS_BETWEEN_CENSUSES: u32 = 5000;

/// How much that may be: caches that grow to a size, but not what grows with each script.
const LEFT_BYTES_MAX: usize = 256 * 1024;

/// How the error of a script begins that has found something which must not be.
pub const VIOLATION: &str = "VIOLATION ";

/// An interpreter.
pub struct Sandbox {
    interpreter: Interpreter,
    runs: u32,
    /// What was in use when it was looked at first.
    first_bytes: Option<usize>,
}

impl Default for Sandbox {
    fn default() -> Self {
        let identity = Identity { redis_version: "8.0.6", server_name: "nuthatch" };
        let interpreter = Interpreter::new(&identity, MEMORY_BYTES_MAX).expect("there is memory");
        Self { interpreter, runs: 0, first_bytes: None }
    }
}

impl Sandbox {
    /// Compiles a script.
    ///
    /// # Errors
    /// The text of the compiler's error.
    pub fn compile(&self, source: &[u8]) -> Result<Script, Vec<u8>> {
        self.interpreter.compile(source, "@user_script", &AllDeclared)
    }

    /// Runs a script with arguments, of which the first is a key if there is one.
    ///
    /// # Panics
    /// When it finds something that must not be, or has used too much memory, or too much is left behind.
    pub fn run(&mut self, script: &Script, arguments: &[&[u8]]) {
        let (mut host, mut reply) = (Bounded::default(), Reply::new());
        let keys = arguments.len().min(1);
        let outcome = self.interpreter.run(script, keys, arguments.iter().copied(), &mut host, &mut reply);
        self.check(outcome.err());
    }

    /// Loads a library, and calls the functions that it registers.
    ///
    /// # Panics
    /// As [`Self::run`].
    pub fn load(&mut self, source: &[u8], arguments: &[&[u8]]) {
        let library = self.interpreter.load_library(source, "@user_function", &mut Bounded::default());
        for function in library.iter().flatten() {
            let (mut host, mut reply) = (Bounded::default(), Reply::new());
            let arguments = arguments.iter().copied();
            let outcome = self.interpreter.run_function(function, 0, arguments, &mut host, &mut reply);
            self.check(outcome.err());
        }
        self.check(None);
    }

    fn check(&mut self, failure: Option<Failure>) {
        if let Some(Failure::Raised { text, .. }) = failure {
            assert!(!text.starts_with(VIOLATION.as_bytes()), "{}", String::from_utf8_lossy(&text));
        }
        let bytes = self.interpreter.memory();
        assert!(bytes <= MEMORY_BYTES_MAX + BUFFER_BYTES, "{bytes} bytes are in use");
        self.runs += 1;
        if self.runs.is_multiple_of(RUNS_BETWEEN_CENSUSES) {
            self.take_census();
        }
    }

    fn take_census(&mut self) {
        let collect = self.compile(b"collectgarbage() collectgarbage()").expect("a script");
        let (mut host, mut reply) = (Bounded::default(), Reply::new());
        let outcome = self.interpreter.run(&collect, 0, std::iter::empty(), &mut host, &mut reply);
        assert_eq!(outcome, Ok(()), "nothing is left of what ended the script before");
        let bytes = self.interpreter.memory();
        let first = *self.first_bytes.get_or_insert(bytes);
        assert!(bytes <= first + LEFT_BYTES_MAX, "{bytes} bytes are left, {first} at first");
    }
}

/// Answers commands with their arguments, and ends scripts that do not end.
#[derive(Default)]
struct Bounded {
    looks: u32,
}

impl Host for Bounded {
    fn call(&mut self, request: &Request, reply: &mut Reply) -> Result<(), Vec<u8>> {
        let mut arguments = request.spans.iter().map(|span| span.of(&request.bytes));
        let (Some(name), rest) = (arguments.next(), arguments) else {
            return Err(b"ERR no command".to_vec());
        };
        let count = rest.len();
        match name {
            b"fail" => return Err(rest.collect::<Vec<_>>().concat()),
            b"map" => reply.map(count / 2),
            b"set" => reply.set(count),
            _ => reply.array(count),
        }
        let count = if name == b"map" { count / 2 * 2 } else { count };
        for argument in rest.take(count) {
            match argument {
                b"nil" => reply.null(),
                b"true" => reply.boolean(true),
                b"0.5" => reply.double(0.5),
                b"ok" => reply.simple(argument),
                b"error" => reply.error("ERR as an element"),
                b"1" => reply.integer(1),
                b"[]" => reply.array(0),
                b"txt" => reply.verbatim(*b"txt", argument),
                _ => reply.bulk(argument),
            }
        }
        Ok(())
    }

    fn may_call(&mut self, request: &Request) -> Result<bool, UnknownCommand> {
        if request.spans.len().is_multiple_of(3) { Err(UnknownCommand) } else { Ok(true) }
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    fn interrupt(&mut self) -> bool {
        self.looks += 1;
        self.looks >= LOOKS_MAX
    }

    fn replies_error(&mut self, _: &[u8], _: bool) {}
}

/// All keys of all commands are declared.
struct AllDeclared;

impl CommandKeys for AllDeclared {
    fn are_declared(&self, _: &KnownRequest<'_>) -> bool {
        true
    }
}
