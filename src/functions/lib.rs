//! The functions of queries, one family a file: each declared once with its documentation.
//!
//! This room must not know who calls them.

mod aggregate;
mod collection;
mod composed;
mod geo;
mod lookup;
mod scalar;
mod search;
mod text;
mod window;

use expr::Registry;

/// All functions, aggregate functions and combinators.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    scalar::register(&mut registry);
    text::register(&mut registry);
    search::register(&mut registry);
    collection::register(&mut registry);
    geo::register(&mut registry);
    aggregate::register(&mut registry);
    lookup::register(&mut registry);
    window::register(&mut registry);
    registry
}
