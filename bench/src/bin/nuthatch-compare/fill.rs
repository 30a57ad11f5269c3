//! Filling a server with keys.

use anyhow::{Result, bail, ensure};
use nuthatch_bench::{KeyDistribution, KeySpace, Load, Mix, Pacing, RequestShape, Stop, Target, Traffic};

/// Pipeline depth of the connection that fills.
const PIPELINE: usize = 100;

/// Runs `template` so many times, with the keys 0, 1, 2 and so on.
pub(crate) fn fill(target: &Target, template: &str, shape: &RequestShape, key_count: u64) -> Result<()> {
    let mix = Mix::templates(&[template], shape)?;
    let traffic = Traffic {
        keys: KeySpace {
            count: key_count * mix.keys_max().max(1) as u64,
            distribution: KeyDistribution::Sequential,
        },
        mix,
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
