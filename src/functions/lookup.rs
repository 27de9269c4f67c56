//! Functions that look values up by key: in dictionaries, and in tables for joins.
//!
//! A key is brought to the types of the table's keys and found by its bytes.

mod hierarchy;
mod join;
mod keys;

use std::sync::Arc;

use arrow_array::types::UInt8Type;
use arrow_array::{ArrayRef, UInt32Array};
use base::{Error, Result, bail};
use expr::{Argument, Bound, Expr, FunctionContext, FunctionDeclaration, Lookup, Nulls, Registry};
use types::{Column, DataType, TupleField, Value, array_from_values};

use crate::composed::Composer;
use crate::text::strings::numbers;
use keys::KeyReader;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
    registry.add_functions(hierarchy::FUNCTIONS);
    registry.add_functions(join::FUNCTIONS);
}

/// A function of dictionaries: not computed ahead of the query, examples run without any dictionary.
macro_rules! of_dictionary {
    ($name:literal, $syntax:literal, $what:literal, $arguments:expr, $bind:expr $(, $field:ident: $value:expr)*) => {
        expr::FunctionDeclaration {
            name: $name,
            category: "Dictionary",
            syntax: $syntax,
            description: $what,
            examples: &[expr::Example {
                sql: concat!("SELECT count() FROM system.functions WHERE name = '", $name, "'"),
                result: "1",
            }],
            arguments: $arguments,
            bind: $bind,
            determinism: expr::Determinism::WithinQuery,
            $($field: $value,)*
            ..expr::FunctionDeclaration::USUAL
        }
    };
}
pub(crate) use of_dictionary;

macro_rules! typed {
    ($($name:literal $or_default:literal $data_type:expr;)*) => {
        &[
            of_dictionary!("dictGet", "dictGet('dictionary', attribute or tuple of attributes, key[, range])",
                "The value of an attribute of a dictionary's row; the attribute's default where the key is not there.", (3, 4), |c, a| get(c, "dictGet", a, None)),
            of_dictionary!("dictGetOrDefault", "dictGetOrDefault('dictionary', attribute, key[, range], default)",
                "The value of an attribute of a dictionary's row, or a default where the key is not there.", (4, 5), |c, a| get_or_default(c, "dictGet", a), nulls: Nulls::Custom),
            of_dictionary!("dictGetOrNull", "dictGetOrNull('dictionary', attribute, key[, range])",
                "The value of an attribute of a dictionary's row; NULL where the key is not there.", (3, 4), |c, a| get_or_null(c, a), nulls: Nulls::Custom),
            of_dictionary!("dictHas", "dictHas('dictionary', key[, range])",
                "Whether a key is in a dictionary.", (2, 3), |c, a| has(c, a)),
            $(of_dictionary!($name, "dictGet...('dictionary', attribute, key[, range])",
                "As `dictGet`, for an attribute of the type that the function's name says.", (3, 4), |c, a| get(c, $name, a, Some($data_type))),
            of_dictionary!($or_default, "dictGet...OrDefault('dictionary', attribute, key[, range], default)",
                "As `dictGetOrDefault`, for an attribute of the type that the function's name says.", (4, 5), |c, a| get_or_default(c, $name, a), nulls: Nulls::Custom),)*
        ]
    };
}

static FUNCTIONS: &[FunctionDeclaration] = typed! {
    "dictGetUInt8" "dictGetUInt8OrDefault" DataType::UInt8;
    "dictGetUInt16" "dictGetUInt16OrDefault" DataType::UInt16;
    "dictGetUInt32" "dictGetUInt32OrDefault" DataType::UInt32;
    "dictGetUInt64" "dictGetUInt64OrDefault" DataType::UInt64;
    "dictGetInt8" "dictGetInt8OrDefault" DataType::Int8;
    "dictGetInt16" "dictGetInt16OrDefault" DataType::Int16;
    "dictGetInt32" "dictGetInt32OrDefault" DataType::Int32;
    "dictGetInt64" "dictGetInt64OrDefault" DataType::Int64;
    "dictGetFloat32" "dictGetFloat32OrDefault" DataType::Float32;
    "dictGetFloat64" "dictGetFloat64OrDefault" DataType::Float64;
    "dictGetDate" "dictGetDateOrDefault" DataType::Date;
    "dictGetDateTime" "dictGetDateTimeOrDefault" DataType::DateTime(None);
    "dictGetUUID" "dictGetUUIDOrDefault" DataType::Uuid;
    "dictGetIPv4" "dictGetIPv4OrDefault" DataType::Ipv4;
    "dictGetIPv6" "dictGetIPv6OrDefault" DataType::Ipv6;
    "dictGetString" "dictGetStringOrDefault" DataType::String;
};

/// The text of an argument that must be constant.
pub(super) fn name_of<'a>(function: &str, arguments: &'a [Argument], at: usize) -> Result<&'a str> {
    match arguments[at].constant.as_ref().and_then(Value::as_str) {
        Some(name) => Ok(name),
        None => bail!(
            IllegalTypeOfArgument,
            "Argument {} of function {function} must be a constant string: a name",
            at + 1
        ),
    }
}

/// The dictionary that the first argument names.
pub(super) fn dictionary(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
) -> Result<Arc<Lookup>> {
    let name = name_of(function, arguments, 0)?;
    context.lookups.source()?.dictionary(&context.database, name)
}

/// The attributes that an argument names, and whether they are those of a tuple.
fn attributes(function: &str, lookup: &Lookup, argument: &Argument) -> Result<(Vec<usize>, bool)> {
    let find = |name: &Value| -> Result<usize> {
        let Some(name) = name.as_str() else {
            bail!(
                IllegalTypeOfArgument,
                "Attributes of function {function} must be constant strings"
            );
        };
        match lookup.attribute(name) {
            Some(at) => Ok(at),
            None => bail!(BadArguments, "Dictionary {} has no attribute '{name}'", lookup.name),
        }
    };
    match &argument.constant {
        Some(Value::Tuple(names) | Value::Array(names)) => {
            Ok((names.iter().map(find).collect::<Result<_>>()?, true))
        }
        Some(name) => Ok((vec![find(name)?], false)),
        None => bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument 2 of function {function}, expected a constant string or tuple of strings",
            argument.data_type
        ),
    }
}

/// The values of an attribute at some rows; the default for those that are not there.
pub(super) fn gather(
    values: &ArrayRef,
    data_type: &DataType,
    default: &Value,
    found: &[Option<u32>],
) -> Result<ArrayRef> {
    let arrow = |e: arrow_schema::ArrowError| Error::logical(format!("a lookup: {e}"));
    let default = array_from_values(data_type, std::slice::from_ref(default))?;
    let all = arrow_select::concat::concat(&[values.as_ref(), default.as_ref()]).map_err(arrow)?;
    let end = values.len() as u32;
    let places: UInt32Array = found.iter().map(|row| Some(row.unwrap_or(end))).collect();
    arrow_select::take::take(&all, &places, None).map_err(arrow)
}

fn get(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    wanted: Option<DataType>,
) -> Result<Bound> {
    let lookup = dictionary(context, function, arguments)?;
    let (places, is_tuple) = attributes(function, &lookup, &arguments[1])?;
    let types: Vec<DataType> =
        places.iter().map(|at| lookup.attributes[*at].data_type.clone()).collect();
    if let (Some(wanted), [only]) = (&wanted, types.as_slice())
        && only.inner() != wanted
    {
        bail!(
            TypeMismatch,
            "Dictionary attribute type mismatch: {} is {only}, function {function} is of {wanted}",
            lookup.attributes[places[0]].name
        );
    }
    let keys = KeyReader::new(context, function, &lookup, arguments, 2)?;
    let field = |(at, t): (&usize, &DataType)| TupleField {
        name: Some(lookup.attributes[*at].name.clone()),
        data_type: t.clone(),
    };
    let return_type = match is_tuple {
        true => DataType::Tuple(places.iter().zip(&types).map(field).collect()),
        false => types[0].clone(),
    };
    Ok(Bound::new(return_type, move |columns, rows| {
        let found = keys.find(columns, rows)?;
        let parts = places.iter().map(|at| {
            let attribute = &lookup.attributes[*at];
            gather(&attribute.values, &attribute.data_type, &attribute.default, &found)
        });
        let mut parts: Vec<ArrayRef> = parts.collect::<Result<_>>()?;
        if is_tuple {
            let fields = types::struct_fields(types.iter().map(DataType::arrow_type));
            let tuples = arrow_array::StructArray::try_new(fields, parts, None);
            return Ok(Column::Flat(Arc::new(tuples.map_err(|e| Error::logical(e.to_string()))?)));
        }
        match parts.pop() {
            Some(part) => Ok(Column::Flat(part)),
            None => bail!(LogicalError, "a lookup of no attribute"),
        }
    }))
}

fn has(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let lookup = dictionary(context, "dictHas", arguments)?;
    let keys = KeyReader::new(context, "dictHas", &lookup, arguments, 1)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let found = keys.find(columns, rows)?;
        Ok(numbers::<UInt8Type>(found.iter().map(|row| u8::from(row.is_some())).collect()))
    }))
}

/// Whether the key that a call looks up is there, as an expression.
fn is_there(composer: &Composer<'_>, given: &[Expr], keys: std::ops::Range<usize>) -> Result<Expr> {
    let mut arguments = vec![given[0].clone()];
    arguments.extend_from_slice(&given[keys]);
    composer.call("dictHas", arguments)
}

fn get_or_default(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
) -> Result<Bound> {
    let (composer, mut given) = (Composer::new(context), Composer::arguments(arguments));
    let Some(default) = given.pop() else { bail!(LogicalError, "a lookup without default") };
    let there = is_there(&composer, &given, 2..given.len())?;
    let value = composer.call(function, given)?;
    let mut wanted = value.data_type();
    if default.data_type().is_nullable() {
        wanted = wanted.nullable();
    }
    let name = Expr::literal(Value::from(wanted.to_string().as_str()), DataType::String);
    let default = composer.call("CAST", vec![default, name])?;
    composer.bound(composer.call("if", vec![there, value, default])?)
}

fn get_or_null(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let (composer, given) = (Composer::new(context), Composer::arguments(arguments));
    let there = is_there(&composer, &given, 2..given.len())?;
    let value = composer.call("dictGet", given)?;
    let null = Expr::literal(Value::Null, DataType::null());
    composer.bound(composer.call("if", vec![there, value, null])?)
}
