//! wyhash, the third final version, with its default secret.

const SECRET: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The halves of the product of two words, one over the other.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

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

/// The first and last bytes of a text of up to 16, as two words.
fn short(text: &[u8]) -> (u64, u64) {
    let length = text.len();
    match length {
        0 => (0, 0),
        1..=3 => {
            let [first, middle, last] =
                [text[0], text[length >> 1], text[length - 1]].map(u64::from);
            (first << 16 | middle << 8 | last, 0)
        }
        _ => {
            let inner = (length >> 3) << 2;
            let end = length - 4;
            (
                half(text, 0) << 32 | half(text, inner),
                half(text, end) << 32 | half(text, end - inner),
            )
        }
    }
}

/// The hash of a text with the seed 0.
pub(super) fn hash64(text: &[u8]) -> u64 {
    let mut seed = SECRET[0];
    let (a, b) = if text.len() <= 16 {
        short(text)
    } else {
        let mut rest = text;
        if rest.len() > 48 {
            let (mut second, mut third) = (seed, seed);
            while rest.len() > 48 {
                seed = mix(word(rest, 0) ^ SECRET[1], word(rest, 8) ^ seed);
                second = mix(word(rest, 16) ^ SECRET[2], word(rest, 24) ^ second);
                third = mix(word(rest, 32) ^ SECRET[3], word(rest, 40) ^ third);
                rest = &rest[48..];
            }
            seed ^= second ^ third;
        }
        while rest.len() > 16 {
            seed = mix(word(rest, 0) ^ SECRET[1], word(rest, 8) ^ seed);
            rest = &rest[16..];
        }
        (word(text, text.len() - 16), word(text, text.len() - 8))
    };
    mix(SECRET[1] ^ text.len() as u64, mix(a ^ SECRET[1], b ^ seed))
}
