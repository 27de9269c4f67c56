//! Sums and differences of arrays of 256 bits, wrapping around.

use arrow_array::{Array, ArrayRef};
use base::Result;
use types::wide::{self, I256, U256};
use types::{Column, DataType};

use crate::scalar::decimal_arithmetic::to_float;
use crate::scalar::lane::Lane;

/// The values as bits, signed ones too.
fn bits(values: &ArrayRef, signed: bool) -> Result<Vec<U256>> {
    Ok(match signed {
        true => wide::numbers::<I256>(values.as_ref())?.iter().map(|n| n.as_u256()).collect(),
        false => wide::numbers(values.as_ref())?,
    })
}

fn array(bits: impl Iterator<Item = U256>, signed: bool) -> Result<ArrayRef> {
    match signed {
        true => wide::array(bits.map(|n| n.as_i256()), None),
        false => wide::array(bits, None),
    }
}

/// The numbers as Float64.
pub(super) fn floats(values: &ArrayRef, data_type: &DataType) -> Result<Vec<f64>> {
    let floats = to_float(&Column::Flat(values.clone()), data_type)?.to_flat()?;
    Ok(f64::view(&floats)?.into_owned())
}

/// The sum of each row's values that are not NULL.
pub(super) fn sums(
    values: &ArrayRef,
    bounds: &dyn Fn(usize) -> (usize, usize),
    rows: usize,
    signed: bool,
) -> Result<Column> {
    let numbers = bits(values, signed)?;
    let sums = (0..rows).map(|row| {
        let (from, to) = bounds(row);
        let valid = (from..to).filter(|at| values.is_valid(*at));
        valid.fold(U256::ZERO, |sum, at| sum.wrapping_add(numbers[at]))
    });
    Ok(Column::Flat(array(sums, signed)?))
}

/// The sums of each row's values up to each; with `floor` those below 0 are taken as 0.
pub(super) fn running(
    values: &ArrayRef,
    bounds: &dyn Fn(usize) -> (usize, usize),
    (rows, floor): (usize, bool),
    signed: bool,
) -> Result<ArrayRef> {
    let mut numbers = bits(values, signed)?;
    for row in 0..rows {
        let (from, to) = bounds(row);
        let mut sum = U256::ZERO;
        for value in &mut numbers[from..to] {
            sum = sum.wrapping_add(*value);
            if floor && signed && sum.as_i256() < 0 {
                sum = U256::ZERO;
            }
            *value = sum;
        }
    }
    array(numbers.into_iter(), signed)
}

/// What takes a value's place and that of the one before, for every value.
type Pairs<'p> = &'p mut dyn FnMut(usize, Option<usize>);

/// Each value less the one before, signed.
pub(super) fn differences(
    values: &ArrayRef,
    signed: bool,
    each: impl Fn(Pairs<'_>),
) -> Result<ArrayRef> {
    let numbers = bits(values, signed)?;
    let mut out: Vec<U256> = Vec::with_capacity(numbers.len());
    each(&mut |at, before| {
        out.push(before.map_or(U256::ZERO, |b| numbers[at].wrapping_sub(numbers[b])));
    });
    array(out.into_iter(), true)
}
