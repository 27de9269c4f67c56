//! Bytes of aggregate states: little endian, lengths as LEB128, read without trust.

use base::{Error, Result, error};

/// The error of bytes that are no state.
pub(crate) fn corrupt() -> Error {
    error!(IncorrectData, "Cannot read the state of an aggregate function: its bytes are damaged")
}

/// Appends a number in groups of seven bits, low ones first.
pub(crate) fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads what [`write_varint`] wrote.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first().ok_or_else(corrupt)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(corrupt())
}

/// Reads a length of items that take at least `least` bytes each, so that it can be trusted
/// for an allocation.
pub(crate) fn read_length(bytes: &mut &[u8], least: usize) -> Result<usize> {
    let length = usize::try_from(read_varint(bytes)?).map_err(|_| corrupt())?;
    if length > bytes.len() / least.max(1) {
        return Err(corrupt());
    }
    Ok(length)
}

/// Takes so many bytes off the front.
pub(crate) fn read_bytes<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    bytes.split_off(..length).ok_or_else(corrupt)
}

/// Appends a length and the bytes.
pub(crate) fn write_string(string: &[u8], out: &mut Vec<u8>) {
    write_varint(string.len() as u64, out);
    out.extend_from_slice(string);
}

/// Reads what [`write_string`] wrote.
pub(crate) fn read_string<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let length = read_length(bytes, 1)?;
    read_bytes(bytes, length)
}

/// Fails unless the next byte is the version that this program writes.
pub(crate) fn read_version(bytes: &mut &[u8], version: u8) -> Result<()> {
    match bytes.split_off_first() {
        Some(found) if *found == version => Ok(()),
        _ => Err(corrupt()),
    }
}

/// A value of constant size in states.
pub(crate) trait Plain: Copy + Default + Send + Sync + 'static {
    /// Bytes that one takes.
    const BYTES: usize;

    /// Appends it.
    fn write(self, out: &mut Vec<u8>);

    /// Reads one.
    fn read(bytes: &mut &[u8]) -> Result<Self>;
}

macro_rules! plain {
    ($($native:ty)*) => {$(
        impl Plain for $native {
            const BYTES: usize = size_of::<$native>();

            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Result<$native> {
                let found = bytes.split_first_chunk().ok_or_else(corrupt)?;
                *bytes = found.1;
                Ok(<$native>::from_le_bytes(*found.0))
            }
        }
    )*};
}

plain!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl Plain for bool {
    const BYTES: usize = 1;

    fn write(self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }

    fn read(bytes: &mut &[u8]) -> Result<bool> {
        match u8::read(bytes)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt()),
        }
    }
}

impl<A: Plain, B: Plain> Plain for (A, B) {
    const BYTES: usize = A::BYTES + B::BYTES;

    fn write(self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Result<(A, B)> {
        Ok((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<T: Plain, const N: usize> Plain for [T; N]
where
    [T; N]: Default,
{
    const BYTES: usize = T::BYTES * N;

    fn write(self, out: &mut Vec<u8>) {
        self.into_iter().for_each(|item| item.write(out));
    }

    fn read(bytes: &mut &[u8]) -> Result<[T; N]> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::read(bytes)?;
        }
        Ok(items)
    }
}

/// Appends a list with its length.
pub(crate) fn write_list<T: Plain>(items: impl ExactSizeIterator<Item = T>, out: &mut Vec<u8>) {
    write_varint(items.len() as u64, out);
    items.for_each(|item| item.write(out));
}

/// Reads what [`write_list`] wrote.
pub(crate) fn read_list<T: Plain>(bytes: &mut &[u8]) -> Result<Vec<T>> {
    let length = read_length(bytes, T::BYTES)?;
    (0..length).map(|_| T::read(bytes)).collect()
}
