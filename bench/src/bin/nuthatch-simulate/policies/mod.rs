//! The policies, one file each.

mod adaptive;
mod arc;
mod fifo;
mod hyperbolic;
mod lhd;
mod lirs;
mod lru;
mod memcached;
mod redis;
mod s3_fifo;
mod sieve;
mod tiny_lfu;

use crate::cache::Policy;
use nuthatch_bench::traces::Steps;

/// Makes a policy for a trace and a capacity.
type Make = fn(&Steps, u64) -> Box<dyn Policy>;

/// All policies by their names.
pub(crate) const CATALOGUE: &[(&str, Make)] = &[
    ("redis-lru", |steps, _| Box::new(redis::SampledLru::new(steps))),
    ("redis-lfu", |steps, _| Box::new(redis::SampledLfu::new(steps))),
    ("memcached", |steps, capacity| Box::new(memcached::Segmented::new(steps, capacity))),
    ("lru", |steps, _| Box::new(lru::Lru::new(steps))),
    ("fifo", |steps, _| Box::new(fifo::Fifo::new(steps))),
    ("sieve", |steps, _| Box::new(sieve::Sieve::new(steps))),
    ("s3-fifo", |steps, capacity| Box::new(s3_fifo::S3Fifo::new(steps, capacity))),
    ("w-tinylfu", |steps, capacity| Box::new(tiny_lfu::WindowTinyLfu::new(steps, capacity))),
    ("arc", |steps, capacity| Box::new(arc::Arc::new(steps, capacity))),
    ("lirs", |steps, capacity| Box::new(lirs::Lirs::new(steps, capacity))),
    ("hyperbolic", |steps, _| Box::new(hyperbolic::Hyperbolic::new(steps))),
    ("adaptive", |steps, _| Box::new(adaptive::Adaptive::new(steps))),
    ("lhd", |steps, _| Box::new(lhd::Lhd::new(steps))),
];
