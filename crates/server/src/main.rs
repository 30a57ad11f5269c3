//! The nuthatch binary.

#[allow(dead_code, unused_imports, unused_macros)]
mod config;
#[allow(dead_code, unused_imports, unused_macros)]
mod log;
#[allow(dead_code, unused_imports, unused_macros)]
mod version;

fn main() {}
