//! Sums, which wrap around, and bits of integers and decimals of 256 bits.

use arrow_array::ArrayRef;
use base::Result;
use expr::BoundAggregate;
use types::wide::{self, BYTES};
use types::{Column, DataType, U256};

use super::grouped::{Function, bound};
use super::kind::wrong_layout;

/// What values are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Sum,
    And,
    Or,
    Xor,
}

impl Fold {
    fn apply(self, a: U256, b: U256) -> U256 {
        match self {
            Fold::Sum => a.wrapping_add(b),
            Fold::And => a & b,
            Fold::Or => a | b,
            Fold::Xor => a ^ b,
        }
    }
}

/// The values of a type of 256 bits put together, as such a type.
pub(crate) fn bind(data_type: &DataType, result: DataType, fold: Fold) -> BoundAggregate {
    bound(result, WideFold { signed: data_type.wide_sign() == Some(true), fold })
}

/// States are bits: with a sign and without they are added alike.
struct WideFold {
    signed: bool,
    fold: Fold,
}

impl WideFold {
    /// The values of an array as bits.
    fn bits(&self, array: &ArrayRef) -> Result<Vec<U256>> {
        Ok(match self.signed {
            true => wide::numbers::<types::I256>(array)?.iter().map(|n| n.as_u256()).collect(),
            false => wide::numbers(array)?,
        })
    }
}

impl Function for WideFold {
    type State = U256;

    fn empty(&self) -> U256 {
        if self.fold == Fold::And { U256::MAX } else { U256::ZERO }
    }

    fn update(&self, states: &mut [U256], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let add = |state: &mut U256, value: U256| *state = self.fold.apply(*state, value);
        match arguments.first().ok_or_else(wrong_layout)? {
            Column::Constant { value, .. } => {
                let value = *self.bits(value)?.first().ok_or_else(wrong_layout)?;
                groups.iter().for_each(|group| add(&mut states[*group as usize], value));
            }
            other => {
                let values = self.bits(&other.to_flat()?)?;
                for (group, value) in groups.iter().zip(values) {
                    add(&mut states[*group as usize], value);
                }
            }
        }
        Ok(())
    }

    fn merge(&self, into: &mut U256, from: &U256) -> Result<()> {
        *into = self.fold.apply(*into, *from);
        Ok(())
    }

    fn write(&self, state: &U256, out: &mut Vec<u8>) {
        out.extend_from_slice(&state.to_le_bytes());
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<U256> {
        let taken = super::state_bytes::read_bytes(bytes, BYTES)?;
        let taken: [u8; BYTES] = taken.try_into().map_err(|_| wrong_layout())?;
        Ok(U256::from_le_bytes(taken))
    }

    fn finish(&self, states: &mut [U256]) -> Result<ArrayRef> {
        match self.signed {
            true => wide::array(states.iter().map(|state| state.as_i256()), None),
            false => wide::array(states.iter().copied(), None),
        }
    }
}
