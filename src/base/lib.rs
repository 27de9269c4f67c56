//! What every room stands on: errors with ClickHouse's codes, the disk trait, memory budgets
//! and cancellation.
//!
//! This room must not know any table, column or query.

mod budget;
mod cache;
mod cancel;
pub mod disk;
mod error;
mod example;
mod unwind;

pub use budget::{MemoryBudget, Reservation};
pub use cache::{ByteCache, CacheReport, cache_key};
pub use cancel::CancelToken;
pub use error::{Error, ErrorClass, ErrorCode, Result};
pub use example::Example;
pub use unwind::catch_panic;
