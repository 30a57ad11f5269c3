//! What fuzz targets share.

#![forbid(unsafe_code)]

pub mod author;
pub mod sandbox;
pub mod store;
