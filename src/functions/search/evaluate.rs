//! Queries asked of columns of texts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::text::{Analyzer, Bm25, Pattern, Query, ScanQuery};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, ArrayRef, StructArray};
use base::{Result, bail};
use expr::{Argument, Bound, TextQuestion};
use types::{Column, DataType, Value};

use crate::collection::{Lists, lists_of};
use crate::text::strings::{Strings, illegal, numbers};

/// Wildcards and regular expressions of one query: each may have states of several MiB.
const MOST_AUTOMATA: usize = 64;

/// What is looked for: the bytes of a string, or the items of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted<'a> {
    /// One of a string.
    pub(super) items: Vec<&'a [u8]>,
    /// Whether these are an array's.
    pub(super) is_list: bool,
}

impl<'a> Wanted<'a> {
    /// The bytes of a string.
    pub(super) fn text(&self) -> &'a [u8] {
        self.items.first().copied().unwrap_or_default()
    }

    /// What a constant argument asks.
    pub(super) fn of_constant(argument: &'a Argument) -> Option<Wanted<'a>> {
        match argument.constant.as_ref()? {
            Value::Bytes(bytes) => Some(Wanted { items: vec![bytes], is_list: false }),
            Value::Array(items) => {
                let items = items.iter().filter_map(Value::as_bytes).collect();
                Some(Wanted { items, is_list: true })
            }
            _ => None,
        }
    }
}

/// The strings of each row of a column: one, or those of an array.
pub(super) enum Pieces<'a> {
    /// A column of strings.
    One(Strings<'a>),
    /// A column of arrays; without items if all are empty.
    Many(&'a Lists, Option<Strings<'a>>),
}

impl<'a> Pieces<'a> {
    /// Of a column, and of its lists if it is one of arrays.
    pub(super) fn new(column: &'a Column, lists: Option<&'a Lists>) -> Result<Pieces<'a>> {
        Ok(match lists {
            None => Pieces::One(Strings::new(column)?),
            Some(lists) if lists.items.is_empty() => Pieces::Many(lists, None),
            Some(lists) => Pieces::Many(lists, Some(Strings::of_array(lists.items.as_ref())?)),
        })
    }

    /// Calls for each string of a row that is not NULL.
    fn each(&self, row: usize, mut each: impl FnMut(&'a [u8])) {
        match self {
            Pieces::One(strings) => each(strings.get(row)),
            Pieces::Many(lists, Some(strings)) => {
                let (from, to) = lists.bounds(row);
                (from..to).filter(|at| lists.items.is_valid(*at)).for_each(|at| {
                    each(strings.get(at));
                });
            }
            Pieces::Many(_, None) => {}
        }
    }

    fn wanted(&self, row: usize) -> Wanted<'a> {
        let mut items = Vec::new();
        self.each(row, |item| items.push(item));
        Wanted { items, is_list: matches!(self, Pieces::Many(..)) }
    }

    /// Whether the text of a row matches.
    fn matches(&self, scan: &mut ScanQuery, row: usize) -> bool {
        if let Pieces::One(strings) = self {
            return scan.matches(&[Some(strings.get(row))]);
        }
        scan.begin();
        self.each(row, |item| {
            scan.push_chunk(0, item);
            scan.end_element(0);
        });
        scan.end().is_some()
    }
}

/// The lists of a column of arrays.
pub(super) fn lists_if_array(column: &Column, data_type: &DataType) -> Result<Option<Lists>> {
    match data_type {
        DataType::Array(_) => lists_of(column).map(Some),
        _ => Ok(None),
    }
}

/// Calls for every row with what is made of the strings that it looks for.
pub(super) fn for_each_made<T>(
    needles: &Pieces<'_>,
    rows: usize,
    make: impl Fn(&Wanted<'_>) -> Result<T>,
    mut take: impl FnMut(usize, &mut T) -> Result<()>,
) -> Result<()> {
    let mut last: Option<(Wanted<'_>, T)> = None;
    for row in 0..rows {
        let wanted = needles.wanted(row);
        let made = match &mut last {
            Some((before, made)) if *before == wanted => made,
            _ => {
                let made = make(&wanted)?;
                &mut last.insert((wanted, made)).1
            }
        };
        take(row, made)?;
    }
    Ok(())
}

/// A constant query; evaluations are kept for the next block.
struct Prepared {
    query: Query,
    analyzers: Vec<Analyzer>,
    ready: Mutex<Vec<ScanQuery>>,
}

impl Prepared {
    fn new(query: Query, analyzers: &[Analyzer]) -> Result<Prepared> {
        // What cannot be evaluated is refused before any row is read.
        let ready = Mutex::new(vec![evaluation(&query, analyzers)?]);
        Ok(Prepared { query, analyzers: analyzers.to_vec(), ready })
    }

    fn ready(&self) -> MutexGuard<'_, Vec<ScanQuery>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut ScanQuery) -> T) -> Result<T> {
        let waiting = self.ready().pop();
        let mut scan = match waiting {
            Some(scan) => scan,
            None => evaluation(&self.query, &self.analyzers)?,
        };
        let done = work(&mut scan);
        self.ready().push(scan);
        Ok(done)
    }
}

fn evaluation(query: &Query, analyzers: &[Analyzer]) -> Result<ScanQuery> {
    check_automata(query)?;
    ScanQuery::new(query, analyzers, None, Bm25::default())
}

/// Fails where the patterns of a query could take too much memory together.
pub(super) fn check_automata(query: &Query) -> Result<()> {
    fn count(query: &Query) -> usize {
        match query {
            Query::Pattern { pattern: Pattern::Wildcard(_) | Pattern::Regex(_), .. } => 1,
            Query::Bool { must, should, must_not, .. } => {
                must.iter().chain(should).chain(must_not).map(count).sum()
            }
            Query::Best { queries, .. } => queries.iter().map(count).sum(),
            Query::Boost(inner, _) | Query::Constant(inner, _) => count(inner),
            _ => 0,
        }
    }
    let count = count(query);
    if count > MOST_AUTOMATA {
        bail!(
            BadArguments,
            "A text query has {count} wildcards and regular expressions, at most {MOST_AUTOMATA} are allowed"
        );
    }
    Ok(())
}

/// Fails unless the first argument is a text, or an array of texts.
pub(super) fn require_texts(function: &str, arguments: &[Argument]) -> Result<()> {
    match &arguments[0].data_type {
        text if text.is_string() => Ok(()),
        DataType::Array(item) if item.inner().is_string() || is_nothing(item.inner()) => Ok(()),
        _ => Err(illegal(function, &arguments[0])),
    }
}

/// Fails unless the second argument is an array of strings.
pub(super) fn require_needles(function: &str, arguments: &[Argument]) -> Result<()> {
    match &arguments[1].data_type {
        DataType::Array(item) if item.is_string() || is_nothing(item) => Ok(()),
        _ => Err(illegal(function, &arguments[1])),
    }
}

fn is_nothing(data_type: &DataType) -> bool {
    *data_type == DataType::Nothing
}

/// What makes the query of the second argument, and the analyzers of the texts that it is for.
pub(super) struct Asking {
    analyzers: Vec<Analyzer>,
    make: Box<MakeQuery>,
}

/// Makes a query of what is looked for.
type MakeQuery = dyn Fn(&Wanted<'_>) -> Result<Query> + Send + Sync;

impl Asking {
    /// Of one text.
    pub(super) fn new(
        analyzer: Analyzer,
        make: impl Fn(&Wanted<'_>, &Analyzer) -> Result<Query> + Send + Sync + 'static,
    ) -> Asking {
        let own = analyzer.clone();
        Asking::of_fields(vec![analyzer], move |wanted| make(wanted, &own))
    }

    /// Of the texts of a tuple.
    pub(super) fn of_fields(
        analyzers: Vec<Analyzer>,
        make: impl Fn(&Wanted<'_>) -> Result<Query> + Send + Sync + 'static,
    ) -> Asking {
        Asking { analyzers, make: Box::new(make) }
    }

    /// What a call with a constant second argument asks.
    pub(super) fn question(self, arguments: &[Argument]) -> Result<Option<TextQuestion>> {
        let Some(wanted) = Wanted::of_constant(&arguments[1]) else { return Ok(None) };
        let query = (self.make)(&wanted)?;
        check_automata(&query)?;
        Ok(Some(TextQuestion { analyzers: self.analyzers, query }))
    }
}

/// The texts of rows.
enum Texts<'a> {
    One(Pieces<'a>),
    /// Those of a tuple, and which of them are NULL.
    Fields(Vec<(Strings<'a>, &'a ArrayRef)>),
}

impl<'a> Texts<'a> {
    fn of_tuple(tuple: &'a StructArray) -> Result<Texts<'a>> {
        let fields = tuple.columns().iter();
        let fields = fields.map(|field| Ok((Strings::of_array(field.as_ref())?, field)));
        Ok(Texts::Fields(fields.collect::<Result<_>>()?))
    }

    /// Whether those of a row match.
    fn matches(&self, scan: &mut ScanQuery, row: usize) -> bool {
        match self {
            Texts::One(pieces) => pieces.matches(scan, row),
            Texts::Fields(fields) => {
                scan.begin();
                for (number, (strings, array)) in fields.iter().enumerate() {
                    if array.is_valid(row) {
                        scan.push_chunk(number, strings.get(row));
                    }
                }
                scan.end().is_some()
            }
        }
    }
}

/// A function that tells whether texts match what is made of the second argument.
pub(super) fn predicate(function: &str, arguments: &[Argument], asking: Asking) -> Result<Bound> {
    let Asking { analyzers, make } = asking;
    let is_tuple = matches!(arguments[0].data_type, DataType::Tuple(_));
    if !is_tuple {
        require_texts(function, arguments)?;
    }
    let constant = match Wanted::of_constant(&arguments[1]) {
        Some(wanted) => Some(Prepared::new(make(&wanted)?, &analyzers)?),
        None => None,
    };
    let types = [arguments[0].data_type.clone(), arguments[1].data_type.clone()];
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let lists = lists_if_array(&columns[0], &types[0])?;
        let tuple = if is_tuple { Some(columns[0].to_flat()?) } else { None };
        let texts = match &tuple {
            Some(tuple) => Texts::of_tuple(tuple.as_struct())?,
            None => Texts::One(Pieces::new(&columns[0], lists.as_ref())?),
        };
        let mut found = Vec::with_capacity(rows);
        if let Some(prepared) = &constant {
            prepared.with(|scan| {
                found.extend((0..rows).map(|row| u8::from(texts.matches(scan, row))));
            })?;
            return Ok(numbers::<UInt8Type>(found));
        }
        let lists = lists_if_array(&columns[1], &types[1])?;
        let needles = Pieces::new(&columns[1], lists.as_ref())?;
        let made = |wanted: &Wanted<'_>| evaluation(&make(wanted)?, &analyzers);
        for_each_made(&needles, rows, made, |row, scan| {
            found.push(u8::from(texts.matches(scan, row)));
            Ok(())
        })?;
        Ok(numbers::<UInt8Type>(found))
    }))
}
