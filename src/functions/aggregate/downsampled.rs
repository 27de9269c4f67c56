//! Series of points with fewer points that look alike.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray};
use arrow_schema::DataType as ArrowType;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, Value, array_from_values};

use super::arguments::{Checks, USUAL, example};
use super::arrays::list;
use super::collected::{Collect, collected};
use super::kind::{floats, wrong_layout};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[AggregateDeclaration {
    name: "largestTriangleThreeBuckets",
    aliases: &["lttb"],
    syntax: "largestTriangleThreeBuckets(n)(x, y)",
    description: "At most n of the points, sorted by x, which keep the look of the line: the first, the last, and \
        of each bucket between them the one of the greatest triangle with its neighbours.",
    examples: &[example(
        "SELECT largestTriangleThreeBuckets(4)(number, number % 7) FROM numbers(50)",
        "[(0,0),(6,6),(48,6),(49,0)]",
    )],
    nulls: NullRows::SkipThenEmpty,
    bind: |_, call| bind(call),
    ..USUAL
}];

fn bind(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    if call.parameters.len() != 1 {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function {} requires exactly one parameter: the number of points.",
            call.name
        );
    }
    let points = call.natural(0, 0)?;
    if points == 0 {
        bail!(BadArguments, "Parameter for aggregate function {} should be positive", call.name);
    }
    call.count(2)?;
    let mut results = Vec::with_capacity(2);
    for data_type in call.types {
        let time = data_type.is_date() || data_type.is_datetime();
        if !data_type.is_integer() && !data_type.is_float() && !time {
            return Err(call.illegal(data_type));
        }
        results.push(if time { data_type.clone() } else { DataType::Float64 });
    }
    let types = [call.types[0].clone(), call.types[1].clone()];
    let point = DataType::tuple(results.clone());
    let points = usize::try_from(points).unwrap_or(usize::MAX);
    Ok(collected(DataType::array(point.clone()), Triangles { points, types, results, point }))
}

struct Triangles {
    points: usize,
    types: [DataType; 2],
    results: Vec<DataType>,
    point: DataType,
}

impl Collect for Triangles {
    type Item = (f64, f64);
    type Output = Vec<(f64, f64)>;

    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, (f64, f64)) -> Result<()>,
    ) -> Result<()> {
        let x = floats(arguments, 0, &self.types[0])?;
        let y = floats(arguments, 1, &self.types[1])?;
        let (x, y) = (x.input(), y.input());
        (0..rows).try_for_each(|row| take(row, (x.at(row), y.at(row))))
    }

    fn result(&self, items: &mut Vec<(f64, f64)>) -> Result<Vec<(f64, f64)>> {
        items.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(sampled(items, self.points))
    }

    fn column(&self, results: Vec<Vec<(f64, f64)>>) -> Result<ArrayRef> {
        let lengths = results.iter().map(Vec::len).collect();
        let points: Vec<(f64, f64)> = results.into_iter().flatten().collect();
        let part = |at: usize| {
            let value = |point: &(f64, f64)| {
                let number = if at == 0 { point.0 } else { point.1 };
                match self.results[at] {
                    DataType::Float64 => Value::Float(number),
                    _ => Value::Int(number as i128),
                }
            };
            array_from_values(&self.results[at], &points.iter().map(value).collect::<Vec<_>>())
        };
        let ArrowType::Struct(fields) = self.point.arrow_type() else {
            return Err(wrong_layout());
        };
        let points = StructArray::new(fields, vec![part(0)?, part(1)?], None);
        list(Arc::new(points), lengths)
    }
}

/// Of sorted points so many; all where there are no more.
fn sampled(points: &[(f64, f64)], count: usize) -> Vec<(f64, f64)> {
    if count >= points.len() {
        return points.to_vec();
    }
    let last = points[points.len() - 1];
    match count {
        1 => return vec![points[0]],
        2 => return vec![points[0], last],
        _ => {}
    }
    let size = (points.len() - 2) as f64 / (count - 2) as f64;
    let bound = |bucket: usize| ((size * bucket as f64).floor() as usize + 1).min(points.len());
    let mut out = vec![points[0]];
    let mut chosen = points[0];
    for bucket in 0..count - 2 {
        let next = &points[bound(bucket + 1)..bound(bucket + 2)];
        let mean =
            |of: fn(&(f64, f64)) -> f64| next.iter().map(of).sum::<f64>() / next.len() as f64;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let (before, mut greatest) = (chosen, -1.0);
        for point in &points[bound(bucket)..bound(bucket + 1)] {
            let area = ((before.0 - x) * (point.1 - before.1)
                - (before.0 - point.0) * (y - before.1))
                .abs()
                * 0.5;
            if area > greatest {
                (greatest, chosen) = (area, *point);
            }
        }
        out.push(chosen);
    }
    out.push(last);
    out
}
