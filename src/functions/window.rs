//! Functions of windows: their names, what they take and what they return.
//!
//! What computes them lies with the operator that has the rows in order.

use base::{Result, bail};
use expr::{Example, FunctionContext, Registry, WindowDeclaration, WindowFunction};
use types::{DataType, Value, least_supertype};

/// Adds the functions of this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_windows(FUNCTIONS);
}

/// Rows that a value may be away: as many as 64 bits with a sign can say.
const MOST_OFFSET: i128 = i64::MAX as i128;

type Arguments = [(DataType, Option<Value>)];

const fn example(sql: &'static str, result: &'static str) -> Example {
    Example { sql, result }
}

const RANKING: WindowDeclaration = WindowDeclaration {
    function: WindowFunction::RowNumber,
    name: "",
    aliases: &[],
    case_insensitive: true,
    syntax: "",
    description: "",
    examples: &[],
    arguments: (0, 16),
    bind: |_, _| Ok(DataType::UInt64),
};

const SHIFTING: WindowDeclaration =
    WindowDeclaration { arguments: (1, 3), bind: bind_shift, ..RANKING };

static FUNCTIONS: &[WindowDeclaration] = &[
    WindowDeclaration {
        function: WindowFunction::RowNumber,
        name: "row_number",
        syntax: "row_number() OVER (...)",
        description: "The row's number within its partition, from 1.",
        examples: &[example(
            "SELECT row_number() OVER (ORDER BY number DESC) FROM numbers(3) ORDER BY number",
            "3\n2\n1",
        )],
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::Rank,
        name: "rank",
        syntax: "rank() OVER (...)",
        description: "The number within the partition of the first row that is equal by the window's order.",
        examples: &[example(
            "SELECT rank() OVER (ORDER BY intDiv(number, 2)) FROM numbers(4)",
            "1\n1\n3\n3",
        )],
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::DenseRank,
        name: "denseRank",
        aliases: &["dense_rank"],
        syntax: "dense_rank() OVER (...)",
        description: "How many different values the window's order has up to the row.",
        examples: &[example(
            "SELECT dense_rank() OVER (ORDER BY intDiv(number, 2)) FROM numbers(4)",
            "1\n1\n2\n2",
        )],
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::PercentRank,
        name: "percentRank",
        aliases: &["percent_rank"],
        syntax: "percent_rank() OVER (...)",
        description: "(rank - 1) / (rows of the partition - 1), and 0 for a single row.",
        examples: &[example(
            "SELECT percent_rank() OVER (ORDER BY number) FROM numbers(3)",
            "0\n0.5\n1",
        )],
        bind: |_, _| Ok(DataType::Float64),
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::CumeDist,
        name: "cume_dist",
        syntax: "cume_dist() OVER (...)",
        description: "The share of the partition's rows that come before the row or are equal to it.",
        examples: &[example("SELECT cume_dist() OVER (ORDER BY number) FROM numbers(2)", "0.5\n1")],
        bind: |_, _| Ok(DataType::Float64),
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::Ntile,
        name: "ntile",
        syntax: "ntile(buckets) OVER (...)",
        description: "The number of the row's bucket, from 1: the partition is cut into so many buckets, \
            of which the first ones have a row more where it does not divide evenly.",
        examples: &[example("SELECT ntile(2) OVER (ORDER BY number) FROM numbers(3)", "1\n1\n2")],
        arguments: (1, 1),
        bind: bind_ntile,
        ..RANKING
    },
    WindowDeclaration {
        function: WindowFunction::Lag,
        name: "lag",
        syntax: "lag(x[, rows[, default]]) OVER (...)",
        description: "The value so many rows before (1 unless said) in the partition, or else the default.",
        examples: &[example(
            "SELECT lag(number, 1, 9) OVER (ORDER BY number) FROM numbers(3)",
            "9\n0\n1",
        )],
        ..SHIFTING
    },
    WindowDeclaration {
        function: WindowFunction::Lead,
        name: "lead",
        syntax: "lead(x[, rows[, default]]) OVER (...)",
        description: "The value so many rows after (1 unless said) in the partition, or else the default.",
        examples: &[example(
            "SELECT lead(number) OVER (ORDER BY number) FROM numbers(3)",
            "1\n2\n0",
        )],
        ..SHIFTING
    },
    WindowDeclaration {
        function: WindowFunction::LagInFrame,
        name: "lagInFrame",
        case_insensitive: false,
        syntax: "lagInFrame(x[, rows[, default]]) OVER (...)",
        description: "As lag, of rows within the frame only.",
        examples: &[example(
            "SELECT lagInFrame(number) OVER (ORDER BY number) FROM numbers(3)",
            "0\n0\n1",
        )],
        ..SHIFTING
    },
    WindowDeclaration {
        function: WindowFunction::LeadInFrame,
        name: "leadInFrame",
        case_insensitive: false,
        syntax: "leadInFrame(x[, rows[, default]]) OVER (...)",
        description: "As lead, of rows within the frame only.",
        examples: &[example(
            "SELECT leadInFrame(number) OVER (ORDER BY number ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) \
             FROM numbers(3)",
            "1\n2\n0",
        )],
        ..SHIFTING
    },
    WindowDeclaration {
        function: WindowFunction::NthValue,
        name: "nth_value",
        syntax: "nth_value(x, n) OVER (...)",
        description: "The value of the frame's n-th row, counted from 1.",
        examples: &[example(
            "SELECT nth_value(number, 2) OVER (ORDER BY number) FROM numbers(3)",
            "0\n1\n1",
        )],
        arguments: (2, 2),
        bind: bind_shift,
        ..RANKING
    },
];

fn bind_ntile(_: &FunctionContext, arguments: &Arguments) -> Result<DataType> {
    let Some((data_type, value)) = arguments.first() else { return Ok(DataType::UInt64) };
    if !data_type.is_unsigned_integer() && !data_type.is_integer() {
        bail!(
            BadArguments,
            "'ntile' function must have one constant integer argument, {data_type} is none"
        );
    }
    match value {
        Some(Value::Int(buckets)) if *buckets > 0 => Ok(DataType::UInt64),
        Some(_) => bail!(BadArguments, "Argument of 'ntile' function must be greater than zero"),
        None => bail!(BadArguments, "Argument of 'ntile' function must be constant"),
    }
}

/// `f(x, rows, default)`: the value's type, which the default must have too.
fn bind_shift(_: &FunctionContext, arguments: &Arguments) -> Result<DataType> {
    let Some((data_type, _)) = arguments.first() else {
        bail!(NumberOfArgumentsDoesntMatch, "The function needs an argument");
    };
    if let Some((offset, value)) = arguments.get(1) {
        if !offset.is_integer() {
            bail!(BadArguments, "The offset must be an integer, '{offset}' given");
        }
        if let Some(Value::Int(rows)) = value
            && (*rows < 0 || *rows > MOST_OFFSET)
        {
            bail!(BadArguments, "The offset must be in (0, {MOST_OFFSET}], {rows} given");
        }
    }
    if let Some((default, _)) = arguments.get(2) {
        let Some(both) = least_supertype(&[data_type.clone(), default.clone()]) else {
            bail!(
                BadArguments,
                "There is no supertype for the argument type '{data_type}' and the default value type '{default}'"
            );
        };
        if both != *data_type {
            bail!(
                BadArguments,
                "The supertype '{both}' for the argument type '{data_type}' and the default value type \
                 '{default}' is not the same as the argument type"
            );
        }
    }
    Ok(data_type.clone())
}
