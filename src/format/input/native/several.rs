//! Values of Variant, Dynamic and JSON of Native, in.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, UInt32Array, new_null_array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use types::{DataType, JsonPaths, Value, array_from_values, tagged, value_at};

use super::prefix::{Members, Numbers, Paths, Prefix};
use super::values::{broken, read_values};
use crate::FormatSettings;
use crate::text::objects::objects_of;
use crate::text::{
    BytesBuilder, ColumnParser, Cursor, Escaping, NO_MEMBER, TypedInput, read_typed, read_varint,
    take_bytes, visible,
};

/// Where there is no type, but NULL.
const NONE: u32 = u32::MAX;

/// Reads values that bring their types along.
pub(super) fn read_several(
    cursor: &mut Cursor<'_>,
    members: &Members,
    rows: usize,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let numbers = read_numbers(cursor, members, rows)?;
    let mut counts = vec![0_usize; members.types.len()];
    for number in numbers.iter().filter(|number| **number != NONE) {
        counts[*number as usize] += 1;
    }
    let mut parts: Vec<ArrayRef> = vec![new_null_array(&ArrowType::BinaryView, 1)];
    for ((data_type, prefix), count) in members.types.iter().zip(&counts) {
        parts.push(match data_type {
            Some(data_type) => {
                let values = read_values(cursor, data_type, prefix, *count, settings)?;
                tagged_values(&values, data_type, settings)?
            }
            None => read_shared(cursor, *count, settings)?,
        });
    }
    let mut next = vec![0_usize; counts.len()];
    let places: Vec<(usize, usize)> = numbers
        .into_iter()
        .map(|number| match number as usize {
            _ if number == NONE => (0, 0),
            number => {
                next[number] += 1;
                (number + 1, next[number] - 1)
            }
        })
        .collect();
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    arrow_select::interleave::interleave(&parts, &places).map_err(broken)
}

/// Of each row the number of its type.
fn read_numbers(cursor: &mut Cursor<'_>, members: &Members, rows: usize) -> Result<Vec<u32>> {
    let types = members.types.len();
    let of = |number: u32, null: usize| match number as usize {
        at if at < types => Ok(number),
        at if at == null => Ok(NONE),
        at => bail!(IncorrectData, "Invalid discriminator value {at} (num_variants = {types})"),
    };
    let of_byte = |number: &u8| of(u32::from(*number), NO_MEMBER.into());
    match members.numbers {
        Numbers::Bytes => take_bytes(cursor, rows)?.iter().map(of_byte).collect(),
        Numbers::Runs => {
            let mut numbers = Vec::new();
            while numbers.len() < rows {
                let count = read_varint(cursor)?;
                let left = rows - numbers.len();
                let count = usize::try_from(count).ok().filter(|count| (1..=left).contains(count));
                let Some(count) = count else {
                    bail!(IncorrectData, "A run of a Variant has no rows, or more than are left");
                };
                if take_bytes(cursor, 1)?[0] == 0 {
                    for number in take_bytes(cursor, count)? {
                        numbers.push(of_byte(number)?);
                    }
                } else {
                    let number = of_byte(&take_bytes(cursor, 1)?[0])?;
                    cursor.take_unpaid(count)?;
                    numbers.resize(numbers.len() + count, number);
                }
            }
            Ok(numbers)
        }
        Numbers::Flattened => {
            let width = match types {
                0..=0xff => 1,
                0x100..=0xffff => 2,
                _ => 4,
            };
            let bytes = take_bytes(cursor, rows.saturating_mul(width))?;
            let number = |chunk: &[u8]| {
                let mut wide = [0; 4];
                wide[..width].copy_from_slice(chunk);
                of(u32::from_le_bytes(wide), types)
            };
            bytes.chunks_exact(width).map(number).collect()
        }
    }
}

/// Values with their type, which each of them carries from here on.
fn tagged_values(
    values: &ArrayRef,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let name = data_type.to_string();
    if name.contains('\0') {
        bail!(IncorrectData, "A name within a type has a zero byte: {}", visible(name.as_bytes()));
    }
    check_size(name.len(), values.len(), settings)?;
    tagged::tag_array(values, data_type)
}

/// Fails where the names of types or paths, which each value carries, would take far more than what arrived.
fn check_size(length: usize, rows: usize, settings: &FormatSettings) -> Result<()> {
    let limit = settings.max_document_bytes;
    if length > 64 && length.saturating_mul(rows) > limit {
        bail!(
            TooLargeStringSize,
            "Names of {length} bytes for {rows} values are more than {limit} bytes"
        );
    }
    Ok(())
}

/// Strings of types and values.
fn read_shared(
    cursor: &mut Cursor<'_>,
    rows: usize,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let strings = read_values(cursor, &DataType::String, Prefix::none(), rows, settings)?;
    typed(tagged::strings(&strings)?, settings)
}

fn typed(strings: &BinaryViewArray, settings: &FormatSettings) -> Result<ArrayRef> {
    let mut input = TypedInput::default();
    let mut out = BytesBuilder::default();
    let mut valid = Vec::with_capacity(strings.len());
    for row in 0..strings.len() {
        let value = read_typed(strings.value(row), &mut input, settings).map_err(whole)?;
        valid.push(value.is_some());
        out.push(value.as_deref().unwrap_or_default());
    }
    Ok(Arc::new(out.finish(Some(NullBuffer::from(valid)))?))
}

/// The end of a value within a string is not that of the input, where readers would wait for more.
fn whole(error: Error) -> Error {
    match error.code() {
        base::ErrorCode::CannotReadAllData => {
            base::error!(IncorrectData, "A value ends before its type says")
        }
        _ => error,
    }
}

/// Objects as strings of JSON.
pub(super) fn read_texts(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    rows: usize,
    nulls: Option<NullBuffer>,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let texts = read_values(cursor, &DataType::String, Prefix::none(), rows, settings)?;
    let texts = tagged::strings(&texts)?;
    let target = match nulls {
        Some(_) => data_type.clone().nullable(),
        None => data_type.clone(),
    };
    let mut parser = ColumnParser::new(&target, settings);
    for row in 0..rows {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            parser.push_null();
        } else {
            parser.push_text(texts.value(row), Escaping::Raw, settings)?;
        }
    }
    parser.finish()
}

/// A path with the values of all rows that have it.
struct PathValues<'p> {
    path: &'p [u8],
    values: ArrayRef,
}

/// Objects path by path.
pub(super) fn read_objects(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    paths: &Paths,
    rows: usize,
    nulls: Option<NullBuffer>,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    let DataType::Json(declared) = data_type else {
        return Err(Error::logical("objects of another type"));
    };
    if declared.typed.is_empty() && paths.dynamic.is_empty() && !paths.shared {
        cursor.take_unpaid(rows)?;
    }
    let mut columns = Vec::new();
    for ((path, data_type), prefix) in declared.typed.iter().zip(&paths.named) {
        let values = read_values(cursor, data_type, prefix, rows, settings)?;
        columns.push(PathValues {
            path: path.as_bytes(),
            values: named_values(&values, data_type, settings)?,
        });
    }
    for (path, members) in &paths.dynamic {
        let values = read_several(cursor, members, rows, settings)?;
        columns.push(PathValues { path, values });
    }
    columns.sort_by_key(|column| column.path);
    check_paths(&columns, rows, settings)?;
    let shared = match paths.shared {
        true => Some(read_further(cursor, rows, settings)?),
        false => None,
    };
    let entries = Entries::new(&columns, shared.as_ref(), declared, rows, nulls.as_ref())?;
    entries.finish(&columns, shared, data_type, nulls)
}

fn check_paths(columns: &[PathValues<'_>], rows: usize, settings: &FormatSettings) -> Result<()> {
    if let Some(twice) = columns.windows(2).find(|pair| pair[0].path == pair[1].path) {
        bail!(IncorrectData, "The path {} comes twice in a column", visible(twice[0].path));
    }
    let valid = |column: &PathValues<'_>| column.values.len() - column.values.null_count();
    let bytes = columns.iter().map(|c| c.path.len().saturating_mul(valid(c)));
    let bytes = bytes.fold(0, usize::saturating_add);
    if bytes > settings.max_document_bytes.max(rows.saturating_mul(64)) {
        bail!(TooLargeStringSize, "Paths of {rows} objects take {bytes} bytes");
    }
    Ok(())
}

/// Values of a path with a type; NULL too is a value of that type.
fn named_values(
    values: &ArrayRef,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<ArrayRef> {
    check_size(data_type.to_string().len(), values.len(), settings)?;
    let mut out = BytesBuilder::default();
    for row in 0..values.len() {
        out.push(&tagged::tag(data_type, &value_at(values, data_type, row)));
    }
    Ok(Arc::new(out.finish(None)?))
}

/// Further paths: where those of each row end, names and values.
struct Further {
    ends: OffsetBuffer<i32>,
    paths: BinaryViewArray,
    values: ArrayRef,
}

fn read_further(
    cursor: &mut Cursor<'_>,
    rows: usize,
    settings: &FormatSettings,
) -> Result<Further> {
    let pairs = DataType::map(DataType::String, DataType::String);
    let list = read_values(cursor, &pairs, Prefix::none(), rows, settings)?;
    let list = list.as_list::<i32>();
    let entries = list.values().as_struct();
    let (paths, values) = (tagged::strings(entries.column(0))?, entries.column(1));
    let values = typed(tagged::strings(values)?, settings)?;
    Ok(Further { ends: list.offsets().clone(), paths: paths.clone(), values })
}

/// Entries of objects: columns and rows, further ones behind all columns.
struct Entries {
    offsets: Vec<i32>,
    places: Vec<(usize, usize)>,
}

impl Entries {
    /// Puts together what belongs to each row, sorted by path.
    fn new(
        columns: &[PathValues<'_>],
        shared: Option<&Further>,
        declared: &JsonPaths,
        rows: usize,
        nulls: Option<&NullBuffer>,
    ) -> Result<Entries> {
        let mut entries = Entries { offsets: vec![0], places: Vec::new() };
        let further = columns.len();
        for row in 0..rows {
            let start = entries.places.len();
            if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
                let with_value = (0..further).filter(|at| columns[*at].values.is_valid(row));
                entries.places.extend(with_value.map(|at| (at, row)));
            }
            if let Some(shared) = shared.filter(|_| nulls.is_none_or(|n| n.is_valid(row))) {
                let own = shared.ends[row] as usize..shared.ends[row + 1] as usize;
                let before = entries.places.len();
                let valid = own.filter(|at| shared.values.is_valid(*at));
                entries.places.extend(valid.map(|at| (further, at)));
                if entries.places.len() > before {
                    entries.merge(start, columns, shared, declared)?;
                }
            }
            match i32::try_from(entries.places.len()) {
                Ok(end) => entries.offsets.push(end),
                Err(_) => bail!(TooLargeArraySize, "Too many paths of objects in one block"),
            }
        }
        Ok(entries)
    }

    /// Sorts the entries of a row that has further paths.
    fn merge(
        &mut self,
        start: usize,
        columns: &[PathValues<'_>],
        shared: &Further,
        declared: &JsonPaths,
    ) -> Result<()> {
        let own = &mut self.places[start..];
        let path = |(column, at): &(usize, usize)| match columns.get(*column) {
            Some(column) => column.path,
            None => shared.paths.value(*at),
        };
        own.sort_by(|a, b| path(a).cmp(path(b)));
        let twice = own.windows(2).find(|pair| path(&pair[0]) == path(&pair[1]));
        if let Some(pair) = twice {
            let path = visible(path(&pair[0]));
            bail!(IncorrectData, "The path {path} comes twice in an object ({declared})");
        }
        Ok(())
    }

    /// The array of objects.
    fn finish(
        self,
        columns: &[PathValues<'_>],
        shared: Option<Further>,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let names: Vec<Value> = columns.iter().map(|column| Value::from(column.path)).collect();
        let names = array_from_values(&DataType::String, &names)?;
        let mut values: Vec<&dyn Array> = columns.iter().map(|c| c.values.as_ref()).collect();
        let mut paths: Vec<&dyn Array> = vec![&names];
        if let Some(shared) = &shared {
            values.push(shared.values.as_ref());
            paths.push(&shared.paths);
        }
        let further = columns.len();
        let path_places = self.places.iter().map(|(column, at)| match *column {
            column if column < further => (0, column),
            _ => (1, *at),
        });
        let path_places: Vec<(usize, usize)> = path_places.collect();
        let parts = if self.places.is_empty() {
            let empty = UInt32Array::from(Vec::<u32>::new());
            let values = new_null_array(&ArrowType::BinaryView, 0);
            vec![arrow_select::take::take(&names, &empty, None).map_err(broken)?, values]
        } else {
            vec![
                arrow_select::interleave::interleave(&paths, &path_places).map_err(broken)?,
                arrow_select::interleave::interleave(&values, &self.places).map_err(broken)?,
            ]
        };
        objects_of(self.offsets, parts, data_type, nulls)
    }
}
