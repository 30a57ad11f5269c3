//! What the server says of its commands: client libraries route and retry by it.

use nuthatch_testkit::client::Client;
use nuthatch_testkit::differential::{Finding, Pair, Report};
use nuthatch_testkit::reply::Reply;
use nuthatch_testkit::request::Request;

/// Compares what `facts` asks of each command that both servers have.
fn compare(pair: &Pair<'_>, subject: &str, facts: impl Fn(&mut Client, &str) -> Reply) -> Report {
    let mut report = Report {
        heading: format!("{} against {}, {subject}", pair.candidate.name(), pair.reference.name()),
        findings: Vec::new(),
    };
    if pair.reference.name() != "redis-8.0" {
        report.heading += ": left out, as other versions describe some commands otherwise";
        return report;
    }
    let (mut candidate, mut reference) = (pair.candidate.connect(), pair.reference.connect());
    let stock = reference.command("COMMAND LIST").into_elements();
    let both: Vec<Reply> = candidate
        .command("COMMAND LIST")
        .into_elements()
        .into_iter()
        .filter(|name| stock.contains(name))
        .collect();
    assert!(!both.is_empty(), "the servers have no command in common");
    for name in both.iter().map(Reply::text) {
        let (ours, theirs) = (facts(&mut candidate, &name), facts(&mut reference, &name));
        if ours != theirs {
            report.findings.push(Finding {
                kind: name.clone(),
                history: vec![Request::new([subject, &name])],
                answers: format!("candidate: {}\nreference: {}", shown(&ours), shown(&theirs)),
            });
        }
    }
    report
}

fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Array(elements) => format!("[{}]", elements.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Reply::Integer(number) => number.to_string(),
        other => other.text(),
    }
}

/// Arity, flags, keys, categories and tips, with sets in order. Not the subcommands, which are asked
/// for themselves, nor the notes on keys, which are prose.
fn information(client: &mut Client, name: &str) -> Reply {
    fn tidy(reply: Reply) -> Reply {
        let Reply::Array(elements) = reply else { return reply };
        let notes = elements.iter().position(|element| element.text() == "notes");
        let prose = |index: &usize| notes.is_some_and(|notes| *index == notes || *index == notes + 1);
        let kept = elements.into_iter().enumerate().filter(|(index, _)| !prose(index));
        let mut kept: Vec<Reply> = kept.map(|(_, element)| tidy(element)).collect();
        if kept.iter().all(|element| matches!(element, Reply::Simple(_))) {
            kept.sort();
        }
        Reply::Array(kept)
    }
    const SUBCOMMANDS: usize = 9;
    let mut fields = client.call(["COMMAND", "INFO", name]).into_elements().remove(0).into_elements();
    fields.truncate(SUBCOMMANDS);
    tidy(Reply::Array(fields))
}

/// The version that a command came with and the group that it belongs to. The rest is prose.
fn documentation(client: &mut Client, name: &str) -> Reply {
    let container = name.split('|').next().unwrap_or(name);
    let entry = client.call(["COMMAND", "DOCS", container]).into_elements();
    let fields = entry.into_iter().nth(1).map(Reply::into_elements).unwrap_or_default();
    let facts = fields.chunks_exact(2).filter(|field| matches!(field[0].text().as_str(), "since" | "group"));
    Reply::Array(facts.flatten().cloned().collect())
}

#[test]
fn commands_have_the_arity_flags_keys_and_categories_of_the_stock_server() {
    crate::compare_with_each(|pair| compare(pair, "COMMAND INFO", information));
}

#[test]
fn commands_have_the_age_and_group_of_the_stock_server() {
    crate::compare_with_each(|pair| compare(pair, "COMMAND DOCS", documentation));
}
