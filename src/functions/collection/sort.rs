//! Arrays in order, of their elements or of what a lambda makes of them.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::DataType;

use super::keys::Keys;
use super::lists::{list_column, take};
use super::mapped::{Shape, element_types};
use crate::text::declare;

macro_rules! sorted {
    ($name:literal, $syntax:literal, $what:literal, $sql:literal => $answer:literal, $descending:literal, $partial:literal) => {
        declare!("Array", $name, $syntax, $what, $sql => $answer, (1, usize::MAX),
            |_, a| sort($name, a, $descending, $partial), lambda: Some(element_types))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    sorted!("arraySort", "arraySort([f,] array, ...)", "The elements in ascending order, NaN and NULL last; with a lambda, in that of its values.",
        "SELECT arraySort([3, 1, 2])" => "[1,2,3]", false, false),
    sorted!("arrayReverseSort", "arrayReverseSort([f,] array, ...)", "The elements in descending order, NaN and NULL last; with a lambda, in that of its values.",
        "SELECT arrayReverseSort([3, 1, 2])" => "[3,2,1]", true, false),
    sorted!("arrayPartialSort", "arrayPartialSort([f,] limit, array, ...)", "As `arraySort`; only the order of the first elements is promised.",
        "SELECT arrayResize(arrayPartialSort(1, [3, 1, 2]), 1)" => "[1]", false, true),
    sorted!("arrayPartialReverseSort", "arrayPartialReverseSort([f,] limit, array, ...)", "As `arrayReverseSort`; only the order of the first elements is promised.",
        "SELECT arrayResize(arrayPartialReverseSort(1, [3, 1, 2]), 1)" => "[3]", true, true),
];

/// The places of the items in their order, row by row; equal ones keep theirs.
pub(super) fn order(keys: &Keys, offsets: &[i32], descending: bool) -> Vec<u32> {
    let count = offsets[offsets.len() - 1] as u32;
    let mut places: Vec<u32> = (0..count).collect();
    for bounds in offsets.windows(2) {
        places[bounds[0] as usize..bounds[1] as usize]
            .sort_by(|a, b| keys.compare(*a as usize, *b as usize, descending));
    }
    places
}

fn sort(
    function: &'static str,
    arguments: &[Argument],
    descending: bool,
    partial: bool,
) -> Result<Bound> {
    // The limit of a partial sort promises less than what a whole sort gives.
    let limit = usize::from(arguments.first().is_some_and(|a| a.lambda.is_some()));
    let mut arrays = arguments.to_vec();
    if partial {
        match arguments.get(limit) {
            Some(argument) if argument.data_type.is_integer() => {
                arrays.remove(limit);
            }
            _ => {
                bail!(IllegalTypeOfArgument, "Function {function} needs a limit before its arrays")
            }
        }
    }
    let shape = Shape::new(function, &arrays)?;
    let item = shape.item.clone();
    let bound = shape.bind(function, DataType::array(item), move |shape, mapped, _| {
        let keys = Keys::new(&mapped.values, &shape.value)?;
        let places = order(&keys, &mapped.lists.offsets, descending);
        list_column(&shape.item, mapped.lists.offsets, take(&mapped.lists.items, places)?)
    });
    Ok(if partial { without_limit(bound) } else { bound })
}

/// Leaves the limit away: it is the first argument that is no lambda.
fn without_limit(bound: Bound) -> Bound {
    match bound.kernel {
        expr::Kernel::Plain(kernel) => {
            Bound::new(bound.return_type, move |columns, rows| kernel(&columns[1..], rows))
        }
        expr::Kernel::HigherOrder(kernel) => {
            Bound::higher_order(bound.return_type, move |lambdas, columns, rows| {
                kernel(lambdas, &columns[1..], rows)
            })
        }
    }
}
