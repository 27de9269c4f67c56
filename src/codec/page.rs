//! Pages: the values of one column for one granule, as storage writes and reads them.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Result, bail, error};
use bytes::Bytes;
use types::DataType;

use crate::array;
use crate::choice::CodecChoice;
use crate::node::{Kind, MAX_PAGE_ROWS, Node};
use crate::varint::corrupt;
use crate::words;

/// Bytes of the checksum at the end of a page.
const CHECKSUM: usize = 4;

/// Appends a page of the array's values: at most 65,536 rows, laid out as the type says.
///
/// # Errors
/// LOGICAL_ERROR for another layout or more rows, TOO_LARGE_STRING_SIZE for more than 2 GiB of
/// bytes, TOO_LARGE_ARRAY_SIZE for more than 2^28 items.
pub fn encode(
    array: &dyn Array,
    data_type: &DataType,
    codec: &CodecChoice,
    out: &mut Vec<u8>,
) -> Result<()> {
    check_rows(array.len())?;
    let start = out.len();
    array::encode(array, data_type, codec, out)?;
    write_checksum(start, out);
    Ok(())
}

/// Appends a page of dictionary codes, at most 65,536 of them.
///
/// # Errors
/// LOGICAL_ERROR for more rows, or nulls of another number.
pub fn encode_codes(codes: &[u32], nulls: Option<&NullBuffer>, out: &mut Vec<u8>) -> Result<()> {
    check_rows(codes.len())?;
    if nulls.is_some_and(|nulls| nulls.len() != codes.len()) {
        bail!(LogicalError, "Codes and their null map differ in rows");
    }
    let start = out.len();
    array::encode_node(codes, nulls, 0, &CodecChoice::default(), out)?;
    write_checksum(start, out);
    Ok(())
}

fn check_rows(rows: usize) -> Result<()> {
    if rows > MAX_PAGE_ROWS {
        bail!(LogicalError, "A page cannot have {rows} rows, at most {MAX_PAGE_ROWS}");
    }
    Ok(())
}

fn write_checksum(start: usize, out: &mut Vec<u8>) {
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Values of runs with the row behind the last of each.
#[derive(Debug, Clone)]
pub struct Runs {
    /// One value per run; neighbours may be equal, none is NULL unless all rows are.
    pub values: ArrayRef,
    /// Ascending; the last is the number of rows.
    pub ends: Vec<u32>,
}

/// A view of an encoded page. Cheap to make and to clone; shares the bytes it was opened on.
#[derive(Debug, Clone)]
pub struct Page {
    /// The node, without the checksum.
    bytes: Bytes,
    data_type: DataType,
    rows: usize,
}

impl Page {
    /// Opens a page of values of a type; `bytes` is exactly what [`encode`] appended.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH when `verify` is set and the bytes have changed, CORRUPTED_DATA
    /// when the head makes no sense.
    pub fn open(bytes: Bytes, data_type: &DataType, verify: bool) -> Result<Page> {
        let length = bytes.len().checked_sub(CHECKSUM).ok_or_else(|| corrupt("it ends early"))?;
        let content = bytes.slice(..length);
        if verify {
            let computed = crc32c::crc32c(&content);
            let stored = bytes[length..].iter().rev().fold(0, |sum, b| sum << 8 | u32::from(*b));
            if computed != stored {
                return Err(error!(
                    ChecksumDoesntMatch,
                    "Checksum of a page of {data_type} ({length} bytes) does not match: stored \
                     {stored:08x}, computed {computed:08x}; check the disk and restore the part"
                ));
            }
        }
        let rows = Node::read(&content, MAX_PAGE_ROWS)?.rows;
        Ok(Page { bytes: content, data_type: data_type.clone(), rows })
    }

    /// Opens a page of dictionary codes; see [`Page::open`].
    pub fn open_codes(bytes: Bytes, verify: bool) -> Result<Page> {
        Page::open(bytes, &DataType::UInt32, verify)
    }

    /// Rows of the page.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the page with its checksum.
    pub fn size(&self) -> usize {
        self.bytes.len() + CHECKSUM
    }

    /// The name of the outermost encoding, for people.
    pub fn encoding(&self) -> Result<&'static str> {
        Ok(match self.node()?.kind {
            Kind::AllNull => "all null",
            Kind::Constant => "constant",
            Kind::Runs => "runs",
            Kind::Packed => "packed",
            Kind::Delta => "delta",
            Kind::DoubleDelta => "double delta",
            Kind::Dictionary => "dictionary",
            Kind::DictionaryRuns => "dictionary runs",
            Kind::Sparse => "sparse",
            Kind::Plain => "plain",
            Kind::Block => "block",
            Kind::Wide => "wide",
            Kind::Halves => "halves",
            Kind::List => "list",
            Kind::Struct => "struct",
            Kind::Alp => "decimals",
            Kind::Gorilla => "gorilla",
            Kind::Symbols => "symbols",
            Kind::Shuffled => "shuffled",
        })
    }

    fn node(&self) -> Result<Node<'_>> {
        Node::read(&self.bytes, MAX_PAGE_ROWS)
    }

    fn check_selection(&self, selection: &[u16]) -> Result<()> {
        let ascending = selection.is_sorted();
        if !ascending || selection.last().is_some_and(|row| usize::from(*row) >= self.rows) {
            bail!(
                LogicalError,
                "A selection is not ascending within the page's {} rows",
                self.rows
            );
        }
        Ok(())
    }

    /// All rows, laid out as the type says.
    ///
    /// # Errors
    /// CORRUPTED_DATA for bytes that no writer wrote; so for all methods below.
    pub fn decode(&self) -> Result<ArrayRef> {
        array::decode(&self.node()?, &self.data_type, &self.bytes)
    }

    /// Only these rows, which must ascend; vectors of 1,024 rows without any are not touched
    /// where the encoding allows it.
    pub fn decode_selected(&self, selection: &[u16]) -> Result<ArrayRef> {
        self.check_selection(selection)?;
        array::decode_selected(&self.node()?, &self.data_type, &self.bytes, selection)
    }

    /// All codes of a page of codes; those of NULLs are of no meaning, but are codes.
    pub fn codes(&self) -> Result<(ScalarBuffer<u32>, Option<NullBuffer>)> {
        let node = self.codes_node()?;
        let nulls = match node.kind {
            Kind::AllNull => Some(NullBuffer::new_null(node.rows)),
            _ => node.nulls.buffer(node.rows)?,
        };
        Ok((words::decode::<u32>(&node)?.into(), nulls))
    }

    /// Only these rows of a page of codes; see [`Page::decode_selected`].
    pub fn codes_selected(
        &self,
        selection: &[u16],
    ) -> Result<(ScalarBuffer<u32>, Option<NullBuffer>)> {
        self.check_selection(selection)?;
        let node = self.codes_node()?;
        let nulls = match node.kind {
            Kind::AllNull => Some(NullBuffer::new_null(selection.len())),
            _ => node.nulls.selected(node.rows, selection)?,
        };
        Ok((words::decode_selected::<u32>(&node, selection)?.into(), nulls))
    }

    fn codes_node(&self) -> Result<Node<'_>> {
        if self.data_type != DataType::UInt32 {
            bail!(LogicalError, "A page of {} holds no codes", self.data_type);
        }
        self.node()
    }

    /// One row if all rows are that value, or if all are NULL; None for anything else, also
    /// for a page without rows.
    pub fn constant(&self) -> Result<Option<ArrayRef>> {
        array::constant(&self.node()?, &self.data_type, &self.bytes)
    }

    /// Runs, where the page is encoded as such (or as a constant) and not some rows are NULL.
    pub fn runs(&self) -> Result<Option<Runs>> {
        let runs = array::runs(&self.node()?, &self.data_type, &self.bytes)?;
        Ok(runs.map(|(values, ends)| Runs { values, ends }))
    }

    /// Appends the rows whose value is not NULL and lies within `low..=high`, found on encoded
    /// values. False, with nothing appended, for types without integers and for 128-bit values
    /// over a range of more than 64 bits.
    pub fn select_range(&self, low: i64, high: i64, selection: &mut Vec<u16>) -> Result<bool> {
        let node = self.node()?;
        let bounds = (i128::from(low), i128::from(high));
        array::select_range(&node, &self.data_type, bounds.0, bounds.1, selection)
    }

    /// Leaves those of some rows, which must ascend, whose value is not NULL and lies within `low..=high`, found
    /// on encoded values. False, with all left, for types without integers and for 128-bit values.
    pub fn refine_range(&self, low: i64, high: i64, selection: &mut Vec<u16>) -> Result<bool> {
        self.check_selection(selection)?;
        let node = self.node()?;
        let bounds = (i128::from(low), i128::from(high));
        array::refine_range(&node, &self.data_type, bounds.0, bounds.1, selection)
    }
}
