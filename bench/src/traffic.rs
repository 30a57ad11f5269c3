//! What is sent, by how many connections, and how.

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::keys::KeySpace;
use crate::pacing::Pacing;
use crate::request::{Request, RequestShape};

/// Commands with the shares in which they are sent.
#[derive(Debug, Clone)]
pub struct Mix {
    entries: Vec<(u32, Request)>,
    total: u32,
}

impl Mix {
    /// A mix of built-in commands, such as `get=80,set=20` or just `get`.
    pub fn parse(text: &str, shape: &RequestShape) -> Result<Self> {
        let mut entries = Vec::new();
        for part in text.split(',') {
            let (name, share) = part.split_once('=').unwrap_or((part, "1"));
            let share: u32 = share.parse().with_context(|| format!("`{share}` is no share in `{text}`"))?;
            entries.push((share, Request::named(name, shape)?));
        }
        Self::new(entries)
    }

    /// Command templates, all sent equally often.
    pub fn templates<T: AsRef<str>>(templates: &[T], shape: &RequestShape) -> Result<Self> {
        let entries =
            templates.iter().map(|template| Ok((1, Request::from_template(template.as_ref(), shape)?)));
        Self::new(entries.collect::<Result<_>>()?)
    }

    fn new(entries: Vec<(u32, Request)>) -> Result<Self> {
        let total = entries.iter().try_fold(0u32, |total, (share, _)| total.checked_add(*share));
        let total = total.context("the shares are too large")?;
        ensure!(total > 0, "the mix is empty");
        Ok(Self { entries, total })
    }

    /// How many keys a request draws at most.
    pub fn keys_max(&self) -> usize {
        self.entries.iter().map(|(_, request)| request.keys()).max().unwrap_or(0)
    }

    pub(crate) fn draw(&self, random: &mut SmallRng) -> &Request {
        let mut chosen = if self.entries.len() == 1 { 0 } else { random.random_range(0..self.total) };
        for (share, request) in &self.entries {
            if chosen < *share {
                return request;
            }
            chosen -= share;
        }
        unreachable!("the shares sum up to the total")
    }
}

/// One kind of traffic.
#[derive(Debug, Clone)]
pub struct Traffic {
    /// The commands.
    pub mix: Mix,
    /// The keys that they name.
    pub keys: KeySpace,
    /// Connections that carry it, at least 1.
    pub connections: usize,
    /// Requests that a connection has outstanding at most, at least 1.
    pub pipeline: usize,
    /// When requests are sent.
    pub pacing: Pacing,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const SHAPE: RequestShape = RequestShape { key_size: 16, value_size: 64 };

    #[test]
    fn commands_are_drawn_in_their_shares() {
        let mix = Mix::parse("ping=3,incr=1,get=0", &SHAPE).unwrap();
        let mut random = SmallRng::seed_from_u64(1);
        let mut pings = 0;
        for _ in 0..10_000 {
            let mut output = Vec::new();
            mix.draw(&mut random).render(&mut output, || 0);
            assert!(!output.windows(3).any(|window| window == b"GET"));
            pings += usize::from(output.windows(4).any(|window| window == b"PING"));
        }
        assert!((7300..7700).contains(&pings), "{pings}");
    }

    #[test]
    fn mixes_that_send_nothing_are_refused() {
        for text in ["", "get=0", "get=x", "nonsense", "get=4294967295,set=1"] {
            assert!(Mix::parse(text, &SHAPE).is_err(), "{text}");
        }
    }
}
