//! Fragments: the part of a plan that reads parts of a table, as a plain value that can be sent elsewhere.
//!
//! ```text
//! part -> read columns -> conjuncts -> visible columns -> projection? -> partial aggregation?
//! ```
//!
//! 1. A fragment names no table, file or part: which parts it is run over is said apart.
//! 2. What functions may know of the query is resolved in it, so that every worker computes the same.
//! 3. Its bytes are a version (u16, little-endian) and the value in bincode's standard form. A version that is
//!    not this program's is refused; positions and types of columns are checked before anything runs.

use std::sync::Arc;

use base::{Result, bail, error};
use expr::{Expr, FunctionContext};
use serde::{Deserialize, Serialize};
use storage::TableSnapshot;
use types::{DataType, Value, array_from_values};

use crate::search::indexed_texts;
use crate::{AggregateCall, Aggregation, IndexedText, Plan, Scan, Source, TextScore};

/// The version of fragments that this program writes and reads.
pub const FRAGMENT_VERSION: u16 = 2;

/// Stands for the id of a column that parts do not hold.
const NO_COLUMN: u32 = u32::MAX;

/// Bytes of the largest fragment that is read; sets of `IN` make them large.
pub const WIDEST_FRAGMENT: usize = 1 << 30;

/// What is read of a table's parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartScan {
    /// The columns that are read.
    pub columns: Vec<ReadColumn>,
    /// Conditions over the read columns; a row must meet all.
    pub filter: Vec<Expr>,
    /// Conditions that rows may fail to meet without harm; they never leave this process.
    #[serde(skip)]
    pub optional: Vec<Expr>,
    /// How many of the read columns, from the first, are given out; the rest serves the filter only.
    pub visible: usize,
    /// No more rows than this are needed, whichever they are.
    pub limit: Option<u64>,
    /// Text indexes that conditions may be asked of.
    pub texts: Vec<IndexedText>,
    /// Scores that columns are of.
    pub scores: Vec<TextScore>,
}

/// A column that is read of parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadColumn {
    /// Names the column within parts.
    pub id: u32,
    /// What it is called, for messages.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Its value in every row of parts that are older than the column.
    pub default: Value,
    /// Of a column that is computed by a text index: the number of its score.
    pub score: Option<u32>,
}

/// The part of a plan that reads parts and yields blocks or partial aggregate states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fragment {
    /// What is read.
    pub scan: PartScan,
    /// Expressions over the visible columns, one a column; the visible columns themselves for `None`.
    pub projection: Option<Vec<Expr>>,
    /// Groups over what comes before it.
    pub aggregation: Option<PartialAggregation>,
    /// What functions may know of the query.
    pub functions: FunctionContext,
}

/// Groups whose results are not finished: keys, then one column of serialized states a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialAggregation {
    /// The groups' keys; one group of all rows where there are none.
    pub keys: Vec<Expr>,
    /// What is computed.
    pub calls: Vec<AggregateCall>,
}

impl PartScan {
    /// The types of the read columns.
    pub fn types(&self) -> Vec<DataType> {
        self.columns.iter().map(|c| c.data_type.clone()).collect()
    }
}

impl Scan {
    /// What the scan reads of a table's parts, and the snapshot that lists them; `None` for other sources.
    ///
    /// # Errors
    /// LOGICAL_ERROR for a column that the table does not have.
    pub fn of_parts(&self) -> Result<Option<(PartScan, &Arc<TableSnapshot>)>> {
        let Source::Table(snapshot) = &self.source else { return Ok(None) };
        let ids: Vec<u32> = snapshot.definition.physical_columns().map(|(_, c)| c.id).collect();
        let mut columns = Vec::with_capacity(self.columns.len());
        for (position, field) in self.columns.iter().zip(self.schema.fields()) {
            let score = position.checked_sub(ids.len());
            if score.is_some_and(|score| score >= self.scores.len()) {
                bail!(LogicalError, "no column {position} in table {}", self.table);
            }
            columns.push(ReadColumn {
                id: ids.get(*position).copied().unwrap_or(NO_COLUMN),
                name: field.name.clone(),
                data_type: field.data_type.clone(),
                default: field.data_type.default_value(),
                score: score.map(|score| score as u32),
            });
        }
        let scan = PartScan {
            columns,
            filter: self.filter.clone(),
            optional: self.optional.clone(),
            visible: self.visible,
            limit: self.limit,
            texts: indexed_texts(&snapshot.definition),
            scores: self.scores.clone(),
        };
        Ok(Some((scan, snapshot)))
    }
}

impl Fragment {
    /// A plan of a scan of parts, below a projection, an aggregation, or both, as a fragment, with the snapshot
    /// whose parts it reads; `None` for other plans. Of an aggregation the groups are whole only once
    /// the fragment's blocks of all parts are merged; its `limit` and `top` are left to whoever merges.
    ///
    /// # Errors
    /// Those of [`Scan::of_parts`].
    pub fn of(
        plan: &Plan,
        functions: &FunctionContext,
    ) -> Result<Option<(Fragment, Arc<TableSnapshot>)>> {
        match plan {
            Plan::Aggregate(aggregation) => Self::of_aggregation(aggregation, functions),
            other => Self::over(other, None, functions),
        }
    }

    /// An aggregation as a fragment, see [`Fragment::of`].
    ///
    /// # Errors
    /// Those of [`Scan::of_parts`].
    pub fn of_aggregation(
        aggregation: &Aggregation,
        functions: &FunctionContext,
    ) -> Result<Option<(Fragment, Arc<TableSnapshot>)>> {
        let (keys, calls) = (aggregation.keys.clone(), aggregation.calls.clone());
        Self::over(&aggregation.input, Some(PartialAggregation { keys, calls }), functions)
    }

    fn over(
        input: &Plan,
        aggregation: Option<PartialAggregation>,
        functions: &FunctionContext,
    ) -> Result<Option<(Fragment, Arc<TableSnapshot>)>> {
        let (input, projection) = match input {
            Plan::Project { input, expressions, .. } => (input.as_ref(), Some(expressions.clone())),
            other => (other, None),
        };
        let Plan::Scan(scan) = input else { return Ok(None) };
        let Some((scan, snapshot)) = scan.of_parts()? else { return Ok(None) };
        // Scores depend on all parts of the table.
        if scan.columns.iter().any(|column| column.score.is_some()) {
            return Ok(None);
        }
        let fragment = Fragment { scan, projection, aggregation, functions: functions.clone() };
        Ok(Some((fragment, snapshot.clone())))
    }

    /// The types of the columns of its blocks; states are String.
    pub fn output_types(&self) -> Vec<DataType> {
        match (&self.aggregation, &self.projection) {
            (Some(aggregation), _) => {
                let keys = aggregation.keys.iter().map(Expr::data_type);
                keys.chain(aggregation.calls.iter().map(|_| DataType::String)).collect()
            }
            (None, Some(projection)) => projection.iter().map(Expr::data_type).collect(),
            (None, None) => {
                let mut types = self.scan.types();
                types.truncate(self.scan.visible);
                types
            }
        }
    }

    /// The fragment as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = FRAGMENT_VERSION.to_le_bytes().to_vec();
        let config = bincode::config::standard();
        let written = bincode::serde::encode_into_std_write(self, &mut bytes, config);
        written.map_err(|e| error!(LogicalError, "a fragment cannot be written: {e}"))?;
        Ok(bytes)
    }

    /// Reads a fragment.
    ///
    /// # Errors
    /// INCORRECT_DATA for another version, and for bytes that are no fragment; never a panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Fragment> {
        let Some((version, rest)) = bytes.split_first_chunk::<2>() else {
            bail!(IncorrectData, "A fragment of {} bytes is cut off", bytes.len());
        };
        let version = u16::from_le_bytes(*version);
        if version != FRAGMENT_VERSION {
            bail!(
                IncorrectData,
                "A fragment has version {version}, this program runs version {FRAGMENT_VERSION}; run the same \
                 release on all machines"
            );
        }
        let config = bincode::config::standard().with_limit::<WIDEST_FRAGMENT>();
        let (fragment, length): (Fragment, usize) = bincode::serde::decode_from_slice(rest, config)
            .map_err(|e| error!(IncorrectData, "A fragment cannot be read: {e}"))?;
        if length != rest.len() {
            bail!(IncorrectData, "{} bytes are left behind a fragment", rest.len() - length);
        }
        fragment.check()?;
        Ok(fragment)
    }

    /// Fails unless all columns that expressions name exist and have the types that they say, and defaults theirs.
    fn check(&self) -> Result<()> {
        for ReadColumn { name, data_type, default, score, .. } in &self.scan.columns {
            if score.is_some_and(|score| score as usize >= self.scan.scores.len()) {
                bail!(IncorrectData, "A fragment has no score for column {name}");
            }
            array_from_values(data_type, std::slice::from_ref(default)).map_err(|_| {
                error!(
                    IncorrectData,
                    "The default of column {name} of a fragment is no {data_type}"
                )
            })?;
        }
        let mut types = self.scan.types();
        check_columns("condition", &self.scan.filter, &types)?;
        if self.scan.visible > types.len() {
            bail!(
                IncorrectData,
                "A fragment gives out {} of {} columns",
                self.scan.visible,
                types.len()
            );
        }
        types.truncate(self.scan.visible);
        if let Some(projection) = &self.projection {
            check_columns("projection", projection, &types)?;
            types = projection.iter().map(Expr::data_type).collect();
        }
        if let Some(PartialAggregation { keys, calls }) = &self.aggregation {
            check_columns("key", keys, &types)?;
            for call in calls {
                check_columns("argument", &call.arguments, &types)?;
            }
        }
        Ok(())
    }
}

fn check_columns(what: &str, expressions: &[Expr], types: &[DataType]) -> Result<()> {
    let mut wrong = None;
    for expression in expressions {
        expression.visit(&mut |e| {
            if let Expr::Column { index, data_type } = e
                && types.get(*index) != Some(data_type)
            {
                wrong = Some((*index, data_type.clone()));
            }
        });
    }
    match wrong {
        None => Ok(()),
        Some((index, data_type)) => {
            bail!(IncorrectData, "A {what} of a fragment reads column {index} as {data_type}")
        }
    }
}
