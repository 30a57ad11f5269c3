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
    /// The lines that stock servers log of it when they load the file at a time, in seconds since 1970.
    pub fn in_words(&self, now_s: u64) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(version) = &self.valkey_version {
            lines.push(format!("Loading RDB produced by Valkey version {version}"));
        } else if let Some(version) = &self.redis_version {
            lines.push(format!("Loading RDB produced by version {version}"));
        }
        if let Some(created) = self.created {
            let now = i64::try_from(now_s).unwrap_or(i64::MAX);
            lines.push(format!("RDB age {} seconds", now.saturating_sub(created).max(0)));
        }
        if let Some(memory) = self.memory {
            lines.push(format!("RDB memory usage when created {:.2} Mb", memory as f64 / f64::from(1 << 20)));
        }
        if self.is_log_base {
            lines.push("RDB is base AOF".to_owned());
        }
        lines
    }

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
