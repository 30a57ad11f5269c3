//! The files that the data set is kept in.

pub(crate) mod background;
pub(crate) mod check;
mod load;
mod remains;
mod save;

pub(crate) use load::{Found, find, load};
pub(crate) use remains::remove_remains;
pub(crate) use save::{forget_unfinished, prepare_end, save};
