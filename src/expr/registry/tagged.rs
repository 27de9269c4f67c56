//! Functions of values that bring their type along.
//!
//! 1. A function is bound to each type that occurs and called on the rows of that type; NULL gives NULL.
//! 2. Of a Variant the types are known: where all give one type, that is the result's (with NULL), else a Variant
//!    of what they give. Types that the function does not take fail when a value of them comes.
//! 3. Of a Dynamic they are not: where a function gives the same for all that it takes of some usual types, that
//!    is the result's type, else the result is Dynamic.
//! 4. Values of types that the function does not take are errors, or give NULL without
//!    `variant_throw_on_type_mismatch` and `dynamic_throw_on_type_mismatch`.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use types::{Column, DataType, IntervalKind, tagged};

use crate::{Argument, Bound, FunctionContext, FunctionDeclaration, Kernel};

/// Combinations of types for which a function is tried when it is bound.
const MOST_TRIED: usize = 1_000;

/// Functions that take objects of JSON where others have no meaning for them.
const OF_OBJECTS: &[&str] = &[
    "equals",
    "notEquals",
    "less",
    "lessOrEquals",
    "greater",
    "greaterOrEquals",
    "toJSONString",
    "JSONAllPaths",
    "JSONAllPathsWithTypes",
    "JSONDynamicPaths",
    "JSONDynamicPathsWithTypes",
    "JSONSharedDataPaths",
    "JSONSharedDataPathsWithTypes",
];

/// Fails where an object of JSON is an argument of a function that has no meaning for it.
pub(super) fn check_objects(
    declaration: &FunctionDeclaration,
    arguments: &[Argument],
) -> Result<()> {
    let object =
        |a: &&Argument| a.lambda.is_none() && matches!(a.data_type.inner(), DataType::Json(_));
    if let Some(found) = arguments.iter().find(object)
        && !OF_OBJECTS.contains(&declaration.name)
    {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument of function {}",
            found.data_type,
            declaration.name
        );
    }
    Ok(())
}

/// Fails where values of different types would be compared.
pub(super) fn check_aggregate(name: &str, types: &[DataType]) -> Result<()> {
    let starts = |names: [&str; 2]| names.iter().any(|known| name.starts_with(known));
    // Of these the second argument is compared.
    let compared = match () {
        () if starts(["argMin", "argMax"]) => types.get(1..2).unwrap_or_default(),
        () if starts(["min", "max"]) => types,
        () => &[],
    };
    let mixed = |t: &&DataType| t.is_tagged() || matches!(t.inner(), DataType::Json(_));
    if let Some(found) = compared.iter().find(mixed) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {found} of argument of aggregate function {name} because the values of that data type can contain values with different data types. Consider using typed subcolumns or cast column to a specific data type"
        );
    }
    Ok(())
}

/// Types that a Dynamic is taken for when a function is bound.
fn usual_types() -> Vec<DataType> {
    use DataType::{Bool, Date, DateTime, Float64, Int64, String, UInt8, UInt64, Uuid};
    let scalars = [String, Int64, UInt64, UInt8, Float64, Bool, Date, DateTime(None), Uuid];
    let mut all = scalars.to_vec();
    all.push(DataType::Interval(IntervalKind::Second));
    all.push(DataType::array(Int64.nullable()));
    all.push(DataType::array(String.nullable()));
    all.push(DataType::map(String, String));
    all
}

/// Binds to arguments some of which are Variant or Dynamic.
pub(super) fn bind(
    declaration: &'static FunctionDeclaration,
    context: &FunctionContext,
    arguments: &[Argument],
) -> Result<Bound> {
    let return_type = result_type(declaration, context, arguments)?;
    let result = return_type.clone();
    let (context, arguments) = (context.clone(), arguments.to_vec());
    if arguments.iter().any(|a| a.lambda.is_some()) {
        bail!(
            IllegalTypeOfArgument,
            "Function {} of a lambda takes no {}",
            declaration.name,
            result
        );
    }
    Ok(Bound::new(return_type, move |columns, rows| {
        let constant = columns.iter().all(Column::is_constant) && rows > 0;
        let count = if constants_suffice(declaration, constant) { 1 } else { rows };
        let columns: Vec<Column> = columns.iter().map(|c| c.slice(0, count)).collect();
        let array = call(declaration, &context, &arguments, &columns, count, &result)?;
        Ok(if count == 1 && rows != 1 {
            Column::Constant { value: array, len: rows }
        } else {
            Column::Flat(array)
        })
    }))
}

fn constants_suffice(declaration: &FunctionDeclaration, constant: bool) -> bool {
    constant && declaration.determinism != crate::Determinism::Never
}

fn result_type(
    declaration: &FunctionDeclaration,
    context: &FunctionContext,
    arguments: &[Argument],
) -> Result<DataType> {
    let mut cases: Vec<Vec<Argument>> = vec![Vec::new()];
    for argument in arguments {
        let types = match &argument.data_type {
            DataType::Variant(members) => members.to_vec(),
            DataType::Dynamic(_) => usual_types(),
            DataType::Nullable(inner) => vec![inner.as_ref().clone()],
            other => vec![other.clone()],
        };
        if cases.len() * types.len() > MOST_TRIED {
            bail!(
                IllegalTypeOfArgument,
                "Function {} has too many combinations of types among its arguments",
                declaration.name
            );
        }
        let tagged = argument.data_type.is_tagged();
        let typed = |data_type: &DataType| Argument {
            data_type: data_type.clone(),
            constant: argument.constant.clone().filter(|value| !tagged && !value.is_null()),
            lambda: argument.lambda,
        };
        cases = cases
            .iter()
            .flat_map(|case| types.iter().map(|t| [case.as_slice(), &[typed(t)]].concat()))
            .collect();
    }
    let (mut results, mut failed): (Vec<DataType>, Option<Error>) = (Vec::new(), None);
    for case in &cases {
        match (declaration.bind)(context, case) {
            Ok(bound) if !results.contains(&bound.return_type) => results.push(bound.return_type),
            Ok(_) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match (results.as_slice(), failed) {
        ([], Some(error)) => Err(error),
        ([only], _) => Ok(only.clone().nullable()),
        _ if arguments.iter().any(|a| matches!(a.data_type, DataType::Dynamic(_))) => {
            Ok(DataType::dynamic())
        }
        _ => match types::variant_of(&results) {
            Some(variant) => Ok(variant),
            None => bail!(
                IllegalTypeOfArgument,
                "Function {} gives values of too different types for its arguments",
                declaration.name
            ),
        },
    }
}

/// Calls the function for the rows of each type of the first argument that has several.
fn call(
    declaration: &'static FunctionDeclaration,
    context: &FunctionContext,
    arguments: &[Argument],
    columns: &[Column],
    rows: usize,
    result: &DataType,
) -> Result<ArrayRef> {
    let Some(at) = arguments.iter().position(|a| a.data_type.is_tagged()) else {
        return call_typed(declaration, context, arguments, columns, rows, result);
    };
    let mut pieces = Vec::new();
    let setting = match arguments[at].data_type {
        DataType::Variant(_) => "variant_throw_on_type_mismatch",
        _ => "dynamic_throw_on_type_mismatch",
    };
    let throws = context.settings.get(setting).is_none_or(|value| value != "0");
    for group in tagged::groups(columns[at].to_flat()?.as_ref())? {
        let own = UInt32Array::from(group.rows.clone());
        let mut taken = Vec::with_capacity(columns.len());
        for (other, column) in columns.iter().enumerate() {
            taken.push(match other == at {
                true => Column::Flat(group.values.clone()),
                false => column.take(&own)?,
            });
        }
        let mut typed = arguments.to_vec();
        typed[at] = Argument::of(group.data_type);
        match call(declaration, context, &typed, &taken, own.len(), result) {
            Ok(values) => pieces.push((group.rows, values)),
            Err(error) if !throws && is_mismatch(&error) => {}
            Err(error) => return Err(error),
        }
    }
    tagged::scatter(rows, pieces, result)
}

/// Whether an error says that a function does not take values of a type.
fn is_mismatch(error: &Error) -> bool {
    use base::ErrorCode::{IllegalTypeOfArgument, NoCommonType, TypeMismatch};
    matches!(error.code(), IllegalTypeOfArgument | NoCommonType | TypeMismatch)
}

/// Calls the function of types that are known, and brings what it gives to the result's type.
fn call_typed(
    declaration: &'static FunctionDeclaration,
    context: &FunctionContext,
    arguments: &[Argument],
    columns: &[Column],
    rows: usize,
    result: &DataType,
) -> Result<ArrayRef> {
    let bare: Vec<Argument> = arguments
        .iter()
        .map(|a| match &a.data_type {
            DataType::Nullable(inner) => {
                let constant = a.constant.clone().filter(|value| !value.is_null());
                Argument { data_type: inner.as_ref().clone(), constant, lambda: a.lambda }
            }
            _ => a.clone(),
        })
        .collect();
    let Bound { return_type, kernel } = (declaration.bind)(context, &bare)?;
    let Kernel::Plain(kernel) = kernel else {
        bail!(
            IllegalTypeOfArgument,
            "Function {} takes no values of several types",
            declaration.name
        );
    };
    let nulls = columns
        .iter()
        .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.nulls().as_ref()));
    let plain = columns.iter().map(|column| match column.nulls() {
        Some(_) => column.with_nulls(None),
        None => Ok(column.clone()),
    });
    let plain = plain.collect::<Result<Vec<_>>>()?;
    let array = kernel(&plain, rows)?.to_flat()?;
    let nulls = NullBuffer::union(nulls.as_ref(), array.nulls());
    let array = match result.is_nullable() {
        true => Column::Flat(array).with_nulls(nulls)?.to_flat()?,
        false => array,
    };
    if result.is_tagged() {
        return tagged::tag_array(array.as_ref(), &return_type);
    }
    if return_type.clone().nullable() != *result && return_type != *result {
        bail!(
            NotImplemented,
            "Function {} gives {return_type} for a value of one of the types, and {result} for others. Cast the argument to one type",
            declaration.name
        );
    }
    Ok(array)
}
