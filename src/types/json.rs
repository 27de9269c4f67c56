//! What a type of JSON objects says of their paths.
//!
//! In memory an object is a map of its paths (`a.b.c`), sorted, to values with their types (see `tagged`). A
//! path that the type names is always there and has the type's type.

use std::fmt;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use base::{Error, Result, bail};

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
    pub fn finish(mut self) -> Result<JsonPaths> {
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

/// The entries of a column of objects: paths, and values with their types.
#[derive(Debug)]
pub struct Objects {
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    first: usize,
    paths: BinaryViewArray,
    values: ArrayRef,
}

impl Objects {
    /// # Errors
    /// LOGICAL_ERROR for an array of another layout.
    pub fn new(array: &dyn Array) -> Result<Objects> {
        let broken = || Error::logical("objects of another layout");
        let list = array.as_list_opt::<i32>().ok_or_else(broken)?;
        let entries = list.values().as_struct_opt().ok_or_else(broken)?;
        let [paths, values] = entries.columns() else { return Err(broken()) };
        let offsets = list.offsets().clone();
        let first = offsets.first().map_or(0, |at| *at as usize);
        let count = offsets.last().map_or(0, |at| *at as usize) - first;
        Ok(Objects {
            offsets,
            nulls: list.nulls().cloned(),
            first,
            paths: tagged::strings(paths)?.slice(first, count),
            values: values.slice(first, count),
        })
    }

    /// How many objects there are.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The paths of all objects.
    pub fn paths(&self) -> &BinaryViewArray {
        &self.paths
    }

    /// The values of all paths.
    pub fn values(&self) -> &ArrayRef {
        &self.values
    }

    /// Where the entries of a row lie.
    pub fn entries(&self, row: usize) -> Range<usize> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return 0..0;
        }
        let (start, end) = (self.offsets[row] as usize, self.offsets[row + 1] as usize);
        start - self.first..end - self.first
    }

    /// The first entry of a row whose path is not less.
    pub fn lower_bound(&self, row: usize, path: &[u8]) -> usize {
        let entries = self.entries(row);
        let (mut low, mut high) = (entries.start, entries.end);
        while low < high {
            let middle = (low + high) / 2;
            if self.paths.value(middle) < path { low = middle + 1 } else { high = middle }
        }
        low
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
