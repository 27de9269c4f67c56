//! Strings, searching, URLs, hashes and encodings.

use expr::Registry;

/// Adds this family.
pub(crate) fn register(_registry: &mut Registry) {}
