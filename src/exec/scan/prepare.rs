//! What a scan will read: decided once per query and part.

use std::slice;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use base::{Result, bail};
use expr::{Evaluator, Expr, Set};
use parking_lot::{Mutex, RwLock};
use plan::{PartScan, ReadColumn};
use storage::{ColumnChunk, Extremes, Part, PartDictionary};
use types::{Column, DataType, Dictionary, array_from_values};

use super::global::GlobalDictionary;
use super::predicate::{CodeSet, Shape, Verdict, paired, test_values};
use super::single_values;
use super::texts::{PreparedScore, TextTest, scores};
use crate::context::ExecContext;
use crate::pipeline::{Bounds, evaluator};
use crate::scheduler::Step;

/// Values of a dictionary that are decoded and tested in one step.
const TESTED_AT_ONCE: usize = 16_384;

/// A conjunct with what is known of it.
pub(crate) struct Conjunct {
    pub(crate) expression: Expr,
    pub(crate) columns: Vec<usize>,
    pub(crate) shape: Shape,
    pub(crate) evaluator: Arc<Evaluator>,
    /// Of a set that a join brought: how well it filters.
    pub(crate) member: Option<Member>,
    /// Whether it is computed on the values of granules that have only one.
    on_single_values: bool,
    /// What text indexes are asked instead.
    text: Option<TextTest>,
}

/// A set of a join that rows are tested by for as long as that pays.
pub(crate) struct Member {
    pub(crate) set: Arc<Set>,
    tested: AtomicU64,
    kept: AtomicU64,
}

/// Rows after which a set that keeps most of them is given up.
const TRIED_ROWS: u64 = 65_536;

impl Member {
    /// Whether rows are worth testing.
    pub(crate) fn pays(&self) -> bool {
        let tested = self.tested.load(Ordering::Relaxed);
        tested < TRIED_ROWS || self.kept.load(Ordering::Relaxed) < tested / 4 * 3
    }

    /// Takes down what came of a test.
    pub(crate) fn count(&self, tested: usize, kept: usize) {
        self.tested.fetch_add(tested as u64, Ordering::Relaxed);
        self.kept.fetch_add(kept as u64, Ordering::Relaxed);
    }
}

/// A test of one part's rows.
#[derive(Clone)]
pub(crate) enum Test {
    /// The conjunct's range on packed values.
    Range(usize),
    /// The conjunct's range or value that is left out, as codes from the first to before the last.
    Numbers(usize, std::ops::Range<u32>),
    /// A set of codes.
    Codes(usize, Arc<CodeSet>),
    /// Rows that a text index told.
    Rows(Arc<text::RowSet>),
    /// The conjunct's set, which a join brought.
    Member(usize),
    /// The conjunct's expression.
    Expression(usize),
}

/// The number of a part's dictionary among those brought together, and what they make.
pub(crate) type Unified = Option<(usize, Arc<GlobalDictionary>)>;

/// A part with the granules that are read and the tests of their rows.
pub(crate) struct PreparedPart {
    pub(crate) part: Arc<Part>,
    /// For every column of the scan; `None` where the part is older than the column.
    pub(crate) chunks: Vec<Option<Arc<ColumnChunk>>>,
    pub(crate) granules: Vec<usize>,
    pub(crate) tests: Vec<Test>,
    /// For columns whose parts' dictionaries were brought together: the number of this part's dictionary.
    pub(crate) unified: RwLock<Vec<Unified>>,
    /// For columns of integers with a dictionary: all its values, once rows of it were read.
    pub(crate) held: Vec<OnceLock<ArrayRef>>,
}

impl PreparedPart {
    /// Rows of the granules that are read.
    pub(crate) fn rows(&self) -> usize {
        self.granules.iter().map(|g| self.part.granule_rows(*g)).sum()
    }
}

/// A scan that is ready to be read.
pub(crate) struct PreparedScan {
    pub(crate) visible: usize,
    pub(crate) conjuncts: Vec<Conjunct>,
    pub(crate) parts: Vec<PreparedPart>,
    pub(crate) defaults: Vec<arrow_array::ArrayRef>,
    pub(crate) encoded: bool,
    names: Vec<String>,
    types: Vec<DataType>,
    /// The scores that columns are of, as far as these are read.
    scores: Vec<Option<PreparedScore>>,
    /// Columns of integers of which codes are given out.
    pub(super) as_codes: RwLock<Vec<bool>>,
}

impl PreparedScan {
    /// Picks parts and granules, and computes code sets.
    pub(crate) fn new(
        scan: &PartScan,
        parts: &[Arc<Part>],
        context: &Arc<ExecContext>,
    ) -> Result<PreparedScan> {
        let types = scan.types();
        let filter = paired(&scan.filter, &types, context);
        let mut conjuncts = Vec::with_capacity(filter.len() + scan.optional.len());
        for (at, expression) in filter.iter().chain(&scan.optional).enumerate() {
            let member = match expression {
                Expr::In { argument, set, negated: false }
                    if at >= filter.len() && matches!(argument.as_ref(), Expr::Column { .. }) =>
                {
                    let (tested, kept) = (AtomicU64::new(0), AtomicU64::new(0));
                    Some(Member { set: set.clone(), tested, kept })
                }
                _ => None,
            };
            let mut conjunct = Conjunct {
                member,
                columns: expression.columns(),
                shape: Shape::of(expression, &types, context),
                evaluator: evaluator(slice::from_ref(expression), context)?,
                expression: expression.clone(),
                on_single_values: false,
                text: TextTest::of(expression, scan, context),
            };
            conjunct.on_single_values = !matches!(conjunct.shape, Shape::Range { .. })
                && single_values::is_eligible(&conjunct, &types, &context.registry);
            conjuncts.push(conjunct);
        }
        let default = |c: &ReadColumn| array_from_values(&c.data_type, slice::from_ref(&c.default));
        let mut prepared = PreparedScan {
            defaults: scan.columns.iter().map(default).collect::<Result<_>>()?,
            visible: scan.visible,
            conjuncts,
            parts: Vec::new(),
            encoded: context.settings.encoded,
            names: scan.columns.iter().map(|c| c.name.clone()).collect(),
            types: types.clone(),
            scores: scores(scan, parts)?,
            as_codes: RwLock::new(vec![false; scan.columns.len()]),
        };
        for part in parts {
            let chunks =
                scan.columns.iter().map(|c| chunk_of(part, c)).collect::<Result<Vec<_>>>()?;
            if let Some(part) = prepared.prepare_part(part.clone(), chunks, context)? {
                prepared.parts.push(part);
            }
        }
        let rows: usize = prepared.parts.iter().map(PreparedPart::rows).sum();
        context.counters.total_rows.fetch_add(rows as u64, Ordering::Relaxed);
        for conjunct in &prepared.conjuncts {
            conjunct.evaluator.expect_rows(rows);
        }
        Ok(prepared)
    }

    /// The granules of a part that zone maps do not leave out.
    fn granules_by_zones(
        &self,
        part: &Part,
        chunks: &[Option<Arc<ColumnChunk>>],
        context: &ExecContext,
    ) -> Result<Vec<usize>> {
        let mut granules: Vec<usize> = (0..part.granules()).collect();
        if context.settings.skip_granules {
            for conjunct in &self.conjuncts {
                if let Some(column) = conjunct.shape.column()
                    && let Some(chunk) = &chunks[column]
                    && !matches!(conjunct.shape, Shape::Strings { .. })
                {
                    granules.retain(|g| conjunct.shape.verdict(chunk.zone(*g)) != Verdict::None);
                }
            }
            for conjunct in self.conjuncts.iter().filter(|c| c.on_single_values) {
                single_values::retain(&mut granules, conjunct, chunks, &self.types)?;
            }
        }
        Ok(granules)
    }

    fn prepare_part(
        &self,
        part: Arc<Part>,
        chunks: Vec<Option<Arc<ColumnChunk>>>,
        context: &Arc<ExecContext>,
    ) -> Result<Option<PreparedPart>> {
        let mut granules = self.granules_by_zones(&part, &chunks, context)?;
        let (mut tests, mut codes, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        let mut told = Vec::with_capacity(self.conjuncts.len());
        for conjunct in &self.conjuncts {
            let text = conjunct.text.as_ref();
            let rows = text.map_or(Ok(None), |text| text.narrow(&part, &mut granules))?;
            told.push(rows.is_some() && text.is_some_and(|text| text.exact));
            tests.extend(rows.map(Test::Rows));
        }
        let mut members = Vec::new();
        for (at, conjunct) in self.conjuncts.iter().enumerate() {
            match &conjunct.shape {
                _ if told[at] => {}
                Shape::Range { column, .. } | Shape::NotEqual { column, .. }
                    if chunks[*column].is_some() && self.encoded =>
                {
                    match self.range_test(at, chunks[*column].as_deref())? {
                        Some(test) => tests.push(test),
                        None => return Ok(None),
                    }
                }
                Shape::Strings { column } if self.encoded => {
                    let Some(set) =
                        self.code_set(conjunct, *column, &chunks, &part, &granules, context)?
                    else {
                        rest.push(Test::Expression(at));
                        continue;
                    };
                    if set.count() == 0 {
                        return Ok(None);
                    }
                    if let Some(chunk) = &chunks[*column] {
                        granules.retain(|g| match chunk.zone(*g).extremes {
                            Extremes::Codes { min, max } => set.verdict(min, max) != Verdict::None,
                            _ => true,
                        });
                    }
                    if !set.is_all() {
                        codes.push((set.count(), Test::Codes(at, Arc::new(set))));
                    }
                }
                _ if conjunct.member.is_some() => members.push(Test::Member(at)),
                _ => rest.push(Test::Expression(at)),
            }
        }
        codes.sort_by_key(|(count, _)| *count);
        tests.extend(codes.into_iter().map(|(_, test)| test));
        tests.extend(members);
        tests.extend(rest);
        if granules.is_empty() {
            return Ok(None);
        }
        let unified = RwLock::new(vec![None; chunks.len()]);
        let held = chunks.iter().map(|_| OnceLock::new()).collect();
        Ok(Some(PreparedPart { part, chunks, granules, tests, unified, held }))
    }

    /// The test of a conjunct's range; `None` where no value of the part lies within.
    fn range_test(&self, conjunct: usize, chunk: Option<&ColumnChunk>) -> Result<Option<Test>> {
        let Some(numbers) = chunk.map(ColumnChunk::numbers).transpose()?.flatten() else {
            return Ok(Some(Test::Range(conjunct)));
        };
        let shape = &self.conjuncts[conjunct].shape;
        let codes = code_range(shape, &numbers)?;
        let none = codes.is_empty() && matches!(shape, Shape::Range { .. });
        Ok((!none).then_some(Test::Numbers(conjunct, codes)))
    }

    /// The codes for which a conjunct of one dictionary column holds; `None` where testing rows is cheaper.
    fn code_set(
        &self,
        conjunct: &Conjunct,
        column: usize,
        chunks: &[Option<Arc<ColumnChunk>>],
        part: &Arc<Part>,
        granules: &[usize],
        context: &Arc<ExecContext>,
    ) -> Result<Option<CodeSet>> {
        let Some(chunk) = &chunks[column] else { return Ok(None) };
        if chunk.totals().nulls > 0 {
            return Ok(None);
        }
        let Some(dictionary) = chunk.dictionary()? else { return Ok(None) };
        if let Expr::Call { function, arguments, .. } = &conjunct.expression
            && matches!(function.as_str(), "equals" | "notEquals")
            && let Some(value) =
                arguments.iter().find_map(|a| a.as_literal().and_then(|v| v.as_bytes()))
            && arguments.iter().any(|a| matches!(a, Expr::Column { .. }))
        {
            let equal = function == "equals";
            let found = dictionary.find(value)?.ok();
            let mut set = BooleanBufferBuilder::new(dictionary.len());
            set.append_n(dictionary.len(), !equal);
            if let Some(code) = found {
                set.set_bit(code as usize, equal);
            }
            return Ok(Some(CodeSet::new(set.finish())));
        }
        let rows: usize = granules.iter().map(|g| part.granule_rows(*g)).sum();
        if dictionary.len() > rows {
            return Ok(None);
        }
        tested_codes(&dictionary, conjunct, column, context).map(Some)
    }

    /// Between which values a column of integers lies in the granules that are read, by their zone maps.
    pub(crate) fn bounds(&self, column: usize) -> Option<Bounds> {
        if !self.encoded || column >= self.visible {
            return None;
        }
        let mut bounds: Option<Bounds> = None;
        for part in &self.parts {
            let chunk = part.chunks[column].as_ref()?;
            for granule in &part.granules {
                let Extremes::Int { min, max } = chunk.zone(*granule).extremes else { return None };
                let (least, most) = bounds.unwrap_or((min, max));
                bounds = Some((least.min(min), most.max(max)));
            }
        }
        bounds
    }

    /// The score that a column is of.
    pub(crate) fn score(&self, column: usize) -> Option<&PreparedScore> {
        self.scores[column].as_ref()
    }

    /// Whether rows have to meet conditions.
    pub(crate) fn is_filtered(&self) -> bool {
        !self.conjuncts.is_empty()
    }

    /// Columns with conditions that zone maps can use, for EXPLAIN.
    pub(crate) fn range_columns(&self) -> Vec<(String, String)> {
        self.conjuncts
            .iter()
            .filter_map(|c| {
                let column = c.shape.column()?;
                Some((self.names[column].clone(), c.shape.describe()))
            })
            .collect()
    }
}

/// The codes for whose values a conjunct holds: all values are tested, by all lanes.
fn tested_codes(
    dictionary: &Arc<PartDictionary>,
    conjunct: &Conjunct,
    column: usize,
    context: &Arc<ExecContext>,
) -> Result<CodeSet> {
    let chunks = dictionary.len().div_ceil(TESTED_AT_ONCE);
    let next = Arc::new(AtomicUsize::new(0));
    let lanes = context.settings.threads.clamp(1, chunks.max(1));
    let results: Arc<Mutex<Vec<Option<BooleanBuffer>>>> = Arc::new(Mutex::new(vec![None; chunks]));
    let (evaluator, out, own) = (conjunct.evaluator.clone(), results.clone(), context.clone());
    let tested = dictionary.clone();
    let step = move |_: &mut ()| {
        own.cancel.check()?;
        let chunk = next.fetch_add(1, Ordering::Relaxed);
        if chunk >= chunks {
            return Ok(Step::Done);
        }
        let first = chunk * TESTED_AT_ONCE;
        let values = tested.range(first, TESTED_AT_ONCE.min(tested.len() - first))?;
        let set = test_values(&evaluator, column, Column::Flat(values))?;
        out.lock()[chunk] = Some(set);
        Ok(Step::Again)
    };
    if chunks <= 2 {
        while step(&mut ())? == Step::Again {}
    } else {
        context.scheduler.run(vec![(); lanes], step)?;
    }
    let mut set = BooleanBufferBuilder::new(dictionary.len());
    for result in results.lock().iter().flatten() {
        set.append_buffer(result);
    }
    if set.len() != dictionary.len() {
        bail!(
            LogicalError,
            "a predicate was tested on {} of {} values",
            set.len(),
            dictionary.len()
        );
    }
    Ok(CodeSet::new(set.finish()))
}

/// The codes that a range of integers covers, or that of the value which is left out.
fn code_range(shape: &Shape, numbers: &PartDictionary) -> Result<std::ops::Range<u32>> {
    let (low, high) = match shape {
        Shape::Range { low, high, .. } => (*low, *high),
        Shape::NotEqual { value, .. } => (*value, *value),
        _ => bail!(LogicalError, "codes of a condition that is no range"),
    };
    let first = numbers.find_number(low)?.unwrap_or_else(|after| after);
    let end = match numbers.find_number(high)? {
        Ok(code) => code + 1,
        Err(after) => after,
    };
    Ok(first..end.max(first))
}

/// A column of a part, whose values must lie in memory as the scan expects.
fn chunk_of(part: &Part, column: &ReadColumn) -> Result<Option<Arc<ColumnChunk>>> {
    if column.score.is_some() {
        return Ok(None);
    }
    let chunk = part.column(column.id)?;
    if let Some(chunk) = &chunk
        && chunk.data_type().arrow_type() != column.data_type.arrow_type()
    {
        bail!(
            IncorrectData,
            "Column {} of part {} is {}, the query reads it as {}",
            column.name,
            part.name(),
            chunk.data_type(),
            column.data_type
        );
    }
    Ok(chunk)
}

impl PreparedScan {
    /// Whether zone maps show that all rows of a granule pass all tests.
    pub(crate) fn passes_all(&self, part: &PreparedPart, granule: usize) -> bool {
        part.tests.iter().all(|test| match test {
            Test::Range(at) | Test::Numbers(at, _) => {
                self.zone_verdict(part, *at, granule) == Verdict::All
            }
            Test::Codes(at, set) => {
                let column = self.conjuncts[*at].shape.column();
                let zone =
                    column.and_then(|c| part.chunks[c].as_ref()).map(|chunk| chunk.zone(granule));
                match zone.map(|z| z.extremes) {
                    Some(Extremes::Codes { min, max }) => set.verdict(min, max) == Verdict::All,
                    _ => false,
                }
            }
            Test::Rows(_) => false,
            Test::Expression(at) | Test::Member(at) => {
                matches!(self.conjuncts[*at].shape, Shape::Among { .. })
                    && self.zone_verdict(part, *at, granule) == Verdict::All
            }
        })
    }

    /// Whether a condition leaves out the empty string of a column.
    pub(crate) fn excludes_empty(&self, column: usize) -> bool {
        self.conjuncts.iter().any(|c| match (&c.shape, &c.expression) {
            (Shape::Strings { column: own }, Expr::Call { function, arguments, .. }) => {
                *own == column
                    && function == "notEquals"
                    && arguments.iter().any(|a| {
                        a.as_literal().and_then(|v| v.as_bytes()).is_some_and(<[u8]>::is_empty)
                    })
            }
            _ => false,
        })
    }

    /// How many rows of a granule pass, where its only test is `column <> default`.
    pub(crate) fn count_by_zone(&self, part: &PreparedPart, granule: usize) -> Option<u64> {
        let [Test::Range(at) | Test::Numbers(at, _)] = part.tests.as_slice() else { return None };
        let Shape::NotEqual { column, value: 0 } = self.conjuncts[*at].shape else { return None };
        let zone = part.chunks[column].as_ref()?.zone(granule);
        (zone.nulls == 0).then(|| u64::from(zone.rows - zone.defaults))
    }

    fn zone_verdict(&self, part: &PreparedPart, conjunct: usize, granule: usize) -> Verdict {
        let shape = &self.conjuncts[conjunct].shape;
        match shape.column().and_then(|c| part.chunks[c].as_ref()) {
            Some(chunk) => shape.verdict(chunk.zone(granule)),
            None => Verdict::Some,
        }
    }
}
