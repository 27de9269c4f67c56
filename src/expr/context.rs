//! What functions may know about the query that they run in.

use serde::{Deserialize, Serialize};
use types::TimeZone;

/// Resolved once a query and carried with it, so that every worker computes the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionContext {
    /// The session's time zone, by name.
    pub time_zone: String,
    /// When the query started, nanoseconds since 1970-01-01 UTC.
    pub now_nanoseconds: i64,
    /// Who asks.
    pub user: String,
    /// The current database.
    pub database: String,
    /// The query's id.
    pub query_id: String,
    /// The server's name.
    pub host: String,
    /// The server's version as clients see it.
    pub version: String,
    /// Settings by name, as text, that functions look at (`cast_keep_nullable`, ...).
    pub settings: std::collections::BTreeMap<String, String>,
    /// Dictionaries and tables for joins; only where the query is planned.
    #[serde(skip)]
    pub lookups: crate::Lookups,
}

impl FunctionContext {
    /// The session's time zone.
    pub fn zone(&self) -> TimeZone {
        TimeZone::parse(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// A setting that is a flag.
    pub fn flag(&self, name: &str) -> bool {
        self.settings.get(name).is_some_and(|v| v == "1" || v == "true")
    }
}

impl Default for FunctionContext {
    fn default() -> FunctionContext {
        FunctionContext {
            time_zone: "UTC".to_owned(),
            now_nanoseconds: 0,
            user: "default".to_owned(),
            database: "default".to_owned(),
            query_id: String::new(),
            host: "localhost".to_owned(),
            version: "25.8.1.1".to_owned(),
            settings: std::collections::BTreeMap::new(),
            lookups: crate::Lookups::default(),
        }
    }
}
