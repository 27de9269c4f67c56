//! Small values to bytes and back: variable-length integers, lengths with bytes, words.
//!
//! Reading never panics: bytes that end early or hold an overlong integer are an error that says
//! the index is corrupted.

use base::{Error, ErrorCode, Result};

/// The error of bytes that cannot be what a writer of this room wrote.
#[cold]
pub(crate) fn corrupted(what: &str) -> Error {
    Error::new(ErrorCode::CorruptedData, format!("Text index is corrupted: {what}"))
}

/// Appends an integer, seven bits a byte, the low ones first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length and as many bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads from front to back.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Whether everything was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| corrupted("it ends early"))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(corrupted("an integer is too long"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(corrupted("an integer is too long"));
            }
        }
    }

    /// An integer that must fit 32 bits.
    #[inline]
    pub(crate) fn varint32(&mut self) -> Result<u32> {
        u32::try_from(self.varint()?).map_err(|_| corrupted("an integer is too large"))
    }

    /// Passes over some integers, all at once where they lie within eight bytes.
    #[inline]
    pub(crate) fn pass_varints(&mut self, count: usize) -> Result<()> {
        if let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) {
            let mut ends = !u64::from_le_bytes(*word) & 0x8080_8080_8080_8080;
            for _ in 1..count {
                ends &= ends.wrapping_sub(1);
            }
            if ends != 0 {
                self.at += ends.trailing_zeros() as usize / 8 + 1;
                return Ok(());
            }
        }
        (0..count).try_for_each(|_| self.varint().map(drop))
    }

    /// As many bytes.
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or_else(|| corrupted("a length is too large"))?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| corrupted("it ends early"))?;
        self.at = end;
        Ok(taken)
    }

    /// A length and as many bytes.
    pub(crate) fn length_and_bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| corrupted("a length is too large"))?)
    }

    /// Eight bytes as an integer.
    pub(crate) fn word(&mut self) -> Result<u64> {
        let bytes = self.take(8)?;
        Ok(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }
}

/// The integer of four bytes at an index of an array of them; zero where there is none.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], index: usize) -> u32 {
    match bytes.get(index * 4..index * 4 + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// The eight bytes at an offset as an integer; bytes past the end are zero.
#[inline]
pub(crate) fn u64_from(bytes: &[u8], offset: usize) -> u64 {
    if let Some(&[a, b, c, d, e, f, g, h]) = bytes.get(offset..offset + 8) {
        return u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    }
    let rest = bytes.get(offset..).unwrap_or_default();
    rest.iter().take(8).rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back() {
        let mut out = Vec::new();
        let values = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        values.iter().for_each(|value| put_varint(&mut out, *value));
        let mut reader = Reader::new(&out);
        assert!(values.iter().all(|value| reader.varint().unwrap() == *value));
        assert!(reader.is_empty() && reader.varint().is_err());
        assert!(Reader::new(&[0xff; 12]).varint().is_err());
        for first in values {
            for second in values {
                for (third, behind) in [(5, 0), (5, 9), (u64::from(u32::MAX), 9), (1 << 20, 1)] {
                    let mut out = Vec::new();
                    [first, second, third].iter().for_each(|value| put_varint(&mut out, *value));
                    let length = out.len();
                    out.resize(length + behind, 0xff);
                    let mut reader = Reader::new(&out);
                    reader.pass_varints(3).unwrap();
                    assert_eq!(reader.at, length);
                    assert!(Reader::new(&out[..length - 1]).pass_varints(3).is_err());
                }
            }
        }
    }

    #[test]
    fn words_past_the_end_are_zero() {
        assert_eq!(u64_from(&[1, 2], 0), 0x0201);
        assert_eq!(u64_from(&[1, 2], 9), 0);
        assert_eq!(u32_at(&[1, 0, 0, 0], 1), 0);
    }
}
