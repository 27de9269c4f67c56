//! The server through real sockets, over a service that plays the engine's part.

#![allow(clippy::unwrap_used, reason = "the support code of tests, outside of test functions")]

mod answers;
mod bodies;
mod client;
mod fake;
mod heads;
mod limits;
