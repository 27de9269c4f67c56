//! BM25: what a term adds to a row's score, and bounds of it that pruning may trust.
//!
//! idf = ln(1 + (N - n + 0.5) / (n + 0.5)); a term adds
//! boost * idf * tf / (tf + k1 * (1 - b + b * length / average)).
//!
//! 1. What a term adds is computed in f32 by one function, the same everywhere.
//! 2. Sums are f64. Figures of 24 bits whose magnitudes lie close together add up exactly there,
//!    so the order of adding makes no difference, and every way of evaluation gives equal scores.
//! 3. A block of postings keeps its largest saturation tf / (tf + ...), rounded up to a 255th,
//!    for the parameters and the average of its index. Where the average of the snapshot is
//!    larger, saturations grow by no more than the ratio of the averages.

use serde::{Deserialize, Serialize};

/// The parameters of BM25.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bm25 {
    /// How slowly further occurrences of a term lose weight.
    pub k1: f32,
    /// How much a row's length matters: 0 to 1.
    pub b: f32,
}

impl Default for Bm25 {
    fn default() -> Bm25 {
        Bm25 { k1: 1.2, b: 0.75 }
    }
}

/// The parameters together with the average length: norm(length) = constant + slope * length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    pub(crate) constant: f32,
    pub(crate) slope: f32,
}

impl Norm {
    pub(crate) fn new(bm25: Bm25, average: f64) -> Norm {
        let Bm25 { k1, b } = bm25;
        let slope =
            if average > 0.0 { (f64::from(k1) * f64::from(b) / average) as f32 } else { 0.0 };
        Norm { constant: k1 * (1.0 - b), slope }
    }

    /// How far a frequency brings a row of a length towards the term's full weight.
    #[inline]
    pub(crate) fn saturation(self, frequency: f32, length: u32) -> f32 {
        frequency / (frequency + (self.constant + self.slope * length as f32))
    }
}

/// The average length of rows that have text.
pub(crate) fn average(tokens: u64, rows: u64) -> f64 {
    if rows == 0 { 0.0 } else { tokens as f64 / rows as f64 }
}

/// How much a term that `rows` of `all` rows hold tells.
pub(crate) fn idf(all: u64, rows: u64) -> f64 {
    let rows = rows.min(all) as f64;
    (1.0 + (all as f64 - rows + 0.5) / (rows + 0.5)).ln()
}

/// A saturation rounded up to what a block keeps.
pub(crate) fn round_up(saturation: f32) -> u8 {
    // The little more makes up for rounding where the bound is multiplied again.
    (saturation * 255.0 + 0.001).ceil().clamp(0.0, 255.0) as u8
}

/// What turns the saturation that a block keeps into a bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    factor: f32,
}

impl Bounds {
    /// For an index with impacts for `kept` and `kept_average`, asked with `asked` and `average`.
    pub(crate) fn new(kept: Bm25, kept_average: f64, asked: Bm25, average: f64) -> Bounds {
        let usable = kept == asked;
        // Other parameters: only that a saturation is less than one is known.
        let ratio = if kept_average > 0.0 { (average / kept_average).max(1.0) } else { 1.0 };
        Bounds { factor: if usable { (ratio * (1.0 + 1e-6)) as f32 } else { f32::INFINITY } }
    }

    /// The largest saturation of a block; at most one.
    #[inline]
    pub(crate) fn largest(self, impact: u8) -> f32 {
        // Never 0 * infinity: an impact is at least one.
        (f32::from(impact.max(1)) * (1.0 / 255.0) * self.factor).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        let kept = Norm::new(Bm25::default(), 60.0);
        for average in [40.0, 60.0, 61.0, 100.0] {
            let bounds = Bounds::new(Bm25::default(), 60.0, Bm25::default(), average);
            let asked = Norm::new(Bm25::default(), average);
            for length in [0, 1, 59, 60, 61, 5000] {
                for frequency in [1.0, 2.0, 7.0, 1000.0] {
                    let bound = bounds.largest(round_up(kept.saturation(frequency, length)));
                    let real = asked.saturation(frequency, length);
                    assert!(real <= bound, "{frequency} in {length}: {real} > {bound}");
                }
            }
        }
        let other = Bounds::new(Bm25::default(), 60.0, Bm25 { k1: 0.1, b: 0.0 }, 60.0);
        assert_eq!(other.largest(3), 1.0);
    }

    #[test]
    fn rarer_terms_tell_more() {
        assert!(idf(1000, 1) > idf(1000, 2) && idf(1000, 1000) > 0.0);
        assert!((idf(10, 3) - (1.0f64 + 7.5 / 3.5).ln()).abs() < 1e-12);
    }
}
