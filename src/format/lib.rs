//! Formats: bytes into blocks and blocks into bytes, as ClickHouse reads and writes them.
//!
//! This room must not know HTTP or tables. Its parts:
//!
//! - [`text`]: single values as text, in every escaping; used by all row formats and by casts.
//! - [`formats`]: the declaration of every format, from which `system.formats` comes.
//! - [`writer`] and [`BlockWriter`]: blocks out; one file a family in `output/`.
//! - [`reader`] and [`BlockReader`]: bytes in; one file a family in `input/`.
//! - [`infer_schema`]: what columns an input has.
//! - [`parquet`]: Parquet files with random access.
//! - [`settings`]: the settings that change what a format reads or writes.

mod arrow_layout;
mod binary;
mod clob;
#[cfg(test)]
mod conformance;
mod convert;
mod declaration;
mod guess;
mod infer;
mod input;
mod output;
pub mod settings;
pub mod text;
mod type_code;

pub use clob::clob_columns;
pub use declaration::{FormatDeclaration, Header, find, formats};
pub use infer::infer_schema;
pub use input::{
    BlockReader, ByteSource, BytesSource, InputBlock, ReadSource, parquet, reader, rewind,
};
pub use output::{BlockWriter, Statistics, writer};
pub use settings::FormatSettings;
