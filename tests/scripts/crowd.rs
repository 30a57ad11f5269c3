//! Many clients at once.

use std::io;
use std::thread;

use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::caller::Caller;

/// How many clients there are: more than event loops, and as many for each way of calling scripts.
pub(crate) const CLIENTS: usize = 12;

/// Has all clients work at the same time, each with its number and its own source of chance.
///
/// # Panics
///
/// When one of them fails.
#[track_caller]
pub(crate) fn all<T: Send>(
    port: u16,
    seed: u64,
    work: impl Fn(usize, &mut Caller, &mut Pcg64) -> io::Result<T> + Sync,
) -> Vec<T> {
    let one = |number: usize| {
        let mut random = Pcg64::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(number as u64));
        work(number, &mut Caller::connect(port, number)?, &mut random)
    };
    thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || one(number))).collect();
        let results = threads.into_iter().map(|thread| thread.join().expect("no client panics"));
        results.map(|result| result.expect("no client fails")).collect()
    })
}
