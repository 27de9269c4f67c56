//! Values of the house into columns in the making.

use base::{Error, Result};
use types::{I256, U256, Value, wide};

use super::values::{Values, close_list, for_vector};

impl Values {
    /// Appends a value of the column's type.
    pub(super) fn push_value(&mut self, value: &Value) -> Result<()> {
        let mismatch = || Error::logical(format!("value {value} is not of its column's type"));
        match (&mut *self, value) {
            (Values::BFloat16(vector) | Values::Float32(vector), value) => {
                vector.push(value.as_float().ok_or_else(mismatch)? as f32);
            }
            (Values::Float64(vector), value) => {
                vector.push(value.as_float().ok_or_else(mismatch)?);
            }
            (Values::Bytes(strings) | Values::Tagged(strings, _), Value::Bytes(text)) => {
                strings.push(text);
            }
            (Values::Objects(offsets, pair, input), value) => {
                input.push_object(offsets, pair, value)?;
            }
            (Values::Fixed(..), Value::Bytes(text)) => self.push_string(text)?,
            (Values::UInt256(vector), Value::Bytes(_)) => {
                vector.push(wide::number(value, false).ok_or_else(mismatch)?.as_u256());
            }
            (Values::Int256(vector) | Values::Decimal256(vector, ..), Value::Bytes(_)) => {
                vector.push(wide::number(value, true).ok_or_else(mismatch)?);
            }
            (Values::Array(offsets, item), Value::Array(values)) => {
                values.iter().try_for_each(|value| item.push_value(value))?;
                close_list(offsets, item.len())?;
            }
            (Values::Map(offsets, pair), Value::Array(values)) => {
                for entry in values.iter() {
                    let Value::Tuple(entry) = entry else { return Err(mismatch()) };
                    let [key, value] = &**entry else { return Err(mismatch()) };
                    pair.0.push_value(key)?;
                    pair.1.push_value(value)?;
                }
                close_list(offsets, pair.0.len())?;
            }
            (Values::Tuple(_, items, rows), Value::Tuple(values)) => {
                if items.len() != values.len() {
                    return Err(mismatch());
                }
                items.iter_mut().zip(values.iter()).try_for_each(|(i, v)| i.push_value(v))?;
                *rows += 1;
            }
            (other, Value::Int(number)) => push_int(other, *number).ok_or_else(mismatch)?,
            _ => return Err(mismatch()),
        }
        Ok(())
    }
}

fn push_int(values: &mut Values, number: i128) -> Option<()> {
    for_vector!(values, vector => vector.push(Narrow::narrow(number)?), _ => return None,);
    Some(())
}

/// Integers that hold an i128 if it is in their range.
trait Narrow: Sized {
    fn narrow(number: i128) -> Option<Self>;
}

macro_rules! narrow {
    ($($integer:ty)*) => {
        $(impl Narrow for $integer {
            fn narrow(number: i128) -> Option<$integer> {
                number.try_into().ok()
            }
        })*
    };
}

narrow!(u8 u16 u32 u64 U256 i8 i16 i32 i64 i128 I256);

impl Narrow for f32 {
    fn narrow(number: i128) -> Option<f32> {
        Some(number as f32)
    }
}

impl Narrow for f64 {
    fn narrow(number: i128) -> Option<f64> {
        Some(number as f64)
    }
}
