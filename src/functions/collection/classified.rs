//! How well scores tell two classes apart, and how far lists are from each other.

use arrow_array::types::{Float64Type, UInt32Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::DataType;

use super::convert::{comparable, convert};
use super::keys::{Key, Keys};
use super::lists::{Lists, illegal, item_type, numbers};
use super::numeric::as_floats;
use crate::text::declare;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "arrayROCAUC", "arrayROCAUC(scores, labels[, scale])",
        "The area under the curve of true against false positives: labels above 0 are positive. Not scaled, it is not divided by the product of both counts.",
        "SELECT arrayROCAUC([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])" => "0.75", (2, 3), |_, a| area(a, "arrayROCAUC", false), aliases: &["arrayAUC"]),
    declare!("Array", "arrayAUCPR", "arrayAUCPR(scores, labels)",
        "The area under the curve of precision against recall: labels above 0 are positive.",
        "SELECT arrayAUCPR([3, 2, 1], [1, 0, 1])" => "0.8333333333333333", (2, 2), |_, a| area(a, "arrayAUCPR", true), aliases: &["arrayPRAUC"]),
    declare!("Array", "arrayLevenshteinDistance", "arrayLevenshteinDistance(a, b)",
        "How many elements of an array must be added, taken away or changed to get another.",
        "SELECT arrayLevenshteinDistance([1, 2, 4], [1, 2, 3])" => "1", (2, 2), distance),
];

fn area(arguments: &[Argument], function: &'static str, precision: bool) -> Result<Bound> {
    let types = [item_type(function, arguments, 0)?, item_type(function, arguments, 1)?];
    let number = |t: &DataType| t.is_number() || t.is_enum() || *t == DataType::Nothing;
    for (at, item) in types.iter().enumerate() {
        if !number(item) || matches!(item, DataType::Decimal { .. }) {
            return Err(illegal(function, &arguments[at]));
        }
    }
    let scaled = match arguments.get(2) {
        None => true,
        Some(scale) => match &scale.constant {
            Some(types::Value::Int(flag)) => *flag != 0,
            _ => return Err(illegal(function, scale)),
        },
    };
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let (scores, labels) = (Lists::new(&columns[0])?, Lists::new(&columns[1])?);
        if scores.offsets != labels.offsets {
            bail!(
                BadArguments,
                "First two arguments for function {function} must be Arrays of equal sizes"
            );
        }
        let all_scores = as_floats(&scores.items, &types[0])?;
        let all_labels = as_floats(&labels.items, &types[1])?;
        let mut pairs: Vec<(f64, bool)> = Vec::new();
        let areas = (0..rows).map(|row| {
            let (from, to) = scores.bounds(row);
            pairs.clear();
            pairs.extend((from..to).map(|at| (all_scores[at], all_labels[at] > 0.0)));
            pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
            if precision { under_precision(&pairs) } else { under_rates(&pairs, scaled) }
        });
        Ok(numbers::<Float64Type>(areas.collect()))
    }))
}

/// Of pairs by falling score: equal scores are one step of the curve, a slope.
fn under_rates(pairs: &[(f64, bool)], scaled: bool) -> f64 {
    let (mut area, mut positive, mut negative) = (0.0, 0.0, 0.0);
    for step in pairs.chunk_by(|a, b| a.0 == b.0) {
        let more = step.iter().filter(|pair| pair.1).count() as f64;
        let less = step.len() as f64 - more;
        area += less * (positive + more / 2.0);
        positive += more;
        negative += less;
    }
    match scaled {
        true => area / (positive * negative),
        false => area,
    }
}

fn under_precision(pairs: &[(f64, bool)]) -> f64 {
    let (mut area, mut positive, mut count) = (0.0, 0.0, 0.0);
    for step in pairs.chunk_by(|a, b| a.0 == b.0) {
        let more = step.iter().filter(|pair| pair.1).count() as f64;
        positive += more;
        count += step.len() as f64;
        area += more * positive / count;
    }
    if positive == 0.0 { 0.0 } else { area / positive }
}

/// The most cells of a table of distances.
const MOST_CELLS: usize = 1 << 28;

fn distance(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let function = "arrayLevenshteinDistance";
    let (a, b) = (item_type(function, arguments, 0)?, item_type(function, arguments, 1)?);
    let common = comparable(&[a.clone(), b.clone()])?;
    let context = context.clone();
    Ok(Bound::new(DataType::UInt32, move |columns, rows| {
        let (left, right) = (Lists::new(&columns[0])?, Lists::new(&columns[1])?);
        let left_keys = Keys::new(&convert(&context, &left.items, &a, &common)?, &common)?;
        let right_keys = Keys::new(&convert(&context, &right.items, &b, &common)?, &common)?;
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let ((from, to), (start, end)) = (left.bounds(row), right.bounds(row));
            if (to - from).saturating_mul(end - start) > MOST_CELLS {
                bail!(TooLargeArraySize, "Arrays for function {function} are too long");
            }
            let one: Vec<Key<'_>> = (from..to).map(|at| left_keys.key(at)).collect();
            let other: Vec<Key<'_>> = (start..end).map(|at| right_keys.key(at)).collect();
            out.push(crate::text::levenshtein(&one, &other) as u32);
        }
        Ok(numbers::<UInt32Type>(out))
    }))
}
