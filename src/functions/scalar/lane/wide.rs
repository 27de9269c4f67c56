//! Lanes of 256 bits. Their bytes lie in memory in the order of the numbers (`types::wide`), so a view copies them.

use std::borrow::Cow;

use arrow_array::ArrayRef;
use base::Result;
use types::wide::{self, AsI256, AsU256};
use types::{I256, U256};

use super::{Lane, To};

macro_rules! wide_lanes {
    ($($native:ty),*) => {$(
        impl Lane for $native {
            fn view(array: &ArrayRef) -> Result<Cow<'_, [Self]>> {
                Ok(Cow::Owned(wide::numbers(array.as_ref())?))
            }

            fn array(values: Vec<Self>) -> ArrayRef {
                wide::plain_array(&values)
            }
        }
    )*};
}

wide_lanes!(U256, I256);

macro_rules! casts {
    ($($from:ty),*) => {$(
        impl To<I256> for $from {
            #[inline]
            fn to(self) -> I256 { self.as_i256() }
        }
        impl To<U256> for $from {
            #[inline]
            fn to(self) -> U256 { AsI256::as_i256(self).as_u256() }
        }
    )*};
}

casts!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, I256, U256);

/// Floats beyond the range become its bounds.
macro_rules! float_casts {
    ($($from:ty),*) => {$(
        impl To<I256> for $from {
            #[inline]
            fn to(self) -> I256 { self.as_i256() }
        }
        impl To<U256> for $from {
            #[inline]
            fn to(self) -> U256 {
                if self < 0.0 { self.as_i256().as_u256() } else { self.as_u256() }
            }
        }
    )*};
}

float_casts!(f32, f64);

macro_rules! casts_back {
    ($($to:ty, $method:ident);*) => {$(
        impl To<$to> for I256 {
            #[inline]
            fn to(self) -> $to { self.$method() }
        }
        impl To<$to> for U256 {
            #[inline]
            fn to(self) -> $to { self.$method() }
        }
    )*};
}

casts_back!(
    u8, as_u8; u16, as_u16; u32, as_u32; u64, as_u64; u128, as_u128;
    i8, as_i8; i16, as_i16; i32, as_i32; i64, as_i64; i128, as_i128;
    f32, as_f32; f64, as_f64
);
