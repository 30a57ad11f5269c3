//! The types of values and how records encode them.

pub mod string;

/// The type and encoding of a record, kept in one byte of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A string held as a 64-bit integer.
    StringInteger = 0,
    /// A short string, set as a whole.
    StringEmbedded = 1,
    /// Any other string.
    StringRaw = 2,
}

impl Kind {
    /// The kind that a record's header gives. Records are made only from kinds, so others do not occur.
    pub fn of(byte: u8) -> Self {
        match byte {
            0 => Self::StringInteger,
            1 => Self::StringEmbedded,
            _ => Self::StringRaw,
        }
    }

    /// The name of the type, as TYPE answers it.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::StringInteger | Self::StringEmbedded | Self::StringRaw => "string",
        }
    }

    /// The name of the encoding, as OBJECT ENCODING answers it.
    pub const fn encoding_name(self) -> &'static str {
        match self {
            Self::StringInteger => "int",
            Self::StringEmbedded => "embstr",
            Self::StringRaw => "raw",
        }
    }
}
