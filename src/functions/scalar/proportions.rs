//! The test of two proportions.

use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, PrimitiveArray, StructArray};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, TupleField, Value, struct_fields};

use super::decimal_arithmetic::to_float;
use super::lane::{Values, argument, values};
use super::math::erfc;
use super::number_type::illegal;

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Mathematical";
    "proportionsZTest" (6, 6) "proportionsZTest(successes_x, successes_y, trials_x, trials_y, confidence, 'pooled' or 'unpooled')"
        "Whether two samples succeed equally often: the statistic, the probability of a greater one by chance, and the bounds of the difference of the shares."
        "SELECT round(proportionsZTest(10, 11, 100, 101, 0.95, 'unpooled').2, 4)" => "0.8363"; bind;
};

/// The probability that a value of the normal distribution is greater.
pub(crate) fn normal_above(z: f64) -> f64 {
    erfc(z / std::f64::consts::SQRT_2) / 2.0
}

/// The value that one of the normal distribution exceeds, on both sides, with a probability.
pub(crate) fn normal_critical(probability: f64) -> f64 {
    if !(probability > 0.0 && probability < 1.0) {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0_f64, 40.0_f64);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if 2.0 * normal_above(middle) > probability { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

fn bind(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = "proportionsZTest";
    for (at, argument) in arguments[..4].iter().enumerate() {
        if !argument.data_type.is_unsigned_integer() {
            bail!(
                IllegalTypeOfArgument,
                "Argument {} of function {name} must be an unsigned integer",
                at + 1
            );
        }
    }
    if !arguments[4].data_type.is_float() {
        return Err(illegal(&arguments[4].data_type, name));
    }
    let pooled = match arguments[5].constant.as_ref().and_then(Value::as_str) {
        Some("pooled") => true,
        Some("unpooled") => false,
        _ => bail!(
            BadArguments,
            "The last argument of function {name} must be 'pooled' or 'unpooled'"
        ),
    };
    let fields = ["z_statistic", "p_value", "confidence_interval_low", "confidence_interval_high"]
        .map(|name| TupleField { name: Some(name.to_owned()), data_type: DataType::Float64 });
    let types: Vec<DataType> = arguments[..5].iter().map(|a| a.data_type.clone()).collect();
    Ok(Bound::new(DataType::Tuple(fields.into_iter().collect()), move |columns, rows| {
        let mut given = Vec::with_capacity(types.len());
        for (at, data_type) in types.iter().enumerate() {
            given.push(to_float(argument(columns, at)?, data_type)?);
        }
        let given: Vec<Values<'_, f64>> = given.iter().map(values::<f64>).collect::<Result<_>>()?;
        let mut out: [Vec<f64>; 4] = Default::default();
        for row in 0..rows {
            let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|at| given[at].at(row));
            for (part, number) in out.iter_mut().zip(test([a, b], [c, d], e, pooled)) {
                part.push(number);
            }
        }
        let part = |numbers: Vec<f64>| -> ArrayRef {
            Arc::new(PrimitiveArray::<Float64Type>::new(numbers.into(), None))
        };
        let parts: Vec<ArrayRef> = out.map(part).into();
        let fields = struct_fields(std::iter::repeat_n(DataType::Float64.arrow_type(), 4));
        Ok(Column::Flat(Arc::new(StructArray::new(fields, parts, None))))
    }))
}

fn test([x, y]: [f64; 2], [n, m]: [f64; 2], confidence: f64, pooled: bool) -> [f64; 4] {
    let (of_x, of_y) = (x / n, y / m);
    let share = |share: f64| share > 0.0 && share < 1.0;
    if !share(of_x) || !share(of_y) || !share(confidence) {
        return [f64::NAN; 4];
    }
    let difference = of_x - of_y;
    let apart = (of_x * (1.0 - of_x) / n + of_y * (1.0 - of_y) / m).sqrt();
    let together = (x + y) / (n + m);
    let error = match pooled {
        true => (together * (1.0 - together) * (1.0 / n + 1.0 / m)).sqrt(),
        false => apart,
    };
    let z = difference / error;
    let reach = normal_critical(1.0 - confidence) * apart;
    [z, 2.0 * normal_above(z.abs()), difference - reach, difference + reach]
}
