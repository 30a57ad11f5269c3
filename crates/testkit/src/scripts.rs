//! Scripts in Lua for whoever wants to run many.

use crate::argument::World;
use crate::lua;

/// Scripts that follow from a seed.
#[derive(Debug)]
pub struct Scripts(World);

impl Scripts {
    /// Scripts that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(World::new(seed))
    }

    /// The next one, which mostly compiles.
    pub fn valid(&mut self) -> Vec<u8> {
        lua::script(&mut self.0)
    }

    /// The next one, which mostly does not compile.
    pub fn broken(&mut self) -> Vec<u8> {
        lua::broken_script(&mut self.0)
    }
}
