//! Integers of 256 bits, also those of decimals of more than 38 digits.
//!
//! In memory and in parts such a value is 32 bytes whose order as bytes is the order of the numbers: the highest byte
//! first, and of signed ones the sign turned around. So whatever sorts, groups, joins, merges and stores strings of a
//! fixed length does the same with these numbers; only what computes with them or shows them has to know them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray};
use arrow_buffer::{Buffer, NullBuffer};
use base::{Error, Result};
pub use ethnum::{AsI256, AsU256, I256, U256};

use crate::{DataType, Value};

/// Bytes of a value.
pub const BYTES: usize = 32;

/// The bit that is turned around in the first byte of signed values.
const SIGN: u8 = 0x80;

/// An integer of 256 bits.
pub trait Wide: Copy + Sized {
    /// Its bytes as they lie in memory.
    fn to_ordered(self) -> [u8; BYTES];
    /// The number of bytes as they lie in memory.
    fn from_ordered(bytes: [u8; BYTES]) -> Self;
}

impl Wide for U256 {
    fn to_ordered(self) -> [u8; BYTES] {
        self.to_be_bytes()
    }

    fn from_ordered(bytes: [u8; BYTES]) -> U256 {
        U256::from_be_bytes(bytes)
    }
}

impl Wide for I256 {
    fn to_ordered(self) -> [u8; BYTES] {
        let mut bytes = self.to_be_bytes();
        bytes[0] ^= SIGN;
        bytes
    }

    fn from_ordered(mut bytes: [u8; BYTES]) -> I256 {
        bytes[0] ^= SIGN;
        I256::from_be_bytes(bytes)
    }
}

impl DataType {
    /// Whether the 256 bits of this type's values are signed; `None` for types of another width.
    pub fn wide_sign(&self) -> Option<bool> {
        match self.inner() {
            DataType::UInt256 => Some(false),
            DataType::Int256 | DataType::Decimal { precision: 39.., .. } => Some(true),
            _ => None,
        }
    }
}

/// Zero as it lies in memory.
pub fn zero(signed: bool) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[0] = if signed { SIGN } else { 0 };
    bytes
}

/// Turns bytes as they lie in memory into the number's bytes, the lowest first, and back.
pub fn to_little(mut bytes: [u8; BYTES], signed: bool) -> [u8; BYTES] {
    bytes[0] ^= if signed { SIGN } else { 0 };
    bytes.reverse();
    bytes
}

/// The way back from [`to_little`].
pub fn from_little(mut bytes: [u8; BYTES], signed: bool) -> [u8; BYTES] {
    bytes.reverse();
    bytes[0] ^= if signed { SIGN } else { 0 };
    bytes
}

/// The value of bytes as they lie in memory.
pub fn value(bytes: [u8; BYTES]) -> Value {
    Value::Bytes(bytes.as_slice().into())
}

/// The number of a value of a type of 256 bits, that of an unsigned one as its bits.
pub fn number(value: &Value, signed: bool) -> Option<I256> {
    let bytes: [u8; BYTES] = value.as_bytes()?.try_into().ok()?;
    Some(if signed { I256::from_ordered(bytes) } else { U256::from_ordered(bytes).as_i256() })
}

/// The numbers of an array.
///
/// # Errors
/// LOGICAL_ERROR when it is of another layout.
pub fn numbers<W: Wide>(array: &dyn Array) -> Result<Vec<W>> {
    let wrong = || Error::logical(format!("an array of {} for 256 bits", array.data_type()));
    let fixed = array.as_fixed_size_binary_opt().filter(|a| a.value_length() == BYTES as i32);
    let (chunks, _) = fixed.ok_or_else(wrong)?.value_data().as_chunks::<BYTES>();
    Ok(chunks.iter().map(|bytes| W::from_ordered(*bytes)).collect())
}

/// An array of numbers.
///
/// # Errors
/// LOGICAL_ERROR when there are not as many NULLs as numbers.
pub fn array<W: Wide>(
    numbers: impl Iterator<Item = W>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let mut bytes: Vec<u8> = Vec::with_capacity(numbers.size_hint().0 * BYTES);
    numbers.for_each(|number| bytes.extend_from_slice(&number.to_ordered()));
    let array = FixedSizeBinaryArray::try_new(BYTES as i32, Buffer::from_vec(bytes), nulls);
    Ok(Arc::new(array.map_err(|e| Error::logical(e.to_string()))?))
}

/// An array of numbers without NULLs.
pub fn plain_array<W: Wide>(numbers: &[W]) -> ArrayRef {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ordered()).collect();
    Arc::new(FixedSizeBinaryArray::new(BYTES as i32, Buffer::from_vec(bytes), None))
}

/// 10 to a power, as far as 256 bits with a sign go.
pub fn power_of_ten(exponent: u32) -> I256 {
    I256::new(10).checked_pow(exponent).unwrap_or(I256::MAX)
}

#[cfg(test)]
mod tests {
    use super::{I256, U256, Wide, array, from_little, numbers, to_little};

    #[test]
    fn bytes_are_ordered_as_numbers() {
        let signed = [I256::MIN, I256::new(-300), I256::new(-1), I256::new(0), I256::new(7)];
        let bytes: Vec<[u8; 32]> = signed.iter().map(|n| n.to_ordered()).collect();
        assert!(bytes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(numbers::<I256>(&array(signed.into_iter(), None).unwrap()).unwrap(), signed);
        let unsigned = [U256::ZERO, U256::new(1) << 200, U256::MAX];
        assert_eq!(numbers::<U256>(&array(unsigned.into_iter(), None).unwrap()).unwrap(), unsigned);
        let little = to_little(I256::new(-300).to_ordered(), true);
        assert_eq!(little, I256::new(-300).to_le_bytes());
        assert_eq!(from_little(little, true), I256::new(-300).to_ordered());
    }
}
