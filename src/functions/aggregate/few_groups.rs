//! Sums of integers over few groups.
//!
//! Rows of one group that follow each other would wait for the sum before them to be written. So:
//!
//! 1. Rows take turns among four sums a group, which are added at the end of a stretch.
//! 2. Sums of a stretch have 64 bits, where the greatest of its values says that these suffice.
//! 3. Rows are counted in the lower bits of the same word, where the values leave room for it.

use std::any::TypeId;

use arrow_array::types::Int64Type;

use super::kind::Kind;

/// More groups are left to the plain loop.
const MOST: usize = 32;

/// Rows that are added in 64 bits; fewer are left to the plain loop.
const STRETCH: usize = 1 << STRETCH_BITS;
const STRETCH_BITS: u32 = 13;
const FEW_ROWS: usize = 64;

/// Bits for the count of a stretch.
const COUNT_BITS: u32 = STRETCH_BITS + 1;

/// Bits of a sum beside its sign.
const BITS: u32 = 63;

type Lanes = [[i64; MOST]; 4];

/// Gives every group's sum over stretches of rows and, where it is `COUNTED`, their number (else 0). False, and
/// nothing given, where the plain loop is for it; `count` groups there are.
pub(crate) fn sums<K: Kind, const COUNTED: bool>(
    values: &[K::Native],
    groups: &[u32],
    count: usize,
    mut give: impl FnMut(usize, i128, u64),
) -> bool {
    let rows = values.len().min(groups.len());
    if !is_narrow::<K>() || count > MOST || rows < FEW_ROWS {
        return false;
    }
    for (values, groups) in values.chunks(STRETCH).zip(groups.chunks(STRETCH)) {
        let bits = magnitude::<K>(values);
        if COUNTED && bits + STRETCH_BITS + COUNT_BITS < BITS {
            let sums = added(groups, values.iter().map(|v| (narrow::<K>(*v) << COUNT_BITS) + 1));
            for (group, sum) in sums.into_iter().enumerate() {
                let count = sum & ((1 << COUNT_BITS) - 1);
                give(group, i128::from((sum - count) >> COUNT_BITS), count as u64);
            }
            continue;
        }
        if bits + STRETCH_BITS < BITS {
            let sums = added(groups, values.iter().map(|v| narrow::<K>(*v)));
            (0..count).for_each(|group| give(group, i128::from(sums[group]), 0));
        } else {
            let mut sums = [0i128; MOST];
            for (group, value) in groups.iter().zip(values) {
                sums[*group as usize % MOST] += K::to_i128(*value);
            }
            (0..count).for_each(|group| give(group, sums[group], 0));
        }
        if COUNTED {
            let counts = added(groups, groups.iter().map(|_| 1));
            (0..count).for_each(|group| give(group, 0, counts[group] as u64));
        }
    }
    true
}

/// Gives every group's number of rows. False, and nothing given, where the plain loop is for it.
pub(crate) fn counts(groups: &[u32], count: usize, mut give: impl FnMut(usize, u64)) -> bool {
    if count > MOST || groups.len() < FEW_ROWS {
        return false;
    }
    let counts = added(groups, groups.iter().map(|_| 1));
    (0..count).for_each(|group| give(group, counts[group] as u64));
    true
}

/// The sum of some values.
pub(crate) fn sum<K: Kind>(values: &[K::Native]) -> i128 {
    let mut all = 0i128;
    for values in values.chunks(STRETCH) {
        let own = if is_narrow::<K>() && magnitude::<K>(values) + STRETCH_BITS < BITS {
            i128::from(values.iter().fold(0i64, |sum, v| sum.wrapping_add(narrow::<K>(*v))))
        } else {
            values.iter().fold(0i128, |sum, v| sum.wrapping_add(K::to_i128(*v)))
        };
        all = all.wrapping_add(own);
    }
    all
}

/// Whether all values are within those of Int64.
fn is_narrow<K: Kind>() -> bool {
    !K::FLOAT && (size_of::<K::Native>() < 8 || TypeId::of::<K>() == TypeId::of::<Int64Type>())
}

#[inline]
fn narrow<K: Kind>(value: K::Native) -> i64 {
    K::to_i128(value) as i64
}

/// All values lie from `-2^bits` to below `2^bits`.
fn magnitude<K: Kind>(values: &[K::Native]) -> u32 {
    let all = values.iter().fold(0, |all, value| {
        let value = narrow::<K>(*value);
        all | (value ^ (value >> 63))
    });
    64 - all.leading_zeros()
}

/// The sums of one stretch; values whose sum does not fit wrap around.
#[inline]
fn added(groups: &[u32], values: impl Iterator<Item = i64>) -> [i64; MOST] {
    let mut lanes: Lanes = [[0; MOST]; 4];
    for (at, (group, value)) in groups.iter().zip(values).enumerate() {
        let sum = &mut lanes[at % 4][*group as usize % MOST];
        *sum = sum.wrapping_add(value);
    }
    let [mut sums, others @ ..] = lanes;
    for lane in others {
        sums.iter_mut().zip(lane).for_each(|(sum, other)| *sum = sum.wrapping_add(other));
    }
    sums
}

#[cfg(test)]
mod tests {
    use arrow_array::types::{Int32Type, Int64Type, UInt64Type};

    use super::{MOST, counts, sum, sums};
    use crate::aggregate::kind::Kind;

    fn check<K: Kind>(values: &[K::Native], count: usize, expected: bool) {
        let groups: Vec<u32> = (0..values.len()).map(|row| (row / 3 % count) as u32).collect();
        let (mut plain, mut counted) = (vec![0i128; count], vec![0u64; count]);
        for (group, value) in groups.iter().zip(values) {
            plain[*group as usize] += K::to_i128(*value);
            counted[*group as usize] += 1;
        }
        let mut found = vec![(0i128, 0u64); MOST];
        let done = sums::<K, true>(values, &groups, count, |group, sum, rows| {
            found[group].0 += sum;
            found[group].1 += rows;
        });
        assert_eq!(done, expected);
        if done {
            let (own, rows): (Vec<i128>, Vec<u64>) = found[..count].iter().copied().unzip();
            assert_eq!((&own, &rows), (&plain, &counted));
            let mut own = vec![0i128; count];
            sums::<K, false>(values, &groups, count, |group, sum, _| own[group] += sum);
            assert_eq!(own, plain);
        }
        let mut own = vec![0; count];
        if counts(&groups, count, |group, rows| own[group] += rows) {
            assert_eq!(own, counted);
        }
        assert_eq!(sum::<K>(values), plain.iter().sum::<i128>());
    }

    #[test]
    fn sums_are_those_of_128_bits() {
        for rows in [64, 8191, 8192, 20_000] {
            let spread = |n: usize| (n as i64).wrapping_mul(0x5851_F42D_4C95_7F2D);
            for shift in [0, 1, 13, 14, 15, 27, 28, 29, 40, 60] {
                let values: Vec<i64> = (0..rows).map(|n| spread(n) >> shift).collect();
                check::<Int64Type>(&values, 4, true);
            }
            check::<Int64Type>(&vec![i64::MIN; rows], MOST, true);
            check::<Int64Type>(&vec![i64::MAX; rows], 1, true);
            check::<Int32Type>(&vec![i32::MIN; rows], 3, true);
        }
    }

    #[test]
    fn others_are_left_to_the_plain_loop() {
        check::<UInt64Type>(&vec![u64::MAX; 1000], 3, false);
        check::<Int64Type>(&vec![1; 1000], MOST + 1, false);
        check::<Int64Type>(&[1; 10], 2, false);
    }
}
