//! Append-only files: which there are, and the requests in them. Files are the host's; here is what is in them, and
//! [`dispatch`](crate::dispatch) runs it again.

mod manifest;
mod requests;

pub use manifest::{Manifest, ManifestError, Part};
pub use requests::{Request, Requests, Stop};
