//! Conditions carried through merges: what is known of the rows of the sources is known of the rows of the new part, in
//! another order.
//!
//! 1. A granule of the new part is known where those are that its rows come from. Nothing is computed for it.
//! 2. Sets of all rows of a part are carried where those of all sources are there.
//! 3. It runs on the thread that merged, once the new part is to be seen: queries that come before it take down the same.

use std::sync::Arc;

use base::{Result, bail};
use storage::{MergedRows, Part};
use text::RowSet;

use super::{FilterCache, GranuleRows, Kept};
use crate::caches;

impl FilterCache {
    /// Takes down what is known of the sources of a merge for the part in their place.
    ///
    /// # Errors
    /// LOGICAL_ERROR where the order of rows is none of these parts'.
    pub(crate) fn carry(&self, merged: &MergedRows<'_>) -> Result<()> {
        let sources = merged.sources();
        let is_of_sources = |id: &str| sources.iter().any(|part| part.id() == id);
        let mut keys: Vec<(bool, caches::Key)> = self
            .kept
            .all()
            .into_iter()
            .filter(|((_, id, _), _)| is_of_sources(id))
            .map(|((of_rows, _, condition), _)| (of_rows, condition))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for (of_rows, condition) in keys {
            if of_rows {
                self.carry_rows(merged, condition)?;
            } else {
                self.carry_granules(merged, condition)?;
            }
        }
        Ok(())
    }

    fn carry_granules(&self, merged: &MergedRows<'_>, condition: caches::Key) -> Result<()> {
        let source = |part: &Arc<Part>| {
            let kept = self.kept.peek(&(false, part.id().to_owned(), condition));
            let mut known = Known::nothing((0..part.granules()).map(|g| part.granule_rows(g)));
            if let Some(Kept::Granules(filter)) = kept {
                (0..part.granules()).for_each(|granule| known.learn(granule, filter.rows(granule)));
            }
            known
        };
        let mut sources: Vec<Known> = merged.sources().iter().map(source).collect();
        let part = merged.part();
        let mut into = Gathered::new((0..part.granules()).map(|g| part.granule_rows(g)));
        merged.each_run(|source, rows| into.take(&mut sources, source, rows))?;
        if into.done.iter().all(Option::is_none) {
            return Ok(());
        }
        let filter = self.filter(part, condition);
        for (granule, rows) in into.done.into_iter().enumerate() {
            if let Some(rows) = rows {
                self.record(&filter, granule, rows);
            }
        }
        Ok(())
    }

    fn carry_rows(&self, merged: &MergedRows<'_>, condition: caches::Key) -> Result<()> {
        let set_of =
            |part: &Arc<Part>| match self.kept.peek(&(true, part.id().to_owned(), condition)) {
                Some(Kept::Rows(_, rows)) => Some(rows),
                _ => None,
            };
        let sets = merged.sources().iter().map(set_of).collect::<Option<Vec<Arc<RowSet>>>>();
        let (Some(sets), Ok(all)) = (sets, u32::try_from(merged.part().rows())) else {
            return Ok(());
        };
        let mut words = vec![0_u64; (all as usize).div_ceil(64)];
        let (mut places, mut next) = (vec![0; sets.len()], 0);
        merged.each_run(|source, rows| {
            let (Some(set), Some(place)) = (sets.get(source), places.get_mut(source)) else {
                bail!(LogicalError, "a merge of an unknown part");
            };
            copy_bits(set.words(), *place, &mut words, next, rows);
            *place += rows;
            next += rows;
            Ok(())
        })?;
        self.keep_rows(merged.part(), condition, Arc::new(RowSet::from_words(words, all)));
        Ok(())
    }
}

/// What is known of a source's rows, which are taken from first to last.
struct Known {
    /// Rows of each granule.
    granules: Vec<usize>,
    is_known: Vec<bool>,
    /// A bit for each row, set where it meets the condition.
    words: Vec<u64>,
    /// The granule and the row in it that come next, and that row among all.
    granule: usize,
    within: usize,
    row: usize,
}

impl Known {
    fn nothing(granules: impl Iterator<Item = usize>) -> Known {
        let granules: Vec<usize> = granules.collect();
        let is_known = vec![false; granules.len()];
        let words = vec![0; granules.iter().sum::<usize>().div_ceil(64)];
        Known { granules, is_known, words, granule: 0, within: 0, row: 0 }
    }

    /// Granules are learned from the first to the last.
    fn learn(&mut self, granule: usize, rows: Option<&GranuleRows>) {
        let (start, count) = (self.row, self.granules[granule]);
        self.row = if granule + 1 == self.granules.len() { 0 } else { start + count };
        self.is_known[granule] = rows.is_some();
        match rows {
            None | Some(GranuleRows::None) => {}
            Some(GranuleRows::All) => {
                let ones = vec![u64::MAX; count.div_ceil(64)];
                copy_bits(&ones, 0, &mut self.words, start, count);
            }
            Some(GranuleRows::Few(rows)) => {
                for row in rows {
                    let row = start + usize::from(*row);
                    self.words[row / 64] |= 1 << (row % 64);
                }
            }
            Some(GranuleRows::Many(words)) => copy_bits(words, 0, &mut self.words, start, count),
        }
    }
}

/// The granules of the new part as they come to be known.
struct Gathered {
    /// Rows of each granule.
    granules: Vec<usize>,
    done: Vec<Option<GranuleRows>>,
    /// The bits of the granule that is being gathered, how many, and whether all are known.
    words: Vec<u64>,
    rows: usize,
    is_known: bool,
}

impl Gathered {
    fn new(granules: impl Iterator<Item = usize>) -> Gathered {
        let granules: Vec<usize> = granules.collect();
        let words = vec![0; granules.iter().max().map_or(0, |rows| rows.div_ceil(64))];
        let done = Vec::with_capacity(granules.len());
        Gathered { granules, done, words, rows: 0, is_known: true }
    }

    /// Takes the next rows of a source.
    fn take(&mut self, sources: &mut [Known], source: usize, mut rows: usize) -> Result<()> {
        let Some(source) = sources.get_mut(source) else {
            bail!(LogicalError, "a merge of an unknown part");
        };
        while rows > 0 {
            let whole = self.granules.get(self.done.len()).copied();
            let (Some(whole), Some(own)) = (whole, source.granules.get(source.granule).copied())
            else {
                bail!(LogicalError, "a merge of more rows than there are");
            };
            let count = rows.min(whole - self.rows).min(own - source.within);
            if source.is_known[source.granule] {
                copy_bits(&source.words, source.row, &mut self.words, self.rows, count);
            } else {
                self.is_known = false;
            }
            source.row += count;
            source.within += count;
            self.rows += count;
            rows -= count;
            if source.within == own {
                (source.granule, source.within) = (source.granule + 1, 0);
            }
            if self.rows == whole {
                self.finish_granule();
            }
        }
        Ok(())
    }

    fn finish_granule(&mut self) {
        let words = &mut self.words[..self.rows.div_ceil(64)];
        self.done.push(self.is_known.then(|| GranuleRows::of_words(words, self.rows)));
        words.fill(0);
        (self.rows, self.is_known) = (0, true);
    }
}

/// Sets those of `count` bits from a place on that are set in others from a place on; bits past these are 0.
fn copy_bits(from: &[u64], mut at: usize, into: &mut [u64], mut to: usize, mut count: usize) {
    while count > 0 {
        let (shift, room) = (at % 64, 64 - to % 64);
        let taken = count.min(room).min(64 - shift);
        let word = from.get(at / 64).copied().unwrap_or(0) >> shift & (u64::MAX >> (64 - taken));
        if let Some(into) = into.get_mut(to / 64) {
            *into |= word << (to % 64);
        }
        (at, to, count) = (at + taken, to + taken, count - taken);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows of each granule, whether it is known, and of each row whether it meets the condition.
    fn source() -> impl Strategy<Value = Vec<Option<Vec<bool>>>> {
        let granule = prop_oneof![
            3 => prop::collection::vec(any::<bool>(), 100..101).prop_map(Some),
            1 => Just(Some(vec![true; 100])),
            1 => Just(Some(vec![false; 100])),
            1 => (0_usize..100).prop_map(|at| Some((0..100).map(|row| row == at).collect())),
            1 => Just(None),
        ];
        prop::collection::vec(granule, 1..4)
    }

    proptest! {
        #[test]
        fn rows_keep_what_is_known_of_them(
            sources in prop::collection::vec(source(), 1..4),
            runs in prop::collection::vec((0_usize..4, 1_usize..90), 0..40),
            granularity in 1_usize..200,
        ) {
            let mut known: Vec<Known> = Vec::new();
            let mut left: Vec<Vec<Option<bool>>> = Vec::new();
            for source in &sources {
                let mut one = Known::nothing(source.iter().map(|_| 100));
                for (granule, rows) in source.iter().enumerate() {
                    let list = |rows: &Vec<bool>| -> Vec<u16> {
                        (0..100).filter(|row| rows[usize::from(*row)]).collect()
                    };
                    let rows = rows.as_ref().map(|rows| GranuleRows::new(Some(&list(rows)), 100));
                    one.learn(granule, rows.as_ref());
                }
                known.push(one);
                left.push(source.iter().flat_map(|rows| match rows {
                    Some(rows) => rows.iter().map(|row| Some(*row)).collect::<Vec<_>>(),
                    None => vec![None; 100],
                }).collect());
            }
            // Any order of runs, and then what is left.
            let rest = (0..sources.len()).map(|source| (source, usize::MAX));
            let (mut order, mut expected) = (Vec::new(), Vec::new());
            for (source, rows) in runs.into_iter().chain(rest) {
                let source = source % sources.len();
                let rows = rows.min(left[source].len());
                order.push((source, rows));
                expected.extend(left[source].drain(..rows));
            }
            let granules: Vec<&[Option<bool>]> = expected.chunks(granularity).collect();
            let mut into = Gathered::new(granules.iter().map(|granule| granule.len()));
            for (source, rows) in order {
                into.take(&mut known, source, rows).unwrap();
            }
            prop_assert_eq!(into.done.len(), granules.len());
            for (done, granule) in into.done.iter().zip(granules) {
                let rows: Option<Vec<bool>> = granule.iter().copied().collect();
                let rows = rows.map(|rows| {
                    let met: Vec<u16> = (0..rows.len() as u16).filter(|r| rows[usize::from(*r)]).collect();
                    GranuleRows::new(Some(&met), rows.len())
                });
                prop_assert_eq!(done, &rows);
            }
        }
    }
}
