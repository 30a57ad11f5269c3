//! One suite for each family of commands.

use nuthatch_testkit::differential::{Extent, compare};
use nuthatch_testkit::families;
use nuthatch_testkit::generator::Family;

fn compare_with_each(family: &Family, share: usize) {
    let mut extent = Extent::from_environment();
    extent.commands /= share;
    crate::with_each_reference(|pair| compare(pair, family, extent));
}

#[test]
fn strings_answer_as_the_stock_servers() {
    compare_with_each(&families::STRINGS, 1);
}

#[test]
fn large_strings_answer_as_the_stock_servers() {
    // Each command moves a hundred times the bytes.
    compare_with_each(&families::LARGE_STRINGS, 3);
}

#[test]
fn bitmaps_answer_as_the_stock_servers() {
    compare_with_each(&families::BITMAPS, 1);
}

#[test]
fn keys_answer_as_the_stock_servers() {
    compare_with_each(&families::KEYS, 1);
}

#[test]
fn connections_answer_as_the_stock_servers() {
    compare_with_each(&families::CONNECTION, 1);
}

#[test]
fn transactions_answer_as_the_stock_servers() {
    compare_with_each(&families::TRANSACTIONS, 1);
}
