//! Variant, Dynamic and JSON to each other, from everything and to everything.
//!
//! Values that bring their type along are converted type by type. Objects are made from their JSON text.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use base::{Result, bail, error};
use expr::FunctionContext;
use format::text::{self, Escaping};
use types::{DataType, tagged};

use super::{ArrayConversion, Mode, nullable, parse, text_settings, unwrapped};

/// The conversion where such a type is on either side; `None` where there is none.
pub(super) fn conversion(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
    depth: usize,
) -> Result<Option<ArrayConversion>> {
    match (unwrapped(from), unwrapped(to)) {
        (DataType::Variant(a), DataType::Variant(b)) => {
            if a.iter().all(|member| b.contains(member)) {
                return Ok(Some(Arc::new(|array| Ok(array.clone()))));
            }
            bail!(
                CannotConvertType,
                "Cannot convert type {from} to {to}. Conversion between Variant types is allowed only when new Variant type is an extension of an initial one"
            )
        }
        (source, DataType::Variant(members)) if !source.is_tagged() => {
            if !members.contains(source) {
                bail!(
                    CannotConvertType,
                    "Cannot convert type {source} to {to}. Conversion to Variant allowed only for types from this Variant"
                );
            }
            let from = from.clone();
            Ok(Some(Arc::new(move |array| tagged::tag_array(array, &from))))
        }
        (DataType::Dynamic(_), DataType::Variant(members)) => {
            Ok(Some(dynamic_to_variant(members.clone(), to.clone())))
        }
        (_, DataType::Dynamic(_)) => {
            let from = from.clone();
            Ok(Some(Arc::new(move |array| tagged::tag_array(array, &from))))
        }
        (DataType::Variant(_) | DataType::Dynamic(_), _) => {
            Ok(Some(by_type(context.clone(), to.clone(), mode, depth)))
        }
        (source, target @ DataType::Json(_)) if !source.is_string() => {
            let objects =
                matches!(source, DataType::Json(_) | DataType::Map(_) | DataType::Tuple(_));
            if !objects {
                return Err(super::no_conversion(from, to));
            }
            through_json(context, source, target, mode).map(Some)
        }
        (DataType::Json(_), target @ (DataType::Map(_) | DataType::Tuple(_))) => {
            through_json(context, unwrapped(from), target, mode).map(Some)
        }
        _ => Ok(None),
    }
}

/// A text as the type of a Variant that it looks like.
pub(super) fn inferred(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
) -> Option<ArrayConversion> {
    if !unwrapped(from).is_string() || !matches!(to, DataType::Variant(_)) {
        return None;
    }
    let parse = parse::from_text_with(text_settings(context), to, Mode::Wrap);
    let to = to.clone();
    Some(Arc::new(move |array: &ArrayRef| {
        let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return parse(array);
        };
        // No text is no value; what lies in its place means nothing.
        let there: Vec<u32> = nulls.valid_indices().map(|row| row as u32).collect();
        let rows = UInt32Array::from(there.clone());
        let texts = arrow_select::take::take(array, &rows, None)
            .map_err(|e| base::Error::logical(e.to_string()))?;
        tagged::scatter(array.len(), vec![(there, parse(&texts)?)], &to)
    }))
}

fn dynamic_to_variant(members: Arc<[DataType]>, to: DataType) -> ArrayConversion {
    Arc::new(move |array| {
        for group in tagged::groups(array)? {
            if !members.contains(&group.data_type) {
                bail!(
                    CannotConvertType,
                    "Cannot convert a value of type {} to {to}",
                    group.data_type
                );
            }
        }
        Ok(array.clone())
    })
}

/// Converts the rows of each type, and puts the results in their places.
fn by_type(context: FunctionContext, to: DataType, mode: Mode, depth: usize) -> ArrayConversion {
    Arc::new(move |array| {
        let mut pieces = Vec::new();
        for group in tagged::groups(array)? {
            let convert = nullable(&context, &group.data_type, &to, mode, depth + 1)?;
            pieces.push((group.rows, convert(&group.values)?));
        }
        tagged::scatter(array.len(), pieces, &to)
    })
}

/// Objects from their JSON text, and maps and tuples from that of objects.
fn through_json(
    context: &FunctionContext,
    from: &DataType,
    to: &DataType,
    mode: Mode,
) -> Result<ArrayConversion> {
    let settings = text_settings(context);
    let (from, to) = (from.clone(), to.clone());
    if mode == Mode::OrNull {
        bail!(NotImplemented, "Conversion from {from} to {to} that gives NULL is not supported");
    }
    Ok(Arc::new(move |array: &ArrayRef| {
        let mut parser = text::ColumnParser::new(&to, &settings);
        let mut json = Vec::new();
        for row in 0..array.len() {
            json.clear();
            text::write_value(array, &from, row, Escaping::Json, &settings, &mut json)?;
            parser.push_text(&json, Escaping::Json, &settings).map_err(|e| {
                error!(IncorrectData, "Cannot convert {from} to {to}: {}", e.message())
            })?;
        }
        parser.finish()
    }))
}
