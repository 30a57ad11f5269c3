//! The libraries that turn values of scripts into text and back.

use crate::generator::Family;

/// JSON and MessagePack. What scripts return shows all of the values that they have made.
pub const SCRIPTED_DOCUMENTS: Family = Family {
    name: "scripted documents",
    value_bytes_max: 300,
    rows: &[
        (3, "=EVAL json-script 0 json"),
        (2, "=EVAL message-pack-script 0 message-pack"),
        (3, "=EVAL lua-value-script 0 lua-value"),
    ],
};
