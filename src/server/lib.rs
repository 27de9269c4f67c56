//! HTTP: ClickHouse's protocol over a [`QueryService`], with authentication, limits, metrics and
//! a query console.
//!
//! A request goes through these files in turn:
//!
//! 1. `run` accepts the connection, `connection` counts its bytes; `pages` picks by the path.
//! 2. `call` (with `credentials`) reads the head: what is for HTTP, what is for the engine.
//! 3. `body` reads the body, through `encoding`, `frames` (with `cityhash`) and `multipart`; `form` reads forms.
//! 4. `query` runs it on a thread that may block; the engine writes into `answer`.
//! 5. `response` makes status and headers, `failure` errors, `reply` the body.
//!
//! This room must not know operators, tables or SQL beyond a statement's first word. Memory is
//! bounded everywhere by what a client has really sent, the limits of [`Config`], and bounded
//! channels in both directions.
//!
//! Known limits: a URL is at most 64 KiB (longer texts go into the body); progress headers are
//! sent with the head of the response, not before it.

mod answer;
mod body;
mod call;
mod cityhash;
mod clob;
mod config;
mod connection;
mod credentials;
mod encoding;
mod failure;
mod form;
mod frames;
mod kept;
mod metrics;
mod multipart;
mod pages;
mod query;
mod reply;
mod response;
mod run;
mod service;
mod validator;

pub use config::Config;
pub use run::{Running, serve};
pub use service::{Input, Metric, MetricKind, QueryService};
