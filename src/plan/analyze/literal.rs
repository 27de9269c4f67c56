//! Literals and their types, casts.

use base::{Result, error};
use expr::Expr;
use sql::ast::Literal;
use types::{DataType, Value};

/// The value and type of a literal: integers take the least type that holds them.
pub fn literal_value(literal: &Literal, negative: bool) -> Result<(Value, DataType)> {
    Ok(match literal {
        Literal::Null => (Value::Null, DataType::null()),
        Literal::Bool(flag) => (Value::Int(i128::from(*flag)), DataType::Bool),
        Literal::String(bytes) => (Value::from(bytes.as_slice()), DataType::String),
        Literal::Number(text) => number(text, negative)?,
    })
}

fn number(text: &str, negative: bool) -> Result<(Value, DataType)> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.replace('_', "");
    let unsigned = if let Some(hex) = digits.strip_prefix("0x") {
        u128::from_str_radix(hex, 16).ok()
    } else if let Some(bits) = digits.strip_prefix("0b") {
        u128::from_str_radix(bits, 2).ok()
    } else {
        digits.parse::<u128>().ok()
    };
    if let Some(whole) = unsigned
        && let Some(integer) = integer(whole, negative)
    {
        return Ok(integer);
    }
    let float = match digits.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        other if other.starts_with("0x") => sql::hexadecimal_float(&other[2..])
            .ok_or_else(|| error!(SyntaxError, "Cannot parse number {text:?}"))?,
        other => {
            other.parse::<f64>().map_err(|_| error!(SyntaxError, "Cannot parse number {text:?}"))?
        }
    };
    Ok((Value::Float(if negative { -float } else { float }), DataType::Float64))
}

fn integer(whole: u128, negative: bool) -> Option<(Value, DataType)> {
    if negative && whole > 0 {
        let value =
            i128::try_from(whole).ok().map(|w| -w).or((whole == 1 << 127).then_some(i128::MIN))?;
        let data_type = match value {
            -0x80.. => DataType::Int8,
            -0x8000.. => DataType::Int16,
            -0x8000_0000.. => DataType::Int32,
            -0x8000_0000_0000_0000.. => DataType::Int64,
            // As ClickHouse: a float, where no type says otherwise.
            _ => return None,
        };
        return Some((Value::Int(value), data_type));
    }
    let data_type = match whole {
        0..=0xFF => DataType::UInt8,
        0x100..=0xFFFF => DataType::UInt16,
        0x1_0000..=0xFFFF_FFFF => DataType::UInt32,
        0x1_0000_0000..=0xFFFF_FFFF_FFFF_FFFF => DataType::UInt64,
        _ => return None,
    };
    Some((Value::Int(whole as i128), data_type))
}

/// The expression as another type; the same one where the type is that already.
pub(crate) fn cast_to(expression: Expr, data_type: &DataType) -> Expr {
    if expression.data_type() == *data_type {
        return expression;
    }
    call_cast("_CAST", expression, data_type)
}

/// An expression as one of a type that holds its values and others.
pub(crate) fn cast_to_common(expression: Expr, data_type: &DataType) -> Expr {
    if expression.data_type() == *data_type {
        return expression;
    }
    call_cast("_castToCommon", expression, data_type)
}

fn call_cast(function: &str, expression: Expr, data_type: &DataType) -> Expr {
    let name = Expr::literal(Value::from(data_type.to_string().as_str()), DataType::String);
    Expr::Call {
        function: function.to_owned(),
        arguments: vec![expression, name],
        data_type: data_type.clone(),
    }
}

#[cfg(test)]
mod tests {
    use sql::ast::Literal;

    use super::literal_value;

    fn check(text: &str, negative: bool, expected: &str) {
        let (value, data_type) =
            literal_value(&Literal::Number(text.to_owned()), negative).unwrap();
        assert_eq!(format!("{value} {data_type}"), expected);
    }

    #[test]
    fn integers_take_the_least_type() {
        check("255", false, "255 UInt8");
        check("256", false, "256 UInt16");
        check("128", true, "-128 Int8");
        check("129", true, "-129 Int16");
        check("0xFF", false, "255 UInt8");
        check("18446744073709551615", false, "18446744073709551615 UInt64");
        check("18446744073709551616", false, "18446744073709552000 Float64");
        check("9223372036854775808", true, "-9223372036854775808 Int64");
        check("1.5", true, "-1.5 Float64");
        check("0", true, "0 UInt8");
    }
}
