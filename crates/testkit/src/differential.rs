//! Sends the same commands to two servers and compares their answers byte by byte, and in the end
//! everything that they hold.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use std::{env, io};

use crate::client::Client;
use crate::differences::KnownDifferences;
use crate::generator::{Family, Generator};
use crate::normalise;
use crate::request::Request;
use crate::server::Server;
use crate::shrink::shrink;
use crate::state::State;

/// Commands between two comparisons of everything; each session starts with empty databases.
const SESSION_COMMANDS: usize = 250;

/// Commands sent at once are at most this many.
const PIPELINE_MAX: usize = 100;

/// A run ends when it has found so many different differences.
const FINDINGS_MAX: usize = 25;

/// A server that takes longer for a batch counts as hanging.
const BATCH_TIME_MAX: Duration = Duration::from_secs(10);

/// Making a history shorter ends after this time, with the shortest found by then.
const SHORTEN_TIME_MAX: Duration = Duration::from_secs(20);

/// How much to compare, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The commands of a family to send, about.
    pub commands: usize,
    /// What the commands follow from.
    pub seed: u64,
}

impl Extent {
    /// From the environment: `NUTHATCH_COMMANDS` (default 30,000) and `NUTHATCH_SEED` (default 1).
    ///
    /// # Panics
    ///
    /// When a variable is not a number.
    pub fn from_environment() -> Self {
        let number = |name: &str| {
            env::var(name)
                .ok()
                .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
        };
        Self {
            commands: number("NUTHATCH_COMMANDS").unwrap_or(30_000) as usize,
            seed: number("NUTHATCH_SEED").unwrap_or(1),
        }
    }
}

/// Two running servers that should answer alike.
pub struct Pair<'a> {
    /// The server under test.
    pub candidate: &'a Server,
    /// The stock server.
    pub reference: &'a Server,
    /// The differences to accept.
    pub known: KnownDifferences,
}

/// A difference between the two servers.
#[derive(Debug)]
pub struct Finding {
    /// What kind of difference it is: two of the same kind are reported once.
    pub kind: String,
    /// The commands that show it, from empty databases.
    pub history: Vec<Request>,
    /// Both answers.
    pub answers: String,
}

/// What a comparison of two servers has found.
#[derive(Debug)]
pub struct Report {
    /// Which servers were compared, over which commands.
    pub heading: String,
    /// The differences, each of another kind.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report in full.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {} differences\n", self.heading, self.findings.len());
        for finding in &self.findings {
            let _ = writeln!(text, "\n{}", finding.kind);
            for request in &finding.history {
                let _ = writeln!(text, "  > {request}");
            }
            let _ = writeln!(text, "  {}", finding.answers.replace('\n', "\n  "));
        }
        text
    }
}

enum Outcome {
    Same,
    /// From here on the data differ, in a known way.
    Diverged,
    Different {
        position: usize,
        kind: String,
        answers: String,
    },
}

/// The reply as it is printed, cut where it is long.
pub(crate) fn beginning(frame: &[u8]) -> String {
    const BYTES_MAX: usize = 300;
    let shown = frame[..frame.len().min(BYTES_MAX)].escape_ascii().to_string();
    if frame.len() > BYTES_MAX { format!("{shown}… ({} bytes)", frame.len()) } else { shown }
}

/// What a reply is, so that differences of the same kind can be recognised: its type, and the
/// beginning of an error.
pub(crate) fn class(frame: &[u8]) -> String {
    let length = if frame.first() == Some(&b'-') { 24 } else { 1 };
    frame[..frame.len().min(length)].escape_ascii().to_string()
}

/// Whether the server has a command, by a name such as `get` or `client|list`: it refuses one that it
/// lacks otherwise than one with too few arguments.
pub(crate) fn has_command(client: &mut Client, name: &str) -> bool {
    let reply = client.call(name.split('|'));
    !(reply.is_error() && reply.text().starts_with("ERR unknown"))
}

impl Pair<'_> {
    /// Compares the servers over a run of a family's commands that both have.
    pub fn run(&self, family: &Family, extent: Extent) -> Report {
        let (mut candidate, mut reference) = (self.candidate.connect(), self.reference.connect());
        let mut lacking = BTreeSet::new();
        let mut generator = Generator::new(family, extent.seed, |name| {
            let servers = [(&mut candidate, self.candidate.name()), (&mut reference, self.reference.name())];
            let without = servers
                .into_iter()
                .find_map(|(client, server)| (!has_command(client, name)).then_some(server));
            lacking.extend(without.map(|server| format!("{name} ({server} lacks it)")));
            without.is_none()
        });
        let mut report = Report {
            heading: format!(
                "{} against {}, {} commands of the family \"{}\", NUTHATCH_SEED={}, without {:?}",
                self.candidate.name(),
                self.reference.name(),
                extent.commands,
                family.name,
                extent.seed,
                lacking
            ),
            findings: Vec::new(),
        };
        let mut sent = 0;
        while sent < extent.commands && report.findings.len() < FINDINGS_MAX {
            let mut session = Vec::new();
            if generator.number(0..2) == 1 {
                session.push(Request::from_line("HELLO 3"));
            }
            session.extend((0..SESSION_COMMANDS).map(|_| generator.request()));
            let pipeline = generator.number(1..PIPELINE_MAX);
            sent += session.len();
            if let Outcome::Different { position, kind, answers } = self.play(&session, pipeline)
                && report.findings.iter().all(|finding| finding.kind != kind)
            {
                let end = (position + 1).min(session.len());
                report.findings.push(self.shorten(&session[..end], kind, answers, pipeline));
            }
        }
        report
    }

    /// Leaves out of the history what the difference does not need.
    fn shorten(&self, history: &[Request], kind: String, answers: String, pipeline: usize) -> Finding {
        let mut answers = answers;
        let mut reproduced = false;
        let began = Instant::now();
        let mut fails = |requests: &[Request], pipeline: usize| match self.play(requests, pipeline) {
            Outcome::Different { kind: other, answers: shorter, .. } if other == kind => {
                answers = shorter;
                reproduced = true;
                true
            }
            _ => false,
        };
        // One at a time reads best; but some differences need commands that are executed together.
        let pipeline = if fails(history, 1) { 1 } else { pipeline };
        let history = if fails(history, pipeline) {
            shrink(history, |requests| began.elapsed() < SHORTEN_TIME_MAX && fails(requests, pipeline))
        } else {
            history.to_vec()
        };
        if !reproduced {
            answers.push_str("\n(not seen again when the same commands were sent again)");
        } else if pipeline > 1 {
            let _ = write!(answers, "\n(only when {pipeline} commands are sent at once)");
        }
        Finding { kind, history, answers }
    }

    /// Sends the same requests to both servers, from empty databases and on new connections.
    fn play(&self, requests: &[Request], pipeline: usize) -> Outcome {
        match self.try_play(requests, pipeline) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Different {
                position: requests.len(),
                kind: "connection".into(),
                answers: format!("a connection failed: {error}"),
            },
        }
    }

    fn try_play(&self, requests: &[Request], pipeline: usize) -> io::Result<Outcome> {
        let mut candidate = start_session(self.candidate)?;
        let mut reference = start_session(self.reference)?;
        for (batch, first) in requests.chunks(pipeline).zip((0..).step_by(pipeline)) {
            let context =
                |server: &Server, error: io::Error| io::Error::other(format!("{}: {error}", server.name()));
            let ours = candidate.pipeline(batch).map_err(|error| context(self.candidate, error))?;
            let theirs = reference.pipeline(batch).map_err(|error| context(self.reference, error))?;
            for (offset, (request, (ours, theirs))) in batch.iter().zip(ours.iter().zip(&theirs)).enumerate()
            {
                if normalise::agree(request, ours, theirs) {
                    continue;
                }
                match self.known.find(request, ours, theirs) {
                    Some(false) => {}
                    Some(true) => return Ok(Outcome::Diverged),
                    None => {
                        return Ok(Outcome::Different {
                            position: first + offset,
                            kind: format!(
                                "{}: {} instead of {}",
                                request.upper(0),
                                class(ours),
                                class(theirs)
                            ),
                            answers: format!(
                                "candidate: {}\nreference: {}",
                                beginning(ours),
                                beginning(theirs)
                            ),
                        });
                    }
                }
            }
        }
        let ours = State::read(&mut self.candidate.try_connect()?)?;
        let theirs = State::read(&mut self.reference.try_connect()?)?;
        Ok(match ours.first_difference(&theirs, &self.known) {
            None => Outcome::Same,
            Some(answers) => {
                Outcome::Different { position: requests.len(), kind: "the data afterwards".into(), answers }
            }
        })
    }
}

fn start_session(server: &Server) -> io::Result<Client> {
    let mut client = server.try_connect()?;
    client.set_timeout(BATCH_TIME_MAX)?;
    // Generated commands may have set a limit.
    for line in ["FLUSHALL", "CONFIG SET maxmemory 0"] {
        let reply = client.try_call(line.split(' '))?;
        if reply.is_error() {
            return Err(io::Error::other(format!("{} refuses {line}: {}", server.name(), reply.text())));
        }
    }
    Ok(client)
}
