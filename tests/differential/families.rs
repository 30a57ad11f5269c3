//! One suite for each family of commands.

use nuthatch_testkit::differential::{Extent, Report};
use nuthatch_testkit::families;
use nuthatch_testkit::generator::Family;

/// Compares a run of `family`'s commands, of the usual extent divided by `divisor`.
#[track_caller]
fn compare(family: &Family, divisor: usize) {
    let mut extent = Extent::from_environment();
    extent.commands /= divisor;
    crate::compare_with_each(|pair| pair.run(family, extent));
}

#[test]
fn strings_answer_as_the_stock_servers() {
    compare(&families::STRINGS, 1);
}

#[test]
fn large_strings_answer_as_the_stock_servers() {
    // Each command moves a hundred times the bytes.
    compare(&families::LARGE_STRINGS, 3);
}

#[test]
fn conditional_strings_answer_as_valkey() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "valkey-9.1" => pair.run(&families::CONDITIONAL_STRINGS, extent),
        // Redis took up other options for the same purpose, after 8.0.
        name => Report { heading: format!("{name} has no conditional strings"), findings: Vec::new() },
    });
}

#[test]
fn bitmaps_answer_as_the_stock_servers() {
    compare(&families::BITMAPS, 1);
}

#[test]
fn keys_answer_as_the_stock_servers() {
    compare(&families::KEYS, 1);
}

#[test]
fn hashes_answer_as_the_stock_servers() {
    compare(&families::HASHES, 1);
}

#[test]
fn deadlines_of_fields_answer_as_redis() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "redis-8.0" => pair.run(&families::FIELD_DEADLINES, extent),
        // Valkey words nearly every error otherwise, and has no encoding of its own for them.
        name => Report { heading: format!("{name} has no such deadlines"), findings: Vec::new() },
    });
}

#[test]
fn conditional_hashes_answer_as_valkey() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "valkey-9.1" => pair.run(&families::CONDITIONAL_HASHES, extent),
        name => Report { heading: format!("{name} has no conditional hashes"), findings: Vec::new() },
    });
}

#[test]
fn lists_answer_as_the_stock_servers() {
    compare(&families::LISTS, 1);
}

#[test]
fn large_lists_answer_as_the_stock_servers() {
    compare(&families::LARGE_LISTS, 3);
}

#[test]
fn sets_answer_as_the_stock_servers() {
    compare(&families::SETS, 1);
}

#[test]
fn sets_at_their_limits_answer_as_the_stock_servers() {
    compare(&families::LIMITED_SETS, 1);
}

#[test]
fn connections_answer_as_the_stock_servers() {
    compare(&families::CONNECTION, 1);
}

#[test]
fn transactions_answer_as_the_stock_servers() {
    compare(&families::TRANSACTIONS, 1);
}

#[test]
fn hyperloglogs_answer_as_the_stock_servers() {
    compare(&families::HYPERLOGLOG, 1);
}

#[test]
fn places_answer_as_the_stock_servers() {
    compare(&families::GEO, 1);
}

#[test]
fn polygons_answer_as_valkey() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "valkey-9.1" => pair.run(&families::POLYGONS, extent),
        name => Report { heading: format!("{name} has no polygons"), findings: Vec::new() },
    });
}

#[test]
fn sorted_sets_answer_as_the_stock_servers() {
    compare(&families::SORTED_SETS, 1);
}

#[test]
fn orders_are_those_of_the_stock_servers() {
    compare(&families::SORT, 1);
}

#[test]
fn questions_about_values_are_answered_as_by_the_stock_servers() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "redis-7.0" => Report {
            heading: "redis-7.0 keeps small sets and lists in other structures".into(),
            findings: Vec::new(),
        },
        _ => pair.run(&families::STRUCTURES, extent),
    });
}

#[test]
fn streams_answer_as_the_stock_servers() {
    compare(&families::STREAMS, 1);
}

#[test]
fn scripted_computations_answer_as_the_stock_servers() {
    compare(&families::SCRIPTED_COMPUTATIONS, 1);
}

#[test]
fn details_of_streams_are_told_as_by_recent_stock_servers() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "redis-7.0" => Report { heading: "redis-7.0 tells less of consumers".into(), findings: Vec::new() },
        _ => pair.run(&families::STREAM_DETAILS, extent),
    });
}

#[test]
fn scripted_documents_answer_as_the_stock_servers() {
    compare(&families::SCRIPTED_DOCUMENTS, 1);
}

#[test]
fn scripts_answer_as_redis() {
    let extent = Extent::from_environment();
    crate::compare_with_each(|pair| match pair.reference.name() {
        "redis-8.0" => pair.run(&families::SCRIPTS, extent),
        // Redis 7.0 ends at some of them, and Valkey words errors otherwise.
        name => Report { heading: format!("{name} is not asked to run scripts"), findings: Vec::new() },
    });
}
