//! The files that the data set is kept in.

mod load;
mod save;

pub(crate) use load::{Found, find, load};
pub(crate) use save::save;
