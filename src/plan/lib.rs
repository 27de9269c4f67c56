//! From syntax to logical plans: names and types are resolved against a snapshot, then
//! named passes make the plan cheaper.
//!
//! This room must not know threads or files: what it needs to be told or run comes through
//! [`Environment`].

mod analyze;
mod clob;
mod environment;
mod explain;
mod fill;
mod fragment;
mod groups;
mod logical;
mod optimize;
mod search;
mod window;

pub use analyze::{cast_columns, literal_value, plan_expression, plan_query, row_expressions};
pub use environment::{
    BlockSource, BlockStream, ColumnKind, Environment, Relation, RelationColumn, RelationSource,
};
pub use explain::{explain, text as explain_expression};
pub use fill::{Fill, FillColumn, FillStep};
pub use fragment::{
    FRAGMENT_VERSION, Fragment, PartScan, PartialAggregation, ReadColumn, WIDEST_FRAGMENT,
};
pub use groups::{GroupingSets, Totals, has_totals, totals_of};
pub use logical::{
    AggregateCall, Aggregation, ArrayJoin, Join, JoinKind, JoinStrictness, Plan, Scan, SortKey,
    Source,
};
pub use optimize::{PASSES, optimize};
pub use search::{IndexedText, ScoredText, TextScore};
pub use window::{Frame, FrameBound, FrameUnits, Window, WindowCall};
