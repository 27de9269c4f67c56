//! Searching texts by their tokens: predicates, query strings, highlights.
//!
//! Everything is evaluated on the texts themselves, by the analyzers and queries of the room
//! `text`: its indexes give the same answers. A constant query is read once, where the call is
//! bound; one that differs by row is read again only where it is not that of the row before.

mod analyzers;
mod evaluate;
mod highlight;
mod options;
mod predicates;
mod terms;
mod tokens;

use expr::Registry;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_functions(tokens::FUNCTIONS);
    registry.add_functions(predicates::FUNCTIONS);
    registry.add_functions(terms::FUNCTIONS);
    registry.add_functions(highlight::FUNCTIONS);
}
