//! Blocks of a plan for a consumer that may be slow.

use std::collections::VecDeque;
use std::sync::Arc;

use base::Result;
use parking_lot::Mutex;
use plan::Plan;
use types::Block;

use super::{BlockReader, Source, execute, lane_count};
use crate::context::ExecContext;
use crate::scheduler::{Run, Step};

/// Runs a plan and hands its blocks to `consume` in the calling thread as they come. At most a few blocks
/// wait; then the lanes are parked until `consume` has taken one.
pub fn stream(
    plan: Plan,
    context: &Arc<ExecContext>,
    consume: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let source = execute(plan, context)?;
    stream_source(source.as_ref(), context, consume)
}

/// Hands a source's blocks to `consume` in the calling thread as they come.
pub(crate) fn stream_source(
    source: &dyn Source,
    context: &Arc<ExecContext>,
    consume: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    let count = lane_count(source, context);
    if count == 1 && source.rows().is_some_and(|rows| rows <= 4 * context.settings.block_rows) {
        let mut reader = source.reader()?;
        while let Some(block) = reader.next()? {
            context.cancel.check()?;
            if block.rows() > 0 {
                consume(block)?;
            }
        }
        return Ok(());
    }
    let capacity = count * 4;
    let waiting: Arc<Mutex<VecDeque<Block>>> = Arc::new(Mutex::new(VecDeque::new()));
    let readers: Vec<Box<dyn BlockReader>> =
        (0..count).map(|_| source.reader()).collect::<Result<_>>()?;
    let (own, queue) = (context.clone(), waiting.clone());
    let run = context.scheduler.start(readers, move |reader: &mut Box<dyn BlockReader>| {
        own.cancel.check()?;
        if queue.lock().len() >= capacity {
            return Ok(Step::Park);
        }
        match reader.next()? {
            None => Ok(Step::Done),
            Some(block) => {
                if block.rows() == 0 {
                    return Ok(Step::Again);
                }
                queue.lock().push_back(block);
                Ok(Step::Gave)
            }
        }
    });
    let outcome = drain(&run, &waiting, consume);
    if outcome.is_err() {
        context.cancel.cancel();
        Run::wake(&run);
        while !run.is_over() {
            run.pause();
        }
    }
    outcome
}

fn drain(
    run: &Arc<Run<Box<dyn BlockReader>>>,
    waiting: &Mutex<VecDeque<Block>>,
    consume: &mut dyn FnMut(Block) -> Result<()>,
) -> Result<()> {
    loop {
        if let Some(error) = run.error() {
            return Err(error);
        }
        let next = waiting.lock().pop_front();
        match next {
            Some(block) => {
                Run::wake(run);
                consume(block)?;
            }
            None if run.is_over() => {
                if let Some(error) = run.error() {
                    return Err(error);
                }
                // A block may have come between the look and the end.
                match waiting.lock().pop_front() {
                    Some(block) => consume(block)?,
                    None => return Ok(()),
                }
            }
            None => {
                Run::wake(run);
                run.pause();
            }
        }
    }
}
