//! The block that the cases are about; `tests/cases.tsv` was made of the same one.

use types::{DataType, Value};

pub(super) fn int(number: i128) -> Value {
    Value::Int(number)
}

fn optional(number: Option<i128>) -> Value {
    number.map_or(Value::Null, Value::Int)
}

fn ints(numbers: &[i128]) -> Value {
    Value::Array(numbers.iter().map(|n| int(*n)).collect())
}

fn texts(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|t| Value::from(*t)).collect())
}

/// The columns of the block that all cases are about.
pub(super) fn data() -> Vec<(&'static str, DataType, Vec<Value>)> {
    let u = [5, 3, 9, 3, 200, 0, 7];
    let f = [1.5, -2.25, 3.0, 0.5, 10.0, 4.0, 7.75];
    let n = [None, Some(3), Some(9), None, Some(100), Some(0), Some(7)];
    let a: [&[i128]; 7] = [&[1, 2], &[], &[3], &[4, 5, 6], &[1], &[0], &[7]];
    let k: [&[&str]; 7] = [&["x", "y"], &[], &["x"], &["z", "x", "w"], &["y"], &["q"], &["x"]];
    let z: [&[Option<i128>]; 7] = [
        &[Some(1), None],
        &[],
        &[None],
        &[Some(4), Some(5), Some(6)],
        &[Some(9)],
        &[None],
        &[Some(7)],
    ];
    let y = [None, Some("q"), Some("r"), None, Some(""), Some("q"), Some("s")];
    let pairs = k.iter().zip(a).map(|(k, a)| {
        let pairs = k.iter().zip(a).map(|(k, a)| Value::Tuple([Value::from(*k), int(*a)].into()));
        Value::Array(pairs.collect())
    });
    let both = k.iter().zip(a).map(|(k, a)| Value::Tuple([texts(k), ints(a)].into()));
    let columns: Vec<(&'static str, &'static str, Vec<Value>)> = vec![
        ("u", "UInt8", u.map(int).to_vec()),
        ("i", "Int32", [-5, 3, 9, -3, 100, 0, 7].map(int).to_vec()),
        ("w", "UInt64", [1, 2, 3, 1, 1, 4, 2].map(int).to_vec()),
        ("f", "Float64", f.map(Value::Float).to_vec()),
        ("e", "Float32", f.map(Value::Float).to_vec()),
        ("s", "String", ["b", "a", "c", "b", "", "d", "b"].map(Value::from).to_vec()),
        ("n", "Nullable(Int32)", n.map(optional).to_vec()),
        ("c", "UInt8", [1, 0, 1, 1, 0, 1, 1].map(int).to_vec()),
        (
            "m",
            "Nullable(UInt8)",
            [Some(1), None, Some(0), Some(1), Some(1), Some(0), None].map(optional).to_vec(),
        ),
        ("d", "Decimal(9, 2)", f.map(|f| int((f * 100.0) as i128)).to_vec()),
        ("t", "UInt32", [1, 2, 4, 5, 7, 8, 9].map(int).to_vec()),
        ("a", "Array(UInt8)", a.map(ints).to_vec()),
        ("k", "Array(String)", k.map(texts).to_vec()),
        (
            "z",
            "Array(Nullable(Int32))",
            z.map(|z| Value::Array(z.iter().map(|n| optional(*n)).collect())).to_vec(),
        ),
        ("y", "Nullable(String)", y.map(|y| y.map_or(Value::Null, Value::from)).to_vec()),
        ("p", "Map(String, UInt8)", pairs.collect()),
        ("tt", "Tuple(Array(String), Array(UInt8))", both.collect()),
        ("h", "UInt8", u.map(|u| int(u % 2)).to_vec()),
    ];
    columns
        .into_iter()
        .map(|(name, data_type, values)| (name, DataType::parse(data_type).unwrap(), values))
        .collect()
}
