//! `-Distinct`: each different row of arguments once. The rows are kept and given to the
//! function inside at the end, so that states merge.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::Result;
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::Column;

use super::subgroups::Subgroups;
use crate::aggregate::encoded::Encoding;
use crate::aggregate::grouped::foreign_state;
use crate::aggregate::state_bytes::{
    read_length, read_string, read_version, write_string, write_varint,
};

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let bound = super::inner(registry, context, name, call, call.types)?;
    let encoding = Encoding::new(call.types);
    let create = bound.create;
    Ok(BoundAggregate::new(bound.return_type, move || Distinct {
        create: create.clone(),
        encoding: encoding.clone(),
        rows: Subgroups::default(),
    }))
}

#[derive(Clone)]
struct Distinct {
    create: Arc<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>,
    encoding: Encoding,
    rows: Subgroups,
}

const VERSION: u8 = 1;

/// Rows that are decoded at a time.
const BATCH: usize = 8192;

impl Accumulator for Distinct {
    fn resize(&mut self, groups: usize) {
        self.rows.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let rows = &mut self.rows;
        self.encoding.for_each(arguments, groups.len(), |row, bytes| {
            rows.number(groups[row], bytes).map(|_| ())
        })
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Distinct>().ok_or_else(foreign_state)?;
        for number in 0..other.rows.len() {
            let (group, row) = other.rows.pair(number);
            if let Some(into) = groups.get(group as usize) {
                self.rows.number(*into, row)?;
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.rows.count(group) as u64, out);
        for number in self.rows.of_group(group) {
            write_string(self.rows.pair(number as usize).1, out);
        }
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        for _ in 0..read_length(bytes, 1)? {
            let row = read_string(bytes)?;
            self.encoding.check(row)?;
            self.rows.number(group, row)?;
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let mut inner = (self.create)();
        inner.resize(groups.len());
        let mut of = Vec::new();
        let mut numbers = Vec::new();
        for (at, group) in groups.clone().enumerate() {
            for number in self.rows.of_group(group) {
                of.push(at as u32);
                numbers.push(number as usize);
            }
        }
        for (of, numbers) in of.chunks(BATCH).zip(numbers.chunks(BATCH)) {
            let rows = numbers.iter().map(|number| self.rows.pair(*number).1);
            let columns = self.encoding.columns(rows)?;
            let columns: Vec<Column> = columns.into_iter().map(Column::Flat).collect();
            inner.update(of, &columns)?;
        }
        inner.finish(0..groups.len())
    }

    fn memory(&self) -> usize {
        self.rows.memory()
    }
}
