//! Columns in the making into arrays of their type's layout.

use std::sync::Arc;

use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, ListArray, PrimitiveArray, StructArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result};
use types::{DataType, wide};

use super::parser::ColumnParser;
use super::values::Values;

impl Values {
    /// The array; this is empty again.
    pub(super) fn finish(
        &mut self,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        fn array<T: ArrowPrimitiveType>(
            vector: &mut Vec<T::Native>,
            nulls: Option<NullBuffer>,
        ) -> ArrayRef {
            let values = ScalarBuffer::from(std::mem::take(vector));
            Arc::new(PrimitiveArray::<T>::new(values, nulls))
        }
        let broken = |e: arrow_schema::ArrowError| Error::logical(format!("parsed column: {e}"));
        Ok(match self {
            Values::Nothing(v) | Values::UInt8(v) | Values::Bool(v) => array::<UInt8Type>(v, nulls),
            Values::UInt16(v) | Values::Date(v) => array::<UInt16Type>(v, nulls),
            Values::UInt32(v) | Values::DateTime(v, _) | Values::Ipv4(v) => {
                array::<UInt32Type>(v, nulls)
            }
            Values::UInt64(v) => array::<UInt64Type>(v, nulls),
            Values::Int8(v) | Values::Enum8(v, _) => array::<Int8Type>(v, nulls),
            Values::Int16(v) | Values::Enum16(v, _) => array::<Int16Type>(v, nulls),
            Values::Int32(v) | Values::Date32(v) | Values::Time(v) | Values::Decimal32(v, ..) => {
                array::<Int32Type>(v, nulls)
            }
            Values::Int64(v)
            | Values::DateTime64(v, ..)
            | Values::Time64(v, _)
            | Values::Decimal64(v, ..) => array::<Int64Type>(v, nulls),
            Values::UInt128(v)
            | Values::Int128(v)
            | Values::Uuid(v)
            | Values::Ipv6(v)
            | Values::Decimal128(v, ..) => {
                let values = ScalarBuffer::from(std::mem::take(v));
                Arc::new(
                    PrimitiveArray::<Decimal128Type>::new(values, nulls)
                        .with_data_type(ArrowType::Decimal128(38, 0)),
                )
            }
            Values::UInt256(v) => wide::array(std::mem::take(v).into_iter(), nulls)?,
            Values::Int256(v) | Values::Decimal256(v, ..) => {
                wide::array(std::mem::take(v).into_iter(), nulls)?
            }
            Values::BFloat16(v) | Values::Float32(v) => array::<Float32Type>(v, nulls),
            Values::Float64(v) => array::<Float64Type>(v, nulls),
            Values::Tagged(strings, _) => Arc::new(strings.finish(nulls)?),
            Values::Objects(offsets, pair, _) => {
                super::objects::finish(offsets, pair, data_type, nulls)?
            }
            Values::Bytes(strings) => Arc::new(strings.finish(nulls)?),
            Values::Fixed(bytes, length, rows) => {
                *rows = 0;
                let values = Buffer::from_vec(std::mem::take(bytes));
                let length = *length as i32;
                Arc::new(FixedSizeBinaryArray::try_new(length, values, nulls).map_err(broken)?)
            }
            Values::Tuple(..) | Values::Array(..) | Values::Map(..) => {
                self.finish_composite(data_type, nulls)?
            }
        })
    }

    fn finish_composite(
        &mut self,
        data_type: &DataType,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        let broken = |e: arrow_schema::ArrowError| Error::logical(format!("parsed column: {e}"));
        Ok(match self {
            Values::Tuple(_, items, rows) => {
                let ArrowType::Struct(fields) = data_type.arrow_type() else {
                    return Err(Error::logical("a tuple whose layout is no struct"));
                };
                let rows = std::mem::take(rows);
                let columns = items.iter_mut().map(ColumnParser::finish).collect::<Result<_>>()?;
                Arc::new(
                    StructArray::try_new_with_length(fields, columns, nulls, rows)
                        .map_err(broken)?,
                )
            }
            Values::Array(offsets, item) => {
                let items = item.finish()?;
                list(data_type, offsets, items, nulls)?
            }
            Values::Map(offsets, pair) => {
                let columns = vec![pair.0.finish()?, pair.1.finish()?];
                let entry = data_type.list_item().map(|item| item.arrow_type());
                let Some(ArrowType::Struct(fields)) = entry else {
                    return Err(Error::logical("a map whose items are no structs"));
                };
                let entries = StructArray::try_new(fields, columns, None).map_err(broken)?;
                list(data_type, offsets, Arc::new(entries), nulls)?
            }
            _ => return Err(Error::logical("no composite column")),
        })
    }
}

fn list(
    data_type: &DataType,
    offsets: &mut Vec<i32>,
    items: ArrayRef,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let ArrowType::List(field) = data_type.arrow_type() else {
        return Err(Error::logical("an array whose layout is no list"));
    };
    let offsets = ScalarBuffer::from(std::mem::replace(offsets, vec![0]));
    let array = ListArray::try_new(field, OffsetBuffer::new(offsets), items, nulls);
    Ok(Arc::new(array.map_err(|e| Error::logical(format!("parsed array: {e}")))?))
}
