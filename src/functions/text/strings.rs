//! How text functions read their arguments and build their results.
//!
//! 1. [`Strings`] reads String and FixedString columns, flat or constant, as byte slices.
//! 2. [`slice`] makes results that are parts of the input: for long ones only a view is written.
//! 3. [`BytesBuilder`] builds views over buffers of bounded size; short values lie in the view itself.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, FixedSizeBinaryArray, ListArray,
    PrimitiveArray,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use base::{Error, Result, bail};
use expr::{Argument, Bound};
use types::{Column, DataType, item_field};

/// Views hold values up to this length in themselves.
const INLINE: usize = 12;
/// A buffer of values is closed at this size, so that offsets fit 32 bits.
const BUFFER_BYTES: usize = 64 << 20;

/// The longest value that a function makes, and the most of all values of a block, in bytes.
pub(crate) const LONGEST: usize = 1 << 30;

/// A column of strings.
#[derive(Clone, Copy)]
pub(crate) enum Strings<'a> {
    /// String.
    Views(&'a BinaryViewArray),
    /// FixedString.
    Fixed(&'a FixedSizeBinaryArray),
    /// The same for all rows.
    Constant(&'a [u8]),
}

impl<'a> Strings<'a> {
    /// Of a column that is Flat or Constant.
    pub(crate) fn new(column: &'a Column) -> Result<Strings<'a>> {
        match column {
            Column::Flat(array) => Strings::of_array(array.as_ref()),
            Column::Constant { value, .. } => {
                Ok(Strings::Constant(Strings::of_array(value.as_ref())?.get(0)))
            }
            Column::Dictionary(_) => Err(Error::logical("a dictionary given to a kernel")),
        }
    }

    /// Of an array.
    pub(crate) fn of_array(array: &'a dyn Array) -> Result<Strings<'a>> {
        if let Some(views) = array.as_binary_view_opt() {
            return Ok(Strings::Views(views));
        }
        match array.as_fixed_size_binary_opt() {
            Some(fixed) => Ok(Strings::Fixed(fixed)),
            None => Err(Error::logical("a text function on a column that is no text")),
        }
    }

    /// One row's bytes.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &'a [u8] {
        match self {
            Strings::Views(array) => array.value(row),
            Strings::Fixed(array) => array.value(row),
            Strings::Constant(bytes) => bytes,
        }
    }

    /// Calls `each` for every row; the form of the column is looked at once.
    #[inline]
    pub(crate) fn each(&self, rows: usize, mut each: impl FnMut(&'a [u8])) {
        match self {
            Strings::Views(array) => (0..rows).for_each(|row| each(array.value(row))),
            Strings::Fixed(array) => (0..rows).for_each(|row| each(array.value(row))),
            Strings::Constant(bytes) => (0..rows).for_each(|_| each(bytes)),
        }
    }
}

/// A column of integers, widened; unsigned ones above the range saturate.
pub(crate) enum Integers {
    /// The same for all rows.
    Constant(i64),
    /// One a row.
    Each(Vec<i64>),
}

impl Integers {
    /// Of a column of an integer type.
    pub(crate) fn new(column: &Column) -> Result<Integers> {
        match column {
            Column::Constant { value, .. } => Ok(Integers::Constant(
                widen(value)?.first().copied().ok_or_else(|| Error::logical("empty constant"))?,
            )),
            other => Ok(Integers::Each(widen(&other.to_flat()?)?)),
        }
    }

    /// One row's number.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        match self {
            Integers::Constant(number) => *number,
            Integers::Each(numbers) => numbers[row],
        }
    }
}

fn widen(array: &ArrayRef) -> Result<Vec<i64>> {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<Vec<i64>>
    where
        T::Native: Into<i128>,
    {
        let numbers = array.as_primitive_opt::<T>()?.values();
        Some(
            numbers
                .iter()
                .map(|n| {
                    let wide: i128 = (*n).into();
                    i64::try_from(wide).unwrap_or(i64::MAX)
                })
                .collect(),
        )
    }
    of::<UInt8Type>(array)
        .or_else(|| of::<Int64Type>(array))
        .or_else(|| of::<UInt64Type>(array))
        .or_else(|| of::<Int32Type>(array))
        .or_else(|| of::<UInt32Type>(array))
        .or_else(|| of::<Int16Type>(array))
        .or_else(|| of::<UInt16Type>(array))
        .or_else(|| of::<Int8Type>(array))
        .ok_or_else(|| Error::logical("a column that is not of integers"))
}

/// Builds a String column.
pub(crate) struct BytesBuilder {
    views: Vec<u128>,
    full: Vec<Buffer>,
    data: Vec<u8>,
    /// Bytes of the values that are not in their views.
    total: usize,
    too_long: bool,
}

impl BytesBuilder {
    /// For about so many rows.
    pub(crate) fn new(rows: usize) -> BytesBuilder {
        BytesBuilder {
            views: Vec::with_capacity(rows),
            full: Vec::new(),
            data: Vec::new(),
            total: 0,
            too_long: false,
        }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn append(&mut self, value: &[u8]) {
        if value.len() <= INLINE {
            self.views.push(make_view(value, 0, 0));
        } else {
            self.append_with(|out| out.extend_from_slice(value));
        }
    }

    /// Adds the value that `write` puts at the end of the bytes it is given (it must not look at or
    /// change those before).
    #[inline]
    pub(crate) fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        // The error comes at the end; until then nothing more is made.
        if self.too_long {
            self.views.push(0);
            return;
        }
        let start = self.data.len();
        write(&mut self.data);
        self.close(start);
    }

    /// As [`BytesBuilder::append_with`], for what can fail.
    pub(crate) fn try_append_with(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let start = self.data.len();
        write(&mut self.data)?;
        self.close(start);
        Ok(())
    }

    #[inline]
    fn close(&mut self, start: usize) {
        let value = &self.data[start..];
        if value.len() <= INLINE {
            self.views.push(make_view(value, 0, 0));
            self.data.truncate(start);
            return;
        }
        self.total += value.len();
        if self.total > LONGEST {
            self.too_long = true;
            self.data.truncate(start);
            self.views.push(0);
            return;
        }
        self.views.push(make_view(value, self.full.len() as u32, start as u32));
        if self.data.len() > BUFFER_BYTES {
            self.full.push(Buffer::from_vec(std::mem::take(&mut self.data)));
        }
    }

    /// Adds bytes to a value that is being written, unless it is too long already: for loops whose
    /// result may be many times what they read.
    #[inline]
    pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
        if out.len() <= BUFFER_BYTES + LONGEST {
            out.extend_from_slice(bytes);
        }
    }

    /// The number of values so far.
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    /// The finished array.
    ///
    /// # Errors
    /// TOO_LARGE_STRING_SIZE
    pub(crate) fn finish(mut self) -> Result<ArrayRef> {
        if self.too_long {
            bail!(
                TooLargeStringSize,
                "A function made more than {LONGEST} bytes of text for one block"
            );
        }
        if !self.data.is_empty() {
            self.full.push(Buffer::from_vec(self.data));
        }
        views_array(self.views, self.full)
    }

    /// The finished column.
    pub(crate) fn column(self) -> Result<Column> {
        Ok(Column::Flat(self.finish()?))
    }
}

fn views_array(views: Vec<u128>, buffers: Vec<Buffer>) -> Result<ArrayRef> {
    let array = BinaryViewArray::try_new(ScalarBuffer::from(views), buffers, None);
    Ok(Arc::new(array.map_err(|e| Error::logical(format!("strings: {e}")))?))
}

/// Builds an Array(String) column.
pub(crate) struct StringListBuilder {
    items: BytesBuilder,
    offsets: Vec<i32>,
}

impl StringListBuilder {
    /// For so many rows.
    pub(crate) fn new(rows: usize) -> StringListBuilder {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        StringListBuilder { items: BytesBuilder::new(rows), offsets }
    }

    /// Adds an item to the current row.
    pub(crate) fn item(&mut self, item: &[u8]) {
        self.items.append(item);
    }

    /// Ends the current row.
    pub(crate) fn end_row(&mut self) {
        self.offsets.push(i32::try_from(self.items.len()).unwrap_or(i32::MAX));
    }

    /// The finished column.
    pub(crate) fn column(self) -> Result<Column> {
        if self.items.len() > i32::MAX as usize {
            bail!(TooLargeArraySize, "A function made more than {} items in a block", i32::MAX);
        }
        list_column(&DataType::String, self.offsets, self.items.finish()?)
    }
}

/// A column of arrays from offsets (one more than rows) and items.
pub(crate) fn list_column(item: &DataType, offsets: Vec<i32>, items: ArrayRef) -> Result<Column> {
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(item_field(item), offsets, items, None);
    Ok(Column::Flat(Arc::new(list.map_err(|e| Error::logical(format!("list: {e}")))?)))
}

/// A flat column of plain numbers.
pub(crate) fn numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> Column {
    Column::Flat(Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None)))
}

/// A function from a string to a number.
pub(crate) fn number<T: ArrowPrimitiveType>(
    return_type: DataType,
    f: impl Fn(&[u8]) -> T::Native + Send + Sync + 'static,
) -> Bound {
    Bound::new(return_type, move |columns, rows| {
        let mut out = Vec::with_capacity(rows);
        Strings::new(&columns[0])?.each(rows, |text| out.push(f(text)));
        Ok(numbers::<T>(out))
    })
}

/// A function from a string to 0 or 1.
pub(crate) fn flag(f: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Bound {
    number::<UInt8Type>(DataType::UInt8, move |text| u8::from(f(text)))
}

/// A function from two strings to a number.
pub(crate) fn number_of_two<T: ArrowPrimitiveType>(
    return_type: DataType,
    f: impl Fn(&[u8], &[u8]) -> T::Native + Send + Sync + 'static,
) -> Bound {
    Bound::new(return_type, move |columns, rows| {
        let (a, b) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        Ok(numbers::<T>((0..rows).map(|row| f(a.get(row), b.get(row))).collect()))
    })
}

/// A function whose result is a part of its first argument.
pub(crate) fn slice(f: impl for<'a> Fn(&'a [u8]) -> &'a [u8] + Send + Sync + 'static) -> Bound {
    Bound::new(DataType::String, move |columns, rows| slices(&columns[0], rows, |_, text| f(text)))
}

/// For every row a part of its string; long parts stay where they are.
pub(crate) fn slices(
    column: &Column,
    rows: usize,
    f: impl for<'a> Fn(usize, &'a [u8]) -> &'a [u8],
) -> Result<Column> {
    let strings = Strings::new(column)?;
    let Strings::Views(array) = strings else {
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append(f(row, strings.get(row)));
        }
        return out.column();
    };
    let mut views = Vec::with_capacity(rows);
    for (row, view) in array.views().iter().enumerate().take(rows) {
        let text = array.value(row);
        let part = f(row, text);
        views.push(if part.len() <= INLINE {
            make_view(part, 0, 0)
        } else {
            // A part this long cannot come from a view that holds its value in itself.
            let within = part.as_ptr() as usize - text.as_ptr() as usize;
            let (buffer, offset) = ((*view >> 64) as u32, (*view >> 96) as u32);
            make_view(part, buffer, offset + within as u32)
        });
    }
    Ok(Column::Flat(views_array(views, array.data_buffers().to_vec())?))
}

/// A function from a string to a new one.
pub(crate) fn write(f: impl Fn(&[u8], &mut Vec<u8>) + Send + Sync + 'static) -> Bound {
    Bound::new(DataType::String, move |columns, rows| {
        let mut out = BytesBuilder::new(rows);
        Strings::new(&columns[0])?.each(rows, |text| out.append_with(|o| f(text, o)));
        out.column()
    })
}

/// As [`write`], for what can fail.
pub(crate) fn try_write(
    f: impl Fn(&[u8], &mut Vec<u8>) -> Result<()> + Send + Sync + 'static,
) -> Bound {
    Bound::new(DataType::String, move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.try_append_with(|o| f(strings.get(row), o))?;
        }
        out.column()
    })
}

/// A function from a string to an array of strings.
pub(crate) fn list(f: impl Fn(&[u8], &mut dyn FnMut(&[u8])) + Send + Sync + 'static) -> Bound {
    Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            f(strings.get(row), &mut |item| out.item(item));
            out.end_row();
        }
        out.column()
    })
}

/// The error of an argument of a wrong type.
pub(crate) fn illegal(function: &str, argument: &Argument) -> Error {
    base::error!(
        IllegalTypeOfArgument,
        "Illegal type {} of argument of function {function}",
        argument.data_type
    )
}

/// Fails unless the argument is a String or FixedString.
pub(crate) fn require_text(function: &str, arguments: &[Argument], at: usize) -> Result<()> {
    match arguments.get(at) {
        Some(argument) if argument.data_type.is_string() => Ok(()),
        Some(argument) => Err(illegal(function, argument)),
        None => {
            bail!(NumberOfArgumentsDoesntMatch, "Function {function} lacks argument {}", at + 1)
        }
    }
}

/// Fails unless the argument, where there is one, is an integer of at most 64 bits.
pub(crate) fn require_integer(function: &str, arguments: &[Argument], at: usize) -> Result<()> {
    match arguments.get(at) {
        Some(a) if a.data_type.is_integer() && a.data_type.bits() <= Some(64) => Ok(()),
        Some(argument) => Err(illegal(function, argument)),
        None => Ok(()),
    }
}

/// The bytes of an argument that must be a constant string.
pub(crate) fn constant_text(function: &str, arguments: &[Argument], at: usize) -> Result<Vec<u8>> {
    require_text(function, arguments, at)?;
    match arguments[at].constant.as_ref().and_then(|v| v.as_bytes()) {
        Some(bytes) => Ok(bytes.to_vec()),
        None => bail!(
            IllegalColumn,
            "Argument {} of function {function} must be a constant string",
            at + 1
        ),
    }
}

/// Whether a byte starts a character of UTF-8 (or stands in its place).
#[inline]
pub(crate) fn starts_character(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// The number of characters of UTF-8; of other bytes, of those that do not continue one.
#[inline]
pub(crate) fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| starts_character(**byte)).count()
}

/// The byte offset of a character by its number; the end where there are not so many.
pub(crate) fn character_offset(text: &[u8], number: usize) -> usize {
    if text.is_ascii() {
        return number.min(text.len());
    }
    let starts = text.iter().enumerate().filter(|(_, byte)| starts_character(**byte));
    starts.map(|(at, _)| at).nth(number).unwrap_or(text.len())
}
