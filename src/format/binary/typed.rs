//! Values with their types as bytes.
//!
//! ```text
//! Variant(...)   a byte: the number of the value's type, 255 for NULL; then the value
//! Dynamic        the type (see `type_code`), 00 for NULL; then the value
//! JSON           varint count of paths, then of each its name and its value: of a path that the type names
//!                as its type lays it out, else as Dynamic. Those come first, sorted, then the others, sorted.
//!                With `output_format_binary_write_json_as_string` a string of JSON.
//! ```

use arrow_array::Array;
use base::Result;
use types::{DataType, JsonPaths, Objects, tagged};

use super::{ColumnBytes, write_string, write_varint};
use crate::FormatSettings;
use crate::text::{NO_MEMBER, array_to_text};
use crate::type_code::write_type;

/// What tells the type of a value.
pub(crate) enum Mark<'m> {
    /// Its number among these.
    Number(&'m [DataType]),
    /// The type itself.
    Code,
}

impl Mark<'_> {
    /// Appends what tells a type, or NULL.
    fn write(&self, data_type: Option<&DataType>, out: &mut Vec<u8>) -> Result<()> {
        match (self, data_type) {
            (Mark::Number(members), found) => {
                let at = members.iter().position(|member| Some(member) == found);
                out.push(at.map_or(NO_MEMBER, |at| at as u8));
                Ok(())
            }
            (Mark::Code, Some(data_type)) => write_type(data_type, out),
            (Mark::Code, None) => write_type(&DataType::Nothing, out),
        }
    }
}

/// The bytes of all values of a column, each after its mark.
pub(crate) struct TypedBytes {
    bytes: Vec<u8>,
    /// Where marks and values start and values end.
    places: Vec<[usize; 3]>,
}

impl TypedBytes {
    /// # Errors
    /// NOT_IMPLEMENTED for types that have no bytes.
    pub(crate) fn new(
        array: &dyn Array,
        mark: &Mark<'_>,
        settings: &FormatSettings,
    ) -> Result<TypedBytes> {
        let mut bytes = Vec::new();
        mark.write(None, &mut bytes)?;
        let end = bytes.len();
        let mut places = vec![[0, end, end]; array.len()];
        let mut own = Vec::new();
        for group in tagged::groups(array)? {
            own.clear();
            mark.write(Some(&group.data_type), &mut own)?;
            let values = ColumnBytes::new(&group.values, &group.data_type, settings)?;
            for (at, row) in group.rows.iter().enumerate() {
                let start = bytes.len();
                bytes.extend_from_slice(&own);
                values.write(at, &mut bytes);
                places[*row as usize] = [start, start + own.len(), bytes.len()];
            }
        }
        Ok(TypedBytes { bytes, places })
    }

    /// Objects as strings of JSON.
    pub(super) fn texts(
        array: &dyn Array,
        data_type: &DataType,
        settings: &FormatSettings,
    ) -> Result<TypedBytes> {
        let array = array.slice(0, array.len());
        let texts = array_to_text(&array, data_type, settings)?;
        let texts = tagged::strings(&texts)?;
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(texts.len());
        for row in 0..texts.len() {
            let start = bytes.len();
            write_string(if texts.is_null(row) { &[] } else { texts.value(row) }, &mut bytes);
            places.push([start, start, bytes.len()]);
        }
        Ok(TypedBytes { bytes, places })
    }

    /// A value after its mark.
    pub(crate) fn value(&self, row: usize) -> &[u8] {
        let [start, _, end] = self.places[row];
        &self.bytes[start..end]
    }

    /// A value alone.
    fn bare(&self, row: usize) -> &[u8] {
        let [_, start, end] = self.places[row];
        &self.bytes[start..end]
    }
}

/// A column of objects.
pub(super) struct ObjectBytes {
    objects: Objects,
    values: TypedBytes,
    /// Of each entry whether it has a value, and whether the type names its path.
    kinds: Vec<(bool, bool)>,
}

impl ObjectBytes {
    pub(super) fn new(
        array: &dyn Array,
        paths: &JsonPaths,
        settings: &FormatSettings,
    ) -> Result<ObjectBytes> {
        let objects = Objects::new(array)?;
        let values = TypedBytes::new(objects.values(), &Mark::Code, settings)?;
        let kind = |at: usize| {
            let path = std::str::from_utf8(objects.paths().value(at)).ok();
            let named = path.is_some_and(|path| paths.type_of(path).is_some());
            (objects.values().is_valid(at), named)
        };
        let kinds = (0..objects.paths().len()).map(kind).collect();
        Ok(ObjectBytes { objects, values, kinds })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) {
        let of = |named: bool| {
            self.objects.entries(row).filter(move |at| self.kinds[*at] == (true, named))
        };
        write_varint((of(true).count() + of(false).count()) as u64, out);
        for at in of(true) {
            write_string(self.objects.paths().value(at), out);
            out.extend_from_slice(self.values.bare(at));
        }
        for at in of(false) {
            write_string(self.objects.paths().value(at), out);
            out.extend_from_slice(self.values.value(at));
        }
    }
}
