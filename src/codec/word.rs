//! Unsigned words of 8 to 64 bits: the one form in which numbers of all types are encoded.
//!
//! Signed numbers and floats are encoded by their bits. Where order matters, an encoder works
//! on `value ^ flip`: with `flip` = the sign bit, unsigned order is the order of signed numbers.

use std::fmt::Debug;
use std::hash::Hash;
use std::mem::MaybeUninit;

use arrow_buffer::ArrowNativeType;

use crate::VECTOR;
use crate::bits;

/// Figures of a run of values, collected in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures<W> {
    /// The least of `value ^ flip`.
    pub(crate) min: W,
    /// The greatest of `value ^ flip`.
    pub(crate) max: W,
    /// Stretches of equal values.
    pub(crate) runs: usize,
    /// The least difference of neighbours, with the sign bit turned over.
    pub(crate) least_step: W,
    /// The greatest difference of neighbours, with the sign bit turned over.
    pub(crate) greatest_step: W,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}

/// u8, u16, u32 or u64.
pub trait Word:
    sealed::Sealed + ArrowNativeType + Copy + Ord + Hash + Default + Debug + Send + Sync
{
    /// Its bits.
    const BITS: usize;
    /// Its bytes.
    const BYTES: usize;
    /// Its top bit alone.
    const SIGN: Self;
    /// The low bits of a u64.
    fn from_u64(value: u64) -> Self;
    /// Itself, widened.
    fn to_u64(self) -> u64;
    /// Sum, modulo its range.
    fn plus(self, other: Self) -> Self;
    /// Difference, modulo its range.
    fn minus(self, other: Self) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bits needed to write it, 0 for 0.
    fn bit_length(self) -> usize;
    /// From its little-endian bytes; missing ones count as zero.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Appends the words that these bytes hold; a rest shorter than a word is left out.
    fn extend(bytes: &[u8], out: &mut Vec<Self>);
    /// Appends its little-endian bytes.
    fn append(self, out: &mut Vec<u8>);
    #[doc(hidden)]
    fn unpack(
        width: usize,
        packed: &[u8],
        base: Self,
        out: &mut [MaybeUninit<Self>; VECTOR],
    ) -> bool;
    #[doc(hidden)]
    fn pack(width: usize, values: &[Self; VECTOR], base: Self, out: &mut [u8]);
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn figures(values: &[Self], flip: Self) -> Figures<Self>;
    #[doc(hidden)]
    fn within(values: &[Self], low: Self, span: Self, out: &mut [u8]);
}

macro_rules! word {
    ($word:ident, $kernels:ident) => {
        impl Word for $word {
            const BITS: usize = $word::BITS as usize;
            const BYTES: usize = size_of::<$word>();
            const SIGN: $word = 1 << ($word::BITS - 1);

            fn from_u64(value: u64) -> $word {
                value as $word
            }

            fn to_u64(self) -> u64 {
                u64::from(self)
            }

            fn plus(self, other: $word) -> $word {
                self.wrapping_add(other)
            }

            fn minus(self, other: $word) -> $word {
                self.wrapping_sub(other)
            }

            fn xor(self, other: $word) -> $word {
                self ^ other
            }

            fn bit_length(self) -> usize {
                ($word::BITS - self.leading_zeros()) as usize
            }

            fn from_bytes(bytes: &[u8]) -> $word {
                let mut whole = [0; size_of::<$word>()];
                let length = bytes.len().min(whole.len());
                whole[..length].copy_from_slice(&bytes[..length]);
                $word::from_le_bytes(whole)
            }

            fn extend(bytes: &[u8], out: &mut Vec<$word>) {
                let (words, _) = bytes.as_chunks();
                out.extend(words.iter().map(|word| $word::from_le_bytes(*word)));
            }

            fn append(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn unpack(
                width: usize,
                packed: &[u8],
                base: $word,
                out: &mut [MaybeUninit<$word>; VECTOR],
            ) -> bool {
                bits::$kernels::unpack(width, packed, base, out)
            }

            fn pack(width: usize, values: &[$word; VECTOR], base: $word, out: &mut [u8]) {
                bits::$kernels::pack(width, values, base, out)
            }

            #[allow(private_interfaces)]
            fn figures(values: &[$word], flip: $word) -> Figures<$word> {
                bits::$kernels::figures(values, flip)
            }

            fn within(values: &[$word], low: $word, span: $word, out: &mut [u8]) {
                bits::$kernels::within(values, low, span, out)
            }
        }
    };
}

word!(u8, kernels8);
word!(u16, kernels16);
word!(u32, kernels32);
word!(u64, kernels64);
