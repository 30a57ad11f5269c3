//! The files that the data set is kept in.

mod append_only;
pub(crate) mod background;
pub(crate) mod check;
mod load;
mod save;

pub(crate) use append_only::{AppendOnly, Gate, Tap, Unusable, check as check_append_only, completed};
pub(crate) use load::{Found, find, load};
pub(crate) use save::{save, save_finally};
