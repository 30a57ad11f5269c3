//! What the fuzz targets that run scripts share.

#![forbid(unsafe_code)]

pub mod author;
pub mod sandbox;
