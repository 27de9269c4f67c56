//! One page of a column to bytes and back: encodings, bit packing, block compression.
//!
//! A page holds the values of one column for one granule. This room must not know files,
//! tables or SQL; it knows types, arrays and bytes. The format of a page is drawn in `node.rs`,
//! that of each encoding in the file that writes it. All integers are little endian. The format
//! carries no version: the file that pages lie in does.
//!
//! 1. `encode` collects figures about the values, estimates the size that each encoding would
//!    take, and writes the smallest (ties to the cheaper to decode).
//! 2. `Page::open` checks the header and, when asked, the checksum. Whatever the bytes are, no
//!    call on a page panics, reads past its end, or allocates more than its rows can need.

mod array;
mod bits;
mod block;
mod bytes_node;
mod choice;
#[cfg(test)]
mod conformance;
mod float;
mod gorilla;
mod hits;
mod nested;
mod node;
mod nulls;
mod packed;
mod page;
mod symbols;
mod varint;
mod wide;
mod word;
mod words;

pub use block::{Compression, compress_block, decompress_block};
pub use choice::CodecChoice;
pub use packed::{read_packed, write_packed};
pub use page::{Page, Runs, encode, encode_codes};
pub use varint::{Reader, unzigzag, write_varint, zigzag};
pub use word::Word;

/// Values that are packed and unpacked together, and skipped together by selective decoding.
pub const VECTOR: usize = 1024;
