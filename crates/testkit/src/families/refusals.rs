//! What is refused where more memory is used than allowed.

use crate::generator::Family;

/// The limit is set so low that it is exceeded, or taken away. To be mixed with other families.
pub const LIMITS: Family = Family {
    name: "limits",
    value_bytes_max: 64,
    rows: &[(1, "=CONFIG SET MAXMEMORY 1"), (1, "=CONFIG SET MAXMEMORY 0")],
};

/// Scripts that may or may not need more memory.
pub const WRITING_SCRIPTS: Family = Family {
    name: "writing scripts",
    value_bytes_max: 64,
    rows: &[
        (30, "=EVAL writing-script 0"),
        (20, "=EVAL writing-script 1 key value"),
        (10, "=EVAL_RO writing-script 1 key"),
        (5, "=SCRIPT LOAD writing-script"),
        (5, "SET key value"),
        (5, "GET key"),
        (3, "DEL key"),
        (8, "MULTI"),
        (8, "EXEC"),
        (1, "DISCARD"),
    ],
};
