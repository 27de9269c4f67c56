//! Numbers, comparison, logic, conversion, conditions, dates and times.

use expr::Registry;

/// Adds this family.
pub(crate) fn register(_registry: &mut Registry) {}
