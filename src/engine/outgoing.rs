//! An answer on its way out: blocks become bytes of its format, which are sent piece by piece.
//!
//! The head goes before the first piece, so that what is only known once the query runs is in it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use base::Result;
use exec::Counters;
use format::{BlockWriter, Statistics};
use types::Block;

use crate::request::{Head, Kept, Output};

/// Bytes of an answer that are gathered before they are sent on.
const CHUNK: usize = 64 << 10;

/// An answer on its way out.
pub(crate) struct Outgoing<'o> {
    pub(crate) writer: Box<dyn BlockWriter>,
    output: &'o mut dyn Output,
    head: Option<Head>,
    counters: Arc<Counters>,
    buffer: Vec<u8>,
    /// Columns whose texts may be long.
    clobs: Vec<usize>,
}

/// Bytes of CLOB that are written at once, but for longer single rows.
const TEXTS_AT_ONCE: u64 = 4 << 20;

impl<'o> Outgoing<'o> {
    pub(crate) fn new(
        writer: Box<dyn BlockWriter>,
        output: &'o mut dyn Output,
        head: Head,
        clobs: Vec<usize>,
        counters: Arc<Counters>,
    ) -> Outgoing<'o> {
        Outgoing { writer, output, head: Some(head), counters, buffer: Vec::new(), clobs }
    }

    pub(crate) fn take(&mut self, block: &Block) -> Result<()> {
        if self.clobs.is_empty() {
            return self.write(block);
        }
        let blocks = types::clob::cut(block, &self.clobs, TEXTS_AT_ONCE)?;
        blocks.iter().try_for_each(|block| self.write(block))
    }

    fn write(&mut self, block: &Block) -> Result<()> {
        self.writer.write(block, &mut self.buffer)?;
        if self.buffer.len() >= CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        if let Some(mut head) = self.head.take() {
            if self.counters.kept_parts.load(Ordering::Relaxed) > 0 {
                head.kept = Kept::States;
            }
            self.output.start(&head)?;
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.output.write(std::mem::take(&mut self.buffer))
    }

    pub(crate) fn finish(mut self, statistics: &Statistics) -> Result<()> {
        self.writer.finish(statistics, &mut self.buffer)?;
        self.send()
    }
}
