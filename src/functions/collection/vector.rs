//! Arrays and tuples of numbers as vectors: norms, distances, products.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType};

use super::lists::{Lists, illegal, numbers};
use super::numeric::{as_floats, as_wide};
use crate::text::declare;

macro_rules! vector {
    ($name:literal, [$($alias:literal),*], $what:literal, $sql:literal => $answer:literal, $count:literal, $f:expr) => {
        declare!("Distance", $name, "norm(vector), distance(a, b)", $what, $sql => $answer, ($count, $count),
            |_, a| vectors($name, a, $f), aliases: &[$($alias),*], case_insensitive: true)
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    vector!("L1Norm", ["normL1"], "The sum of the absolute values.",
        "SELECT L1Norm([1, -2])" => "3", 1, |a, _| a.iter().map(|v| v.abs()).sum()),
    vector!("L2Norm", ["normL2"], "The square root of the sum of the squares.",
        "SELECT L2Norm([3, 4])" => "5", 1, |a, _| a.iter().map(|v| v * v).sum::<f64>().sqrt()),
    vector!("L2SquaredNorm", ["normL2Squared"], "The sum of the squares.",
        "SELECT L2SquaredNorm([3, 4])" => "25", 1, |a, _| a.iter().map(|v| v * v).sum()),
    vector!("LinfNorm", ["normLinf"], "The greatest absolute value.",
        "SELECT LinfNorm([1, -5])" => "5", 1, |a, _| a.iter().fold(0.0, |m, v| m.max(v.abs()))),
    vector!("L1Distance", ["distanceL1"], "The sum of the absolute differences.",
        "SELECT L1Distance([1, 2], [4, 6])" => "7", 2, |a, b| pairs(a, b).map(|(a, b)| (a - b).abs()).sum()),
    vector!("L2Distance", ["distanceL2"], "The Euclidean distance.",
        "SELECT L2Distance([1, 2], [4, 6])" => "5", 2, |a, b| pairs(a, b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()),
    vector!("L2SquaredDistance", ["distanceL2Squared"], "The square of the Euclidean distance.",
        "SELECT L2SquaredDistance([1, 2], [4, 6])" => "25", 2, |a, b| pairs(a, b).map(|(a, b)| (a - b) * (a - b)).sum()),
    vector!("LinfDistance", ["distanceLinf"], "The greatest absolute difference.",
        "SELECT LinfDistance([1, 2], [4, 6])" => "4", 2, |a, b| pairs(a, b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))),
    vector!("cosineDistance", ["distanceCosine"], "1 less the cosine of the angle between two vectors.",
        "SELECT cosineDistance([1, 0], [0, 1])" => "1", 2, cosine),
    declare!("Array", "arrayDotProduct", "arrayDotProduct(a, b)", "The sum of the products of the elements of two vectors.",
        "SELECT arrayDotProduct([1, 2], [3, 4])" => "11", (2, 2), |_, a| dot("arrayDotProduct", a)),
    declare!("Tuple", "dotProduct", "dotProduct(a, b)", "The sum of the products of the elements of two vectors.",
        "SELECT dotProduct((1, 2), (3, 4))" => "11", (2, 2), |_, a| dot("dotProduct", a), aliases: &["scalarProduct"], case_insensitive: true),
];

fn pairs<'a>(a: &'a [f64], b: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
    a.iter().copied().zip(b.iter().copied())
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let square = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
    let product: f64 = pairs(a, b).map(|(a, b)| a * b).sum();
    1.0 - product / (square(a).sqrt() * square(b).sqrt())
}

/// The types of a vector's numbers.
fn numbers_of(function: &str, argument: &Argument) -> Result<Vec<DataType>> {
    let types: Vec<DataType> = match &argument.data_type {
        DataType::Array(item) => vec![item.as_ref().clone()],
        DataType::Tuple(fields) => fields.iter().map(|f| f.data_type.clone()).collect(),
        _ => return Err(illegal(function, argument)),
    };
    match types.iter().all(|t| t.is_number() || *t == DataType::Nothing) {
        true => Ok(types),
        false => Err(illegal(function, argument)),
    }
}

/// A column of vectors as numbers with each row's bounds.
struct Vectors {
    values: Vec<f64>,
    offsets: Vec<i32>,
}

impl Vectors {
    fn new(column: &Column, data_type: &DataType, rows: usize) -> Result<Vectors> {
        if let DataType::Array(item) = data_type {
            let lists = Lists::new(column)?;
            return Ok(Vectors { values: as_floats(&lists.items, item)?, offsets: lists.offsets });
        }
        let DataType::Tuple(fields) = data_type else {
            bail!(LogicalError, "a vector that is neither array nor tuple");
        };
        let flat = column.to_flat()?;
        let width = fields.len();
        let mut values = vec![0.0; rows * width];
        for (at, (part, field)) in flat.as_struct().columns().iter().zip(fields.iter()).enumerate()
        {
            for (row, value) in as_floats(part, &field.data_type)?.into_iter().enumerate() {
                values[row * width + at] = value;
            }
        }
        Ok(Vectors { values, offsets: (0..=rows).map(|row| (row * width) as i32).collect() })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}

fn vectors(
    function: &'static str,
    arguments: &[Argument],
    f: fn(&[f64], &[f64]) -> f64,
) -> Result<Bound> {
    let mut numbers_types = Vec::new();
    for argument in arguments {
        numbers_types.extend(numbers_of(function, argument)?);
    }
    // For arrays Float32 stays, also beside integers that it holds.
    let arrays = matches!(arguments[0].data_type, DataType::Array(_));
    let held = |t: &DataType| t.is_integer() && t.bits() <= Some(16) && function != "dotProduct";
    let single = arrays
        && numbers_types.contains(&DataType::Float32)
        && numbers_types.iter().all(|t| *t == DataType::Float32 || held(t));
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let return_type = if single { DataType::Float32 } else { DataType::Float64 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let read: Vec<Vectors> = columns
            .iter()
            .zip(&types)
            .map(|(column, data_type)| Vectors::new(column, data_type, rows))
            .collect::<Result<_>>()?;
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (a, b) = (read[0].row(row), read.get(1).map_or(&[][..], |b| b.row(row)));
            if read.len() > 1 && a.len() != b.len() {
                bail!(
                    SizesOfArraysDontMatch,
                    "Arguments of function {function} have different array sizes: {} and {}",
                    a.len(),
                    b.len()
                );
            }
            out.push(f(a, b));
        }
        Ok(if single {
            numbers::<Float32Type>(out.into_iter().map(|v| v as f32).collect())
        } else {
            numbers::<Float64Type>(out)
        })
    }))
}

/// What a product of two numbers, and so their sum, is.
fn product_type(types: &[DataType]) -> DataType {
    if types.iter().any(|t| t.is_float() || matches!(t, DataType::Decimal { .. })) {
        return DataType::Float64;
    }
    let bits = types.iter().filter_map(DataType::bits).max().unwrap_or(8);
    let signed = types.iter().any(DataType::is_signed_integer);
    match (bits, signed) {
        (8, false) => DataType::UInt16,
        (16, false) => DataType::UInt32,
        (_, false) => DataType::UInt64,
        (8, true) => DataType::Int16,
        (16, true) => DataType::Int32,
        (_, true) => DataType::Int64,
    }
}

fn dot(function: &'static str, arguments: &[Argument]) -> Result<Bound> {
    let mut types = numbers_of(function, &arguments[0])?;
    types.extend(numbers_of(function, &arguments[1])?);
    let arrays = matches!(arguments[0].data_type, DataType::Array(_));
    let result = product_type(&types);
    if result == DataType::Float64 || !arrays {
        let floats = vectors(function, arguments, |a, b| pairs(a, b).map(|(a, b)| a * b).sum())?;
        if result == DataType::Float64 {
            return Ok(floats);
        }
        let expr::Kernel::Plain(kernel) = floats.kernel else { bail!(LogicalError, "no kernel") };
        // Widths grow with every sum of a tuple's products.
        let width =
            if let DataType::Tuple(fields) = &arguments[0].data_type { fields.len() } else { 1 };
        let widened = widen(result, width);
        let to = widened.clone();
        return Ok(Bound::new(widened, move |columns, rows| {
            let flat = kernel(columns, rows)?.to_flat()?;
            let values: Vec<i64> =
                flat.as_primitive::<Float64Type>().values().iter().map(|v| *v as i64).collect();
            Ok(Column::Flat(super::construct::narrow(&to, &values)))
        }));
    }
    let (DataType::Array(a), DataType::Array(b)) =
        (&arguments[0].data_type, &arguments[1].data_type)
    else {
        return Err(illegal(function, &arguments[1]));
    };
    let (a, b, to) = (a.as_ref().clone(), b.as_ref().clone(), result.clone());
    Ok(Bound::new(result, move |columns, rows| {
        let lists = super::slice::same_lengths(function, columns)?;
        let left = as_wide(&lists[0].items, &a).unwrap_or_default();
        let right = as_wide(&lists[1].items, &b).unwrap_or_default();
        let products: Vec<i64> = (0..rows)
            .map(|row| {
                let (from, to) = lists[0].bounds(row);
                (from..to)
                    .fold(0_i128, |sum, at| sum.wrapping_add(left[at].wrapping_mul(right[at])))
                    as i64
            })
            .collect();
        Ok(Column::Flat(super::construct::narrow(&to, &products)))
    }))
}

/// The type of a sum of so many values of a type.
fn widen(data_type: DataType, count: usize) -> DataType {
    (1..count).fold(data_type, |t, _| match t {
        DataType::UInt16 => DataType::UInt32,
        DataType::Int16 => DataType::Int32,
        DataType::UInt32 => DataType::UInt64,
        DataType::Int32 => DataType::Int64,
        other => other,
    })
}
