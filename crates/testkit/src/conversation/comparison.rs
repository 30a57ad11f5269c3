//! Leads the same conversation with two servers and compares what every connection hears.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use std::{io, iter, mem, slice};

use super::order::in_one_order;
use crate::conversation::{CLOSED, Conversation, SPEAKERS, Step};
use crate::differential::{Extent, Finding, Pair, Report, beginning, class, has_command};
use crate::generator::{Family, Generator};
use crate::normalise;
use crate::reply::frame_length;
use crate::request::Request;
use crate::shrink::shrink;
use crate::state::State;

/// Steps between two comparisons of everything; each conversation starts with empty databases and new connections.
const STEPS: usize = 80;

/// A run ends when it has found so many different differences.
const FINDINGS_MAX: usize = 12;

/// Making a conversation shorter ends after this time, with the shortest found by then.
const SHORTEN_TIME_MAX: Duration = Duration::from_secs(20);

/// What a conversation is about.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The commands that belong to it. A word `;` divides requests that are sent together.
    pub family: Family,
    /// Further families whose commands are said meanwhile.
    pub others: &'static [&'static Family],
    /// How many of a hundred requests come from the other families.
    pub percent_of_others: usize,
    /// Requests are left out for which one of these holds.
    pub leaves_out: &'static [fn(&Request) -> bool],
}

enum Outcome {
    Same,
    /// From here on the servers differ, in a known way.
    Diverged,
    Different {
        position: usize,
        kind: String,
        answers: String,
    },
}

/// Generates the steps of conversations about one topic.
struct Steps {
    own: Generator,
    others: Vec<Generator>,
    percent_of_others: usize,
    leaves_out: &'static [fn(&Request) -> bool],
}

impl Steps {
    fn next(&mut self) -> Step {
        loop {
            let step = self.any();
            let left_out = |request| self.leaves_out.iter().any(|leaves_out| leaves_out(request));
            if !step.requests.iter().any(left_out) {
                return step;
            }
        }
    }

    fn any(&mut self) -> Step {
        let speaker = self.own.number(0..SPEAKERS);
        let of_others = !self.others.is_empty() && self.own.number(0..100) < self.percent_of_others;
        let request = if of_others {
            let chosen = self.own.number(0..self.others.len());
            self.others[chosen].request()
        } else {
            self.own.request()
        };
        let requests = request.0.split(|word| word == b";").map(Request::new).collect();
        Step { speaker, requests }
    }

    /// A conversation, in which about half of the connections speak RESP3.
    fn conversation(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for speaker in 0..SPEAKERS {
            if self.own.number(0..2) == 1 {
                steps.push(Step { speaker, requests: vec![Request::from_line("HELLO 3")] });
            }
        }
        steps.extend((0..STEPS).map(|_| self.next()));
        steps
    }
}

/// What was said, and how it stood before with those who took part.
struct Said<'s> {
    step: &'s Step,
    /// What the speaker had queued.
    queued: Option<Vec<Request>>,
    /// Who waited.
    waited: Vec<bool>,
}

impl<'s> Said<'s> {
    fn now(step: &'s Step, conversation: &Conversation<'_>) -> Self {
        Self {
            step,
            queued: conversation.queued(step.speaker).map(<[Request]>::to_vec),
            waited: (0..SPEAKERS).map(|listener| conversation.waits(listener)).collect(),
        }
    }

    /// The request that counts: the replies to those before it are left out.
    fn request(&self) -> &'s Request {
        self.step.requests.last().expect("a step has a request")
    }

    /// The requests whose replies the listener has heard as those of EXEC.
    fn executed(&self, listener: usize) -> Option<&[Request]> {
        let executes = listener == self.step.speaker && self.request().upper(0) == "EXEC";
        self.queued.as_deref().filter(|_| executes)
    }

    /// What the listener has heard, as far as and in the form in which it is compared.
    fn comparable(
        &self,
        heard: &mut Vec<Vec<u8>>,
        listener: usize,
        conversation: &Conversation<'_>,
        messages_last: bool,
    ) -> Vec<Vec<u8>> {
        let mut heard = mem::take(heard);
        if listener != self.step.speaker {
            // What still reaches a client that another one ends is not promised.
            let end = heard.iter().position(|frame| frame == CLOSED);
            heard.drain(..end.unwrap_or_default());
        }
        let asked = listener == self.step.speaker && self.asks_for_connections();
        let naming = |frame: &&mut Vec<u8>| asked || tells_of_connection(frame);
        heard.iter_mut().filter(naming).for_each(|frame| name_connections(frame, conversation));
        if self.executed(listener).is_some() {
            heard = with_elements(&heard);
        }
        if messages_last {
            heard.sort_by_key(|frame| is_message(frame));
        }
        heard
    }

    /// Whether replies name connections by the numbers that each server gives them.
    fn asks_for_connections(&self) -> bool {
        let mut all = self.step.requests.iter().chain(self.queued.iter().flatten());
        all.any(|request| {
            request.upper(0) == "CLIENT"
                && matches!(request.upper(1).as_str(), "ID" | "GETREDIR" | "TRACKINGINFO")
        })
    }
}

/// What becomes of what two servers have said.
enum Verdict {
    Agree,
    Diverge,
    Differ,
}

impl Pair<'_> {
    /// Compares the servers over conversations about a topic, of the commands that both have.
    pub fn converse(&self, topic: &Topic, extent: Extent) -> Report {
        let mut lacking = BTreeSet::new();
        let mut generator = |family: &Family, seed: u64| {
            Generator::new(family, seed, |name| {
                let without = [self.candidate, self.reference]
                    .into_iter()
                    .find(|server| !has_command(&mut server.connect(), name));
                lacking.extend(without.map(|server| format!("{name} ({} lacks it)", server.name())));
                without.is_none()
            })
        };
        let mut steps = Steps {
            own: generator(&topic.family, extent.seed),
            others: topic.others.iter().map(|family| generator(family, extent.seed)).collect(),
            percent_of_others: topic.percent_of_others,
            leaves_out: topic.leaves_out,
        };
        let mut report = Report {
            heading: format!(
                "{} against {}, {} commands of the topic \"{}\", NUTHATCH_SEED={}, without {:?}",
                self.candidate.name(),
                self.reference.name(),
                extent.commands,
                topic.family.name,
                extent.seed,
                lacking
            ),
            findings: Vec::new(),
        };
        let mut said = 0;
        while said < extent.commands && report.findings.len() < FINDINGS_MAX {
            let conversation = steps.conversation();
            said += conversation.len();
            if let Outcome::Different { position, kind, answers } = self.lead(&conversation)
                && report.findings.iter().all(|finding| finding.kind != kind)
            {
                let end = (position + 1).min(conversation.len());
                report.findings.push(self.shorten_conversation(&conversation[..end], kind, answers));
            }
        }
        report
    }

    /// Leaves out of the conversation what the difference does not need.
    fn shorten_conversation(&self, steps: &[Step], kind: String, answers: String) -> Finding {
        let mut answers = answers;
        let began = Instant::now();
        let mut fails = |steps: &[Step]| match self.lead(steps) {
            Outcome::Different { kind: other, answers: shorter, .. } if other == kind => {
                answers = shorter;
                true
            }
            _ => false,
        };
        let shortest = if fails(steps) {
            shrink(steps, |steps| began.elapsed() < SHORTEN_TIME_MAX && fails(steps))
        } else {
            answers.push_str("\n(not seen again when the same was said again)");
            steps.to_vec()
        };
        let line = |step: &Step| {
            let mut words = vec![format!("{}:", step.speaker).into_bytes()];
            for request in &step.requests {
                words.extend(request.0.iter().cloned());
                words.push(b";".to_vec());
            }
            words.pop();
            Request(words)
        };
        Finding { kind, history: shortest.iter().map(line).collect(), answers }
    }

    fn lead(&self, steps: &[Step]) -> Outcome {
        self.try_lead(steps).unwrap_or_else(|error| Outcome::Different {
            position: steps.len(),
            kind: format!("connection: {}", error.kind()),
            answers: format!("a connection failed: {error}"),
        })
    }

    fn try_lead(&self, steps: &[Step]) -> io::Result<Outcome> {
        let mut candidate = Conversation::open(self.candidate)?;
        let mut reference = Conversation::open(self.reference)?;
        for (position, step) in steps.iter().enumerate() {
            if !reference.can_say(step) || !candidate.can_say(step) {
                continue;
            }
            let said = Said::now(step, &reference);
            let context = |server: &str, error: io::Error| {
                io::Error::new(error.kind(), format!("{server}, after {}: {error}", said.request()))
            };
            let mut ours = candidate.say(step).map_err(|error| context(self.candidate.name(), error))?;
            let mut theirs = reference.say(step).map_err(|error| context(self.reference.name(), error))?;
            // What differs for who spoke may be known, and then explains what others have heard.
            let others = (0..SPEAKERS).filter(|listener| *listener != step.speaker);
            for listener in iter::once(step.speaker).chain(others) {
                // Until Redis 7.2 what a command tells the client that sent it comes before its reply. And what tells a
                // client that waits of the write that serves it may come before or behind what it waits for.
                let messages_last =
                    self.reference.name() == "redis-7.0" && listener == step.speaker || said.waited[listener];
                let [ours, theirs] =
                    [(&mut ours, &candidate), (&mut theirs, &reference)].map(|(heard, server)| {
                        said.comparable(&mut heard[listener], listener, server, messages_last)
                    });
                match self.judge(&said, listener, &ours, &theirs) {
                    Verdict::Agree => {}
                    Verdict::Diverge => return Ok(Outcome::Diverged),
                    Verdict::Differ => return Ok(difference(position, step, listener, &ours, &theirs)),
                }
            }
        }
        drop((candidate, reference));
        let ours = State::read(&mut self.candidate.try_connect()?)?;
        let theirs = State::read(&mut self.reference.try_connect()?)?;
        Ok(match ours.first_difference(&theirs, &self.known) {
            None => Outcome::Same,
            Some(answers) => {
                Outcome::Different { position: steps.len(), kind: "the data afterwards".into(), answers }
            }
        })
    }

    /// Judges what one connection has heard.
    fn judge(&self, said: &Said<'_>, listener: usize, ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> Verdict {
        if ours == theirs || in_one_order(ours) == in_one_order(theirs) {
            return Verdict::Agree;
        }
        let request = said.request();
        let mut verdict = Verdict::Agree;
        let mut judge = |request: &Request, ours: &[u8], theirs: &[u8]| {
            let known = || self.known.find(request, ours, theirs);
            match normalise::agree(request, ours, theirs).then_some(false).or_else(known) {
                Some(false) => true,
                Some(true) => {
                    verdict = Verdict::Diverge;
                    true
                }
                None => false,
            }
        };
        // What EXEC returns may be forgiven for any request that was queued: a subscription is confirmed by several
        // replies, so that places in the array do not tell which request a reply belongs to.
        let may_differ = said.executed(listener).unwrap_or(slice::from_ref(request));
        let all_agree = ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(ours, theirs)| {
                ours == theirs || may_differ.iter().any(|request| judge(request, ours, theirs))
            });
        // What is known of several replies is known of them together.
        if all_agree || judge(request, &ours.concat(), &theirs.concat()) { verdict } else { Verdict::Differ }
    }
}

/// Whether the frame is a message, and no confirmation of a subscription.
fn is_message(frame: &[u8]) -> bool {
    let kind = elements(frame).into_iter().next();
    let kinds: [&[u8]; 4] =
        [b"$7\r\nmessage\r\n", b"$8\r\npmessage\r\n", b"$8\r\nsmessage\r\n", b"$10\r\ninvalidate\r\n"];
    is_array(frame) && kind.is_some_and(|kind| kinds.contains(&kind))
}

fn difference(
    position: usize,
    step: &Step,
    listener: usize,
    ours: &[Vec<u8>],
    theirs: &[Vec<u8>],
) -> Outcome {
    let request = step.requests.first().map(|request| request.upper(0)).unwrap_or_default();
    let whose = if listener == step.speaker { "" } else { ", heard by another" };
    let other = (0..ours.len().max(theirs.len())).find(|index| ours.get(*index) != theirs.get(*index));
    let class_of = |heard: &[Vec<u8>]| {
        other.and_then(|index| heard.get(index)).map_or_else(|| "nothing".into(), |frame| class(frame))
    };
    let mut answers = format!("connection {listener}");
    for (name, heard) in [("candidate", ours), ("reference", theirs)] {
        let frames: Vec<String> = heard.iter().map(|frame| beginning(frame)).collect();
        let _ = write!(answers, "\n{name}: {}", frames.join("\n           "));
    }
    Outcome::Different {
        position,
        kind: format!("{request}{whose}: {} instead of {}", class_of(ours), class_of(theirs)),
        answers,
    }
}

/// The replies with the elements of the first array, which is that of EXEC, one by one: in RESP2 confirmations of
/// subscriptions push others out of it.
fn with_elements(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let Some(array) = frames.iter().position(|frame| frame.starts_with(b"*")) else { return frames.to_vec() };
    let (before, rest) = frames.split_at(array);
    let header = rest[0].split_inclusive(|byte| *byte == b'\n').take(1).map(<[u8]>::to_vec);
    let elements = elements(&rest[0]).into_iter().map(<[u8]>::to_vec);
    before.iter().cloned().chain(header).chain(elements).chain(rest[1..].iter().cloned()).collect()
}

fn is_array(frame: &[u8]) -> bool {
    frame.starts_with(b"*") || frame.starts_with(b">")
}

/// The replies in an array, as they are.
fn elements(frame: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let header = frame.windows(2).position(|pair| pair == b"\r\n").map_or(frame.len(), |end| end + 2);
    let mut rest = &frame[header..];
    while let Ok(Some(length)) = frame_length(rest)
        && !rest.is_empty()
    {
        elements.push(&rest[..length]);
        rest = &rest[length..];
    }
    elements
}

/// Whether the frame tells that the connection to which messages were redirected is gone.
fn tells_of_connection(frame: &[u8]) -> bool {
    elements(frame).first() == Some(&&b"$21\r\ntracking-redir-broken\r\n"[..])
}

fn name_connections(frame: &mut Vec<u8>, conversation: &Conversation<'_>) {
    let text = String::from_utf8_lossy(frame);
    let named: Vec<String> = text
        .split("\r\n")
        .map(|line| {
            let id = line.strip_prefix(':').and_then(|digits| digits.parse().ok());
            match id.and_then(|id| conversation.speaker_of(id)) {
                Some(number) => format!(":@{number}"),
                None => line.to_owned(),
            }
        })
        .collect();
    *frame = named.join("\r\n").into_bytes();
}
