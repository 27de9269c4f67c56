//! Matches marked in texts, and the best fragments of texts.

use std::ops::Range;

use ::text::{HighlightOptions, Highlighter};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration, SearchDeclaration};
use memchr::memmem::Finder;
use types::DataType;

use super::analyzers::in_options;
use super::evaluate::{
    Pieces, Wanted, check_automata, for_each_made, lists_if_array, require_needles,
};
use super::options::Options;
use super::predicates::parsed;
use crate::text::declare;
use crate::text::strings::{BytesBuilder, StringListBuilder, Strings, require_text};

/// They show what is asked, but ask no index.
const ANALYZED: SearchDeclaration =
    SearchDeclaration { with_analyzer: Some(in_options), ..SearchDeclaration::NONE };

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Text search", "highlight", "highlight(text, query[, open_tag, close_tag][, options])", "A text with what a query string (see `matchQuery`) asks for between tags (`<em>`, `</em>`): words and whole phrases, the longest where several overlap. Options are a map of `before`, `after`, `escape` (1: for HTML), `tokenizer`, `lenient` (1). With an array of strings in place of the query: wherever one of them occurs, the letters A to Z in any case.",
        "SELECT highlight('The quick brown fox', '\"quick brown\" OR f*')" => "The <em>quick brown</em> <em>fox</em>", (2, 5), |_, a| highlight(a), search: Some(ANALYZED)),
    declare!("Text search", "snippet", "snippet(text, query[, open_tag, close_tag][, options])", "The best fragments of a text, with what a query string asks for marked; its beginning if nothing matches. Options as of `highlight`, and `fragments` (3), `fragment_bytes` (150), `ellipsis` (` … `, which stands between fragments).",
        "SELECT snippet('The quick brown fox', 'fox')" => "The quick brown <em>fox</em>", (2, 5), |_, a| snippet(a), search: Some(ANALYZED)),
    declare!("Text search", "snippets", "snippets(text, query[, open_tag, close_tag][, options])", "As `snippet`, the fragments as an array.",
        "SELECT snippets('The quick brown fox', 'fox')" => "['The quick brown <em>fox</em>']", (2, 5), |_, a| snippets(a), search: Some(ANALYZED)),
];

fn highlight(arguments: &[Argument]) -> Result<Bound> {
    if matches!(arguments[1].data_type, DataType::Array(_)) {
        return highlight_needles(arguments);
    }
    as_text("highlight", arguments, |highlighter, text, shown| highlighter.highlight(text, shown))
}

fn snippet(arguments: &[Argument]) -> Result<Bound> {
    as_text("snippet", arguments, |highlighter, text, shown| highlighter.snippet(text, shown))
}

fn as_text(
    function: &'static str,
    arguments: &[Argument],
    show: fn(&Highlighter, &[u8], &HighlightOptions) -> Vec<u8>,
) -> Result<Bound> {
    marked(function, arguments, DataType::String, move |each, rows| {
        let mut out = BytesBuilder::new(rows);
        each(&mut |highlighter, text, shown| {
            // What is too long together is told at the end, and nothing more is made until then.
            out.append_with(|o| o.extend(show(highlighter, text, shown)));
        })?;
        out.column()
    })
}

fn snippets(arguments: &[Argument]) -> Result<Bound> {
    marked("snippets", arguments, DataType::array(DataType::String), |each, rows| {
        let mut out = StringListBuilder::new(rows);
        each(&mut |highlighter, text, shown| {
            highlighter.snippets(text, shown).iter().for_each(|fragment| out.item(fragment));
            out.end_row();
        })?;
        out.column()
    })
}

type Take<'a> = dyn FnMut(&Highlighter, &[u8], &HighlightOptions) + 'a;

/// A function of texts and query strings; `collect` gets what calls for every row.
fn marked(
    function: &'static str,
    arguments: &[Argument],
    return_type: DataType,
    collect: impl Fn(&mut dyn FnMut(&mut Take<'_>) -> Result<()>, usize) -> Result<types::Column>
    + Send
    + Sync
    + 'static,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    require_text(function, arguments, 1)?;
    let options = Options::of_arguments(function, arguments)?;
    let make = move |wanted: &Wanted<'_>, options: &Options| {
        let query = parsed(function, wanted, &options.analyzer, options.lenient)?;
        check_automata(&query)?;
        Highlighter::new(&query, 0, &options.analyzer)
    };
    let wanted = Wanted::of_constant(&arguments[1]);
    let constant = wanted.map(|wanted| make(&wanted, &options)).transpose()?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut each = |take: &mut Take<'_>| match &constant {
            Some(highlighter) => {
                (0..rows).for_each(|row| take(highlighter, texts.get(row), &options.shown));
                Ok(())
            }
            None => {
                let queries = Pieces::new(&columns[1], None)?;
                for_each_made(
                    &queries,
                    rows,
                    |wanted| make(wanted, &options),
                    |row, made| {
                        take(made, texts.get(row), &options.shown);
                        Ok(())
                    },
                )
            }
        };
        collect(&mut each, rows)
    }))
}

/// Marks where strings occur, the letters A to Z in any case; what overlaps or touches is one.
fn highlight_needles(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "highlight";
    require_text(NAME, arguments, 0)?;
    require_needles(NAME, arguments)?;
    let count = arguments.len();
    if count != 2 && count != 4 {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function {NAME} with an array of strings requires 2 or 4 arguments, got {count}"
        );
    }
    let shown = Options::of_arguments(NAME, arguments)?.shown;
    let needles_type = arguments[1].data_type.clone();
    let constant = Wanted::of_constant(&arguments[1]).map(|wanted| needles_of(&wanted));
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        let mut folded = Vec::new();
        let mut mark = |text: &[u8], needles: &[Needle]| {
            folded.clear();
            folded.extend(text.iter().map(u8::to_ascii_lowercase));
            let places = places(&folded, needles);
            out.append_with(|o| write_marked(text, &places, &shown, o));
        };
        if let Some(made) = &constant {
            (0..rows).for_each(|row| mark(texts.get(row), made));
            return out.column();
        }
        let lists = lists_if_array(&columns[1], &needles_type)?;
        let needles = Pieces::new(&columns[1], lists.as_ref())?;
        for_each_made(
            &needles,
            rows,
            |wanted| Ok(needles_of(wanted)),
            |row, made| {
                mark(texts.get(row), made);
                Ok(())
            },
        )?;
        out.column()
    }))
}

/// A string that is looked for, in lower case, and for each of its beginnings how long the longest
/// shorter beginning is that ends it.
struct Needle {
    finder: Finder<'static>,
    falls_back: Vec<usize>,
}

impl Needle {
    fn new(text: &[u8]) -> Needle {
        let text = text.to_ascii_lowercase();
        let mut falls_back = vec![0; text.len()];
        let mut length = 0;
        for at in 1..text.len() {
            while length > 0 && text[at] != text[length] {
                length = falls_back[length - 1];
            }
            length += usize::from(text[at] == text[length]);
            falls_back[at] = length;
        }
        Needle { finder: Finder::new(&text).into_owned(), falls_back }
    }

    /// All its places, also those that overlap, in time that grows with the text alone.
    fn places(&self, text: &[u8], found: &mut Vec<Range<usize>>) {
        let needle = self.finder.needle();
        let Some(first) = self.finder.find(text) else { return };
        let mut length = 0;
        for (at, byte) in text.iter().enumerate().skip(first) {
            while length > 0 && *byte != needle[length] {
                length = self.falls_back[length - 1];
            }
            length += usize::from(*byte == needle[length]);
            if length == needle.len() {
                found.push(at + 1 - length..at + 1);
                length = self.falls_back[length - 1];
            }
        }
    }
}

fn needles_of(wanted: &Wanted<'_>) -> Vec<Needle> {
    let needles = wanted.items.iter().filter(|needle| !needle.is_empty());
    needles.map(|needle| Needle::new(needle)).collect()
}

/// Where any of the strings occurs, in order, joined.
fn places(text: &[u8], needles: &[Needle]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    needles.iter().for_each(|needle| needle.places(text, &mut found));
    found.sort_unstable_by_key(|place| place.start);
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for place in found {
        match joined.last_mut() {
            Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

fn write_marked(text: &[u8], places: &[Range<usize>], shown: &HighlightOptions, out: &mut Vec<u8>) {
    let mut at = 0;
    for place in places {
        out.extend_from_slice(&text[at..place.start]);
        out.extend_from_slice(shown.before.as_bytes());
        out.extend_from_slice(&text[place.clone()]);
        out.extend_from_slice(shown.after.as_bytes());
        at = place.end;
    }
    out.extend_from_slice(&text[at..]);
}
