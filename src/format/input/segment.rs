//! Cuts a stream of text into segments that end at the end of a row, so that they can be parsed
//! independently of each other.
//!
//! Where rows end is decided by the bytes alone: a line feed that no backslash or quote
//! protects, or the bracket that closes a value. The state of the scan is kept between pieces,
//! so every byte is scanned once.

use base::{Result, bail};
use bytes::Bytes;

use super::RowKind;
use super::source::ByteSource;

/// A segment has about so many bytes.
const SEGMENT: usize = 1 << 20;

/// What the scan has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// Within quotes: which ones.
    quote: u8,
    /// The next byte is protected by a backslash.
    escaped: bool,
    /// Open brackets.
    depth: usize,
}

/// Gives the segments of a stream.
pub(crate) struct Segmenter {
    source: Box<dyn ByteSource>,
    kind: RowKind,
    buffer: Vec<u8>,
    /// How far the buffer is scanned, and what was seen there.
    scanned: usize,
    state: State,
    /// Behind the last row that ended.
    row_end: usize,
    ended: bool,
    max_row: usize,
}

impl Segmenter {
    pub(crate) fn new(source: Box<dyn ByteSource>, kind: RowKind, max_row: usize) -> Segmenter {
        Segmenter {
            source,
            kind,
            buffer: Vec::new(),
            scanned: 0,
            state: State::default(),
            row_end: 0,
            ended: false,
            max_row,
        }
    }

    /// The next segment, of at least one row; the last one may lack its end.
    ///
    /// # Errors
    /// TOO_LARGE_STRING_SIZE for a row longer than the limit; errors of the source.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            self.scan();
            if self.row_end >= SEGMENT || (self.row_end > 0 && self.ended) {
                let rest = self.buffer.split_off(self.row_end);
                let segment = std::mem::replace(&mut self.buffer, rest);
                self.scanned -= self.row_end;
                self.row_end = 0;
                return Ok(Some(segment.into()));
            }
            if self.ended {
                let segment = std::mem::take(&mut self.buffer);
                self.scanned = 0;
                return Ok((!segment.is_empty()).then(|| segment.into()));
            }
            if self.buffer.len() - self.row_end > self.max_row {
                bail!(
                    TooLargeStringSize,
                    "A row is longer than {} bytes (max_row_bytes), or a quote or bracket in it \
                     is never closed",
                    self.max_row
                );
            }
            match self.source.next()? {
                Some(piece) => self.append(&piece),
                None => self.ended = true,
            }
        }
    }

    /// Appends a piece. The buffer doubles as it grows, but never beyond what the longest row
    /// takes: another doubling there would hold the row three times while it is copied.
    fn append(&mut self, piece: &[u8]) {
        let needed = self.buffer.len() + piece.len();
        if needed > self.buffer.capacity() {
            let most = self.max_row.saturating_add(SEGMENT).saturating_add(piece.len());
            let capacity = (self.buffer.capacity() * 2).min(most).max(needed);
            self.buffer.reserve_exact(capacity - self.buffer.len());
        }
        self.buffer.extend_from_slice(piece);
    }

    /// Scans what was not scanned yet.
    fn scan(&mut self) {
        match self.kind {
            RowKind::TabSeparated | RowKind::KeyValue => self.scan_escaped_lines(),
            RowKind::Raw | RowKind::Line => self.scan_lines(),
            RowKind::Csv => self.scan_quoted_lines(),
            RowKind::Json | RowKind::JsonStrings | RowKind::JsonAsString => {
                self.scan_brackets(b'{', b'}', b'"');
            }
            RowKind::JsonCompact | RowKind::JsonCompactStrings => {
                self.scan_brackets(b'[', b']', b'"');
            }
            RowKind::Values => self.scan_brackets(b'(', b')', b'\''),
        }
    }

    fn scan_lines(&mut self) {
        if let Some(at) = memchr::memrchr(b'\n', &self.buffer[self.scanned..]) {
            self.row_end = self.scanned + at + 1;
        }
        self.scanned = self.buffer.len();
    }

    /// The last line feed before which stands an even number of backslashes.
    fn scan_escaped_lines(&mut self) {
        let mut end = self.buffer.len();
        while let Some(at) = memchr::memrchr(b'\n', &self.buffer[self.scanned..end]) {
            let at = self.scanned + at;
            let slashes =
                self.buffer[self.row_end..at].iter().rev().take_while(|b| **b == b'\\').count();
            if slashes % 2 == 0 {
                self.row_end = at + 1;
                break;
            }
            end = at;
        }
        self.scanned = self.buffer.len();
    }

    fn scan_quoted_lines(&mut self) {
        let bytes = &self.buffer;
        let mut at = self.scanned;
        while at < bytes.len() {
            if self.state.quote != 0 {
                match memchr::memchr(self.state.quote, &bytes[at..]) {
                    Some(found) => {
                        at += found + 1;
                        self.state.quote = 0;
                    }
                    None => at = bytes.len(),
                }
                continue;
            }
            match memchr::memchr2(b'"', b'\n', &bytes[at..]) {
                Some(found) => {
                    at += found + 1;
                    match bytes[at - 1] {
                        b'\n' => self.row_end = at,
                        quote => self.state.quote = quote,
                    }
                }
                None => at = bytes.len(),
            }
        }
        self.scanned = bytes.len();
    }

    fn scan_brackets(&mut self, open: u8, close: u8, quote: u8) {
        // Where the input is one array of all rows its bracket counts for nothing.
        let bytes = &self.buffer;
        let mut at = self.scanned;
        let mut state = self.state;
        while at < bytes.len() {
            if state.escaped {
                state.escaped = false;
                at += 1;
                continue;
            }
            if state.quote != 0 {
                match memchr::memchr2(quote, b'\\', &bytes[at..]) {
                    Some(found) => {
                        at += found + 1;
                        if bytes[at - 1] == b'\\' {
                            state.escaped = true;
                        } else {
                            state.quote = 0;
                        }
                    }
                    None => at = bytes.len(),
                }
                continue;
            }
            match memchr::memchr3(quote, open, close, &bytes[at..]) {
                Some(found) => {
                    at += found + 1;
                    let byte = bytes[at - 1];
                    if byte == quote {
                        state.quote = quote;
                    } else if byte == open {
                        state.depth += 1;
                    } else {
                        state.depth = state.depth.saturating_sub(1);
                        if state.depth == 0 {
                            self.row_end = at;
                        }
                    }
                }
                None => at = bytes.len(),
            }
        }
        self.state = state;
        self.scanned = bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::{RowKind, Segmenter};
    use crate::input::BytesSource;
    use bytes::Bytes;

    /// The rows of a text that comes byte by byte, each cut as soon as it ended.
    fn ends(kind: RowKind, text: &str) -> Vec<usize> {
        let source = BytesSource::new(vec![]);
        let mut segmenter = Segmenter::new(Box::new(source), kind, 1000);
        let mut ends = Vec::new();
        for byte in text.bytes() {
            segmenter.buffer.push(byte);
            segmenter.scan();
            if segmenter.row_end > 0 && ends.last() != Some(&segmenter.row_end) {
                ends.push(segmenter.row_end);
            }
        }
        ends
    }

    #[test]
    fn rows_end_where_nothing_protects_the_end() {
        assert_eq!(ends(RowKind::TabSeparated, "a\\\nb\nc\\\\\n"), [5, 9]);
        assert_eq!(ends(RowKind::Csv, "\"a\nb\"\n1,\"\"\"\n\"\n"), [6, 14]);
        assert_eq!(ends(RowKind::Json, r#"{"a":{"}":1}} {"b":"\"}"}"#), [13, 25]);
        assert_eq!(ends(RowKind::Values, r"(1,')'),('\')',(2))"), [7, 19]);
    }

    #[test]
    fn endless_rows_are_refused() {
        let pieces = (0..100).map(|_| Bytes::from_static(b"\"aaaaaaaaaaaaaaaaaaa")).collect();
        let source = Box::new(BytesSource::new(pieces));
        let mut segmenter = Segmenter::new(source, RowKind::Json, 1000);
        assert_eq!(segmenter.next().unwrap_err().code() as u32, 131);
    }
}
