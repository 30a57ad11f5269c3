//! The libraries that scripts find beside those of the language.

mod arguments;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod bits;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod json;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod random;
#[cfg_attr(not(test), expect(dead_code, reason = "the sandbox will use it"))]
pub(crate) mod structure;
#[cfg(test)]
mod tests;
