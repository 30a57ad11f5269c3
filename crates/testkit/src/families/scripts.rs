//! Scripts, and what is kept of them.

use crate::generator::Family;

/// Scripts of all kinds with the commands that run them, those that keep them, and some that give them data.
pub const SCRIPTS: Family = Family {
    name: "scripts",
    value_bytes_max: 64,
    rows: &[
        (100, "EVAL script 0"),
        (60, "EVAL script 2 key key value value"),
        (20, "EVAL script 1 key value value value"),
        (5, "EVAL script integer (key|value)..."),
        (12, "EVAL_RO script 1 key value"),
        (10, "EVALSHA script-name 1 key value"),
        (5, "EVALSHA_RO script-name 1 key value"),
        (10, "SCRIPT LOAD stored-script"),
        (5, "SCRIPT EXISTS script-name..."),
        (1, "SCRIPT FLUSH [ASYNC|SYNC]"),
        (4, "SET key value"),
        (2, "LPUSH key member..."),
        (2, "HSET key (member value)..."),
        (2, "SADD key member"),
        (2, "ZADD key score member"),
        (1, "DEL key..."),
    ],
};
