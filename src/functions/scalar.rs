//! Numbers, comparison, logic, conversion, conditions, dates and times.
//!
//! One family a file. `lane` holds what all share: typed views of columns and loops over them.

use expr::Registry;

/// Declares functions compactly; the result is a `&[FunctionDeclaration]`.
///
/// ```text
/// name | aliases any_case? (fewest, most) "syntax" "description" "example" => "result", bind, field: value...;
/// ```
macro_rules! declare {
    ($category:literal;
     $($name:literal $(| $alias:literal)* $(any_case $case:literal)? ($least:expr, $most:expr)
       $syntax:literal $description:literal
       $($sql:literal => $result:literal),+ ;
       $bind:expr $(, $field:ident : $value:expr)* ;)*) => {
        &[$(expr::FunctionDeclaration {
            name: $name,
            aliases: &[$($alias),*],
            $(case_insensitive: $case,)?
            category: $category,
            syntax: $syntax,
            description: $description,
            examples: &[$(expr::Example { sql: $sql, result: $result }),+],
            arguments: ($least, $most),
            bind: $bind,
            $($field: $value,)*
            ..expr::FunctionDeclaration::USUAL
        }),*]
    };
}

pub(crate) use declare;

pub(crate) mod lane;
mod number_type;
pub(crate) mod numbers;

mod about;
mod arithmetic;
mod bit_positions;
mod bits;
mod bits_of_text;
mod calendar;
pub(crate) mod cast;
pub(crate) mod choose;
mod clock_arithmetic;
mod codes;
mod comparison;
mod concurrency;
mod conditional;
mod date_format;
mod date_make;
mod date_now;
mod date_parts;
mod date_read;
mod date_shifts;
mod date_starts;
pub(crate) mod decimal_arithmetic;
mod division;
mod extremes;
mod inspect;
mod interval_arithmetic;
mod logic;
mod math;
pub(crate) mod order;
mod proportions;
mod random;
mod random_text;
mod readable;
mod rounding;
mod transform;

pub(crate) use cast::{Conversion, conversion};
pub(crate) use math::incomplete_beta;
pub(crate) use proportions::normal_above;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    for functions in [
        about::FUNCTIONS,
        arithmetic::FUNCTIONS,
        bit_positions::FUNCTIONS,
        bits::FUNCTIONS,
        cast::FUNCTIONS,
        cast::TARGET_FUNCTIONS,
        comparison::FUNCTIONS,
        codes::FUNCTIONS,
        concurrency::FUNCTIONS,
        conditional::FUNCTIONS,
        date_format::FUNCTIONS,
        date_now::FUNCTIONS,
        date_parts::FUNCTIONS,
        date_read::FUNCTIONS,
        date_shifts::FUNCTIONS,
        date_shifts::SHIFTS,
        date_starts::FUNCTIONS,
        division::FUNCTIONS,
        inspect::FUNCTIONS,
        logic::FUNCTIONS,
        math::FUNCTIONS,
        proportions::FUNCTIONS,
        random::FUNCTIONS,
        random_text::FUNCTIONS,
        readable::FUNCTIONS,
        rounding::FUNCTIONS,
        transform::FUNCTIONS,
    ] {
        registry.add_functions(functions);
    }
}

#[cfg(test)]
mod tests;
