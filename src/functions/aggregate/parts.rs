//! A function made of several others over the same rows, whose results it puts together.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::Result;
use expr::Accumulator;
use types::Column;

use super::grouped::foreign_state;
use super::state_bytes::read_version;

/// Which arguments a part is given.
#[derive(Debug, Clone)]
pub(crate) enum Takes {
    /// All of them.
    All,
    /// None of them: it counts rows.
    None,
}

type Join = Arc<dyn Fn(Vec<ArrayRef>) -> Result<ArrayRef> + Send + Sync>;

/// Accumulators side by side.
#[derive(Clone)]
pub(crate) struct Parts {
    parts: Vec<(Box<dyn Accumulator>, Takes)>,
    join: Join,
}

const VERSION: u8 = 1;

impl Parts {
    /// Of parts and what makes one column of their columns.
    pub(crate) fn new(
        parts: Vec<(Box<dyn Accumulator>, Takes)>,
        join: impl Fn(Vec<ArrayRef>) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Parts {
        Parts { parts, join: Arc::new(join) }
    }
}

fn taken<'a>(takes: &Takes, arguments: &'a [Column]) -> &'a [Column] {
    match takes {
        Takes::All => arguments,
        Takes::None => &[],
    }
}

impl Accumulator for Parts {
    fn resize(&mut self, groups: usize) {
        self.parts.iter_mut().for_each(|(part, _)| part.resize(groups));
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        self.parts
            .iter_mut()
            .try_for_each(|(part, takes)| part.update(groups, taken(takes, arguments)))
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        self.parts
            .iter_mut()
            .try_for_each(|(part, takes)| part.update_one(group, taken(takes, arguments), rows))
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Parts>().ok_or_else(foreign_state)?;
        for ((part, _), (from, _)) in self.parts.iter_mut().zip(&other.parts) {
            part.merge(groups, from.as_ref())?;
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        self.parts.iter().try_for_each(|(part, _)| part.serialize(group, out))
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        self.parts.iter_mut().try_for_each(|(part, _)| part.deserialize(group, bytes))
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let columns =
            self.parts.iter_mut().map(|(p, _)| p.finish(groups.clone())).collect::<Result<_>>()?;
        (self.join)(columns)
    }

    fn memory(&self) -> usize {
        self.parts.iter().map(|(part, _)| part.memory()).sum()
    }
}
