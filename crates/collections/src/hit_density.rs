//! Which key to evict, learned from the requests themselves.
//!
//! The order in which keys should go is that of their *hit density*: how many hits are to be expected from keeping a
//! key, for
//! the time for which it has to be kept (Beckmann, Chen and Cidon, "LHD: improving cache hit rate by maximizing hit
//! density",
//! NSDI '18). What is known of a key is
//!
//! - its age: how long ago its last use is;
//! - its interval: the mean time between its last uses;
//! - how many uses the interval is known from;
//!
//! all of it in 24 bits (`Access`). For each combination, on a logarithmic scale (a `cell`), the [`Model`]
//! estimates how often a
//! key in this situation is used: uses that were seen there, over the time that keys spent there. The latter is not
//! counted key by key. The keys that are drawn at random for eviction anyway are a census of the whole population.
//! From these rates follows the density as Gittins' index: the best ratio of the chance of a hit within a time to the
//! time
//! that the key is expected to be kept for it, over all times (Gittins, J. R. Stat. Soc. B 41, 1979). Where popularity
//! is fixed it equals the rate; in a loop it rises with the age, since a key that was used just now comes last.
//!
//! Learning from residents alone would confirm any prejudice: what is evicted early is never seen to be used late. So
//! what is known of
//! some evicted keys is kept (`Ghosts`): they are counted in the census, and their uses count as uses. Besides, a
//! key that comes
//! back takes up what was known of it (as in ARC, Megiddo and Modha, FAST '03, and LIRS, Jiang and Zhang, SIGMETRICS
//! '02).
//! Estimates are thus free of the policy's influence, and neither a tuning parameter nor an exploring phase is needed.
//!
//! Time is counted in *ticks*, of which 256 pass while as many keys come as there are residents. It follows the size of the
//! cache and the pace of requests: what changes is how many requests make a tick (`Pace`), never the meaning of stamps.
//!
//! Cost: a use changes the 24 bits with a dozen integer operations, and is noted in a journal, one in eight where there are many
//! keys. A candidate for eviction costs one look-up in a table of 8 KiB. About once in an eighth as many requests as there are
//! keys the table is computed anew, in a fraction of a millisecond, by whoever owns the [`Model`].

mod access;
mod ghosts;
mod model;
mod shard;

pub use ghosts::GhostPrefetcher;
pub use model::{Model, Priority, Ranks};
pub use shard::Shard;
