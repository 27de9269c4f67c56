//! What zone maps tell of columns, and their bytes.

use std::sync::Arc;

use arrow_array::ArrayRef;
use types::{DataType, Value, array_from_values};

use super::{Extremes, Prefix16, ZoneMap};
use crate::wire::Reader;

fn zone(data_type: &str, values: &[Value]) -> ZoneMap {
    let data_type = DataType::parse(data_type).unwrap();
    let array: ArrayRef = array_from_values(&data_type, values).unwrap();
    let zone = ZoneMap::of_array(&array, &data_type);
    let mut bytes = Vec::new();
    zone.put(&mut bytes);
    let back = ZoneMap::read(&mut Reader::new(&bytes), zone.rows).unwrap();
    assert_eq!(back, zone);
    zone
}

#[test]
fn integers_are_exact_at_the_edges_of_their_types() {
    let max = i128::from(u64::MAX);
    let wide = zone("UInt64", &[Value::Int(max), Value::Int(max), Value::Int(0)]);
    assert_eq!(wide.extremes, Extremes::Int { min: 0, max });
    assert_eq!((wide.sum, wide.defaults), (Some(2 * max), 1));
    let low = i128::from(i64::MIN);
    let signed = zone("Int64", &[Value::Int(low), Value::Int(low), Value::Int(-1)]);
    assert_eq!(signed.sum, Some(2 * low - 1));
    let null = zone("Nullable(Int32)", &[Value::Null, Value::Int(7), Value::Int(0)]);
    assert_eq!((null.nulls, null.defaults, null.sum), (1, 1, Some(7)));
    assert_eq!(null.extremes, Extremes::Int { min: 0, max: 7 });
}

#[test]
fn merging_zones_is_the_zone_of_all_rows() {
    let cases: [(&str, Vec<Value>); 4] = [
        ("Int16", [5, -3, 0, 9].map(Value::Int).to_vec()),
        ("String", ["", "b", "", "a"].map(Value::from).to_vec()),
        ("String", ["", "", "x", "a much longer text"].map(Value::from).to_vec()),
        ("Nullable(Int64)", vec![Value::Null, Value::Null, Value::Int(4), Value::Null]),
    ];
    for (data_type, values) in cases {
        let mut merged = ZoneMap::empty();
        values.chunks(2).for_each(|part| merged.merge(&zone(data_type, part)));
        assert_eq!(merged, zone(data_type, &values), "{data_type}");
    }
}

#[test]
fn unknown_extremes_stay_unknown() {
    let known = zone("UUID", &[Value::Int(5)]);
    let beyond = zone("UUID", &[Value::Int(-1)]);
    assert_eq!(beyond.extremes, Extremes::None);
    let mut merged = known.clone();
    merged.merge(&beyond);
    assert_eq!(merged.extremes, Extremes::None);
    let mut merged = beyond;
    merged.merge(&known);
    assert_eq!(merged.extremes, Extremes::None);
}

#[test]
fn codes_know_the_first_filled_one() {
    let zone = ZoneMap::of_codes(&[0, 3, 5, 0], None, true);
    assert_eq!(zone.extremes, Extremes::Codes { min: 0, max: 5 });
    assert_eq!((zone.defaults, zone.min_filled_code), (2, Some(3)));
    let empty = ZoneMap::of_codes(&[0, 0], None, true);
    assert_eq!((empty.defaults, empty.min_filled_code), (2, None));
    assert!(Prefix16::of(b"ab") < Prefix16::of(b"b"));
    let _: Arc<ZoneMap> = Arc::new(zone);
}
