//! Collects the tokens of rows, term by term, until they are written as a run.
//!
//! A token's row and position go to the stream of its term (`arena.rs`): varint
//! (row distance * 2 + 1), then varint (position distance * 2) for each occurrence. Distances are
//! at least one; before a stream's first row is row -1, before a row's first position is -1.
//!
//! Where a term lies is known only from memory that is most often not in the processor's caches:
//! its slot in the hash table, its state, the end of its stream. So tokens wait until there are
//! some, and each of the three is then touched for all of them in turn, which waits for memory
//! once instead of once for each.

use std::hash::BuildHasher;

use base::Result;
use foldhash::fast::FixedState;

use crate::arena::{Arena, Stream};
use crate::coding::Reader;
use crate::file::FileWriter;

/// Tokens that wait.
const WAITING: usize = 64;
/// Bytes of a term that lie beside its state.
const HEAD: usize = 24;
/// Positions from which on tokens of a row are not indexed.
const MOST_POSITION: u32 = u32::MAX - 2;

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

/// A place of the hash table.
#[derive(Clone, Copy, Default)]
struct Slot {
    hash: u32,
    /// The term's number plus one; zero in an empty slot.
    term: u32,
}

struct Token {
    hash: u64,
    start: u32,
    length: u32,
    row: u32,
    position: u32,
}

/// What has been collected since the last run.
#[derive(Default)]
pub(crate) struct Collected {
    /// Open addressing, at most half full.
    slots: Vec<Slot>,
    terms: Vec<TermState>,
    texts: Vec<u8>,
    arena: Arena,
    hasher: FixedState,
    waiting: Vec<Token>,
    waiting_texts: Vec<u8>,
    /// Whatever was touched, so that touching is not left out.
    touched: u32,
}

/// The first bytes of a term, then zeros.
#[inline]
fn head(text: &[u8]) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let kept = text.len().min(HEAD);
    head[..kept].copy_from_slice(&text[..kept]);
    head
}

impl Collected {
    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.arena.held()
            + self.texts.capacity()
            + self.terms.capacity() * size_of::<TermState>()
            + self.slots.capacity() * size_of::<Slot>()
    }

    /// Whether addresses come to their end.
    pub(crate) fn is_nearly_full(&self) -> bool {
        self.arena.is_nearly_full() || self.texts.len() > 1 << 31
    }

    #[inline]
    pub(crate) fn add(&mut self, row: u32, text: &[u8], position: u32) {
        self.waiting.push(Token {
            hash: self.hasher.hash_one(text),
            start: self.waiting_texts.len() as u32,
            length: text.len() as u32,
            row,
            position,
        });
        self.waiting_texts.extend_from_slice(text);
        if self.waiting.len() == WAITING {
            self.settle();
        }
    }

    /// Adds the tokens that wait.
    pub(crate) fn settle(&mut self) {
        if (self.terms.len() + WAITING) * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut guesses = [0u32; WAITING];
        for (guess, token) in guesses.iter_mut().zip(&self.waiting) {
            *guess = self.slots[token.hash as usize & mask].term.saturating_sub(1);
        }
        let mut ends = [0u32; WAITING];
        for (end, guess) in ends.iter_mut().zip(&guesses).take(self.waiting.len()) {
            *end = self.terms.get(*guess as usize).map_or(0, |state| state.stream.next_byte());
        }
        for end in ends.iter().take(self.waiting.len()) {
            self.touched ^= u32::from(self.arena.touch(*end));
        }
        let waiting = std::mem::take(&mut self.waiting);
        let texts = std::mem::take(&mut self.waiting_texts);
        for token in &waiting {
            let text = &texts[token.start as usize..(token.start + token.length) as usize];
            self.add_now(token, text);
        }
        (self.waiting, self.waiting_texts) = (waiting, texts);
        self.waiting.clear();
        self.waiting_texts.clear();
    }

    #[inline]
    fn add_now(&mut self, token: &Token, text: &[u8]) {
        if token.position >= MOST_POSITION {
            return;
        }
        let term = self.term(token.hash, text);
        let Collected { terms, arena, .. } = self;
        let state = &mut terms[term];
        let (row, position) = (token.row + 1, token.position + 1);
        if state.last_row != row {
            arena.put(&mut state.stream, u64::from(row - state.last_row) << 1 | 1);
            state.last_row = row;
            state.last_position = 0;
        }
        arena.put(&mut state.stream, u64::from(position - state.last_position) << 1);
        state.last_position = position;
    }

    /// The number of a term, which may be new.
    #[inline]
    fn term(&mut self, hash: u64, text: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let beginning = head(text);
        let tag = (hash >> 32) as u32;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.term == 0 {
                break;
            }
            if slot.hash == tag {
                let state = &self.terms[slot.term as usize - 1];
                if state.head == beginning
                    && state.text_length as usize == text.len()
                    && (text.len() <= HEAD || self.text(state) == text)
                {
                    return slot.term as usize - 1;
                }
            }
            at = (at + 1) & mask;
        }
        self.terms.push(TermState {
            head: beginning,
            text_at: self.texts.len() as u32,
            text_length: text.len() as u32,
            last_row: 0,
            last_position: 0,
            stream: self.arena.stream(),
        });
        self.texts.extend_from_slice(text);
        self.slots[at] = Slot { hash: tag, term: self.terms.len() as u32 };
        self.terms.len() - 1
    }

    fn text(&self, state: &TermState) -> &[u8] {
        let start = state.text_at as usize;
        &self.texts[start..start + state.text_length as usize]
    }

    #[cold]
    fn grow(&mut self) {
        let size = ((self.terms.len() + WAITING) * 4).next_power_of_two();
        let mask = size - 1;
        let mut slots = vec![Slot::default(); size];
        for (number, state) in self.terms.iter().enumerate() {
            let hash = self.hasher.hash_one(self.text(state));
            let mut at = hash as usize & mask;
            while slots[at].term != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = Slot { hash: (hash >> 32) as u32, term: number as u32 + 1 };
        }
        self.slots = slots;
    }

    /// Writes all terms in order.
    pub(crate) fn write(&self, file: &mut FileWriter<'_>) -> Result<()> {
        let mut order: Vec<u32> = (0..self.terms.len() as u32).collect();
        let state = |number: u32| &self.terms[number as usize];
        order.sort_unstable_by(|a, b| {
            let (a, b) = (state(*a), state(*b));
            a.head.cmp(&b.head).then_with(|| self.text(a).cmp(self.text(b)))
        });
        let (mut stream, mut values) = (Vec::new(), Vec::new());
        for number in order {
            stream.clear();
            self.arena.read(&state(number).stream, &mut stream);
            write_term(&stream, &mut values, file)?;
            file.end_term(self.text(state(number)))?;
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
