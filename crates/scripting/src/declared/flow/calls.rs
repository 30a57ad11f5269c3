//! Calls of functions: of commands, of the script's own, of those that give the elements of `KEYS`.

use super::super::Unproven;
use super::super::arguments::{KnownRequest, Rest};
use super::super::instruction::Count;
use super::super::state::State;
use super::super::value::Value;
use super::Flow;

/// What a call returns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Results {
    Unknown,
    /// Any number of elements of `KEYS`.
    Keys,
    /// What a loop needs that goes over `KEYS`.
    Pairs,
}

impl<'p> Flow<'_, 'p> {
    /// Calls something.
    pub(super) fn call(
        &mut self,
        called: Value<'p>,
        arguments: &[Value<'p>],
        rest: Rest,
    ) -> Result<Results, Unproven> {
        match (called, arguments) {
            (Value::Call, _) => {
                for argument in arguments {
                    self.hide(*argument)?;
                }
                let known = arguments.iter().map(|argument| argument.as_argument()).collect();
                let request = KnownRequest { arguments: known, rest };
                return self
                    .program
                    .commands
                    .are_declared(&request)
                    .then_some(Results::Unknown)
                    .ok_or(Unproven);
            }
            (Value::Protected, [protected @ (Value::Call | Value::Function(_)), arguments @ ..]) => {
                return self.call(*protected, arguments, rest);
            }
            (Value::Unpack, [Value::Keys, others @ ..]) => {
                for other in others {
                    self.hide(*other)?;
                }
                return Ok(Results::Keys);
            }
            (Value::Pairs, [Value::Keys, others @ ..]) => {
                for other in others {
                    self.hide(*other)?;
                }
                return Ok(Results::Pairs);
            }
            (Value::Function(number), _) => self.call_function(number, arguments, rest)?,
            _ => {
                self.hide(called)?;
                for argument in arguments {
                    self.hide(*argument)?;
                }
            }
        }
        Ok(Results::Unknown)
    }

    /// Calls a function of the script.
    fn call_function(&mut self, number: usize, arguments: &[Value<'p>], rest: Rest) -> Result<(), Unproven> {
        if arguments.iter().any(|argument| argument.is_sensitive()) {
            return Err(Unproven);
        }
        let expected = usize::from(self.program.functions[number].prototype.parameters);
        // What there is no parameter for is among the function's `...`.
        for argument in arguments.iter().skip(expected) {
            self.hide(*argument)?;
        }
        let others = match rest {
            Rest::None | Rest::Keys => Value::Key,
            Rest::Unknown => Value::Unknown,
        };
        let given = arguments.iter().copied().chain(std::iter::repeat(others));
        let given: Vec<Value<'p>> = given.take(expected).collect();
        self.program.enter(number, &given);
        Ok(())
    }

    /// Puts what was returned into registers, or leaves it there for the next instruction.
    pub(super) fn take(
        &mut self,
        state: &mut State<'p>,
        first: usize,
        returned: Results,
        results: Count,
    ) -> Result<(), Unproven> {
        let Count::Exactly(count) = results else {
            let rest = match returned {
                Results::Unknown => Rest::Unknown,
                Results::Keys => Rest::Keys,
                Results::Pairs => return Err(Unproven),
            };
            state.open = Some((first, rest));
            return Ok(());
        };
        for place in 0..count {
            let value = match (returned, place) {
                (Results::Keys, _) => Value::Key,
                (Results::Pairs, 0) => Value::Next,
                (Results::Pairs, 1) => Value::Keys,
                (Results::Unknown | Results::Pairs, _) => Value::Unknown,
            };
            self.set(state, first + place, value)?;
        }
        Ok(())
    }

    /// One step of a loop over what a function returns, which gets the two values behind it.
    pub(super) fn step_each(
        &mut self,
        state: &mut State<'p>,
        control: usize,
        results: usize,
    ) -> Result<(), Unproven> {
        let (function, first, second) =
            (state.get(control)?, state.get(control + 1)?, state.get(control + 2)?);
        let goes_over_keys = (function, first) == (Value::Next, Value::Keys);
        if !goes_over_keys {
            self.hide(function)?;
            self.hide(first)?;
        }
        self.hide(second)?;
        state.lose(control + 3)?;
        for place in 0..results {
            let value = if goes_over_keys && place == 1 { Value::Key } else { Value::Unknown };
            self.set(state, control + 3 + place, value)?;
        }
        self.set(state, control + 2, Value::Unknown)
    }
}
