//! Looks for an order of a history's operations that a store without concurrency would have gone through.
//!
//! After Wing and Gong: an operation may be the next when none of those left had ended before it began; take one, see
//! whether the store returns the same, go on, and come back where it leads nowhere. After Lowe: what is left and what
//! the store then holds decide whether it leads anywhere, so that no such pair is looked at twice. What is left is
//! a position in each client's operations, because a client's requests are executed in their order.

use std::collections::HashSet;

use crate::history::{History, Operation};
use crate::model::{Command, Output, Store};

/// Whether there is such an order, from an empty store with so many keys.
pub(crate) fn is_linearizable(history: &History, keys: usize) -> bool {
    let mut visited = HashSet::new();
    let mut open = vec![(vec![0; history.len()], Store::new(keys))];
    while let Some((positions, store)) = open.pop() {
        let left = || {
            let next = |(client, position): (usize, &usize)| Some((client, history[client].get(*position)?));
            positions.iter().enumerate().filter_map(next)
        };
        let Some(first_end) = left().map(|(_, operation)| operation.returned).min() else { return true };
        for (client, operation) in left().filter(|(_, operation)| operation.invoked <= first_end) {
            let mut store = store.clone();
            if !returns_the_same(&mut store, operation) {
                continue;
            }
            let mut positions = positions.clone();
            positions[client] += 1;
            if visited.insert((positions.clone(), store.clone())) {
                open.push((positions, store));
            }
        }
    }
    false
}

fn returns_the_same(store: &mut Store, operation: &Operation) -> bool {
    let agrees = |(command, output): &(Command, Output)| {
        let returned = store.run(command);
        match command {
            Command::Expect(_, expected) => returned == *expected,
            _ => returned == *output,
        }
    };
    operation.commands.iter().all(agrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::{Expect, Get, Increment, Pop, Push, Set};
    use Output::{Done, Nothing, Number};

    fn operation(invoked: u64, returned: u64, commands: &[(Command, Output)]) -> Operation {
        Operation { invoked, returned, commands: commands.to_vec() }
    }

    fn check(clients: &[&[Operation]]) -> bool {
        is_linearizable(&clients.iter().map(|operations| operations.to_vec()).collect(), 2)
    }

    #[test]
    fn overlapping_operations_may_have_either_order() {
        let write = [operation(0, 10, &[(Set(0, 1), Done)])];
        for seen in [Nothing, Number(1)] {
            assert!(check(&[&write, &[operation(5, 15, &[(Get(0), seen)])]]));
        }
        assert!(!check(&[&write, &[operation(5, 15, &[(Get(0), Number(2))])]]));
    }

    #[test]
    fn a_read_that_comes_after_a_write_must_see_it() {
        let write = [operation(0, 10, &[(Set(0, 1), Done)])];
        assert!(check(&[&write, &[operation(11, 15, &[(Get(0), Number(1))])]]));
        assert!(!check(&[&write, &[operation(11, 15, &[(Get(0), Nothing)])]]));
    }

    #[test]
    fn two_reads_during_one_write_must_not_see_it_and_then_not() {
        let write = [operation(0, 100, &[(Set(0, 1), Done)])];
        let early = [operation(10, 20, &[(Get(0), Number(1))])];
        let late = [operation(30, 40, &[(Get(0), Nothing)])];
        assert!(!check(&[&write, &early, &late]));
        assert!(check(&[&write, &early]));
        assert!(check(&[&write, &late]));
    }

    #[test]
    fn a_lost_increment_is_found() {
        let [one, other] = [1, 1].map(|sum| [operation(0, 10, &[(Increment(0), Number(sum))])]);
        assert!(!check(&[&one, &other]));
        let other = [operation(0, 10, &[(Increment(0), Number(2))])];
        assert!(check(&[&one, &other]));
    }

    #[test]
    fn a_transaction_seen_by_halves_is_found() {
        let write = [operation(0, 100, &[(Set(0, 1), Done), (Set(1, 1), Done)])];
        let half = [operation(10, 20, &[(Get(0), Number(1)), (Get(1), Nothing)])];
        assert!(!check(&[&write, &half]));
        let whole = [operation(10, 20, &[(Get(0), Number(1)), (Get(1), Number(1))])];
        assert!(check(&[&write, &whole]));
    }

    #[test]
    fn two_exchanges_of_one_value_are_found() {
        let exchange = |new: i64| [operation(0, 10, &[(Expect(0, Nothing), Done), (Set(0, new), Done)])];
        assert!(check(&[&exchange(1)]));
        assert!(!check(&[&exchange(1), &exchange(2)]));
    }

    #[test]
    fn an_element_that_two_have_taken_is_found() {
        let push = [operation(0, 10, &[(Push(0, 7), Number(1))])];
        let pop = [operation(5, 15, &[(Pop(0), Number(7))])];
        assert!(check(&[&push, &pop]));
        assert!(!check(&[&push, &pop, &pop]));
    }

    #[test]
    fn the_order_of_one_clients_requests_counts_even_if_they_were_sent_at_once() {
        let both = [operation(0, 10, &[(Set(0, 1), Done)]), operation(0, 10, &[(Get(0), Nothing)])];
        assert!(!check(&[&both]));
    }
}
