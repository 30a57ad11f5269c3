//! Random requests of a family of commands: most of them valid, some odd, some hostile.

use rand::RngExt;
use rand::seq::IndexedRandom;

use crate::argument::World;
use crate::request::Request;
use crate::syntax::{Syntax, Word};

/// A family of commands, by the syntax of each with its weight among them.
///
/// Before the syntax may stand `=`: the command is only sent as it is, because what a change would
/// make of it could end the server or lose the count of replies. Before that may stand `!`: the
/// command is sent although the servers lack it.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What the family is called in reports.
    pub name: &'static str,
    /// Values are not longer than this.
    pub value_bytes_max: usize,
    /// How often, and what.
    pub rows: &'static [(u32, &'static str)],
}

struct Row {
    weight: u32,
    exact: bool,
    syntax: Syntax,
}

/// Generates the requests of a family.
pub struct Generator {
    rows: Vec<Row>,
    world: World,
}

/// The command of a line of syntax, as `COMMAND LIST` writes it, and its container, if it has one.
fn command_of(line: &str) -> (String, Option<String>) {
    let mut words = line.trim_start_matches(['!', '=']).split_whitespace();
    let name = words.next().unwrap_or_default().to_lowercase();
    let second = words.next().unwrap_or_default();
    let is_literal =
        !second.is_empty() && second.chars().all(|letter| letter.is_ascii_uppercase() || letter == '-');
    let subcommand = is_literal.then(|| format!("{name}|{}", second.to_lowercase()));
    (name, subcommand)
}

impl Generator {
    /// A generator whose requests follow from `seed`, of those commands for which `has_command`,
    /// asked with a name such as `get` or `client|list`, is true.
    pub fn new(family: &Family, seed: u64, mut has_command: impl FnMut(&str) -> bool) -> Self {
        let mut world = World::new(seed);
        world.value_bytes_max = family.value_bytes_max;
        let rows = family
            .rows
            .iter()
            .filter(|(_, line)| {
                if line.starts_with('!') {
                    return true;
                }
                let (name, subcommand) = command_of(line);
                let is_container = subcommand.as_deref().is_some_and(|_| CONTAINERS.contains(&name.as_str()));
                if is_container {
                    subcommand.is_some_and(|name| has_command(&name))
                } else {
                    has_command(&name)
                }
            })
            .map(|(weight, line)| Row {
                weight: *weight,
                exact: line.trim_start_matches('!').starts_with('='),
                syntax: Syntax::parse(line.trim_start_matches(['!', '='])),
            })
            .collect();
        Self { rows, world }
    }

    /// The next request.
    ///
    /// # Panics
    ///
    /// When the family has no command that the servers have.
    pub fn request(&mut self) -> Request {
        loop {
            let row = self
                .rows
                .choose_weighted(&mut self.world.random, |row| row.weight)
                .expect("a family has commands that both servers have");
            let mut words = row.syntax.expand(&mut self.world);
            if !row.exact {
                distort(&mut words, &mut self.world);
            }
            let request = Request::new(words.into_iter().map(|word| word.0));
            if !expires_soon(&request, &self.world) {
                return request;
            }
        }
    }

    /// A random number in `range`, from the same seed.
    pub fn number(&mut self, range: std::ops::Range<usize>) -> usize {
        self.world.random.random_range(range)
    }
}

/// Commands whose second word names a subcommand.
const CONTAINERS: &[&str] = &["object", "client", "config", "command", "memory", "xgroup", "xinfo", "script"];

/// Makes some requests odd or hostile.
fn distort(words: &mut Vec<Word>, world: &mut World) {
    if world.random.random_ratio(1, 5) {
        for (word, kind) in words.iter_mut() {
            if kind.is_none() {
                change_case(word, world);
            }
        }
    }
    if world.random.random_ratio(1, 7) {
        let position = world.random.random_range(0..words.len());
        if let (word, Some(kind)) = &mut words[position] {
            *word = kind.hostile(world);
        }
    }
    // The name stays: another one is another command.
    if words.len() > 1 && world.random.random_ratio(1, 15) {
        let position = world.random.random_range(1..words.len());
        match world.random.random_range(0..4) {
            0 => drop(words.remove(position)),
            1 => words.insert(position, words[position].clone()),
            2 => {
                let other = world.random.random_range(1..words.len());
                words.swap(position, other);
            }
            _ => words.push((b"nosuchoption".to_vec(), None)),
        }
    }
}

fn change_case(word: &mut [u8], world: &mut World) {
    let each_letter = world.random.random_bool(0.3);
    for letter in word {
        if !each_letter || world.random.random_bool(0.5) {
            letter.make_ascii_lowercase();
        }
    }
}

/// Whether the request sets a deadline so near that two servers may rightly disagree about the key.
/// The distortions can make one out of any number.
fn expires_soon(request: &Request, world: &World) -> bool {
    let number =
        |index: usize| -> Option<i64> { std::str::from_utf8(request.0.get(index)?).ok()?.parse().ok() };
    let soon = |index: usize, unit: i64| number(index).is_some_and(|count| (1..450 * unit).contains(&count));
    let near = |index: usize, unit: i64| number(index).is_some_and(|moment| world.is_near(moment / unit));
    match request.upper(0).as_str() {
        "EXPIRE" | "SETEX" => return soon(2, 1),
        "PEXPIRE" | "PSETEX" => return soon(2, 1000),
        "EXPIREAT" => return near(2, 1),
        "PEXPIREAT" => return near(2, 1000),
        _ => {}
    }
    (1..request.0.len()).any(|index| match request.upper(index).as_str() {
        "EX" => soon(index + 1, 1),
        "PX" => soon(index + 1, 1000),
        "EXAT" => near(index + 1, 1),
        "PXAT" => near(index + 1, 1000),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Family = Family {
        name: "test",
        value_bytes_max: 64,
        rows: &[(1, "SET key value [EX seconds]"), (1, "=PING"), (1, "OBJECT FREQ key")],
    };

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        let [mut first, mut second] = [9, 9].map(|seed| Generator::new(&FAMILY, seed, |_| true));
        let mut third = Generator::new(&FAMILY, 10, |_| true);
        let requests = |generator: &mut Generator| (0..100).map(|_| generator.request()).collect::<Vec<_>>();
        let expected = requests(&mut first);
        assert_eq!(requests(&mut second), expected);
        assert_ne!(requests(&mut third), expected);
    }

    #[test]
    fn commands_that_a_server_lacks_are_left_out() {
        let mut generator = Generator::new(&FAMILY, 1, |name| name == "ping");
        assert!((0..100).all(|_| generator.request() == Request::new(["PING"])));
        let mut generator = Generator::new(&FAMILY, 1, |name| name == "object|freq");
        assert!((0..100).all(|_| generator.request().upper(0) == "OBJECT"));
    }

    #[test]
    fn deadlines_that_come_during_the_run_are_recognised() {
        let world = World::new(1);
        let soon = ["EXPIRE k 1", "pexpire k 200000 NX", "SET k v EX 5", "GETEX k px 100", "PSETEX k 1 v"];
        let not_soon =
            ["EXPIRE k -1", "EXPIRE k 1000", "SET k v EX 0", "SET k 5", "GETEX k PX 450000", "SET EX v"];
        assert!(soon.iter().all(|line| expires_soon(&Request::from_line(line), &world)));
        assert!(!not_soon.iter().any(|line| expires_soon(&Request::from_line(line), &world)));
    }
}
