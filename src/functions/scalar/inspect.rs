//! What is known of values beside themselves: how wide they are written, how they lie in memory, what codes
//! of errors are called.

use base::{ErrorCode, Result};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use format::FormatSettings;
use types::{Column, DataType, Value};

use super::lane::{Kind, To, argument, constant, flat, values, with_integer_lane};
use super::number_type::illegal;
use crate::text::strings::{BytesBuilder, Strings, count_characters};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Other";
    "visibleWidth" (1, 1) "visibleWidth(x)" "The number of characters that a value takes when it is written as text."
        "SELECT visibleWidth((1, 2))" => "5"; visible_width, nulls: Nulls::Custom;
    "getSizeOfEnumType" (1, 1) "getSizeOfEnumType(x)" "How many names the enum type of the argument has."
        "SELECT getSizeOfEnumType(CAST(1, 'Enum8(\\'a\\' = 1, \\'b\\' = 2)'))" => "2"; size_of_enum;
    "dumpColumnStructure" (1, 1) "dumpColumnStructure(x)" "The type of the argument and the form in which its values lie in memory."
        "SELECT dumpColumnStructure('a')" => "String, Const(size = 1, String(size = 1))"; structure, nulls: Nulls::Custom, determinism: expr::Determinism::Never;
    "errorCodeToName" (1, 1) "errorCodeToName(code)" "What the code of an error is called; empty where there is no such code."
        "SELECT errorCodeToName(60)" => "UNKNOWN_TABLE"; error_name;
};

fn visible_width(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    let settings = FormatSettings { time_zone: context.zone(), ..FormatSettings::default() };
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let array = argument(columns, 0)?.to_flat()?;
        let texts = format::text::array_to_text(&array, &data_type, &settings)?;
        let texts = Strings::of_array(texts.as_ref())?;
        let null = |row: usize| array.nulls().is_some_and(|nulls| nulls.is_null(row));
        let width = |row: usize| match null(row) {
            true => "NULL".len() as u64,
            false => count_characters(texts.get(row)) as u64,
        };
        Ok(flat((0..rows).map(width).collect()))
    }))
}

fn size_of_enum(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    let Some(names) = data_type.enum_values() else {
        return Err(illegal(data_type, "getSizeOfEnumType"));
    };
    let count = names.iter().len();
    Ok(match data_type {
        DataType::Enum8(_) => {
            Bound::new(DataType::UInt8, move |_, rows| Ok(constant(count as u8, rows)))
        }
        _ => Bound::new(DataType::UInt16, move |_, rows| Ok(constant(count as u16, rows))),
    })
}

fn structure(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let plain = data_type.inner().family();
        let family = match data_type.is_nullable() {
            true => format!(
                "Nullable(size = {{rows}}, {plain}(size = {{rows}}), UInt8(size = {{rows}}))"
            ),
            false => format!("{plain}(size = {{rows}})"),
        };
        let of_rows = |count: usize| family.replace("{rows}", &count.to_string());
        let shown = match argument(columns, 0)? {
            Column::Constant { .. } => format!("Const(size = {rows}, {})", of_rows(1)),
            _ => of_rows(rows),
        };
        let shown = format!("{data_type}, {shown}");
        Column::constant(&DataType::String, &Value::from(shown.as_str()), rows)
    }))
}

fn error_name(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !data_type.is_integer() {
        return Err(illegal(data_type, "errorCodeToName"));
    }
    let kind = Kind::require(data_type)?;
    let return_type = DataType::LowCardinality(std::sync::Arc::new(DataType::String));
    Ok(Bound::new(return_type, move |columns, rows| {
        let codes = argument(columns, 0)?;
        let mut out = BytesBuilder::new(rows);
        let mut write = |code: i128| {
            let known = ErrorCode::ALL.iter().find(|known| **known as i128 == code);
            out.append(match known {
                Some(known) => known.name().as_bytes(),
                None if code == 0 => b"OK",
                None => b"",
            });
        };
        with_integer_lane!(kind, T => {
            let codes = values::<T>(codes)?;
            (0..rows).for_each(|row| write(To::<i128>::to(codes.at(row))));
        }, base::bail!(LogicalError, "a float among integers"));
        out.column()
    }))
}
