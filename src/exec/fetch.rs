//! The columns of single rows of parts, once it is known which rows are wanted.

use std::sync::Arc;

use base::Result;
use parking_lot::Mutex;
use types::Block;

use crate::context::ExecContext;
use crate::scan::{GranuleReader, PreparedScan};
use crate::scheduler::Step;

/// Where a row lies: part, granule, row within it.
pub(crate) type Place = (u32, u32, u16);

/// Granules that are read without other threads: waking these would take longer.
const FEW: usize = 16;

/// Part, granule, and rows of it with their places in the order.
type RowsOfGranule = (u32, u32, Vec<(u16, usize)>);

/// All visible columns of some rows, in their order.
pub(crate) fn fetch(
    prepared: &Arc<PreparedScan>,
    places: &[Place],
    context: &Arc<ExecContext>,
) -> Result<Block> {
    let mut by_granule: Vec<RowsOfGranule> = Vec::new();
    for (at, (part, granule, row)) in places.iter().enumerate() {
        match by_granule.iter_mut().find(|(p, g, _)| p == part && g == granule) {
            Some((.., rows)) => rows.push((*row, at)),
            None => by_granule.push((*part, *granule, vec![(*row, at)])),
        }
    }
    let done = fetch_granules(prepared, by_granule, context)?;
    let mut order = vec![0u32; places.len()];
    let mut next = 0;
    for (_, targets) in &done {
        for target in targets {
            order[*target] = next;
            next += 1;
        }
    }
    let blocks: Vec<Block> = done.into_iter().map(|(block, _)| block).collect();
    if blocks.is_empty() {
        return Ok(Block::new(Vec::new(), 0));
    }
    let all = Block::concat(&blocks)?;
    if all.columns().is_empty() {
        return Ok(all);
    }
    all.take(&order.into())
}

/// The visible columns of some rows, granule by granule, and the places of these in the order.
fn fetch_granules(
    prepared: &Arc<PreparedScan>,
    granules: Vec<RowsOfGranule>,
    context: &Arc<ExecContext>,
) -> Result<Vec<(Block, Vec<usize>)>> {
    type Done = Vec<(Block, Vec<usize>)>;
    if granules.len() <= FEW {
        let reader = GranuleReader::new(prepared.clone());
        return granules.into_iter().map(|rows| fetch_one(&reader, prepared, rows)).collect();
    }
    let lanes = context.settings.threads.clamp(1, granules.len());
    let lanes = (0..lanes).map(|_| (GranuleReader::new(prepared.clone()), Done::new()));
    let waiting = Mutex::new(granules);
    let (own, prepared) = (context.clone(), prepared.clone());
    let lanes = context.scheduler.run(
        lanes.collect(),
        move |(reader, done): &mut (GranuleReader, Done)| {
            own.cancel.check()?;
            let Some(rows) = waiting.lock().pop() else { return Ok(Step::Done) };
            done.push(fetch_one(reader, &prepared, rows)?);
            Ok(Step::Again)
        },
    )?;
    Ok(lanes.into_iter().flat_map(|(_, done)| done).collect())
}

fn fetch_one(
    reader: &GranuleReader,
    prepared: &PreparedScan,
    (part, granule, mut rows): RowsOfGranule,
) -> Result<(Block, Vec<usize>)> {
    rows.sort_unstable();
    let selection = Some(rows.iter().map(|(row, _)| *row).collect::<Vec<u16>>());
    let visible: Vec<usize> = (0..prepared.visible).collect();
    let part = &prepared.parts[part as usize];
    let block = reader.some_columns(part, granule as usize, &selection, &visible, &[])?;
    Ok((block, rows.into_iter().map(|(_, at)| at).collect()))
}
