//! Aggregate functions and their combinators.
//!
//! Most functions say what one group's state is and how rows change it; one of these frames
//! does the rest:
//!
//! 1. `grouped`: one state value a group, side by side in a vector.
//! 2. `collected`: all values of a group are kept (in one arena) and computed at the end.
//! 3. `distinct`: one hash table of (group, value) for all groups.
//! 4. `slots`, `lists`, `combinators::subgroups`: byte strings, lists and keys of groups, without a
//!    box for each group.
//!
//! States are written with a version byte and little endian (`state_bytes`); values of any
//! type within them as `encoded` says.

use expr::Registry;

mod applied;
mod arg_extremes;
mod arguments;
mod arrays;
mod bitmaps;
mod bits;
mod byte_chunks;
mod collected;
mod combinators;
mod cross_table;
mod decayed;
mod distinct;
mod distinct_paths;
mod downsampled;
mod encoded;
mod extremes;
mod few_groups;
mod funnel;
mod grouped;
mod hash;
mod histogram;
mod information;
mod intervals;
mod keys;
mod kind;
mod lists;
mod maps;
mod matrices;
mod means;
mod moments;
mod parts;
mod pattern;
mod quantile;
mod ranks;
mod regression;
mod series;
mod sketch;
mod skip_nulls;
mod slots;
mod state_bytes;
mod sums;
mod top;
mod two_samples;
mod uniq;
mod unique;
mod votes;
mod wide_folds;
mod windows;

pub(crate) use encoded::Encoding;

#[cfg(test)]
mod tests;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    registry.add_functions(applied::FUNCTIONS);
    registry.add_functions(bitmaps::FUNCTIONS);
    registry.add_aggregates(sums::FUNCTIONS);
    registry.add_aggregates(means::FUNCTIONS);
    registry.add_aggregates(extremes::FUNCTIONS);
    registry.add_aggregates(votes::FUNCTIONS);
    registry.add_aggregates(arg_extremes::FUNCTIONS);
    registry.add_aggregates(uniq::FUNCTIONS);
    registry.add_aggregates(moments::FUNCTIONS);
    registry.add_aggregates(regression::FUNCTIONS);
    quantile::register(registry);
    registry.add_aggregates(arrays::FUNCTIONS);
    registry.add_aggregates(windows::FUNCTIONS);
    registry.add_aggregates(distinct_paths::FUNCTIONS);
    registry.add_aggregates(unique::FUNCTIONS);
    registry.add_aggregates(bits::FUNCTIONS);
    registry.add_aggregates(maps::FUNCTIONS);
    registry.add_aggregates(top::FUNCTIONS);
    registry.add_aggregates(series::FUNCTIONS);
    registry.add_aggregates(intervals::FUNCTIONS);
    registry.add_aggregates(decayed::FUNCTIONS);
    registry.add_aggregates(two_samples::FUNCTIONS);
    registry.add_aggregates(funnel::FUNCTIONS);
    registry.add_aggregates(histogram::FUNCTIONS);
    registry.add_aggregates(downsampled::FUNCTIONS);
    registry.add_aggregates(matrices::FUNCTIONS);
    registry.add_aggregates(ranks::FUNCTIONS);
    registry.add_aggregates(cross_table::FUNCTIONS);
    registry.add_aggregates(information::FUNCTIONS);
    registry.add_combinators(combinators::COMBINATORS);
}
