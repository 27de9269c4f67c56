//! Partitions, groups of equal rows, and the rows of every row's frame.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use base::{Result, bail};
use plan::{Frame, FrameBound, FrameUnits};
use types::{Block, Column, value_at};

use super::Keys;
use crate::order::Order;

/// Where partitions and groups of equal rows begin in a batch of sorted rows.
pub(super) struct Partitions {
    /// The first row of every partition, then the number of rows.
    pub(super) starts: Vec<u32>,
    /// The first row of every group of rows that are equal by the window's order within their partition, then
    /// the number of rows.
    pub(super) groups: Vec<u32>,
}

impl Partitions {
    pub(super) fn new(partition: Option<Order>, order: Option<&Order>, rows: usize) -> Partitions {
        let (mut starts, mut groups) = (Vec::new(), Vec::new());
        for row in 0..rows as u32 {
            let changed = |keys: &Order| keys.compare(row - 1, row).is_ne();
            let first = row == 0 || partition.as_ref().is_some_and(changed);
            if first {
                starts.push(row);
            }
            if first || order.is_some_and(changed) {
                groups.push(row);
            }
        }
        starts.push(rows as u32);
        groups.push(rows as u32);
        Partitions { starts, groups }
    }

    /// The first row and the end of every partition.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.starts.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// The number of every row's partition.
    pub(super) fn numbers(&self) -> Vec<u32> {
        numbered(&self.starts)
    }
}

/// For every row the number of the stretch that it lies in.
fn numbered(starts: &[u32]) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(starts.last().map_or(0, |rows| *rows as usize));
    for (number, pair) in starts.windows(2).enumerate() {
        numbers.resize(pair[1] as usize, number as u32);
    }
    numbers
}

/// The rows of every row's frame: from a first row to before an end; `start <= end` always.
pub(super) struct Frames {
    pub(super) starts: Vec<u32>,
    pub(super) ends: Vec<u32>,
    /// Every frame is its row's whole partition.
    pub(super) whole: bool,
    /// Frames begin with their partition.
    pub(super) from_start: bool,
}

/// What finds the ends of frames.
struct Finder<'f> {
    partitions: &'f Partitions,
    units: FrameUnits,
    /// The number of every row's group.
    group_of: Vec<u32>,
    values: Option<Values>,
}

/// The values ordered by, for distances between them.
struct Values {
    of: Numbers,
    valid: Vec<bool>,
    descending: bool,
}

enum Numbers {
    Ints(Vec<i128>),
    Floats(Vec<f64>),
}

impl Frames {
    pub(super) fn new(
        frame: Frame,
        partitions: &Partitions,
        order: &Keys,
        block: &Block,
    ) -> Result<Frames> {
        let distance = |bound| matches!(bound, FrameBound::Preceding(_) | FrameBound::Following(_));
        let distances = distance(frame.start) || distance(frame.end);
        let values = match frame.units {
            FrameUnits::Range if distances => Some(Values::new(order, block)?),
            _ => None,
        };
        let finder = Finder {
            partitions,
            units: frame.units,
            group_of: numbered(&partitions.groups),
            values,
        };
        let rows = block.rows();
        let (mut starts, mut ends) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (first, end) in partitions.ranges() {
            for row in first..end {
                let from = finder.start(frame.start, row, (first, end));
                let to = finder.end(frame.end, row, (first, end));
                starts.push(from.min(end));
                ends.push(to.max(from.min(end)));
            }
        }
        let by_order = !order.keys.is_empty();
        let to_end = frame.end == FrameBound::UnboundedFollowing
            || frame.end == FrameBound::CurrentRow && frame.units != FrameUnits::Rows && !by_order;
        let from_start = frame.start == FrameBound::UnboundedPreceding;
        Ok(Frames { starts, ends, whole: from_start && to_end, from_start })
    }
}

impl Finder<'_> {
    fn start(&self, bound: FrameBound, row: u32, (first, end): (u32, u32)) -> u32 {
        match bound {
            FrameBound::UnboundedPreceding => first,
            FrameBound::UnboundedFollowing => end,
            FrameBound::CurrentRow => match self.units {
                FrameUnits::Rows => row,
                _ => self.group_start(row),
            },
            FrameBound::Preceding(by) => self.shifted(row, -i64::from(by), (first, end)).0,
            FrameBound::Following(by) => self.shifted(row, i64::from(by), (first, end)).0,
        }
    }

    fn end(&self, bound: FrameBound, row: u32, (first, end): (u32, u32)) -> u32 {
        match bound {
            FrameBound::UnboundedPreceding => first,
            FrameBound::UnboundedFollowing => end,
            FrameBound::CurrentRow => match self.units {
                FrameUnits::Rows => row + 1,
                _ => self.group_end(row),
            },
            FrameBound::Preceding(by) => self.shifted(row, -i64::from(by), (first, end)).1,
            FrameBound::Following(by) => self.shifted(row, i64::from(by), (first, end)).1,
        }
    }

    fn group_start(&self, row: u32) -> u32 {
        self.partitions.groups[self.group_of[row as usize] as usize]
    }

    fn group_end(&self, row: u32) -> u32 {
        self.partitions.groups[self.group_of[row as usize] as usize + 1]
    }

    /// The rows at a distance from a row: where they begin, and where they end.
    fn shifted(&self, row: u32, by: i64, (first, end): (u32, u32)) -> (u32, u32) {
        match self.units {
            FrameUnits::Rows => {
                let at = i64::from(row) + by;
                let clamp = |at: i64| at.clamp(i64::from(first), i64::from(end)) as u32;
                (clamp(at), clamp(at + 1))
            }
            FrameUnits::Groups => {
                let group = i64::from(self.group_of[row as usize]) + by;
                let lowest = i64::from(self.group_of[first as usize]);
                let highest = i64::from(self.group_of[end as usize - 1]);
                if group < lowest {
                    (first, first)
                } else if group > highest {
                    (end, end)
                } else {
                    let groups = &self.partitions.groups;
                    (groups[group as usize], groups[group as usize + 1])
                }
            }
            FrameUnits::Range => match &self.values {
                Some(values) if values.valid[row as usize] => values.around(row, by, (first, end)),
                // NULL is at no distance from anything but NULL.
                _ => (self.group_start(row), self.group_end(row)),
            },
        }
    }
}

impl Values {
    fn new(order: &Keys, block: &Block) -> Result<Values> {
        let (Some(key), Some(data_type)) = (order.keys.first(), order.types.first()) else {
            bail!(LogicalError, "a RANGE frame with distances, but without an order");
        };
        let column = order.evaluator.evaluate(block)?.into_iter().next();
        let Some(column) = column else { bail!(LogicalError, "an order without a column") };
        let rows = block.rows();
        let descending = key.descending;
        let array = column.to_flat()?;
        let floats = match array.data_type() {
            arrow_schema::DataType::Float64 => {
                Some(array.as_primitive::<arrow_array::types::Float64Type>().values().to_vec())
            }
            arrow_schema::DataType::Float32 => Some(
                array
                    .as_primitive::<arrow_array::types::Float32Type>()
                    .values()
                    .iter()
                    .map(|v| f64::from(*v))
                    .collect(),
            ),
            _ => None,
        };
        if let Some(floats) = floats {
            let valid = (0..rows).map(|row| array.is_valid(row) && !floats[row].is_nan()).collect();
            return Ok(Values { of: Numbers::Floats(floats), valid, descending });
        }
        let mut ints = Vec::with_capacity(rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let value = value_at(&array, data_type, row).as_int();
            valid.push(value.is_some());
            ints.push(value.unwrap_or(0));
        }
        Ok(Values { of: Numbers::Ints(ints), valid, descending })
    }

    /// The rows whose value is a row's value plus `by` in the direction of the order: those before it end
    /// where the first one begins, those up to it end with the second one.
    fn around(&self, row: u32, by: i64, (first, end): (u32, u32)) -> (u32, u32) {
        // Rows without a value stand together, at one end.
        let rows = first..end;
        let from = match self.valid[first as usize] {
            true => first,
            false => search(rows.clone(), |at| !self.valid[at as usize]),
        };
        let to = search(from..end, |at| self.valid[at as usize]);
        let by = if self.descending { -by } else { by };
        match &self.of {
            Numbers::Ints(values) => {
                let wanted = values[row as usize].saturating_add(i128::from(by));
                self.bounds(from..to, |at| values[at as usize].cmp(&wanted))
            }
            Numbers::Floats(values) => {
                let wanted = values[row as usize] + by as f64;
                self.bounds(from..to, |at| values[at as usize].total_cmp(&wanted))
            }
        }
    }

    /// Where the rows begin and end that compare as equal, among rows in order.
    fn bounds(
        &self,
        rows: std::ops::Range<u32>,
        compare: impl Fn(u32) -> std::cmp::Ordering,
    ) -> (u32, u32) {
        let in_order = |at: u32| match self.descending {
            true => compare(at).reverse(),
            false => compare(at),
        };
        let first = search(rows.clone(), |at| in_order(at).is_lt());
        (first, search(first..rows.end, |at| in_order(at).is_le()))
    }
}

/// The first row of a range for which a condition, true for rows from its start on, is false.
fn search(rows: std::ops::Range<u32>, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The rows in which a column is not NULL.
pub(super) fn valid_rows(column: &Column) -> Option<arrow_buffer::NullBuffer> {
    column.nulls().filter(|nulls| nulls.null_count() > 0)
}
