//! Bits of fixed strings: numbers of so many bytes, the greatest first.

use arrow_array::types::UInt16Type;
use base::Result;
use expr::Bound;
use types::{Column, DataType};

use super::lane::{argument, values};
use crate::text::strings::{Strings, number_of_two};
use crate::text::{fixed_column, strings};

/// The bytes of every row, made by a function of the row.
fn made(length: usize, rows: usize, f: impl Fn(usize) -> Vec<u8>) -> Result<Column> {
    let all: Vec<Vec<u8>> = (0..rows).map(f).collect();
    fixed_column(length, all.iter().map(Vec::as_slice))
}

/// An operation of the bytes of two fixed strings of a length.
pub(super) fn both(length: usize, f: fn(u8, u8) -> u8) -> Bound {
    Bound::new(DataType::FixedString(length), move |columns, rows| {
        let left = Strings::new(argument(columns, 0)?)?;
        let right = Strings::new(argument(columns, 1)?)?;
        made(length, rows, |row| {
            left.get(row).iter().zip(right.get(row)).map(|(x, y)| f(*x, *y)).collect()
        })
    })
}

/// All bits turned around.
pub(super) fn not(length: usize) -> Bound {
    Bound::new(DataType::FixedString(length), move |columns, rows| {
        let texts = Strings::new(argument(columns, 0)?)?;
        made(length, rows, |row| texts.get(row).iter().map(|byte| !byte).collect())
    })
}

/// How many bits are set.
pub(super) fn count() -> Bound {
    strings::number::<UInt16Type>(DataType::UInt16, |text| {
        text.iter().map(|byte| byte.count_ones() as u16).sum()
    })
}

/// In how many bits two fixed strings of a length differ.
pub(super) fn distance() -> Bound {
    number_of_two::<UInt16Type>(DataType::UInt16, |a, b| {
        a.iter().zip(b).map(|(x, y)| (x ^ y).count_ones() as u16).sum()
    })
}

/// The bits moved by numbers of places; what leaves the length is lost.
pub(super) fn shifted(
    columns: &[Column],
    rows: usize,
    places: &Column,
    length: usize,
    left: bool,
) -> Result<Column> {
    let texts = Strings::new(argument(columns, 0)?)?;
    let places = values::<u64>(places)?;
    made(length, rows, |row| {
        let text = texts.get(row);
        let bits = places.at(row);
        let whole = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        let part = (bits % 8) as u32;
        // The byte at a place, with the bits of its neighbour that move into it.
        let byte = |at: usize| -> u8 {
            let from = |at: Option<usize>| at.and_then(|at| text.get(at)).copied().unwrap_or(0);
            let (near, far) = match left {
                true => {
                    (at.checked_add(whole), at.checked_add(whole).and_then(|a| a.checked_add(1)))
                }
                false => {
                    (at.checked_sub(whole), at.checked_sub(whole).and_then(|a| a.checked_sub(1)))
                }
            };
            let pair = (from(near), from(far));
            match left {
                true => ((u16::from(pair.0) << 8 | u16::from(pair.1)) << part >> 8) as u8,
                false => ((u16::from(pair.1) << 8 | u16::from(pair.0)) >> part) as u8,
            }
        };
        (0..length).map(byte).collect()
    })
}
