//! What a conjunct asks of a single column, as far as pages and zone maps can tell.

use arrow_buffer::BooleanBuffer;
use base::Result;
use expr::{Evaluator, Expr};
use storage::{Extremes, ZoneMap};
use types::{Block, DataType, Physical, Value};

use crate::context::ExecContext;

/// What a conjunct of one column and constants asks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    /// An integer column within bounds (both included).
    Range { column: usize, low: i128, high: i128 },
    /// An integer column other than a value.
    NotEqual { column: usize, value: i128 },
    /// An integer column among values, sorted; used to drop granules, the rows are tested by the expression.
    Among { column: usize, values: Vec<i128> },
    /// An integer column among many values within bounds (both included); drops granules like `Among`.
    Within { column: usize, low: i128, high: i128 },
    /// A column of strings: worth trying on the distinct values.
    Strings { column: usize },
    /// Anything else.
    Other,
}

/// What a zone map says of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No row can match.
    None,
    /// Rows must be looked at.
    Some,
    /// All rows match.
    All,
}

impl Shape {
    /// What it asks, for EXPLAIN.
    pub(super) fn describe(&self) -> String {
        match self {
            Shape::Range { low, high, .. } => {
                let low = if *low == i128::MIN { "-Inf".to_owned() } else { low.to_string() };
                let high = if *high == i128::MAX { "+Inf".to_owned() } else { high.to_string() };
                format!("in [{low}, {high}]")
            }
            Shape::NotEqual { value, .. } => format!("not in [{value}, {value}]"),
            Shape::Among { values, .. } => format!("in {}-element set", values.len()),
            Shape::Within { low, high, .. } => format!("in a set within [{low}, {high}]"),
            Shape::Strings { .. } => "by dictionary codes".to_owned(),
            Shape::Other => "unknown".to_owned(),
        }
    }

    /// The shape of a conjunct over columns of these types.
    pub(crate) fn of(conjunct: &Expr, types: &[DataType], context: &ExecContext) -> Shape {
        let columns = conjunct.columns();
        let [column] = columns.as_slice() else { return Shape::Other };
        let column = *column;
        let data_type = &types[column];
        if data_type.physical() == Physical::Bytes {
            return Shape::Strings { column };
        }
        if !is_plain_integer(data_type) {
            return Shape::Other;
        }
        match conjunct {
            Expr::Call { function, arguments, .. } if function == "and" => {
                let bounds = arguments.iter().map(|a| Shape::of(a, types, context));
                both(column, bounds).unwrap_or(Shape::Other)
            }
            Expr::Call { function, arguments, .. } if arguments.len() == 2 => {
                let (constant, turned) = match (&arguments[0], &arguments[1]) {
                    (Expr::Column { .. }, constant @ Expr::Literal { .. }) => (constant, false),
                    (constant @ Expr::Literal { .. }, Expr::Column { .. }) => (constant, true),
                    _ => return Shape::Other,
                };
                match as_integer(constant, data_type, context) {
                    Some(value) => comparison(function, column, value, turned),
                    None => {
                        decimal_bounds(conjunct, column, data_type, context).unwrap_or(Shape::Other)
                    }
                }
            }
            Expr::In { argument, set, negated: false }
                if matches!(**argument, Expr::Column { .. }) =>
            {
                if set.data_type().physical() != data_type.physical() {
                    return Shape::Other;
                }
                if set.values().len() > 1000 {
                    return match set.bounds() {
                        Some((low, high)) => Shape::Within { column, low, high },
                        None => Shape::Other,
                    };
                }
                let mut values: Vec<i128> = (0..set.values().len())
                    .filter_map(|row| types::value_at(set.values(), set.data_type(), row).as_int())
                    .collect();
                values.sort_unstable();
                Shape::Among { column, values }
            }
            _ => Shape::Other,
        }
    }

    /// What a granule's zone map says; `Some` where it says nothing.
    pub(crate) fn verdict(&self, zone: &ZoneMap) -> Verdict {
        let Extremes::Int { min, max } = zone.extremes else {
            // All rows NULL: no comparison holds.
            let null = zone.nulls == zone.rows && zone.rows > 0;
            let comparing = !matches!(self, Shape::Other | Shape::Strings { .. });
            return if null && comparing { Verdict::None } else { Verdict::Some };
        };
        let verdict = match self {
            Shape::Range { low, high, .. } => {
                if max < *low || min > *high {
                    Verdict::None
                } else if min >= *low && max <= *high {
                    Verdict::All
                } else {
                    Verdict::Some
                }
            }
            Shape::Within { low, high, .. } => {
                if max < *low || min > *high {
                    Verdict::None
                } else {
                    Verdict::Some
                }
            }
            Shape::NotEqual { value, .. } => {
                if min == *value && max == *value {
                    Verdict::None
                } else if *value < min || *value > max {
                    Verdict::All
                } else {
                    Verdict::Some
                }
            }
            Shape::Among { values, .. } => {
                let at = values.partition_point(|v| *v < min);
                let hit = values.get(at).is_some_and(|v| *v <= max);
                if !hit {
                    Verdict::None
                } else if min == max {
                    Verdict::All
                } else {
                    Verdict::Some
                }
            }
            Shape::Strings { .. } | Shape::Other => Verdict::Some,
        };
        if verdict == Verdict::All && zone.nulls > 0 { Verdict::Some } else { verdict }
    }

    /// The column, where it is a single one.
    pub(crate) fn column(&self) -> Option<usize> {
        match self {
            Shape::Range { column, .. }
            | Shape::NotEqual { column, .. }
            | Shape::Among { column, .. }
            | Shape::Within { column, .. }
            | Shape::Strings { column } => Some(*column),
            Shape::Other => None,
        }
    }
}

/// The range that all of some ranges have in common.
fn both(column: usize, mut ranges: impl Iterator<Item = Shape>) -> Option<Shape> {
    let all = (i128::MIN, i128::MAX);
    let (low, high) = ranges.try_fold(all, |(least, most), range| match range {
        Shape::Range { low, high, .. } => Some((low.max(least), high.min(most))),
        _ => None,
    })?;
    Some(Shape::Range { column, low, high })
}

fn comparison(function: &str, column: usize, value: i128, turned: bool) -> Shape {
    let (low, high) = match (function, turned) {
        ("equals", _) => (value, value),
        ("notEquals", _) => return Shape::NotEqual { column, value },
        ("less", false) | ("greater", true) => (i128::MIN, value.saturating_sub(1)),
        ("lessOrEquals", false) | ("greaterOrEquals", true) => (i128::MIN, value),
        ("greater", false) | ("less", true) => (value.saturating_add(1), i128::MAX),
        ("greaterOrEquals", false) | ("lessOrEquals", true) => (value, i128::MAX),
        _ => return Shape::Other,
    };
    Shape::Range { column, low, high }
}

/// Scaled integers up to this lie so far apart that no two become the same float.
const EXACT: f64 = (1u64 << 50) as f64;

/// A comparison of a decimal column with a number of another type, as one of the column's scaled integers.
///
/// The comparison changes its answer at most around the constant, since it is monotone; so asking it of the
/// integers there tells its answer for all others.
fn decimal_bounds(
    conjunct: &Expr,
    column: usize,
    data_type: &DataType,
    context: &ExecContext,
) -> Option<Shape> {
    let DataType::Decimal { scale, precision: ..39 } = data_type.inner() else { return None };
    let Expr::Call { function, arguments, .. } = conjunct else { return None };
    const COMPARISONS: [&str; 6] =
        ["equals", "notEquals", "less", "lessOrEquals", "greater", "greaterOrEquals"];
    if !COMPARISONS.contains(&function.as_str()) {
        return None;
    }
    let constant = arguments.iter().find_map(|argument| match argument {
        Expr::Literal { value, data_type } => Some((value, data_type)),
        _ => None,
    });
    let number = match constant? {
        (Value::Float(value), _) => *value,
        (Value::Int(value), DataType::Decimal { scale, .. }) => {
            *value as f64 / 10f64.powi(i32::from(*scale))
        }
        (Value::Int(value), other) if other.is_integer() => *value as f64,
        _ => return None,
    };
    let nearest = number * 10f64.powi(i32::from(*scale));
    if nearest.is_nan() || nearest.abs() > EXACT {
        return None;
    }
    let around: Vec<i128> = (-2..=2).map(|n| nearest.round() as i128 + n).collect();
    let values: Vec<Value> = around.iter().map(|v| Value::Int(*v)).collect();
    let values = types::array_from_values(data_type, &values).ok()?;
    let evaluator = crate::pipeline::evaluator(std::slice::from_ref(conjunct), context).ok()?;
    let holds = test_values(&evaluator, column, types::Column::Flat(values)).ok()?;
    let holds: Vec<bool> = (0..around.len()).map(|at| holds.value(at)).collect();
    let first = around[holds.iter().position(|h| *h != holds[0])?];
    let last = around[holds.iter().rposition(|h| *h != holds[0])?];
    match (holds[0], holds[holds.len() - 1]) {
        (false, true) => Some(Shape::Range { column, low: first, high: i128::MAX }),
        (true, false) => Some(Shape::Range { column, low: i128::MIN, high: first - 1 }),
        (false, false) => Some(Shape::Range { column, low: first, high: last }),
        (true, true) if first == last => Some(Shape::NotEqual { column, value: first }),
        (true, true) => None,
    }
}

/// Conjuncts with those that bound one column from both sides put together, so that its values are looked at once.
pub(crate) fn paired(filter: &[Expr], types: &[DataType], context: &ExecContext) -> Vec<Expr> {
    let mut out: Vec<(Expr, Option<usize>)> = Vec::with_capacity(filter.len());
    for conjunct in filter {
        let bounded = match Shape::of(conjunct, types, context) {
            Shape::Range { column, .. } => Some(column),
            _ => None,
        };
        let other = out.iter_mut().find(|(_, column)| bounded.is_some() && *column == bounded);
        let Some((other, _)) = other else {
            out.push((conjunct.clone(), bounded));
            continue;
        };
        let null = other.data_type().is_nullable() || conjunct.data_type().is_nullable();
        let data_type = if null { DataType::UInt8.nullable() } else { DataType::UInt8 };
        let arguments = vec![other.clone(), conjunct.clone()];
        *other = Expr::Call { function: "and".to_owned(), arguments, data_type };
    }
    out.into_iter().map(|(conjunct, _)| conjunct).collect()
}

/// Types whose order is that of their integers in memory, within 64 bits.
fn is_plain_integer(data_type: &DataType) -> bool {
    let inner = data_type.inner();
    let fits = !matches!(
        inner.physical(),
        Physical::Int128
            | Physical::Float32
            | Physical::Float64
            | Physical::Bytes
            | Physical::Fixed(_)
            | Physical::List
            | Physical::Struct
    );
    fits && !inner.is_enum()
}

/// A constant as an integer of the column's type, where comparing integers is the same as comparing values.
fn as_integer(constant: &Expr, column: &DataType, context: &ExecContext) -> Option<i128> {
    let Expr::Literal { value, data_type } = constant else { return None };
    let (column, of_constant) = (column.inner(), data_type.inner());
    let integers = (column.is_integer() || *column == DataType::Bool)
        && (of_constant.is_integer() || *of_constant == DataType::Bool);
    if integers || column == of_constant {
        return value.as_int();
    }
    let same_clock =
        matches!((column, of_constant), (DataType::DateTime(_), DataType::DateTime(_)));
    if same_clock {
        return value.as_int();
    }
    let parsed = *of_constant == DataType::String
        && (column.is_date() || column.is_datetime() || *column == DataType::Ipv4);
    if !parsed {
        return None;
    }
    let name = Expr::literal(Value::from(column.to_string().as_str()), DataType::String);
    let cast = Expr::Call {
        function: "CAST".to_owned(),
        arguments: vec![constant.clone(), name],
        data_type: column.clone(),
    };
    let evaluator = Evaluator::new(&[cast], &context.registry, &context.functions).ok()?;
    let result = evaluator.evaluate(&Block::new(Vec::new(), 1)).ok()?.pop()?;
    result.value(column, 0).ok()?.as_int()
}

/// Codes of a dictionary for which a predicate holds.
#[derive(Debug)]
pub(crate) struct CodeSet {
    set: BooleanBuffer,
    /// `ranks[i]`: how many codes below `64 * i` are in the set.
    ranks: Vec<u32>,
    count: usize,
    /// The codes, if they are all from one to another.
    range: Option<(u32, u32)>,
}

impl CodeSet {
    pub(crate) fn new(set: BooleanBuffer) -> CodeSet {
        let words = set.len().div_ceil(64);
        let mut ranks = Vec::with_capacity(words + 1);
        let mut count = 0;
        for word in 0..words {
            ranks.push(count as u32);
            let length = 64.min(set.len() - word * 64);
            count += set.slice(word * 64, length).count_set_bits();
        }
        ranks.push(count as u32);
        let first = set.set_indices().next();
        let together = |first: &usize| {
            *first + count <= set.len() && set.slice(*first, count).count_set_bits() == count
        };
        let range = first.filter(together).map(|f| (f as u32, (f + count - 1) as u32));
        CodeSet { set, ranks, count, range }
    }

    pub(crate) fn contains(&self, code: u32) -> bool {
        (code as usize) < self.set.len() && self.set.value(code as usize)
    }

    /// The first and the last code, if all between them are in the set.
    pub(crate) fn range(&self) -> Option<(u32, u32)> {
        self.range
    }

    /// How many codes are in it.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_all(&self) -> bool {
        self.count == self.set.len()
    }

    fn rank(&self, code: usize) -> usize {
        let code = code.min(self.set.len());
        let word = code / 64;
        self.ranks[word] as usize + self.set.slice(word * 64, code - word * 64).count_set_bits()
    }

    /// What is known of rows whose codes lie in `min..=max`.
    pub(crate) fn verdict(&self, min: u32, max: u32) -> Verdict {
        let (first, end) = (min as usize, max as usize + 1);
        match self.rank(end) - self.rank(first) {
            0 => Verdict::None,
            found if found == end - first => Verdict::All,
            _ => Verdict::Some,
        }
    }
}

/// The codes of a dictionary for which a conjunct holds, by evaluating it on the distinct values.
pub(crate) fn test_values(
    evaluator: &Evaluator,
    column: usize,
    values: types::Column,
) -> Result<BooleanBuffer> {
    let rows = values.len();
    let nothing = types::Column::constant(&DataType::UInt8, &Value::Int(0), rows)?;
    let mut columns = vec![nothing; column + 1];
    columns[column] = values;
    let result = evaluator.evaluate_one(&columns, rows)?;
    crate::pipeline::truth(&result.to_flat()?)
}
