//! SipHash-2-4 with the zero key.

/// The state of a hash.
#[derive(Clone)]
pub(super) struct Sip {
    v: [u64; 4],
}

impl Sip {
    fn round(&mut self) {
        let [a, b, c, d] = &mut self.v;
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }

    fn of(text: &[u8]) -> Sip {
        let mut sip = Sip {
            v: [
                0x736f_6d65_7073_6575,
                0x646f_7261_6e64_6f6d,
                0x6c79_6765_6e65_7261,
                0x7465_6462_7974_6573,
            ],
        };
        let (words, rest) = text.as_chunks::<8>();
        for bytes in words {
            sip.word(u64::from_le_bytes(*bytes));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = text.len() as u8;
        sip.word(u64::from_le_bytes(last));
        sip.v[2] ^= 0xff;
        (0..4).for_each(|_| sip.round());
        sip
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.round();
        self.v[0] ^= word;
    }
}

/// 64 bits.
pub(super) fn hash64(text: &[u8]) -> u64 {
    let v = Sip::of(text).v;
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// 128 bits as ClickHouse makes them of the state, low half first.
pub(super) fn hash128(text: &[u8]) -> u128 {
    let v = Sip::of(text).v;
    u128::from(v[0] ^ v[1]) | u128::from(v[2] ^ v[3]) << 64
}
