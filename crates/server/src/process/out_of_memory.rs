//! The process's standing with the kernel's out-of-memory killer.

use std::fs;
use std::io;
use std::sync::OnceLock;

use crate::config::Settings;

const SCORE: &str = "/proc/self/oom_score_adj";

/// The bounds that the kernel sets.
const SCORE_MIN: i32 = -1000;
const SCORE_MAX: i32 = 1000;

/// The score that the process was started with, once it has been changed.
static ORIGINAL: OnceLock<i32> = OnceLock::new();

/// Sets the score of a primary, or the original one if scores are not to be set any more.
pub(super) fn adjust(settings: &Settings) -> io::Result<()> {
    let [primary, ..] = settings.oom_score_adj_values;
    let score = match (settings.oom_score_adj, ORIGINAL.get()) {
        ("no", None) => return Ok(()),
        ("no", Some(original)) => *original,
        ("absolute", _) => {
            original()?;
            primary
        }
        _ => original()?.saturating_add(primary),
    };
    fs::write(SCORE, score.clamp(SCORE_MIN, SCORE_MAX).to_string())
}

fn original() -> io::Result<i32> {
    if let Some(original) = ORIGINAL.get() {
        return Ok(*original);
    }
    let text = fs::read_to_string(SCORE)?;
    let score = text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(*ORIGINAL.get_or_init(|| score))
}
