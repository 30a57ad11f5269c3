//! What was done, when it began and ended, and what it returned.

use crate::model::{Command, Output};

/// Commands that were executed as one, or should have been.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// When it was sent, in nanoseconds since some moment.
    pub(crate) invoked: u64,
    /// When its reply had arrived.
    pub(crate) returned: u64,
    /// What it did, with what each command returned.
    pub(crate) commands: Vec<(Command, Output)>,
}

/// The operations of each client, in the order in which it sent them.
pub(crate) type History = Vec<Vec<Operation>>;

/// The history for a person, in the order in which operations began.
pub(crate) fn describe(history: &History) -> String {
    let mut operations: Vec<(usize, &Operation)> = history
        .iter()
        .enumerate()
        .flat_map(|(client, operations)| operations.iter().map(move |operation| (client, operation)))
        .collect();
    operations.sort_by_key(|(_, operation)| operation.invoked);
    let first = operations.first().map_or(0, |(_, operation)| operation.invoked);
    let line = |(client, operation): (usize, &Operation)| {
        format!(
            "  {:>9}..{:>9} ns  client {client}: {:?}\n",
            operation.invoked - first,
            operation.returned - first,
            operation.commands
        )
    };
    operations.into_iter().map(line).collect()
}
