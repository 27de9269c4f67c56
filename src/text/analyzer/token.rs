//! One token while it is read: bounded, put into lower case.

use std::hash::Hasher;

use twox_hash::XxHash64;

/// The longest token that is kept as it is.
const LONGEST: usize = 512;
/// What is kept of a longer one, before the digits of its hash.
const KEPT: usize = 480;

/// A word in lower case, character by character.
pub(super) fn lowered(text: &str, lowercase: bool) -> Vec<u8> {
    if !lowercase {
        return text.as_bytes().to_vec();
    }
    text.chars().flat_map(char::to_lowercase).collect::<String>().into_bytes()
}

/// The bytes of a token; of a long one what identifies it.
#[derive(Default)]
pub(super) struct TokenBuffer {
    bytes: Vec<u8>,
    hashes: Option<Box<[XxHash64; 2]>>,
}

impl TokenBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it was too long to be kept as it is.
    pub(super) fn is_long(&self) -> bool {
        self.hashes.is_some()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.hashes = None;
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.hashes.is_none() && self.bytes.len() + bytes.len() <= LONGEST {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.push_long(bytes);
        }
    }

    #[cold]
    fn push_long(&mut self, bytes: &[u8]) {
        let kept = &mut self.bytes;
        let hashes = self.hashes.get_or_insert_with(|| {
            let mut hashes = Box::new([XxHash64::with_seed(1), XxHash64::with_seed(2)]);
            hashes.iter_mut().for_each(|hash| hash.write(kept));
            hashes
        });
        hashes.iter_mut().for_each(|hash| hash.write(bytes));
        let room = LONGEST.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
    }

    /// Bytes of ASCII, put into lower case if asked.
    #[inline]
    pub(super) fn push_ascii(&mut self, bytes: &[u8], lowercase: bool) {
        if self.hashes.is_none() && self.bytes.len() + bytes.len() <= LONGEST {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            if lowercase {
                self.bytes[start..].make_ascii_lowercase();
            }
            return;
        }
        for part in bytes.chunks(64) {
            let mut copy = [0; 64];
            let copy = &mut copy[..part.len()];
            copy.copy_from_slice(part);
            if lowercase {
                copy.make_ascii_lowercase();
            }
            self.push(copy);
        }
    }

    #[inline]
    pub(super) fn push_char(&mut self, c: char, lowercase: bool) {
        let mut buffer = [0; 4];
        if lowercase {
            for lower in c.to_lowercase() {
                self.push(lower.encode_utf8(&mut buffer).as_bytes());
            }
        } else {
            self.push(c.encode_utf8(&mut buffer).as_bytes());
        }
    }

    /// What is indexed.
    pub(super) fn text(&mut self) -> &[u8] {
        if let Some(hashes) = &self.hashes {
            let digits = format!("{:016x}{:016x}", hashes[0].finish(), hashes[1].finish());
            self.bytes.truncate(KEPT);
            self.bytes.extend_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}
