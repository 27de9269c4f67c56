//! Functions of bitmaps: states of `groupBitmap` as sets of integers.
//!
//! A bitmap holds the bits of its integers; of signed types those without the sign's extension.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt64Type};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use roaring::RoaringTreemap;
use types::{Column, DataType};

use super::bits::{bitmap_bytes, bitmap_of};
use super::kind::{integers, wrong_layout};
use crate::collection::{item_type, list_of, lists_of};
use crate::text::declare;
use crate::text::strings::{illegal, numbers};

/// The most integers that bitmaps are unpacked to in a block.
const MOST_ITEMS: u64 = 1 << 28;

macro_rules! combined {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $f:expr) => {
        declare!("Bitmap", $name, "bitmap...(a, b)", $what, $sql => $answer, (2, 2), |_, a| combined($name, a, $f))
    };
}

macro_rules! counted {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $f:expr) => {
        declare!("Bitmap", $name, "bitmap...Cardinality(a, b)", $what, $sql => $answer, (2, 2), |_, a| of_two($name, a, DataType::UInt64, |a, b| numbers::<UInt64Type>(each(a, b, $f))))
    };
}

macro_rules! tested {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $f:expr) => {
        declare!("Bitmap", $name, "bitmap...(a, b)", $what, $sql => $answer, (2, 2), |_, a| of_two($name, a, DataType::UInt8, |a, b| numbers::<UInt8Type>(each(a, b, |a, b| u8::from($f(a, b))))))
    };
}

macro_rules! number {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $f:expr) => {
        declare!("Bitmap", $name, "bitmap...(bitmap)", $what, $sql => $answer, (1, 1), |_, a| number($name, a, $f))
    };
}

macro_rules! part {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $f:expr) => {
        declare!("Bitmap", $name, "bitmap, start, end or count", $what, $sql => $answer, (3, 3), |_, a| part($name, a, $f))
    };
}

pub(crate) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Bitmap", "bitmapBuild", "bitmapBuild(array)", "The bitmap of the integers of an array.",
        "SELECT bitmapToArray(bitmapBuild([3, 1, 3]))" => "[1,3]", (1, 1), |_, a| build(a)),
    declare!("Bitmap", "bitmapToArray", "bitmapToArray(bitmap)", "The integers of a bitmap in their order.",
        "SELECT bitmapToArray(bitmapBuild([2, 1]))" => "[1,2]", (1, 1), |_, a| to_array(a)),
    combined!("bitmapAnd", "The integers that are in both bitmaps.",
        "SELECT bitmapToArray(bitmapAnd(bitmapBuild([1, 2]), bitmapBuild([2, 3])))" => "[2]", |a, b| a & b),
    combined!("bitmapOr", "The integers that are in any of two bitmaps.",
        "SELECT bitmapToArray(bitmapOr(bitmapBuild([1, 2]), bitmapBuild([2, 3])))" => "[1,2,3]", |a, b| a | b),
    combined!("bitmapXor", "The integers that are in one of two bitmaps and not in the other.",
        "SELECT bitmapToArray(bitmapXor(bitmapBuild([1, 2]), bitmapBuild([2, 3])))" => "[1,3]", |a, b| a ^ b),
    combined!("bitmapAndnot", "The integers that are in the first bitmap and not in the second.",
        "SELECT bitmapToArray(bitmapAndnot(bitmapBuild([1, 2]), bitmapBuild([2, 3])))" => "[1]", |a, b| a - b),
    counted!("bitmapAndCardinality", "How many integers are in both bitmaps.",
        "SELECT bitmapAndCardinality(bitmapBuild([1, 2]), bitmapBuild([2, 3]))" => "1", |a, b| a.intersection_len(b)),
    counted!("bitmapOrCardinality", "How many integers are in any of two bitmaps.",
        "SELECT bitmapOrCardinality(bitmapBuild([1, 2]), bitmapBuild([2, 3]))" => "3", |a, b| a.union_len(b)),
    counted!("bitmapXorCardinality", "How many integers are in one of two bitmaps and not in the other.",
        "SELECT bitmapXorCardinality(bitmapBuild([1, 2]), bitmapBuild([2, 3]))" => "2", |a, b| a.symmetric_difference_len(b)),
    counted!("bitmapAndnotCardinality", "How many integers are in the first bitmap and not in the second.",
        "SELECT bitmapAndnotCardinality(bitmapBuild([1, 2]), bitmapBuild([2, 3]))" => "1", |a, b| a.difference_len(b)),
    tested!("bitmapHasAll", "Whether the first bitmap has all integers of the second.",
        "SELECT bitmapHasAll(bitmapBuild([1, 2]), bitmapBuild([2]))" => "1", |a: &RoaringTreemap, b: &RoaringTreemap| a.is_superset(b)),
    tested!("bitmapHasAny", "Whether two bitmaps have an integer in common.",
        "SELECT bitmapHasAny(bitmapBuild([1, 2]), bitmapBuild([2, 3]))" => "1", |a: &RoaringTreemap, b: &RoaringTreemap| !a.is_disjoint(b)),
    number!("bitmapCardinality", "How many integers a bitmap has.",
        "SELECT bitmapCardinality(bitmapBuild([1, 2, 2]))" => "2", |b, _| b.len()),
    number!("bitmapMin", "The least integer of a bitmap; the greatest of its type if it is empty.",
        "SELECT bitmapMin(bitmapBuild([3, 2]))" => "2", |b, limit| b.min().unwrap_or(limit)),
    number!("bitmapMax", "The greatest integer of a bitmap; 0 if it is empty.",
        "SELECT bitmapMax(bitmapBuild([3, 2]))" => "3", |b, _| b.max().unwrap_or(0)),
    declare!("Bitmap", "bitmapContains", "bitmapContains(bitmap, number)", "Whether an integer is in a bitmap.",
        "SELECT bitmapContains(bitmapBuild([1, 5]), 5)" => "1", (2, 2), |_, a| contains(a)),
    part!("bitmapSubsetInRange", "The integers of a bitmap from start up to before end.",
        "SELECT bitmapToArray(bitmapSubsetInRange(bitmapBuild([1, 2, 3, 4]), 2, 4))" => "[2,3]",
        |b, from, to| if from < to { between(b, from, to - 1, u64::MAX) } else { RoaringTreemap::new() }),
    part!("bitmapSubsetLimit", "The first so many integers of a bitmap from start on.",
        "SELECT bitmapToArray(bitmapSubsetLimit(bitmapBuild([1, 2, 3, 4]), 2, 2))" => "[2,3]",
        |b, from, limit| between(b, from, u64::MAX, limit)),
    part!("subBitmap", "So many integers of a bitmap from a place on, counted from 0.",
    "SELECT bitmapToArray(subBitmap(bitmapBuild([1, 2, 3, 4]), 1, 2))" => "[2,3]",
    |b, offset, limit| match b.select(offset) {
        Some(first) => between(b, first, u64::MAX, limit),
        None => RoaringTreemap::new(),
    }),
    declare!("Bitmap", "bitmapTransform", "bitmapTransform(bitmap, from, to)", "A bitmap with integers replaced: each of an array by that at its place in another.",
        "SELECT bitmapToArray(bitmapTransform(bitmapBuild([1, 2, 3]), [1, 2], [10, 20]))" => "[3,10,20]", (3, 3), |_, a| transform(a)),
];

/// The integers of a bitmap between two, at most so many.
fn between(bitmap: &RoaringTreemap, from: u64, to: u64, most: u64) -> RoaringTreemap {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut values = bitmap.iter();
    values.advance_to(from);
    values.take_while(|value| *value <= to).take(most).collect()
}

/// The type of a bitmap's integers.
fn integers_of(function: &str, argument: &Argument) -> Result<DataType> {
    match &argument.data_type {
        DataType::AggregateFunction(about) if about.0 == "groupBitmap" => match about.2.first() {
            Some(of) => Ok(of.inner().clone()),
            None => Err(illegal(function, argument)),
        },
        _ => Err(illegal(function, argument)),
    }
}

/// The type of bitmaps of integers.
fn bitmap_type(of: DataType) -> DataType {
    DataType::AggregateFunction(Arc::new(("groupBitmap".to_owned(), Vec::new(), vec![of])))
}

/// The bits of an integer of a type, without those of its sign.
fn mask(data_type: &DataType) -> u64 {
    match data_type.bits() {
        Some(bits @ 1..=63) => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

/// Bitmaps of a column.
struct Bitmaps(ArrayRef);

impl Bitmaps {
    fn new(columns: &[Column], at: usize) -> Result<Bitmaps> {
        Ok(Bitmaps(columns.get(at).ok_or_else(wrong_layout)?.to_flat()?))
    }

    fn get(&self, row: usize) -> Result<RoaringTreemap> {
        let bytes = self.0.as_binary_view_opt().ok_or_else(wrong_layout)?;
        bitmap_of(bytes.value(row))
    }
}

/// A column of bitmaps.
fn bitmaps(rows: usize, bitmap: impl Fn(usize) -> Result<RoaringTreemap>) -> Result<Column> {
    let mut out = BinaryViewBuilder::with_capacity(rows);
    for row in 0..rows {
        out.append_value(bitmap_bytes(&bitmap(row)?));
    }
    Ok(Column::Flat(Arc::new(out.finish())))
}

fn build(arguments: &[Argument]) -> Result<Bound> {
    let item = item_type("bitmapBuild", arguments, 0)?;
    if !item.is_integer() || item.bits() > Some(64) {
        return Err(illegal("bitmapBuild", &arguments[0]));
    }
    let of = item.clone();
    Ok(Bound::new(bitmap_type(item), move |columns, rows| {
        let lists = lists_of(columns.first().ok_or_else(wrong_layout)?)?;
        let items = [Column::Flat(lists.items.clone())];
        let values = integers(&items, 0, &of, lists.items.len())?;
        let mask = mask(&of);
        bitmaps(rows, |row| {
            let (from, to) = lists.bounds(row);
            Ok(values[from..to].iter().map(|v| *v as u64 & mask).collect())
        })
    }))
}

fn to_array(arguments: &[Argument]) -> Result<Bound> {
    let of = integers_of("bitmapToArray", &arguments[0])?;
    let item = of.clone();
    Ok(Bound::new(DataType::array(of), move |columns, rows| {
        let bitmaps = Bitmaps::new(columns, 0)?;
        let (mut offsets, mut values) = (vec![0_i32], Vec::new());
        for row in 0..rows {
            let bitmap = bitmaps.get(row)?;
            if values.len() as u64 + bitmap.len() > MOST_ITEMS {
                bail!(TooLargeArraySize, "Bitmaps of more than {MOST_ITEMS} integers in a block");
            }
            let unused = 64 - item.bits().unwrap_or(64);
            let signed = item.is_signed_integer();
            let mut own: Vec<i64> = bitmap
                .iter()
                .map(|bits| if signed { (bits << unused) as i64 >> unused } else { bits as i64 })
                .collect();
            if signed {
                own.sort_unstable();
            }
            values.extend(own);
            offsets.push(values.len() as i32);
        }
        list_of(&item, offsets, &values)
    }))
}

fn combined(
    function: &str,
    arguments: &[Argument],
    f: fn(RoaringTreemap, RoaringTreemap) -> RoaringTreemap,
) -> Result<Bound> {
    let of = integers_of(function, &arguments[0])?;
    integers_of(function, &arguments[1])?;
    Ok(Bound::new(bitmap_type(of), move |columns, rows| {
        let (a, b) = (Bitmaps::new(columns, 0)?, Bitmaps::new(columns, 1)?);
        bitmaps(rows, |row| Ok(f(a.get(row)?, b.get(row)?)))
    }))
}

/// What is made of each pair of bitmaps.
fn each<R>(
    left: &[RoaringTreemap],
    right: &[RoaringTreemap],
    f: impl Fn(&RoaringTreemap, &RoaringTreemap) -> R,
) -> Vec<R> {
    left.iter().zip(right).map(|(a, b)| f(a, b)).collect()
}

fn of_two(
    function: &str,
    arguments: &[Argument],
    return_type: DataType,
    f: fn(&[RoaringTreemap], &[RoaringTreemap]) -> Column,
) -> Result<Bound> {
    integers_of(function, &arguments[0])?;
    integers_of(function, &arguments[1])?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let read = |at: usize| -> Result<Vec<RoaringTreemap>> {
            let bitmaps = Bitmaps::new(columns, at)?;
            (0..rows).map(|row| bitmaps.get(row)).collect()
        };
        Ok(f(&read(0)?, &read(1)?))
    }))
}

fn number(
    function: &str,
    arguments: &[Argument],
    f: fn(&RoaringTreemap, u64) -> u64,
) -> Result<Bound> {
    let of = integers_of(function, &arguments[0])?;
    let limit = if of.bits() == Some(64) { u64::MAX } else { u64::from(u32::MAX) };
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let bitmaps = Bitmaps::new(columns, 0)?;
        let values: Result<Vec<u64>> =
            (0..rows).map(|row| Ok(f(&bitmaps.get(row)?, limit))).collect();
        Ok(numbers::<UInt64Type>(values?))
    }))
}

/// An argument's integers.
fn whole_numbers(
    function: &str,
    arguments: &[Argument],
    at: usize,
) -> Result<impl Fn(&[Column], usize) -> Result<Vec<i64>> + use<>> {
    let data_type = arguments[at].data_type.clone();
    if !data_type.is_integer() || data_type.bits() > Some(64) {
        return Err(illegal(function, &arguments[at]));
    }
    Ok(move |columns: &[Column], rows: usize| integers(columns, at, &data_type, rows))
}

fn contains(arguments: &[Argument]) -> Result<Bound> {
    let of = integers_of("bitmapContains", &arguments[0])?;
    let values = whole_numbers("bitmapContains", arguments, 1)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (bitmaps, values) = (Bitmaps::new(columns, 0)?, values(columns, rows)?);
        let found: Result<Vec<u8>> = (0..rows)
            .map(|row| {
                let bits = values[row] as u64 & mask(&of);
                let negative = values[row] < 0 && of.is_signed_integer();
                let same = bits as i64 == values[row] || negative;
                Ok(u8::from(same && bitmaps.get(row)?.contains(bits)))
            })
            .collect();
        Ok(numbers::<UInt8Type>(found?))
    }))
}

fn part(
    function: &str,
    arguments: &[Argument],
    f: fn(&RoaringTreemap, u64, u64) -> RoaringTreemap,
) -> Result<Bound> {
    let of = integers_of(function, &arguments[0])?;
    let first = whole_numbers(function, arguments, 1)?;
    let second = whole_numbers(function, arguments, 2)?;
    Ok(Bound::new(bitmap_type(of), move |columns, rows| {
        let source = Bitmaps::new(columns, 0)?;
        let (first, second) = (first(columns, rows)?, second(columns, rows)?);
        bitmaps(rows, |row| Ok(f(&source.get(row)?, first[row] as u64, second[row] as u64)))
    }))
}

fn transform(arguments: &[Argument]) -> Result<Bound> {
    let of = integers_of("bitmapTransform", &arguments[0])?;
    let items =
        [item_type("bitmapTransform", arguments, 1)?, item_type("bitmapTransform", arguments, 2)?];
    if let Some(at) = items.iter().position(|item| !item.is_integer() || item.bits() > Some(64)) {
        return Err(illegal("bitmapTransform", &arguments[at + 1]));
    }
    Ok(Bound::new(bitmap_type(of), move |columns, rows| {
        let source = Bitmaps::new(columns, 0)?;
        let lists = crate::collection::same_lengths("bitmapTransform", &columns[1..])?;
        let read = |at: usize| {
            let all = [Column::Flat(lists[at].items.clone())];
            integers(&all, 0, &items[at], lists[at].items.len())
        };
        let (from, to) = (read(0)?, read(1)?);
        bitmaps(rows, |row| {
            let mut bitmap = source.get(row)?;
            let (first, last) = lists[0].bounds(row);
            let replaced: Vec<u64> = (first..last)
                .filter(|at| bitmap.contains(from[*at] as u64))
                .map(|at| to[at] as u64)
                .collect();
            from[first..last].iter().for_each(|value| {
                bitmap.remove(*value as u64);
            });
            bitmap.extend(replaced);
            Ok(bitmap)
        })
    }))
}
