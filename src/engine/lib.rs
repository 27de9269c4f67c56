//! The façade over everything below: sessions, settings, access, DDL, system tables, and queries
//! from text to bytes.
//!
//! This room must not know sockets: a request comes in as a [`Request`] with a source of bytes,
//! and the answer goes out through an [`Output`].

mod request;

pub use request::{Credentials, ExternalTable, Head, Output, Progress, Request, Summary};
