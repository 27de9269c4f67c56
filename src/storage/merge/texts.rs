//! Bringing the text indexes of a merge over: by the rows' new places, without looking at texts.
//!
//! A source that is older than the index gets one first, of its texts.

use base::{Result, bail};
use bytes::Bytes;
use text::{Index, RowMap, Source};

use super::Merge;
use super::order::MergeOrder;
use crate::text_index::{MOST_ROWS, Scratch, TextPlan};

/// For every source the places of its rows in the new part.
pub(super) struct RowMaps(Vec<Places>);

enum Places {
    /// One after the other, from a row on.
    From(u32),
    Each(Vec<u32>),
}

impl RowMaps {
    /// The places that an order gives; none for a part of more rows than indexes can have.
    pub(super) fn of(merge: &Merge, order: &MergeOrder) -> Result<Option<RowMaps>> {
        if merge.progress.rows > MOST_ROWS {
            return Ok(None);
        }
        let rows_of = |part: &std::sync::Arc<crate::part::Part>| part.rows() as usize;
        let mut maps: Vec<Vec<u32>> =
            merge.parts.iter().map(|part| Vec::with_capacity(rows_of(part))).collect();
        let mut next = 0u32;
        for granule in &order.granules {
            granule.each_run(|source, count| {
                let Some(map) = maps.get_mut(source) else {
                    bail!(LogicalError, "merge: an unknown source");
                };
                map.extend(next..next + count as u32);
                next += count as u32;
                Ok(())
            })?;
        }
        let places = maps.into_iter().map(|map| match (map.first(), map.last()) {
            (Some(first), Some(last)) if (last - first) as usize + 1 == map.len() => {
                Places::From(*first)
            }
            (None, _) | (_, None) => Places::From(0),
            _ => Places::Each(map),
        });
        Ok(Some(RowMaps(places.collect())))
    }

    fn of_source(&self, source: usize) -> RowMap<'_> {
        match self.0.get(source) {
            Some(Places::Each(rows)) => RowMap::Rows(rows),
            Some(Places::From(first)) => RowMap::Offset(*first),
            None => RowMap::Offset(0),
        }
    }
}

impl Merge {
    /// The index of one field for the new part.
    pub(super) fn merged_text(
        &self,
        plan: &TextPlan,
        maps: &RowMaps,
        scratch: &Scratch,
    ) -> Result<Bytes> {
        let mut indexes: Vec<std::sync::Arc<Index>> = Vec::with_capacity(self.parts.len());
        for (source, part) in self.parts.iter().enumerate() {
            indexes.push(match part.text_index(plan.id)? {
                Some(index) => index,
                None => {
                    let name = format!("{}-source-{source}", plan.id);
                    let go_on = || self.progress.advance(0);
                    let bytes = plan.of_part(part, scratch, &name, go_on)?;
                    std::sync::Arc::new(Index::open(bytes)?)
                }
            });
        }
        let sources: Vec<Source<'_>> = indexes
            .iter()
            .enumerate()
            .map(|(source, index)| Source { index, rows: maps.of_source(source) })
            .collect();
        let rows = self.progress.rows as u32;
        plan.merge(&sources, rows, scratch, &plan.id.to_string())
    }
}
