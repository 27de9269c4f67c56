//! Hashes for tables within states. They are written into states, so they must never change.

/// Mixes the bits of a number (the finalizer of splitmix64).
#[inline]
pub(crate) fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The product's halves, folded.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Eight bytes as a number; fewer are filled up with zeros.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Some(whole) = bytes.first_chunk() {
        return u64::from_le_bytes(*whole);
    }
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

const KEYS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03, 0x8cb9_2ba7_2f3d_8dd7, 0xaaaa_aaaa_aaaa_aaab];

/// 128 bits of hash of a byte string: two lanes of folded multiplications over 16-byte blocks.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u128 {
    let length = bytes.len() as u64;
    let mut first = length.wrapping_mul(KEYS[0]) ^ KEYS[2];
    let mut second = length.wrapping_mul(KEYS[1]) ^ KEYS[3];
    let mut rest = bytes;
    loop {
        let low = word(rest);
        let high = word(rest.get(8..).unwrap_or_default());
        first = fold(first ^ low ^ KEYS[0], high ^ KEYS[1]).wrapping_add(second.rotate_left(23));
        second = fold(second ^ high ^ KEYS[2], low ^ KEYS[3] ^ first.rotate_left(31));
        match rest.get(16..) {
            Some(more) if !more.is_empty() => rest = more,
            _ => break,
        }
    }
    u128::from(mix(first ^ second.rotate_left(17)))
        | u128::from(mix(second.wrapping_add(first))) << 64
}
