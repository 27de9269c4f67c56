//! Which parts to merge: neighbours of about one size, so that every row is rewritten only a
//! logarithmic number of times.
//!
//! A range is worth its while when the sum of its sizes is some times the largest of them. The
//! factor starts at five and falls as the parts grow old and as a partition gets many parts, so
//! that a quiet table settles into few parts. Of all such ranges the one is taken that writes
//! the fewest bytes for each part that it saves.

use std::collections::HashSet;
use std::sync::Arc;

use crate::part::Part;
use crate::part::new::now_milliseconds;

/// What a part costs beside its bytes, so that tiny parts count as equals.
const PART_COST: u64 = 64 << 10;
/// A merge takes so many parts at most.
const MOST_PARTS: usize = 100;
/// The factor for parts just written.
const BASE: f64 = 5.0;
/// While tiny parts keep coming so many more are gathered: a merge of them costs its syncs, not its bytes.
const TINY: f64 = 4.0;
/// Parts are fresh for so many seconds.
const FRESH: f64 = 5.0;

/// The parts to merge next within one partition, sorted by block number and without gaps; empty if
/// nothing is worth its while.
pub(super) fn choose(
    parts: &[Arc<Part>],
    busy: &HashSet<String>,
    most_bytes: u64,
) -> Vec<Arc<Part>> {
    let now = now_milliseconds();
    let mut best: Vec<Arc<Part>> = Vec::new();
    let mut best_cost = f64::INFINITY;
    for run in parts.split(|p| busy.contains(p.id())) {
        let Some(newest) = run.iter().map(|p| p.record().created).max() else { continue };
        let age = (now - newest).max(0) as f64 / 1000.0;
        let factor = factor(age, parts.len());
        let tiny = if age < FRESH { TINY } else { 1.0 };
        if let Some((range, cost)) = cheapest(run, factor, tiny, most_bytes)
            && cost < best_cost
        {
            best_cost = cost;
            best = run[range].to_vec();
        }
    }
    best
}

/// The best range whatever its factor, for `OPTIMIZE` without `FINAL`.
pub(super) fn best_range(parts: &[Arc<Part>], factor: f64, most_bytes: u64) -> Vec<Arc<Part>> {
    cheapest(parts, factor, 1.0, most_bytes)
        .map_or_else(Vec::new, |(range, _)| parts[range].to_vec())
}

/// By age of the newest part in seconds and the number of parts of the partition.
fn factor(age: f64, parts: usize) -> f64 {
    let crowd = 1.0 + parts as f64 / 50.0;
    let calm = if age < FRESH { 1.0 } else { 1.0 + (age / FRESH).ln() };
    (BASE / crowd / calm).max(1.2)
}

fn cheapest(
    run: &[Arc<Part>],
    factor: f64,
    tiny: f64,
    most_bytes: u64,
) -> Option<(std::ops::Range<usize>, f64)> {
    let sizes: Vec<u64> = run.iter().map(|p| p.record().bytes_on_disk() + PART_COST).collect();
    let mut best: Option<(std::ops::Range<usize>, f64)> = None;
    for start in 0..sizes.len() {
        let (mut sum, mut largest) = (0u64, 0u64);
        for (end, size) in sizes.iter().enumerate().skip(start).take(MOST_PARTS) {
            sum = sum.saturating_add(*size);
            largest = largest.max(*size);
            if sum > most_bytes {
                break;
            }
            let count = end + 1 - start;
            let wanted = if largest < 2 * PART_COST { factor * tiny } else { factor };
            if count < 2 || (sum as f64) < wanted * largest as f64 {
                continue;
            }
            let cost = sum as f64 / (count - 1) as f64;
            if best.as_ref().is_none_or(|(_, least)| cost < *least) {
                best = Some((start..end + 1, cost));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::factor;

    #[test]
    fn the_factor_falls_with_age_and_number() {
        assert_eq!(factor(0.0, 0), 5.0);
        assert!(factor(60.0, 2) < 2.0, "two equal parts merge after a minute");
        assert!(factor(0.0, 300) < 1.3);
        assert!(factor(1e9, 10) >= 1.2);
    }
}
