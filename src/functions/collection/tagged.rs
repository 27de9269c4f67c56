//! Types and values of Variant and Dynamic, paths of JSON.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, ListArray};
use base::{Error, Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{
    Column, DataType, EnumValues, JsonPaths, Objects, Value, array_from_values, tagged, value_at,
};

use crate::scalar::declare;
use crate::scalar::lane::argument;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Variant, Dynamic, JSON";
    "variantElement" (2, 3) "variantElement(variant, 'type')"
        "The value of a Variant where it is of that type, else NULL or that type's default."
        "SELECT variantElement(CAST('x', 'Variant(UInt64, String)'), 'String')" => "x"; bind_variant_element, nulls: Nulls::Custom;
    "variantType" (1, 1) "variantType(variant)" "The name of the type of a Variant's value; None for NULL."
        "SELECT variantType(CAST('x', 'Variant(UInt64, String)'))" => "String"; bind_variant_type, nulls: Nulls::Custom;
    "dynamicElement" (2, 2) "dynamicElement(dynamic, 'type')"
        "The value of a Dynamic where it is of that type, else NULL or that type's default."
        "SELECT dynamicElement(CAST(toInt64(5), 'Dynamic'), 'Int64')" => "5"; bind_dynamic_element, nulls: Nulls::Custom;
    "dynamicType" (1, 1) "dynamicType(dynamic)" "The name of the type of a Dynamic's value; None for NULL."
        "SELECT dynamicType(CAST(toInt64(5), 'Dynamic'))" => "Int64"; bind_dynamic_type, nulls: Nulls::Custom;
    "isDynamicElementInSharedData" (1, 1) "isDynamicElementInSharedData(dynamic)"
        "Whether a value is of a type beyond the first max_types of a Dynamic, which are kept apart."
        "SELECT isDynamicElementInSharedData(CAST(toInt64(5), 'Dynamic(max_types=0)'))" => "true"; bind_is_shared, nulls: Nulls::Custom;
    "getSubcolumn" (2, 2) "getSubcolumn(value, 'name')"
        "A part of a value, as value.name gives it: of a Variant or Dynamic that type, of a JSON that path."
        "SELECT getSubcolumn(CAST('{\"a\":{\"b\":5}}', 'JSON'), 'a.b')" => "5"; bind_subcolumn, nulls: Nulls::Custom;
    "JSONAllPaths" (1, 1) "JSONAllPaths(json)" "The paths of an object, sorted."
        "SELECT JSONAllPaths(CAST('{\"a\":{\"b\":5},\"c\":\"x\"}', 'JSON'))" => "['a.b','c']"; |_, a| bind_paths(a, Which::All, "JSONAllPaths");
    "JSONAllPathsWithTypes" (1, 1) "JSONAllPathsWithTypes(json)" "The paths of an object with the types of their values."
        "SELECT JSONAllPathsWithTypes(CAST('{\"a\":{\"b\":5},\"c\":\"x\"}', 'JSON'))" => "{'a.b':'Int64','c':'String'}"; |_, a| bind_path_types(a, Which::All, "JSONAllPathsWithTypes");
    "JSONDynamicPaths" (1, 1) "JSONDynamicPaths(json)" "The paths of an object that have no type in its type and are kept apart."
        "SELECT JSONDynamicPaths(CAST('{\"a\":5,\"c\":\"x\"}', 'JSON(a Int64)'))" => "['c']"; |_, a| bind_paths(a, Which::Dynamic, "JSONDynamicPaths");
    "JSONDynamicPathsWithTypes" (1, 1) "JSONDynamicPathsWithTypes(json)" "The paths of an object that have no type in its type and are kept apart, with the types of their values."
        "SELECT JSONDynamicPathsWithTypes(CAST('{\"a\":5,\"c\":\"x\"}', 'JSON(a Int64)'))" => "{'c':'String'}"; |_, a| bind_path_types(a, Which::Dynamic, "JSONDynamicPathsWithTypes");
    "JSONSharedDataPaths" (1, 1) "JSONSharedDataPaths(json)" "The paths of an object beyond max_dynamic_paths."
        "SELECT JSONSharedDataPaths(CAST('{\"a\":5,\"c\":\"x\"}', 'JSON(max_dynamic_paths=1)'))" => "['c']"; |_, a| bind_paths(a, Which::Shared, "JSONSharedDataPaths");
    "JSONSharedDataPathsWithTypes" (1, 1) "JSONSharedDataPathsWithTypes(json)" "The paths of an object beyond max_dynamic_paths with the types of their values."
        "SELECT JSONSharedDataPathsWithTypes(CAST('{\"a\":5,\"c\":\"x\"}', 'JSON(max_dynamic_paths=1)'))" => "{'c':'String'}"; |_, a| bind_path_types(a, Which::Shared, "JSONSharedDataPathsWithTypes");
};

fn illegal(argument: &Argument, function: &str, wanted: &str) -> Error {
    error!(
        IllegalTypeOfArgument,
        "Illegal type {} of argument of function {function}, expected {wanted}", argument.data_type
    )
}

fn name_argument<'a>(arguments: &'a [Argument], function: &str) -> Result<&'a str> {
    match arguments.get(1).and_then(|a| a.constant.as_ref()).and_then(Value::as_str) {
        Some(name) => Ok(name),
        None => bail!(
            IllegalTypeOfArgument,
            "Argument 2 of function {function} must be a constant string"
        ),
    }
}

/// Applies a function of flat arrays; a constant stays one.
fn mapped(
    return_type: DataType,
    f: impl Fn(&ArrayRef) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Bound {
    Bound::new(return_type, move |columns, _| {
        Ok(match argument(columns, 0)? {
            Column::Constant { value, len } => Column::Constant { value: f(value)?, len: *len },
            other => Column::Flat(f(&other.to_flat()?)?),
        })
    })
}

fn element(data_type: DataType) -> Bound {
    mapped(data_type.clone().nullable(), move |array| tagged::element(array, &data_type))
}

fn member<'a>(members: &'a [DataType], name: &str) -> Option<&'a DataType> {
    let wanted = DataType::parse(name).ok()?;
    members.iter().find(|member| **member == wanted)
}

fn bind_variant_element(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = name_argument(arguments, "variantElement")?;
    if arguments.len() > 2 {
        bail!(NotImplemented, "variantElement with a default is not supported: use coalesce");
    }
    let DataType::Variant(members) = &arguments[0].data_type else {
        return Err(illegal(&arguments[0], "variantElement", "Variant"));
    };
    match member(members, name) {
        Some(found) => Ok(element(found.clone())),
        None => bail!(
            IllegalTypeOfArgument,
            "{} doesn't contain variant with type {name}",
            arguments[0].data_type
        ),
    }
}

fn bind_variant_type(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let DataType::Variant(members) = &arguments[0].data_type else {
        return Err(illegal(&arguments[0], "variantType", "Variant"));
    };
    let mut numbers = vec![("None".to_owned(), -1_i16)];
    numbers.extend(members.iter().enumerate().map(|(at, m)| (m.to_string(), at as i16)));
    let names = Arc::new(EnumValues::new(numbers)?);
    let small = members.len() <= 127;
    let return_type =
        if small { DataType::Enum8(names.clone()) } else { DataType::Enum16(names.clone()) };
    Ok(mapped(return_type.clone(), move |array| {
        let number = |name: &str| names.number(name.as_bytes()).unwrap_or(-1);
        let strings = tagged::strings(array)?;
        let of_row = |row: usize| match strings.is_null(row) {
            true => Ok(Value::Int(-1)),
            false => Ok(Value::Int(number(tagged::type_name(strings.value(row))?).into())),
        };
        let values = (0..strings.len()).map(of_row).collect::<Result<Vec<_>>>()?;
        array_from_values(&return_type, &values)
    }))
}

fn bind_dynamic_element(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = name_argument(arguments, "dynamicElement")?;
    let DataType::Dynamic(_) = &arguments[0].data_type else {
        return Err(illegal(&arguments[0], "dynamicElement", "Dynamic"));
    };
    match DataType::parse(name) {
        Ok(data_type) => Ok(element(bare(&data_type))),
        Err(_) => bail!(
            BadArguments,
            "Second argument of dynamicElement must be a valid type name. Got: {name}"
        ),
    }
}

fn bare(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Nullable(inner) => inner.as_ref().clone(),
        other => other.clone(),
    }
}

fn bind_dynamic_type(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let DataType::Dynamic(_) = &arguments[0].data_type else {
        return Err(illegal(&arguments[0], "dynamicType", "Dynamic"));
    };
    Ok(mapped(DataType::String, |array| {
        let strings = tagged::strings(array)?;
        let of_row = |row: usize| match strings.is_null(row) {
            true => Ok("None"),
            false => tagged::type_name(strings.value(row)),
        };
        let names = (0..strings.len()).map(of_row).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(BinaryViewArray::from_iter_values(names)) as ArrayRef)
    }))
}

/// Whether the type of a value is none of the first of a block.
fn bind_is_shared(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let DataType::Dynamic(most) = arguments[0].data_type else {
        return Err(illegal(&arguments[0], "isDynamicElementInSharedData", "Dynamic"));
    };
    Ok(mapped(DataType::Bool, move |array| {
        let strings = tagged::strings(array)?;
        let mut apart: HashSet<&str> = HashSet::new();
        let mut of_row = |row: usize| {
            if strings.is_null(row) {
                return Ok(false);
            }
            let name = tagged::type_name(strings.value(row))?;
            let room = apart.len() < usize::from(most);
            Ok(!(apart.contains(name) || room && apart.insert(name)))
        };
        let shared = (0..strings.len()).map(&mut of_row).collect::<Result<Vec<bool>>>()?;
        let shared = shared.into_iter().map(u8::from);
        Ok(Arc::new(arrow_array::UInt8Array::from_iter_values(shared)) as ArrayRef)
    }))
}

fn bind_subcolumn(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = name_argument(arguments, "getSubcolumn")?;
    let data_type = &arguments[0].data_type;
    let unknown = || error!(UnknownIdentifier, "There is no subcolumn {name} in type {data_type}");
    match data_type {
        DataType::Variant(members) => {
            let found = member(members, name).ok_or_else(unknown)?;
            Ok(element(found.clone()))
        }
        DataType::Dynamic(_) => {
            let written = name.strip_prefix(':').unwrap_or(name);
            let found = DataType::parse(written.trim_matches('`')).map_err(|_| unknown())?;
            Ok(element(bare(&found)))
        }
        DataType::Json(paths) => Ok(json_path(paths, name)),
        DataType::Array(item) => {
            // The part of every item.
            let inner = Argument::of(item.as_ref().clone());
            let bound =
                bind_subcolumn(&FunctionContext::default(), &[inner, arguments[1].clone()])?;
            let expr::Kernel::Plain(kernel) = bound.kernel else { return Err(unknown()) };
            let result = bound.return_type;
            let of_items = result.clone();
            Ok(mapped(DataType::array(result), move |array| {
                let list = array.as_list::<i32>();
                let items = Column::Flat(list.values().clone());
                let parts = kernel(&[items], list.values().len())?.to_flat()?;
                let list = ListArray::try_new(
                    types::item_field(&of_items),
                    list.offsets().clone(),
                    parts,
                    list.nulls().cloned(),
                );
                Ok(Arc::new(list.map_err(|e| Error::logical(e.to_string()))?) as ArrayRef)
            }))
        }
        _ => Err(unknown()),
    }
}

/// The values of a path, or what lies below it with `^` before the path.
fn json_path(paths: &Arc<JsonPaths>, name: &str) -> Bound {
    if let Some(prefix) = name.strip_prefix('^') {
        return below(paths, &plain(prefix));
    }
    if let Some((path, type_name)) = name.rsplit_once(".:")
        && let Ok(data_type) = DataType::parse(type_name.trim_matches('`'))
    {
        let path = plain(path);
        let data_type = within(&bare(&data_type), paths);
        return mapped(data_type.clone().nullable(), move |array| {
            tagged::element(&values_of(array, path.as_bytes())?, &data_type)
        });
    }
    let path = plain(name);
    match paths.type_of(&path).cloned() {
        Some(data_type) => mapped(data_type.clone(), move |array| {
            let values = values_of(array, path.as_bytes())?;
            let strings = tagged::strings(&values)?;
            let of_row = |row: usize| match strings.is_null(row) {
                true => Ok(data_type.default_value()),
                false => Ok(tagged::untag(strings.value(row))?.1),
            };
            let values = (0..strings.len()).map(of_row).collect::<Result<Vec<_>>>()?;
            array_from_values(&data_type, &values)
        }),
        None => mapped(DataType::Dynamic(paths.dynamic_types as u8), move |array| {
            values_of(array, path.as_bytes())
        }),
    }
}

/// A type of values of a path: `JSON` is there the type of objects within arrays.
fn within(data_type: &DataType, paths: &JsonPaths) -> DataType {
    match data_type {
        DataType::Array(item) => DataType::array(within(item, paths)),
        DataType::Json(own) if **own == JsonPaths::default() => {
            DataType::Json(Arc::new(paths.nested()))
        }
        other => other.clone(),
    }
}

/// A path without the quotes around its keys.
fn plain(path: &str) -> String {
    path.replace('`', "")
}

/// The values of a path with their types.
fn values_of(array: &ArrayRef, path: &[u8]) -> Result<ArrayRef> {
    let objects = Objects::new(array)?;
    let at = (0..array.len()).map(|row| {
        let at = objects.lower_bound(row, path);
        let found = at < objects.entries(row).end && objects.paths().value(at) == path;
        found.then_some(at as u32)
    });
    let at: arrow_array::UInt32Array = at.collect();
    arrow_select::take::take(objects.values(), &at, None)
        .map_err(|e| Error::logical(format!("values of a path: {e}")))
}

/// The objects below a path.
fn below(paths: &Arc<JsonPaths>, path: &str) -> Bound {
    let prefix = format!("{path}.");
    let typed = paths.typed.iter().filter_map(|(known, data_type)| {
        Some((known.strip_prefix(&prefix)?.to_owned(), data_type.clone()))
    });
    let inner = JsonPaths { typed: typed.collect(), ..paths.as_ref().clone() };
    let inner = JsonPaths { skipped: Vec::new(), skipped_patterns: Vec::new(), ..inner };
    let return_type = DataType::Json(Arc::new(inner));
    let result = return_type.clone();
    mapped(return_type, move |array| {
        let objects = Objects::new(array)?;
        let dynamic = DataType::dynamic();
        let object = |row: usize| {
            let start = objects.lower_bound(row, prefix.as_bytes());
            let mut entries = Vec::new();
            for at in start..objects.entries(row).end {
                let Some(rest) = objects.paths().value(at).strip_prefix(prefix.as_bytes()) else {
                    break;
                };
                let value = value_at(objects.values(), &dynamic, at);
                entries.push(Value::Tuple([Value::from(rest), value].into()));
            }
            Value::Array(entries.into())
        };
        let values: Vec<Value> = (0..array.len()).map(object).collect();
        array_from_values(&result, &values)
    })
}

/// Which paths of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Dynamic,
    Shared,
}

fn json_argument<'a>(arguments: &'a [Argument], function: &str) -> Result<&'a Arc<JsonPaths>> {
    match &arguments[0].data_type {
        DataType::Json(paths) => Ok(paths),
        _ => Err(illegal(&arguments[0], function, "JSON")),
    }
}

/// For each row the entries of the paths that are asked for. The first paths of a block are kept apart, up to
/// as many as the type says.
fn chosen(objects: &Objects, rows: usize, paths: &JsonPaths, which: Which) -> Vec<Vec<usize>> {
    let mut apart: HashSet<&[u8]> = HashSet::new();
    let mut out = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut own = Vec::new();
        for at in objects.entries(row) {
            let path = objects.paths().value(at);
            let typed = std::str::from_utf8(path).is_ok_and(|path| paths.type_of(path).is_some());
            let room = apart.len() < paths.dynamic_paths;
            let dynamic = !typed && (apart.contains(path) || (room && apart.insert(path)));
            let wanted = match which {
                Which::All => true,
                Which::Dynamic => dynamic,
                Which::Shared => !typed && !dynamic,
            };
            if wanted {
                own.push(at);
            }
        }
        out.push(own);
    }
    out
}

fn bind_paths(arguments: &[Argument], which: Which, function: &str) -> Result<Bound> {
    let paths = json_argument(arguments, function)?.clone();
    let return_type = DataType::array(DataType::String);
    Ok(mapped(return_type.clone(), move |array| {
        let objects = Objects::new(array)?;
        let rows = chosen(&objects, array.len(), &paths, which);
        let names = |own: &Vec<usize>| {
            Value::Array(own.iter().map(|at| Value::from(objects.paths().value(*at))).collect())
        };
        array_from_values(&return_type, &rows.iter().map(names).collect::<Vec<_>>())
    }))
}

fn bind_path_types(arguments: &[Argument], which: Which, function: &str) -> Result<Bound> {
    let paths = json_argument(arguments, function)?.clone();
    let return_type = DataType::map(DataType::String, DataType::String);
    Ok(mapped(return_type.clone(), move |array| {
        let objects = Objects::new(array)?;
        let values = tagged::strings(objects.values())?;
        let rows = chosen(&objects, array.len(), &paths, which);
        let pairs = |own: &Vec<usize>| -> Result<Value> {
            let pair = |at: &usize| {
                let name = tagged::type_name(values.value(*at))?;
                let path = Value::from(objects.paths().value(*at));
                Ok(Value::Tuple([path, Value::from(name)].into()))
            };
            Ok(Value::Array(own.iter().map(pair).collect::<Result<_>>()?))
        };
        array_from_values(&return_type, &rows.iter().map(pairs).collect::<Result<Vec<_>>>()?)
    }))
}
