//! The files that the data set is kept in.

mod append_only;
pub(crate) mod background;
pub(crate) mod check;
mod load;
mod remains;
mod save;

pub(crate) use append_only::{AppendOnly, Gate, Tap, Unusable, check as check_append_only, completed};
pub(crate) use load::{Found, Unreadable, find, load, open};
pub(crate) use remains::remove_remains;
pub(crate) use save::{forget_unfinished, prepare_end, save};
