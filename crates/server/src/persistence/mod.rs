//! The files that the data set is kept in.

pub(crate) mod background;
pub(crate) mod check;
mod load;
mod save;

pub(crate) use load::{Found, find, load};
pub(crate) use save::{save, save_finally};
