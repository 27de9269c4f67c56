//! Strings, searching, URLs, hashes and encodings.
//!
//! Kernels read their arguments through [`strings::Strings`] and either make new views onto the
//! buffers of their input (results that are substrings) or fill a [`strings::BytesBuilder`].

mod any_text;
mod case;
pub(crate) mod clob;
mod collation;
mod edit;
mod encode;
mod extract;
mod hash;
mod html;
mod ip;
mod join;
mod json;
mod length;
mod like;
mod mac;
mod pad;
pub(crate) mod pattern;
mod position;
mod replace;
mod similarity;
mod split;
pub(crate) mod strings;
mod substring;
mod url;
mod uuid;

use expr::Registry;

pub(crate) use hash::{fixed_column, value_bits};
pub(crate) use like::like_pattern;
pub(crate) use similarity::levenshtein;

/// One function's declaration: category, name, syntax, description, `SQL => answer`, least and most
/// arguments, what binds it; then any further fields.
macro_rules! declare {
    (
        $category:literal, $name:literal, $syntax:literal, $description:literal,
        $sql:literal => $result:literal, $arguments:expr, $bind:expr
        $(, $field:ident: $value:expr)* $(,)?
    ) => {
        expr::FunctionDeclaration {
            name: $name,
            category: $category,
            syntax: $syntax,
            description: $description,
            examples: &[expr::Example { sql: $sql, result: $result }],
            arguments: $arguments,
            bind: $bind,
            $($field: $value,)*
            ..expr::FunctionDeclaration::USUAL
        }
    };
}
pub(crate) use declare;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    length::register(registry);
    clob::register(registry);
    case::register(registry);
    substring::register(registry);
    pad::register(registry);
    join::register(registry);
    edit::register(registry);
    encode::register(registry);
    similarity::register(registry);
    position::register(registry);
    like::register(registry);
    extract::register(registry);
    replace::register(registry);
    split::register(registry);
    url::register(registry);
    hash::register(registry);
    json::register(registry);
    ip::register(registry);
    uuid::register(registry);
    mac::register(registry);
    collation::register(registry);
    html::register(registry);
}
