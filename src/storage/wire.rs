//! Whole numbers in and out of bytes: LEB128, zigzag for signed ones, checked on reading.

use base::{Result, bail};

/// Appends an unsigned number, seven bits a byte, lowest first.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number; small ones of either sign are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i128) {
    put(out, ((value << 1) ^ (value >> 127)) as u128);
}

/// Appends a length and so many bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u128);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; every call fails with CORRUPTED_DATA past the end.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(crate) fn unsigned(&mut self) -> Result<u128> {
        let mut value = 0u128;
        for shift in (0..).step_by(7) {
            let Some((byte, rest)) = self.bytes.split_first() else {
                bail!(CorruptedData, "a number is cut off");
            };
            self.bytes = rest;
            if shift > 126 || (shift == 126 && *byte > 3) {
                bail!(CorruptedData, "a number is too long");
            }
            value |= u128::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    pub(crate) fn signed(&mut self) -> Result<i128> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i128 ^ -((value & 1) as i128))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        match u64::try_from(self.unsigned()?) {
            Ok(value) => Ok(value),
            Err(_) => bail!(CorruptedData, "a number does not fit 64 bits"),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        match u32::try_from(self.unsigned()?) {
            Ok(value) => Ok(value),
            Err(_) => bail!(CorruptedData, "a number does not fit 32 bits"),
        }
    }

    /// A count of things that take at least one byte each of what is left.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let count = self.unsigned()?;
        if count > self.bytes.len() as u128 {
            bail!(CorruptedData, "a count of {count} exceeds the bytes that are left");
        }
        Ok(count as usize)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.bytes.split_at_checked(length) {
            Some((taken, rest)) => {
                self.bytes = rest;
                Ok(taken)
            }
            None => bail!(CorruptedData, "{length} bytes are cut off"),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn length_and_bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, put, put_signed};

    #[test]
    fn numbers_come_back() {
        let mut out = Vec::new();
        let all = [0, 1, 127, 128, u128::from(u64::MAX), u128::MAX];
        let signed = [0, -1, 1, i128::MAX, i128::MIN];
        all.iter().for_each(|v| put(&mut out, *v));
        signed.iter().for_each(|v| put_signed(&mut out, *v));
        let mut reader = Reader::new(&out);
        for value in all {
            assert_eq!(reader.unsigned().unwrap(), value);
        }
        for value in signed {
            assert_eq!(reader.signed().unwrap(), value);
        }
        assert!(reader.is_empty() && reader.unsigned().is_err());
        assert!(Reader::new(&[0xff; 40]).unsigned().is_err());
    }
}
