//! The façade over everything below: sessions, settings, access, DDL, system tables, and queries
//! from text to bytes.
//!
//! This room must not know sockets: a request comes in as a [`Request`] with a source of bytes,
//! and the answer goes out through an [`Output`].

mod alter;
mod answers;
mod async_insert;
mod caches;
mod change;
mod checks;
mod clob;
mod create;
mod defaults;
mod defined_function;
mod deprecated;
mod destination;
mod dictionary;
mod ending;
mod engine;
mod indexes;
mod insert;
mod limits;
mod materialized;
mod metrics;
mod mutate;
mod nested;
mod outgoing;
mod process;
mod query;
pub mod reference;
mod relation;
mod request;
mod result_limits;
mod select;
mod session;
mod settings;
mod show;
mod system;
mod table_engine;
mod view;
mod warm;
mod wording;

pub use clob::{OpenText, TextAddress};
pub use engine::{Engine, EngineOptions, Gathered, Recovery, VERSION};
pub use format::ByteSource;
pub use metrics::{METRICS, MetricDeclaration, MetricKind};
pub use request::{
    Credentials, ExternalTable, Head, Kept, Output, Progress, Request, Summary, pulled,
};
pub use settings::{SETTINGS, SettingDeclaration, SettingKind, Settings};
pub use storage::Problem;
pub use wording::KeptReply;
