//! Variable-length integers, and a reader that never leaves its bytes.
//!
//! A varint holds seven bits a byte, lowest first; the top bit says that another byte follows.

use base::{Error, Result, error};

/// The error for bytes that no writer of ours can have written.
pub(crate) fn corrupt(what: &str) -> Error {
    error!(CorruptedData, "Corrupt page: {what}; check the disk and restore the part")
}

/// Appends a varint of 1 to 10 bytes.
pub fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes that a varint takes.
pub(crate) fn varint_size(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Maps small numbers of either sign to small unsigned ones: 0, -1, 1, -2 become 0, 1, 2, 3.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads from the front of a slice; running out of bytes is CORRUPTED_DATA.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of all these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(|| corrupt("it ends early"))?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next varint.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(corrupt("a varint has more than 64 bits"))
    }

    /// The next varint, which must not be above `limit`.
    pub fn length(&mut self, limit: usize) -> Result<usize> {
        match usize::try_from(self.varint()?) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(corrupt("a length is out of bounds")),
        }
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| corrupt("it ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A varint length and so many bytes.
    pub fn prefixed(&mut self) -> Result<&'a [u8]> {
        let length = self.length(self.rest.len())?;
        self.take(length)
    }

    /// All bytes that are left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Appends what `write` appends, with its length as a varint in front.
pub(crate) fn write_prefixed<T>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<T>,
) -> Result<T> {
    let mut inner = Vec::new();
    let result = write(&mut inner)?;
    write_varint(inner.len() as u64, out);
    out.extend_from_slice(&inner);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::{Reader, unzigzag, varint_size, write_varint, zigzag};

    #[test]
    fn varints_come_back() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                write_varint(value, &mut out);
                assert_eq!(out.len(), varint_size(value), "{value}");
                let mut reader = Reader::new(&out);
                assert_eq!(reader.varint().unwrap(), value);
                assert!(reader.rest().is_empty());
                assert!(Reader::new(&out[..out.len() - 1]).varint().is_err());
            }
        }
        assert!(Reader::new(&[0xff; 12]).varint().is_err());
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn readers_stay_inside() {
        let mut reader = Reader::new(&[3, 1, 2]);
        assert!(reader.prefixed().is_err());
        assert!(Reader::new(&[]).u8().is_err());
        assert!(Reader::new(&[200, 1]).length(100).is_err());
    }
}
