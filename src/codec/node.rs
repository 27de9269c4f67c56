//! The frame of a page, and of each page within a page.
//!
//! ```text
//! page   node, crc32c of it (4 bytes)
//! node   tag      u8: kind of encoding (bits 0 to 4), kind of null map (bits 5 and 6)
//!        rows     varint
//!        nulls    null map, as in nulls.rs
//!        body     to the end of the node, as drawn in the file of that kind
//! ```
//!
//! A page of a constant 32-bit column is 8 to 11 bytes long. A node within a body stands at its
//! end or behind a varint of its length.

use base::Result;

use crate::nulls::Nulls;
use crate::varint::{Reader, corrupt, write_varint};

/// Rows that a page may have: selections are u16.
pub(crate) const MAX_PAGE_ROWS: usize = 1 << 16;
/// Items that the arrays of one page may have together.
pub(crate) const MAX_ITEMS: usize = 1 << 28;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// How a body is encoded. Numbers are never given to another kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Kind {
            $($(#[$doc])* $name = $number,)*
        }

        impl Kind {
            fn from_number(number: u8) -> Option<Kind> {
                match number {
                    $($number => Some(Kind::$name),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// All rows are NULL: no body.
    AllNull = 0,
    /// One value: words, bytes.
    Constant = 1,
    /// Values and lengths of runs: words.
    Runs = 2,
    /// Frame of reference, bit-packed: words.
    Packed = 3,
    /// Differences of neighbours, bit-packed: words.
    Delta = 4,
    /// Differences of differences, bit-packed: words.
    DoubleDelta = 5,
    /// Distinct values and codes: words, bytes.
    Dictionary = 6,
    /// Distinct values and runs of codes: words.
    DictionaryRuns = 7,
    /// A most frequent value, and the others with their places: words.
    Sparse = 8,
    /// As in memory: words, bytes.
    Plain = 9,
    /// As in memory, compressed: words, bytes.
    Block = 10,
    /// 128 bits: a base and a node of 64-bit offsets.
    Wide = 11,
    /// 128 bits: a node of the low and one of the high halves.
    Halves = 12,
    /// Lengths and items.
    List = 13,
    /// One node per field.
    Struct = 14,
    /// Floats that are decimals, as integers.
    Alp = 15,
    /// Exclusive or of neighbouring floats.
    Gorilla = 16,
    /// Bytes by a static symbol table.
    Symbols = 17,
    /// Floats byte by byte of their bits, compressed.
    Shuffled = 18,
}

/// A parsed node; its parts are bounds-checked, its body is not looked at yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) kind: Kind,
    pub(crate) rows: usize,
    pub(crate) nulls: Nulls<'a>,
    pub(crate) body: &'a [u8],
}

impl<'a> Node<'a> {
    /// Parses a node that takes all of `bytes` and has at most `max_rows` rows.
    pub(crate) fn read(bytes: &'a [u8], max_rows: usize) -> Result<Node<'a>> {
        let mut reader = Reader::new(bytes);
        let tag = reader.u8()?;
        let kind = Kind::from_number(tag & 0x1f);
        let kind = kind.ok_or_else(|| corrupt("an encoding is unknown"))?;
        let rows = reader.length(max_rows)?;
        let nulls = Nulls::read(tag >> 5, &mut reader, rows)?;
        Ok(Node { kind, rows, nulls, body: reader.rest() })
    }

    /// Parses a node that must have exactly `rows` rows.
    pub(crate) fn read_exact(bytes: &'a [u8], rows: usize) -> Result<Node<'a>> {
        let node = Node::read(bytes, rows)?;
        if node.rows != rows {
            return Err(corrupt("the parts of a page differ in rows"));
        }
        Ok(node)
    }

    /// A reader of the body.
    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader::new(self.body)
    }

    /// The error for a kind that this node's type does not have.
    pub(crate) fn unexpected(&self) -> base::Error {
        corrupt(&format!("encoding {:?} does not belong to the type", self.kind))
    }
}

/// Writes a node: the head, then what `body` appends, which says of which kind it is.
pub(crate) fn write_node(
    rows: usize,
    nulls: Option<&arrow_buffer::NullBuffer>,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<Kind>,
) -> Result<()> {
    let start = out.len();
    out.push(0);
    write_varint(rows as u64, out);
    if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
        if nulls.null_count() == rows {
            out[start] = Kind::AllNull as u8;
            return Ok(());
        }
        out[start] = crate::nulls::write(nulls, out) << 5;
    }
    let kind = body(out)?;
    out[start] |= kind as u8;
    Ok(())
}
