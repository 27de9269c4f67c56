//! How many bytes values take before encoding, after ClickHouse's way of counting.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType as ArrowType;

/// The bytes of an array's values: the width of fixed ones, length + 8 of strings, one byte of
/// every null flag, items and 8 bytes of lists.
pub(crate) fn values_bytes(array: &dyn Array) -> u64 {
    let rows = array.len() as u64;
    let nulls = if array.nulls().is_some() { rows } else { 0 };
    nulls
        + match array.data_type() {
            ArrowType::BinaryView => {
                let views = array.as_binary_view().views();
                // A view's low 32 bits are the length.
                views.iter().map(|view| u64::from(*view as u32)).sum::<u64>() + 8 * rows
            }
            ArrowType::FixedSizeBinary(width) => rows * u64::from(width.unsigned_abs()),
            ArrowType::List(_) => {
                let lists = array.as_list::<i32>();
                let offsets = lists.value_offsets();
                let (first, last) = match (offsets.first(), offsets.last()) {
                    (Some(first), Some(last)) => (*first as usize, *last as usize),
                    _ => (0, 0),
                };
                8 * rows + values_bytes(&lists.values().slice(first, last - first))
            }
            ArrowType::Struct(_) => {
                array.as_struct().columns().iter().map(|c| values_bytes(c)).sum()
            }
            other => rows * other.primitive_width().unwrap_or(1) as u64,
        }
}
