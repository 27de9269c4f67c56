//! ClickHouse's dialect: tokens -> syntax tree -> text again.
//!
//! This room must not know what a name means: no tables, no types beyond their spelling, no functions.

pub mod ast;
