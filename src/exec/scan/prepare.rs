//! What a scan will read: decided once per query and part.

use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{Evaluator, Expr, Set};
use parking_lot::RwLock;
use plan::{PartScan, ReadColumn};
use storage::{ColumnChunk, Extremes, Part};
use types::{DataType, array_from_values};

use super::global::GlobalDictionary;
use super::kept::repeated_key;
use super::predicate::{CodeSet, Shape, Verdict, paired};
use super::single_values;
use super::texts::{PreparedScore, TextTest, scores};
use crate::caches::Key;
use crate::context::ExecContext;
use crate::filters::{FilterCache, GranuleRows, PartFilter};
use crate::pipeline::{Bounds, evaluator};

/// A conjunct with what is known of it.
pub(crate) struct Conjunct {
    pub(crate) expression: Expr,
    pub(crate) columns: Vec<usize>,
    pub(crate) shape: Shape,
    pub(crate) evaluator: Arc<Evaluator>,
    /// Of a set that a join brought: how well it filters.
    pub(crate) member: Option<Member>,
    /// What the filter cache knows it by, where it is kept.
    pub(crate) kept: Option<Key>,
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
    /// Rows that are known from earlier queries.
    Kept(Arc<PartFilter>),
    /// The conjunct's set, which a join brought.
    Member(usize),
    /// The conjunct's expression.
    Expression(usize),
}

/// Tests of a part's rows while they are gathered.
#[derive(Default)]
pub(super) struct Tests {
    /// What is known, and packed values.
    pub(super) first: Vec<Test>,
    /// Codes, with how many there are.
    pub(super) codes: Vec<(usize, Test)>,
    /// Strings that would be tested by codes, were there not fewer rows than values.
    pub(super) strings: Vec<Test>,
    pub(super) members: Vec<Test>,
    pub(super) rest: Vec<Test>,
}

impl Tests {
    /// The cheap ones first; of codes those that fewest values pass.
    fn in_order(mut self) -> Vec<Test> {
        self.codes.sort_by_key(|(count, _)| *count);
        let mut tests = self.first;
        tests.extend(self.codes.into_iter().map(|(_, test)| test));
        tests.extend(self.strings);
        tests.extend(self.members);
        tests.extend(self.rest);
        tests
    }
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
    /// By conjunct: what is known of its rows, to be added to.
    pub(crate) filters: Vec<Option<Arc<PartFilter>>>,
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
    pub(crate) cache: Arc<FilterCache>,
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
                kept: None,
                on_single_values: false,
                text: TextTest::of(expression, scan, context),
            };
            if at < filter.len() && conjunct.text.is_none() {
                conjunct.kept = repeated_key(expression, &conjunct.shape, &scan.columns, context);
            }
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
            cache: context.caches.filters.clone(),
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
        let mut tests = Tests::default();
        let mut told = Vec::with_capacity(self.conjuncts.len());
        for conjunct in &self.conjuncts {
            let text = conjunct.text.as_ref();
            let rows = text.map_or(Ok(None), |text| text.narrow(&part, &mut granules))?;
            told.push(rows.is_some() && text.is_some_and(|text| text.exact));
            tests.first.extend(rows.map(Test::Rows));
        }
        let filters = self.filters_of(&part, context);
        let before = granules.iter().map(|g| part.granule_rows(*g)).sum();
        for (filter, told) in filters.iter().zip(&mut told) {
            let Some(filter) = filter else { continue };
            *told = filter.knows(&granules);
            self.cache.count(*told);
            if *told {
                granules.retain(|g| filter.rows(*g) != Some(&GranuleRows::None));
                tests.first.push(Test::Kept(filter.clone()));
            }
        }
        if granules.is_empty() {
            return Ok(None);
        }
        let mut prepared = PreparedPart {
            unified: RwLock::new(vec![None; chunks.len()]),
            held: chunks.iter().map(|_| OnceLock::new()).collect(),
            tests: Vec::new(),
            part,
            chunks,
            granules,
            filters,
        };
        for (at, conjunct) in self.conjuncts.iter().enumerate() {
            match &conjunct.shape {
                _ if told[at] => {}
                Shape::Range { column, .. } | Shape::NotEqual { column, .. }
                    if prepared.chunks[*column].is_some() && self.encoded =>
                {
                    match self.range_test(at, prepared.chunks[*column].as_deref())? {
                        Some(test) => tests.first.push(test),
                        None => return Ok(None),
                    }
                }
                Shape::Strings { column } if self.encoded => {
                    if !self.test_strings(
                        (at, *column),
                        &mut prepared,
                        before,
                        &mut tests,
                        context,
                    )? {
                        return Ok(None);
                    }
                }
                _ if conjunct.member.is_some() => tests.members.push(Test::Member(at)),
                _ => tests.rest.push(Test::Expression(at)),
            }
        }
        prepared.tests = tests.in_order();
        Ok((!prepared.granules.is_empty()).then_some(prepared))
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
            Test::Kept(filter) => filter.rows(granule) == Some(&GranuleRows::All),
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
