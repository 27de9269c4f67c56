//! Histograms of few bins that follow the values (Ben-Haim and Tom-Tov): weighted points, of which the two nearest
//! become one when there are too many. A bin reaches from the middle before a point to the middle after it, and its
//! height comes from the trapezoids between the points.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, StructArray};
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType, struct_fields};

use super::arguments::{Checks, USUAL, example};
use super::arrays::list;
use super::grouped::{Function, bound};
use super::kind::{self, floats};
use super::state_bytes::{Plain, corrupt, read_list, write_list};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[AggregateDeclaration {
    name: "histogram",
    syntax: "histogram(bins)(x)",
    description: "About how many values lie where, in at most so many bins that follow the values: of each its \
        bounds and its height.",
    examples: &[example("SELECT histogram(2)(number) FROM numbers(2)", "[(0,0.5,1),(0.5,1,1)]")],
    nulls: NullRows::SkipThenEmpty,
    bind: |_, call| bind(call),
    ..USUAL
}];

const MOST_BINS: u64 = 250;

fn bind(call: &AggregateArguments<'_>) -> Result<BoundAggregate> {
    if call.parameters.len() != 1 {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function {} requires single parameter: bins count.",
            call.name
        );
    }
    let bins = call.natural(0, 0)?;
    if bins == 0 {
        bail!(BadArguments, "Bin count should be positive.");
    }
    if bins > MOST_BINS {
        bail!(
            ParameterOutOfBound,
            "Unsupported bins count. Should not be greater than {MOST_BINS}."
        );
    }
    let data_type = call.only()?;
    if !data_type.is_integer() && !data_type.is_float() {
        return Err(call.illegal(data_type));
    }
    let bin = DataType::tuple([DataType::Float64, DataType::Float64, DataType::Float64]);
    Ok(bound(DataType::array(bin), Histogram { bins: bins as usize, data_type: data_type.clone() }))
}

/// Mean and weight.
type Point = (f64, f64);

/// The points of a group, and the least and greatest value.
#[derive(Debug, Clone)]
struct Points {
    points: Vec<Point>,
    bounds: (f64, f64),
}

impl Points {
    fn add(&mut self, point: Point, bins: usize) {
        self.points.push(point);
        self.bounds = (self.bounds.0.min(point.0), self.bounds.1.max(point.0));
        if self.points.len() >= bins * 2 {
            self.compress(bins);
        }
    }

    /// Brings the two nearest points together until there are no more than the bins.
    fn compress(&mut self, bins: usize) {
        self.points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = self.points.len();
        let points = &mut self.points;
        let mut next: Vec<usize> = (1..=size).collect();
        let mut previous: Vec<usize> = (0..size).map(|at| at.wrapping_sub(1)).collect();
        let mut gone = vec![false; size];
        let apart = |points: &[Point], a: usize, b: usize| Distance(points[b].0 - points[a].0);
        let mut nearest: BinaryHeap<Reverse<(Distance, usize)>> =
            (1..size).map(|at| Reverse((apart(points, at - 1, at), at - 1))).collect();
        let mut left = size;
        while left > bins {
            let Some(Reverse((distance, at))) = nearest.pop() else { break };
            let after = next[at];
            if gone[at] || after >= size || apart(points, at, after) != distance {
                continue;
            }
            points[at] = joined(points[at], points[after]);
            gone[after] = true;
            next[at] = next[after];
            if let Some(previous) = previous.get_mut(next[at]) {
                *previous = at;
                nearest.push(Reverse((apart(points, at, next[at]), at)));
            }
            if previous[at] < size {
                nearest.push(Reverse((apart(points, previous[at], at), previous[at])));
            }
            left -= 1;
        }
        let mut at = 0;
        points.retain(|_| {
            at += 1;
            !gone[at - 1]
        });
    }

    /// Bounds and heights of the bins.
    fn bins(&mut self, bins: usize) -> Vec<[f64; 3]> {
        self.compress(bins);
        let mut points: Vec<Point> = Vec::with_capacity(self.points.len());
        for point in &self.points {
            match points.last_mut() {
                Some(last) if last.0 == point.0 => *last = joined(*last, *point),
                _ => points.push(*point),
            }
        }
        let half = |near: f64, far: f64| (near + (near + far) / 2.0) / 4.0;
        let mut out = Vec::with_capacity(points.len());
        let mut low = self.bounds.0;
        for (at, (mean, weight)) in points.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| points.get(at));
            let after = points.get(at + 1);
            let side = |other: Option<&Point>| match other {
                Some((_, other)) => half(*weight, *other),
                None => weight / 2.0,
            };
            let high = after.map_or(self.bounds.1, |(next, _)| (mean + next) / 2.0);
            out.push([low, high, side(before) + side(after)]);
            low = high;
        }
        out
    }
}

fn joined(a: Point, b: Point) -> Point {
    (a.0 + b.1 * (b.0 - a.0) / (a.1 + b.1), a.1 + b.1)
}

/// A distance, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Distance(f64);

impl Eq for Distance {}

impl PartialOrd for Distance {
    fn partial_cmp(&self, other: &Distance) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Distance {
    fn cmp(&self, other: &Distance) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

struct Histogram {
    bins: usize,
    data_type: DataType,
}

impl Function for Histogram {
    type State = Points;

    fn empty(&self) -> Points {
        Points { points: Vec::new(), bounds: (f64::INFINITY, f64::NEG_INFINITY) }
    }

    fn update(&self, states: &mut [Points], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let values = floats(arguments, 0, &self.data_type)?;
        let values = values.input();
        for (row, group) in groups.iter().enumerate() {
            let value = values.at(row);
            if !value.is_finite() {
                bail!(
                    IncorrectData,
                    "Invalid value (inf or nan) for aggregation by 'histogram' function"
                );
            }
            states[*group as usize].add((value, 1.0), self.bins);
        }
        Ok(())
    }

    fn merge(&self, into: &mut Points, from: &Points) -> Result<()> {
        from.points.iter().for_each(|point| into.add(*point, self.bins));
        into.bounds = (into.bounds.0.min(from.bounds.0), into.bounds.1.max(from.bounds.1));
        Ok(())
    }

    fn write(&self, state: &Points, out: &mut Vec<u8>) {
        state.bounds.write(out);
        write_list(state.points.iter().copied(), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Points> {
        let bounds = Plain::read(bytes)?;
        let points: Vec<Point> = read_list(bytes)?;
        let fine = |(mean, weight): &Point| mean.is_finite() && weight.is_finite() && *weight > 0.0;
        if !points.iter().all(fine) {
            return Err(corrupt());
        }
        Ok(Points { points, bounds })
    }

    fn finish(&self, states: &mut [Points]) -> Result<ArrayRef> {
        let (mut lengths, mut all) = (Vec::with_capacity(states.len()), Vec::new());
        for state in states {
            let bins = state.bins(self.bins);
            lengths.push(bins.len());
            all.extend(bins);
        }
        let part = |at: usize| kind::array::<Float64Type>(all.iter().map(|bin| bin[at]).collect());
        let fields = struct_fields(std::iter::repeat_n(DataType::Float64.arrow_type(), 3));
        let bins = StructArray::new(fields, (0..3).map(part).collect(), None);
        list(Arc::new(bins), lengths)
    }

    fn heap(&self, state: &Points) -> usize {
        state.points.capacity() * size_of::<Point>()
    }
}
