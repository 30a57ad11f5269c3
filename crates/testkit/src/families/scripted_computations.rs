//! The libraries that scripts compute with.

use crate::generator::Family;

/// Structures of C, operations on bits, and chance.
pub const SCRIPTED_COMPUTATIONS: Family =
    Family { name: "scripted computations", value_bytes_max: 300, rows: &[(1, "=EVAL computing-script 0")] };
