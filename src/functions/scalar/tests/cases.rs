//! Expressions with ClickHouse's answers; `ERR n` is the code of an error.

pub(super) const CASES: &[(&str, &str)] = &[];
