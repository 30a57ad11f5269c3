//! Instructions of the interpreter, taken apart.

/// A register, or a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Register(usize),
    Constant(usize),
}

/// How many values there are from a register on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Exactly(usize),
    /// As many as the instruction before has left, or as there are.
    Open,
}

/// What an instruction does, as far as it matters here. Distances count from the instruction behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instruction {
    Move {
        to: usize,
        from: usize,
    },
    LoadConstant {
        to: usize,
        constant: usize,
    },
    /// A truth value. It may skip the next instruction.
    LoadBoolean {
        to: usize,
        skips: bool,
    },
    /// Nil in all registers from one to another.
    LoadNil {
        first: usize,
        last: usize,
    },
    GetUpvalue {
        to: usize,
        upvalue: usize,
    },
    SetUpvalue {
        upvalue: usize,
        from: usize,
    },
    GetGlobal {
        to: usize,
        name: usize,
    },
    SetGlobal {
        from: usize,
    },
    GetField {
        to: usize,
        table: usize,
        field: Operand,
    },
    SetField {
        table: usize,
        field: Operand,
        value: Operand,
    },
    NewTable {
        to: usize,
    },
    /// The method into `to`, the object behind it.
    Method {
        to: usize,
        object: usize,
    },
    /// Arithmetic with one operand, or two.
    Compute {
        to: usize,
        operands: [Operand; 2],
    },
    Not {
        to: usize,
    },
    Length {
        to: usize,
        of: usize,
    },
    Concatenate {
        to: usize,
        first: usize,
        last: usize,
    },
    Jump {
        distance: i64,
    },
    /// Skips the next instruction or not, without calling anything with an operand that is not of a table's own.
    Test,
    /// The same for what is compared by order.
    Compare {
        operands: [Operand; 2],
    },
    /// Copies and goes on, or skips the next instruction.
    TestAndSet {
        to: usize,
        from: usize,
    },
    Call {
        function: usize,
        arguments: Count,
        results: Count,
    },
    Return {
        first: usize,
        count: Count,
    },
    LoopStep {
        control: usize,
        distance: i64,
    },
    LoopStart {
        control: usize,
        distance: i64,
    },
    /// Calls the function in `control` with the two values behind it. Goes on, or skips the next instruction.
    EachStep {
        control: usize,
        results: usize,
    },
    SetList {
        table: usize,
        count: Count,
        has_word: bool,
    },
    /// The variables from this register on end.
    Close {
        first: usize,
    },
    MakeFunction {
        to: usize,
        child: usize,
    },
    Arguments {
        to: usize,
        count: Count,
    },
}

impl Instruction {
    /// Takes an instruction apart, if there is such a one.
    pub(super) fn of(word: u32) -> Option<Self> {
        let a = (word >> 6 & 0xff) as usize;
        let (b, c) = ((word >> 23) as usize, (word >> 14 & 0x1ff) as usize);
        let bx = (word >> 14) as usize;
        let distance = i64::from(word >> 14) - 0x1_ffff;
        /// Operands from here on are constants.
        const CONSTANTS: usize = 0x100;
        let operand = |field: usize| match field.checked_sub(CONSTANTS) {
            Some(constant) => Operand::Constant(constant),
            None => Operand::Register(field),
        };
        // Counts are one more than what they count, because zero stands for open.
        let count = |field: usize| field.checked_sub(1).map_or(Count::Open, Count::Exactly);
        Some(match word & 0x3f {
            0 => Self::Move { to: a, from: b },
            1 => Self::LoadConstant { to: a, constant: bx },
            2 => Self::LoadBoolean { to: a, skips: c != 0 },
            3 => Self::LoadNil { first: a, last: b },
            4 => Self::GetUpvalue { to: a, upvalue: b },
            5 => Self::GetGlobal { to: a, name: bx },
            6 => Self::GetField { to: a, table: b, field: operand(c) },
            7 => Self::SetGlobal { from: a },
            8 => Self::SetUpvalue { upvalue: b, from: a },
            9 => Self::SetField { table: a, field: operand(b), value: operand(c) },
            10 => Self::NewTable { to: a },
            11 => Self::Method { to: a, object: b },
            12..=17 => Self::Compute { to: a, operands: [operand(b), operand(c)] },
            18 => Self::Compute { to: a, operands: [Operand::Register(b); 2] },
            19 => Self::Not { to: a },
            20 => Self::Length { to: a, of: b },
            21 => Self::Concatenate { to: a, first: b, last: c },
            22 => Self::Jump { distance },
            23 | 26 => Self::Test,
            24 | 25 => Self::Compare { operands: [operand(b), operand(c)] },
            27 => Self::TestAndSet { to: a, from: b },
            28 => Self::Call { function: a, arguments: count(b), results: count(c) },
            29 => Self::Call { function: a, arguments: count(b), results: Count::Open },
            30 => Self::Return { first: a, count: count(b) },
            31 => Self::LoopStep { control: a, distance },
            32 => Self::LoopStart { control: a, distance },
            33 => Self::EachStep { control: a, results: c },
            34 => Self::SetList {
                table: a,
                // Here zero alone stands for open.
                count: if b == 0 { Count::Open } else { Count::Exactly(b) },
                has_word: c == 0,
            },
            35 => Self::Close { first: a },
            36 => Self::MakeFunction { to: a, child: bx },
            37 => Self::Arguments { to: a, count: count(b) },
            _ => return None,
        })
    }
}

/// Where a function that is made has one of its variables from: the instructions behind the one that makes it say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Captured {
    /// A register of the function that makes it.
    Register(usize),
    /// A variable of functions around that.
    Upvalue(usize),
}

impl Captured {
    pub(super) fn of(word: u32) -> Option<Self> {
        match Instruction::of(word)? {
            Instruction::Move { from, .. } => Some(Self::Register(from)),
            Instruction::GetUpvalue { upvalue, .. } => Some(Self::Upvalue(upvalue)),
            _ => None,
        }
    }
}
