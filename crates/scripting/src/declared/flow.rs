//! One function: what is known before each of its instructions, on all ways that lead there.

mod calls;

use super::Unproven;
use super::arguments::Rest;
use super::instruction::{Captured, Count, Instruction, Operand};
use super::program::{Program, either};
use super::state::State;
use super::value::Value;
use crate::bytecode::Prototype;
use calls::Results;

/// The number of the function that is the script itself.
const MAIN: usize = 0;

/// A variable that an inner function uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Capture {
    register: usize,
    child: usize,
    upvalue: usize,
}

pub(super) struct Flow<'a, 'p> {
    program: &'a mut Program<'p>,
    number: usize,
    prototype: &'p Prototype,
    /// By instruction, if it can be reached.
    states: Vec<Option<State<'p>>>,
    /// Instructions before which more is possible than when they were looked at.
    waiting: Vec<usize>,
    captures: Vec<Capture>,
    /// By register, what is assigned to variables there after inner functions were made that use them.
    reassigned: Vec<Option<Value<'p>>>,
}

impl<'a, 'p> Flow<'a, 'p> {
    pub(super) fn new(program: &'a mut Program<'p>, number: usize) -> Result<Self, Unproven> {
        let function = &program.functions[number];
        let prototype = function.prototype;
        let first = State::new(prototype, function.parameters.as_deref().ok_or(Unproven)?);
        let mut states = vec![None; prototype.code.len()];
        *states.first_mut().ok_or(Unproven)? = Some(first);
        let reassigned = vec![None; usize::from(prototype.registers)];
        Ok(Self { program, number, prototype, states, waiting: vec![0], captures: Vec::new(), reassigned })
    }

    /// Looks at each instruction until nothing more is found to be possible.
    pub(super) fn follow(mut self) -> Result<(), Unproven> {
        while let Some(place) = self.waiting.pop() {
            self.program.look(usize::from(self.prototype.registers))?;
            let state = self.states[place].clone().ok_or(Unproven)?;
            self.step(place, state)?;
        }
        Ok(())
    }

    /// What is possible behind an instruction is possible before another.
    fn reach(&mut self, place: usize, state: State<'p>) -> Result<(), Unproven> {
        let mut released = Vec::new();
        let has_changed = match self.states.get_mut(place).ok_or(Unproven)? {
            Some(known) => known.join(&state, &mut released),
            none => {
                *none = Some(state);
                true
            }
        };
        if has_changed && !self.waiting.contains(&place) {
            self.waiting.push(place);
        }
        released.into_iter().for_each(|number| self.program.release(number));
        Ok(())
    }

    /// As [`Self::reach`] for a jump.
    fn jump(&mut self, next: usize, distance: i64, state: State<'p>) -> Result<(), Unproven> {
        let place = i64::try_from(next).ok().and_then(|next| next.checked_add(distance));
        self.reach(place.and_then(|place| usize::try_from(place).ok()).ok_or(Unproven)?, state)
    }

    fn step(&mut self, place: usize, mut state: State<'p>) -> Result<(), Unproven> {
        let next = place + 1;
        let open = state.open.take();
        match Instruction::of(self.prototype.code[place]).ok_or(Unproven)? {
            Instruction::Move { to, from } => {
                let value = state.get(from)?;
                self.set(&mut state, to, value)?;
            }
            Instruction::LoadConstant { to, constant } => {
                let value = self.constant(constant)?;
                self.set(&mut state, to, value)?;
            }
            Instruction::LoadBoolean { to, skips } => {
                self.set(&mut state, to, Value::Unknown)?;
                return self.reach(next + usize::from(skips), state);
            }
            Instruction::LoadNil { first, last } => {
                for register in first..=last {
                    self.set(&mut state, register, Value::Key)?;
                }
            }
            Instruction::GetUpvalue { to, upvalue } => {
                let value = self.upvalue(upvalue)?;
                self.set(&mut state, to, value)?;
            }
            // What is assigned is shared by all who use the variable: see `make_function`.
            Instruction::SetUpvalue { from, .. } | Instruction::SetGlobal { from } => {
                self.hide(state.get(from)?)?;
            }
            Instruction::GetGlobal { to, name } => {
                let Value::Text(name) = self.constant(name)? else { return Err(Unproven) };
                let value = Value::of_global(name).ok_or(Unproven)?;
                self.set(&mut state, to, value)?;
            }
            Instruction::GetField { to, table, field } => {
                let (table, field) = (state.get(table)?, self.operand(&state, field)?);
                let value = self.field(table, field)?;
                self.set(&mut state, to, value)?;
            }
            Instruction::SetField { table, field, value } => {
                self.hide(state.get(table)?)?;
                self.hide(self.operand(&state, field)?)?;
                self.hide(self.operand(&state, value)?)?;
            }
            Instruction::NewTable { to } | Instruction::Not { to } => {
                self.set(&mut state, to, Value::Unknown)?;
            }
            Instruction::Method { to, object } => {
                let object = state.get(object)?;
                self.hide(object)?;
                self.set(&mut state, to + 1, object)?;
                self.set(&mut state, to, Value::Unknown)?;
            }
            // Metamethods may be called.
            Instruction::Compute { to, operands } => {
                self.hide_operands(&state, operands)?;
                self.set(&mut state, to, Value::Unknown)?;
            }
            Instruction::Concatenate { to, first, last } => {
                for register in first..=last {
                    self.hide(state.get(register)?)?;
                }
                self.set(&mut state, to, Value::Unknown)?;
            }
            Instruction::Length { to, of } => {
                match state.get(of)? {
                    Value::Keys => {}
                    value => self.hide(value)?,
                }
                self.set(&mut state, to, Value::Unknown)?;
            }
            Instruction::Jump { distance } => return self.jump(next, distance, state),
            Instruction::Test => self.reach(next + 1, state.clone())?,
            Instruction::Compare { operands } => {
                self.hide_operands(&state, operands)?;
                self.reach(next + 1, state.clone())?;
            }
            Instruction::TestAndSet { to, from } => {
                self.reach(next + 1, state.clone())?;
                let value = state.get(from)?;
                self.set(&mut state, to, value)?;
            }
            Instruction::Call { function, arguments, results } => {
                let called = state.get(function)?;
                let (arguments, rest) = match (arguments, open) {
                    (Count::Exactly(count), _) => {
                        (state.slice(function + 1..function + 1 + count)?, Rest::None)
                    }
                    (Count::Open, Some((end, rest))) => (state.slice(function + 1..end)?, rest),
                    (Count::Open, None) => return Err(Unproven),
                };
                let returned = self.call(called, &arguments, rest)?;
                state.lose(function)?;
                self.take(&mut state, function, returned, results)?;
            }
            Instruction::Return { first, count } => {
                let end = match (count, open) {
                    (Count::Exactly(count), _) => first + count,
                    (Count::Open, Some((end, _))) => end,
                    (Count::Open, None) => return Err(Unproven),
                };
                for value in state.slice(first..end)? {
                    // What the script returns is made a reply, and then forgotten.
                    if !(self.number == MAIN && value == Value::Keys) {
                        self.hide(value)?;
                    }
                }
                return Ok(());
            }
            Instruction::LoopStart { control, distance } => {
                for register in control..control + 3 {
                    self.set(&mut state, register, Value::Unknown)?;
                }
                return self.jump(next, distance, state);
            }
            Instruction::LoopStep { control, distance } => {
                self.set(&mut state, control, Value::Unknown)?;
                let mut repeated = state.clone();
                self.set(&mut repeated, control + 3, Value::Unknown)?;
                self.jump(next, distance, repeated)?;
            }
            Instruction::EachStep { control, results } => {
                self.step_each(&mut state, control, results)?;
                self.reach(next + 1, state.clone())?;
            }
            Instruction::SetList { table, count, has_word } => {
                let end = match (count, open) {
                    (Count::Exactly(count), _) => table + 1 + count,
                    (Count::Open, Some((end, _))) => end,
                    (Count::Open, None) => return Err(Unproven),
                };
                for value in state.slice(table..end)? {
                    self.hide(value)?;
                }
                return self.reach(next + usize::from(has_word), state);
            }
            Instruction::Close { first } => state.close(first),
            Instruction::MakeFunction { to, child } => {
                let captured = self.make_function(&mut state, next, to, child)?;
                return self.reach(next + captured, state);
            }
            Instruction::Arguments { to, count } => {
                if count == Count::Open {
                    state.lose(to)?;
                }
                self.take(&mut state, to, Results::Unknown, count)?;
            }
        }
        self.reach(next, state)
    }

    fn constant(&self, constant: usize) -> Result<Value<'p>, Unproven> {
        self.prototype.constants.get(constant).map(Value::of).ok_or(Unproven)
    }

    fn operand(&self, state: &State<'p>, operand: Operand) -> Result<Value<'p>, Unproven> {
        match operand {
            Operand::Register(register) => state.get(register),
            Operand::Constant(constant) => self.constant(constant),
        }
    }

    fn upvalue(&self, upvalue: usize) -> Result<Value<'p>, Unproven> {
        self.program.functions[self.number].upvalues.get(upvalue).copied().flatten().ok_or(Unproven)
    }

    /// A value goes where it is not seen any more.
    fn hide(&mut self, value: Value<'p>) -> Result<(), Unproven> {
        if value.is_sensitive() {
            return Err(Unproven);
        }
        if let Value::Function(number) = value {
            self.program.release(number);
        }
        Ok(())
    }

    fn hide_operands(&mut self, state: &State<'p>, operands: [Operand; 2]) -> Result<(), Unproven> {
        for operand in operands {
            self.hide(self.operand(state, operand)?)?;
        }
        Ok(())
    }

    /// Assigns to a register.
    fn set(&mut self, state: &mut State<'p>, register: usize, mut value: Value<'p>) -> Result<(), Unproven> {
        if state.captured.contains(register) {
            if state.assigned.contains(register) {
                self.hide(value)?;
                value = Value::Unknown;
            }
            self.reassign(register, value);
        }
        state.put(register, value)
    }

    /// A variable that inner functions use has been assigned after they were made.
    fn reassign(&mut self, register: usize, value: Value<'p>) {
        let mut released = Vec::new();
        let Some(place) = self.reassigned.get_mut(register) else { return };
        let joined = place.map_or(value, |known| either(known, value, &mut released));
        *place = Some(joined);
        for capture in self.captures.iter().filter(|capture| capture.register == register) {
            self.program.share(capture.child, capture.upvalue, joined);
        }
        released.into_iter().for_each(|number| self.program.release(number));
    }

    /// What a field of a table has.
    fn field(&mut self, table: Value<'p>, field: Value<'p>) -> Result<Value<'p>, Unproven> {
        match (table, field) {
            (Value::Api, Value::Text(b"call" | b"pcall")) => Ok(Value::Call),
            (Value::Api, Value::Text(_) | Value::Integer(_)) => Ok(Value::Unknown),
            (Value::Keys, field) => self.hide(field).map(|()| Value::Key),
            (table, field) => {
                self.hide(table)?;
                self.hide(field)?;
                Ok(Value::Unknown)
            }
        }
    }

    /// Makes a function, and returns how many instructions tell which variables it uses.
    fn make_function(
        &mut self,
        state: &mut State<'p>,
        next: usize,
        to: usize,
        child: usize,
    ) -> Result<usize, Unproven> {
        let child = *self.program.functions[self.number].children.get(child).ok_or(Unproven)?;
        // First, because it may use the variable that it is assigned to.
        self.set(state, to, Value::Function(child))?;
        let count = self.program.functions[child].upvalues.len();
        for upvalue in 0..count {
            let word = self.prototype.code.get(next + upvalue).ok_or(Unproven)?;
            match Captured::of(*word).ok_or(Unproven)? {
                Captured::Upvalue(outer) => self.program.share(child, upvalue, self.upvalue(outer)?),
                Captured::Register(register) => {
                    let capture = Capture { register, child, upvalue };
                    self.capture(state, capture)?;
                }
            }
        }
        Ok(count)
    }

    /// An inner function is made that uses a variable of this one.
    fn capture(&mut self, state: &mut State<'p>, capture: Capture) -> Result<(), Unproven> {
        let Capture { register, child, upvalue } = capture;
        if !self.captures.contains(&capture) {
            self.captures.push(capture);
        }
        state.captured.insert(register);
        if self.program.functions[child].assigns[upvalue] {
            // What it assigns is not sensitive; nothing else is known of it.
            self.hide(state.get(register)?)?;
            state.put(register, Value::Unknown)?;
            state.assigned.insert(register);
            self.reassign(register, Value::Unknown);
        }
        self.program.share(child, upvalue, state.get(register)?);
        if let Some(Some(later)) = self.reassigned.get(register) {
            self.program.share(child, upvalue, *later);
        }
        Ok(())
    }
}
