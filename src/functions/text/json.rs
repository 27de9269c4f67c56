//! JSON: values by their path, and values of any type as JSON.
//!
//! A document that is not valid has nothing in it. A path is of keys and of numbers, from 1 or, if
//! negative, from the end.

use std::sync::Arc;

use arrow_array::types::{UInt8Type, UInt64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls, Registry};
use format::FormatSettings;
use format::text::{Escaping, write_value};
use types::{Column, DataType, EnumValues};

mod extract;
mod path;
mod simple;
mod value;

use super::declare;
use super::strings::{
    BytesBuilder, Integers, StringListBuilder, Strings, constant_text, flag, illegal, numbers,
    require_text,
};
use crate::scalar::cast::text_settings;
use value::{Json, Kind, decode};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
    TYPED.iter().for_each(|pair| registry.add_functions(pair));
    registry.add_functions(path::FUNCTIONS);
    registry.add_functions(simple::FUNCTIONS);
}

macro_rules! typed {
    ($name:literal, $folded_name:literal, $type:expr, $what:literal, $sql:literal => $answer:literal) => {
        [
            declare!("JSON", $name, "JSONExtract...(json[, path, ...])", $what, $sql => $answer, (1, usize::MAX),
                |c, a| typed(c, $name, a, $type, false)),
            declare!("JSON", $folded_name, "JSONExtract...(json[, path, ...])", $what, $sql => $answer, (1, usize::MAX),
                |c, a| typed(c, $folded_name, a, $type, true)),
        ]
    };
}

static TYPED: [[FunctionDeclaration; 2]; 5] = [
    typed!("JSONExtractUInt", "JSONExtractUIntCaseInsensitive", DataType::UInt64, "The number at a path as UInt64; 0 if there is none that fits.",
        "SELECT JSONExtractUInt('{\"a\": 7}', 'a')" => "7"),
    typed!("JSONExtractInt", "JSONExtractIntCaseInsensitive", DataType::Int64, "The number at a path as Int64; 0 if there is none that fits.",
        "SELECT JSONExtractInt('{\"a\": -7}', 'a')" => "-7"),
    typed!("JSONExtractFloat", "JSONExtractFloatCaseInsensitive", DataType::Float64, "The number at a path as Float64; 0 if there is none.",
        "SELECT JSONExtractFloat('{\"a\": 1.5}', 'a')" => "1.5"),
    typed!("JSONExtractBool", "JSONExtractBoolCaseInsensitive", DataType::UInt8, "1 where true, or a number other than 0, stands at a path.",
        "SELECT JSONExtractBool('{\"a\": true}', 'a')" => "1"),
    typed!("JSONExtractString", "JSONExtractStringCaseInsensitive", DataType::String, "The string at a path, or another value as it is written; empty if there is none.",
        "SELECT JSONExtractString('{\"a\": \"b\"}', 'a')" => "b"),
];

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("JSON", "isValidJSON", "isValidJSON(json)", "1 where a string is valid JSON.",
    "SELECT isValidJSON('{}'), isValidJSON('{')" => "1\t0", (1, 1), |_, a| {
        require_text("isValidJSON", a, 0)?;
        Ok(flag(|text| Json::parse(text).is_some()))
    }),
    declare!("JSON", "JSONHas", "JSONHas(json[, path, ...])", "1 where there is a value at a path.",
        "SELECT JSONHas('{\"a\": null}', 'a')" => "1", (1, usize::MAX), |_, a| of_value("JSONHas", a, |v| u64::from(v.is_some()))),
    declare!("JSON", "JSONLength", "JSONLength(json[, path, ...])", "The number of items or members of the array or object at a path.",
        "SELECT JSONLength('{\"a\": [1, 2]}', 'a')" => "2", (1, usize::MAX), |_, a| of_value("JSONLength", a, |v| v.map_or(0, |v| v.len() as u64))),
    declare!("JSON", "JSONArrayLength", "JSONArrayLength(json)", "The number of items of an array; NULL for other values.",
        "SELECT JSONArrayLength('[1, 2]')" => "2", (1, 1), array_length, aliases: &["JSON_ARRAY_LENGTH"], case_insensitive: true),
    declare!("JSON", "JSONType", "JSONType(json[, path, ...])", "The type of the value at a path.",
        "SELECT JSONType('{\"a\": [1, 2]}', 'a')" => "Array", (1, usize::MAX), json_type),
    declare!("JSON", "JSONKey", "JSONKey(json[, path, ...])", "The name of the member at a path that ends in a number.",
        "SELECT JSONKey('{\"a\": 1, \"b\": 2}', 2)" => "b", (2, usize::MAX), key),
    declare!("JSON", "JSONExtract", "JSONExtract(json[, path, ...], type)", "The value at a path as a type given by its name; the type's default if there is none that fits.",
        "SELECT JSONExtract('{\"a\": [1, 2]}', 'a', 'Array(UInt8)')" => "[1,2]", (2, usize::MAX), |c, a| extract(c, "JSONExtract", a, false)),
    declare!("JSON", "JSONExtractCaseInsensitive", "JSONExtractCaseInsensitive(json[, path, ...], type)", "As `JSONExtract`, with keys in any case.",
        "SELECT JSONExtractCaseInsensitive('{\"A\": 1}', 'a', 'UInt8')" => "1", (2, usize::MAX), |c, a| extract(c, "JSONExtractCaseInsensitive", a, true)),
    declare!("JSON", "JSONExtractRaw", "JSONExtractRaw(json[, path, ...])", "The value at a path as JSON.",
        "SELECT JSONExtractRaw('{\"a\": [1, 2]}', 'a')" => "[1,2]", (1, usize::MAX), raw),
    declare!("JSON", "JSONExtractArrayRaw", "JSONExtractArrayRaw(json[, path, ...])", "The items of the array at a path, each as JSON.",
        "SELECT JSONExtractArrayRaw('[1, \"a\"]')" => "['1','\"a\"']", (1, usize::MAX), array_raw),
    declare!("JSON", "JSONExtractKeys", "JSONExtractKeys(json[, path, ...])", "The names of the members of the object at a path.",
        "SELECT JSONExtractKeys('{\"a\": 1, \"b\": 2}')" => "['a','b']", (1, usize::MAX), keys),
    declare!("JSON", "JSONExtractKeysAndValues", "JSONExtractKeysAndValues(json[, path, ...], type)", "Names and values, as a type, of the members of the object at a path.",
        "SELECT JSONExtractKeysAndValues('{\"a\": 1}', 'UInt8')" => "[('a',1)]", (2, usize::MAX), |c, a| keys_and_values(c, "JSONExtractKeysAndValues", a)),
    declare!("JSON", "JSONExtractKeysAndValuesRaw", "JSONExtractKeysAndValuesRaw(json[, path, ...])", "Names and values, as JSON, of the members of the object at a path.",
        "SELECT JSONExtractKeysAndValuesRaw('{\"a\": [1]}')" => "[('a','[1]')]", (1, usize::MAX), |c, a| keys_and_values(c, "JSONExtractKeysAndValuesRaw", a)),
    declare!("JSON", "toJSONString", "toJSONString(x)", "A value of any type as JSON.",
        "SELECT toJSONString([1, 2]), toJSONString(map('a', 'b'))" => "[1,2]\t{\"a\":\"b\"}", (1, 1), to_json, nulls: Nulls::Propagate),
];

/// A step of a path.
enum Step<'a> {
    Key(Strings<'a>),
    Number(Integers),
}

/// The path given by some arguments.
struct Path<'a> {
    texts: Strings<'a>,
    steps: Vec<Step<'a>>,
    folded: bool,
}

impl<'a> Path<'a> {
    fn new(columns: &'a [Column], types: &[DataType], folded: bool) -> Result<Path<'a>> {
        let steps = columns[1..].iter().zip(&types[1..]).map(|(column, data_type)| {
            Ok(if data_type.is_string() {
                Step::Key(Strings::new(column)?)
            } else {
                Step::Number(Integers::new(column)?)
            })
        });
        Ok(Path { texts: Strings::new(&columns[0])?, steps: steps.collect::<Result<_>>()?, folded })
    }

    /// The value of a row with its undecoded name.
    fn find(&self, row: usize) -> Option<(&'a [u8], Json<'a>)> {
        let mut found = (&b""[..], Json::parse(self.texts.get(row))?);
        for step in &self.steps {
            found = match step {
                Step::Key(keys) if self.folded => {
                    let key = keys.get(row);
                    (key, found.1.member_by(|k| k.eq_ignore_ascii_case(key))?)
                }
                Step::Key(keys) => (keys.get(row), found.1.member(keys.get(row))?),
                Step::Number(numbers) => found.1.item(numbers.get(row))?,
            };
        }
        Some(found)
    }

    fn value(&self, row: usize) -> Option<Json<'a>> {
        self.find(row).map(|(_, value)| value)
    }
}

/// The types of a JSON argument and its path, checked.
fn path_types(function: &str, arguments: &[Argument]) -> Result<Vec<DataType>> {
    require_text(function, arguments, 0)?;
    for argument in &arguments[1..] {
        if !argument.data_type.is_string() && !argument.data_type.is_integer() {
            return Err(illegal(function, argument));
        }
    }
    Ok(arguments.iter().map(|a| a.data_type.clone()).collect())
}

fn of_value(
    function: &str,
    arguments: &[Argument],
    f: fn(Option<Json<'_>>) -> u64,
) -> Result<Bound> {
    let types = path_types(function, arguments)?;
    let flag = function == "JSONHas";
    let return_type = if flag { DataType::UInt8 } else { DataType::UInt64 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let values = (0..rows).map(|row| f(path.value(row)));
        Ok(if flag {
            numbers::<UInt8Type>(values.map(|v| v as u8).collect())
        } else {
            numbers::<UInt64Type>(values.collect())
        })
    }))
}

fn array_length(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("JSONArrayLength", arguments, 0)?;
    Ok(Bound::new(DataType::UInt64.nullable(), |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let lengths = (0..rows).map(|row| {
            let json = Json::parse(texts.get(row)).filter(|v| v.kind() == Kind::Array);
            json.map(|v| v.len() as u64)
        });
        let array: arrow_array::UInt64Array = lengths.collect();
        Ok(Column::Flat(Arc::new(array)))
    }))
}

fn json_type(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = path_types("JSONType", arguments)?;
    let names = [
        ("Null", 0),
        ("String", 34),
        ("Array", 91),
        ("Bool", 98),
        ("Double", 100),
        ("Int64", 105),
        ("UInt64", 117),
        ("Object", 123),
    ];
    let values = EnumValues::new(names.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect())?;
    Ok(Bound::new(DataType::Enum8(Arc::new(values)), move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let kinds = (0..rows).map(|row| match path.value(row).map(|v| (v.kind(), v)) {
            None | Some((Kind::Null, _)) => 0,
            Some((Kind::Text, _)) => 34,
            Some((Kind::Array, _)) => 91,
            Some((Kind::Bool, _)) => 98,
            Some((Kind::Object, _)) => 123,
            Some((Kind::Number, value)) => {
                let text = std::str::from_utf8(value.raw()).unwrap_or_default();
                if text.parse::<i64>().is_ok() {
                    105
                } else if text.parse::<u64>().is_ok() {
                    117
                } else {
                    100
                }
            }
        });
        Ok(numbers::<arrow_array::types::Int8Type>(kinds.collect()))
    }))
}

fn key(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = path_types("JSONKey", arguments)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append(&path.find(row).map_or(Vec::new(), |(name, _)| decode(name)));
        }
        out.column()
    }))
}

fn typed(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    return_type: DataType,
    folded: bool,
) -> Result<Bound> {
    let types = path_types(function, arguments)?;
    let settings = text_settings(context);
    let as_flag = function.starts_with("JSONExtractBool");
    let number = return_type.is_number();
    let read = return_type.clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let path = Path::new(columns, &types, folded)?;
        // To these functions, other than to `JSONExtract`, a boolean is no number.
        let fits = |value: &Json<'_>| !number || as_flag || value.kind() != Kind::Bool;
        let values = (0..rows).map(|row| path.value(row).filter(fits));
        let values: Vec<Option<Json<'_>>> = values.collect();
        Ok(Column::Flat(match as_flag {
            true => extract::build_flags(&values)?,
            false => extract::build(&values, &read, &settings)?,
        }))
    }))
}

/// The type that the last argument names.
fn named_type(function: &str, arguments: &[Argument]) -> Result<DataType> {
    let name = constant_text(function, arguments, arguments.len() - 1)?;
    DataType::parse(&String::from_utf8_lossy(&name))
}

fn extract(
    context: &FunctionContext,
    function: &str,
    arguments: &[Argument],
    folded: bool,
) -> Result<Bound> {
    let data_type = named_type(function, arguments)?;
    let types = path_types(function, &arguments[..arguments.len() - 1])?;
    let settings = text_settings(context);
    Ok(Bound::new(data_type.clone(), move |columns, rows| {
        let path = Path::new(&columns[..columns.len() - 1], &types, folded)?;
        let values: Vec<Option<Json<'_>>> = (0..rows).map(|row| path.value(row)).collect();
        Ok(Column::Flat(extract::build(&values, &data_type, &settings)?))
    }))
}

fn raw(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = path_types("JSONExtractRaw", arguments)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.append_with(|out| {
                if let Some(value) = path.value(row) {
                    value.write(out);
                }
            });
        }
        out.column()
    }))
}

fn array_raw(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = path_types("JSONExtractArrayRaw", arguments)?;
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            if let Some(value) = path.value(row).filter(|v| v.kind() == Kind::Array) {
                for (_, item) in value.items() {
                    let mut text = Vec::new();
                    item.write(&mut text);
                    out.item(&text);
                }
            }
            out.end_row();
        }
        out.column()
    }))
}

fn keys(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = path_types("JSONExtractKeys", arguments)?;
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let path = Path::new(columns, &types, false)?;
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            if let Some(value) = path.value(row).filter(|v| v.kind() == Kind::Object) {
                value.items().for_each(|(key, _)| out.item(&decode(key)));
            }
            out.end_row();
        }
        out.column()
    }))
}

fn keys_and_values(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
) -> Result<Bound> {
    let is_raw = function.ends_with("Raw");
    let (value_type, count) = if is_raw {
        (DataType::String, arguments.len())
    } else {
        (named_type(function, arguments)?, arguments.len() - 1)
    };
    let types = path_types(function, &arguments[..count])?;
    let settings = text_settings(context);
    let pair = DataType::tuple([DataType::String, value_type.clone()]);
    // An object read as a map lies in memory as an array of pairs.
    let map = DataType::map(DataType::String, value_type);
    Ok(Bound::new(DataType::array(pair), move |columns, rows| {
        let path = Path::new(&columns[..count], &types, false)?;
        if !is_raw {
            let values: Vec<Option<Json<'_>>> = (0..rows).map(|row| path.value(row)).collect();
            return Ok(Column::Flat(extract::build(&values, &map, &settings)?));
        }
        // Every member's text is put into quotes, so that a string is read back as it stood.
        let mut quoted: Vec<Vec<u8>> = Vec::with_capacity(rows);
        for row in 0..rows {
            let mut object = b"{".to_vec();
            if let Some(value) = path.value(row).filter(|v| v.kind() == Kind::Object) {
                for (number, (key, item)) in value.items().enumerate() {
                    if number > 0 {
                        object.push(b',');
                    }
                    value::write_string(&decode(key), &mut object);
                    object.push(b':');
                    let mut text = Vec::new();
                    item.write(&mut text);
                    value::write_string(&text, &mut object);
                }
            }
            object.push(b'}');
            quoted.push(object);
        }
        let values: Vec<Option<Json<'_>>> = quoted.iter().map(|text| Json::parse(text)).collect();
        Ok(Column::Flat(extract::build(&values, &map, &settings)?))
    }))
}

fn to_json(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if matches!(data_type.inner(), DataType::AggregateFunction(_)) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {data_type} of argument of function toJSONString"
        );
    }
    let settings = FormatSettings {
        output_format_json_quote_64bit_integers: false,
        output_format_json_named_tuples_as_objects: true,
        ..text_settings(context)
    };
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let array = columns[0].to_flat()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            out.try_append_with(|out| {
                write_value(array.as_ref(), &data_type, row, Escaping::Json, &settings, out)
            })?;
        }
        out.column()
    }))
}
