//! Builds an index from rows that come in order, in bounded memory.
//!
//! 1. Each token goes to the streams of its term (`collect.rs`).
//! 2. When the memory held exceeds the budget, what was collected becomes a *run*: an index of the
//!    rows so far, written to where the caller keeps runs.
//! 3. The end merges the runs (`merge.rs`); without runs the index is written at once.

use base::{Error, ErrorCode, Result};

use crate::analyzer::{Analyzer, Token, TokenStream};
use crate::collect::Collected;
use crate::file::{FileWriter, IndexOptions};
use crate::index::Index;
use crate::merge::{RowMap, Source, merge};
use crate::output::Sink;
use crate::runs::{Aside, RunStore};

/// The part of the budget that the dictionary may take while runs are merged: one of so many.
const DICTIONARY_SHARE: usize = 4;

/// Bytes that are collected for a run at least, however small the budget is.
const LEAST_RUN: usize = 2 << 20;

/// Builds an index.
pub struct IndexBuilder {
    analyzer: Analyzer,
    options: IndexOptions,
    budget: usize,
    stream: TokenStream,
    collected: Collected,
    /// Tokens of each row plus one, zero for a row without text.
    lengths: Vec<u32>,
    /// The first row of what is collected now, and of every run before.
    first_rows: Vec<u32>,
    runs: Box<dyn RunStore>,
    tokens_of_row: u32,
    most_held: usize,
}

impl IndexBuilder {
    /// A builder that holds about `budget` bytes and keeps in `runs` what exceeds them.
    pub fn new(
        analyzer: Analyzer,
        options: IndexOptions,
        budget: usize,
        runs: Box<dyn RunStore>,
    ) -> IndexBuilder {
        let stream = analyzer.stream();
        IndexBuilder {
            analyzer,
            options,
            budget,
            stream,
            collected: Collected::default(),
            lengths: Vec::new(),
            first_rows: vec![0],
            runs,
            tokens_of_row: 0,
            most_held: 0,
        }
    }

    /// Rows added so far.
    pub fn rows(&self) -> u32 {
        self.lengths.len() as u32
    }

    fn held(&self) -> usize {
        self.collected.held() + self.lengths.capacity() * 4
    }

    /// Adds a row with its text.
    ///
    /// # Errors
    /// What keeping a run says; more than 2^32 - 2 rows.
    pub fn add(&mut self, text: &[u8]) -> Result<()> {
        self.push_chunk(text);
        self.end_row()
    }

    /// Adds a row whose text is absent (NULL).
    ///
    /// # Errors
    /// As `add`.
    pub fn add_absent(&mut self) -> Result<()> {
        self.lengths.push(0);
        self.check_rows()
    }

    /// Takes the next bytes of the row's text.
    #[inline]
    pub fn push_chunk(&mut self, chunk: &[u8]) {
        let row = self.lengths.len() as u32 - self.first_row();
        let (collected, tokens) = (&mut self.collected, &mut self.tokens_of_row);
        self.stream.push(chunk, &mut |token: Token<'_>| {
            collected.add(row, token.text, token.position);
            *tokens += 1;
        });
    }

    /// Ends an element of the row's array.
    pub fn end_element(&mut self) {
        let row = self.lengths.len() as u32 - self.first_row();
        let (collected, tokens) = (&mut self.collected, &mut self.tokens_of_row);
        self.stream.end_element(&mut |token: Token<'_>| {
            collected.add(row, token.text, token.position);
            *tokens += 1;
        });
    }

    /// Ends the row's text.
    ///
    /// # Errors
    /// As `add`.
    pub fn end_row(&mut self) -> Result<()> {
        let row = self.lengths.len() as u32 - self.first_row();
        let (collected, tokens) = (&mut self.collected, &mut self.tokens_of_row);
        self.stream.finish(&mut |token: Token<'_>| {
            collected.add(row, token.text, token.position);
            *tokens += 1;
        });
        self.collected.settle();
        self.lengths.push(self.tokens_of_row.saturating_add(1));
        self.tokens_of_row = 0;
        self.check_rows()?;
        let full = self.collected.is_nearly_full();
        let lengths = self.lengths.capacity() * 4;
        let budget = self.budget.saturating_sub(lengths).max(LEAST_RUN);
        if full || self.collected.held() > budget {
            self.end_run()?;
        }
        Ok(())
    }

    fn first_row(&self) -> u32 {
        self.first_rows.last().copied().unwrap_or(0)
    }

    fn check_rows(&self) -> Result<()> {
        if self.lengths.len() >= u32::MAX as usize - 1 {
            let message = "Text index: a part has more than 2^32 - 2 rows";
            return Err(Error::new(ErrorCode::TooLargeArraySize, message));
        }
        Ok(())
    }

    fn end_run(&mut self) -> Result<()> {
        self.most_held = self.most_held.max(self.held());
        let collected = std::mem::take(&mut self.collected);
        let lengths = &self.lengths[self.first_row() as usize..];
        let (run, mut held) = (self.first_rows.len() - 1, 0);
        let (options, analyzer) = (&self.options, self.analyzer.serialize());
        self.runs.write(run, &mut |sink| {
            let mut file = FileWriter::new(sink, options, lengths, None);
            collected.write(&mut file)?;
            held = collected.held() + file.finish(&analyzer)?;
            Ok(())
        })?;
        self.most_held = self.most_held.max(held);
        self.first_rows.push(self.lengths.len() as u32);
        Ok(())
    }

    /// Writes the index of all rows; gives the most bytes that were held at any time.
    ///
    /// # Errors
    /// What the sink and the runs say.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<usize> {
        self.most_held = self.most_held.max(self.held());
        if self.first_rows.len() == 1 {
            let mut file = FileWriter::new(sink, &self.options, &self.lengths, None);
            self.collected.write(&mut file)?;
            let held = self.collected.held() + file.finish(&self.analyzer.serialize())?;
            return Ok(held.max(self.most_held));
        }
        if self.first_row() < self.rows() {
            self.end_run()?;
        }
        let mut runs = Vec::new();
        for run in 0..self.first_rows.len() - 1 {
            runs.push(Index::open(self.runs.read(run)?)?);
        }
        let sources: Vec<_> = runs
            .iter()
            .zip(&self.first_rows)
            .map(|(index, first)| Source { index, rows: RowMap::Offset(*first) })
            .collect();
        let most = self.budget / DICTIONARY_SHARE;
        let aside = Aside { runs: &mut *self.runs, first: runs.len(), most };
        let rows = self.lengths.len() as u32;
        self.lengths = Vec::new();
        let held = merge(&sources, rows, &self.options, aside, sink)?;
        Ok(held.max(self.most_held))
    }
}
