//! One granule: tests over a shrinking selection, then the columns of what is left.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use base::Result;
use storage::Extremes;
use text::RowSet;
use types::{Block, Column, DataType, DictionaryColumn, Value};

use super::kept::{keep, recorded};
use super::predicate::{CodeSet, Shape, Verdict};
use super::prepare::{PreparedPart, PreparedScan, Test};
use super::selection::{complement, intersect, refine};
use crate::context::ExecContext;
use crate::pipeline::truth;

/// Reads granules of a prepared scan for one lane.
pub(crate) struct GranuleReader {
    scan: Arc<PreparedScan>,
}

/// Rows of a granule that passed so far; `None` is all.
pub(super) type Selection = Option<Vec<u16>>;

/// What a test of codes of integers gave.
enum Tested {
    All,
    None,
    Rows(Vec<u16>),
    /// Codes do not tell.
    ByValue,
}

impl GranuleReader {
    pub(crate) fn new(scan: Arc<PreparedScan>) -> GranuleReader {
        GranuleReader { scan }
    }

    /// The rows of a granule that pass all tests, with the visible columns.
    pub(crate) fn read(
        &mut self,
        part: usize,
        granule: usize,
        context: &ExecContext,
    ) -> Result<Block> {
        let prepared = &self.scan.parts[part];
        context
            .counters
            .read_rows
            .fetch_add(prepared.part.granule_rows(granule) as u64, Ordering::Relaxed);
        let mut cached = Vec::new();
        let Some(selection) = self.select(prepared, granule, &mut cached)? else {
            return Ok(Block::new(Vec::new(), 0));
        };
        let visible: Vec<usize> = (0..self.scan.visible).collect();
        let block = self.some_columns(prepared, granule, &selection, &visible, &cached)?;
        context.counters.read_bytes.fetch_add(block.memory() as u64, Ordering::Relaxed);
        Ok(block)
    }

    /// The rows of a granule that pass all tests; `None` where no row does.
    pub(crate) fn select(
        &self,
        part: &PreparedPart,
        granule: usize,
        cached: &mut Vec<(usize, Column)>,
    ) -> Result<Option<Selection>> {
        let mut selection: Selection = None;
        for test in &part.tests {
            match test {
                Test::Range(conjunct) => {
                    let conjunct = &self.scan.conjuncts[*conjunct];
                    let Some(column) = conjunct.shape.column() else { continue };
                    let Some(chunk) = &part.chunks[column] else { continue };
                    match conjunct.shape.verdict(chunk.zone(granule)) {
                        Verdict::All => continue,
                        Verdict::None => return Ok(None),
                        Verdict::Some => {}
                    }
                    if !self.packed(&conjunct.shape, part, granule, &mut selection, cached)? {
                        self.expression(conjunct, part, granule, &mut selection, cached)?;
                    }
                }
                Test::Numbers(conjunct, codes) => {
                    let conjunct = &self.scan.conjuncts[*conjunct];
                    match self.numbers(conjunct, codes, part, granule)? {
                        Tested::All => continue,
                        Tested::None => return Ok(None),
                        Tested::Rows(found) => intersect(&mut selection, found, cached)?,
                        Tested::ByValue => {
                            self.expression(conjunct, part, granule, &mut selection, cached)?;
                        }
                    }
                }
                Test::Codes(conjunct, set) => {
                    let Some(column) = self.scan.conjuncts[*conjunct].shape.column() else {
                        continue;
                    };
                    match codes_verdict(set, part, granule, column) {
                        Verdict::All => continue,
                        Verdict::None => return Ok(None),
                        Verdict::Some => {}
                    }
                    let own = (self.scan.cache.as_ref(), *conjunct);
                    recorded(own, part, granule, &mut selection, cached, |rows, cached| {
                        codes(set, part, granule, column, rows, cached)
                    })?;
                }
                Test::Kept(filter) => {
                    let rows = part.part.granule_rows(granule);
                    keep(filter.rows(granule), rows, &mut selection, cached)?;
                }
                Test::Rows(set) => told_rows(set, part, granule, &mut selection, cached)?,
                Test::Member(conjunct) => {
                    let conjunct = &self.scan.conjuncts[*conjunct];
                    self.member(conjunct, part, granule, &mut selection, cached)?;
                }
                Test::Expression(at) => {
                    let (conjunct, own) =
                        (&self.scan.conjuncts[*at], (self.scan.cache.as_ref(), *at));
                    recorded(own, part, granule, &mut selection, cached, |selection, cached| {
                        self.expression(conjunct, part, granule, selection, cached)
                    })?;
                }
            }
            if selection.as_ref().is_some_and(Vec::is_empty) {
                return Ok(None);
            }
        }
        Ok(Some(selection))
    }

    /// Rows of integers by their codes.
    fn numbers(
        &self,
        conjunct: &super::prepare::Conjunct,
        codes: &Range<u32>,
        part: &PreparedPart,
        granule: usize,
    ) -> Result<Tested> {
        let chunk = conjunct.shape.column().and_then(|column| part.chunks[column].as_ref());
        let Some(chunk) = chunk else { return Ok(Tested::ByValue) };
        match conjunct.shape.verdict(chunk.zone(granule)) {
            Verdict::All => return Ok(Tested::All),
            Verdict::None => return Ok(Tested::None),
            Verdict::Some => {}
        }
        let others = matches!(conjunct.shape, Shape::NotEqual { .. });
        if others && chunk.zone(granule).nulls > 0 {
            return Ok(Tested::ByValue);
        }
        let mut found = Vec::new();
        if !codes.is_empty() {
            let (low, high) = (i64::from(codes.start), i64::from(codes.end) - 1);
            if !chunk.page(granule)?.select_range(low, high, &mut found)? {
                return Ok(Tested::ByValue);
            }
        }
        let rows = part.part.granule_rows(granule);
        Ok(Tested::Rows(if others { complement(&found, rows) } else { found }))
    }

    /// Keeps the rows for which a comparison holds, tested on packed values; false where the page cannot do it.
    fn packed(
        &self,
        shape: &Shape,
        part: &PreparedPart,
        granule: usize,
        selection: &mut Selection,
        cached: &mut [(usize, Column)],
    ) -> Result<bool> {
        let Some(column) = shape.column() else { return Ok(false) };
        let Some(chunk) = &part.chunks[column] else { return Ok(false) };
        let zone = chunk.zone(granule);
        let Extremes::Int { min, max } = zone.extremes else { return Ok(false) };
        if zone.nulls > 0 {
            return Ok(false);
        }
        // `None` is any value but one.
        let range = match shape {
            Shape::Range { low, high, .. } => Some((*low.max(&min), *high.min(&max))),
            // The least or greatest value is excluded, as in `<> 0`: the others are a range.
            Shape::NotEqual { value, .. } if min == *value => Some((min + 1, max)),
            Shape::NotEqual { value, .. } if max == *value => Some((min, max - 1)),
            Shape::NotEqual { .. } => None,
            _ => return Ok(false),
        };
        let (low, high) = match (range, shape) {
            (Some(range), _) => range,
            (None, Shape::NotEqual { value, .. }) => (*value, *value),
            _ => return Ok(false),
        };
        let (Ok(low), Ok(high)) = (i64::try_from(low), i64::try_from(high)) else {
            return Ok(false);
        };
        let page = chunk.page(granule)?;
        let rows = part.part.granule_rows(granule);
        let found: Option<Vec<u16>> = match selection.as_ref() {
            Some(before) if range.is_some() => {
                let mut found = before.clone();
                page.refine_range(low, high, &mut found)?.then_some(found)
            }
            _ => {
                let mut found = Vec::new();
                page.select_range(low, high, &mut found)?.then_some(found)
            }
        };
        let Some(found) = found else { return Ok(false) };
        if range.is_none() {
            intersect(selection, complement(&found, rows), cached)?;
        } else if found.len() < selection.as_ref().map_or(rows, Vec::len) {
            refine(selection, found, rows, cached)?;
        }
        Ok(true)
    }

    /// Keeps the rows whose value is in a join's set.
    fn member(
        &self,
        conjunct: &super::prepare::Conjunct,
        part: &PreparedPart,
        granule: usize,
        selection: &mut Selection,
        cached: &mut Vec<(usize, Column)>,
    ) -> Result<()> {
        let (Some(member), [column]) = (&conjunct.member, conjunct.columns.as_slice()) else {
            return Ok(());
        };
        if !member.pays() {
            return Ok(());
        }
        let values = self.kept_column(part, granule, *column, selection, cached)?;
        let mask = member.set.contains(&values.to_flat()?);
        member.count(mask.len(), mask.count_set_bits());
        narrow(mask, selection, cached)
    }

    /// A column's selected rows, which are kept for the next test.
    fn kept_column(
        &self,
        part: &PreparedPart,
        granule: usize,
        column: usize,
        selection: &Selection,
        cached: &mut Vec<(usize, Column)>,
    ) -> Result<Column> {
        if let Some((_, values)) = cached.iter().find(|(known, _)| *known == column) {
            return Ok(values.clone());
        }
        let values = self.column(part, granule, column, selection)?;
        cached.push((column, values.clone()));
        Ok(values)
    }

    fn expression(
        &self,
        conjunct: &super::prepare::Conjunct,
        part: &PreparedPart,
        granule: usize,
        selection: &mut Selection,
        cached: &mut Vec<(usize, Column)>,
    ) -> Result<()> {
        for column in &conjunct.columns {
            self.kept_column(part, granule, *column, selection, cached)?;
        }
        let rows = selection.as_ref().map_or(part.part.granule_rows(granule), Vec::len);
        let width = conjunct.columns.last().map_or(0, |last| last + 1);
        let nothing = Column::constant(&DataType::UInt8, &Value::Int(0), rows)?;
        let mut columns = vec![nothing; width];
        for (column, values) in cached.iter() {
            if *column < width {
                columns[*column] = values.clone();
            }
        }
        let condition = conjunct.evaluator.evaluate_one(&columns, rows)?;
        narrow(truth(&condition.to_flat()?)?, selection, cached)
    }

    /// Columns of the selected rows as a block.
    pub(crate) fn some_columns(
        &self,
        part: &PreparedPart,
        granule: usize,
        selection: &Selection,
        wanted: &[usize],
        cached: &[(usize, Column)],
    ) -> Result<Block> {
        let rows = selection.as_ref().map_or(part.part.granule_rows(granule), Vec::len);
        let mut columns = Vec::with_capacity(wanted.len());
        for column in wanted.iter().copied() {
            let values = match cached.iter().find(|(c, _)| *c == column) {
                _ if self.scan.gives_codes(column) => {
                    self.number_codes(part, granule, column, selection)?
                }
                Some((_, values)) => values.clone(),
                None => self.column(part, granule, column, selection)?,
            };
            columns.push(unified(part, column, values));
        }
        Ok(Block::new(columns, rows))
    }

    /// Codes of a column of integers.
    fn number_codes(
        &self,
        part: &PreparedPart,
        granule: usize,
        column: usize,
        selection: &Selection,
    ) -> Result<Column> {
        let coded = match (&part.chunks[column], selection) {
            (None, _) => None,
            (Some(chunk), None) => chunk.codes(granule)?,
            (Some(chunk), Some(selection)) => chunk.codes_selected(granule, selection)?,
        };
        let coded = coded.map(Column::Dictionary);
        coded.ok_or_else(|| base::error!(LogicalError, "codes of a column without a dictionary"))
    }

    fn column(
        &self,
        part: &PreparedPart,
        granule: usize,
        column: usize,
        selection: &Selection,
    ) -> Result<Column> {
        let rows = selection.as_ref().map_or(part.part.granule_rows(granule), Vec::len);
        if let Some(score) = self.scan.score(column) {
            return score.column(part, granule, selection);
        }
        let Some(chunk) = &part.chunks[column] else {
            return Ok(Column::Constant { value: self.scan.defaults[column].clone(), len: rows });
        };
        if self.scan.encoded
            && let Some(dictionary) = chunk.dictionary()?
        {
            let page = chunk.page(granule)?;
            let (codes, nulls) = match selection {
                None => page.codes()?,
                Some(selection) => page.codes_selected(selection)?,
            };
            return Ok(Column::Dictionary(DictionaryColumn { codes, nulls, dictionary }));
        }
        if selection.as_ref().is_none_or(|s| s.len() * 64 > chunk.zone(granule).rows as usize)
            && part.held[column].get().is_none()
            && let Some(values) = chunk.hold_numbers()?
        {
            part.held[column].get_or_init(|| values);
        }
        let values = match selection {
            None => chunk.column(granule)?,
            Some(selection) => chunk.column_selected(granule, selection)?,
        };
        Ok(if self.scan.encoded { values } else { Column::Flat(values.to_flat()?) })
    }
}

/// Keeps the rows that an index told.
fn told_rows(
    set: &RowSet,
    part: &PreparedPart,
    granule: usize,
    selection: &mut Selection,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    let first = part.part.granule_start(granule) as u32;
    let rows = part.part.granule_rows(granule);
    let found = set.range(first, first + rows as u32);
    let found: Vec<u16> = found.map(|row| (row - first) as u16).collect();
    if found.len() < rows { intersect(selection, found, cached) } else { Ok(()) }
}

/// Keeps the selected rows whose bit is set.
fn narrow(
    mask: BooleanBuffer,
    selection: &mut Selection,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    if mask.count_set_bits() == mask.len() {
        return Ok(());
    }
    let kept: Vec<u16> = match selection {
        None => mask.set_indices().map(|row| row as u16).collect(),
        Some(selection) => mask.set_indices().map(|at| selection[at]).collect(),
    };
    let mask = BooleanArray::new(mask, None);
    for (_, column) in cached.iter_mut() {
        *column = column.filter(&mask)?;
    }
    *selection = Some(kept);
    Ok(())
}

/// A dictionary column with its codes brought to the dictionary that all parts share.
fn unified(part: &PreparedPart, column: usize, values: Column) -> Column {
    let guard = part.unified.read();
    match (&guard[column], values) {
        (Some((at, global)), Column::Dictionary(own)) => {
            let map = global.translation(*at);
            let codes =
                own.codes.iter().map(|c| map.get(*c as usize).copied().unwrap_or(0)).collect();
            Column::Dictionary(DictionaryColumn {
                codes,
                nulls: own.nulls,
                dictionary: global.clone(),
            })
        }
        (_, values) => values,
    }
}

/// What the bounds of a granule's codes tell of a set.
fn codes_verdict(set: &CodeSet, part: &PreparedPart, granule: usize, column: usize) -> Verdict {
    match part.chunks[column].as_ref().map(|chunk| chunk.zone(granule).extremes) {
        Some(Extremes::Codes { min, max }) => set.verdict(min, max),
        _ => Verdict::Some,
    }
}

/// Keeps the rows whose code is in a set.
fn codes(
    set: &CodeSet,
    part: &PreparedPart,
    granule: usize,
    column: usize,
    selection: &mut Selection,
    cached: &mut [(usize, Column)],
) -> Result<()> {
    let Some(chunk) = &part.chunks[column] else { return Ok(()) };
    let page = chunk.page(granule)?;
    if let (None, Some((low, high))) = (selection.as_ref(), set.range()) {
        let mut kept = Vec::new();
        if page.select_range(low.into(), high.into(), &mut kept)? {
            if kept.len() != page.rows() {
                refine(selection, kept, page.rows(), cached)?;
            }
            return Ok(());
        }
    }
    let (codes, _) = match selection.as_ref() {
        None => page.codes()?,
        Some(selection) => page.codes_selected(selection)?,
    };
    let mut kept = Vec::with_capacity(codes.len());
    match selection.as_ref() {
        None => {
            for (row, code) in codes.iter().enumerate() {
                if set.contains(*code) {
                    kept.push(row as u16);
                }
            }
        }
        Some(selection) => {
            for (row, code) in selection.iter().zip(codes.iter()) {
                if set.contains(*code) {
                    kept.push(*row);
                }
            }
        }
    }
    if kept.len() != codes.len() {
        refine(selection, kept, part.part.granule_rows(granule), cached)?;
    }
    Ok(())
}
