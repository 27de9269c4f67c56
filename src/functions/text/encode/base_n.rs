//! Bases 32, 58 and 64.

/// A base whose letters stand for a whole number of bits.
pub(super) struct Bits {
    letters: &'static [u8],
    bits: u32,
    /// Letters per padded group; 1 for none.
    group: usize,
}

pub(super) static BASE64: Bits = Bits {
    letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    group: 4,
};
pub(super) static BASE64_URL: Bits = Bits {
    letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    bits: 6,
    group: 1,
};
pub(super) static BASE32: Bits =
    Bits { letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, group: 8 };

impl Bits {
    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) {
        let (mut held, mut count, start) = (0_u32, 0, out.len());
        let mask = (1 << self.bits) - 1;
        for byte in text {
            held = held << 8 | u32::from(*byte);
            count += 8;
            while count >= self.bits {
                count -= self.bits;
                out.push(self.letters[(held >> count & mask) as usize]);
            }
        }
        if count > 0 {
            out.push(self.letters[(held << (self.bits - count) & mask) as usize]);
        }
        while !(out.len() - start).is_multiple_of(self.group) {
            out.push(b'=');
        }
    }

    /// Padding must be complete where the base has it.
    pub(super) fn decode(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        // Line breaks are no part of the text; without padding, no white space is.
        let passed_over: &[u8] = if self.group == 1 { b"\r\n \t\x0C" } else { b"\r\n" };
        let joined: Vec<u8>;
        let text = if text.iter().any(|byte| passed_over.contains(byte)) {
            joined = text.iter().copied().filter(|byte| !passed_over.contains(byte)).collect();
            &joined[..]
        } else {
            text
        };
        let letters = text.iter().rposition(|byte| *byte != b'=').map_or(0, |at| at + 1);
        if !text.len().is_multiple_of(self.group) || (letters == 0 && !text.is_empty()) {
            return None;
        }
        let (mut held, mut count) = (0_u32, 0);
        for byte in &text[..letters] {
            let value = self.value(*byte)?;
            held = held << self.bits | value;
            count += self.bits;
            if count >= 8 {
                count -= 8;
                out.push((held >> count) as u8);
            }
        }
        // A letter that brings no byte is one too many.
        (count < self.bits).then_some(())
    }

    fn value(&self, letter: u8) -> Option<u32> {
        Some(match (letter, self.bits) {
            (b'A'..=b'Z', _) => u32::from(letter - b'A'),
            (b'a'..=b'z', 6) => u32::from(letter - b'a') + 26,
            (b'0'..=b'9', 6) => u32::from(letter - b'0') + 52,
            (b'a'..=b'z', 5) => u32::from(letter - b'a'),
            (b'2'..=b'7', 5) => u32::from(letter - b'2') + 26,
            // Without padding, both spellings of the last two are read, as ClickHouse does.
            (b'+', 6) if self.group == 1 => 62,
            (b'/', 6) if self.group == 1 => 63,
            _ if self.letters.len() == 64 && letter == self.letters[62] => 62,
            _ if self.letters.len() == 64 && letter == self.letters[63] => 63,
            _ => return None,
        })
    }
}

/// Base 58: the string as one number.
pub(super) struct Number {
    letters: &'static [u8; 58],
}

pub(super) static BASE58: Number =
    Number { letters: b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz" };

impl Number {
    pub(super) fn encode(&self, text: &[u8], out: &mut Vec<u8>) {
        let zeros = text.iter().take_while(|byte| **byte == 0).count();
        let mut digits: Vec<u8> = Vec::new();
        for byte in &text[zeros..] {
            let mut carry = u32::from(*byte);
            for digit in &mut digits {
                carry += u32::from(*digit) << 8;
                *digit = (carry % 58) as u8;
                carry /= 58;
            }
            while carry > 0 {
                digits.push((carry % 58) as u8);
                carry /= 58;
            }
        }
        out.extend(std::iter::repeat_n(self.letters[0], zeros));
        out.extend(digits.iter().rev().map(|digit| self.letters[usize::from(*digit)]));
    }

    pub(super) fn decode(&self, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let zeros = text.iter().take_while(|byte| **byte == self.letters[0]).count();
        let mut bytes: Vec<u8> = Vec::new();
        for letter in &text[zeros..] {
            let mut carry = self.letters.iter().position(|l| l == letter)? as u32;
            for byte in &mut bytes {
                carry += u32::from(*byte) * 58;
                *byte = carry as u8;
                carry >>= 8;
            }
            while carry > 0 {
                bytes.push(carry as u8);
                carry >>= 8;
            }
        }
        out.extend(std::iter::repeat_n(0, zeros));
        out.extend(bytes.iter().rev());
        Some(())
    }
}
