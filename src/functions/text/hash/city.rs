//! CityHash64 as of its version 1.0.2, which ClickHouse has kept.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;

fn word(text: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&text[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn half(text: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&text[at..at + 4]);
    u64::from(u32::from_le_bytes(bytes))
}

fn mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

/// Two words to one; ClickHouse combines the hashes of arguments with it, too.
pub(super) fn combine(low: u64, high: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;
    let mut a = (low ^ high).wrapping_mul(MULTIPLIER);
    a ^= a >> 47;
    let mut b = (high ^ a).wrapping_mul(MULTIPLIER);
    b ^= b >> 47;
    b.wrapping_mul(MULTIPLIER)
}

fn up_to_16(text: &[u8]) -> u64 {
    let length = text.len();
    if length > 8 {
        let (a, b) = (word(text, 0), word(text, length - 8));
        let rotated = b.wrapping_add(length as u64).rotate_right(length as u32);
        return combine(a, rotated) ^ b;
    }
    if length >= 4 {
        let a = half(text, 0);
        return combine((length as u64).wrapping_add(a << 3), half(text, length - 4));
    }
    if length > 0 {
        let (a, b, c) = (text[0], text[length >> 1], text[length - 1]);
        let y = u32::from(a).wrapping_add(u32::from(b) << 8);
        let z = (length as u32).wrapping_add(u32::from(c) << 2);
        let mixed = mix(u64::from(y).wrapping_mul(K2) ^ u64::from(z).wrapping_mul(K3));
        return mixed.wrapping_mul(K2);
    }
    K2
}

fn up_to_32(text: &[u8]) -> u64 {
    let length = text.len();
    let a = word(text, 0).wrapping_mul(K1);
    let b = word(text, 8);
    let c = word(text, length - 8).wrapping_mul(K2);
    let d = word(text, length - 16).wrapping_mul(K0);
    combine(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(length as u64),
    )
}

/// Two seeds over 32 bytes.
fn weak(text: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) =
        (word(text, at), word(text, at + 8), word(text, at + 16), word(text, at + 24));
    let mut a = a.wrapping_add(w);
    let mut b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    a = a.wrapping_add(x).wrapping_add(y);
    b = b.wrapping_add(a.rotate_right(44));
    (a.wrapping_add(z), b.wrapping_add(c))
}

fn up_to_64(text: &[u8]) -> u64 {
    let length = text.len();
    let sums = |z: u64, from: usize, start: u64| {
        let mut a = start;
        let mut b = a.wrapping_add(z).rotate_right(52);
        let mut c = a.rotate_right(37);
        a = a.wrapping_add(word(text, from));
        c = c.wrapping_add(a.rotate_right(7));
        a = a.wrapping_add(word(text, from + 8));
        let first = a.wrapping_add(z);
        b = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
        (first, b)
    };
    let z = word(text, 24);
    let start = word(text, 0)
        .wrapping_add((length as u64).wrapping_add(word(text, length - 16)).wrapping_mul(K0));
    let (vf, vs) = {
        let (mut a, mut b, mut c) =
            (start, start.wrapping_add(z).rotate_right(52), start.rotate_right(37));
        a = a.wrapping_add(word(text, 8));
        c = c.wrapping_add(a.rotate_right(7));
        a = a.wrapping_add(word(text, 16));
        b = a.rotate_right(31).wrapping_add(b).wrapping_add(c);
        (a.wrapping_add(z), b)
    };
    let z = word(text, length - 8);
    let start = word(text, 16).wrapping_add(word(text, length - 32));
    let (wf, ws) = sums(z, length - 24, start);
    let r = mix(vf
        .wrapping_add(ws)
        .wrapping_mul(K2)
        .wrapping_add(wf.wrapping_add(vs).wrapping_mul(K0)));
    mix(r.wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

/// The hash of a string.
pub(super) fn hash64(text: &[u8]) -> u64 {
    let length = text.len();
    match length {
        0..=16 => return up_to_16(text),
        17..=32 => return up_to_32(text),
        33..=64 => return up_to_64(text),
        _ => {}
    }
    let mut x = word(text, 0);
    let mut y = word(text, length - 16) ^ K1;
    let mut z = word(text, length - 56) ^ K0;
    let mut v = weak(text, length - 64, length as u64, y);
    let mut w = weak(text, length - 32, (length as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    for at in (0..(length - 1) & !63).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(text, at + 16));
        x = x.rotate_right(37).wrapping_mul(K1);
        y = y.wrapping_add(v.1).wrapping_add(word(text, at + 48));
        y = y.rotate_right(42).wrapping_mul(K1);
        x ^= w.1;
        y ^= v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak(text, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak(text, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
    }
    combine(
        combine(v.0, w.0).wrapping_add(mix(y).wrapping_mul(K1)).wrapping_add(z),
        combine(v.1, w.1).wrapping_add(x),
    )
}
