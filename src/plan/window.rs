//! Windows in the logical plan: functions over rows that stand around a row in some order.

use expr::{Expr, WindowFunction};
use types::{DataType, Schema, Value};

use crate::{Plan, SortKey};

/// Columns computed over windows with one partitioning and one order.
///
/// Its rows come out by partition and order. Where the input is a window whose order begins with this one's,
/// nothing needs to be sorted again: [`Window::sort_keys`] of both tell.
#[derive(Debug, Clone)]
pub struct Window {
    /// The rows.
    pub input: Box<Plan>,
    /// Rows that are equal in these belong together; all of them where there are none.
    pub partition: Vec<Expr>,
    /// The order within a partition.
    pub order: Vec<SortKey>,
    /// What is computed, each a column.
    pub calls: Vec<WindowCall>,
    /// The input's columns, then the calls'.
    pub schema: Schema,
}

/// A function over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowCall {
    /// Its name; an aggregate function's unless `window` says otherwise.
    pub function: String,
    /// Which window function it is; an aggregate function where it is none.
    pub window: Option<WindowFunction>,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// Its arguments.
    pub arguments: Vec<Expr>,
    /// The rows that it is computed over.
    pub frame: Frame,
    /// What it returns.
    pub data_type: DataType,
}

/// The rows around a row that a function is computed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// What the distances of its ends count.
    pub units: FrameUnits,
    /// Its first row.
    pub start: FrameBound,
    /// Its last row.
    pub end: FrameBound,
}

/// What a frame's distances count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameUnits {
    /// Rows.
    Rows,
    /// The difference of the values ordered by.
    Range,
    /// Groups of rows that are equal by the order.
    Groups,
}

/// An end of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameBound {
    /// The partition's first row.
    UnboundedPreceding,
    /// So far before the row.
    Preceding(u32),
    /// The row; with RANGE and GROUPS its equals too.
    CurrentRow,
    /// So far after the row.
    Following(u32),
    /// The partition's last row.
    UnboundedFollowing,
}

impl Frame {
    /// The frame where none is written: up to the row and its equals.
    pub const DEFAULT: Frame = Frame {
        units: FrameUnits::Range,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
    };

    /// The whole partition.
    pub const WHOLE: Frame = Frame {
        units: FrameUnits::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::UnboundedFollowing,
    };
}

impl Window {
    /// What its input must be ordered by.
    pub fn sort_keys(&self) -> Vec<SortKey> {
        let partition = self.partition.iter().map(|expression| SortKey {
            expression: expression.clone(),
            descending: false,
            nulls_first: false,
        });
        partition.chain(self.order.iter().cloned()).collect()
    }

    /// Whether its input comes in its order already.
    pub fn is_sorted(&self) -> bool {
        match self.input.as_ref() {
            Plan::Window(below) => below.sort_keys().starts_with(&self.sort_keys()),
            _ => self.partition.is_empty() && self.order.is_empty(),
        }
    }
}
