//! Bringing the dictionaries of a column of integers together.
//!
//! All distinct integers of the sources are held, sorted, and each source's are found among them side by side.
//! Sources without a dictionary get one in memory first, where it pays; if it does not for one of them, there is
//! no dictionary.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use base::{Error, Result};
use types::{DataType, Dictionary};

use super::Progress;
use super::strings::CodeSource;
use crate::dictionary::numbers::{Numbers, SAMPLE};
use crate::dictionary::table::NULL;
use crate::part::{ColumnChunk, Part};
use crate::zone::Extremes;

/// Rows that are gathered at most from sources without a dictionary.
const MOST_GATHERED: u64 = 16 << 20;

/// The distinct integers of all sources, and where the codes of each come from.
pub(super) struct MergedNumbers {
    pub(super) numbers: Numbers,
    pub(super) sources: Vec<CodeSource>,
    pub(super) ordinals: Vec<u64>,
}

/// What a source has.
enum Source {
    /// A dictionary.
    Coded(Arc<ColumnChunk>),
    /// Codes for all rows.
    Gathered(Vec<u32>),
    /// The part is older than the column.
    Missing,
}

/// The merged dictionary of a column, where one pays.
pub(super) fn merge_numbers(
    parts: &[Arc<Part>],
    chunks: &[Option<Arc<ColumnChunk>>],
    data_type: &DataType,
    numbers: Numbers,
    progress: &Progress,
) -> Result<Option<MergedNumbers>> {
    let rows: u64 = parts.iter().map(|p| p.rows()).sum();
    let mut distinct = 0;
    for chunk in chunks.iter().flatten() {
        match chunk.numbers()? {
            Some(dictionary) => distinct += dictionary.len() as u64,
            None if is_narrow(chunk) => return Ok(None),
            None => {}
        }
    }
    // A column that no part has is a constant.
    if chunks.iter().all(Option::is_none) || !Numbers::merged_pays(distinct, rows) {
        return Ok(None);
    }
    let (mut sources, mut ordinals) = (Vec::new(), Vec::new());
    let mut gathered = 0;
    for (part, chunk) in parts.iter().zip(chunks) {
        let (source, own) = match chunk {
            None => (Source::Missing, vec![]),
            Some(chunk) => match chunk.numbers()? {
                Some(dictionary) => (Source::Coded(chunk.clone()), dictionary.ordinals()?),
                None if gathered + part.rows() > MOST_GATHERED => return Ok(None),
                None => match gather(part, chunk, numbers, progress)? {
                    Some(coded) => {
                        gathered += part.rows();
                        (Source::Gathered(coded.codes), coded.ordinals)
                    }
                    None => return Ok(None),
                },
            },
        };
        sources.push(source);
        ordinals.push(own);
    }
    // A nullable column's default is NULL, which has no code.
    let default = match data_type.is_nullable() {
        true => Vec::new(),
        false => numbers.ordinals(&types::default_array(data_type, 1)?)?,
    };
    for (source, own) in sources.iter().zip(&mut ordinals) {
        if matches!(source, Source::Missing) {
            own.clone_from(&default);
        }
    }
    // The sort finds the runs that are sorted already.
    let mut merged: Vec<u64> = ordinals.iter().flatten().copied().collect();
    merged.sort();
    merged.dedup();
    if merged.is_empty() || !Numbers::merged_pays(merged.len() as u64, rows) {
        return Ok(None);
    }
    let source = |(source, own): (Source, Vec<u64>)| {
        let codes = places(&own, &merged);
        match source {
            Source::Coded(chunk) => CodeSource::Pages { chunk, codes },
            Source::Gathered(ids) => CodeSource::Rows { ids, codes },
            Source::Missing => CodeSource::Same { code: codes.first().copied().unwrap_or(NULL) },
        }
    };
    let sources = sources.into_iter().zip(ordinals).map(source).collect();
    Ok(Some(MergedNumbers { numbers, sources, ordinals: merged }))
}

/// Where sorted values stand among more of them.
fn places(own: &[u64], all: &[u64]) -> Vec<u32> {
    let mut at = 0;
    let place = |value: &u64| {
        at += all[at..].iter().take_while(|other| *other < value).count();
        at as u32
    };
    own.iter().map(place).collect()
}

/// Whether integers lie close together, as zone maps tell.
fn is_narrow(chunk: &ColumnChunk) -> bool {
    match chunk.totals().extremes {
        Extremes::Int { min, max } => !Numbers::spread(min, max),
        _ => true,
    }
}

/// The rows of a source without a dictionary as codes, where that pays; the first rows are asked first.
fn gather(
    part: &Part,
    chunk: &ColumnChunk,
    numbers: Numbers,
    progress: &Progress,
) -> Result<Option<crate::dictionary::numbers::NumberCodes>> {
    let (mut arrays, mut rows): (Vec<ArrayRef>, usize) = (Vec::new(), 0);
    let together = |arrays: &[ArrayRef]| -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        arrow_select::concat::concat(&arrays).map_err(|e| Error::logical(format!("merge: {e}")))
    };
    for granule in 0..part.granules() {
        progress.advance(0)?;
        let array = chunk.column(granule)?.to_flat()?;
        let sampled = rows < SAMPLE && rows + array.len() >= SAMPLE;
        rows += array.len();
        arrays.push(array);
        if sampled && !numbers.likely_pays(&together(&arrays)?, part.rows() as usize)? {
            return Ok(None);
        }
    }
    if arrays.is_empty() { Ok(None) } else { numbers.codes(&together(&arrays)?, None) }
}
