//! What is known of a value's type, of the block, the query and the server; and functions for their effect.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use base::{Result, bail, error};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration, Nulls};
use types::{Column, DataType, I256, Physical, Value};

use super::date_now::text;
use super::decimal_arithmetic::to_float;
use super::lane::{Kind, Lane, Values, argument, constant, flat, map, values, with_lane};
use super::number_type::{illegal, is_native_number, plain};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Other";
    "toTypeName" any_case true (1, 1) "toTypeName(x)" "The name of the argument's type."
        "SELECT toTypeName(1)" => "UInt8"; |_, a| text(a[0].data_type.to_string()), nulls: Nulls::Custom,
        of_clob: Some(|_, a| text(a[0].data_type.to_string()).map(Some));
    "toColumnTypeName" (1, 1) "toColumnTypeName(x)" "The form in which the argument's values lie in memory."
        "SELECT toColumnTypeName(1)" => "Const(UInt8)"; bind_column_type, nulls: Nulls::Custom, determinism: expr::Determinism::Never;
    "defaultValueOfArgumentType" (1, 1) "defaultValueOfArgumentType(x)" "The default value of the argument's type."
        "SELECT defaultValueOfArgumentType(5)" => "0"; |_, a| default_of(a[0].data_type.clone()), nulls: Nulls::Custom;
    "defaultValueOfTypeName" (1, 1) "defaultValueOfTypeName('type')" "The default value of a type."
        "SELECT defaultValueOfTypeName('Int32')" => "0"; bind_default_of_name;
    "materialize" (1, 1) "materialize(x)" "The argument, a constant turned into a whole column."
        "SELECT materialize(1)" => "1"; bind_materialize, nulls: Nulls::Custom, determinism: Determinism::Never,
        of_clob: Some(|c, a| bind_materialize(c, a).map(Some));
    "identity" | "indexHint" (1, 1) "identity(x)" "The argument."
        "SELECT identity(5)" => "5"; bind_identity, nulls: Nulls::Custom,
        of_clob: Some(|c, a| bind_identity(c, a).map(Some));
    "toLowCardinality" (1, 1) "toLowCardinality(x)" "The argument, with the hint that it has few distinct values."
        "SELECT toLowCardinality('a')" => "a"; bind_low_cardinality, nulls: Nulls::Custom;
    "ignore" (0, usize::MAX) "ignore(...)" "0, whatever the arguments."
        "SELECT ignore(1, 'a')" => "0"; |_, _| number(0_u8, DataType::UInt8), nulls: Nulls::Custom,
        of_clob: Some(|_, _| number(0_u8, DataType::UInt8).map(Some));
    "isConstant" (1, 1) "isConstant(x)" "Whether the argument is known before the query runs."
        "SELECT isConstant(1)" => "1"; bind_is_constant, nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "byteSize" (0, usize::MAX) "byteSize(x, ...)" "Bytes that the arguments take in memory uncompressed, about."
        "SELECT byteSize(1)" => "1"; bind_byte_size, nulls: Nulls::Custom;
    "blockSize" (0, 0) "blockSize()" "Rows of the block."
        "SELECT blockSize() > 0" => "1"; |_, _| Ok(Bound::new(DataType::UInt64, |_, rows| Ok(constant(rows as u64, rows)))), determinism: Determinism::Never;
    "rowNumberInBlock" (0, 0) "rowNumberInBlock()" "The row's number in its block, from 0."
        "SELECT rowNumberInBlock()" => "0"; |_, _| Ok(Bound::new(DataType::UInt64, |_, rows| Ok(flat((0..rows as u64).collect())))), determinism: Determinism::Never;
    "rowNumberInAllBlocks" (0, 0) "rowNumberInAllBlocks()" "The row's number among the rows that the function has seen, from 0."
        "SELECT rowNumberInAllBlocks()" => "0"; bind_row_number, determinism: Determinism::Never;
    "blockNumber" (0, 0) "blockNumber()" "The number of the block, from 0."
        "SELECT blockNumber()" => "0"; bind_block_number, determinism: Determinism::Never;
    "runningDifference" (1, 1) "runningDifference(x)" "The difference to the row before in the block; 0 in the first."
        "SELECT runningDifference(5)" => "0"; |_, a| bind_running(a, true), determinism: Determinism::Never;
    "runningDifferenceStartingWithFirstValue" (1, 1) "runningDifferenceStartingWithFirstValue(x)" "The difference to the row before in the block; the value in the first."
        "SELECT runningDifferenceStartingWithFirstValue(5)" => "5"; |_, a| bind_running(a, false), determinism: Determinism::Never;
    "throwIf" (1, 3) "throwIf(x[, message])" "0, or an error with the message where x is not 0."
        "SELECT throwIf(0)" => "0"; bind_throw, determinism: Determinism::Never;
    "sleep" (1, 1) "sleep(seconds)" "0, after waiting (3 seconds at most) for every block."
        "SELECT sleep(0)" => "0"; |_, a| bind_sleep(a, false), determinism: Determinism::Never;
    "sleepEachRow" (1, 1) "sleepEachRow(seconds)" "0, after waiting for every row (3 seconds a block at most)."
        "SELECT sleepEachRow(0)" => "0"; |_, a| bind_sleep(a, true), determinism: Determinism::Never;
    "version" any_case true (0, 0) "version()" "The server's version."
        "SELECT version() = version()" => "1"; |c, _| text(c.version.clone()), determinism: Determinism::WithinQuery;
    "revision" any_case true (0, 0) "revision()" "The revision of the protocol that the server speaks."
        "SELECT revision() > 54000" => "1"; |_, _| number(54_460_u32, DataType::UInt32);
    "hostName" | "hostname" | "FQDN" | "fqdn" | "fullHostName" | "displayName" any_case true (0, 0) "hostName()" "The server's name."
        "SELECT hostName() = FQDN()" => "1"; |c, _| text(c.host.clone()), determinism: Determinism::WithinQuery;
    "currentUser" | "user" | "current_user" | "initialUser" any_case true (0, 0) "currentUser()" "Who asks."
        "SELECT currentUser() = user()" => "1"; |c, _| text(c.user.clone()), determinism: Determinism::WithinQuery;
    "currentDatabase" | "DATABASE" | "SCHEMA" | "current_database" any_case true (0, 0) "currentDatabase()" "The current database."
        "SELECT currentDatabase() = database()" => "1"; |c, _| text(c.database.clone()), determinism: Determinism::WithinQuery;
    "currentSchemas" | "current_schemas" any_case true (1, 1) "currentSchemas(any)" "The current database in an array."
        "SELECT length(currentSchemas(true))" => "1"; bind_schemas, determinism: Determinism::WithinQuery;
    "queryID" | "query_id" | "initialQueryID" | "initial_query_id" any_case true (0, 0) "queryID()" "The query's id."
        "SELECT queryID() = initialQueryID()" => "1"; |c, _| text(c.query_id.clone()), determinism: Determinism::WithinQuery;
    "connectionId" | "connection_id" any_case true (0, 0) "connectionId()" "0: connections have no number."
        "SELECT connectionId()" => "0"; |_, _| number(0_u64, DataType::UInt64);
    "buildId" any_case true (0, 0) "buildId()" "The version that the program was built as."
        "SELECT buildId() = buildId()" => "1"; |_, _| text(env!("CARGO_PKG_VERSION").to_owned());
    "serverUUID" (0, 0) "serverUUID()" "A UUID that stands for the server: made from its name."
        "SELECT serverUUID() = serverUUID()" => "1"; bind_server_uuid, determinism: Determinism::WithinQuery;
    "tcpPort" any_case true (0, 0) "tcpPort()" "The port of the native protocol as clients expect it."
        "SELECT tcpPort()" => "9000"; |_, _| number(9000_u16, DataType::UInt16);
    "uptime" any_case true (0, 0) "uptime()" "Seconds since the program first asked for it, about since it started."
        "SELECT uptime() >= 0" => "1"; bind_uptime, determinism: Determinism::WithinQuery;
    "getSetting" (1, 2) "getSetting(name[, default])" "The value of a setting, as the query has it."
        "SELECT getSetting('no such setting', 5)" => "5"; bind_setting, determinism: Determinism::WithinQuery;
    "bar" (4, 4) "bar(x, low, high, width)" "A bar whose length stands for x: nothing at low, width characters at high."
        "SELECT bar(3, 0, 10, 10)" => "███"; bind_bar;
};

fn number<T: super::lane::Lane>(value: T, data_type: DataType) -> Result<Bound> {
    Ok(Bound::new(data_type, move |_, rows| Ok(constant(value, rows))))
}

fn bind_column_type(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = arguments[0].data_type.to_string();
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let shown = match argument(columns, 0)? {
            Column::Constant { .. } => format!("Const({name})"),
            _ => name.clone(),
        };
        Column::constant(&DataType::String, &Value::from(shown.as_str()), rows)
    }))
}

fn default_of(data_type: DataType) -> Result<Bound> {
    // The first day that the type is for, though columns are filled with the day 0, as in ClickHouse.
    let value = match data_type.inner() {
        DataType::Date32 if !data_type.is_nullable() => Value::Int(-25_567),
        _ => data_type.default_value(),
    };
    Ok(Bound::new(data_type.clone(), move |_, rows| Column::constant(&data_type, &value, rows)))
}

fn bind_default_of_name(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let Some(name) = arguments[0].constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalTypeOfArgument, "defaultValueOfTypeName takes a constant name of a type");
    };
    default_of(DataType::parse(name)?)
}

fn bind_materialize(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    Ok(Bound::new(arguments[0].data_type.clone(), |columns, _| {
        Ok(Column::Flat(argument(columns, 0)?.to_flat()?))
    }))
}

fn bind_identity(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    Ok(Bound::new(arguments[0].data_type.clone(), |columns, _| Ok(argument(columns, 0)?.clone())))
}

fn bind_low_cardinality(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = DataType::LowCardinality(Arc::new(arguments[0].data_type.clone()));
    Ok(Bound::new(data_type, |columns, _| Ok(argument(columns, 0)?.clone())))
}

fn bind_is_constant(_: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    Ok(Bound::new(DataType::UInt8, |columns, rows| {
        Ok(constant(u8::from(argument(columns, 0)?.is_constant()), rows))
    }))
}

/// Bytes of every row of an array.
fn sizes(array: &arrow_array::ArrayRef, data_type: &DataType, depth: usize) -> Result<Vec<u64>> {
    if depth > 100 {
        bail!(TooDeepAst, "Types nested too deep");
    }
    let rows = array.len();
    let own: Vec<u64> = match data_type.physical() {
        Physical::Bytes => {
            array.as_binary_view().iter().map(|v| v.map_or(0, |v| v.len() as u64) + 8).collect()
        }
        Physical::Fixed(width) => vec![width as u64; rows],
        Physical::List => {
            let list = array.as_list::<i32>();
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let items = sizes(list.values(), &item, depth + 1)?;
            let offsets = list.value_offsets();
            let spans = offsets.windows(2);
            spans.map(|w| 8 + items[w[0] as usize..w[1] as usize].iter().sum::<u64>()).collect()
        }
        Physical::Struct => {
            let mut total = vec![0_u64; rows];
            if let DataType::Tuple(fields) = data_type.inner() {
                for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                    for (sum, more) in
                        total.iter_mut().zip(sizes(column, &field.data_type, depth + 1)?)
                    {
                        *sum += more;
                    }
                }
            }
            total
        }
        _ => {
            let kind = Kind::require(data_type)?;
            let width = with_lane!(kind, T => size_of::<T>() as u64);
            vec![width; rows]
        }
    };
    let flag = u64::from(data_type.is_nullable());
    Ok(own.into_iter().map(|size| size + flag).collect())
}

fn bind_byte_size(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let mut total = vec![0_u64; rows];
        for (column, data_type) in columns.iter().zip(&types) {
            let of_rows = match column {
                Column::Constant { value, .. } => {
                    let one = sizes(value, data_type, 0)?.first().copied().unwrap_or(0);
                    vec![one; rows]
                }
                other => sizes(&other.to_flat()?, data_type, 0)?,
            };
            for (sum, more) in total.iter_mut().zip(of_rows) {
                *sum += more;
            }
        }
        Ok(flat(total))
    }))
}

fn bind_row_number(_: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    let seen = std::sync::atomic::AtomicU64::new(0);
    Ok(Bound::new(DataType::UInt64, move |_, rows| {
        let first = seen.fetch_add(rows as u64, std::sync::atomic::Ordering::Relaxed);
        Ok(flat((first..first + rows as u64).collect()))
    }))
}

fn bind_block_number(_: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    let seen = std::sync::atomic::AtomicU64::new(0);
    Ok(Bound::new(DataType::UInt64, move |_, rows| {
        Ok(constant(seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed), rows))
    }))
}

fn bind_running(arguments: &[Argument], from_zero: bool) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    let Some(number) = plain(data_type) else {
        return Err(illegal(data_type, "runningDifference"));
    };
    let return_type = match (data_type, &number) {
        (_, float) if float.is_float() => DataType::Float64,
        (DataType::Date, _) => DataType::Int32,
        (_, other) => {
            let bits = other.bits().unwrap_or(64);
            super::number_type::integer(true, super::number_type::wider(bits))
        }
    };
    let (from, to) = (Kind::require(&number)?, Kind::require(&return_type)?);
    Ok(Bound::new(return_type, move |columns, rows| {
        let column = argument(columns, 0)?;
        let work = match to {
            Kind::F64 | Kind::I256 => to,
            _ => Kind::I128,
        };
        let wide = super::lane::convert(column, from, work)?;
        let out = match work {
            Kind::F64 => running::<f64>(&wide, rows, from_zero, |a, b| a - b)?,
            Kind::I256 => running::<I256>(&wide, rows, from_zero, I256::wrapping_sub)?,
            _ => running::<i128>(&wide, rows, from_zero, i128::wrapping_sub)?,
        };
        super::lane::convert(&out, work, to)
    }))
}

/// Each value less the one before.
fn running<T: Lane>(
    column: &Column,
    rows: usize,
    from_zero: bool,
    minus: fn(T, T) -> T,
) -> Result<Column> {
    let v = values::<T>(column)?;
    let first = |row: usize| if from_zero { T::default() } else { v.at(row) };
    let one = |row: usize| if row == 0 { first(row) } else { minus(v.at(row), v.at(row - 1)) };
    Ok(flat((0..rows).map(one).collect()))
}

fn bind_throw(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let data_type = &arguments[0].data_type;
    if !is_native_number(data_type) {
        return Err(illegal(data_type, "throwIf"));
    }
    let message = match arguments.get(1) {
        None => "Value passed to 'throwIf' function is non-zero".to_owned(),
        Some(given) => match given.constant.as_ref().and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => bail!(IllegalColumn, "The message of throwIf must be a constant string"),
        },
    };
    let kind = Kind::require(data_type)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let column = argument(columns, 0)?;
        let set = with_lane!(kind, T => map::<T, u8>(column, |v| u8::from(v != T::default())))?;
        let any = match values::<u8>(&set)? {
            Values::One(one) => one != 0 && rows > 0,
            Values::Slice(slice) => slice.iter().any(|v| *v != 0),
        };
        if any {
            bail!(FunctionThrowIfValueIsNonZero, "{message}");
        }
        Ok(constant(0_u8, rows))
    }))
}

/// The longest wait for one block.
const LONGEST_SLEEP: f64 = 3.0;

fn bind_sleep(arguments: &[Argument], each_row: bool) -> Result<Bound> {
    let name = if each_row { "sleepEachRow" } else { "sleep" };
    let data_type = arguments[0].data_type.clone();
    if !is_native_number(&data_type) {
        return Err(illegal(&data_type, name));
    }
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let seconds = to_float(argument(columns, 0)?, &data_type)?;
        let Values::One(seconds) = values::<f64>(&seconds)? else {
            bail!(IllegalColumn, "The argument of function {name} must be constant");
        };
        if !(seconds >= 0.0 && seconds.is_finite()) {
            bail!(BadArguments, "Cannot sleep {seconds} seconds (not implemented)");
        }
        let whole = if each_row { seconds * rows as f64 } else { seconds };
        if rows > 0 && whole > 0.0 {
            if whole > LONGEST_SLEEP {
                bail!(
                    TooSlow,
                    "The maximum sleep time is {} microseconds. Requested: {} microseconds",
                    LONGEST_SLEEP * 1e6,
                    whole * 1e6
                );
            }
            std::thread::sleep(Duration::from_secs_f64(whole));
        }
        Ok(constant(0_u8, rows))
    }))
}

fn bind_schemas(context: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    let value = Value::Array(Arc::from([Value::from(context.database.as_str())]));
    let data_type = DataType::array(DataType::String);
    Ok(Bound::new(data_type.clone(), move |_, rows| Column::constant(&data_type, &value, rows)))
}

fn bind_server_uuid(context: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    // FNV-1a over the name, so that every worker answers the same.
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for byte in context.host.bytes() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
    }
    number(super::random::as_uuid(hash, 8), DataType::Uuid)
}

fn bind_uptime(_: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let start = *START.get_or_init(std::time::Instant::now);
    number(start.elapsed().as_secs() as u32, DataType::UInt32)
}

fn bind_setting(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let Some(name) = arguments[0].constant.as_ref().and_then(Value::as_str) else {
        bail!(IllegalColumn, "The argument of getSetting must be a constant string");
    };
    if let Some(found) = context.settings.get(name) {
        // Whole numbers are numbers, as most settings are.
        return match found.parse::<u64>() {
            Ok(n) if n <= 0xFF => number(n as u8, DataType::UInt8),
            Ok(n) if n <= 0xFFFF => number(n as u16, DataType::UInt16),
            Ok(n) if n <= 0xFFFF_FFFF => number(n as u32, DataType::UInt32),
            Ok(n) => number(n, DataType::UInt64),
            Err(_) => text(found.clone()),
        };
    }
    match arguments.get(1) {
        Some(default) => {
            Ok(Bound::new(
                default.data_type.clone(),
                |columns, _| Ok(argument(columns, 1)?.clone()),
            ))
        }
        None => Err(error!(UnknownSetting, "Unknown setting '{name}'")),
    }
}

/// The widest bar.
const WIDEST_BAR: f64 = 1000.0;

fn bind_bar(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    if let Some(bad) = types.iter().find(|t| !t.is_number()) {
        return Err(illegal(bad, "bar"));
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let all: Vec<Column> =
            columns.iter().zip(&types).map(|(c, t)| to_float(c, t)).collect::<Result<_>>()?;
        let all: Vec<Values<'_, f64>> = all.iter().map(values::<f64>).collect::<Result<_>>()?;
        let [x, low, high, width] = all.as_slice() else {
            bail!(LogicalError, "bar takes four arguments");
        };
        let mut out = arrow_array::builder::BinaryViewBuilder::with_capacity(rows);
        for row in 0..rows {
            let width = width.at(row);
            if !(1.0..=WIDEST_BAR).contains(&width) {
                bail!(ArgumentOutOfBound, "The width of bar must be from 1 to {WIDEST_BAR}");
            }
            out.append_value(drawn(x.at(row), low.at(row), high.at(row), width));
        }
        Ok(Column::Flat(Arc::new(out.finish())))
    }))
}

/// Whole blocks and one part of a block, in eighths.
fn drawn(x: f64, low: f64, high: f64, width: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if x.is_nan() || x <= low || high <= low {
        return String::new();
    }
    let length = ((x.min(high) - low) / (high - low) * width).clamp(0.0, width);
    let eighths = (length * 8.0) as usize;
    let mut out = "█".repeat(eighths / 8);
    out.push_str(PARTS[eighths % 8]);
    out
}
