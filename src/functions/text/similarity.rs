//! How alike two strings are.

use std::collections::{HashMap, HashSet};

use arrow_array::types::{Float32Type, Float64Type, UInt64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, Registry};
use types::DataType;

use super::declare;
use super::strings::{Strings, number_of_two, numbers, require_text};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

/// Longer strings are refused: the time grows with the product of the lengths.
const LONGEST: usize = 1 << 16;

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String", "editDistance", "editDistance(a, b)", "The fewest insertions, deletions and replacements of bytes that make one string the other (Levenshtein).",
        "SELECT editDistance('clickhouse', 'mouse')" => "6", (2, 2), |_, a| distance("editDistance", a, levenshtein),
        aliases: &["levenshteinDistance"]),
    declare!("String", "editDistanceUTF8", "editDistanceUTF8(a, b)", "As `editDistance`, for characters of UTF-8.",
        "SELECT editDistanceUTF8('née', 'nee')" => "1", (2, 2),
        |_, a| distance("editDistanceUTF8", a, |a, b| levenshtein(&characters(a), &characters(b))),
        aliases: &["levenshteinDistanceUTF8"]),
    declare!("String", "damerauLevenshteinDistance", "damerauLevenshteinDistance(a, b)", "As `editDistance`, with the exchange of neighbours as one step.",
        "SELECT damerauLevenshteinDistance('ab', 'ba')" => "1", (2, 2), |_, a| distance("damerauLevenshteinDistance", a, damerau)),
    declare!("String", "byteHammingDistance", "byteHammingDistance(a, b)", "The number of places at which two strings differ; beyond the end of one all do.",
        "SELECT byteHammingDistance('karolin', 'kathrin')" => "3", (2, 2),
        |_, a| distance("byteHammingDistance", a, |a, b| a.iter().zip(b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len())), aliases: &["mismatches"]),
    declare!("String", "jaroSimilarity", "jaroSimilarity(a, b)", "Jaro's similarity of two strings, 0 to 1.",
        "SELECT jaroSimilarity('abc', 'abc')" => "1", (2, 2), |_, a| similarity("jaroSimilarity", a, jaro)),
    declare!("String", "jaroWinklerSimilarity", "jaroWinklerSimilarity(a, b)", "Jaro's similarity raised for a common beginning (Winkler), 0 to 1.",
        "SELECT round(jaroWinklerSimilarity('abc', 'abd'), 4)" => "0.8222", (2, 2), |_, a| similarity("jaroWinklerSimilarity", a, jaro_winkler)),
    declare!("String", "stringJaccardIndex", "stringJaccardIndex(a, b)", "Common bytes over all bytes of two strings, each byte counted once.",
        "SELECT stringJaccardIndex('abc', 'abd')" => "0.5", (2, 2),
        |_, a| similarity("stringJaccardIndex", a, |a, b| jaccard(a.iter(), b.iter()))),
    declare!("String", "stringJaccardIndexUTF8", "stringJaccardIndexUTF8(a, b)", "As `stringJaccardIndex`, for characters of UTF-8.",
        "SELECT stringJaccardIndexUTF8('né', 'n')" => "0.5", (2, 2),
        |_, a| similarity("stringJaccardIndexUTF8", a, |a, b| jaccard(characters(a).iter(), characters(b).iter()))),
    declare!("String", "ngramDistance", "ngramDistance(haystack, needle)", "The share of four-byte grams that two strings do not have in common, 0 to 1.",
        "SELECT ngramDistance('granary', 'granary')" => "0", (2, 2), |_, a| ngram("ngramDistance", a, true, 4, |t| t.to_vec())),
    declare!("String", "ngramDistanceCaseInsensitive", "ngramDistanceCaseInsensitive(haystack, needle)", "As `ngramDistance`, in any case.",
        "SELECT ngramDistanceCaseInsensitive('granary', 'GRANARY')" => "0", (2, 2),
        |_, a| ngram("ngramDistanceCaseInsensitive", a, true, 4, <[u8]>::to_ascii_lowercase)),
    declare!("String", "ngramSearch", "ngramSearch(haystack, needle)", "The share of the needle's four-byte grams that the haystack has, 0 to 1.",
        "SELECT ngramSearch('the granary', 'granary')" => "1", (2, 2), |_, a| ngram("ngramSearch", a, false, 4, |t| t.to_vec())),
    declare!("String", "ngramSearchCaseInsensitive", "ngramSearchCaseInsensitive(haystack, needle)", "As `ngramSearch`, in any case.",
        "SELECT ngramSearchCaseInsensitive('the granary', 'GRANARY')" => "1", (2, 2),
        |_, a| ngram("ngramSearchCaseInsensitive", a, false, 4, <[u8]>::to_ascii_lowercase)),
    declare!("String", "ngramDistanceUTF8", "ngramDistanceUTF8(haystack, needle)", "The share of grams of three characters that two strings do not have in common, 0 to 1.",
        "SELECT ngramDistanceUTF8('абвг', 'абвд')" => "0.5", (2, 2), |_, a| ngram("ngramDistanceUTF8", a, true, 3, characters)),
    declare!("String", "ngramDistanceCaseInsensitiveUTF8", "ngramDistanceCaseInsensitiveUTF8(haystack, needle)", "As `ngramDistanceUTF8`, in any case.",
        "SELECT ngramDistanceCaseInsensitiveUTF8('АБВГ', 'абвг')" => "0", (2, 2), |_, a| ngram("ngramDistanceCaseInsensitiveUTF8", a, true, 3, folded_characters)),
    declare!("String", "ngramSearchUTF8", "ngramSearchUTF8(haystack, needle)", "The share of the needle's grams of three characters that the haystack has, 0 to 1.",
        "SELECT ngramSearchUTF8('абвг', 'абв')" => "1", (2, 2), |_, a| ngram("ngramSearchUTF8", a, false, 3, characters)),
    declare!("String", "ngramSearchCaseInsensitiveUTF8", "ngramSearchCaseInsensitiveUTF8(haystack, needle)", "As `ngramSearchUTF8`, in any case.",
        "SELECT ngramSearchCaseInsensitiveUTF8('АБВГ', 'абв')" => "1", (2, 2), |_, a| ngram("ngramSearchCaseInsensitiveUTF8", a, false, 3, folded_characters)),
];

fn characters(text: &[u8]) -> Vec<char> {
    String::from_utf8_lossy(text).chars().collect()
}

fn distance(
    function: &'static str,
    arguments: &[Argument],
    f: impl Fn(&[u8], &[u8]) -> usize + Send + Sync + 'static,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let (a, b) = (Strings::new(&columns[0])?, Strings::new(&columns[1])?);
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (a, b) = (a.get(row), b.get(row));
            if a.len().max(b.len()) > LONGEST {
                bail!(
                    TooLargeStringSize,
                    "Strings for function {function} may have {LONGEST} bytes"
                );
            }
            out.push(f(a, b) as u64);
        }
        Ok(numbers::<UInt64Type>(out))
    }))
}

fn similarity(
    function: &str,
    arguments: &[Argument],
    f: impl Fn(&[u8], &[u8]) -> f64 + Send + Sync + 'static,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    Ok(number_of_two::<Float64Type>(DataType::Float64, f))
}

pub(crate) fn levenshtein<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Each pair of neighbours is exchanged at most once (optimal string alignment).
fn damerau(a: &[u8], b: &[u8]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(row[j] + 1).min(last[j + 1] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

fn jaro(a: &[u8], b: &[u8]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut common = Vec::new();
    for (i, byte) in a.iter().enumerate() {
        let to = (i + window + 1).min(b.len());
        if let Some(j) = (i.saturating_sub(window)..to).find(|j| !taken[*j] && b[*j] == *byte) {
            taken[j] = true;
            common.push(*byte);
        }
    }
    if common.is_empty() {
        return 0.0;
    }
    let others = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(byte, _)| byte);
    // An odd one counts as half a transposition, as in ClickHouse; Jaro's own rule drops it.
    let moved = common.iter().zip(others).filter(|(a, b)| a != b).count() as f64 / 2.0;
    let m = common.len() as f64;
    (m / a.len() as f64 + m / b.len() as f64 + (m - moved) / m) / 3.0
}

fn jaro_winkler(a: &[u8], b: &[u8]) -> f64 {
    let similarity = jaro(a, b);
    if similarity <= 0.7 {
        return similarity;
    }
    let prefix = a.iter().zip(b).take(4).take_while(|(a, b)| a == b).count() as f64;
    similarity + prefix * 0.1 * (1.0 - similarity)
}

fn jaccard<'a, T: Eq + std::hash::Hash + 'a>(
    a: impl Iterator<Item = &'a T>,
    b: impl Iterator<Item = &'a T>,
) -> f64 {
    let (a, b): (HashSet<&T>, HashSet<&T>) = (a.collect(), b.collect());
    if a.is_empty() && b.is_empty() {
        return 0.0;
    }
    let both = a.intersection(&b).count();
    both as f64 / (a.len() + b.len() - both) as f64
}

/// Characters in which case matters little: without the sixth bit of each byte, and of longer ones without the lowest
/// bit of the first, as ClickHouse has it.
fn folded_characters(text: &[u8]) -> Vec<u32> {
    let fold = |c: char| {
        let mut bytes = [0; 4];
        let length = c.encode_utf8(&mut bytes).len();
        let mut code = u32::from_le_bytes(bytes) & !0x2020_2020;
        if length > 1 {
            code &= !1;
        }
        code
    };
    String::from_utf8_lossy(text).chars().map(fold).collect()
}

fn ngram<T: Eq + std::hash::Hash + 'static>(
    function: &str,
    arguments: &[Argument],
    symmetric: bool,
    length: usize,
    fold: fn(&[u8]) -> Vec<T>,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    Ok(number_of_two::<Float32Type>(DataType::Float32, move |haystack, needle| {
        let (haystack, needle) = (fold(haystack), fold(needle));
        let mut counts: HashMap<&[T], i64> = HashMap::new();
        for gram in needle.windows(length) {
            *counts.entry(gram).or_default() += 1;
        }
        let needles = needle.windows(length).count();
        let (mut different, mut others) = (needles as i64, 0);
        for gram in haystack.windows(length) {
            others += 1;
            let count = counts.entry(gram).or_default();
            if *count > 0 {
                different -= 1;
            } else if symmetric {
                different += 1;
            }
            *count -= 1;
        }
        if symmetric {
            different as f32 / (needles + others).max(1) as f32
        } else {
            1.0 - different as f32 / needles.max(1) as f32
        }
    }))
}
