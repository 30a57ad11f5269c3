//! Workloads and their notation: `MIX:PIPELINE`, and `:zipf` for skewed keys.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use nuthatch_bench::{KeyDistribution, KeySpace, Mix, Pacing, RequestShape, Traffic};

/// The customary skew (YCSB).
const ZIPF_EXPONENT: f64 = 0.99;

/// The workloads that run unless others are asked for.
pub(crate) const DEFAULT: [&str; 9] = [
    "get:1",
    "set:1",
    "get:16",
    "set:16",
    "get:100",
    "set:100",
    "get:16:zipf",
    "set:16:zipf",
    "get=80,set=20:16:zipf",
];

/// Which commands are sent and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Workload {
    mix: String,
    pipeline: usize,
    is_skewed: bool,
}

impl Workload {
    /// The traffic of this workload over `key_count` keys.
    pub(crate) fn traffic(
        &self,
        shape: &RequestShape,
        key_count: u64,
        connections: usize,
        pacing: Pacing,
    ) -> Result<Traffic> {
        let distribution = match self.is_skewed {
            true => KeyDistribution::Zipfian { exponent: ZIPF_EXPONENT },
            false => KeyDistribution::Uniform,
        };
        Ok(Traffic {
            mix: Mix::parse(&self.mix, shape)?,
            keys: KeySpace { count: key_count, distribution },
            connections,
            pipeline: self.pipeline,
            pacing,
        })
    }
}

impl FromStr for Workload {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mix, rest) = text.split_once(':').context("a workload is given as MIX:PIPELINE[:zipf]")?;
        let (pipeline, is_skewed) = match rest.split_once(':') {
            None => (rest, false),
            Some((pipeline, "zipf")) => (pipeline, true),
            Some((_, suffix)) => bail!("`{suffix}` is not `zipf`"),
        };
        let pipeline = pipeline.parse().with_context(|| format!("`{pipeline}` is no pipeline depth"))?;
        Ok(Self { mix: mix.to_owned(), pipeline, is_skewed })
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}{}", self.mix, self.pipeline, if self.is_skewed { ":zipf" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_survives_parsing_and_printing() {
        for text in DEFAULT {
            assert_eq!(text.parse::<Workload>().unwrap().to_string(), text);
        }
        assert!("get".parse::<Workload>().is_err());
        assert!("get:1:zipfian".parse::<Workload>().is_err());
    }
}
