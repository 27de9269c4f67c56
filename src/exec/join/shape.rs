//! What a join does with the rows of its two inputs: which is built, which pairs count, what comes out.

use arrow_array::ArrayRef;
use base::Result;
use expr::Expr;
use plan::{Join, JoinKind, JoinStrictness};
use types::{DataType, default_array};

/// Which pairs of equal keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// All.
    All,
    /// The first of every probing row.
    First,
    /// One of every key.
    Once,
    /// None is given out; built rows are marked.
    Marks,
}

/// How a join goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Whether the left input is the one that is built.
    pub(super) build_left: bool,
    pub(super) pairs: Pairs,
    /// Whether pairs are given out.
    pub(super) gives_pairs: bool,
    /// Whether probing rows without a match are given out, beside defaults.
    pub(super) keeps_probe: bool,
    /// Whether built rows are given out at the end: those with a match, or those without.
    pub(super) rest: Option<bool>,
}

/// Where a column of the output comes from.
#[derive(Debug, Clone)]
pub(super) enum OutputColumn {
    /// The probing input's column.
    Probe(usize),
    /// The built block's column.
    Build(usize),
    /// Nobody reads it.
    Unread(ArrayRef),
}

/// The columns of a join.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) output: Vec<OutputColumn>,
    /// The types of the output.
    pub(super) types: Vec<DataType>,
    /// The columns of the built input that are kept, with their types in the output.
    pub(super) kept: Vec<(usize, DataType)>,
    /// For every column of ON's condition (over both inputs): where it comes from.
    pub(super) condition: Vec<(usize, OutputColumn)>,
}

impl Shape {
    pub(super) fn of(join: &Join) -> Shape {
        let left_width = join.left.schema().len();
        let (kind, right) = (join.kind, join.kind == JoinKind::Right);
        let plain = |build_left, pairs| Shape {
            build_left,
            pairs,
            gives_pairs: true,
            keeps_probe: false,
            rest: None,
        };
        match join.strictness {
            JoinStrictness::All => {
                let keeps_left = matches!(kind, JoinKind::Left | JoinKind::Full);
                let keeps_right = matches!(kind, JoinKind::Right | JoinKind::Full);
                let (keeps_probe, keeps_build) = if join.build_left {
                    (keeps_right, keeps_left)
                } else {
                    (keeps_left, keeps_right)
                };
                let rest = keeps_build.then_some(false);
                Shape { keeps_probe, rest, ..plain(join.build_left, Pairs::All) }
            }
            JoinStrictness::Any => match kind {
                JoinKind::Inner | JoinKind::Cross => plain(false, Pairs::Once),
                _ => Shape {
                    keeps_probe: true,
                    rest: (kind == JoinKind::Full).then_some(false),
                    ..plain(right, Pairs::First)
                },
            },
            JoinStrictness::Asof => {
                Shape { keeps_probe: kind == JoinKind::Left, ..plain(false, Pairs::First) }
            }
            JoinStrictness::Semi | JoinStrictness::Anti => {
                let semi = join.strictness == JoinStrictness::Semi;
                // The other side's columns are there, and somebody reads them.
                let of_other = |column: &usize| (*column >= left_width) != right;
                let shows_other = match &join.needed {
                    Some(needed) => needed.iter().any(of_other),
                    None => join.schema.len() > left_width,
                };
                // Defaults are the same for all rows, but are only made beside probing rows.
                if join.build_left != right && !shows_other {
                    return Shape {
                        gives_pairs: false,
                        rest: Some(semi),
                        ..plain(!right, Pairs::Marks)
                    };
                }
                Shape { gives_pairs: semi, keeps_probe: !semi, ..plain(right, Pairs::First) }
            }
        }
    }

    /// Whether rows of the probing side that match nothing are of no use.
    pub(super) fn filters_probe(&self) -> bool {
        !self.keeps_probe
    }
}

impl Columns {
    /// The columns of the probing input that are read.
    pub(super) fn of_probe(&self) -> Vec<usize> {
        let all = self.output.iter().chain(self.condition.iter().map(|(_, from)| from));
        all.filter_map(|from| match from {
            OutputColumn::Probe(column) => Some(*column),
            _ => None,
        })
        .collect()
    }

    pub(super) fn of(join: &Join, shape: &Shape) -> Result<Columns> {
        let left_width = join.left.schema().len();
        let width = left_width + join.right.schema().len();
        let types: Vec<DataType> =
            join.schema.fields().iter().map(|f| f.data_type.clone()).collect();
        let mut columns =
            Columns { output: Vec::new(), types, kept: Vec::new(), condition: Vec::new() };
        let input_type = |column: usize| match column.checked_sub(left_width) {
            None => join.left.schema().fields()[column].data_type.clone(),
            Some(column) => join.right.schema().fields()[column].data_type.clone(),
        };
        for column in 0..columns.types.len() {
            let data_type = columns.types[column].clone();
            let unread = join.needed.as_ref().is_some_and(|n| !n.contains(&column));
            let found = if unread {
                OutputColumn::Unread(default_array(&data_type, 1)?)
            } else {
                columns.place(column, left_width, shape, data_type)
            };
            columns.output.push(found);
        }
        let read = join.condition.as_ref().map(Expr::columns).unwrap_or_default();
        for column in read.into_iter().filter(|c| *c < width) {
            let data_type = columns.types.get(column).cloned();
            let data_type = data_type.unwrap_or_else(|| input_type(column));
            let found = columns.place(column, left_width, shape, data_type);
            columns.condition.push((column, found));
        }
        Ok(columns)
    }

    fn place(
        &mut self,
        column: usize,
        left_width: usize,
        shape: &Shape,
        data_type: DataType,
    ) -> OutputColumn {
        let (of_left, own) = match column.checked_sub(left_width) {
            None => (true, column),
            Some(own) => (false, own),
        };
        if of_left != shape.build_left {
            return OutputColumn::Probe(own);
        }
        let at = self.kept.iter().position(|(kept, _)| *kept == own).unwrap_or_else(|| {
            self.kept.push((own, data_type));
            self.kept.len() - 1
        });
        OutputColumn::Build(at)
    }
}
