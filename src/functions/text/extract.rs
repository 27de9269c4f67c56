//! What regular expressions find.

use arrow_array::types::UInt64Type;
use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::{Column, DataType};

use super::declare;
use super::pattern::Pattern;
use super::strings::{
    Integers, StringListBuilder, Strings, constant_text, list_column, number, require_integer,
    require_text, slices,
};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("String search", "extract", "extract(s, pattern)", "The part that the first group of a regular expression matches, or the whole expression if it has no groups; empty if nothing does.",
        "SELECT extract('year 2024', '(\\\\d+)')" => "2024", (2, 2), extract, case_insensitive: true),
    declare!("String search", "extractAll", "extractAll(s, pattern)", "As `extract`, for all matches.",
        "SELECT extractAll('1 and 2', '\\\\d')" => "['1','2']", (2, 2), extract_all),
    declare!("String search", "extractGroups", "extractGroups(s, pattern)", "What all groups of a regular expression match first.",
        "SELECT extractGroups('a=1', '(\\\\w)=(\\\\w)')" => "['a','1']", (2, 2), extract_groups),
    declare!("String search", "extractAllGroupsHorizontal", "extractAllGroupsHorizontal(s, pattern)", "For each group of a regular expression, what it matches, over all matches.",
        "SELECT extractAllGroupsHorizontal('a=1, b=2', '(\\\\w)=(\\\\w)')" => "[['a','b'],['1','2']]", (2, 2), |c, a| all_groups(c, "extractAllGroupsHorizontal", a, true)),
    declare!("String search", "extractAllGroupsVertical", "extractAllGroupsVertical(s, pattern)", "For each match of a regular expression, what its groups match.",
        "SELECT extractAllGroupsVertical('a=1, b=2', '(\\\\w)=(\\\\w)')" => "[['a','1'],['b','2']]", (2, 2), |c, a| all_groups(c, "extractAllGroupsVertical", a, false),
        aliases: &["extractAllGroups"]),
    declare!("String search", "regexpExtract", "regexpExtract(s, pattern[, group])", "What a group of a regular expression matches first (0: the whole expression; by default the first group).",
        "SELECT regexpExtract('100-200', '(\\\\d+)-(\\\\d+)', 2)" => "200", (2, 3), regexp_extract,
        aliases: &["REGEXP_EXTRACT", "REGEXP_SUBSTR"], case_insensitive: true),
    declare!("String search", "countMatches", "countMatches(s, pattern)", "How often a regular expression matches; empty matches do not count.",
        "SELECT countMatches('banana', 'an')" => "2", (2, 2), |_, a| count("countMatches", a, Pattern::new)),
    declare!("String search", "countMatchesCaseInsensitive", "countMatchesCaseInsensitive(s, pattern)", "As `countMatches`, in any case.",
        "SELECT countMatchesCaseInsensitive('Banana', 'AN')" => "2", (2, 2), |_, a| count("countMatchesCaseInsensitive", a, Pattern::case_insensitive)),
    declare!("String search", "multiMatchAny", "multiMatchAny(s, [pattern, ...])", "1 where any of several regular expressions matches.",
        "SELECT multiMatchAny('granary', ['x', 'n.r'])" => "1", (2, 2), |_, a| super::position::multi_match("multiMatchAny", a)),
    declare!("String search", "multiMatchAnyIndex", "multiMatchAnyIndex(s, [pattern, ...])", "The number, from 1, of a regular expression that matches; 0 if none does.",
        "SELECT multiMatchAnyIndex('granary', ['x', 'n.r'])" => "2", (2, 2), |_, a| super::position::multi_match("multiMatchAnyIndex", a)),
    declare!("String search", "multiMatchAllIndices", "multiMatchAllIndices(s, [pattern, ...])", "The numbers, from 1, of all regular expressions that match.",
        "SELECT multiMatchAllIndices('granary', ['^g', 'x', 'y$'])" => "[1,3]", (2, 2), |_, a| super::position::multi_match("multiMatchAllIndices", a)),
];

fn pattern_of(function: &str, arguments: &[Argument]) -> Result<Pattern> {
    require_text(function, arguments, 0)?;
    Pattern::new(&constant_text(function, arguments, 1)?)
}

fn extract(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let pattern = pattern_of("extract", arguments)?;
    let group = usize::from(pattern.groups() > 0);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        group_slices(&pattern, &columns[0], rows, |_| group)
    }))
}

/// For every row what a group of the first match matched.
fn group_slices(
    pattern: &Pattern,
    column: &Column,
    rows: usize,
    group: impl Fn(usize) -> usize,
) -> Result<Column> {
    let matcher = std::cell::RefCell::new(pattern.matcher());
    slices(column, rows, |row, text| {
        let mut matcher = matcher.borrow_mut();
        let span = matcher.find(text, 0).and_then(|spans| spans.get(group(row)).copied().flatten());
        span.map_or(b"", |(from, to)| &text[from..to])
    })
}

fn regexp_extract(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let pattern = pattern_of("regexpExtract", arguments)?;
    require_integer("regexpExtract", arguments, 2)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let Some(column) = columns.get(2) else {
            let group = usize::from(pattern.groups() > 0);
            return group_slices(&pattern, &columns[0], rows, |_| group);
        };
        let groups = Integers::new(column)?;
        for row in 0..rows {
            let group = groups.get(row);
            if group < 0 || group as usize > pattern.groups() {
                bail!(
                    IndexOfPositionalArgumentIsOutOfRange,
                    "Index value {group} is out of range, should be in [0, {}]",
                    pattern.groups()
                );
            }
        }
        group_slices(&pattern, &columns[0], rows, |row| groups.get(row) as usize)
    }))
}

/// What is done with a match of no characters.
#[derive(Clone, Copy, PartialEq)]
enum OfNothing {
    /// It is the end.
    Ends,
    /// It counts, and the next one is looked for a byte further.
    Counts,
}

/// Calls for the matches of a text that do not overlap.
fn each_match(
    matcher: &mut super::pattern::Matcher<'_>,
    text: &[u8],
    of_nothing: OfNothing,
    mut each: impl FnMut(&[super::pattern::Span]),
) {
    let mut from = 0;
    while from < text.len() {
        let Some(spans) = matcher.find(text, from) else { return };
        let Some((start, end)) = spans[0] else { return };
        if end == start && of_nothing == OfNothing::Ends {
            return;
        }
        each(spans);
        from = if end > start { end } else { end + 1 };
    }
}

fn extract_all(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let pattern = pattern_of("extractAll", arguments)?;
    let group = usize::from(pattern.groups() > 0);
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut matcher = pattern.matcher();
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            let text = strings.get(row);
            each_match(&mut matcher, text, OfNothing::Ends, |spans| {
                out.item(spans[group].map_or(b"", |(from, to)| &text[from..to]));
            });
            out.end_row();
        }
        out.column()
    }))
}

fn extract_groups(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let pattern = pattern_of("extractGroups", arguments)?;
    require_groups(&pattern)?;
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let mut matcher = pattern.matcher();
        let mut out = StringListBuilder::new(rows);
        for row in 0..rows {
            let text = strings.get(row);
            if let Some(spans) = matcher.find(text, 0) {
                for span in &spans[1..] {
                    out.item(span.map_or(b"", |(from, to)| &text[from..to]));
                }
            }
            out.end_row();
        }
        out.column()
    }))
}

/// Matches of groups in one text that `extractAllGroupsHorizontal` may give.
const MOST_MATCHES: usize = 1000;

fn require_groups(pattern: &Pattern) -> Result<()> {
    if pattern.groups() == 0 {
        let source = String::from_utf8_lossy(pattern.source());
        bail!(BadArguments, "There are no groups in regexp: {source}");
    }
    Ok(())
}

fn all_groups(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    horizontal: bool,
) -> Result<Bound> {
    let setting = context.settings.get("regexp_max_matches_per_row");
    let most = setting.and_then(|v| v.parse().ok()).unwrap_or(MOST_MATCHES);
    let pattern = pattern_of(function, arguments)?;
    require_groups(&pattern)?;
    let inner = DataType::array(DataType::String);
    Ok(Bound::new(DataType::array(inner.clone()), move |columns, rows| {
        let strings = Strings::new(&columns[0])?;
        let (mut matcher, groups) = (pattern.matcher(), pattern.groups());
        let mut lists = StringListBuilder::new(rows);
        let (mut offsets, mut count) = (vec![0_i32], 0_i32);
        let mut matches: Vec<Vec<super::pattern::Span>> = Vec::new();
        for row in 0..rows {
            let text = strings.get(row);
            matches.clear();
            each_match(&mut matcher, text, OfNothing::Counts, |spans| {
                matches.push(spans[1..].to_vec())
            });
            if horizontal && matches.len() * groups > most {
                bail!(
                    TooLargeArraySize,
                    "Too many matches per row (> {most}) in the result of function {function}. \
                     The limit is the setting regexp_max_matches_per_row"
                );
            }
            let part = |span: super::pattern::Span| span.map_or(&b""[..], |(f, t)| &text[f..t]);
            if horizontal {
                for group in 0..groups {
                    matches.iter().for_each(|spans| lists.item(part(spans[group])));
                    lists.end_row();
                }
                count += groups as i32;
            } else {
                for spans in &matches {
                    spans.iter().for_each(|span| lists.item(part(*span)));
                    lists.end_row();
                }
                count += matches.len() as i32;
            }
            offsets.push(count);
        }
        list_column(&inner, offsets, lists.column()?.to_flat()?)
    }))
}

fn count(
    function: &str,
    arguments: &[Argument],
    compile: fn(&[u8]) -> Result<Pattern>,
) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    let pattern = compile(&constant_text(function, arguments, 1)?)?;
    Ok(number::<UInt64Type>(DataType::UInt64, move |text| {
        let (mut from, mut count) = (0, 0);
        while from <= text.len()
            && let Some((start, end)) = pattern.find(text, from)
        {
            count += u64::from(end > start);
            from = if end > start { end } else { end + 1 };
        }
        count
    }))
}
