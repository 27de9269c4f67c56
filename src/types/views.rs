//! Arrays of byte views, one after another.
//!
//! A view points into one of its array's buffers. Arrays that were taken from one another share buffers, and
//! a list of buffers is copied whenever rows are taken; so what comes out has each buffer once, and where these
//! are many and not larger than needed, a few new ones.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::NullBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_data::{ByteView, MAX_INLINE_VIEW_LEN};
use base::Result;

/// Lists of buffers up to this length are cheap to copy.
const FEW: usize = 8;

/// Bytes of a buffer of copied values; offsets have 32 bits.
const LARGEST: usize = 1 << 30;

/// The rows of several arrays of byte views, one after another.
pub(crate) fn concat(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let rows = arrays.iter().map(|a| a.len()).sum();
    let (buffers, places) = distinct_buffers(arrays);
    let held: usize = buffers.iter().map(Buffer::len).sum();
    let needed: usize = arrays.iter().map(long_bytes).sum();
    let copies = buffers.len() > FEW && needed <= held;
    let mut out = Copied { buffers: Vec::new(), current: Vec::new() };
    if copies {
        out.current.reserve(needed.min(LARGEST));
    }
    let mut views: Vec<u128> = Vec::with_capacity(rows);
    let mut nulls = NullBufferBuilder::new(rows);
    for (array, places) in arrays.iter().zip(&places) {
        let array = array.as_binary_view();
        match array.nulls() {
            Some(own) => nulls.append_buffer(own),
            None => nulls.append_n_non_nulls(array.len()),
        }
        for (row, raw) in array.views().iter().enumerate() {
            if *raw as u32 <= MAX_INLINE_VIEW_LEN {
                views.push(*raw);
            } else if copies {
                let value = if array.is_null(row) { &[] } else { array.value(row) };
                views.push(out.push(value, *raw));
            } else {
                let mut view = ByteView::from(*raw);
                view.buffer_index = places[view.buffer_index as usize];
                views.push(view.into());
            }
        }
    }
    let buffers = if copies { out.finish() } else { buffers };
    let (views, nulls) = (ScalarBuffer::from(views), nulls.finish());
    let array = BinaryViewArray::try_new(views, buffers, nulls).map_err(super::column::arrow)?;
    Ok(Arc::new(array))
}

/// All buffers, each once, and for every array where its own are among them.
fn distinct_buffers(arrays: &[ArrayRef]) -> (Vec<Buffer>, Vec<Vec<u32>>) {
    let mut known: HashMap<(usize, usize), u32> = HashMap::new();
    let mut buffers: Vec<Buffer> = Vec::new();
    let mut place = |buffer: &Buffer| {
        *known.entry((buffer.as_ptr() as usize, buffer.len())).or_insert_with(|| {
            buffers.push(buffer.clone());
            buffers.len() as u32 - 1
        })
    };
    let places = arrays
        .iter()
        .map(|array| array.as_binary_view().data_buffers().iter().map(&mut place).collect())
        .collect();
    (buffers, places)
}

/// Bytes of the values that do not lie in their views.
fn long_bytes(array: &ArrayRef) -> usize {
    let lengths = array.as_binary_view().views().iter().map(|view| *view as u32);
    lengths.filter(|length| *length > MAX_INLINE_VIEW_LEN).map(|length| length as usize).sum()
}

/// Long values in buffers of their own.
struct Copied {
    buffers: Vec<Buffer>,
    current: Vec<u8>,
}

impl Copied {
    /// The view of a value that is copied; it begins as the old one does.
    fn push(&mut self, value: &[u8], old: u128) -> u128 {
        if value.is_empty() {
            return 0;
        }
        if !self.current.is_empty() && self.current.len() + value.len() > LARGEST {
            self.buffers.push(std::mem::take(&mut self.current).into());
        }
        let mut view = ByteView::from(old);
        view.buffer_index = self.buffers.len() as u32;
        view.offset = self.current.len() as u32;
        self.current.extend_from_slice(value);
        view.into()
    }

    fn finish(mut self) -> Vec<Buffer> {
        if !self.current.is_empty() {
            self.buffers.push(self.current.into());
        }
        self.buffers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{Array, ArrayRef, BinaryViewArray, UInt32Array};

    use super::{FEW, concat};

    fn array(values: &[Option<String>]) -> ArrayRef {
        let values = values.iter().map(|v| v.as_ref().map(String::as_bytes));
        Arc::new(values.collect::<BinaryViewArray>())
    }

    /// Puts arrays together in both ways; how many buffers come out of it.
    fn check(arrays: &[ArrayRef]) -> usize {
        let found = concat(arrays).unwrap();
        let plain: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let wanted = arrow_select::concat::concat(&plain).unwrap();
        assert_eq!(found.as_ref(), wanted.as_ref());
        found.as_binary_view().data_buffers().len()
    }

    fn values(from: usize) -> Vec<Option<String>> {
        let value = |n: usize| match n % 7 {
            0 => None,
            1 => Some(format!("short {n}")),
            _ => Some(format!("a value that does not lie in its view {n}")),
        };
        (from..from + 50).map(value).collect()
    }

    #[test]
    fn shared_buffers_are_kept_once() {
        let source = array(&values(0));
        let rows = UInt32Array::from(vec![3, 3, 9, 0, 49, 9]);
        let taken = arrow_select::take::take(&source, &rows, None).unwrap();
        assert_eq!(check(&vec![taken; 500]), 1);
        assert_eq!(check(&[array(&[]), array(&[None])]), 0);
    }

    #[test]
    fn many_buffers_become_few() {
        let arrays: Vec<ArrayRef> = (0..FEW + 1).map(|n| array(&values(n * 50))).collect();
        assert_eq!(check(&arrays), 1);
        assert_eq!(check(&arrays[..FEW]), FEW);
        let slices: Vec<ArrayRef> = arrays.iter().map(|a| a.slice(10, 5)).collect();
        assert_eq!(check(&slices), 1);
        // What is repeated is not copied.
        let rows = UInt32Array::from((0..5000).map(|n| n % 50).collect::<Vec<u32>>());
        let wide = arrays.iter().map(|a| arrow_select::take::take(a, &rows, None).unwrap());
        assert_eq!(check(&wide.collect::<Vec<ArrayRef>>()), FEW + 1);
    }
}
