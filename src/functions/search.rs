//! Searching texts by their tokens: predicates, query strings, highlights.
//!
//! Everything is evaluated on the texts themselves, by the analyzers and queries of the room
//! `text`: its indexes give the same answers. A constant query is read once, where the call is
//! bound; one that differs by row is read again only where it is not that of the row before.

mod analyzers;
pub(crate) mod candidates;
mod evaluate;
mod highlight;
mod options;
mod predicates;
mod scores;
mod terms;
mod tokens;

use expr::Registry;

/// A predicate: its name, syntax, description, example, numbers of arguments, where the analyzer stands among
/// these, where the fields of a tuple do if it takes one, and what makes the query of them.
macro_rules! declare_predicate {
    (
        $name:literal, $syntax:literal, $description:literal, $sql:literal => $result:literal,
        $arguments:expr, $with_analyzer:expr, $asking:expr $(, $field:ident: $value:expr)* $(,)?
    ) => {
        declare_predicate!(
            @ $name, $syntax, $description, $sql => $result, $arguments, $with_analyzer, None, $asking
            $(, $field: $value)*
        )
    };
    (
        $name:literal, $syntax:literal, $description:literal, $sql:literal => $result:literal,
        $arguments:expr, $with_analyzer:expr, $with_fields:expr, $asking:expr $(,)?
    ) => {
        declare_predicate!(
            @ $name, $syntax, $description, $sql => $result, $arguments, $with_analyzer,
            Some($with_fields), $asking
        )
    };
    (
        @ $name:literal, $syntax:literal, $description:literal, $sql:literal => $result:literal,
        $arguments:expr, $with_analyzer:expr, $with_fields:expr, $asking:expr
        $(, $field:ident: $value:expr)*
    ) => {
        crate::text::declare!(
            "Text search", $name, $syntax, $description, $sql => $result, $arguments,
            |_, arguments| super::evaluate::predicate($name, arguments, ($asking)(arguments)?),
            search: Some(expr::SearchDeclaration {
                with_analyzer: Some($with_analyzer),
                with_fields: $with_fields,
                question: Some(|arguments| ($asking)(arguments)?.question(arguments)),
                ..expr::SearchDeclaration::NONE
            })
            $(, $field: $value)*
        )
    };
}
use declare_predicate;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_functions(tokens::FUNCTIONS);
    registry.add_functions(predicates::FUNCTIONS);
    registry.add_functions(terms::FUNCTIONS);
    registry.add_functions(highlight::FUNCTIONS);
    registry.add_functions(scores::FUNCTIONS);
}
