//! Sets.

pub(super) mod algebra;
pub(super) mod members;
pub(super) mod random;
pub(super) mod scan;

use crate::call::Call;
use crate::command::{KeyFlags, KeySpec};
use crate::value::set::SetLimits;

const READ: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))];

/// The limits of the encodings, as they are now.
fn limits(call: &Call<'_, '_>) -> SetLimits {
    SetLimits::now(&call.engine.settings.encodings)
}
