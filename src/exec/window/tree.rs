//! Aggregate functions over long frames that move: a tree of states.
//!
//! 1. Every [`LEAF`] rows have a state; every [`FAN`] states have one above them, up to few at the top.
//! 2. A frame is some rows, whole states of growing and then shrinking height, and some rows again, all from
//!    left to right, so that functions that depend on the order of rows give what they should.
//!
//! States are kept as their bytes, which is what can be merged one by one. A frame takes a number of steps that
//! grows with the logarithm of its length.

use arrow_array::ArrayRef;
use base::Result;
use expr::Accumulator;

use super::aggregates::{Results, Work};

/// Rows of a state at the bottom.
const LEAF: u32 = 64;

/// States that lie below one.
const FAN: usize = 8;

/// Frames that are computed together.
const TOGETHER: usize = 1024;

/// The bytes of states, level by level from the bottom.
struct Tree {
    levels: Vec<Vec<Vec<u8>>>,
}

/// A frame's parts: rows at its ends, and states between them.
struct Parts {
    left: (u32, u32),
    /// Level and number.
    states: Vec<(usize, usize)>,
    right: (u32, u32),
}

/// The function's value for every frame.
pub(super) fn over_tree(work: &mut Work<'_>, frames: &[(u32, u32)]) -> Result<ArrayRef> {
    let tree = Tree::new(work)?;
    let own: usize = tree.levels.iter().flatten().map(Vec::len).sum();
    let mut results = Results::default();
    for chunk in frames.chunks(TOGETHER) {
        let parts: Vec<Parts> = chunk.iter().map(|frame| tree.parts(*frame)).collect();
        let mut states = work.accumulator(chunk.len());
        take_rows(work, states.as_mut(), parts.iter().map(|p| p.left))?;
        for (group, parts) in parts.iter().enumerate() {
            for (level, number) in &parts.states {
                let mut bytes = tree.levels[*level][*number].as_slice();
                states.deserialize(group as u32, &mut bytes)?;
            }
        }
        take_rows(work, states.as_mut(), parts.iter().map(|p| p.right))?;
        work.hold(own + results.bytes + states.memory())?;
        results.add(states.finish(0..chunk.len())?)?;
    }
    results.all(&work.bound.return_type)
}

/// Takes for every group the rows of a range.
fn take_rows(
    work: &Work<'_>,
    states: &mut dyn Accumulator,
    ranges: impl Iterator<Item = (u32, u32)>,
) -> Result<()> {
    let (mut rows, mut groups) = (Vec::new(), Vec::new());
    for (group, (start, end)) in ranges.enumerate() {
        rows.extend(start..end);
        groups.resize(rows.len(), group as u32);
    }
    states.update(&groups, &work.taken(rows)?)
}

impl Tree {
    fn new(work: &mut Work<'_>) -> Result<Tree> {
        let mut groups: Vec<u32> = (0..work.rows as u32).map(|row| row / LEAF).collect();
        let mut count = work.rows.div_ceil(LEAF as usize);
        let mut states = work.accumulator(count);
        states.update(&groups, &work.arguments)?;
        let mut levels = Vec::new();
        let mut bytes = 0;
        loop {
            let mut level = Vec::with_capacity(count);
            for group in 0..count {
                let mut state = Vec::new();
                states.serialize(group, &mut state)?;
                bytes += state.len();
                level.push(state);
            }
            levels.push(level);
            work.hold(bytes + states.memory())?;
            if count <= FAN {
                return Ok(Tree { levels });
            }
            groups = (0..count).map(|group| (group / FAN) as u32).collect();
            count = count.div_ceil(FAN);
            let mut above = work.accumulator(count);
            above.merge(&groups, states.as_ref())?;
            states = above;
        }
    }

    fn parts(&self, (start, end): (u32, u32)) -> Parts {
        let (mut low, mut high) = (start.div_ceil(LEAF) as usize, (end / LEAF) as usize);
        if low >= high {
            return Parts { left: (start, end), states: Vec::new(), right: (end, end) };
        }
        let left = (start, low as u32 * LEAF);
        let right = (high as u32 * LEAF, end);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        let mut level = 0;
        while low < high {
            if level + 1 == self.levels.len() {
                before.extend((low..high).map(|number| (level, number)));
                break;
            }
            while low < high && low % FAN != 0 {
                before.push((level, low));
                low += 1;
            }
            while low < high && high % FAN != 0 {
                high -= 1;
                after.push((level, high));
            }
            (low, high, level) = (low / FAN, high / FAN, level + 1);
        }
        before.extend(after.into_iter().rev());
        Parts { left, states: before, right }
    }
}
