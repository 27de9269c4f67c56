//! Formats: bytes into blocks and blocks into bytes, as ClickHouse reads and writes them.
//!
//! This room must not know HTTP or tables. Its parts:
//!
//! - [`text`]: single values as text, in every escaping; used by all row formats and by casts.
//! - [`settings`]: the settings that change what a format reads or writes.

pub mod settings;
pub mod text;

pub use settings::FormatSettings;
