//! Rows whose value lies in a range, found on encoded values.

use base::Result;

use super::runs::RunList;
use super::{Vectors, decode, dictionary, sparse};
use crate::VECTOR;
use crate::hits::Hits;
use crate::node::{Kind, Node};
use crate::word::Word;

/// A range of words in the order of `value ^ flip`: from `low` over `span` more values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range<W> {
    /// The least value, as it is stored.
    pub(crate) low: W,
    /// The greatest less the least.
    pub(crate) span: W,
}

impl<W: Word> Range<W> {
    /// The values of a type within `low..=high`; None when there are none.
    pub(crate) fn new(low: i128, high: i128, signed: bool) -> Option<Range<W>> {
        let bits = W::BITS as u32;
        let (least, greatest) = if signed {
            (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
        } else {
            (0, (1_i128 << bits) - 1)
        };
        let (low, high) = (low.max(least), high.min(greatest));
        (low <= high)
            .then(|| Range { low: W::from_u64(low as u64), span: W::from_u64((high - low) as u64) })
    }

    fn holds(&self, value: W) -> bool {
        value.minus(self.low) <= self.span
    }
}

/// Appends the rows whose value lies in the range, whether NULL or not.
pub(crate) fn select_range<W: Word>(
    node: &Node<'_>,
    range: Range<W>,
    selection: &mut Vec<u16>,
) -> Result<()> {
    match node.kind {
        Kind::AllNull => {}
        Kind::Constant => {
            if range.holds(W::from_bytes(node.body)) {
                selection.extend((0..node.rows).map(|row| row as u16));
            }
        }
        Kind::Runs => {
            select_runs(&RunList::read(&mut node.reader(), node.rows)?, range, selection);
        }
        Kind::DictionaryRuns => {
            select_runs(&dictionary::read_runs(&mut node.reader(), node.rows)?, range, selection);
        }
        Kind::Dictionary => select_codes(node, range, selection)?,
        Kind::Sparse => {
            let parts = sparse::Sparse::<W>::open(node)?;
            if range.holds(parts.top) {
                select_values(&decode::<W>(node)?, range, selection);
            } else {
                let others = decode::<W>(&parts.others)?;
                let held = parts.places.iter().zip(others).filter(|(_, value)| range.holds(*value));
                selection.extend(held.map(|(place, _)| *place as u16));
            }
        }
        _ => select_vectors(node, range, selection)?,
    }
    Ok(())
}

/// Leaves those of some rows, ascending and each less than the node's rows, whose value lies in the range, whether
/// NULL or not (none where all are).
pub(crate) fn refine_range<W: Word>(
    node: &Node<'_>,
    range: Range<W>,
    selection: &mut Vec<u16>,
) -> Result<()> {
    if let Kind::AllNull = node.kind {
        selection.clear();
        return Ok(());
    }
    if let Kind::Dictionary = node.kind {
        let parts = dictionary::Dictionary::<W>::open(&mut node.reader(), node.rows)?;
        let held: Vec<bool> = parts.values.iter().map(|value| range.holds(*value)).collect();
        let mut buffer = [0_u16; VECTOR];
        refine_vectors(selection, |vector, rows| {
            parts.codes.read_vector(vector, &mut buffer);
            keep(rows, |at| held.get(usize::from(buffer[at])) == Some(&true))
        });
        return Ok(());
    }
    if let Some(vectors) = Vectors::<W>::open(node)? {
        let mut buffer = [W::default(); VECTOR];
        refine_vectors(selection, |vector, rows| {
            vectors.read(vector, &mut buffer);
            keep(rows, |at| range.holds(buffer[at]))
        });
        return Ok(());
    }
    let values = super::decode_selected::<W>(node, selection)?;
    let mut values = values.iter();
    selection.retain(|_| values.next().is_some_and(|value| range.holds(*value)));
    Ok(())
}

/// Goes through the rows vector by vector; `refine` moves those that are left to the front and says how many.
fn refine_vectors(selection: &mut Vec<u16>, mut refine: impl FnMut(usize, &mut [u16]) -> usize) {
    let (mut from, mut kept) = (0, 0);
    while let Some(first) = selection.get(from) {
        let vector = usize::from(*first) / VECTOR;
        let here = selection[from..].partition_point(|row| usize::from(*row) / VECTOR <= vector);
        let left = refine(vector, &mut selection[from..from + here]);
        selection.copy_within(from..from + left, kept);
        (from, kept) = (from + here, kept + left);
    }
    selection.truncate(kept);
}

/// Moves the rows that hold to the front; `holds` is asked by the place in the vector.
fn keep(rows: &mut [u16], mut holds: impl FnMut(usize) -> bool) -> usize {
    let mut kept = 0;
    for at in 0..rows.len() {
        // Branch-free: the slot is written always and kept where the row holds.
        let row = rows[at];
        rows[kept] = row;
        kept += usize::from(holds(usize::from(row) % VECTOR));
    }
    kept
}

fn select_runs<W: Word>(runs: &RunList<W>, range: Range<W>, selection: &mut Vec<u16>) {
    let mut start = 0;
    for (value, end) in runs.values.iter().zip(&runs.ends) {
        if range.holds(*value) {
            selection.extend((start..*end).map(|row| row as u16));
        }
        start = *end;
    }
}

fn select_values<W: Word>(values: &[W], range: Range<W>, selection: &mut Vec<u16>) {
    let mut flags = [0_u8; VECTOR];
    let mut hits = Hits::new(selection, values.len());
    for (vector, values) in values.chunks(VECTOR).enumerate() {
        W::within(values, range.low, range.span, &mut flags);
        hits.append(&mut flags, values.len(), vector * VECTOR);
    }
    hits.finish();
}

/// A range of values is one of codes, or two where it spans both ends of the order of values.
fn select_codes<W: Word>(node: &Node<'_>, range: Range<W>, selection: &mut Vec<u16>) -> Result<()> {
    let parts = dictionary::Dictionary::<W>::open(&mut node.reader(), node.rows)?;
    let held: Vec<bool> = parts.values.iter().map(|value| range.holds(*value)).collect();
    let Some(first) = held.iter().position(|held| *held) else { return Ok(()) };
    let count = held[first..].iter().take_while(|held| **held).count();
    let one_stretch = !held[first + count..].contains(&true);
    let mut flags = [0_u8; VECTOR];
    let mut buffer = [0_u16; VECTOR];
    let mut hits = Hits::new(selection, node.rows);
    for vector in 0..node.rows.div_ceil(VECTOR) {
        let codes = parts.codes.read_vector(vector, &mut buffer);
        if one_stretch {
            u16::within(codes, first as u16, (count - 1) as u16, &mut flags);
        } else {
            for (flag, code) in flags.iter_mut().zip(codes) {
                *flag = u8::from(held.get(usize::from(*code)) == Some(&true));
            }
        }
        hits.append(&mut flags, codes.len(), vector * VECTOR);
    }
    hits.finish();
    Ok(())
}

fn select_vectors<W: Word>(
    node: &Node<'_>,
    range: Range<W>,
    selection: &mut Vec<u16>,
) -> Result<()> {
    let Some(vectors) = Vectors::<W>::open(node)? else {
        select_values(&decode::<W>(node)?, range, selection);
        return Ok(());
    };
    let mut flags = [0_u8; VECTOR];
    let mut buffer = [W::default(); VECTOR];
    let mut hits = Hits::new(selection, node.rows);
    for vector in 0..node.rows.div_ceil(VECTOR) {
        let values = vectors.read(vector, &mut buffer);
        W::within(values, range.low, range.span, &mut flags);
        hits.append(&mut flags, values.len(), vector * VECTOR);
    }
    hits.finish();
    Ok(())
}
