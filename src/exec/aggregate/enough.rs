//! Some groups are enough, whichever they are: `GROUP BY k LIMIT n` without an order.
//!
//! Where several lanes compute something of the groups, all must take in the rows of the same ones. A lane takes all rows
//! in until one lane has as many groups as are wanted; their keys are agreed on. From then on each lane takes in only rows
//! of keys that it knows, those agreed on among them: so none of their rows is left out.

use std::sync::OnceLock;

use base::Result;

use super::grouped::Groups;
use super::keys::Packed;
use super::{Lane, Shared, Stage};
use crate::context::ExecContext;
use crate::overflow::OverflowMode;

/// Which groups are needed.
pub(super) enum Enough {
    /// All of them.
    All,
    /// The first of each lane: there is one lane, or nothing is computed of them, or a setting asks for no more.
    First(usize),
    /// So many, the same in all lanes, once they are agreed on. Equal keys are equal bits in all lanes.
    Agreed(usize, OnceLock<Packed>),
}

/// How many groups are given out, and which are numbered: no more than `max_rows_to_group_by` lets in, and than `limit`.
/// With `alone` every lane may take other ones; with `shared` equal keys are equal bits in all lanes.
pub(super) fn of(
    limit: Option<u64>,
    alone: bool,
    shared: bool,
    stage: Stage,
    context: &ExecContext,
) -> (usize, Enough) {
    let most = context.settings.limits.groups;
    let any = most.rows > 0 && most.mode == OverflowMode::Any && stage != Stage::Merge;
    let size = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    let limit = limit.map_or(usize::MAX, size).min(if any { size(most.rows) } else { usize::MAX });
    let enough = match limit {
        usize::MAX => Enough::All,
        _ if alone => Enough::First(limit),
        _ if any && limit == size(most.rows) => Enough::First(limit),
        _ if shared => Enough::Agreed(limit, OnceLock::new()),
        _ if any => Enough::First(size(most.rows)),
        _ => Enough::All,
    };
    (limit, enough)
}

impl Enough {
    /// How many groups a lane numbers at first, and all lanes together.
    pub(super) fn most(&self) -> usize {
        match self {
            Enough::First(most) => *most,
            Enough::All | Enough::Agreed(..) => usize::MAX,
        }
    }

    /// Whether all groups are needed.
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Enough::All)
    }
}

impl Shared {
    /// Has a lane take in no more groups than are agreed on, once they are.
    pub(super) fn agree(&self, lane: &mut Lane) -> Result<()> {
        let Enough::Agreed(wanted, agreed) = &self.enough else { return Ok(()) };
        if lane.groups.is_closed() {
            return Ok(());
        }
        if lane.groups.len() >= *wanted {
            agreed.get_or_init(|| lane.groups.first_keys(*wanted));
        }
        match agreed.get() {
            Some(keys) => {
                let empty = Groups::new(&self.calls, self.numbering);
                lane.groups.close_with(keys, empty)
            }
            None => Ok(()),
        }
    }

    /// The numbers of the groups that were agreed on, ascending, once all lanes are one.
    pub(super) fn agreed(&self, lane: &mut Lane) -> Result<Option<Vec<u32>>> {
        let Enough::Agreed(_, agreed) = &self.enough else { return Ok(None) };
        let Some(keys) = agreed.get() else { return Ok(None) };
        lane.groups.number(keys.all(), usize::MAX)?;
        let mut numbers = lane.groups.numbers().to_vec();
        numbers.sort_unstable();
        Ok(Some(numbers))
    }
}
