//! What a type of JSON objects says of their paths.
//!
//! In memory an object is a map of its paths (`a.b.c`), sorted, to values with their types (see `tagged`). A
//! path that the type names is always there and has the type's type.

use std::fmt;

use base::{Result, bail};

use crate::{DataType, Value, tagged};

/// Paths that are kept apart where a type does not say how many.
const DYNAMIC_PATHS: usize = 1024;

/// Types of one path that are kept apart where a type does not say how many.
const DYNAMIC_TYPES: usize = 32;

/// The arguments of a type of JSON objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonPaths {
    /// Paths without a type of their own that are kept apart.
    pub dynamic_paths: usize,
    /// Types of such a path that are kept apart.
    pub dynamic_types: usize,
    /// Paths with their types, sorted.
    pub typed: Vec<(String, DataType)>,
    /// Paths that are left out, with all below them; sorted.
    pub skipped: Vec<String>,
    /// Paths that match one of these are left out.
    pub skipped_patterns: Vec<String>,
}

impl Default for JsonPaths {
    fn default() -> JsonPaths {
        JsonPaths {
            dynamic_paths: DYNAMIC_PATHS,
            dynamic_types: DYNAMIC_TYPES,
            typed: Vec::new(),
            skipped: Vec::new(),
            skipped_patterns: Vec::new(),
        }
    }
}

impl JsonPaths {
    /// That of objects within arrays: a quarter of the paths, half of the types.
    #[must_use]
    pub fn nested(&self) -> JsonPaths {
        JsonPaths {
            dynamic_paths: self.dynamic_paths / 4,
            dynamic_types: self.dynamic_types / 2,
            ..JsonPaths::default()
        }
    }

    /// The object that has only the paths with a type.
    pub(crate) fn default_value(&self) -> Value {
        let entry = |(path, data_type): &(String, DataType)| {
            let value = tagged::tag(data_type, &data_type.default_value());
            Value::Tuple([Value::from(path.as_str()), Value::Bytes(value.into())].into())
        };
        Value::Array(self.typed.iter().map(entry).collect())
    }

    /// The type of a path that has one.
    pub fn type_of(&self, path: &str) -> Option<&DataType> {
        let at = self.typed.binary_search_by(|(known, _)| known.as_str().cmp(path)).ok()?;
        Some(&self.typed[at].1)
    }

    /// Sorts and checks what was read.
    ///
    /// # Errors
    /// BAD_ARGUMENTS
    pub(crate) fn finish(mut self) -> Result<JsonPaths> {
        self.typed.sort_by(|a, b| a.0.cmp(&b.0));
        self.skipped.sort();
        self.skipped.dedup();
        if let Some(twice) = self.typed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            bail!(BadArguments, "Found duplicated path in JSON type: {}", twice[0].0);
        }
        if self.typed.len() > 1000 || self.dynamic_paths > 10_000 || self.dynamic_types > 254 {
            bail!(
                BadArguments,
                "JSON takes up to 1000 paths with types, max_dynamic_paths to 10000 and max_dynamic_types to 254"
            );
        }
        Ok(self)
    }
}

impl fmt::Display for JsonPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.dynamic_types != DYNAMIC_TYPES {
            parts.push(format!("max_dynamic_types={}", self.dynamic_types));
        }
        if self.dynamic_paths != DYNAMIC_PATHS {
            parts.push(format!("max_dynamic_paths={}", self.dynamic_paths));
        }
        let quoted = |path: &str| {
            let plain = !path.is_empty()
                && path.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !path.as_bytes()[0].is_ascii_digit();
            match plain {
                true => path.to_owned(),
                false => format!("`{}`", path.replace('\\', "\\\\").replace('`', "\\`")),
            }
        };
        parts.extend(self.typed.iter().map(|(path, t)| format!("{} {t}", quoted(path))));
        parts.extend(self.skipped.iter().map(|path| format!("SKIP {}", quoted(path))));
        parts.extend(self.skipped_patterns.iter().map(|pattern| {
            format!("SKIP REGEXP '{}'", pattern.replace('\\', "\\\\").replace('\'', "\\'"))
        }));
        if parts.is_empty() {
            return f.write_str("JSON");
        }
        write!(f, "JSON({})", parts.join(", "))
    }
}
