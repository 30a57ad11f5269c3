//! A store without any concurrency: what commands return one after the other.

/// A key, by its number within a round.
pub(crate) type Key = usize;

/// A command of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `GET`
    Get(Key),
    /// `SET`
    Set(Key, i64),
    /// `INCR`
    Increment(Key),
    /// `RPUSH`
    Push(Key, i64),
    /// `LPOP`, or `BLPOP` on its own
    Pop(Key),
    /// Nothing that is sent: what a watched key held when it was read, which EXEC has found unchanged.
    Expect(Key, Output),
}

/// What a command returns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Output {
    /// There is no such key or element.
    Nothing,
    /// OK, of a command that returns nothing else.
    Done,
    Number(i64),
}

/// The value of a key. Which keys hold lists is agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Value {
    number: Option<i64>,
    list: Vec<i64>,
}

/// All keys of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store(Vec<Value>);

impl Store {
    pub(crate) fn new(keys: usize) -> Self {
        Self(vec![Value::default(); keys])
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, command: &Command) -> Output {
        let number = |value: &Value| value.number.map_or(Output::Nothing, Output::Number);
        match command {
            Command::Get(key) | Command::Expect(key, _) => number(&self.0[*key]),
            Command::Set(key, new) => {
                self.0[*key].number = Some(*new);
                Output::Done
            }
            Command::Increment(key) => {
                let value = &mut self.0[*key];
                value.number = Some(value.number.unwrap_or_default() + 1);
                number(value)
            }
            Command::Push(key, element) => {
                let list = &mut self.0[*key].list;
                list.push(*element);
                Output::Number(list.len() as i64)
            }
            Command::Pop(key) => {
                let list = &mut self.0[*key].list;
                if list.is_empty() { Output::Nothing } else { Output::Number(list.remove(0)) }
            }
        }
    }
}
