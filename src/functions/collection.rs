//! Arrays, tuples, maps and functions of lambdas.

use expr::Registry;

/// Adds this family.
pub(crate) fn register(_registry: &mut Registry) {}
