//! `if`, `multiIf`, `CASE`, and what replaces NULL; `least`, `greatest` and `clamp` are declared here (extremes.rs).
//!
//! Results have the least common type of the branches; each branch is converted to it first.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{BooleanArray, Scalar};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls, common_type};
use types::{Column, DataType, Value, common_or_variant, default_array, require_supertype};

use super::cast::{Conversion, conversion, padded};
use super::choose::choose;
use super::comparison::{self, Comparison};
use super::extremes::{bind_clamp, bind_extreme};
use super::lane::{Kind, Values, argument, constant, flat, map, values, with_lane, without_nulls};
use super::order::{Missing, comparator};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Conditional";
    "if" any_case true (3, 3) "if(condition, then, else), condition ? then : else"
        "then where the condition holds, otherwise (also where it is NULL) else."
        "SELECT if(1 > 2, 'more', 'less')" => "less"; |c, a| bind_multi(c, a, "if"),
        nulls: Nulls::Custom, short_circuit: true;
    "multiIf" | "caseWithoutExpression" | "caseWithoutExpr" any_case true (3, usize::MAX)
        "multiIf(condition1, then1, ..., else), CASE WHEN condition1 THEN then1 ... ELSE else END"
        "The result behind the first condition that holds."
        "SELECT multiIf(0, 'a', 1, 'b', 'c')" => "b"; |c, a| bind_multi(c, a, "multiIf"),
        nulls: Nulls::Custom, short_circuit: true;
    "ifNull" any_case true (2, 2) "ifNull(x, y)" "x where it is not NULL, else y."
        "SELECT ifNull(NULL, 5)" => "5"; bind_coalesce, nulls: Nulls::Custom, short_circuit: true;
    "coalesce" any_case true (1, usize::MAX) "coalesce(x, y, ...)" "The first argument that is not NULL."
        "SELECT coalesce(NULL, NULL, 3)" => "3"; bind_coalesce, nulls: Nulls::Custom, short_circuit: true;
    "nullIf" any_case true (2, 2) "nullIf(x, y)" "NULL where the arguments are equal, else x."
        "SELECT nullIf(1, 1), nullIf(1, 2)" => "\\N\t1"; bind_null_if, nulls: Nulls::Custom;
    "isNull" any_case true (1, 1) "isNull(x), x IS NULL" "Whether the argument is NULL."
        "SELECT isNull(NULL)" => "1"; |_, _| bind_is_null(true), nulls: Nulls::Custom,
        of_clob: Some(|_, _| bind_is_null(true).map(Some));
    "isNotNull" any_case true (1, 1) "isNotNull(x), x IS NOT NULL" "Whether the argument is not NULL."
        "SELECT isNotNull(NULL)" => "0"; |_, _| bind_is_null(false), nulls: Nulls::Custom,
        of_clob: Some(|_, _| bind_is_null(false).map(Some));
    "isNullable" (1, 1) "isNullable(x)" "Whether the argument's type can hold NULL."
        "SELECT isNullable(toNullable(1))" => "1"; bind_is_nullable, nulls: Nulls::Custom;
    "isZeroOrNull" (1, 1) "isZeroOrNull(x)" "Whether a number is 0 or NULL."
        "SELECT isZeroOrNull(0)" => "1"; bind_is_zero_or_null, nulls: Nulls::Custom;
    "assumeNotNull" (1, 1) "assumeNotNull(x)"
        "The argument as a type without NULL; the type's default stands where it was NULL."
        "SELECT assumeNotNull(toNullable(1))" => "1"; bind_assume_not_null, nulls: Nulls::Custom,
        of_clob: Some(|c, a| bind_assume_not_null(c, a).map(Some));
    "toNullable" (1, 1) "toNullable(x)" "The argument as a type that can hold NULL."
        "SELECT toTypeName(toNullable(1))" => "Nullable(UInt8)"; bind_to_nullable, nulls: Nulls::Custom,
        of_clob: Some(|c, a| bind_to_nullable(c, a).map(Some));
    "least" any_case true (1, usize::MAX) "least(x, y, ...)"
        "The smallest argument, of their common type; NULLs are passed over."
        "SELECT least(3, -1, 2)" => "-1"; |c, a| bind_extreme(c, a, Ordering::Less), nulls: Nulls::Custom;
    "greatest" any_case true (1, usize::MAX) "greatest(x, y, ...)"
        "The greatest argument, of their common type; NULLs are passed over."
        "SELECT greatest(3, -1, 2)" => "3"; |c, a| bind_extreme(c, a, Ordering::Greater), nulls: Nulls::Custom;
    "clamp" (3, 3) "clamp(x, low, high)" "x, or the bound that it is beyond."
        "SELECT clamp(5, 1, 3)" => "3"; bind_clamp, nulls: Nulls::Custom;
    "firstNonDefault" (1, usize::MAX) "firstNonDefault(x, y, ...)"
        "The first argument that is neither NULL nor the default of its type, such as 0 or an empty text; else NULL, or the \
            last argument where none can be NULL."
        "SELECT firstNonDefault(0, NULL, 7)" => "7"; bind_first_non_default, nulls: Nulls::Custom;
};

/// Conversions of arguments to one type.
pub(super) fn conversions(
    context: &FunctionContext,
    from: &[&DataType],
    to: &DataType,
) -> Result<Vec<Conversion>> {
    from.iter().map(|data_type| conversion(context, data_type, to)).collect()
}

/// As `conversions`, of two arguments: zeros at the end of a FixedString stay where it becomes a String, as in
/// ClickHouse, which chooses between two strings without converting them.
fn conversions_of_two(
    context: &FunctionContext,
    from: &[&DataType],
    to: &DataType,
) -> Result<Vec<Conversion>> {
    let keeps = from.len() == 2 && *to.inner() == DataType::String;
    let one = |data_type: &&DataType| match data_type.inner() {
        DataType::FixedString(_) if keeps => {
            let convert: Conversion = Arc::new(|column, _| match column {
                Column::Constant { value, len } => {
                    Ok(Column::Constant { value: padded(value)?, len: *len })
                }
                other => Ok(Column::Flat(padded(&other.to_flat()?)?)),
            });
            Ok(convert)
        }
        _ => conversion(context, data_type, to),
    };
    from.iter().map(one).collect()
}

/// Marks rows where a condition is true, not NULL.
fn holds(column: &Column) -> Result<Column> {
    let nulls = column.nulls();
    let truth = map::<u8, u8>(column, |v| u8::from(v != 0))?;
    let Some(nulls) = nulls else { return Ok(truth) };
    let truth = values::<u8>(&truth)?;
    let rows = (0..column.len()).map(|row| truth.at(row) & u8::from(nulls.is_valid(row)));
    Ok(flat(rows.collect()))
}

fn bind_multi(context: &FunctionContext, arguments: &[Argument], name: &str) -> Result<Bound> {
    if arguments.len().is_multiple_of(2) {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "{name} takes an odd number of arguments, but {} were passed",
            arguments.len()
        );
    }
    let pairs = arguments.len() / 2;
    let mut results: Vec<Argument> = Vec::with_capacity(pairs + 1);
    for pair in 0..pairs {
        let condition = &arguments[pair * 2].data_type;
        if !matches!(condition.inner(), DataType::UInt8 | DataType::Bool | DataType::Nothing) {
            return Err(error!(
                IllegalTypeOfArgument,
                "Illegal type {condition} of argument {} (condition) of function {name}. Must be UInt8",
                pair * 2 + 1
            ));
        }
        results.push(arguments[pair * 2 + 1].clone());
    }
    results.push(arguments[pairs * 2].clone());
    let return_type = common_type(&results)?;
    let results: Vec<&DataType> = results.iter().map(|a| &a.data_type).collect();
    let casts = conversions_of_two(context, &results, &return_type)?;
    let data_type = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut which = vec![pairs as u32; rows];
        for pair in (0..pairs).rev() {
            let holds = holds(argument(columns, pair * 2)?)?;
            match values::<u8>(&holds)? {
                Values::One(0) => {}
                Values::One(_) => which.fill(pair as u32),
                Values::Slice(slice) => {
                    for (which, holds) in which.iter_mut().zip(slice.iter()) {
                        *which = if *holds != 0 { pair as u32 } else { *which };
                    }
                }
            }
        }
        let mut branches = Vec::with_capacity(pairs + 1);
        for (at, cast) in casts.iter().enumerate() {
            let place = if at == pairs { pairs * 2 } else { at * 2 + 1 };
            branches.push(cast(argument(columns, place)?, rows)?);
        }
        choose(&data_type, &branches, &which)
    }))
}

fn bind_coalesce(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    // Arguments behind one that is never NULL do not matter.
    let mut used: Vec<usize> = Vec::new();
    for (at, argument) in arguments.iter().enumerate() {
        if argument.data_type.is_null_literal() {
            continue;
        }
        used.push(at);
        if !argument.data_type.is_nullable() {
            break;
        }
    }
    if used.is_empty() {
        return Ok(Bound::new(DataType::null(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let bare: Vec<DataType> = used
        .iter()
        .map(|at| match &arguments[*at].data_type {
            DataType::Nullable(inner) => inner.as_ref().clone(),
            other => other.clone(),
        })
        .collect();
    let all_nullable = used.iter().all(|at| arguments[*at].data_type.is_nullable());
    let common = common_or_variant(&bare)?;
    let return_type = if all_nullable { common.clone().nullable() } else { common.clone() };
    let from: Vec<&DataType> = used.iter().map(|at| &arguments[*at].data_type).collect();
    let wide = if from.iter().any(|t| t.is_nullable()) { common.nullable() } else { common };
    let casts = conversions_of_two(context, &from, &wide)?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut branches = Vec::with_capacity(casts.len());
        for (at, cast) in used.iter().zip(&casts) {
            let column = argument(columns, *at)?;
            branches.push(cast(column, rows)?);
        }
        let mut which = vec![branches.len().saturating_sub(1) as u32; rows];
        for (at, branch) in branches.iter().enumerate().rev() {
            match branch.nulls() {
                None => which.fill(at as u32),
                Some(nulls) => {
                    for (row, which) in which.iter_mut().enumerate() {
                        if nulls.is_valid(row) {
                            *which = at as u32;
                        }
                    }
                }
            }
        }
        let chosen = choose(&wide, &branches, &which)?;
        if all_nullable { Ok(chosen) } else { without_nulls(&chosen) }
    }))
}

fn bind_null_if(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let first = arguments[0].data_type.clone();
    if arguments.iter().any(|a| a.data_type.is_null_literal()) {
        return Ok(Bound::new(first.nullable(), |columns, _| Ok(argument(columns, 0)?.clone())));
    }
    let bare: Vec<Argument> = arguments
        .iter()
        .map(|a| match &a.data_type {
            DataType::Nullable(inner) => {
                Argument { data_type: inner.as_ref().clone(), ..a.clone() }
            }
            _ => a.clone(),
        })
        .collect();
    let equals = comparison::bind(context, &bare, Comparison::Equals, false, "nullIf")?;
    let expr::Kernel::Plain(equals) = equals.kernel else {
        bail!(LogicalError, "a comparison of higher order");
    };
    Ok(Bound::new(first.nullable(), move |columns, rows| {
        let (x, y) = (argument(columns, 0)?, argument(columns, 1)?);
        let equal = equals(&[without_nulls(x)?, without_nulls(y)?], rows)?;
        let equal = values::<u8>(&equal)?;
        let known = NullBuffer::union(x.nulls().as_ref(), y.nulls().as_ref());
        let differs =
            |row: usize| equal.at(row) == 0 || known.as_ref().is_some_and(|n| n.is_null(row));
        let valid: NullBuffer = (0..rows).map(differs).collect();
        let nulls = NullBuffer::union(Some(&valid), x.nulls().as_ref());
        x.with_nulls(nulls)
    }))
}

fn bind_is_null(wanted: bool) -> Result<Bound> {
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let column = argument(columns, 0)?;
        Ok(match (column.nulls(), column) {
            (None, _) => constant(u8::from(!wanted), rows),
            (Some(_), Column::Constant { .. }) => constant(u8::from(wanted), rows),
            (Some(nulls), _) => flat(nulls.iter().map(|valid| u8::from(valid != wanted)).collect()),
        })
    }))
}

fn bind_is_nullable(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let answer = u8::from(arguments[0].data_type.is_nullable());
    Ok(Bound::new(DataType::UInt8, move |_, rows| Ok(constant(answer, rows))))
}

fn bind_is_zero_or_null(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let inner = arguments[0].data_type.inner().clone();
    if !inner.is_number() && inner != DataType::Nothing {
        return Err(super::number_type::illegal(&arguments[0].data_type, "isZeroOrNull"));
    }
    let kind = Kind::require(&inner)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let column = argument(columns, 0)?;
        let zero = with_lane!(kind, T => map::<T, u8>(column, |v| u8::from(v == T::default())))?;
        let Some(nulls) = column.nulls() else { return Ok(zero) };
        let zero = values::<u8>(&zero)?;
        Ok(flat((0..rows).map(|row| zero.at(row) | u8::from(nulls.is_null(row))).collect()))
    }))
}

fn bind_assume_not_null(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let return_type = match &arguments[0].data_type {
        DataType::Nullable(inner) if **inner != DataType::Nothing => inner.as_ref().clone(),
        DataType::Nullable(_) => {
            bail!(IllegalColumn, "assumeNotNull of a bare NULL has no value")
        }
        other => other.clone(),
    };
    let default = types::default_array(&return_type, 1)?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let column = argument(columns, 0)?;
        let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return without_nulls(column);
        };
        let mask = BooleanArray::new(nulls.inner().clone(), None);
        let values = without_nulls(&Column::Flat(column.to_flat()?))?.to_flat()?;
        let default = Scalar::new(default.clone());
        let filled = arrow_select::zip::zip(&mask, &values, &default);
        debug_assert_eq!(rows, mask.len());
        Ok(Column::Flat(filled.map_err(|e| Error::logical(e.to_string()))?))
    }))
}

fn bind_to_nullable(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    Ok(Bound::new(arguments[0].data_type.clone().nullable(), |columns, _| {
        Ok(argument(columns, 0)?.clone())
    }))
}

fn bind_first_non_default(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let bare: Vec<DataType> = arguments
        .iter()
        .filter(|a| !a.data_type.is_null_literal())
        .map(|a| a.data_type.inner().clone())
        .collect();
    if bare.is_empty() {
        return Ok(Bound::new(DataType::null(), |_, rows| {
            Column::constant(&DataType::null(), &Value::Null, rows)
        }));
    }
    let common = require_supertype(&bare)?;
    let from_nullable: Vec<bool> = arguments.iter().map(|a| a.data_type.is_nullable()).collect();
    let nullable = from_nullable.contains(&true);
    let return_type = if nullable { common.clone().nullable() } else { common.clone() };
    let from: Vec<&DataType> = arguments.iter().map(|a| &a.data_type).collect();
    let casts = conversions(context, &from, &return_type)?;
    let data_type = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut branches = Vec::with_capacity(casts.len() + 1);
        for (column, cast) in columns.iter().zip(&casts) {
            branches.push(cast(column, rows)?);
        }
        // Where nothing is found: NULL if there can be any, else the last argument.
        let last = branches.len() - usize::from(!nullable);
        let mut which = vec![last as u32; rows];
        for (at, branch) in branches.iter().enumerate().rev() {
            // The default of a nullable type is NULL: its 0 is a value.
            let defaults =
                if from_nullable[at] { vec![false; rows] } else { default_rows(&common, branch)? };
            let nulls = branch.nulls();
            for (row, which) in which.iter_mut().enumerate() {
                if !defaults[row] && !nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                    *which = at as u32;
                }
            }
        }
        if nullable {
            branches.push(Column::constant(&data_type, &Value::Null, rows)?);
        }
        choose(&data_type, &branches, &which)
    }))
}

/// Which rows hold 0, an empty text, array or map, or a tuple of these.
fn default_rows(data_type: &DataType, column: &Column) -> Result<Vec<bool>> {
    if let Some(kind) = Kind::of(data_type) {
        let zeros = with_lane!(kind, T => map::<T, u8>(column, |v| u8::from(v == T::default())))?;
        let zeros = values::<u8>(&zeros)?;
        return Ok((0..column.len()).map(|row| zeros.at(row) != 0).collect());
    }
    let flat = column.to_flat()?;
    let default = default_array(data_type, 1)?;
    let order = comparator(data_type, &flat, &default, Missing::Greatest)?;
    Ok((0..column.len()).map(|row| order(row, 0).is_eq()).collect())
}
