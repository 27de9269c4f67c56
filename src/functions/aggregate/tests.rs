//! Every function over one small block: results against ClickHouse's (`tests/cases.tsv`: call, type,
//! result), and that splitting, merging, writing and reading states changes nothing.

use std::sync::Arc;

use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, proptest};
use types::{Column, DataType, Value, array_from_values, value_at};

mod data;
mod declared_types;

use data::{data, int};

/// Calls, types and results.
const CASES: &str = include_str!("tests/cases.tsv");

/// A call bound to columns of the data.
struct Call {
    bound: BoundAggregate,
    types: Vec<DataType>,
    values: Vec<Vec<Value>>,
}

fn literal(text: &str) -> Value {
    if let Some(inside) = text.strip_prefix('\'') {
        return Value::from(inside.trim_end_matches('\''));
    }
    match text.parse::<i128>() {
        Ok(number) => int(number),
        Err(_) => Value::Float(text.parse().unwrap()),
    }
}

/// Splits at commas that are not within quotes.
fn split(list: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for c in list.chars() {
        quoted ^= c == '\'';
        match c {
            ',' if !quoted => parts.push(String::new()),
            other => parts.last_mut().unwrap().push(other),
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

fn bind(registry: &Registry, call: &str) -> Call {
    let open = call.find('(').unwrap();
    let name = &call[..open];
    let inside = &call[open + 1..call.len() - 1];
    let (parameters, arguments) = match inside.rsplit_once(")(") {
        Some((parameters, arguments)) => (split(parameters), split(arguments)),
        None => (Vec::new(), split(inside)),
    };
    let data = data();
    let columns: Vec<_> = arguments
        .iter()
        .map(|argument| data.iter().find(|(name, ..)| name == argument).unwrap().clone())
        .collect();
    let types: Vec<DataType> = columns.iter().map(|column| column.1.clone()).collect();
    let parameters: Vec<Value> = parameters.iter().map(|p| literal(p)).collect();
    let bound = registry
        .bind_aggregate(
            &FunctionContext::default(),
            &AggregateArguments { name, types: &types, parameters: &parameters },
        )
        .unwrap_or_else(|error| panic!("{call}: {error}"));
    Call { bound, types, values: columns.into_iter().map(|column| column.2).collect() }
}

impl Call {
    /// The arguments of some rows of the data.
    fn columns(&self, rows: &[usize]) -> Vec<Column> {
        self.types
            .iter()
            .zip(&self.values)
            .map(|(data_type, values)| {
                let values: Vec<Value> = rows.iter().map(|row| values[*row].clone()).collect();
                Column::Flat(array_from_values(data_type, &values).unwrap())
            })
            .collect()
    }

    fn make(&self, groups: usize) -> Box<dyn Accumulator> {
        let mut accumulator = (self.bound.create)();
        accumulator.resize(groups);
        accumulator
    }

    fn results(&self, accumulator: &mut dyn Accumulator, groups: usize) -> Vec<Value> {
        let array = accumulator.finish(0..groups).unwrap();
        assert_eq!(array.data_type(), &self.bound.return_type.arrow_type());
        assert_eq!(array.len(), groups);
        (0..groups).map(|at| value_at(&array, &self.bound.return_type, at)).collect()
    }
}

/// A value as in TabSeparated.
fn text(data_type: &DataType, value: &Value, nested: bool) -> String {
    let list = |items: Vec<String>| items.join(",");
    match (data_type, value) {
        (_, Value::Null) if nested => "NULL".to_owned(),
        (_, Value::Null) => "\\N".to_owned(),
        (DataType::Nullable(inner), value) => text(inner, value, nested),
        (DataType::Decimal { scale, .. }, Value::Int(number)) => {
            format!("{}", *number as f64 / 10f64.powi(i32::from(*scale)))
        }
        (DataType::Float32, Value::Float(number)) => format!("{}", *number as f32).to_lowercase(),
        (_, Value::Float(number)) => format!("{number}").to_lowercase(),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Bytes(bytes)) => {
            let text = String::from_utf8_lossy(bytes);
            if nested { format!("'{text}'") } else { text.into_owned() }
        }
        (DataType::Map(pair), Value::Array(items)) => {
            let one = |item: &Value| match item {
                Value::Tuple(both) => {
                    format!("{}:{}", text(&pair.0, &both[0], true), text(&pair.1, &both[1], true))
                }
                _ => String::new(),
            };
            format!("{{{}}}", list(items.iter().map(one).collect()))
        }
        (DataType::Array(item), Value::Array(items)) => {
            format!("[{}]", list(items.iter().map(|i| text(item, i, true)).collect()))
        }
        (DataType::Tuple(fields), Value::Tuple(items)) => {
            let parts = fields.iter().zip(items.iter());
            format!("({})", list(parts.map(|(f, i)| text(&f.data_type, i, true)).collect()))
        }
        (_, other) => format!("{other}"),
    }
}

/// Whether texts are the same but for the last digits of numbers.
fn same(found: &str, expected: &str) -> bool {
    let parts = |text: &str| -> Vec<String> {
        text.split(|c| "[](),{}:".contains(c)).map(str::to_owned).collect()
    };
    let (found, expected) = (parts(found), parts(expected));
    found.len() == expected.len()
        && found.iter().zip(&expected).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => {
                a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * b.abs() + 1e-9
            }
            _ => a == b,
        })
}

fn all_cases() -> Vec<(&'static str, &'static str, &'static str)> {
    CASES
        .lines()
        .map(|line| {
            let mut parts = line.splitn(3, '\t');
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
        })
        .collect()
}

#[test]
fn results_are_those_of_clickhouse() {
    let registry = crate::registry();
    let all: Vec<usize> = (0..7).collect();
    let mut wrong = Vec::new();
    for (name, data_type, expected) in all_cases() {
        let call = bind(&registry, name);
        if call.bound.return_type.to_string() != data_type {
            wrong.push(format!("{name}: type {} not {data_type}", call.bound.return_type));
        }
        let columns = call.columns(&all);
        let mut grouped = call.make(1);
        grouped.update(&[0; 7], &columns).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut single = call.make(1);
        single.update_one(0, &columns, 7).unwrap();
        for accumulator in [&mut grouped, &mut single] {
            let found =
                text(&call.bound.return_type, &call.results(accumulator.as_mut(), 1)[0], false);
            if !same(&found, expected) {
                wrong.push(format!("{name}: {found} not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Functions whose result depends on the order in which rows or states come.
fn depends_on_order(call: &str) -> bool {
    [
        "any",
        "first",
        "last",
        "arg",
        "groupArray",
        "array_agg",
        "groupConcat",
        "string_agg",
        "groupUniqArray",
        "deltaSum",
        "max_by",
        "min_by",
        "sumKahan",
        "quantilesTDigestWeighted",
    ]
    .iter()
    .any(|prefix| call.starts_with(prefix))
}

/// Rows with groups, and where to split them.
fn rows() -> impl Strategy<Value = (Vec<(usize, u32)>, usize, usize)> {
    prop::collection::vec((0usize..7, 0u32..4), 0..40).prop_flat_map(|rows| {
        let length = rows.len();
        (Just(rows), 0..=length, 0..=length)
    })
}

const GROUPS: usize = 4;

fn fill(call: &Call, rows: &[(usize, u32)]) -> Box<dyn Accumulator> {
    let mut accumulator = call.make(GROUPS);
    let numbers: Vec<usize> = rows.iter().map(|row| row.0).collect();
    let groups: Vec<u32> = rows.iter().map(|row| row.1).collect();
    accumulator.update(&groups, &call.columns(&numbers)).unwrap();
    accumulator
}

fn texts_of(call: &Call, accumulator: &mut dyn Accumulator) -> Vec<String> {
    let results = call.results(accumulator, GROUPS);
    results.iter().map(|value| text(&call.bound.return_type, value, false)).collect()
}

fn assert_same(name: &str, what: &str, found: &[String], expected: &[String]) {
    let all = found.iter().zip(expected).all(|(a, b)| same(a, b));
    assert!(all, "{name}: {what}: {found:?} not {expected:?}");
}

/// Reads all groups of an accumulator into another, through bytes.
fn through_bytes(from: &dyn Accumulator, into: &mut dyn Accumulator, groups: &[u32; GROUPS]) {
    for (at, group) in groups.iter().enumerate() {
        let mut bytes = Vec::new();
        from.serialize(at, &mut bytes).unwrap();
        bytes.push(77);
        let mut rest = bytes.as_slice();
        into.deserialize(*group, &mut rest).unwrap();
        assert_eq!(rest, [77], "a state is not self-delimiting");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Merging parts, in memory or through bytes, is the same as one pass.
    #[test]
    fn splits_and_merges_change_nothing((rows, a, b) in rows()) {
        let registry = crate::registry();
        let (a, b) = (a.min(b), a.max(b));
        let same_groups = [0, 1, 2, 3];
        for (name, ..) in all_cases() {
            // A vote without a majority goes as the parts do, and so do times out of order.
            if name.starts_with("anyHeavy") || name.starts_with("deltaSumTimestamp") {
                continue;
            }
            let call = bind(&registry, name);
            let whole = texts_of(&call, fill(&call, &rows).as_mut());
            let parts = [&rows[..a], &rows[a..b], &rows[b..]];

            // (a + b) + c, then a + (b + c).
            let mut left = fill(&call, parts[0]);
            left.merge(&same_groups, fill(&call, parts[1]).as_ref()).unwrap();
            left.merge(&same_groups, fill(&call, parts[2]).as_ref()).unwrap();
            assert_same(name, "left", &texts_of(&call, left.as_mut()), &whole);
            let mut right = fill(&call, parts[1]);
            right.merge(&same_groups, fill(&call, parts[2]).as_ref()).unwrap();
            let mut first = fill(&call, parts[0]);
            first.merge(&same_groups, right.as_ref()).unwrap();
            assert_same(name, "right", &texts_of(&call, first.as_mut()), &whole);

            let mut read = call.make(GROUPS);
            for part in parts {
                through_bytes(fill(&call, part).as_ref(), read.as_mut(), &same_groups);
            }
            assert_same(name, "bytes", &texts_of(&call, read.as_mut()), &whole);

            if !depends_on_order(name) {
                let mut reversed = fill(&call, parts[2]);
                reversed.merge(&same_groups, fill(&call, parts[1]).as_ref()).unwrap();
                reversed.merge(&same_groups, fill(&call, parts[0]).as_ref()).unwrap();
                assert_same(name, "reversed", &texts_of(&call, reversed.as_mut()), &whole);
            }
        }
    }

    /// Groups of another accumulator may become others, and several one.
    #[test]
    fn groups_are_mapped((rows, ..) in rows()) {
        let registry = crate::registry();
        for (name, ..) in all_cases() {
            if depends_on_order(name) {
                continue;
            }
            let call = bind(&registry, name);
            let moved: Vec<(usize, u32)> =
                rows.iter().map(|(row, group)| (*row, [2, 0, 2, 3][*group as usize])).collect();
            let whole = texts_of(&call, fill(&call, &moved).as_mut());
            let mut merged = call.make(GROUPS);
            merged.merge(&[2, 0, 2, 3], fill(&call, &rows).as_ref()).unwrap();
            assert_same(name, "merge", &texts_of(&call, merged.as_mut()), &whole);
            let mut read = call.make(GROUPS);
            through_bytes(fill(&call, &rows).as_ref(), read.as_mut(), &[2, 0, 2, 3]);
            assert_same(name, "bytes", &texts_of(&call, read.as_mut()), &whole);
        }
    }

    /// Damaged states are errors or other states, never a panic.
    #[test]
    fn damaged_states_are_survived((rows, ..) in rows(), at in any::<u16>(), byte in any::<u8>()) {
        let registry = crate::registry();
        for (name, ..) in all_cases() {
            let call = bind(&registry, name);
            let mut bytes = Vec::new();
            fill(&call, &rows).serialize(0, &mut bytes).unwrap();
            let mut cut = &bytes[..bytes.len() - 1];
            assert!(call.make(1).deserialize(0, &mut cut).is_err(), "{name}: a cut state is read");
            let place = usize::from(at) % bytes.len();
            bytes[place] = byte;
            let mut damaged = call.make(1);
            if damaged.deserialize(0, &mut bytes.as_slice()).is_ok() {
                let _ = damaged.finish(0..1);
            }
        }
    }
}

#[test]
fn constants_are_like_flat_columns() {
    let registry = crate::registry();
    for (name, ..) in all_cases() {
        let call = bind(&registry, name);
        for row in 0..7 {
            let flat = call.columns(&[row; 5]);
            let constant: Vec<Column> = call
                .columns(&[row])
                .into_iter()
                .map(|column| Column::Constant { value: column.to_flat().unwrap(), len: 5 })
                .collect();
            let mut expected = call.make(1);
            expected.update(&[0; 5], &flat).unwrap();
            let expected = call.results(expected.as_mut(), 1);
            let mut one = call.make(1);
            one.update_one(0, &constant, 5).unwrap();
            let mut grouped = call.make(1);
            grouped.update(&[0; 5], &constant).unwrap();
            for accumulator in [&mut one, &mut grouped] {
                let found = call.results(accumulator.as_mut(), 1);
                let text = |values: &[Value]| text(&call.bound.return_type, &values[0], false);
                assert!(same(&text(&found), &text(&expected)), "{name}: {found:?} {expected:?}");
            }
        }
    }
}

#[test]
fn all_functions_are_documented_and_tried() {
    let registry = crate::registry();
    let mut missing = Vec::new();
    for (name, declaration) in registry.aggregates() {
        assert!(!declaration.examples.is_empty(), "{name} has no example");
        assert!(declaration.description.ends_with('.'), "{name}: no whole sentence");
        let tried = CASES.lines().any(|line| {
            line.split('(').next().is_some_and(|call| call.starts_with(declaration.name))
                || declaration.aliases.iter().any(|alias| line.starts_with(&format!("{alias}(")))
        });
        if !tried && name == declaration.name {
            missing.push(name);
        }
    }
    // Their arguments are states, or they are like others that are tried.
    let known = |name: &&str| !name.starts_with("groupBitmap") && !name.starts_with("argAnd");
    missing.retain(known);
    assert!(missing.len() <= 45, "not tried: {missing:?}");
}

#[test]
fn a_majority_survives_merges() {
    let call = bind(&crate::registry(), "anyHeavy(s)");
    // Rows 0, 3 and 6 hold 'b'.
    let rows = [(1, 0), (0, 0), (3, 0), (2, 0), (6, 0), (0, 0), (4, 0), (3, 0), (6, 0)];
    for cut in 0..=rows.len() {
        let mut left = fill(&call, &rows[..cut]);
        left.merge(&[0, 1, 2, 3], fill(&call, &rows[cut..]).as_ref()).unwrap();
        assert_eq!(texts_of(&call, left.as_mut())[0], "b");
    }
}

#[test]
fn states_are_values() {
    let registry = crate::registry();
    for (name, ..) in all_cases() {
        if name.starts_with("anyHeavy") {
            continue;
        }
        let call = bind(&registry, name);
        let function = name.split('(').next().unwrap();
        let parameters: Vec<Value> = match name[function.len() + 1..].rsplit_once(")(") {
            Some((parameters, _)) => split(parameters).iter().map(|p| literal(p)).collect(),
            None => Vec::new(),
        };
        let context = FunctionContext::default();
        let state = AggregateArguments {
            name: &format!("{function}State"),
            types: &call.types,
            parameters: &parameters,
        };
        let state = registry.bind_aggregate(&context, &state).unwrap();
        let merge = AggregateArguments {
            name: &format!("{function}Merge"),
            types: std::slice::from_ref(&state.return_type),
            parameters: &parameters,
        };
        let merge = registry.bind_aggregate(&context, &merge).unwrap();
        assert_eq!(merge.return_type, call.bound.return_type, "{name}");
        let rows: Vec<(usize, u32)> = (0..7).map(|row| (row, row as u32 % 4)).collect();
        let mut whole = fill(&call, &rows);
        let mut states = (state.create)();
        states.resize(GROUPS);
        let groups: Vec<u32> = rows.iter().map(|row| row.1).collect();
        states.update(&groups, &call.columns(&[0, 1, 2, 3, 4, 5, 6])).unwrap();
        let column = Column::Flat(states.finish(0..GROUPS).unwrap());
        let mut merged = (merge.create)();
        merged.resize(GROUPS);
        merged.update(&[0, 1, 2, 3], &[column]).unwrap();
        let found = texts_of(&call, merged.as_mut());
        assert_same(name, "states", &found, &texts_of(&call, whole.as_mut()));
    }
}

#[test]
fn many_groups_and_large_sets() {
    let registry = crate::registry();
    let context = FunctionContext::default();
    let numbers = |count: u64| -> Column {
        Column::Flat(Arc::new(arrow_array::UInt64Array::from_iter_values(
            (0..count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        )))
    };
    for (name, error) in
        [("uniqExact", 0.0), ("uniq", 0.02), ("uniqHLL12", 0.08), ("uniqCombined", 0.02)]
    {
        let call = AggregateArguments { name, types: &[DataType::UInt64], parameters: &[] };
        let bound = registry.bind_aggregate(&context, &call).unwrap();
        let mut accumulator = (bound.create)();
        accumulator.resize(2);
        accumulator.update_one(0, &[numbers(300_000)], 300_000).unwrap();
        accumulator.update_one(1, &[numbers(200_000)], 200_000).unwrap();
        let mut other = (bound.create)();
        other.resize(1);
        let mut bytes = Vec::new();
        accumulator.serialize(0, &mut bytes).unwrap();
        other.deserialize(0, &mut bytes.as_slice()).unwrap();
        accumulator.merge(&[1], other.as_ref()).unwrap();
        let found = accumulator.finish(0..2).unwrap();
        for at in 0..2 {
            let count = value_at(&found, &DataType::UInt64, at).as_float().unwrap();
            assert!((count - 300_000.0).abs() <= error * 300_000.0, "{name}: {count}");
        }
        // A million groups of one value each.
        let mut many = (bound.create)();
        many.resize(1_000_000);
        let groups: Vec<u32> = (0..1_000_000).collect();
        many.update(&groups, &[numbers(1_000_000)]).unwrap();
        assert!(many.memory() < 64 << 20, "{name}: {} bytes", many.memory());
        assert_eq!(value_at(&many.finish(9..10).unwrap(), &DataType::UInt64, 0), int(1));
    }
}
