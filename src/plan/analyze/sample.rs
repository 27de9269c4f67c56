//! `FROM table SAMPLE k [OFFSET o]`: the rows whose sampling key lies in a part of its type's values.
//!
//! The same rows come at every run, and a smaller sample is part of a larger one with the same offset.

use base::{Result, bail};
use expr::Expr;
use sql::ast::{Expression, Literal};
use types::{DataType, Field, Schema, Value};

use super::Analyzer;
use super::join::scoped;
use crate::{ColumnKind, Plan, RelationColumn, Source};

/// How often a row of the sample stands for one of the table, as a hidden column.
const FACTOR: &str = "_sample_factor";

/// A number that is not negative as a fraction.
#[derive(Debug, Clone, Copy)]
struct Ratio {
    above: u128,
    below: u128,
}

impl Ratio {
    /// The largest numerators and denominators: products with the values of 64 bits fit into 128.
    const MOST: u128 = u64::MAX as u128;

    /// `1/10`, `0.1`, `1e-1`, `1000`.
    fn of(literal: &Literal) -> Result<Ratio> {
        let Literal::Number(text) = literal else {
            bail!(BadArguments, "A sampling ratio must be a number");
        };
        let read = |digits: &str| digits.parse::<u128>().ok().filter(|n| *n <= Ratio::MOST);
        let found = match text.split_once('/') {
            Some((above, below)) => decimal(above).zip(read(below)).and_then(|(r, by)| {
                r.below.checked_mul(by).map(|below| Ratio { above: r.above, below })
            }),
            None => decimal(text),
        };
        match found {
            Some(ratio) if ratio.below > 0 && ratio.below <= Ratio::MOST => Ok(ratio),
            _ => bail!(BadArguments, "{text} is no sampling ratio, such as 1/10, 0.1 or 10000"),
        }
    }

    /// So much of some values, without the rest.
    fn times(self, values: u128) -> u128 {
        self.above * values / self.below
    }
}

/// A decimal number as a fraction.
fn decimal(text: &str) -> Option<Ratio> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let above = all.parse::<u128>().ok().filter(|n| *n <= Ratio::MOST)?;
    let places = exponent - i32::try_from(fraction.len()).ok()?;
    let power = 10_u128.checked_pow(places.unsigned_abs()).filter(|n| *n <= Ratio::MOST)?;
    if places < 0 {
        return Some(Ratio { above, below: power });
    }
    let above = above.checked_mul(power).filter(|n| *n <= Ratio::MOST)?;
    Some(Ratio { above, below: 1 })
}

impl Analyzer<'_> {
    /// The rows of a sample, and the table's columns with the factor behind them.
    pub(super) fn sampled(
        &mut self,
        plan: Plan,
        mut columns: Vec<RelationColumn>,
        key: Option<Expression>,
        (ratio, offset): &(Literal, Option<Literal>),
    ) -> Result<(Plan, Vec<RelationColumn>)> {
        let Some(key) = key else {
            bail!(SamplingNotSupported, "The table doesn't support sampling: it has no SAMPLE BY");
        };
        let (plan, scope) = scoped(plan, &columns, super::scope::TableLabel::default());
        let mut resolver = self.resolver(&scope, [])?;
        let key = resolver.resolve(&key)?;
        let data_type = key.data_type();
        let values = 1_u128 << data_type.bits().unwrap_or(64).min(64);
        let mut share = Ratio::of(ratio)?;
        if share.above > share.below {
            // A number of rows.
            let rows = u128::from(rows_of(&plan)).max(1);
            share = Ratio { above: (share.above / share.below).min(rows), below: rows };
        }
        let first = match offset {
            Some(offset) => Ratio::of(offset)?,
            None => Ratio { above: 0, below: 1 },
        };
        if first.above > first.below {
            bail!(BadArguments, "The offset of a sample must be within 0 and 1");
        }
        let (from, to) = (first.times(values), first.times(values) + share.times(values));
        let mut conditions = Vec::new();
        for (function, bound) in [("greaterOrEquals", from), ("less", to)] {
            let idle = if function == "less" { bound >= values } else { bound == 0 };
            if !idle {
                let bound = Expr::literal(Value::Int(bound as i128), DataType::UInt64);
                conditions.push(resolver.call(function, vec![key.clone(), bound])?);
            }
        }
        let plan = conditions
            .into_iter()
            .fold(plan, |plan, predicate| Plan::Filter { input: Box::new(plan), predicate });
        let factor = share.below as f64 / share.above.max(1) as f64;
        columns.push(RelationColumn {
            name: FACTOR.to_owned(),
            data_type: DataType::Float64,
            kind: ColumnKind::Hidden,
        });
        Ok((with_constant(plan, FACTOR, factor), columns))
    }
}

/// How many rows a table has.
fn rows_of(plan: &Plan) -> u64 {
    match plan {
        Plan::Scan(scan) => match &scan.source {
            Source::Table(snapshot) => snapshot.rows(),
            Source::Blocks(source) => source.rows().unwrap_or_default(),
        },
        _ => 0,
    }
}

/// A plan with one more column, the same number in all rows.
fn with_constant(plan: Plan, name: &str, number: f64) -> Plan {
    let mut fields = plan.schema().fields().to_vec();
    let mut expressions: Vec<Expr> =
        fields.iter().enumerate().map(|(at, f)| Expr::column(at, f.data_type.clone())).collect();
    expressions.push(Expr::literal(Value::Float(number), DataType::Float64));
    fields.push(Field::new(name.to_owned(), DataType::Float64));
    Plan::Project { input: Box::new(plan), expressions, schema: Schema::new(fields) }
}
