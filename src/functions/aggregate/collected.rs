//! Accumulators that keep all values of constant size of a group and compute at the end.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use base::Result;
use expr::{Accumulator, BoundAggregate};
use types::{Column, DataType};

use super::grouped::foreign_state;
use super::lists::Lists;
use super::state_bytes::{Plain, read_length, read_version, write_varint};

/// What differs between functions that keep all their values.
pub(crate) trait Collect: Send + Sync + 'static {
    /// What is kept of a row.
    type Item: Plain;

    /// What one group gives.
    type Output;

    /// The most items that a group keeps; later ones are dropped.
    const LIMITED: bool = false;

    /// The limit where there is one.
    fn limit(&self) -> usize {
        usize::MAX
    }

    /// Calls for the rows to be kept with what is kept of them.
    fn items(
        &self,
        arguments: &[Column],
        rows: usize,
        take: &mut dyn FnMut(usize, Self::Item) -> Result<()>,
    ) -> Result<()>;

    /// The items of a block as a slice, where they lie so: for one group.
    fn slice<'a>(&self, _arguments: &'a [Column]) -> Result<Option<&'a [Self::Item]>> {
        Ok(None)
    }

    /// The result of a group's items, in the order of arrival.
    fn result(&self, items: &mut Vec<Self::Item>) -> Result<Self::Output>;

    /// The column of results.
    fn column(&self, results: Vec<Self::Output>) -> Result<ArrayRef>;
}

/// The accumulator of a [`Collect`].
pub(crate) struct Collected<F: Collect> {
    function: Arc<F>,
    lists: Lists<F::Item>,
}

/// A bound function of a return type.
pub(crate) fn collected<F: Collect>(return_type: DataType, function: F) -> BoundAggregate {
    let function = Arc::new(function);
    BoundAggregate::new(return_type, move || Collected {
        function: function.clone(),
        lists: Lists::default(),
    })
}

const VERSION: u8 = 1;

impl<F: Collect> Collected<F> {
    fn extend(&mut self, group: usize, items: &[F::Item]) -> Result<()> {
        if !F::LIMITED {
            return self.lists.extend(group, items);
        }
        let left = self.function.limit().saturating_sub(self.lists.len(group));
        self.lists.extend(group, &items[..items.len().min(left)])
    }
}

impl<F: Collect> Clone for Collected<F> {
    fn clone(&self) -> Collected<F> {
        Collected { function: self.function.clone(), lists: self.lists.clone() }
    }
}

impl<F: Collect> Accumulator for Collected<F> {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (lists, limit) = (&mut self.lists, self.function.limit());
        self.function.items(arguments, groups.len(), &mut |row, item| {
            let group = groups[row] as usize;
            if F::LIMITED && lists.len(group) >= limit {
                return Ok(());
            }
            lists.push(group, item)
        })
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        if let Some(items) = self.function.slice(arguments)? {
            return self.extend(group as usize, items);
        }
        let mut items = Vec::with_capacity(rows);
        self.function.items(arguments, rows, &mut |_, item| {
            items.push(item);
            Ok(())
        })?;
        self.extend(group as usize, &items)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Collected<F>>().ok_or_else(foreign_state)?;
        for (at, group) in groups.iter().enumerate() {
            for chunk in other.lists.chunks(at) {
                self.extend(*group as usize, chunk)?;
            }
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.lists.len(group) as u64, out);
        self.lists.chunks(group).flatten().for_each(|item| item.write(out));
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        let length = read_length(bytes, F::Item::BYTES)?;
        let items: Vec<F::Item> =
            (0..length).map(|_| F::Item::read(bytes)).collect::<Result<_>>()?;
        self.extend(group as usize, &items)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let mut items = Vec::new();
        let mut results = Vec::with_capacity(groups.len());
        for group in groups {
            self.lists.copy(group, &mut items);
            results.push(self.function.result(&mut items)?);
        }
        self.function.column(results)
    }

    fn memory(&self) -> usize {
        self.lists.memory()
    }
}
