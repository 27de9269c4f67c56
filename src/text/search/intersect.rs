//! Which candidates are among the rows of a block, and where.

use std::ops::Range;

use crate::block::BLOCK;

/// Up to so many candidates are looked for one by one.
const FEW: usize = 12;

/// How many rows of a block, which ascend, are less than a row.
#[inline]
pub(crate) fn place(block: &[u32], row: u32) -> usize {
    #[cfg(target_arch = "x86_64")]
    if let Some(block) = block.as_array::<BLOCK>()
        && is_x86_feature_detected!("avx2")
    {
        // SAFETY: the processor has the instructions.
        return unsafe { wide::place(block, row) };
    }
    block.partition_point(|other| *other < row)
}

/// Keeps those of `rows[range]` that are in `block`, moving them to `kept` and on; both ascend.
/// Gives the place behind the last that was kept.
#[inline]
pub(crate) fn intersect(
    rows: &mut [u32],
    range: Range<usize>,
    mut kept: usize,
    block: &[u32],
) -> usize {
    if range.len() <= FEW {
        for index in range {
            let row = rows[index];
            rows[kept] = row;
            kept += usize::from(block.get(place(block, row)) == Some(&row));
        }
        return kept;
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the instructions.
        return unsafe { wide::intersect(rows, range, kept, block) };
    }
    merge(rows, range, kept, block)
}

/// Both sides step by step.
fn merge(rows: &mut [u32], range: Range<usize>, mut kept: usize, block: &[u32]) -> usize {
    let (mut index, mut other) = (range.start, 0);
    while index < range.end && other < block.len() {
        let (row, found) = (rows[index], block[other]);
        rows[kept] = row;
        kept += usize::from(row == found);
        index += usize::from(row <= found);
        other += usize::from(found <= row);
    }
    kept
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m256i, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_movemask_ps,
        _mm256_or_si256, _mm256_permutevar8x32_epi32, _mm256_setr_epi32,
    };
    use std::ops::Range;

    use crate::block::BLOCK;

    /// Compares all: no step waits for the one before, as those of a binary search do, which take twice as long.
    #[target_feature(enable = "avx2")]
    pub(super) fn place(block: &[u32; BLOCK], row: u32) -> usize {
        block.iter().map(|other| u32::from(*other < row)).sum::<u32>() as usize
    }

    /// Eight against eight: all pairs by turning one side round.
    #[target_feature(enable = "avx2")]
    pub(super) fn intersect(
        rows: &mut [u32],
        range: Range<usize>,
        mut kept: usize,
        block: &[u32],
    ) -> usize {
        let turn = _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0);
        let (mut index, mut other) = (range.start, 0);
        // What is kept may overwrite candidates of the current eight, which are in `a` by then.
        let mut loaded = range.start;
        let mut a = if range.len() >= 8 { load(&rows[index..index + 8]) } else { turn };
        while index + 8 <= range.end && other + 8 <= block.len() {
            if loaded != index {
                a = load(&rows[index..index + 8]);
                loaded = index;
            }
            let (a_last, b_last) = (rows[index + 7], block[other + 7]);
            let mut b = load(&block[other..other + 8]);
            let mut equal = _mm256_cmpeq_epi32(a, b);
            for _ in 0..7 {
                b = _mm256_permutevar8x32_epi32(b, turn);
                equal = _mm256_or_si256(equal, _mm256_cmpeq_epi32(a, b));
            }
            let mut found = _mm256_movemask_ps(_mm256_castsi256_ps(equal)) as u32;
            while found != 0 {
                rows[kept] = rows[index + found.trailing_zeros() as usize];
                kept += 1;
                found &= found - 1;
            }
            index += if a_last <= b_last { 8 } else { 0 };
            other += if b_last <= a_last { 8 } else { 0 };
        }
        // A row of the last eight may have been found already: it is the last one kept.
        let start = kept.checked_sub(1).map(|last| rows[last]);
        while index < range.end && start.is_some_and(|last| rows[index] <= last) {
            index += 1;
        }
        super::merge(rows, index..range.end, kept, &block[other..])
    }

    #[target_feature(enable = "avx2")]
    fn load(values: &[u32]) -> __m256i {
        assert!(values.len() >= 8);
        // SAFETY: there are eight values, and the load needs no alignment.
        unsafe { _mm256_loadu_si256(values.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_ways_agree(a in prop::collection::btree_set(0u32..400, 0..128),
                          b in prop::collection::btree_set(0u32..400, 0..=128)) {
            let expected: Vec<u32> = a.intersection(&b).copied().collect();
            let block: Vec<u32> = b.into_iter().collect();
            let mut rows: Vec<u32> = a.into_iter().collect();
            let mut merged = rows.clone();
            let range = 0..rows.len();
            let kept = intersect(&mut rows, range.clone(), 0, &block);
            prop_assert_eq!(&rows[..kept], &expected);
            let kept = merge(&mut merged, range, 0, &block);
            prop_assert_eq!(&merged[..kept], &expected);
            for row in 0..400 {
                prop_assert_eq!(place(&block, row), block.partition_point(|other| *other < row));
            }
        }
    }
}
