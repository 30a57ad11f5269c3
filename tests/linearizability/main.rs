//! What many clients see of the server at once could also have happened one after the other.
//!
//! Clients run short rounds of a few operations over a few keys at the same time, and note down when each operation
//! began and ended, and what it returned. A search then looks for an order of the operations in which a store without
//! any concurrency returns the same, and in which no operation comes before one that had ended when it began.
//! Transactions count as one operation. If there is no such order, the server has shown something that never was.
//!
//! `NUTHATCH_COMMANDS` and `NUTHATCH_SEED` say how many operations each test runs and from which seed.

mod canary;
mod history;
mod model;
mod proxy;
mod rounds;
mod search;
mod workloads;
