//! The name that ClickHouse gives to a result's column that has no alias: the expression as calls
//! of functions, `a + 1` -> `plus(a, 1)`.

use crate::ast::{
    BinaryOperator, Expression, FunctionCall, IntervalUnit, Literal, Name, Query, UnaryOperator,
    WindowReference,
};
use crate::literal::quote_string;
use crate::print;
use std::fmt::{self, Formatter};

/// The name of a column without an alias. Identifiers are written as they are, without quotes;
/// subqueries are numbered from 1 within the expression.
pub fn column_name(expression: &Expression) -> String {
    let mut namer = Namer { name: String::new(), subqueries: 0 };
    namer.expression(expression);
    namer.name
}

struct Namer {
    name: String,
    subqueries: usize,
}

impl Namer {
    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Literal(literal) => self.literal(literal),
            Expression::Identifier(Name(parts)) => self.name.push_str(&parts.join(".")),
            Expression::Alias(_, alias) => self.name.push_str(alias),
            Expression::Unary(operator, operand) => self.unary(*operator, operand),
            Expression::Binary(operator, left, right) => self.binary(*operator, left, right),
            Expression::IsNull { operand, negated } => {
                self.call(if *negated { "isNotNull" } else { "isNull" }, &[operand]);
            }
            Expression::Between { operand, negated, low, high } => {
                self.between(operand, *negated, low, high);
            }
            Expression::Like { .. } | Expression::In { .. } => self.predicate(expression),
            Expression::Exists(query) => {
                self.name.push_str("exists(");
                self.subquery(query);
                self.name.push(')');
            }
            Expression::Subquery(query) => self.subquery(query),
            Expression::Case { .. } => self.case(expression),
            Expression::Cast { operand, data_type } => {
                self.name.push_str("CAST(");
                self.expression(operand);
                self.name.push_str(", ");
                self.name.push_str(&quote_string(data_type.as_bytes()));
                self.name.push(')');
            }
            Expression::Interval { amount, unit } => self.interval(amount, *unit),
            Expression::Tuple(items) => self.bracketed("(", items, ")"),
            Expression::Array(items) => self.bracketed("[", items, "]"),
            Expression::TupleIndex(operand, index) => {
                self.name.push_str("tupleElement(");
                self.expression(operand);
                self.name.push_str(&format!(", {index})"));
            }
            Expression::TupleField(operand, field) => {
                self.name.push_str("tupleElement(");
                self.expression(operand);
                self.name.push_str(&format!(", {})", quote_string(field.as_bytes())));
            }
            Expression::ArrayElement(operand, index) => {
                self.call("arrayElement", &[operand, index]);
            }
            Expression::Function(call) => self.function(call),
            Expression::Lambda { parameters, body } => {
                self.name.push_str(&format!("lambda(tuple({}), ", parameters.join(", ")));
                self.expression(body);
                self.name.push(')');
            }
            Expression::Parameter { .. }
            | Expression::Asterisk { .. }
            | Expression::Columns { .. } => self.name.push_str(&expression.to_string()),
        }
    }

    fn predicate(&mut self, expression: &Expression) {
        match expression {
            Expression::Like { operand, negated, case_insensitive, pattern } => {
                let function = match (*negated, *case_insensitive) {
                    (false, false) => "like",
                    (true, false) => "notLike",
                    (false, true) => "ilike",
                    (true, true) => "notILike",
                };
                self.call(function, &[operand, pattern]);
            }
            Expression::In { operand, negated, global, set } => {
                let function = match (*negated, *global) {
                    (false, false) => "in",
                    (true, false) => "notIn",
                    (false, true) => "globalIn",
                    (true, true) => "globalNotIn",
                };
                self.call(function, &[operand, set]);
            }
            _ => {}
        }
    }

    fn literal(&mut self, literal: &Literal) {
        match literal {
            Literal::Number(text) => self.name.push_str(&number(text, false)),
            other => self.name.push_str(&other.to_string()),
        }
    }

    fn call(&mut self, function: &str, arguments: &[&Expression]) {
        self.name.push_str(function);
        self.name.push('(');
        self.separated(arguments.iter().copied());
        self.name.push(')');
    }

    fn separated<'a>(&mut self, items: impl Iterator<Item = &'a Expression>) {
        for (position, item) in items.enumerate() {
            if position > 0 {
                self.name.push_str(", ");
            }
            self.expression(item);
        }
    }

    fn bracketed(&mut self, open: &str, items: &[Expression], close: &str) {
        self.name.push_str(open);
        self.separated(items.iter());
        self.name.push_str(close);
    }

    fn subquery(&mut self, _: &Query) {
        self.subqueries += 1;
        self.name.push_str(&format!("_subquery_{}", self.subqueries));
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expression) {
        match (operator, operand) {
            (UnaryOperator::Minus, Expression::Literal(Literal::Number(text))) => {
                self.name.push_str(&number(text, true));
            }
            (UnaryOperator::Minus, _) => self.call("negate", &[operand]),
            (
                UnaryOperator::Not,
                Expression::Binary(BinaryOperator::NullSafeEquals, left, right),
            ) => self.call("isDistinctFrom", &[left, right]),
            (UnaryOperator::Not, _) => self.call("not", &[operand]),
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expression, right: &Expression) {
        let function = match operator {
            BinaryOperator::Or => "or",
            BinaryOperator::And => "and",
            BinaryOperator::Equals => "equals",
            BinaryOperator::NotEquals => "notEquals",
            BinaryOperator::Less => "less",
            BinaryOperator::LessOrEquals => "lessOrEquals",
            BinaryOperator::Greater => "greater",
            BinaryOperator::GreaterOrEquals => "greaterOrEquals",
            BinaryOperator::NullSafeEquals => "isNotDistinctFrom",
            BinaryOperator::Plus => "plus",
            BinaryOperator::Minus => "minus",
            BinaryOperator::Multiply => "multiply",
            BinaryOperator::Divide => "divide",
            BinaryOperator::Modulo => "modulo",
            BinaryOperator::IntegerDivide => "intDiv",
            BinaryOperator::Concatenate => "concat",
        };
        let chained = matches!(
            operator,
            BinaryOperator::Or | BinaryOperator::And | BinaryOperator::Concatenate
        );
        if !chained {
            return self.call(function, &[left, right]);
        }
        let mut operands = Vec::new();
        flatten(operator, left, &mut operands);
        flatten(operator, right, &mut operands);
        self.call(function, &operands);
    }

    fn between(
        &mut self,
        operand: &Expression,
        negated: bool,
        low: &Expression,
        high: &Expression,
    ) {
        let (outer, first, second) = if negated {
            ("or(", "less", "greater")
        } else {
            ("and(", "greaterOrEquals", "lessOrEquals")
        };
        self.name.push_str(outer);
        self.call(first, &[operand, low]);
        self.name.push_str(", ");
        self.call(second, &[operand, high]);
        self.name.push(')');
    }

    fn case(&mut self, expression: &Expression) {
        let Expression::Case { operand, branches, otherwise } = expression else { return };
        let null = Expression::Literal(Literal::Null);
        let mut arguments: Vec<&Expression> = operand.iter().map(|operand| &**operand).collect();
        for branch in branches {
            arguments.push(&branch.when);
            arguments.push(&branch.then);
        }
        arguments.push(otherwise.as_deref().unwrap_or(&null));
        let function = if operand.is_some() { "caseWithExpression" } else { "multiIf" };
        self.call(function, &arguments);
    }

    fn interval(&mut self, amount: &Expression, unit: IntervalUnit) {
        let function = format!("toInterval{}", print::interval_unit(unit));
        self.call(&function, &[amount]);
    }

    fn function(&mut self, call: &FunctionCall) {
        let plain = call.parameters.is_none() && !call.distinct && call.filter.is_none();
        match call.name.as_str() {
            "tuple" if plain => return self.bracketed("(", &call.arguments, ")"),
            "array" if plain => return self.bracketed("[", &call.arguments, "]"),
            _ => {}
        }
        self.name.push_str(&call.name);
        if call.distinct {
            self.name.push_str("Distinct");
        }
        if call.filter.is_some() {
            self.name.push_str("If");
        }
        if let Some(parameters) = &call.parameters {
            self.bracketed("(", parameters, ")");
        }
        self.name.push('(');
        let all_rows = call.name.eq_ignore_ascii_case("count")
            && matches!(
                call.arguments.as_slice(),
                [Expression::Asterisk { qualifier: None, transformers }] if transformers.is_empty()
            );
        let arguments = call.arguments.iter().filter(|_| !all_rows);
        self.separated(arguments.chain(call.filter.as_deref()));
        self.name.push(')');
        match &call.over {
            None => {}
            Some(WindowReference::Name(name)) => self.name.push_str(&format!(" OVER {name}")),
            Some(WindowReference::Specification(window)) => {
                let written = Window(window).to_string();
                self.name.push_str(&format!(" OVER ({written})"));
            }
        }
    }
}

/// A window whose expressions are written as names.
struct Window<'a>(&'a crate::ast::WindowSpecification);

impl fmt::Display for Window<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print::window(f, self.0, true, &mut |f, expression| f.write_str(&column_name(expression)))
    }
}

/// The operands of a chain of one operator, from left to right.
fn flatten<'a>(
    operator: BinaryOperator,
    expression: &'a Expression,
    operands: &mut Vec<&'a Expression>,
) {
    match expression {
        Expression::Binary(inner, left, right) if *inner == operator => {
            flatten(operator, left, operands);
            flatten(operator, right, operands);
        }
        other => operands.push(other),
    }
}

/// A number as ClickHouse writes it: an integer in digits, a float in its shortest form, with a
/// point at its end if it has no fraction.
fn number(text: &str, negative: bool) -> String {
    let sign = if negative { "-" } else { "" };
    let digits = text.replace('_', "");
    let lower = digits.to_ascii_lowercase();
    let integer = if let Some(hex) = lower.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()
    } else if let Some(binary) = lower.strip_prefix("0b") {
        u64::from_str_radix(binary, 2).ok()
    } else {
        digits.parse().ok()
    };
    if let Some(integer) = integer
        && (!negative || (1..=i64::MIN.unsigned_abs()).contains(&integer))
    {
        return format!("{sign}{integer}");
    }
    match lower.strip_prefix("0x").map_or_else(|| lower.parse().ok(), hexadecimal_float) {
        _ if integer == Some(0) => "0".to_owned(),
        Some(value) if lower != "inf" && lower != "nan" => format!("{sign}{}", float(value)),
        _ => format!("{sign}{lower}"),
    }
}

/// The value of a hexadecimal float like `1.8p3`, without its `0x`.
pub fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let places = i32::try_from(fraction.len()).ok()?;
    Some(value * 2_f64.powi(exponent.parse::<i32>().ok()?.checked_sub(places * 4)?))
}

/// The shortest digits that give the same float, as a decimal between 1e-6 and 1e21.
fn float(value: f64) -> String {
    if value.is_infinite() {
        return "inf".to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-6..21).contains(&exponent) {
        return scientific;
    }
    let decimal = format!("{value}");
    if mantissa.is_empty() || decimal.contains('.') { decimal } else { decimal + "." }
}
