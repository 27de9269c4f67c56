//! The bits that are set in integers: as powers of two and as places.

use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType};

use super::lane::{Kind, argument, convert, values};
use super::number_type::illegal;
use crate::collection::list_of;
use crate::text::strings::BytesBuilder;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Encoding";
    "bitmaskToArray" (1, 1) "bitmaskToArray(n)" "The powers of two that an integer is the sum of."
        "SELECT bitmaskToArray(50)" => "[2,16,32]"; |_, a| powers(a);
    "bitmaskToList" (1, 1) "bitmaskToList(n)" "The powers of two that an integer is the sum of, as a text with commas."
        "SELECT bitmaskToList(50)" => "2,16,32"; list;
    "bitPositionsToArray" (1, 1) "bitPositionsToArray(n)" "The places of the bits that are set in an integer, from 0."
        "SELECT bitPositionsToArray(50)" => "[1,4,5]"; |_, a| places(a);
};

/// Reads the bits of a column's integers.
type ReadBits = Box<dyn Fn(&[Column], usize) -> Result<Vec<u64>> + Send + Sync>;

/// An integer's bits, without those of its sign's extension, and how many there are.
fn bits_of(function: &str, arguments: &[Argument]) -> Result<(ReadBits, u32)> {
    let data_type = &arguments[0].data_type;
    let width = data_type.bits().filter(|bits| *bits <= 64 && data_type.is_integer());
    let Some(width) = width else { return Err(illegal(data_type, function)) };
    let kind = Kind::require(data_type)?;
    let mask = u64::MAX >> (64 - width);
    let read = move |columns: &[Column], rows: usize| {
        let wide = convert(argument(columns, 0)?, kind, Kind::U64)?;
        let wide = values::<u64>(&wide)?;
        Ok((0..rows).map(|row| wide.at(row) & mask).collect())
    };
    Ok((Box::new(read), width))
}

/// The places of the bits that are set.
fn set_places(bits: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |place| bits >> place & 1 == 1)
}

/// A power of two in so many bits with a sign.
fn signed_power(place: u32, width: u32) -> i64 {
    let unused = 64 - width;
    (1_i64 << place << unused) >> unused
}

fn powers(arguments: &[Argument]) -> Result<Bound> {
    let (read, width) = bits_of("bitmaskToArray", arguments)?;
    let item = arguments[0].data_type.clone();
    let signed = item.is_signed_integer();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        arrays(&item, read(columns, rows)?, |place| match signed {
            true => signed_power(place, width),
            false => 1_i64 << place,
        })
    }))
}

fn places(arguments: &[Argument]) -> Result<Bound> {
    let (read, _) = bits_of("bitPositionsToArray", arguments)?;
    Ok(Bound::new(DataType::array(DataType::UInt64), move |columns, rows| {
        arrays(&DataType::UInt64, read(columns, rows)?, i64::from)
    }))
}

/// A row's set bits as an array.
fn arrays(item: &DataType, rows: Vec<u64>, value: impl Fn(u32) -> i64) -> Result<Column> {
    let (mut offsets, mut items) = (vec![0_i32], Vec::new());
    for bits in rows {
        items.extend(set_places(bits).map(&value));
        offsets.push(items.len() as i32);
    }
    list_of(item, offsets, &items)
}

fn list(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (read, width) = bits_of("bitmaskToList", arguments)?;
    let signed = arguments[0].data_type.is_signed_integer();
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let mut out = BytesBuilder::new(rows);
        for bits in read(columns, rows)? {
            let texts: Vec<String> = set_places(bits)
                .map(|place| match signed {
                    true => signed_power(place, width).to_string(),
                    false => (1_u64 << place).to_string(),
                })
                .collect();
            out.append(texts.join(",").as_bytes());
        }
        out.column()
    }))
}
