//! Expressions as text.

use super::{Separated, identifiers, list, quoted};
use crate::ast::{
    BinaryOperator, CaseBranch, ColumnTransformer, Expression, FrameBound, FrameUnits,
    FunctionCall, IntervalUnit, Literal, OrderByItem, UnaryOperator, WindowFrame, WindowReference,
    WindowSpecification,
};
use crate::literal::{quote_identifier, quote_string};
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// How tightly an expression's outermost form binds; see the table of the parser.
fn power(expression: &Expression) -> u8 {
    match expression {
        Expression::Alias(..) => 0,
        Expression::Lambda { .. } => 1,
        Expression::Binary(operator, ..) => binary_power(*operator),
        Expression::Unary(UnaryOperator::Not, _) => 5,
        Expression::Unary(UnaryOperator::Minus, _) => 13,
        Expression::IsNull { .. } => 6,
        Expression::Between { .. } => 7,
        Expression::Like { .. } | Expression::In { .. } => 9,
        _ => ATOM,
    }
}

/// Binds tighter than every operator.
const ATOM: u8 = 15;

fn binary_power(operator: BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => 3,
        BinaryOperator::And => 4,
        BinaryOperator::Equals
        | BinaryOperator::NotEquals
        | BinaryOperator::Less
        | BinaryOperator::LessOrEquals
        | BinaryOperator::Greater
        | BinaryOperator::GreaterOrEquals
        | BinaryOperator::NullSafeEquals => 9,
        BinaryOperator::Concatenate => 10,
        BinaryOperator::Plus | BinaryOperator::Minus => 11,
        BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo
        | BinaryOperator::IntegerDivide => 12,
    }
}

/// An expression where operators at least as tight as a level may stand without brackets.
pub(super) struct Operand<'a>(pub(super) &'a Expression, pub(super) u8);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if power(self.0) < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

/// An expression where an alias needs brackets.
pub(super) fn bare(expression: &Expression) -> Operand<'_> {
    Operand(expression, 1)
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("NULL"),
            Literal::Bool(value) => value.fmt(f),
            Literal::Number(text) => f.write_str(text),
            Literal::String(bytes) => f.write_str(&quote_string(bytes)),
        }
    }
}

impl Display for BinaryOperator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BinaryOperator::Or => "OR",
            BinaryOperator::And => "AND",
            BinaryOperator::Equals => "=",
            BinaryOperator::NotEquals => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEquals => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEquals => ">=",
            BinaryOperator::NullSafeEquals => "<=>",
            BinaryOperator::Plus => "+",
            BinaryOperator::Minus => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::IntegerDivide => "DIV",
            BinaryOperator::Concatenate => "||",
        })
    }
}

/// The keyword of a unit, which is also the end of its function's name.
pub(crate) fn interval_unit(unit: IntervalUnit) -> &'static str {
    match unit {
        IntervalUnit::Nanosecond => "Nanosecond",
        IntervalUnit::Microsecond => "Microsecond",
        IntervalUnit::Millisecond => "Millisecond",
        IntervalUnit::Second => "Second",
        IntervalUnit::Minute => "Minute",
        IntervalUnit::Hour => "Hour",
        IntervalUnit::Day => "Day",
        IntervalUnit::Week => "Week",
        IntervalUnit::Month => "Month",
        IntervalUnit::Quarter => "Quarter",
        IntervalUnit::Year => "Year",
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Literal(literal) => literal.fmt(f),
            Expression::Identifier(name) => name.fmt(f),
            Expression::Parameter { name, data_type } => {
                write!(f, "{{{}:{data_type}}}", quote_identifier(name))
            }
            Expression::Asterisk { .. } | Expression::Columns { .. } => columns(f, self),
            Expression::Unary(..) | Expression::Binary(..) => operator(f, self),
            Expression::IsNull { .. }
            | Expression::Between { .. }
            | Expression::Like { .. }
            | Expression::In { .. } => predicate(f, self),
            Expression::Exists(query) => write!(f, "EXISTS ({query})"),
            Expression::Subquery(query) => write!(f, "({query})"),
            Expression::Case { operand, branches, otherwise } => {
                case(f, operand.as_deref(), branches, otherwise.as_deref())
            }
            Expression::Cast { operand, data_type } => {
                write!(f, "CAST({operand}, {})", quoted(data_type))
            }
            Expression::Interval { amount, unit } => {
                let unit = interval_unit(*unit).to_ascii_uppercase();
                let plain = matches!(**amount, Expression::Literal(_) | Expression::Identifier(_));
                write!(f, "INTERVAL {} {unit}", Operand(amount, if plain { 0 } else { ATOM + 1 }))
            }
            Expression::Tuple(items) => match items.as_slice() {
                [] => f.write_str("tuple()"),
                [item] => write!(f, "({item},)"),
                items => write!(f, "({})", Separated(items, ", ")),
            },
            Expression::Array(items) => write!(f, "[{}]", Separated(items, ", ")),
            Expression::TupleIndex(..)
            | Expression::TupleField(..)
            | Expression::ArrayElement(..) => element(f, self),
            Expression::Function(call) => call.fmt(f),
            Expression::Lambda { parameters, body } => {
                if let [parameter] = parameters.as_slice() {
                    write!(f, "{} -> {}", quote_identifier(parameter), bare(body))
                } else {
                    f.write_str("(")?;
                    identifiers(f, parameters)?;
                    write!(f, ") -> {}", bare(body))
                }
            }
            Expression::Alias(expression, name) => {
                write!(f, "{} AS {}", bare(expression), quote_identifier(name))
            }
        }
    }
}

fn operator(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    match expression {
        Expression::Unary(UnaryOperator::Not, operand) => write!(f, "NOT {}", Operand(operand, 5)),
        Expression::Unary(UnaryOperator::Minus, operand) => {
            // Two signs in a row would begin a comment.
            write!(f, "-{}", Operand(operand, 14))
        }
        Expression::Binary(operator, left, right) => {
            let level = binary_power(*operator);
            write!(f, "{} {operator} {}", Operand(left, level), Operand(right, level + 1))
        }
        _ => Ok(()),
    }
}

fn predicate(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    let not = |negated: bool| if negated { "NOT " } else { "" };
    match expression {
        Expression::IsNull { operand, negated } => {
            write!(f, "{} IS {}NULL", Operand(operand, 6), not(*negated))
        }
        Expression::Between { operand, negated, low, high } => write!(
            f,
            "{} {}BETWEEN {} AND {}",
            Operand(operand, 7),
            not(*negated),
            Operand(low, 8),
            Operand(high, 8)
        ),
        Expression::Like { operand, negated, case_insensitive, pattern } => write!(
            f,
            "{} {}{} {}",
            Operand(operand, 9),
            not(*negated),
            if *case_insensitive { "ILIKE" } else { "LIKE" },
            Operand(pattern, 10)
        ),
        Expression::In { operand, negated, global, set } => write!(
            f,
            "{} {}{}IN {}",
            Operand(operand, 9),
            if *global { "GLOBAL " } else { "" },
            not(*negated),
            Operand(set, 10)
        ),
        _ => Ok(()),
    }
}

fn element(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    // Right behind these a period or a bracket would mean something else.
    let atom = |operand: &Expression, field: bool| match operand {
        Expression::Literal(_)
        | Expression::Interval { .. }
        | Expression::Asterisk { .. }
        | Expression::Columns { .. } => ATOM + 1,
        Expression::Function(call) if call.over.is_some() || call.ignore_nulls.is_some() => {
            ATOM + 1
        }
        Expression::Identifier(_) if field => ATOM + 1,
        _ => ATOM,
    };
    match expression {
        Expression::TupleIndex(operand, index) => {
            write!(f, "{}.{index}", Operand(operand, atom(operand, false)))
        }
        Expression::TupleField(operand, name) => {
            write!(f, "{}.{}", Operand(operand, atom(operand, true)), quote_identifier(name))
        }
        Expression::ArrayElement(operand, index) => {
            write!(f, "{}[{index}]", Operand(operand, atom(operand, false)))
        }
        _ => Ok(()),
    }
}

fn case(
    f: &mut Formatter<'_>,
    operand: Option<&Expression>,
    branches: &[CaseBranch],
    otherwise: Option<&Expression>,
) -> fmt::Result {
    f.write_str("CASE")?;
    if let Some(operand) = operand {
        write!(f, " {}", bare(operand))?;
    }
    for branch in branches {
        write!(f, " WHEN {} THEN {}", branch.when, branch.then)?;
    }
    if let Some(otherwise) = otherwise {
        write!(f, " ELSE {otherwise}")?;
    }
    f.write_str(" END")
}

fn columns(f: &mut Formatter<'_>, expression: &Expression) -> fmt::Result {
    let transformers = match expression {
        Expression::Asterisk { qualifier, transformers } => {
            if let Some(qualifier) = qualifier {
                write!(f, "{qualifier}.")?;
            }
            f.write_str("*")?;
            transformers
        }
        Expression::Columns { qualifier, pattern, list, transformers } => {
            if let Some(qualifier) = qualifier {
                write!(f, "{qualifier}.")?;
            }
            match pattern {
                Some(pattern) => write!(f, "COLUMNS({})", quoted(pattern))?,
                None => write!(f, "COLUMNS({})", Separated(list, ", "))?,
            }
            transformers
        }
        _ => return Ok(()),
    };
    for transformer in transformers {
        write!(f, " {transformer}")?;
    }
    Ok(())
}

impl Display for ColumnTransformer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ColumnTransformer::Except(names) => {
                f.write_str("EXCEPT (")?;
                identifiers(f, names)?;
                f.write_str(")")
            }
            ColumnTransformer::ExceptPattern(pattern) => {
                write!(f, "EXCEPT ({})", quoted(pattern))
            }
            ColumnTransformer::Replace(items) => {
                f.write_str("REPLACE (")?;
                list(f, items, |f, (expression, name)| {
                    write!(f, "{} AS {}", bare(expression), quote_identifier(name))
                })?;
                f.write_str(")")
            }
            ColumnTransformer::Apply(function) => write!(f, "APPLY({})", bare(function)),
        }
    }
}

/// Words that begin a form of their own when a bracket follows.
const SPECIAL: &[&str] = &[
    "ALL",
    "ANY",
    "CASE",
    "COLUMNS",
    "DATEADD",
    "DATESUB",
    "DATE_ADD",
    "DATE_DIFF",
    "DATE_SUB",
    "DISTINCT",
    "EXISTS",
    "FROM",
    "INTERVAL",
    "LTRIM",
    "NOT",
    "RTRIM",
    "SELECT",
    "SOME",
    "TIMESTAMPADD",
    "TIMESTAMPDIFF",
    "TIMESTAMPSUB",
    "TIMESTAMP_ADD",
    "TIMESTAMP_DIFF",
    "TIMESTAMP_SUB",
    "TRIM",
    "WITH",
];

/// A function's name: keywords that are functions too need no quotes.
pub(crate) fn function_name(name: &str) -> Cow<'_, str> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    let upper = name.to_ascii_uppercase();
    let spelled = match upper.as_str() {
        "DATEDIFF" => name == "dateDiff",
        "SUBSTRING" | "POSITION" => name == upper.to_ascii_lowercase(),
        // These begin something else only with a subquery.
        "ANY" | "ALL" => true,
        other => SPECIAL.binary_search(&other).is_err(),
    };
    if plain && spelled {
        return Cow::Borrowed(name);
    }
    match quote_identifier(name) {
        Cow::Borrowed(name) => Cow::Owned(format!("`{name}`")),
        quoted => quoted,
    }
}

impl Display for FunctionCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&function_name(&self.name))?;
        if let Some(parameters) = &self.parameters {
            write!(f, "({})", Separated(parameters, ", "))?;
        }
        let distinct = if self.distinct { "DISTINCT " } else { "" };
        write!(f, "({distinct}{})", Separated(&self.arguments, ", "))?;
        match self.ignore_nulls {
            Some(true) => f.write_str(" IGNORE NULLS")?,
            Some(false) => f.write_str(" RESPECT NULLS")?,
            None => {}
        }
        if let Some(filter) = &self.filter {
            write!(f, " FILTER (WHERE {})", bare(filter))?;
        }
        match &self.over {
            None => Ok(()),
            Some(WindowReference::Name(name)) => write!(f, " OVER {}", quote_identifier(name)),
            Some(WindowReference::Specification(specification)) => {
                f.write_str(" OVER (")?;
                window(f, specification, false, &mut |f, expression| expression.fmt(f))?;
                f.write_str(")")
            }
        }
    }
}

/// What writes an expression within a window.
pub(crate) type WriteExpression<'a> =
    dyn FnMut(&mut Formatter<'_>, &Expression) -> fmt::Result + 'a;

/// A window without its brackets; `explicit` writes ASC too.
pub(crate) fn window(
    f: &mut Formatter<'_>,
    window: &WindowSpecification,
    explicit: bool,
    write: &mut WriteExpression<'_>,
) -> fmt::Result {
    let mut gap = "";
    if let Some(base) = &window.base {
        f.write_str(&quote_identifier(base))?;
        gap = " ";
    }
    if !window.partition_by.is_empty() {
        write!(f, "{gap}PARTITION BY ")?;
        list(f, &window.partition_by, &mut *write)?;
        gap = " ";
    }
    if !window.order_by.is_empty() {
        write!(f, "{gap}ORDER BY ")?;
        list(f, &window.order_by, |f, item| order_by_item(f, item, explicit, &mut *write))?;
        gap = " ";
    }
    if let Some(WindowFrame { units, start, end }) = &window.frame {
        let units = match units {
            FrameUnits::Rows => "ROWS",
            FrameUnits::Range => "RANGE",
            FrameUnits::Groups => "GROUPS",
        };
        write!(f, "{gap}{units} BETWEEN ")?;
        frame_bound(f, start, write)?;
        f.write_str(" AND ")?;
        frame_bound(f, end, write)?;
    }
    Ok(())
}

fn frame_bound(
    f: &mut Formatter<'_>,
    bound: &FrameBound,
    write: &mut WriteExpression<'_>,
) -> fmt::Result {
    match bound {
        FrameBound::UnboundedPreceding => f.write_str("UNBOUNDED PRECEDING"),
        FrameBound::UnboundedFollowing => f.write_str("UNBOUNDED FOLLOWING"),
        FrameBound::CurrentRow => f.write_str("CURRENT ROW"),
        FrameBound::Preceding(distance) => {
            write(f, distance)?;
            f.write_str(" PRECEDING")
        }
        FrameBound::Following(distance) => {
            write(f, distance)?;
            f.write_str(" FOLLOWING")
        }
    }
}

/// An item of ORDER BY; `explicit` writes ASC too.
pub(super) fn order_by_item(
    f: &mut Formatter<'_>,
    item: &OrderByItem,
    explicit: bool,
    write: &mut WriteExpression<'_>,
) -> fmt::Result {
    write(f, &item.expression)?;
    if item.descending {
        f.write_str(" DESC")?;
    } else if explicit {
        f.write_str(" ASC")?;
    }
    match item.nulls_first {
        Some(true) => f.write_str(" NULLS FIRST")?,
        Some(false) => f.write_str(" NULLS LAST")?,
        None => {}
    }
    if let Some(collate) = &item.collate {
        write!(f, " COLLATE {}", quoted(collate))?;
    }
    let Some(fill) = &item.fill else { return Ok(()) };
    f.write_str(" WITH FILL")?;
    let parts = [
        ("FROM", &fill.from),
        ("TO", &fill.to),
        ("STEP", &fill.step),
        ("STALENESS", &fill.staleness),
    ];
    for (word, value) in parts {
        if let Some(value) = value {
            write!(f, " {word} {}", bare(value))?;
        }
    }
    Ok(())
}
