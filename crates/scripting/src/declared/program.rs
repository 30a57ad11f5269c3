//! All functions of a script, and what is known of what they are called with and of the variables that they share.

use std::collections::VecDeque;

use super::flow::Flow;
use super::instruction::{Captured, Instruction};
use super::value::Value;
use super::{CommandKeys, Unproven};
use crate::bytecode::Prototype;

/// The most that is looked at, in values: beyond it a script is not proven. A thousand lines take some hundred thousand.
const LOOKS_MAX: usize = 1_000_000;

/// A function of the script.
pub(super) struct Function<'p> {
    pub(super) prototype: &'p Prototype,
    /// The numbers of the functions that stand in it.
    pub(super) children: Vec<usize>,
    /// What is known of the variables of functions around it, if anybody has made it.
    pub(super) upvalues: Vec<Option<Value<'p>>>,
    /// Which of those variables it assigns, or a function in it.
    pub(super) assigns: Vec<bool>,
    /// What is known of its parameters, if anybody calls it.
    pub(super) parameters: Option<Vec<Value<'p>>>,
    is_waiting: bool,
}

pub(super) struct Program<'p> {
    pub(super) functions: Vec<Function<'p>>,
    pub(super) commands: &'p dyn CommandKeys,
    /// Functions to be looked at, because more is possible than what was known when they were.
    waiting: VecDeque<usize>,
    looks: usize,
}

impl<'p> Program<'p> {
    pub(super) fn new(main: &'p Prototype, commands: &'p dyn CommandKeys) -> Self {
        let mut program = Self { functions: Vec::new(), commands, waiting: VecDeque::new(), looks: 0 };
        program.add(main);
        program
    }

    /// Adds a function with those in it, and returns its number.
    fn add(&mut self, prototype: &'p Prototype) -> usize {
        let number = self.functions.len();
        let upvalues = usize::from(prototype.upvalues);
        self.functions.push(Function {
            prototype,
            children: Vec::new(),
            upvalues: vec![None; upvalues],
            assigns: vec![false; upvalues],
            parameters: None,
            is_waiting: false,
        });
        let children: Vec<usize> = prototype.children.iter().map(|child| self.add(child)).collect();
        let mut assigns = vec![false; upvalues];
        for (place, word) in prototype.code.iter().enumerate() {
            match Instruction::of(*word) {
                Some(Instruction::SetUpvalue { upvalue, .. }) => {
                    assigns.iter_mut().skip(upvalue).take(1).for_each(|assigns| *assigns = true);
                }
                Some(Instruction::MakeFunction { child, .. }) if child < children.len() => {
                    let of_child = &self.functions[children[child]].assigns;
                    for (word, assigned) in prototype.code[place + 1..].iter().zip(of_child) {
                        if let Some(Captured::Upvalue(upvalue)) = Captured::of(*word) {
                            assigns.iter_mut().skip(upvalue).take(1).for_each(|assigns| *assigns |= assigned);
                        }
                    }
                }
                _ => {}
            }
        }
        self.functions[number].children = children;
        self.functions[number].assigns = assigns;
        number
    }

    /// Looks at everything that may run.
    pub(super) fn prove(mut self) -> Result<(), Unproven> {
        self.enter(0, &[]);
        while let Some(number) = self.waiting.pop_front() {
            self.functions[number].is_waiting = false;
            Flow::new(&mut self, number)?.follow()?;
        }
        Ok(())
    }

    /// Counts what is looked at.
    pub(super) fn look(&mut self, values: usize) -> Result<(), Unproven> {
        self.looks += values + 1;
        if self.looks > LOOKS_MAX { Err(Unproven) } else { Ok(()) }
    }

    /// A function is called with these arguments, none of which is sensitive; those that are left out are nil.
    pub(super) fn enter(&mut self, number: usize, arguments: &[Value<'p>]) {
        let expected = usize::from(self.functions[number].prototype.parameters);
        let given = (0..expected).map(|place| arguments.get(place).copied().unwrap_or(Value::Key));
        let mut released = Vec::new();
        let parameters = match &self.functions[number].parameters {
            None => given.collect(),
            Some(known) => {
                known.iter().zip(given).map(|(known, given)| either(*known, given, &mut released)).collect()
            }
        };
        let function = &mut self.functions[number];
        if function.parameters.as_ref() != Some(&parameters) {
            function.parameters = Some(parameters);
            self.wait(number);
        }
        released.into_iter().for_each(|number| self.release(number));
    }

    /// A function may be called unseen, with anything that is not sensitive.
    pub(super) fn release(&mut self, number: usize) {
        let expected = usize::from(self.functions[number].prototype.parameters);
        self.enter(number, &vec![Value::Unknown; expected]);
    }

    /// A variable that a function has from the functions around it may have this value.
    pub(super) fn share(&mut self, number: usize, upvalue: usize, value: Value<'p>) {
        let mut released = Vec::new();
        let Some(place) = self.functions[number].upvalues.get_mut(upvalue) else { return };
        let joined = place.map_or(value, |known| either(known, value, &mut released));
        if *place != Some(joined) {
            *place = Some(joined);
            if self.functions[number].parameters.is_some() {
                self.wait(number);
            }
        }
        released.into_iter().for_each(|number| self.release(number));
    }

    fn wait(&mut self, number: usize) {
        if !std::mem::replace(&mut self.functions[number].is_waiting, true) {
            self.waiting.push_back(number);
        }
    }
}

/// What is known of a value that is one or the other. Functions of which it is then not seen that they are called are
/// added to `released`.
pub(super) fn either<'p>(one: Value<'p>, other: Value<'p>, released: &mut Vec<usize>) -> Value<'p> {
    let joined = one.or(other);
    for value in [one, other] {
        if let Value::Function(number) = value
            && joined != value
        {
            released.push(number);
        }
    }
    joined
}
