//! Arrays, tuples, maps and functions of lambdas.
//!
//! 1. [`lists::Lists`] reads arrays and maps as offsets from 0 and flat items; results are put together
//!    from offsets and items that were taken, never value by value.
//! 2. [`keys::Keys`] makes values of any type comparable, sortable and hashable.
//! 3. [`convert`](convert::convert) brings items to the common type that ClickHouse would choose.

mod classified;
mod composed;
mod construct;
mod convert;
mod distinct;
mod element;
mod find;
mod fold;
mod keys;
pub(crate) mod lists;
mod map;
mod mapped;
mod numeric;
mod pairs;
mod populate;
mod ranked;
mod slice;
mod sort;
mod tagged;
mod tuple;
pub(crate) mod tuple_arithmetic;
mod vector;

use expr::Registry;

pub(crate) use find::starts_or_ends;
pub(crate) use lists::{Lists, item_type};
pub(crate) use map::concat_maps;
pub(crate) use slice::{concat_arrays, reverse, same_lengths};
pub(crate) use tuple::concat_tuples;

/// A column of arrays or maps as lists.
pub(crate) fn lists_of(column: &types::Column) -> base::Result<Lists> {
    Lists::new(column)
}

/// A column of arrays of an integer type from offsets and items, which are cut to the type.
pub(crate) fn list_of(
    item: &types::DataType,
    offsets: Vec<i32>,
    items: &[i64],
) -> base::Result<types::Column> {
    lists::list_column(item, offsets, construct::narrow(item, items))
}

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_functions(construct::FUNCTIONS);
    registry.add_functions(element::FUNCTIONS);
    registry.add_functions(find::FUNCTIONS);
    registry.add_functions(slice::FUNCTIONS);
    registry.add_functions(distinct::FUNCTIONS);
    registry.add_functions(ranked::FUNCTIONS);
    registry.add_functions(sort::FUNCTIONS);
    registry.add_functions(numeric::FUNCTIONS);
    registry.add_functions(mapped::FUNCTIONS);
    registry.add_functions(fold::FUNCTIONS);
    registry.add_functions(vector::FUNCTIONS);
    registry.add_functions(tuple::FUNCTIONS);
    registry.add_functions(tuple_arithmetic::FUNCTIONS);
    registry.add_functions(map::FUNCTIONS);
    registry.add_functions(populate::FUNCTIONS);
    registry.add_functions(classified::FUNCTIONS);
    registry.add_functions(composed::FUNCTIONS);
    registry.add_functions(tagged::FUNCTIONS);
}
