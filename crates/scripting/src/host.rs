//! What a running script reaches of the server.

use nuthatch_protocol::{Reply, Span};
use scoped_tls_hkt::scoped_thread_local;

/// How important a line of the log is that a script writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`.
    Debug,
    /// `redis.LOG_VERBOSE`.
    Verbose,
    /// `redis.LOG_NOTICE`.
    Notice,
    /// `redis.LOG_WARNING`.
    Warning,
}

/// A request that a script makes: the arguments stand at `spans` of `bytes`.
#[derive(Debug, Default)]
pub struct Request {
    /// All arguments.
    pub bytes: Vec<u8>,
    /// Their places; the command's name is the first.
    pub spans: Vec<Span>,
}

/// What surrounds a script while it runs.
pub trait Host {
    /// Runs a command and writes its reply, in the version of the protocol that `reply` is set to.
    ///
    /// # Errors
    /// The text of the error reply.
    fn call(&mut self, request: &Request, reply: &mut Reply) -> Result<(), Vec<u8>>;

    /// Whether the client that runs the script may run a command.
    ///
    /// # Errors
    /// There is no such command.
    fn may_call(&mut self, request: &Request) -> Result<bool, UnknownCommand>;

    /// Writes a line to the server's log.
    fn log(&mut self, level: LogLevel, line: &[u8]);

    /// Called for each error reply in what the script has returned. `is_counted` says whether it is that of a command, which
    /// was counted when the command failed.
    fn replies_error(&mut self, text: &[u8], is_counted: bool);

    /// Called now and then while the script runs. Says whether it is to end at once.
    fn interrupt(&mut self) -> bool;
}

/// There is no such command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCommand;

scoped_thread_local!(
    /// The host of the script that this thread runs.
    pub(crate) static mut HOST: for<'h> &'h mut dyn Host
);

/// Lets `act` have the host, if there is one.
pub(crate) fn with_host<R>(act: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
    if HOST.is_set() { Some(HOST.with(act)) } else { None }
}
