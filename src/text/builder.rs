//! Builds an index from rows that come in order, in bounded memory.
//!
//! 1. Each token is found in a hash table of terms; its row and position go to the term's stream
//!    of bytes (`arena.rs`): varint (row distance * 2 + 1), then varint (position distance * 2)
//!    for each occurrence. Distances are at least one; before a stream's first row is row -1,
//!    before a row's first position is position -1.
//! 2. When the memory held exceeds the budget, what was collected becomes a *run*: an index of the
//!    rows so far, written to where the caller keeps runs.
//! 3. The end merges the runs (`merge.rs`); without runs the index is written at once.

use std::hash::BuildHasher;

use base::{Error, ErrorCode, Result};
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::analyzer::{Analyzer, Token, TokenStream};
use crate::arena::{Arena, Stream};
use crate::coding::Reader;
use crate::file::{FileWriter, IndexOptions};
use crate::index::Index;
use crate::merge::{RowMap, Source, merge};
use crate::output::Sink;

/// Where runs are kept while an index is built.
pub trait RunStore {
    /// Takes the bytes of a run.
    fn write(
        &mut self,
        run: usize,
        write: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
    ) -> Result<()>;

    /// The bytes of a run that was written, mapped where that is possible.
    fn read(&mut self, run: usize) -> Result<Bytes>;
}

/// Runs that are kept in memory.
#[derive(Default)]
pub struct MemoryRuns(Vec<Bytes>);

impl RunStore for MemoryRuns {
    fn write(
        &mut self,
        _: usize,
        write: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        self.0.push(bytes.into());
        Ok(())
    }

    fn read(&mut self, run: usize) -> Result<Bytes> {
        self.0.get(run).cloned().ok_or_else(|| Error::logical("a run of a text index is missing"))
    }
}

/// One line of the processor's cache: most tokens look at nothing else of their term.
#[repr(align(64))]
struct TermState {
    /// The text's first bytes.
    head: [u8; HEAD],
    text_at: u32,
    text_length: u32,
    /// The last row that has it, plus one.
    last_row: u32,
    /// Its last position in that row, plus one.
    last_position: u32,
    stream: Stream,
}

/// Bytes of a term that lie beside its state.
const HEAD: usize = 24;

/// The first bytes of a term, then zeros.
#[inline]
fn head(text: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let kept = text.len().min(HEAD);
    head[..kept].copy_from_slice(&text[..kept]);
    head
}

/// What has been collected since the last run.
#[derive(Default)]
struct Collected {
    table: HashTable<u32>,
    terms: Vec<TermState>,
    texts: Vec<u8>,
    arena: Arena,
    hasher: FixedState,
}

impl Collected {
    fn held(&self) -> usize {
        self.arena.held()
            + self.texts.capacity()
            + self.terms.capacity() * size_of::<TermState>()
            + self.table.capacity() * 5
    }

    #[inline]
    fn add(&mut self, row: u32, text: &[u8], position: u32) {
        let Collected { table, terms, texts, arena, hasher } = self;
        let hash = hasher.hash_one(text);
        let text_of = |texts: &[u8], state: &TermState| {
            let start = state.text_at as usize;
            start..(start + state.text_length as usize).min(texts.len())
        };
        let beginning = head(text);
        let found = table.find(hash, |id| {
            let state = &terms[*id as usize];
            state.head == beginning
                && state.text_length as usize == text.len()
                && (text.len() <= HEAD || texts[text_of(texts, state)] == *text)
        });
        let id = match found {
            Some(id) => *id,
            None => {
                let id = terms.len() as u32;
                terms.push(TermState {
                    head: beginning,
                    text_at: texts.len() as u32,
                    text_length: text.len() as u32,
                    last_row: 0,
                    last_position: 0,
                    stream: arena.stream(),
                });
                texts.extend_from_slice(text);
                table.insert_unique(hash, id, |id| {
                    hasher.hash_one(&texts[text_of(texts, &terms[*id as usize])])
                });
                id
            }
        };
        let state = &mut terms[id as usize];
        if state.last_row != row + 1 {
            arena.put(&mut state.stream, u64::from(row + 1 - state.last_row) << 1 | 1);
            state.last_row = row + 1;
            state.last_position = 0;
        }
        arena.put(&mut state.stream, u64::from(position + 1 - state.last_position) << 1);
        state.last_position = position + 1;
    }

    /// Writes all terms in order.
    fn write(&self, file: &mut FileWriter<'_>) -> Result<()> {
        let text = |id: &u32| {
            let state = &self.terms[*id as usize];
            &self.texts[state.text_at as usize..(state.text_at + state.text_length) as usize]
        };
        let mut order: Vec<u32> = (0..self.terms.len() as u32).collect();
        order.sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let (mut stream, mut values) = (Vec::new(), Vec::new());
        for id in order {
            stream.clear();
            self.arena.read(&self.terms[id as usize].stream, &mut stream);
            write_term(&stream, &mut values, file)?;
            file.end_term(text(&id))?;
        }
        Ok(())
    }
}

/// Decodes a term's stream into rows.
fn write_term(stream: &[u8], values: &mut Vec<u32>, file: &mut FileWriter<'_>) -> Result<()> {
    let mut reader = Reader::new(stream);
    // Before the first row there is row -1; counted from one here.
    let mut row = 0u32;
    values.clear();
    while !reader.is_empty() {
        let value = reader.varint()?;
        if value & 1 == 0 {
            values.push((value >> 1) as u32 - 1);
            continue;
        }
        if !values.is_empty() {
            file.push(row - 1, values.len() as u32, values)?;
            values.clear();
        }
        row += (value >> 1) as u32;
    }
    file.push(row - 1, values.len() as u32, values)
}

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

    /// The most bytes that were held so far.
    pub fn most_held(&self) -> usize {
        self.most_held.max(self.held())
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
        self.lengths.push(self.tokens_of_row.saturating_add(1));
        self.tokens_of_row = 0;
        self.check_rows()?;
        let full = self.collected.arena.is_nearly_full() || self.collected.texts.len() > 1 << 31;
        if full || self.held() > self.budget {
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
        let run = self.first_rows.len() - 1;
        let (options, analyzer) = (&self.options, self.analyzer.serialize());
        self.runs.write(run, &mut |sink| {
            let mut file = FileWriter::new(sink, options, lengths);
            collected.write(&mut file)?;
            file.finish(&analyzer)
        })?;
        self.first_rows.push(self.lengths.len() as u32);
        Ok(())
    }

    /// Writes the index of all rows.
    ///
    /// # Errors
    /// What the sink and the runs say.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<()> {
        self.most_held = self.most_held.max(self.held());
        if self.first_rows.len() == 1 {
            let mut file = FileWriter::new(sink, &self.options, &self.lengths);
            self.collected.write(&mut file)?;
            return file.finish(&self.analyzer.serialize());
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
        merge(&sources, self.rows(), &self.options, sink)
    }
}
