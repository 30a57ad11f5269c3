//! The data structures of Nuthatch: the only crate with unsafe code.
