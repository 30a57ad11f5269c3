//! The first line of a script, by which it tells what it does: `#!lua flags=no-writes,allow-stale`.

use bitflags::bitflags;

use crate::error::CommandError;

bitflags! {
    /// What a script or function says of itself.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct ScriptFlags: u8 {
        /// `no-writes`: it calls no commands that write.
        const NO_WRITES = 1 << 0;
        /// `allow-oom`: it may run while memory is above its limit.
        const ALLOW_OOM = 1 << 1;
        /// `allow-stale`: it may run on a replica with stale data.
        const ALLOW_STALE = 1 << 2;
        /// `no-cluster`: it does not run in a cluster.
        const NO_CLUSTER = 1 << 3;
        /// `allow-cross-slot-keys`: it uses keys of several slots of a cluster.
        const ALLOW_CROSS_SLOT_KEYS = 1 << 4;
        /// There is such a first line.
        const DECLARED = 1 << 5;
    }
}

impl ScriptFlags {
    /// What the first line of a script says.
    ///
    /// # Errors
    /// It begins like one that does, and is none.
    pub(crate) fn of(text: &[u8]) -> Result<Self, CommandError> {
        const INVALID: CommandError = CommandError::fixed("ERR Invalid script shebang");
        if !text.starts_with(b"#!") {
            return Ok(Self::empty());
        }
        let end = text.iter().position(|byte| *byte == b'\n').ok_or(INVALID)?;
        let mut words = text[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let engine = words.next().unwrap_or_default();
        if engine != b"#!lua" {
            return Err(CommandError::repeating("ERR Unexpected engine in script shebang: ", engine, ""));
        }
        let mut flags = Self::DECLARED;
        for word in words {
            let Some(list) = word.strip_prefix(b"flags=") else {
                return Err(CommandError::repeating("ERR Unknown lua shebang option: ", word, ""));
            };
            for name in list.split(|byte| *byte == b',').filter(|_| !list.is_empty()) {
                let unexpected =
                    || CommandError::repeating("ERR Unexpected flag in script shebang: ", name, "");
                flags |= Self::named(name).ok_or_else(unexpected)?;
            }
        }
        Ok(flags)
    }

    /// The flag of this name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let flag = FLAG_NAMES.iter().find(|(of_flag, _)| of_flag.as_bytes() == name);
        flag.map(|(_, flag)| *flag)
    }
}

/// The flags by their names.
pub(crate) const FLAG_NAMES: &[(&str, ScriptFlags)] = &[
    ("no-writes", ScriptFlags::NO_WRITES),
    ("allow-oom", ScriptFlags::ALLOW_OOM),
    ("allow-stale", ScriptFlags::ALLOW_STALE),
    ("no-cluster", ScriptFlags::NO_CLUSTER),
    ("allow-cross-slot-keys", ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
];

/// The part of a text that is code: its first line, if it is one that tells of the script, is left empty, so that lines keep
/// their numbers.
pub(super) fn code_of(text: &[u8]) -> &[u8] {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) if text.starts_with(b"#!") => &text[end..],
        _ => text,
    }
}
