//! CityHash128 of version 1.0.2: the checksum of ClickHouse's compressed frames.
//!
//! Later versions of CityHash give other values, so the version is part of the wire format.
//! Invariant: every read below is within `data`; the callers of [`word`] keep `at + 8` within it.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;
const MULTIPLIER: u64 = 0x9ddf_ea08_eb38_2d69;

/// The 128-bit hash of `data`: the low half, then the high half.
pub(crate) fn hash128(data: &[u8]) -> (u64, u64) {
    match data.len() {
        0..=7 => murmur(data, (K0, K1)),
        len @ 8..=15 => {
            murmur(&[], (word(data, 0) ^ K0.wrapping_mul(len as u64), word(data, len - 8) ^ K1))
        }
        16..=143 => murmur(&data[16..], (word(data, 0) ^ K3, word(data, 8))),
        _ => long(&data[16..], (word(data, 0) ^ K3, word(data, 8))),
    }
}

/// Eight bytes as a little-endian number.
fn word(data: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&data[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn half_word(data: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&data[at..at + 4]);
    u64::from(u32::from_le_bytes(bytes))
}

fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

/// Two words into one.
fn fold(low: u64, high: u64) -> u64 {
    let first = shift_mix((low ^ high).wrapping_mul(MULTIPLIER));
    shift_mix((high ^ first).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER)
}

/// At most 16 bytes into one word.
fn short(data: &[u8]) -> u64 {
    let len = data.len();
    match len {
        0 => K2,
        1..=3 => {
            let first = u64::from(data[0]) + (u64::from(data[len / 2]) << 8);
            let last = len as u64 + (u64::from(data[len - 1]) << 2);
            shift_mix(first.wrapping_mul(K2) ^ last.wrapping_mul(K3)).wrapping_mul(K2)
        }
        4..=8 => fold(len as u64 + (half_word(data, 0) << 3), half_word(data, len - 4)),
        _ => {
            let last = word(data, len - 8);
            let turned = last.wrapping_add(len as u64).rotate_right(len as u32);
            fold(word(data, 0), turned) ^ last
        }
    }
}

/// Fewer than 128 bytes, with a seed.
fn murmur(data: &[u8], seed: (u64, u64)) -> (u64, u64) {
    let len = data.len();
    let (mut a, mut b) = seed;
    let (mut c, mut d);
    if len <= 16 {
        a = shift_mix(a.wrapping_mul(K1)).wrapping_mul(K1);
        c = b.wrapping_mul(K1).wrapping_add(short(data));
        d = shift_mix(a.wrapping_add(if len >= 8 { word(data, 0) } else { c }));
    } else {
        c = fold(word(data, len - 8).wrapping_add(K1), a);
        d = fold(b.wrapping_add(len as u64), c.wrapping_add(word(data, len - 16)));
        a = a.wrapping_add(d);
        for at in (0..len - 16).step_by(16) {
            a = (a ^ shift_mix(word(data, at).wrapping_mul(K1)).wrapping_mul(K1)).wrapping_mul(K1);
            b ^= a;
            c = (c ^ shift_mix(word(data, at + 8).wrapping_mul(K1)).wrapping_mul(K1))
                .wrapping_mul(K1);
            d ^= c;
        }
    }
    a = fold(a, c);
    b = fold(d, b);
    (a ^ b, fold(b, a))
}

/// 32 bytes and two words into two words.
fn weak(data: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let a = a.wrapping_add(word(data, at));
    let last = word(data, at + 24);
    let b = b.wrapping_add(a).wrapping_add(last).rotate_right(21);
    let sum = a.wrapping_add(word(data, at + 8)).wrapping_add(word(data, at + 16));
    (sum.wrapping_add(last), b.wrapping_add(sum.rotate_right(44)).wrapping_add(a))
}

/// 128 bytes or more, with a seed.
fn long(data: &[u8], seed: (u64, u64)) -> (u64, u64) {
    let len = data.len();
    let (mut x, mut y) = seed;
    let mut z = K1.wrapping_mul(len as u64);
    let first = (y ^ K1).rotate_right(49).wrapping_mul(K1).wrapping_add(word(data, 0));
    let mut v = (first, first.rotate_right(42).wrapping_mul(K1).wrapping_add(word(data, 8)));
    let mut w = (
        y.wrapping_add(z).rotate_right(35).wrapping_mul(K1).wrapping_add(x),
        x.wrapping_add(word(data, 88)).rotate_right(53).wrapping_mul(K1),
    );
    let whole = len - len % 128;
    for at in (0..whole).step_by(64) {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(data, at + 16));
        x = x.rotate_right(37).wrapping_mul(K1) ^ w.1;
        y = y.wrapping_add(v.1).wrapping_add(word(data, at + 48));
        y = y.rotate_right(42).wrapping_mul(K1) ^ v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak(data, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak(data, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
    }
    y = y.wrapping_add(w.0.rotate_right(37).wrapping_mul(K0)).wrapping_add(z);
    x = x.wrapping_add(v.0.wrapping_add(z).rotate_right(49).wrapping_mul(K0));
    // The rest, in pieces of 32 bytes from the end; the last piece may reach back into bytes
    // that were hashed already.
    for done in (32..len - whole + 32).step_by(32) {
        let at = len - done;
        y = y.wrapping_sub(x).rotate_right(42).wrapping_mul(K0).wrapping_add(v.1);
        w.0 = w.0.wrapping_add(word(data, at + 16));
        x = x.rotate_right(49).wrapping_mul(K0).wrapping_add(w.0);
        w.0 = w.0.wrapping_add(v.0);
        v = weak(data, at, v.0, v.1);
    }
    x = fold(x, v.0);
    y = fold(y, w.0);
    (fold(x.wrapping_add(v.1), w.1).wrapping_add(y), fold(x.wrapping_add(w.1), y.wrapping_add(v.1)))
}

#[cfg(test)]
mod tests {
    use super::hash128;

    /// Values of the reference implementation, one length of every branch and around each edge.
    const KNOWN: &[(usize, u64, u64)] = &[
        (0, 0x3df0_9dfc_64c0_9a2b, 0x3cb5_40c3_92e5_1e29),
        (1, 0x5a03_ab4f_802b_3f6c, 0x58a8_8a3c_8a31_e91a),
        (3, 0x3108_fa6b_1da1_6986, 0x3230_1bf0_c250_612d),
        (4, 0x2b36_229b_a99a_a334, 0x25e1_c052_f640_8d75),
        (7, 0x4d69_55e1_bc46_24e3, 0x252e_8c01_5f4c_9bd0),
        (8, 0x9feb_346c_e8e3_5a98, 0xf2f9_f118_5545_d8ba),
        (9, 0x8088_5008_a99d_77f2, 0x0854_364f_e84a_ef88),
        (15, 0x1443_b647_0aa1_c7ff, 0x70f9_9883_5a68_4c59),
        (16, 0x4e7e_2890_890c_933d, 0x9b65_11d6_4404_77c7),
        (17, 0xf0e9_ed04_b1c7_f44e, 0x8a17_c6d0_4d54_31ae),
        (24, 0x3a34_086b_235e_cfbb, 0x0cb6_5080_ace6_058f),
        (31, 0x99f1_8511_2aa9_cd7e, 0xd427_62ed_f050_8928),
        (32, 0xadf0_df93_5f46_a6c9, 0x45c6_069d_82f7_b2fc),
        (33, 0xd551_3023_ba6c_fa27, 0x0794_3a16_a875_7b14),
        (40, 0x0746_0019_0691_c815, 0x8066_1194_e883_ffab),
        (63, 0x81f1_dcac_3dee_8dfe, 0x375d_2f74_e6e7_4f96),
        (64, 0x5e48_14ca_a88e_96df, 0x0ed8_510d_8737_9cb2),
        (100, 0x2053_9731_96d1_7d5a, 0xd4e6_ce4e_7564_ace7),
        (127, 0x4f13_561d_5be0_76e7, 0x38f8_d0cd_e624_97c7),
        (128, 0xcf62_d3c7_adbc_75a9, 0x74ba_dcfa_53f7_ac90),
        (143, 0xd9e0_dedd_250a_44da, 0x6c7e_b8fd_5e5b_d6a8),
        (144, 0xfbce_3da5_a8ff_2dd6, 0xe0db_dd04_42ed_57e6),
        (145, 0x35ce_7b64_5ec7_b243, 0x78e4_0e98_1b9f_c775),
        (160, 0xbd37_c4b8_4e04_b399, 0x5566_571c_bbc0_bfba),
        (200, 0x905c_939a_b00c_7aa1, 0xe9d6_52c3_3ff4_c62b),
        (256, 0xe0c8_f7a8_97d3_f971, 0xdce1_bd59_7828_2bd6),
        (271, 0xc212_e2bb_5725_d843, 0x69f0_5e93_bb9d_fa10),
        (272, 0xbc8c_72b2_36c4_4673, 0xa3ea_8207_cfd9_b709),
        (300, 0x3d44_54ae_b58d_912b, 0x183e_5532_b8f0_c27c),
        (400, 0x3f9e_4c72_3232_04af, 0x16c7_0ad5_a778_4322),
        (1000, 0x9a28_140d_db6b_3c9c, 0x680d_7ac7_9273_16dd),
        (4096, 0xee56_95b4_259a_d53e, 0xf5ec_f4fa_031b_4fbc),
    ];

    #[test]
    fn gives_the_values_of_version_1_0_2() {
        for &(len, low, high) in KNOWN {
            let data: Vec<u8> = (0..len).map(|i| ((i * 7 + len) % 251) as u8).collect();
            assert_eq!(hash128(&data), (low, high), "{len} bytes");
        }
    }
}
