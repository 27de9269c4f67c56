//! Functions of real numbers, computed in Float64.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls};
use types::{DataType, Value};

use super::decimal_arithmetic::to_float;
use super::lane::{Kind, Values, argument, constant, convert, flat, map, map2, try_map, values};
use super::number_type::{illegal, is_native_number};
use crate::composed::Composer;

mod special;

pub(crate) use special::{erfc, incomplete_beta};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Mathematical";
    "exp" any_case true (1, 1) "exp(x)" "e to the power x."
        "SELECT exp(0)" => "1"; |_, a| real(a, "exp", f64::exp);
    "exp2" any_case true (1, 1) "exp2(x)" "2 to the power x."
        "SELECT exp2(10)" => "1024"; |_, a| real(a, "exp2", f64::exp2);
    "exp10" any_case true (1, 1) "exp10(x)" "10 to the power x."
        "SELECT exp10(2)" => "100"; |_, a| real(a, "exp10", special::exp10);
    "log" | "ln" any_case true (1, 1) "log(x)" "The natural logarithm."
        "SELECT log(1)" => "0"; |_, a| real(a, "log", f64::ln);
    "log2" any_case true (1, 1) "log2(x)" "The logarithm to base 2."
        "SELECT log2(8)" => "3"; |_, a| real(a, "log2", f64::log2);
    "log10" any_case true (1, 1) "log10(x)" "The logarithm to base 10."
        "SELECT log10(1000)" => "3"; |_, a| real(a, "log10", f64::log10);
    "log1p" any_case true (1, 1) "log1p(x)" "The natural logarithm of 1 + x, exact near 0."
        "SELECT log1p(0)" => "0"; |_, a| real(a, "log1p", f64::ln_1p);
    "sqrt" any_case true (1, 1) "sqrt(x)" "The square root."
        "SELECT sqrt(16)" => "4"; |_, a| real(a, "sqrt", f64::sqrt);
    "cbrt" any_case true (1, 1) "cbrt(x)" "The cubic root."
        "SELECT cbrt(27)" => "3"; |_, a| real(a, "cbrt", f64::cbrt);
    "pow" | "power" any_case true (2, 2) "pow(x, y)" "x to the power y."
        "SELECT pow(2, 10)" => "1024"; |_, a| real2(a, "pow", f64::powf);
    "sin" any_case true (1, 1) "sin(x)" "The sine of an angle in radians."
        "SELECT sin(0)" => "0"; |_, a| real(a, "sin", f64::sin);
    "cos" any_case true (1, 1) "cos(x)" "The cosine of an angle in radians."
        "SELECT cos(0)" => "1"; |_, a| real(a, "cos", f64::cos);
    "tan" any_case true (1, 1) "tan(x)" "The tangent of an angle in radians."
        "SELECT tan(0)" => "0"; |_, a| real(a, "tan", f64::tan);
    "asin" any_case true (1, 1) "asin(x)" "The angle whose sine is x."
        "SELECT asin(0)" => "0"; |_, a| real(a, "asin", f64::asin);
    "acos" any_case true (1, 1) "acos(x)" "The angle whose cosine is x."
        "SELECT acos(1)" => "0"; |_, a| real(a, "acos", f64::acos);
    "atan" any_case true (1, 1) "atan(x)" "The angle whose tangent is x."
        "SELECT atan(0)" => "0"; |_, a| real(a, "atan", f64::atan);
    "sinh" any_case true (1, 1) "sinh(x)" "The hyperbolic sine."
        "SELECT sinh(0)" => "0"; |_, a| real(a, "sinh", f64::sinh);
    "cosh" any_case true (1, 1) "cosh(x)" "The hyperbolic cosine."
        "SELECT cosh(0)" => "1"; |_, a| real(a, "cosh", f64::cosh);
    "tanh" any_case true (1, 1) "tanh(x)" "The hyperbolic tangent."
        "SELECT tanh(0)" => "0"; |_, a| real(a, "tanh", f64::tanh);
    "asinh" any_case true (1, 1) "asinh(x)" "The inverse of the hyperbolic sine."
        "SELECT asinh(0)" => "0"; |_, a| real(a, "asinh", f64::asinh);
    "acosh" any_case true (1, 1) "acosh(x)" "The inverse of the hyperbolic cosine."
        "SELECT acosh(1)" => "0"; |_, a| real(a, "acosh", f64::acosh);
    "atanh" any_case true (1, 1) "atanh(x)" "The inverse of the hyperbolic tangent."
        "SELECT atanh(0)" => "0"; |_, a| real(a, "atanh", f64::atanh);
    "atan2" any_case true (2, 2) "atan2(y, x)" "The angle of the point (x, y)."
        "SELECT atan2(0, 1)" => "0"; |_, a| real2(a, "atan2", f64::atan2);
    "hypot" any_case true (2, 2) "hypot(x, y)" "The length of the hypotenuse over two sides."
        "SELECT hypot(3, 4)" => "5"; |_, a| real2(a, "hypot", f64::hypot);
    "degrees" any_case true (1, 1) "degrees(x)" "Radians as degrees."
        "SELECT degrees(pi())" => "180"; |_, a| real(a, "degrees", |x| x * (180.0 / std::f64::consts::PI));
    "radians" any_case true (1, 1) "radians(x)" "Degrees as radians."
        "SELECT radians(0)" => "0"; |_, a| real(a, "radians", |x| x * (std::f64::consts::PI / 180.0));
    "sigmoid" (1, 1) "sigmoid(x)" "1 / (1 + exp(-x))."
        "SELECT sigmoid(0)" => "0.5"; |_, a| real(a, "sigmoid", |x| 1.0 / (1.0 + (-x).exp()));
    "erf" any_case true (1, 1) "erf(x)" "The error function."
        "SELECT erf(0)" => "0"; |_, a| real(a, "erf", special::erf);
    "erfc" any_case true (1, 1) "erfc(x)" "1 - erf(x), exact where erf is near 1."
        "SELECT erfc(0)" => "1"; |_, a| real(a, "erfc", special::erfc);
    "tgamma" any_case true (1, 1) "tgamma(x)" "The gamma function."
        "SELECT tgamma(5)" => "24"; |_, a| real(a, "tgamma", special::gamma);
    "lgamma" any_case true (1, 1) "lgamma(x)" "The logarithm of the gamma function's absolute value."
        "SELECT lgamma(1)" => "0"; |_, a| real(a, "lgamma", special::log_gamma);
    "pi" any_case true (0, 0) "pi()" "The number pi."
        "SELECT pi()" => "3.141592653589793"; |_, _| number(std::f64::consts::PI);
    "e" (0, 0) "e()" "Euler's number."
        "SELECT e()" => "2.718281828459045"; |_, _| number(std::f64::consts::E);
    "factorial" any_case true (1, 1) "factorial(n)" "The product of 1 to n; n is at most 20."
        "SELECT factorial(5)" => "120"; bind_factorial;
    "intExp2" (1, 1) "intExp2(n)" "2 to an integer power, as UInt64."
        "SELECT intExp2(10)" => "1024"; |_, a| bind_power(a, "intExp2", 2);
    "intExp10" (1, 1) "intExp10(n)" "10 to an integer power, as UInt64."
        "SELECT intExp10(3)" => "1000"; |_, a| bind_power(a, "intExp10", 10);
    "isFinite" (1, 1) "isFinite(x)" "Whether a number is neither infinite nor NaN."
        "SELECT isFinite(1 / 0)" => "0"; |_, a| bind_class(a, "isFinite", f64::is_finite);
    "isInfinite" (1, 1) "isInfinite(x)" "Whether a number is infinite."
        "SELECT isInfinite(1 / 0)" => "1"; |_, a| bind_class(a, "isInfinite", f64::is_infinite);
    "isNaN" any_case true (1, 1) "isNaN(x)" "Whether a number is NaN."
        "SELECT isNaN(0 / 0)" => "1"; |_, a| bind_class(a, "isNaN", f64::is_nan);
    "ifNotFinite" (2, 2) "ifNotFinite(x, y)" "x where it is finite, else y."
        "SELECT ifNotFinite(1 / 0, 42)" => "42"; bind_if_not_finite, nulls: Nulls::Custom;
    "widthBucket" | "WIDTH_BUCKET" any_case true (4, 4) "widthBucket(x, low, high, count)"
        "The number of the bucket that x falls into when low to high is cut into count equal ones: 0 below, count + 1 above."
        "SELECT widthBucket(10.15, -8.6, 23, 10)" => "6"; bind_width_bucket;
};

fn number(value: f64) -> Result<Bound> {
    Ok(Bound::new(DataType::Float64, move |_, rows| Ok(constant(value, rows))))
}

fn real(arguments: &[Argument], name: &str, f: fn(f64) -> f64) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !data_type.is_number() {
        return Err(illegal(&data_type, name));
    }
    Ok(Bound::new(DataType::Float64, move |columns, _| {
        map::<f64, f64>(&to_float(argument(columns, 0)?, &data_type)?, f)
    }))
}

fn real2(arguments: &[Argument], name: &str, f: fn(f64, f64) -> f64) -> Result<Bound> {
    let (a, b) = (arguments[0].data_type.clone(), arguments[1].data_type.clone());
    for data_type in [&a, &b] {
        if !data_type.is_number() {
            return Err(illegal(data_type, name));
        }
    }
    Ok(Bound::new(DataType::Float64, move |columns, _| {
        let x = to_float(argument(columns, 0)?, &a)?;
        let y = to_float(argument(columns, 1)?, &b)?;
        map2::<f64, f64, f64>(&x, &y, f)
    }))
}

fn bind_factorial(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !(data_type.is_integer() || *data_type == DataType::Bool) || data_type.bits() >= Some(128) {
        return Err(illegal(data_type, "factorial"));
    }
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::UInt64, move |columns, _| {
        let numbers = convert(argument(columns, 0)?, kind, Kind::I128)?;
        try_map::<i128, u64>(&numbers, |n| {
            if n > 20 {
                bail!(BadArguments, "The maximum n of factorial(n) is 20, but it is {n}");
            }
            Ok((1..=n.max(0) as u64).product())
        })
    }))
}

fn bind_power(arguments: &[Argument], name: &str, base: u64) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !is_native_number(&data_type) || data_type.bits() >= Some(128) {
        return Err(illegal(&data_type, name));
    }
    Ok(Bound::new(DataType::UInt64, move |columns, _| {
        map::<f64, u64>(&to_float(argument(columns, 0)?, &data_type)?, |n| {
            if n.is_nan() || n < 0.0 {
                return 0;
            }
            base.checked_pow(n.min(1000.0) as u32).unwrap_or(u64::MAX)
        })
    }))
}

fn bind_class(arguments: &[Argument], name: &str, f: fn(f64) -> bool) -> Result<Bound> {
    let data_type = arguments[0].data_type.clone();
    if !is_native_number(&data_type) {
        return Err(illegal(&data_type, name));
    }
    Ok(Bound::new(DataType::UInt8, move |columns, _| {
        map::<f64, u8>(&to_float(argument(columns, 0)?, &data_type)?, |v| u8::from(f(v)))
    }))
}

/// NULL is not finite either.
fn bind_if_not_finite(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types = arguments.iter().map(|a| a.data_type.inner());
    if let Some(bad) = types.clone().find(|t| !is_native_number(t) && **t != DataType::Nothing) {
        return Err(illegal(bad, "ifNotFinite"));
    }
    let (composer, given) = (Composer::new(context), Composer::arguments(arguments));
    let finite = composer.call("isFinite", vec![given[0].clone()])?;
    composer.bound(composer.call("if", vec![finite, given[0].clone(), given[1].clone()])?)
}

fn bind_width_bucket(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    if let Some(bad) = types.iter().find(|t| !is_native_number(t)) {
        return Err(illegal(bad, "widthBucket"));
    }
    if !types[3].is_integer() {
        return Err(illegal(&types[3], "widthBucket"));
    }
    if let Some(Value::Int(count)) = &arguments[3].constant
        && *count <= 0
    {
        bail!(
            BadArguments,
            "The number of buckets of widthBucket must be positive, but is {count}"
        );
    }
    let return_type = match types[3].bits() {
        Some(8) => DataType::UInt16,
        Some(16) => DataType::UInt32,
        _ => DataType::UInt64,
    };
    let to = Kind::require(&return_type)?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let all: Vec<_> =
            columns.iter().zip(&types).map(|(c, t)| to_float(c, t)).collect::<Result<_>>()?;
        let all: Vec<Values<'_, f64>> = all.iter().map(values::<f64>).collect::<Result<_>>()?;
        let [x, low, high, count] = all.as_slice() else {
            bail!(LogicalError, "widthBucket takes four arguments");
        };
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (x, low, high, count) = (x.at(row), low.at(row), high.at(row), count.at(row));
            if count <= 0.0 {
                bail!(BadArguments, "The number of buckets of widthBucket must be positive");
            }
            if x.is_nan() || !low.is_finite() || !high.is_finite() {
                bail!(BadArguments, "widthBucket takes no NaN, and finite bounds");
            }
            out.push(if x < low || low >= high {
                0
            } else if x >= high {
                count as u64 + 1
            } else {
                ((x - low) / (high - low) * count) as u64 + 1
            });
        }
        convert(&flat(out), Kind::U64, to)
    }))
}
