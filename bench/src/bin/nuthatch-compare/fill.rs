//! Filling a server with keys.

use anyhow::{Result, bail, ensure};
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Pacing, RequestShape, Stop, Target, Traffic};

/// Pipeline depth of the connection that fills.
const PIPELINE: usize = 100;

/// Runs `template` once for each of the keys 0 to `key_count - 1`.
pub(crate) fn fill(target: &Target, template: &str, shape: &RequestShape, key_count: u64) -> Result<()> {
    let traffic = Traffic {
        mix: Mix::templates(&[template], shape)?,
        keys: KeySpace { count: key_count, distribution: KeyDistribution::Sequential },
        connections: target.threads,
        pipeline: PIPELINE,
        pacing: Pacing::Batches,
    };
    let outcomes = Load::connect(target, &[traffic])?.run(Stop::Requests(key_count))?;
    for outcome in outcomes {
        if let Some(text) = outcome.tally.error_texts.keys().next() {
            bail!("filling the keys failed: {text}");
        }
        ensure!(outcome.tally.replies == key_count, "only {} keys were set", outcome.tally.replies);
    }
    Ok(())
}
