//! Analyzers: texts to tokens, declared once by name, the same for indexes, queries and scans.
//!
//! 1. A tokenizer cuts a text into tokens. Texts are bytes: where they are not valid UTF-8, each
//!    such byte is a letter of its token.
//! 2. Tokens are put into lower case (if asked), left out if they are stop words, and stemmed
//!    (by a Snowball tokenizer). A stop word keeps its position, so phrases see the gap.
//! 3. A token of more than 512 bytes is kept as its first 480 and 32 digits of a hash of all of
//!    it: equal long tokens stay equal, however long, and memory stays bounded.
//!
//! An analyzer is serialized into the index it made, with its version: what tokens it gives must
//! not change as long as the version does not.

mod declare;
mod stream;
mod token;

use std::fmt;
use std::sync::Arc;

use base::{Error, ErrorCode, Result};

use crate::coding::{Reader, corrupted, put_bytes, put_varint};

pub use declare::Tokenizer;
pub use stream::TokenStream;

/// The version of what analyzers do.
const VERSION: u64 = 1;

/// A token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What is indexed.
    pub text: &'a [u8],
    /// Its number among the tokens of its text.
    pub position: u32,
    /// Where it begins in the text.
    pub start: u64,
    /// Where it ends in the text.
    pub end: u64,
}

/// Cuts texts into tokens. Cheap to clone.
#[derive(Clone)]
pub struct Analyzer {
    inner: Arc<Inner>,
}

struct Inner {
    tokenizer: Tokenizer,
    lowercase: bool,
    stopwords: Vec<Vec<u8>>,
    stemmer: Option<frostem::Stemmer>,
}

impl Analyzer {
    /// An analyzer as `Display` writes it: `english`, `default, lowercase = 0`,
    /// `unicode, stopwords = ['a', 'the']`. Case is the tokenizer's usual one where nothing is said:
    /// lower for those that cut into words.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an unknown tokenizer or a parameter that it cannot have.
    pub fn new(text: &str) -> Result<Analyzer> {
        let (mut rest, mut stopwords, mut lowercase) = (text.trim(), Vec::new(), None);
        const STOPWORDS: &str = ", stopwords = ";
        if rest.ends_with(']') {
            // Separators and stop words may hold these letters too.
            for (at, _) in rest.match_indices(STOPWORDS) {
                if let Ok(words) = declare::quoted(&rest[at + STOPWORDS.len()..]) {
                    (rest, stopwords) = (&rest[..at], words);
                    break;
                }
            }
        }
        for (ending, choice) in [(", lowercase = 0", false), (", lowercase = 1", true)] {
            if let Some(before) = rest.strip_suffix(ending) {
                rest = before;
                lowercase = Some(choice);
            }
        }
        Analyzer::with(Tokenizer::parse(rest)?, lowercase, &stopwords)
    }

    /// An analyzer of a tokenizer, of a choice about case (none: the tokenizer's usual one), and
    /// of stop words; the only word `english` stands for the most frequent English words.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an unknown language.
    pub fn with(
        tokenizer: Tokenizer,
        lowercase: Option<bool>,
        stopwords: &[String],
    ) -> Result<Analyzer> {
        let lowercase = lowercase.unwrap_or_else(|| tokenizer.lowers());
        let stemmer = match &tokenizer {
            Tokenizer::Snowball(language) => Some(stemmer(language)?),
            _ => None,
        };
        let mut words: Vec<Vec<u8>> = match stopwords {
            [one] if one == "english" => {
                declare::ENGLISH_STOP_WORDS.split(' ').map(|w| w.as_bytes().to_vec()).collect()
            }
            named => named.iter().map(|w| token::lowered(w, lowercase)).collect(),
        };
        words.sort();
        words.dedup();
        Ok(Analyzer { inner: Arc::new(Inner { tokenizer, lowercase, stopwords: words, stemmer }) })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.inner.tokenizer
    }

    /// Whether tokens are put into lower case.
    pub fn is_lowercase(&self) -> bool {
        self.inner.lowercase
    }

    /// Reads texts that come in chunks; memory does not grow with the text.
    pub fn stream(&self) -> TokenStream {
        TokenStream::new(self.clone())
    }

    /// The tokens of a text.
    pub fn analyze(&self, text: &[u8], mut each: impl FnMut(Token<'_>)) {
        let mut stream = self.stream();
        stream.push(text, &mut each);
        stream.finish(&mut each);
    }

    /// The texts of the tokens of a text.
    pub fn tokens(&self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        self.analyze(text, |token| found.push(token.text.to_vec()));
        found
    }

    /// A term of a query that must not be cut: put into lower case where tokens are. Patterns
    /// (prefixes, wildcards, regular expressions) are compared with terms so, never stemmed.
    pub(crate) fn normalize(&self, text: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(text) {
            Ok(text) => token::lowered(text, self.inner.lowercase),
            Err(_) if self.inner.lowercase => text.to_ascii_lowercase(),
            Err(_) => text.to_vec(),
        }
    }

    /// The bytes from which `deserialize` makes the same analyzer.
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, VERSION);
        put_bytes(&mut out, self.inner.tokenizer.to_string().as_bytes());
        put_varint(&mut out, u64::from(self.inner.lowercase));
        put_varint(&mut out, self.inner.stopwords.len() as u64);
        self.inner.stopwords.iter().for_each(|word| put_bytes(&mut out, word));
        out
    }

    /// The analyzer that was serialized.
    ///
    /// # Errors
    /// CORRUPTED_DATA for bytes or a version that this program does not know.
    pub fn deserialize(bytes: &[u8]) -> Result<Analyzer> {
        let mut reader = Reader::new(bytes);
        let version = reader.varint()?;
        if version != VERSION {
            let message =
                format!("its analyzer has version {version}, known is {VERSION}: build it again");
            return Err(corrupted(&message));
        }
        let name = std::str::from_utf8(reader.length_and_bytes()?)
            .map_err(|_| corrupted("the name of its analyzer is no text"))?;
        let tokenizer = Tokenizer::parse(name)?;
        let lowercase = reader.varint()? == 1;
        let mut stopwords = Vec::new();
        for _ in 0..reader.varint()? {
            stopwords.push(reader.length_and_bytes()?.to_vec());
        }
        let stemmer = match &tokenizer {
            Tokenizer::Snowball(language) => Some(stemmer(language)?),
            _ => None,
        };
        Ok(Analyzer { inner: Arc::new(Inner { tokenizer, lowercase, stopwords, stemmer }) })
    }
}

fn stemmer(language: &str) -> Result<frostem::Stemmer> {
    frostem::Stemmer::try_from_name(language).map_err(|_| {
        Error::new(ErrorCode::BadArguments, format!("Unknown language '{language}' of a tokenizer"))
    })
}

impl fmt::Display for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { tokenizer, lowercase, stopwords, .. } = &*self.inner;
        write!(f, "{tokenizer}")?;
        if *lowercase != tokenizer.lowers() {
            write!(f, ", lowercase = {}", u8::from(*lowercase))?;
        }
        if !stopwords.is_empty() {
            f.write_str(", stopwords = ")?;
            let words = stopwords.iter().map(|word| String::from_utf8_lossy(word));
            declare::write_quoted(f, words)?;
        }
        Ok(())
    }
}

impl PartialEq for Analyzer {
    fn eq(&self, other: &Analyzer) -> bool {
        self.serialize() == other.serialize()
    }
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { tokenizer, lowercase, stopwords, .. } = &*self.inner;
        write!(f, "{tokenizer}, lowercase = {lowercase}, {} stop words", stopwords.len())
    }
}
