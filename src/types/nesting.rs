//! Reading nested plain values back: what comes from elsewhere may be nested deeper than the stack allows.

use std::cell::Cell;

use serde::de::{Deserialize, Deserializer, Error};

/// Levels that are read. Written expressions have at most a third of it: parsers and the analyzer have limits of
/// their own.
pub const NESTING_LIMIT: usize = 1_500;

thread_local! {
    static LEVELS: Cell<usize> = const { Cell::new(0) };
}

/// Reads the inner values of a recursive type; to be named in `#[serde(deserialize_with = "...")]`.
///
/// # Errors
/// Beyond [`NESTING_LIMIT`] levels, of all recursive types together.
pub fn nested<'de, D: Deserializer<'de>, T: Deserialize<'de>>(source: D) -> Result<T, D::Error> {
    let level = LEVELS.get();
    if level >= NESTING_LIMIT {
        return Err(D::Error::custom(format!(
            "a value is nested deeper than {NESTING_LIMIT} levels"
        )));
    }
    LEVELS.set(level + 1);
    let value = T::deserialize(source);
    LEVELS.set(level);
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::NESTING_LIMIT;
    use crate::Value;

    /// An array within an array, so many times.
    fn read(levels: usize) -> Result<Value, bincode::error::DecodeError> {
        let mut bytes = [4, 1].repeat(levels - 1);
        bytes.extend([4, 0]);
        bincode::serde::decode_from_slice(&bytes, bincode::config::standard()).map(|(v, _)| v)
    }

    #[test]
    fn values_are_nested_up_to_a_limit() {
        let mut expected = Value::Array(Arc::new([]));
        for _ in 1..50 {
            expected = Value::Array(Arc::new([expected]));
        }
        assert_eq!(read(50).unwrap(), expected);
        assert!(read(NESTING_LIMIT).is_ok());
        for _ in 0..2 {
            let error = read(NESTING_LIMIT + 1).unwrap_err().to_string();
            assert!(error.contains("nested deeper"), "{error}");
        }
    }
}
