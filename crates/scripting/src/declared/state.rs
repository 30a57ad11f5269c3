//! What is known of a function's registers before an instruction.

use super::Unproven;
use super::arguments::Rest;
use super::program::either;
use super::value::Value;
use crate::bytecode::Prototype;

/// A set of registers, of which a function has 250 at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Registers([u64; 4]);

impl Registers {
    pub(super) fn insert(&mut self, register: usize) {
        if let Some(word) = self.0.get_mut(register / 64) {
            *word |= 1 << (register % 64);
        }
    }

    pub(super) fn contains(self, register: usize) -> bool {
        self.0.get(register / 64).is_some_and(|word| word >> (register % 64) & 1 == 1)
    }

    /// Whether there is one from this one on.
    pub(super) fn reach(self, first: usize) -> bool {
        (first..256).any(|register| self.contains(register))
    }

    fn remove_from(&mut self, first: usize) {
        for register in first..256 {
            self.0[register / 64] &= !(1 << (register % 64));
        }
    }

    fn extend(&mut self, others: Self) {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State<'p> {
    values: Vec<Value<'p>>,
    /// Those that are variables which inner functions use, too.
    pub(super) captured: Registers,
    /// Those of them which inner functions assign: no more is known of them than that they are not sensitive.
    pub(super) assigned: Registers,
    /// Where as many values begin as the instruction before has left, and what they are.
    pub(super) open: Option<(usize, Rest)>,
}

impl<'p> State<'p> {
    /// At the beginning of a function: behind its parameters all registers are nil, on which the compiler relies, but the
    /// one for the table `arg` if there may be one.
    pub(super) fn new(prototype: &Prototype, parameters: &[Value<'p>]) -> Self {
        let arguments = prototype.has_arg.then_some(Value::Unknown);
        let values = parameters.iter().copied().chain(arguments).chain(std::iter::repeat(Value::Key));
        Self {
            values: values.take(usize::from(prototype.registers)).collect(),
            captured: Registers::default(),
            assigned: Registers::default(),
            open: None,
        }
    }

    pub(super) fn get(&self, register: usize) -> Result<Value<'p>, Unproven> {
        self.values.get(register).copied().ok_or(Unproven)
    }

    pub(super) fn put(&mut self, register: usize, value: Value<'p>) -> Result<(), Unproven> {
        self.values.get_mut(register).map(|place| *place = value).ok_or(Unproven)
    }

    /// The values of registers.
    pub(super) fn slice(&self, registers: std::ops::Range<usize>) -> Result<Vec<Value<'p>>, Unproven> {
        self.values.get(registers).map(<[_]>::to_vec).ok_or(Unproven)
    }

    /// A function is called that uses the registers from this one on.
    pub(super) fn lose(&mut self, first: usize) -> Result<(), Unproven> {
        // The compiler puts calls behind all variables.
        if self.captured.reach(first) {
            return Err(Unproven);
        }
        self.values.iter_mut().skip(first).for_each(|value| *value = Value::Mixed);
        Ok(())
    }

    /// The variables from this register on end. Those who have captured them keep them as they are.
    pub(super) fn close(&mut self, first: usize) {
        self.captured.remove_from(first);
        self.assigned.remove_from(first);
    }

    /// Adds what is possible on another way to the same instruction. Says whether that is more than what was.
    pub(super) fn join(&mut self, other: &Self, released: &mut Vec<usize>) -> bool {
        let before = (self.captured, self.assigned, self.open);
        let mut has_changed = false;
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            let joined = either(*value, *other, released);
            has_changed |= joined != *value;
            *value = joined;
        }
        self.captured.extend(other.captured);
        self.assigned.extend(other.assigned);
        if self.open != other.open {
            self.open = None;
        }
        has_changed || before != (self.captured, self.assigned, self.open)
    }
}
