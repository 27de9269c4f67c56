//! Conditions of a column with a dictionary as codes: each of its values is tested once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use base::{Result, bail};
use expr::Expr;
use parking_lot::Mutex;
use storage::{ColumnChunk, Extremes, Part, PartDictionary};
use types::{Column, Dictionary};

use super::kept::record_by_zones;
use super::predicate::{CodeSet, Shape, Verdict, test_values};
use super::prepare::{Conjunct, PreparedPart, PreparedScan, Test, Tests};
use crate::context::ExecContext;
use crate::scheduler::Step;

/// Values of a dictionary that are decoded and tested in one step.
const TESTED_AT_ONCE: usize = 16_384;

impl PreparedScan {
    /// The test of a conjunct's range; `None` where no value of the part lies within.
    pub(super) fn range_test(
        &self,
        conjunct: usize,
        chunk: Option<&ColumnChunk>,
    ) -> Result<Option<Test>> {
        let Some(numbers) = chunk.map(ColumnChunk::numbers).transpose()?.flatten() else {
            return Ok(Some(Test::Range(conjunct)));
        };
        let shape = &self.conjuncts[conjunct].shape;
        let codes = code_range(shape, &numbers)?;
        let none = codes.is_empty() && matches!(shape, Shape::Range { .. });
        Ok((!none).then_some(Test::Numbers(conjunct, codes)))
    }

    /// How a conjunct of strings is tested; whether any row can pass. There were `before` rows to test before those went
    /// of which the filter cache knows.
    pub(super) fn test_strings(
        &self,
        (at, column): (usize, usize),
        prepared: &mut PreparedPart,
        before: usize,
        tests: &mut Tests,
        context: &Arc<ExecContext>,
    ) -> Result<bool> {
        let PreparedPart { part, chunks, granules, filters, .. } = prepared;
        let conjunct = &self.conjuncts[at];
        let set = self.code_set(conjunct, column, chunks, part, granules, context)?;
        let Some(set) = set else {
            let chunk = chunks[column].as_ref().filter(|chunk| chunk.totals().nulls == 0);
            let values = chunk.map(|c| c.dictionary()).transpose()?.flatten().map(|d| d.len());
            let rows: usize = granules.iter().map(|g| part.granule_rows(*g)).sum();
            // It keeps its place before other expressions, which may fail for rows that it leaves out.
            match values.is_some_and(|values| rows < values && values <= before) {
                true => tests.strings.push(Test::Expression(at)),
                false => tests.rest.push(Test::Expression(at)),
            }
            return Ok(true);
        };
        if let Some(chunk) = &chunks[column] {
            if let Some(filter) = &filters[at] {
                record_by_zones(&self.cache, filter, &set, chunk, granules);
            }
            granules.retain(|g| match chunk.zone(*g).extremes {
                Extremes::Codes { min, max } => set.verdict(min, max) != Verdict::None,
                _ => true,
            });
        }
        let any = set.count() > 0;
        if any && !set.is_all() {
            tests.codes.push((set.count(), Test::Codes(at, Arc::new(set))));
        }
        Ok(any)
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
