//! Lengths, emptiness and validity of strings, arrays and maps.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt8Type, UInt64Type};
use base::Result;
use expr::{Argument, Bound, FunctionDeclaration, Registry};
use types::{Column, DataType, Physical};

use super::strings::{Strings, count_characters, flag, illegal, number, numbers, require_text};
use super::{clob, declare};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "length", "length(s)",
        "The number of bytes of a string, of elements of an array, or of pairs of a map.",
        "SELECT length('abc'), length([1, 2])" => "3\t2", (1, 1), length,
        of_clob: Some(clob::length), aliases: &["OCTET_LENGTH", "CARDINALITY"], case_insensitive: true),
    declare!("String", "lengthUTF8", "lengthUTF8(s)",
        "The number of Unicode characters of a string in UTF-8.",
        "SELECT lengthUTF8('née')" => "3", (1, 1), |_, a| {
            require_text("lengthUTF8", a, 0)?;
            Ok(number::<UInt64Type>(DataType::UInt64, |s| count_characters(s) as u64))
        }, of_clob: Some(clob::characters), aliases: &["CHAR_LENGTH", "CHARACTER_LENGTH"], case_insensitive: true),
    declare!("String", "empty", "empty(x)",
        "1 where a string has no bytes (a FixedString: only zero bytes), an array or map no elements, or a UUID or address is zero.",
        "SELECT empty(''), empty([1])" => "1\t0", (1, 1), |_, a| emptiness("empty", a, true),
        of_clob: Some(clob::empty)),
    declare!("String", "notEmpty", "notEmpty(x)", "The opposite of `empty`.",
        "SELECT notEmpty('a'), notEmpty([])" => "1\t0", (1, 1), |_, a| emptiness("notEmpty", a, false),
        of_clob: Some(clob::not_empty)),
    declare!("String", "ascii", "ascii(s)", "The number of the first byte of a string; 0 if it is empty.",
        "SELECT ascii('abc')" => "97", (1, 1), |_, a| {
            require_text("ascii", a, 0)?;
            Ok(number::<Int32Type>(DataType::Int32, |s| s.first().copied().map_or(0, i32::from)))
        }, case_insensitive: true),
    declare!("String", "isValidUTF8", "isValidUTF8(s)", "1 where the bytes are valid UTF-8.",
    "SELECT isValidUTF8('née'), isValidUTF8(unhex('FF'))" => "1\t0", (1, 1), |_, a| {
        require_text("isValidUTF8", a, 0)?;
        Ok(flag(|s| std::str::from_utf8(s).is_ok()))
    }),
    declare!("String", "isValidASCII", "isValidASCII(s)", "1 where all bytes are below 128.",
        "SELECT isValidASCII('abc'), isValidASCII('né')" => "1\t0", (1, 1), |_, a| {
            require_text("isValidASCII", a, 0)?;
            Ok(flag(<[u8]>::is_ascii))
        }, aliases: &["isASCII"]),
];

fn length(_: &expr::FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let argument = &arguments[0];
    Ok(match argument.data_type.physical() {
        Physical::Bytes if argument.data_type == DataType::String => {
            lengths(DataType::UInt64, u64::from)
        }
        Physical::Fixed(length) if argument.data_type.is_string() => {
            Bound::new(DataType::UInt64, move |_, rows| {
                Ok(numbers::<UInt64Type>(vec![length as u64; rows]))
            })
        }
        Physical::List => list_lengths(DataType::UInt64),
        _ => return Err(illegal("length", argument)),
    })
}

/// The lengths that stand in the views, without a look at the bytes.
fn lengths(return_type: DataType, f: impl Fn(u32) -> u64 + Send + Sync + 'static) -> Bound {
    Bound::new(return_type, move |columns, rows| {
        let values = match Strings::new(&columns[0])? {
            Strings::Views(array) => array.lengths().take(rows).map(&f).collect(),
            other => (0..rows).map(|row| f(other.get(row).len() as u32)).collect(),
        };
        Ok(numbers::<UInt64Type>(values))
    })
}

fn list_lengths(return_type: DataType) -> Bound {
    Bound::new(return_type, |columns, rows| {
        let one = |column: &Column| -> Result<Vec<u64>> {
            let list = column.to_flat()?;
            let offsets = list.as_list::<i32>().value_offsets();
            Ok(offsets.windows(2).map(|w| (w[1] - w[0]) as u64).collect())
        };
        Ok(match &columns[0] {
            Column::Constant { .. } => {
                let length = one(&columns[0].slice(0, 1))?.first().copied().unwrap_or(0);
                numbers::<UInt64Type>(vec![length; rows])
            }
            flat => numbers::<UInt64Type>(one(flat)?),
        })
    })
}

fn emptiness(function: &str, arguments: &[Argument], expected: bool) -> Result<Bound> {
    let argument = &arguments[0];
    Ok(match &argument.data_type {
        DataType::String => Bound::new(DataType::UInt8, move |columns, rows| {
            let values = match Strings::new(&columns[0])? {
                Strings::Views(array) => {
                    array.lengths().take(rows).map(|len| u8::from((len == 0) == expected)).collect()
                }
                other => vec![u8::from(other.get(0).is_empty() == expected); rows],
            };
            Ok(numbers::<UInt8Type>(values))
        }),
        DataType::FixedString(_) => flag(move |s| s.iter().all(|byte| *byte == 0) == expected),
        DataType::Array(_) | DataType::Map(_) => Bound::new(DataType::UInt8, move |columns, _| {
            let list = columns[0].to_flat()?;
            let offsets = list.as_list::<i32>().value_offsets();
            let values = offsets.windows(2).map(|w| u8::from((w[1] == w[0]) == expected));
            Ok(numbers::<UInt8Type>(values.collect()))
        }),
        DataType::Uuid | DataType::Ipv6 => Bound::new(DataType::UInt8, move |columns, _| {
            let flat = columns[0].to_flat()?;
            let values = flat.as_primitive::<arrow_array::types::Decimal128Type>().values();
            Ok(numbers::<UInt8Type>(
                values.iter().map(|v| u8::from((*v == 0) == expected)).collect(),
            ))
        }),
        DataType::Ipv4 => Bound::new(DataType::UInt8, move |columns, _| {
            let flat = columns[0].to_flat()?;
            let values = flat.as_primitive::<arrow_array::types::UInt32Type>().values();
            Ok(numbers::<UInt8Type>(
                values.iter().map(|v| u8::from((*v == 0) == expected)).collect(),
            ))
        }),
        _ => return Err(illegal(function, argument)),
    })
}
