//! A client that calls scripts in one of the ways in which programs do.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use nuthatch_testkit::client::Client;
use nuthatch_testkit::reply::Reply;
use sha1::{Digest, Sha1};

/// After so many calls a client has the server forget all scripts.
const FORGETS_AFTER: usize = 50;

/// A script of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// What the function is called where scripts are functions.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Script {
    fn digest(self) -> String {
        Sha1::digest(self.text).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The text of a library with this script as its only function.
    fn library(self) -> String {
        let Self { name, text } = self;
        format!("#!lua name={name}\nredis.register_function('{name}', function(KEYS, ARGV) {text} end)")
    }
}

/// How a client calls scripts.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// EVAL
    Text,
    /// EVALSHA, and EVAL where the server does not know the script
    Digest,
    /// FCALL, and FUNCTION LOAD where the server does not know the function
    Function,
}

/// A client that calls scripts.
pub(crate) struct Caller {
    client: Client,
    way: Way,
    calls: usize,
}

impl Caller {
    /// A client; its number decides how it calls scripts.
    pub(crate) fn connect(port: u16, number: usize) -> io::Result<Self> {
        let client = Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let way = [Way::Digest, Way::Text, Way::Function][number % 3];
        Ok(Self { client, way, calls: 0 })
    }

    /// What a script returns; its errors are errors.
    pub(crate) fn run(&mut self, script: Script, keys: &[&str], arguments: &[&str]) -> io::Result<Reply> {
        self.calls += 1;
        let count = keys.len().to_string();
        let mut call = |command: &str, script: &str| {
            let words = [command, script, &count].into_iter().chain(keys.iter().copied());
            self.client.try_call(words.chain(arguments.iter().copied()))
        };
        let mut reply = match self.way {
            Way::Text => call("EVAL", script.text)?,
            Way::Digest => call("EVALSHA", &script.digest())?,
            Way::Function => call("FCALL", script.name)?,
        };
        match self.way {
            Way::Digest if reply.text().starts_with("NOSCRIPT ") => reply = call("EVAL", script.text)?,
            Way::Function if reply.text() == "ERR Function not found" => {
                succeed(self.client.try_call(["FUNCTION", "LOAD", "REPLACE", &script.library()])?)?;
                reply = self.client.try_call(
                    ["FCALL", script.name, &count].into_iter().chain(keys.iter().chain(arguments).copied()),
                )?;
            }
            Way::Digest if self.calls.is_multiple_of(FORGETS_AFTER) => {
                self.command(&["SCRIPT", "FLUSH"]).map(drop)?
            }
            _ => {}
        }
        succeed(reply)
    }

    /// What a script returns that returns a number.
    pub(crate) fn number(&mut self, script: Script, keys: &[&str], arguments: &[&str]) -> io::Result<i64> {
        let reply = self.run(script, keys, arguments)?;
        reply.integer().ok_or_else(|| unexpected(&reply))
    }

    /// What a command returns; its errors are errors.
    pub(crate) fn command(&mut self, words: &[&str]) -> io::Result<Reply> {
        succeed(self.client.try_call(words)?)
    }
}

fn succeed(reply: Reply) -> io::Result<Reply> {
    if reply.is_error() { Err(unexpected(&reply)) } else { Ok(reply) }
}

/// The error for a reply that should not have come.
pub(crate) fn unexpected(reply: &Reply) -> io::Error {
    let shown = if reply.is_error() { reply.text() } else { format!("{reply:?}") };
    io::Error::other(format!("unexpected reply: {shown}"))
}
