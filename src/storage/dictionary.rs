//! The dictionary of a column of strings or integers within one part: its sorted distinct values.
//!
//! ```text
//! block      := stored bytes as the directory says; LZ4 or ZSTD where that is shorter
//!   raw      := count lengths of 1, 2 or 4 bytes each (little-endian), then the values;
//!               of integers the values only, big-endian, of signed ones with the sign bit turned
//! directory  := number of blocks, block...
//!   block    := offset - end of the block before (signed), stored length, raw length, count,
//!               width of a length (0 of integers), + 128 for LZ4 (u8), crc32c of what is stored (u32),
//!               separator (length, bytes)
//! ```
//!
//! A separator is the shortest text that is greater than every value of the blocks before and
//! not greater than the first value of its own, so that a value is found by reading one block.

mod blocks;
pub(crate) mod cache;
pub(crate) mod numbers;
pub(crate) mod order;
pub(crate) mod table;
mod writer;

use std::fmt;
use std::sync::{Arc, Weak};

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use arrow_buffer::Buffer;
use base::disk::FileView;
use base::{Result, bail, error};
use parking_lot::Mutex;
use types::{Dictionary, MemoryDictionary};

use crate::part::layout::DictionaryEntry;
use blocks::BlockEntry;
use cache::DictionaryCache;
use numbers::Numbers;

pub(crate) use writer::DictionaryWriter;

/// The dictionary of a column of a part. Blocks are read singly; the whole in decoded form is kept
/// in a cache of bounded size that all parts of a store share.
pub struct PartDictionary {
    id: u64,
    entries: u32,
    has_empty: bool,
    /// Of a dictionary of integers: how they are kept.
    numbers: Option<Numbers>,
    /// All integers while somebody holds them.
    held: Mutex<Option<Weak<dyn Array>>>,
    blocks: Vec<BlockEntry>,
    file: Arc<dyn FileView>,
    /// The file and column, for errors.
    place: String,
    cache: Arc<DictionaryCache>,
}

impl fmt::Debug for PartDictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartDictionary of {} values in {} blocks", self.entries, self.blocks.len())
    }
}

impl Drop for PartDictionary {
    fn drop(&mut self) {
        self.cache.forget(self.id);
    }
}

/// The blocks of a decoded dictionary share buffers of about this size: views hold 32-bit offsets, and
/// memory that one dictionary leaves is then of use to the next.
const DECODED_BUFFER: usize = 16 << 20;

impl PartDictionary {
    /// Reads the directory of a dictionary.
    pub(crate) fn open(
        entry: &DictionaryEntry,
        numbers: Option<Numbers>,
        file: Arc<dyn FileView>,
        place: String,
        cache: Arc<DictionaryCache>,
    ) -> Result<PartDictionary> {
        let bytes = entry.directory.read(file.as_ref())?;
        let blocks = blocks::decode_directory(&bytes, entry.entries, numbers.map(Numbers::width))?;
        let dictionary = PartDictionary {
            id: MemoryDictionary::new_id(),
            entries: entry.entries,
            has_empty: entry.has_empty,
            numbers,
            held: Mutex::default(),
            blocks,
            file,
            place,
            cache,
        };
        dictionary.cache.opened(dictionary.id, dictionary.decoded_bytes());
        Ok(dictionary)
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Whether the empty string is one of the values; its code is 0 then.
    pub fn has_empty(&self) -> bool {
        self.has_empty
    }

    /// The values of one block, as part of the whole if that is decoded. Whoever comes back to the blocks
    /// of a dictionary that were all read before finds the whole decoded, if the cache keeps it.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA with the file's name
    fn block_values(&self, block: usize) -> Result<ArrayRef> {
        if self.numbers.is_some() {
            return self.read_block(block);
        }
        let share = self.share(1);
        let whole = match self.cache.get(self.id, share) {
            Some(values) => values,
            None if self.cache.would_keep(self.id, self.decoded_bytes(), 1.0 + share) => {
                self.whole(0.0)?
            }
            None => return self.read_block(block),
        };
        let entry = self.entry(block)?;
        Ok(whole.slice(entry.first_code as usize, entry.count as usize))
    }

    /// Which part of the dictionary so many blocks are.
    fn share(&self, blocks: usize) -> f64 {
        blocks.min(self.blocks.len()) as f64 / self.blocks.len().max(1) as f64
    }

    /// All values, of which a share is read.
    fn whole(&self, share: f64) -> Result<ArrayRef> {
        let decode = || self.decode().map_err(|e| e.within(&self.place));
        if self.numbers.is_none() {
            return self.cache.get_or_decode(self.id, self.decoded_bytes(), share, decode);
        }
        // Integers are looked up page by page: what one of these has decoded must not be decoded again.
        if let Some(held) = self.held.lock().as_ref().and_then(Weak::upgrade) {
            return Ok(held);
        }
        let values = self.cache.get_or_decode(self.id, self.decoded_bytes(), share, decode)?;
        *self.held.lock() = Some(Arc::downgrade(&values));
        Ok(values)
    }

    /// The values of a block as the array that callers of [`Dictionary`] expect.
    fn typed(&self, values: ArrayRef) -> ArrayRef {
        let Some(numbers) = self.numbers else { return values };
        let mut ordinals = Vec::with_capacity(values.len());
        for value in values.as_binary_view().iter().flatten() {
            numbers.read(value, &mut ordinals);
        }
        numbers.array(ordinals.into_iter(), None)
    }

    /// Reads and decodes one block, without the cache; integers come as their bytes.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA with the file's name
    pub(crate) fn read_block(&self, block: usize) -> Result<ArrayRef> {
        self.load_block(block).map_err(|e| e.within(&self.place))
    }

    fn load_block(&self, block: usize) -> Result<ArrayRef> {
        let entry = self.entry(block)?;
        let raw = Buffer::from_vec(entry.load(self.file.as_ref())?);
        let mut views = Vec::with_capacity(entry.count as usize);
        entry.views(&raw, 0, 0, &mut views)?;
        Ok(Arc::new(view_array(views, vec![raw])?))
    }

    /// The code of a value; where there is none, the code that the next greater value has (the number of
    /// values past the last one).
    pub fn find(&self, value: &[u8]) -> Result<std::result::Result<u32, u32>> {
        let after = self.blocks.partition_point(|b| b.separator.as_ref() <= value);
        let Some(block) = after.checked_sub(1) else { return Ok(Err(0)) };
        let first_code = self.entry(block)?.first_code;
        let values = self.block_values(block)?;
        let values = values.as_binary_view();
        let (mut low, mut high) = (0, values.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if values.value(middle) < value { low = middle + 1 } else { high = middle }
        }
        let code = first_code + low as u32;
        let found = low < values.len() && values.value(low) == value;
        Ok(if found { Ok(code) } else { Err(code) })
    }

    /// The code of an integer; where there is none, the code that the next greater one has.
    ///
    /// # Errors
    /// CHECKSUM_DOESNT_MATCH, CORRUPTED_DATA; LOGICAL_ERROR where values are strings.
    pub fn find_number(&self, value: i128) -> Result<std::result::Result<u32, u32>> {
        let Some(numbers) = self.numbers else {
            bail!(LogicalError, "a number is looked for among strings");
        };
        match numbers.ordinal_of(value) {
            Ok(ordinal) => {
                let (bytes, skipped) = numbers.bytes(ordinal);
                self.find(&bytes[skipped..])
            }
            Err(below) => Ok(Err(if below { 0 } else { self.entries })),
        }
    }

    /// All integers, ascending, as ordinals.
    pub(crate) fn ordinals(&self) -> Result<Vec<u64>> {
        let Some(numbers) = self.numbers else {
            bail!(LogicalError, "ordinals of a dictionary of strings");
        };
        numbers.ordinals(&self.whole(0.0)?)
    }

    /// Checks every block; errors do not name the file.
    pub(crate) fn check(&self) -> Result<()> {
        (0..self.blocks.len()).try_for_each(|block| self.load_block(block).map(drop))
    }

    fn entry(&self, block: usize) -> Result<&BlockEntry> {
        self.blocks
            .get(block)
            .ok_or_else(|| error!(LogicalError, "a dictionary has no block {block}"))
    }

    fn block_of(&self, code: u32) -> Result<usize> {
        if code >= self.entries {
            bail!(CorruptedData, "code {code} is past the {} of its dictionary", self.entries);
        }
        Ok(self.blocks.partition_point(|b| b.first_code <= code) - 1)
    }

    /// Bytes of memory that the decoded whole takes, about.
    fn decoded_bytes(&self) -> usize {
        let raw: u64 = self.blocks.iter().map(|b| u64::from(b.raw)).sum();
        // Integers lie as they are, strings have views.
        let views = if self.numbers.is_some() { 0 } else { self.entries as usize };
        raw as usize + views * size_of::<u128>()
    }

    /// The values of codes in ascending order with their places among `len` rows, from single blocks.
    fn lookup_singly(&self, len: usize, order: &[(u32, u32)]) -> Result<ArrayRef> {
        let mut found: Vec<(usize, usize)> = vec![(0, 0); len];
        let mut loaded: Vec<ArrayRef> = Vec::new();
        let mut open = None;
        for (code, row) in order {
            let block = self.block_of(*code)?;
            if open != Some(block) {
                loaded.push(self.read_block(block)?);
                open = Some(block);
            }
            let within = code - self.blocks[block].first_code;
            found[*row as usize] = (loaded.len() - 1, within as usize);
        }
        let mut out = BinaryViewBuilder::with_capacity(len);
        for (array, row) in found {
            out.append_value(loaded[array].as_binary_view().value(row));
        }
        Ok(self.typed(Arc::new(out.finish())))
    }

    /// Decodes everything into few large buffers.
    fn decode(&self) -> Result<ArrayRef> {
        let mut buffers: Vec<Vec<u8>> = Vec::new();
        for group in self.groups() {
            buffers.push(vec![0; group.iter().map(|b| b.raw as usize).sum()]);
        }
        let mut pieces = Vec::with_capacity(self.blocks.len());
        for (group, buffer) in self.groups().zip(&mut buffers) {
            let mut rest = buffer.as_mut_slice();
            for block in group {
                let (piece, after) = rest.split_at_mut(block.raw as usize);
                pieces.push((block, piece));
                rest = after;
            }
        }
        let load =
            |(block, piece): (&BlockEntry, &mut [u8])| block.load_into(self.file.as_ref(), piece);
        if pieces.len() < 8 {
            pieces.into_iter().try_for_each(load)?;
        } else {
            use rayon::iter::{IntoParallelIterator, ParallelIterator};
            self.cache.pool().install(|| pieces.into_par_iter().try_for_each(load))?;
        }
        if let (Some(first), Some(last)) = (self.blocks.first(), self.blocks.last()) {
            let length = (last.offset + u64::from(last.stored)).saturating_sub(first.offset);
            self.file.release(first.offset, usize::try_from(length).unwrap_or(usize::MAX));
        }
        if let Some(numbers) = self.numbers {
            let mut ordinals = Vec::with_capacity(self.entries as usize);
            buffers.iter().for_each(|bytes| numbers.read(bytes, &mut ordinals));
            return Ok(numbers.array(ordinals.into_iter(), None));
        }
        let buffers: Vec<Buffer> = buffers.into_iter().map(Buffer::from_vec).collect();
        let mut views = Vec::with_capacity(self.entries as usize);
        for (number, (group, buffer)) in self.groups().zip(&buffers).enumerate() {
            let mut offset = 0;
            for block in group {
                block.views(buffer, number as u32, offset, &mut views)?;
                offset += block.raw as usize;
            }
        }
        Ok(Arc::new(view_array(views, buffers)?))
    }

    /// The blocks that share a buffer: about `DECODED_BUFFER` raw bytes, or a single larger block.
    fn groups(&self) -> impl Iterator<Item = &[BlockEntry]> {
        let mut rest = self.blocks.as_slice();
        std::iter::from_fn(move || {
            let mut size = 0usize;
            let fitting = rest
                .iter()
                .take_while(|block| {
                    size += block.raw as usize;
                    size <= DECODED_BUFFER
                })
                .count();
            let (group, after) = rest.split_at_checked(fitting.max(1))?;
            rest = after;
            Some(group)
        })
    }
}

fn view_array(views: Vec<u128>, buffers: Vec<Buffer>) -> Result<BinaryViewArray> {
    BinaryViewArray::try_new(views.into(), buffers, None)
        .map_err(|e| error!(CorruptedData, "a dictionary's values: {e}"))
}

impl Dictionary for PartDictionary {
    fn id(&self) -> u64 {
        self.id
    }

    fn len(&self) -> usize {
        self.entries as usize
    }

    fn values(&self) -> Result<ArrayRef> {
        // Who asks for all values may look at few: granules do so one after another.
        self.whole(self.share(self.blocks.len() / 8 + 1))
    }

    fn range(&self, first: usize, length: usize) -> Result<ArrayRef> {
        let Some(last) = (first + length).checked_sub(1).filter(|_| length > 0) else {
            let none = arrow_array::new_empty_array(&arrow_schema::DataType::BinaryView);
            return Ok(self.typed(none));
        };
        let blocks = self.block_of(first as u32)?..self.block_of(last as u32)? + 1;
        let share = self.share(blocks.len());
        let whole = match self.cache.get(self.id, share) {
            Some(values) => values,
            None if self.cache.would_keep(self.id, self.decoded_bytes(), share) => {
                self.whole(0.0)?
            }
            None => {
                let skipped = first - self.blocks[blocks.start].first_code as usize;
                let blocks = blocks.map(|b| self.read_block(b)).collect::<Result<Vec<_>>>()?;
                let blocks: Vec<&dyn Array> = blocks.iter().map(AsRef::as_ref).collect();
                let values = arrow_select::concat::concat(&blocks)
                    .map_err(|e| error!(LogicalError, "values of a dictionary: {e}"))?;
                return Ok(self.typed(values.slice(skipped, length)));
            }
        };
        Ok(whole.slice(first, length))
    }

    fn lookup(&self, codes: &[u32]) -> Result<ArrayRef> {
        if let Some(values) = self.cache.get(self.id, self.share(codes.len())) {
            return take(&values, codes);
        }
        if let Some(held) = self.held.lock().as_ref().and_then(Weak::upgrade) {
            return take(&held, codes);
        }
        let mut order: Vec<(u32, u32)> =
            codes.iter().enumerate().map(|(row, code)| (*code, row as u32)).collect();
        order.sort_unstable();
        let mut touched = 0usize;
        let mut next_code = 0;
        for (code, _) in &order {
            if *code >= next_code {
                let block = &self.blocks[self.block_of(*code)?];
                next_code = block.first_code + block.count;
                touched += 1;
            }
        }
        // As in ski rental: once single reads have cost as much as decoding the whole, the whole is decoded,
        // so that all reads together cost at most twice what was needed.
        let most = touched * 2 > self.blocks.len() && self.decoded_bytes() <= self.cache.limit();
        if most || self.cache.would_keep(self.id, self.decoded_bytes(), 0.5) {
            return take(&self.whole(0.0)?, codes);
        }
        self.lookup_singly(codes.len(), &order)
    }
}

fn take(values: &ArrayRef, codes: &[u32]) -> Result<ArrayRef> {
    let codes = arrow_array::UInt32Array::from(codes.to_vec());
    let options = arrow_select::take::TakeOptions { check_bounds: true };
    arrow_select::take::take(values, &codes, Some(options))
        .map_err(|e| error!(CorruptedData, "a code without a value: {e}"))
}
