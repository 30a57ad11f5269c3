//! What a file says about itself.

/// The facts that matter for whoever loads the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version of Redis that has written it.
    pub redis_version: Option<String>,
    /// The version of Valkey that has written it.
    pub valkey_version: Option<String>,
    /// When it was written, in seconds since 1970.
    pub created: Option<i64>,
    /// The memory that the data took there, in bytes.
    pub memory: Option<u64>,
    /// Whether it is the beginning of an append-only file.
    pub is_log_base: bool,
}

impl Facts {
    /// Takes a fact; others are not kept.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        match name {
            b"redis-ver" => self.redis_version = Some(text.into_owned()),
            b"valkey-ver" => self.valkey_version = Some(text.into_owned()),
            b"ctime" => self.created = text.parse().ok(),
            b"used-mem" => self.memory = text.parse().ok(),
            b"aof-base" | b"aof-preamble" => self.is_log_base = text == "1",
            _ => {}
        }
    }
}
