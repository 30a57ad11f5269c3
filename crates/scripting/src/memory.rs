//! How functions in Rust work fast where the memory of the interpreter has a limit.

use mlua::Lua;

/// As long as it lives, the interpreter does not compare what it uses with its limit, and need not be ready to fail at each
/// step: only for work that stays below the limit for certain.
pub(crate) struct Unlimited<'l> {
    lua: &'l Lua,
    limit: usize,
}

impl<'l> Unlimited<'l> {
    /// Lifts the limit for work that takes at most so many bytes, if so many are left.
    pub(crate) fn for_at_most(lua: &'l Lua, bytes: usize) -> Option<Self> {
        let limit = lua.set_memory_limit(0).ok()?;
        let lifted = Self { lua, limit };
        (lua.used_memory().saturating_add(bytes) < limit).then_some(lifted)
    }
}

impl Drop for Unlimited<'_> {
    fn drop(&mut self) {
        // It has been lifted, so it can be set.
        let set = self.lua.set_memory_limit(self.limit);
        debug_assert!(set.is_ok(), "the limit is not set again: {set:?}");
    }
}
