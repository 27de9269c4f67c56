//! JSON objects as maps of their paths, in and out.
//!
//! 1. Keys are joined with points; objects within objects are looked into, NULL is left out.
//! 2. A path that the type names is read as its type says. Other values take the type that fits what is written:
//!    Int64, UInt64, Float64, Bool, Date, DateTime, DateTime64(9), String, and arrays of these.
//! 3. Objects within arrays are of a JSON type of their own; items of different types are Dynamic.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail, error};
use regex::bytes::Regex;
use types::{DataType, JsonPaths, Value, tagged};

use super::cursor::{Cursor, visible};
use super::from_binary::read_string;
use super::json_value::{read_leaf, too_deep};
use super::parser::{ColumnParser, read_items};
use super::typed_binary::TypedInput;
use super::values::close_list;
use super::{Escaping, escape, json};
use crate::FormatSettings;

/// Paths that one object may have.
pub(super) const MOST_PATHS: usize = 100_000;

/// Bytes that a path may have.
pub(super) const LONGEST_PATH: usize = 1 << 16;

/// The paths of a type, ready to read objects.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Arc<JsonPaths>,
    patterns: Vec<Regex>,
}

/// A path with a value and its type.
pub(super) type Entry = (Vec<u8>, Value);

impl Reader {
    /// # Errors
    /// CANNOT_COMPILE_REGEXP
    pub(super) fn new(paths: &Arc<JsonPaths>) -> Result<Reader> {
        let compile = |pattern: &String| {
            Regex::new(pattern).map_err(|e| error!(RegexpError, "SKIP REGEXP: {e}"))
        };
        let patterns = paths.skipped_patterns.iter().map(compile).collect::<Result<_>>()?;
        Ok(Reader { paths: paths.clone(), patterns })
    }

    /// Reads an object as an array of pairs of a path and a value.
    pub(super) fn read(&self, cursor: &mut Cursor<'_>, settings: &FormatSettings) -> Result<Value> {
        let start = cursor.position();
        let mut entries = Vec::new();
        let read = self.read_at(cursor, settings, 0, &mut entries);
        if let Err(error) = read {
            let text = visible(cursor.since(start));
            let message = error.message();
            bail!(IncorrectData, "Cannot parse JSON object here: {text}: {message}");
        }
        self.finish(entries)
    }

    pub(super) fn read_at(
        &self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
        depth: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        cursor.skip_spaces();
        if cursor.peek() != Some(b'{') {
            bail!(IncorrectData, "Cannot read JSON object from JSON element");
        }
        self.read_object(cursor, settings, &mut Vec::new(), depth, entries)
    }

    /// An object is sorted by its paths, and has those that the type names.
    pub(super) fn finish(&self, mut entries: Vec<Entry>) -> Result<Value> {
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            bail!(
                IncorrectData,
                "Cannot insert data into JSON column: Duplicate path found during parsing JSON object: {}",
                visible(&twice[0].0)
            );
        }
        for (path, data_type) in &self.paths.typed {
            if let Err(at) =
                entries.binary_search_by(|(known, _)| known.as_slice().cmp(path.as_bytes()))
            {
                let value = tagged::tag(data_type, &data_type.default_value());
                entries.insert(at, (path.as_bytes().to_vec(), Value::Bytes(value.into())));
            }
        }
        let pair = |(path, value): Entry| Value::Tuple([Value::Bytes(path.into()), value].into());
        Ok(Value::Array(entries.into_iter().map(pair).collect()))
    }

    fn is_skipped(&self, path: &[u8]) -> bool {
        let below = |skipped: &String| {
            let rest = path.strip_prefix(skipped.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
        };
        self.paths.skipped.iter().any(below) || self.patterns.iter().any(|p| p.is_match(path))
    }

    fn read_object(
        &self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
        path: &mut Vec<u8>,
        depth: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        too_deep(depth)?;
        cursor.expect(b'{')?;
        let before = path.len();
        let mut buffer = Vec::new();
        read_items(cursor, b'}', |cursor, _| {
            let mut place = cursor.clone();
            let key = json::read_string(&mut place, &mut buffer)?;
            if before > 0 {
                path.push(b'.');
            }
            path.extend_from_slice(key);
            cursor.seek(place.position());
            cursor.skip_spaces();
            cursor.expect(b':')?;
            cursor.skip_spaces();
            if path.len() > LONGEST_PATH || entries.len() >= MOST_PATHS {
                bail!(
                    IncorrectData,
                    "A JSON object has more than {MOST_PATHS} paths, or one of more than {LONGEST_PATH} bytes"
                );
            }
            let read = self.read_value(cursor, settings, path, depth, entries);
            path.truncate(before);
            read
        })?;
        Ok(())
    }

    fn read_value(
        &self,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
        path: &mut Vec<u8>,
        depth: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        let name = std::str::from_utf8(path).ok();
        if let Some(data_type) = name.and_then(|name| self.paths.type_of(name)) {
            let value = typed(cursor, data_type, settings).map_err(|e| {
                error!(IncorrectData, "{} (while reading path {})", e.message(), visible(path))
            })?;
            entries.push((path.clone(), Value::Bytes(tagged::tag(data_type, &value).into())));
            return Ok(());
        }
        if self.is_skipped(path) {
            return json::skip_value(cursor);
        }
        if cursor.peek() == Some(b'{') {
            return self.read_object(cursor, settings, path, depth + 1, entries);
        }
        let leaf = read_leaf(cursor, settings, &self.paths, depth + 1)?;
        if let Some(value) = leaf.tagged(true)? {
            entries.push((path.clone(), value));
        }
        Ok(())
    }
}

/// A value of a known type.
fn typed(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    settings: &FormatSettings,
) -> Result<Value> {
    let mut parser = ColumnParser::new(data_type, settings);
    parser.read(cursor, Escaping::Json, settings)?;
    Ok(types::value_at(&parser.finish()?, data_type, 0))
}

/// Writes an object of sorted paths as JSON.
pub(super) fn write<'a>(
    entries: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    settings: &FormatSettings,
    out: &mut Vec<u8>,
) {
    let slashes = settings.output_format_json_escape_forward_slashes;
    let mut open: Vec<&[u8]> = Vec::new();
    let mut first = true;
    out.push(b'{');
    for (path, value) in entries {
        let mut keys: Vec<&[u8]> = path.split(|b| *b == b'.').collect();
        let last = keys.pop().unwrap_or_default();
        let shared = open.iter().zip(&keys).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            out.push(b'}');
        }
        open.truncate(shared);
        if !first {
            out.push(b',');
        }
        for key in &keys[shared..] {
            escape::write_json(key, slashes, out);
            out.extend_from_slice(b":{");
            open.push(key);
        }
        escape::write_json(last, slashes, out);
        out.push(b':');
        super::tagged_text::write(value, Escaping::Json, settings, out);
        first = false;
    }
    out.resize(out.len() + open.len() + 1, b'}');
}

/// What a column of objects in the making needs to read them.
#[derive(Debug)]
pub(super) struct ObjectInput {
    paths: Arc<JsonPaths>,
    settings: FormatSettings,
    reader: Option<Reader>,
    binary: TypedInput,
}

/// Paths and values of objects in the making.
type Columns = (ColumnParser, ColumnParser);

impl ObjectInput {
    pub(super) fn new(paths: &Arc<JsonPaths>, settings: &FormatSettings) -> Box<ObjectInput> {
        let settings = settings.clone();
        let binary = TypedInput::default();
        Box::new(ObjectInput { paths: paths.clone(), settings, reader: None, binary })
    }

    pub(super) fn push_default(&self, offsets: &mut Vec<i32>, columns: &mut Columns) {
        let default = DataType::Json(self.paths.clone()).default_value();
        if push_entries(&default, columns).is_err() || close_list(offsets, columns.0.len()).is_err()
        {
            // The default is of the right shape; offsets end where a block has too many items, which its
            // bound on bytes forbids.
            offsets.push(offsets.last().copied().unwrap_or(0));
        }
    }

    /// Appends the object of a text.
    pub(super) fn push(
        &mut self,
        offsets: &mut Vec<i32>,
        columns: &mut Columns,
        text: &[u8],
    ) -> Result<()> {
        let mut cursor = Cursor::new(text);
        let object = ready(&mut self.reader, &self.paths)?.read(&mut cursor, &self.settings)?;
        cursor.skip_spaces();
        if !cursor.is_at_end() {
            bail!(IncorrectData, "Cannot parse JSON object here: {}", visible(text));
        }
        self.push_object(offsets, columns, &object)
    }

    /// Appends an object of RowBinary.
    pub(super) fn read_binary(
        &mut self,
        offsets: &mut Vec<i32>,
        columns: &mut Columns,
        cursor: &mut Cursor<'_>,
        settings: &FormatSettings,
    ) -> Result<()> {
        if settings.input_format_binary_read_json_as_string {
            let text = read_string(cursor, settings.max_value_bytes)?;
            return self.push(offsets, columns, text);
        }
        let reader = ready(&mut self.reader, &self.paths)?;
        let is_skipped = |path: &[u8]| reader.is_skipped(path);
        let entries = self.binary.read_entries(&self.paths, is_skipped, cursor, settings)?;
        let object = reader.finish(entries)?;
        self.push_object(offsets, columns, &object)
    }

    /// Appends an object of sorted paths.
    pub(super) fn push_object(
        &mut self,
        offsets: &mut Vec<i32>,
        columns: &mut Columns,
        object: &Value,
    ) -> Result<()> {
        push_entries(object, columns)?;
        close_list(offsets, columns.0.len())
    }
}

/// The reader of objects, made when it is needed.
fn ready<'r>(reader: &'r mut Option<Reader>, paths: &Arc<JsonPaths>) -> Result<&'r Reader> {
    Ok(match reader {
        Some(reader) => reader,
        none => none.insert(Reader::new(paths)?),
    })
}

fn push_entries(object: &Value, columns: &mut Columns) -> Result<()> {
    let broken = || Error::logical("an object that is no map of its paths");
    let Value::Array(entries) = object else { return Err(broken()) };
    for entry in entries.iter() {
        let Value::Tuple(pair) = entry else { return Err(broken()) };
        let [path, value] = &**pair else { return Err(broken()) };
        columns.0.push_value(path)?;
        columns.1.push_value(value)?;
    }
    Ok(())
}

/// The array of objects in the making.
pub(super) fn finish(
    offsets: &mut Vec<i32>,
    columns: &mut Columns,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let offsets = std::mem::replace(offsets, vec![0]);
    let parts = vec![columns.0.finish()?, columns.1.finish()?];
    objects_of(offsets, parts, data_type, nulls)
}

/// Objects as a column: where each ends, and the paths and values of all.
pub(crate) fn objects_of(
    offsets: Vec<i32>,
    parts: Vec<ArrayRef>,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let broken = |e: arrow_schema::ArrowError| Error::logical(format!("parsed objects: {e}"));
    let (Some(item), ArrowType::List(field)) = (data_type.list_item(), data_type.arrow_type())
    else {
        return Err(Error::logical("objects of another layout"));
    };
    let ArrowType::Struct(fields) = item.arrow_type() else {
        return Err(Error::logical("objects of another layout"));
    };
    let entries = StructArray::try_new(fields, parts, None).map_err(broken)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(field, offsets, Arc::new(entries), nulls).map_err(broken)?;
    Ok(Arc::new(list))
}
