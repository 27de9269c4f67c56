//! Aggregate functions and their combinators.

use expr::Registry;

/// Adds this family.
pub(crate) fn register(_registry: &mut Registry) {}
