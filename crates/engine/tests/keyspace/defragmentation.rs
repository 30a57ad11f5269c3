//! Nobody notices that values move in memory.

use fastrand::Rng;

use crate::replay::content::data;
use crate::snapshot::command;
use crate::support::Server;

/// Elements of a big value.
const ELEMENTS: usize = 3000;

/// A value of each type with many elements, of which those that are looked at in parts have several pages.
fn fill_big(server: &mut Server) {
    for number in 0..ELEMENTS {
        let deadline = server.now_ms() + 100_000;
        server.run(&format!("HSET big:hash field{number} value{number}"));
        if number % 50 == 0 {
            server.run(&format!("HPEXPIREAT big:hash {deadline} FIELDS 1 field{number}"));
        }
        server.run(&format!("RPUSH big:list element{number}"));
        server.run(&format!("SADD big:set member{number}"));
        server.run(&format!("ZADD big:sorted {} member{number}", number % 17));
        server.run(&format!("XADD big:stream 1-{} field value{number}", number + 1));
    }
}

#[test]
fn values_are_the_same_wherever_they_are() {
    for seed in 0..10 {
        let mut rng = Rng::with_seed(seed);
        let mut server = Server::new(None);
        fill_big(&mut server);
        for round in 0..20 {
            for _ in 0..200 {
                let words = command(&mut rng, server.now_ms());
                server.call(&words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            }
            let before = data(&server);
            let done = server.defragment(rng.usize(..ELEMENTS * 2), &mut |_| rng.bool());
            assert!(done.moved >= 100 && done.keys_moved <= done.moved, "seed {seed}, {round}: {done:?}");
            assert!(
                done.keys_moved + done.keys_kept >= before.len() as u64,
                "seed {seed}, {round}: {done:?}"
            );
            assert_eq!(data(&server), before, "seed {seed}, {round}");
        }
    }
}

#[test]
fn big_values_are_moved_in_parts_and_as_a_whole_alike() {
    let mut server = Server::new(None);
    fill_big(&mut server);
    let mut addresses = |elements_max| {
        let mut addresses = Vec::new();
        let done = server.defragment(elements_max, &mut |address| {
            addresses.push(address);
            false
        });
        assert_eq!((done.kept, done.moved, done.keys_kept), (addresses.len() as u64, 0, 5));
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    };
    let whole = addresses(usize::MAX);
    assert!(whole.len() > ELEMENTS / 10, "{}", whole.len());
    assert_eq!(addresses(1), whole);
    let done = server.defragment(1, &mut |_| true);
    assert!(done.moved >= whole.len() as u64, "{done:?}");
    let moved = addresses(1);
    let same = whole.iter().filter(|address| moved.binary_search(address).is_ok()).count();
    assert!(same < whole.len() / 2, "{same} of {} are where they were", whole.len());
}
