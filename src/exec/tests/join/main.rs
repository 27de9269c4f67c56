//! Joins of random rows against nested loops: all kinds, both sides built, keys of many types, with and without
//! another condition, in memory and spilled.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::sync::Arc;

use base::{CancelToken, MemoryBudget};
use expr::{Expr, FunctionContext};
use granary_exec::{ExecContext, ExecSettings, Scheduler, Spill, collect};
use plan::{Join, JoinKind, JoinStrictness, Plan};
use proptest::prelude::{Just, Strategy, any};
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};
use types::{Block, Column, DataType, Field, Schema, Value, array_from_values};

/// Rows of one input: a number for every key column (none for NULL); the row's place is its payload.
type Input = Vec<Vec<Option<u32>>>;

/// One case.
#[derive(Debug, Clone)]
struct Case {
    left: Input,
    right: Input,
    keys: &'static [&'static str],
    kind: JoinKind,
    strictness: JoinStrictness,
    build_left: bool,
    condition: bool,
    block_rows: usize,
}

/// Sets of key columns.
const KEYS: &[&[&str]] = &[
    &["UInt8"],
    &["Nullable(Int32)"],
    &["Int64"],
    &["UInt64"],
    &["String"],
    &["Nullable(String)"],
    &["Decimal(15, 2)"],
    &["Date"],
    &["Float64"],
    &["FixedString(6)"],
    &["Int64", "Int16"],
    &["UInt64", "Nullable(UInt64)"],
    &["UInt64", "UInt64", "UInt64"],
    &["Nullable(Int8)", "String"],
];

/// A value of a type that stands for a number; different ones for different numbers up to 200.
fn value(data_type: &DataType, number: Option<u32>) -> Value {
    let Some(number) = number else {
        return if data_type.is_nullable() { Value::Null } else { data_type.default_value() };
    };
    let number = i128::from(number);
    match data_type.inner() {
        DataType::String => Value::from(format!("key {number}").as_str()),
        DataType::FixedString(_) => Value::from(format!("{number:06}").as_str()),
        DataType::Float64 => Value::Float(number as f64 / 8.0),
        // Far apart, so that neither a range nor few bits can hold them.
        DataType::UInt64 => {
            Value::Int(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) & i128::from(u64::MAX))
        }
        DataType::Int64 => Value::Int((number - 100) * 3),
        DataType::Int16 => Value::Int(number - 50),
        DataType::Int8 => Value::Int(number / 2 - 50),
        _ => Value::Int(number),
    }
}

/// The types of an input's columns: keys, then the payload.
fn types(case: &Case) -> Vec<DataType> {
    let mut types: Vec<DataType> =
        case.keys.iter().map(|text| DataType::parse(text).unwrap()).collect();
    types.push(DataType::UInt32);
    types
}

fn rows(input: &Input, types: &[DataType]) -> Vec<Vec<Value>> {
    let row = |(at, keys): (usize, &Vec<Option<u32>>)| {
        let mut row: Vec<Value> =
            types[..types.len() - 1].iter().zip(keys).map(|(t, n)| value(t, *n)).collect();
        row.push(Value::Int(at as i128));
        row
    };
    input.iter().enumerate().map(row).collect()
}

fn plan(rows: &[Vec<Value>], types: &[DataType], block_rows: usize) -> Plan {
    let field = |(at, t): (usize, &DataType)| Field::new(format!("c{at}"), t.clone());
    let schema = Schema::new(types.iter().enumerate().map(field).collect());
    let block = |rows: &[Vec<Value>]| {
        let column = |(at, t): (usize, &DataType)| {
            let values: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
            Column::Flat(array_from_values(t, &values).unwrap())
        };
        Block::new(types.iter().enumerate().map(column).collect(), rows.len())
    };
    Plan::Values { schema, blocks: rows.chunks(block_rows).map(block).collect() }
}

fn context(folder: &tempfile::TempDir, settings: ExecSettings) -> Arc<ExecContext> {
    Arc::new(ExecContext {
        registry: Arc::new(functions::registry()),
        functions: FunctionContext::default(),
        scheduler: Arc::new(Scheduler::new(2).unwrap()),
        cancel: CancelToken::new(),
        budget: MemoryBudget::unlimited(),
        counters: Arc::default(),
        settings,
        caches: Arc::new(granary_exec::Caches::new(
            granary_exec::CacheSizes { filters: 1 << 20, partials: 1 << 20 },
            &MemoryBudget::unlimited(),
        )),
        asked: parking_lot::Mutex::default(),
        spill: Spill::new(folder.path().join("spill"), 1 << 30),
    })
}

/// The pairs that a nested loop finds.
fn pairs(case: &Case, left: &[Vec<Value>], right: &[Vec<Value>]) -> Vec<(usize, usize)> {
    let width = case.keys.len();
    let mut found = Vec::new();
    for (l, a) in left.iter().enumerate() {
        for (r, b) in right.iter().enumerate() {
            let equal = (0..width).all(|at| a[at] == b[at] && a[at] != Value::Null);
            if equal && (!case.condition || l < r) {
                found.push((l, r));
            }
        }
    }
    if case.strictness == JoinStrictness::Asof {
        // The numbers of rows are the times, and the nearest behind is sought.
        found.dedup_by_key(|(l, _)| *l);
    }
    found
}

/// The rows of a join as text, sorted; an empty text stands for a missing side.
fn expected(case: &Case, left: &[Vec<Value>], right: &[Vec<Value>]) -> Vec<String> {
    let types = types(case);
    let found = pairs(case, left, right);
    let text = |row: &[Value]| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let missing: Vec<Value> = types.iter().map(DataType::default_value).collect();
    let row = |l: Option<usize>, r: Option<usize>| {
        let (l, r) = (l.map_or(&missing, |l| &left[l]), r.map_or(&missing, |r| &right[r]));
        format!("{} | {}", text(l), text(r))
    };
    let lone_left = (0..left.len()).filter(|l| found.iter().all(|(a, _)| a != l));
    let lone_right = (0..right.len()).filter(|r| found.iter().all(|(_, b)| b != r));
    let mut out: Vec<String> = Vec::new();
    match (case.strictness, case.kind) {
        (JoinStrictness::Anti, JoinKind::Right) => {
            out.extend(lone_right.map(|r| row(None, Some(r))));
        }
        (JoinStrictness::Anti, _) => out.extend(lone_left.map(|l| row(Some(l), None))),
        (_, kind) => {
            out.extend(found.iter().map(|(l, r)| row(Some(*l), Some(*r))));
            if matches!(kind, JoinKind::Left | JoinKind::Full) {
                out.extend(lone_left.map(|l| row(Some(l), None)));
            }
            if matches!(kind, JoinKind::Right | JoinKind::Full) {
                out.extend(lone_right.map(|r| row(None, Some(r))));
            }
        }
    }
    out.sort();
    out
}

fn joined(case: &Case, left: Plan, right: Plan) -> Plan {
    let types = types(case);
    let width = types.len();
    let field = |(at, t): (usize, &DataType)| Field::new(format!("j{at}"), t.clone());
    let schema = Schema::new(types.iter().chain(&types).enumerate().map(field).collect());
    let keys = (0..case.keys.len())
        .map(|at| (Expr::column(at, types[at].clone()), Expr::column(at, types[at].clone())))
        .collect();
    let payload = |at: usize| Expr::column(at, DataType::UInt32);
    let condition = case.condition.then(|| Expr::Call {
        function: "less".to_owned(),
        arguments: vec![payload(width - 1), payload(2 * width - 1)],
        data_type: DataType::UInt8,
    });
    Plan::Join(Join {
        left: Box::new(left),
        right: Box::new(right),
        kind: case.kind,
        strictness: case.strictness,
        keys,
        condition,
        schema,
        build_left: case.build_left,
        needed: None,
    })
}

fn check(case: &Case, settings: ExecSettings) -> TestCaseResult {
    let folder = tempfile::tempdir().unwrap();
    let types = types(case);
    let (left, right) = (rows(&case.left, &types), rows(&case.right, &types));
    let joined =
        joined(case, plan(&left, &types, case.block_rows), plan(&right, &types, case.block_rows));
    let blocks = collect(joined, &context(&folder, settings)).unwrap();
    let width = types.len();
    let mut out = Vec::new();
    let mut payloads = Vec::new();
    for block in blocks {
        for row in 0..block.rows() {
            let value = |at: usize| block.column(at).value(&types[at % width], row).unwrap();
            let side = |from: usize| {
                (from..from + width).map(|at| value(at).to_string()).collect::<Vec<_>>().join(" ")
            };
            out.push(format!("{} | {}", side(0), side(width)));
            payloads.push((value(width - 1).as_int(), value(2 * width - 1).as_int()));
        }
    }
    out.sort();
    match case.strictness {
        JoinStrictness::All | JoinStrictness::Anti | JoinStrictness::Asof => {
            prop_assert_eq!(out, expected(case, &left, &right));
        }
        JoinStrictness::Semi | JoinStrictness::Any => {
            // Which of several matches comes out is open.
            let all = expected(case, &left, &right);
            prop_assert!(out.iter().all(|row| all.binary_search(row).is_ok()), "{out:?}");
            let found = pairs(case, &left, &right);
            let by_right = case.kind == JoinKind::Right;
            let mut rows: Vec<usize> =
                found.iter().map(|(l, r)| if by_right { *r } else { *l }).collect();
            rows.dedup();
            rows.sort_unstable();
            rows.dedup();
            let kept = if by_right { right.len() } else { left.len() };
            let count = match (case.strictness, case.kind) {
                (JoinStrictness::Semi, _) => rows.len(),
                (_, JoinKind::Inner) => {
                    let key = |l: &usize| left[*l][..case.keys.len()].to_vec();
                    let mut keys: Vec<Vec<Value>> = Vec::new();
                    for key in rows.iter().map(key) {
                        if !keys.contains(&key) {
                            keys.push(key);
                        }
                    }
                    keys.len()
                }
                _ => kept,
            };
            prop_assert_eq!(out.len(), count);
        }
    }
    Ok(())
}

fn input(width: usize) -> impl Strategy<Value = Input> {
    let number = |most: u32| prop_oneof![9 => (0..most).prop_map(Some), 1 => Just(None)];
    let row = move |most: u32| proptest::collection::vec(number(most), width);
    prop_oneof![
        proptest::collection::vec(row(5), 0..30),
        proptest::collection::vec(row(200), 0..120),
        proptest::collection::vec(row(2), 0..90),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    use JoinKind::{Full, Inner, Left, Right};
    use JoinStrictness::{All, Anti, Any, Asof, Semi};
    let kinds = proptest::sample::select(&[
        (Inner, All),
        (Left, All),
        (Right, All),
        (Full, All),
        (Left, Semi),
        (Right, Semi),
        (Left, Anti),
        (Right, Anti),
        (Inner, Any),
        (Left, Any),
        (Right, Any),
        (Inner, Asof),
        (Left, Asof),
    ]);
    let keys = proptest::sample::select(KEYS);
    let of_keys = keys.prop_flat_map(|keys| (Just(keys), input(keys.len()), input(keys.len())));
    let flags = (any::<bool>(), any::<bool>(), proptest::sample::select(&[1usize, 7, 1000]));
    (of_keys, kinds, flags).prop_map(|((keys, left, right), (kind, strictness), flags)| {
        let (build_left, condition, block_rows) = flags;
        // ClickHouse, too, counts the keys of ANY INNER without another condition only.
        let condition = (condition || strictness == Asof) && (kind, strictness) != (Inner, Any);
        Case { left, right, keys, kind, strictness, build_left, condition, block_rows }
    })
}

proptest! {
    #[test]
    fn joins_find_what_nested_loops_find(case in cases()) {
        check(&case, ExecSettings::default())?;
        check(&case, ExecSettings { spill_join: 0, ..ExecSettings::default() })?;
    }
}
