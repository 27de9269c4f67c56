//! MurmurHash 2 and 3, with the seed 0.

fn words<const N: usize>(text: &[u8]) -> (&[[u8; N]], &[u8]) {
    text.as_chunks::<N>()
}

fn tail(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(bytes)
}

/// MurmurHash2, 32 bits.
pub(super) fn hash2_32(text: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = text.len() as u32;
    let (blocks, rest) = words::<4>(text);
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k = (k ^ k >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        hash = (hash ^ tail(rest) as u32).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

/// MurmurHash2, the variant of 64 bits for machines of 64 bits.
pub(super) fn hash2_64(text: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (text.len() as u64).wrapping_mul(M);
    let (blocks, rest) = words::<8>(text);
    for block in blocks {
        let mut k = u64::from_le_bytes(*block).wrapping_mul(M);
        k = (k ^ k >> 47).wrapping_mul(M);
        hash = (hash ^ k).wrapping_mul(M);
    }
    if !rest.is_empty() {
        hash = (hash ^ tail(rest)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

/// The hash of the standard library of GCC: the 64 bits of MurmurHash2 with its own handling of
/// the last bytes and its own seed.
pub(super) fn hash_gcc(text: &[u8]) -> u64 {
    hash2_64(text, 0xc70f_6907)
}

/// MurmurHash3, 32 bits.
pub(super) fn hash3_32(text: &[u8]) -> u32 {
    let scramble = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0_u32;
    let (blocks, rest) = words::<4>(text);
    for block in blocks {
        hash = (hash ^ scramble(u32::from_le_bytes(*block))).rotate_left(13);
        hash = hash.wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        hash ^= scramble(tail(rest) as u32);
    }
    hash ^= text.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// MurmurHash3, 128 bits for machines of 64 bits: both halves.
pub(super) fn hash3_128(text: &[u8]) -> (u64, u64) {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let first = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (mut a, mut b) = (0_u64, 0_u64);
    let (blocks, rest) = words::<16>(text);
    for block in blocks {
        let whole = u128::from_le_bytes(*block);
        a = (a ^ first(whole as u64)).rotate_left(27).wrapping_add(b);
        a = a.wrapping_mul(5).wrapping_add(0x52dc_e729);
        b = (b ^ second((whole >> 64) as u64)).rotate_left(31).wrapping_add(a);
        b = b.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = rest.split_at(rest.len().min(8));
    b ^= second(tail(high));
    a ^= first(tail(low));
    a ^= text.len() as u64;
    b ^= text.len() as u64;
    a = a.wrapping_add(b);
    b = b.wrapping_add(a);
    a = super::finalize_64(a);
    b = super::finalize_64(b);
    a = a.wrapping_add(b);
    (a, b.wrapping_add(a))
}
