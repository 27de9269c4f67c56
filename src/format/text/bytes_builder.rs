//! Builds BinaryView arrays from pieces of text that are written in place.

use arrow_array::BinaryViewArray;
use arrow_array::builder::make_view;
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use base::{Error, Result};

/// A buffer is closed when it has so many bytes.
const FULL: usize = 1 << 20;

/// Strings of a column. A value is appended either whole or through [`BytesBuilder::open`].
#[derive(Debug, Default)]
pub(crate) struct BytesBuilder {
    views: Vec<u128>,
    full: Vec<Buffer>,
    current: Vec<u8>,
    /// Where the open value starts in `current`.
    start: usize,
}

impl BytesBuilder {
    pub(crate) fn len(&self) -> usize {
        self.views.len()
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        self.views.len() * 16
            + self.current.len()
            + self.full.iter().map(Buffer::len).sum::<usize>()
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn push(&mut self, value: &[u8]) {
        if value.len() <= 12 {
            self.views.push(make_view(value, 0, 0));
        } else {
            self.open().extend_from_slice(value);
            self.close();
        }
    }

    /// The buffer to which the bytes of the next value are appended before [`Self::close`];
    /// what was opened and not closed is given up.
    #[inline]
    pub(crate) fn open(&mut self) -> &mut Vec<u8> {
        self.current.truncate(self.start);
        if self.start >= FULL {
            let next = Vec::with_capacity(FULL + FULL / 4);
            self.full.push(Buffer::from_vec(std::mem::replace(&mut self.current, next)));
            self.start = 0;
        }
        &mut self.current
    }

    /// Ends the open value.
    #[inline]
    pub(crate) fn close(&mut self) {
        let value = &self.current[self.start..];
        if value.len() <= 12 {
            self.views.push(make_view(value, 0, 0));
            self.current.truncate(self.start);
        } else {
            self.views.push(make_view(value, self.full.len() as u32, self.start as u32));
            self.start = self.current.len();
        }
    }

    /// Forgets the values from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.views.truncate(len);
        self.current.truncate(self.start);
    }

    /// The array; the builder is empty again.
    pub(crate) fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<BinaryViewArray> {
        self.current.truncate(self.start);
        let mut buffers = std::mem::take(&mut self.full);
        if !self.current.is_empty() {
            buffers.push(Buffer::from_vec(std::mem::take(&mut self.current)));
        }
        self.start = 0;
        let views = ScalarBuffer::from(std::mem::take(&mut self.views));
        BinaryViewArray::try_new(views, buffers, nulls)
            .map_err(|e| Error::logical(format!("strings of a column: {e}")))
    }
}
