//! `bm25(text[, query][, options])` and `explainScore(...)`: scores that a scan computes by its text indexes.
//!
//! A score depends on all rows of the table, so it is no function of a row's values. Before the tables of a
//! SELECT are planned, the calls within its expressions are found; a table whose texts one names gets a hidden column
//! for it, which the call then means.

use std::rc::Rc;

use base::{ErrorCode, Result, bail};
use expr::{Argument, Expr};
use sql::ast::{BinaryOperator, Expression, FunctionCall, Select, WithItem};
use storage::{EngineKind, TableDefinition, TextField, TextIndexDefinition};
use text::{Analyzer as TextAnalyzer, ParserField, Query, QueryParser};
use types::{DataType, Field, Schema, Value};

use super::Analyzer;
use super::join::scoped;
use super::resolve::Resolver;
use super::scope::{TableLabel, children};
use super::select::clauses;
use crate::{ColumnKind, Plan, RelationColumn, ScoredText, Source, TextScore};

/// The score of a row.
const SCORE: &str = "bm25";
/// How it comes about.
const EXPLAINED: &str = "explainScore";
/// Fields of one score, at most.
const MOST_FIELDS: usize = 64;

/// Whether a call is one of a score.
pub(super) fn is_score(call: &FunctionCall) -> bool {
    (call.name == SCORE || call.name == EXPLAINED) && call.over.is_none()
}

/// What a SELECT asks of text indexes.
#[derive(Debug, Default)]
pub(super) struct WantedScores {
    /// Each call once.
    calls: Vec<FunctionCall>,
    /// All expressions, for what aliases stand for.
    sources: Vec<Expression>,
    /// What every row has to meet.
    conditions: Vec<Expression>,
}

impl WantedScores {
    /// What the expressions of a SELECT ask, those of its subqueries apart.
    pub(super) fn of(select: &Select) -> Rc<WantedScores> {
        let items: Vec<Expression> = select.items.iter().map(|i| i.expression.clone()).collect();
        let mut all: Vec<&Expression> = clauses(select, &items);
        all.extend(select.with.iter().filter_map(|item| match item {
            WithItem::Expression(expression, _) => Some(expression),
            WithItem::Table(_) => None,
        }));
        let mut wanted = WantedScores::default();
        let mut waiting = all.clone();
        while let Some(expression) = waiting.pop() {
            if let Expression::Function(call) = expression
                && is_score(call)
                && !wanted.calls.contains(call)
            {
                wanted.calls.push(call.clone());
            }
            waiting.extend(children(expression));
        }
        if wanted.calls.is_empty() {
            return Rc::default();
        }
        wanted.sources = all.into_iter().cloned().collect();
        for condition in select.prewhere.iter().chain(&select.filter) {
            conjuncts(condition, &mut wanted.conditions);
        }
        Rc::new(wanted)
    }
}

fn conjuncts(condition: &Expression, into: &mut Vec<Expression>) {
    match condition {
        Expression::Binary(BinaryOperator::And, left, right) => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        Expression::Function(call) if call.name.eq_ignore_ascii_case("and") => {
            call.arguments.iter().for_each(|argument| conjuncts(argument, into));
        }
        other => into.push(other.clone()),
    }
}

/// A field that a score is asked of.
struct Scored<'d> {
    index: &'d TextIndexDefinition,
    field: &'d TextField,
    analyzer: TextAnalyzer,
    weight: f32,
}

impl Analyzer<'_> {
    /// Gives a table a hidden column for each score that is asked of its texts.
    pub(super) fn scored(
        &mut self,
        plan: Plan,
        mut columns: Vec<RelationColumn>,
        label: &TableLabel,
    ) -> Result<(Plan, Vec<RelationColumn>)> {
        let Some(wanted) = self.scores.last().filter(|w| !w.calls.is_empty()).cloned() else {
            return Ok((plan, columns));
        };
        let Plan::Scan(mut scan) = plan else { return Ok((plan, columns)) };
        let Source::Table(snapshot) = &scan.source else {
            return Ok((Plan::Scan(scan), columns));
        };
        if snapshot.definition.engine_kind() != EngineKind::Parts {
            return Ok((Plan::Scan(scan), columns));
        }
        let snapshot = snapshot.clone();
        let physical = scan.schema.len();
        let (_, scope) = scoped(Plan::Scan(scan.clone()), &columns, label.clone());
        for call in &wanted.calls {
            let mut resolver = self.resolver(&scope, &wanted.sources)?;
            let Some(score) = resolver.score(call, &wanted, &snapshot.definition)? else {
                continue;
            };
            let data_type = if score.explained { DataType::String } else { DataType::Float64 };
            let name = call.to_string();
            columns.push(RelationColumn {
                name: name.clone(),
                data_type: data_type.clone(),
                kind: ColumnKind::Hidden,
            });
            let mut fields = scan.schema.fields().to_vec();
            fields.push(Field::new(name, data_type));
            scan.schema = Schema::new(fields);
            scan.columns.push(physical + scan.scores.len());
            scan.scores.push(score);
            scan.visible += 1;
        }
        Ok((Plan::Scan(scan), columns))
    }
}

impl Resolver<'_, '_> {
    /// The column that a call of a score means.
    pub(super) fn score_column(&mut self, call: &FunctionCall) -> Result<Expr> {
        let name = call.to_string();
        let column = self.scope.columns.iter().find(|column| column.name == name && column.hidden);
        if let Some(found) = column.and_then(|column| column.reference()) {
            return Ok(found);
        }
        let arguments =
            call.arguments.iter().map(|a| self.resolve(a)).collect::<Result<Vec<_>>>()?;
        // A text that is of no table is a collection of its own.
        if arguments.first().is_some_and(|text| text.columns().is_empty()) {
            return self.call(&call.name, arguments);
        }
        bail!(
            BadArguments,
            "Function {} can only be asked of texts of a table with a text index, in a query that reads this table \
             itself and without FINAL: {name}",
            call.name
        )
    }

    /// The score that a call asks; none where its texts are not of this table.
    fn score(
        &mut self,
        call: &FunctionCall,
        wanted: &WantedScores,
        definition: &TableDefinition,
    ) -> Result<Option<TextScore>> {
        let (texts, rest) = match call.arguments.split_first() {
            Some((texts, rest)) if rest.len() <= 2 => (texts, rest),
            _ => bail!(
                NumberOfArgumentsDoesntMatch,
                "Number of arguments for function {} doesn't match: passed {}, should be 1 to 3; several texts \
                 are given as a tuple",
                call.name,
                call.arguments.len()
            ),
        };
        let texts: Vec<Expression> = match texts {
            Expression::Tuple(parts) => parts.clone(),
            Expression::Function(tuple) if tuple.name == "tuple" => tuple.arguments.clone(),
            one => vec![one.clone()],
        };
        let mut resolved = Vec::with_capacity(texts.len());
        for text in &texts {
            match self.resolve(text) {
                Ok(found) if found.columns().is_empty() => return Ok(None),
                Ok(found) => resolved.push(found),
                Err(error) if error.code() == ErrorCode::UnknownIdentifier => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        if resolved.is_empty() || resolved.len() > MOST_FIELDS {
            bail!(BadArguments, "Function {} is of 1 to {MOST_FIELDS} texts", call.name);
        }
        let mut fields = Vec::with_capacity(texts.len());
        for (text, expression) in texts.iter().zip(&resolved) {
            fields.push(scored_field(text, expression, definition)?);
        }
        let arguments = rest.iter().map(|a| self.resolve(a)).collect::<Result<Vec<_>>>()?;
        let (query, options) = match arguments.as_slice() {
            [.., last] if matches!(last.data_type(), DataType::Map(..)) => {
                (arguments[..arguments.len() - 1].first(), Some(last))
            }
            [query, _] => bail!(
                IllegalTypeOfArgument,
                "The options of function {} are a map, not {}",
                call.name,
                query.data_type()
            ),
            all => (all.first(), None),
        };
        let options = Options::read(&call.name, options, &mut fields)?;
        let query = match query {
            Some(query) => asked(&call.name, query, &fields, &options)?,
            None => self.searched(call, wanted, &resolved)?,
        };
        let bm25 = options.bm25.unwrap_or(fields[0].index.bm25);
        let fields = fields
            .iter()
            .map(|scored| ScoredText { id: scored.field.id, index: scored.index.name.clone() });
        Ok(Some(TextScore {
            fields: fields.collect(),
            query,
            bm25,
            explained: call.name == EXPLAINED,
            statistics: None,
        }))
    }

    /// What the conditions of the query ask of the same texts.
    fn searched(
        &mut self,
        call: &FunctionCall,
        wanted: &WantedScores,
        texts: &[Expr],
    ) -> Result<Query> {
        let mut found = Vec::new();
        for condition in &wanted.conditions {
            // What is wrong with a condition is told where WHERE is resolved.
            let Ok(Expr::Call { function, arguments, .. }) = self.resolve(condition) else {
                continue;
            };
            let numbers = match arguments.first() {
                Some(Expr::Call { function, arguments: all, .. }) if function == "tuple" => {
                    &all[..]
                }
                _ => &arguments[..arguments.len().min(1)],
            };
            let numbers = numbers.iter().map(|text| texts.iter().position(|own| own == text));
            let Some(numbers) = numbers.collect::<Option<Vec<usize>>>() else { continue };
            let declared = self.environment().registry().function(&function);
            let search = declared.and_then(|d| d.search).and_then(|search| search.question);
            let Some(question) = search else { continue };
            let described: Vec<Argument> = arguments.iter().map(Argument::of_expression).collect();
            if let Some(question) = question(&described)? {
                let number = |field: usize| numbers.get(field).copied().unwrap_or(0);
                found.push(question.query.map_fields(&number));
            }
        }
        match found.len() {
            0 => bail!(
                BadArguments,
                "Function {} needs a query as its second argument, or a search of the same text in WHERE",
                call.name
            ),
            1 => Ok(found.remove(0)),
            _ => Ok(Query::and(found)),
        }
    }
}

/// The field of an index that is over an expression of stored columns.
fn scored_field<'d>(
    text: &Expression,
    expression: &Expr,
    definition: &'d TableDefinition,
) -> Result<Scored<'d>> {
    let positions: Vec<usize> = definition.physical_columns().map(|(at, _)| at).collect();
    let over_table =
        expression.clone().remap(&|at| positions.get(at).copied().unwrap_or(usize::MAX));
    for index in &definition.text_indexes {
        if let Some(field) = index.fields.iter().find(|field| field.expression == over_table) {
            let analyzer = TextAnalyzer::new(&index.analyzer)?;
            return Ok(Scored { index, field, analyzer, weight: field.weight });
        }
    }
    bail!(
        BadArguments,
        "Scores need a text index over {text}, table {} has none: ALTER TABLE ... ADD INDEX name {text} \
         TYPE text(tokenizer = 'default'), then MATERIALIZE INDEX name",
        definition.full_name()
    )
}

/// How the scores of several fields come together.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// The best field counts, the others by a share.
    Best,
    /// All are added up.
    Most,
    /// Each word counts in its best field.
    Cross,
}

/// What the map of options says.
struct Options {
    mode: Mode,
    share: f32,
    bm25: Option<text::Bm25>,
    /// Whether the query is one in Lucene's syntax; and whether what cannot be read is no error.
    syntax: bool,
    lenient: bool,
}

impl Options {
    fn read(function: &str, options: Option<&Expr>, fields: &mut [Scored<'_>]) -> Result<Options> {
        let mut read =
            Options { mode: Mode::Best, share: 0.0, bm25: None, syntax: false, lenient: false };
        let Some(options) = options else { return Ok(read) };
        let Some(Value::Array(pairs)) = options.as_literal() else {
            bail!(IllegalColumn, "The options of function {function} must be a constant map");
        };
        for pair in pairs.iter() {
            let Value::Tuple(pair) = pair else { continue };
            let [key, value] = &pair[..] else { continue };
            let text = match value {
                Value::Int(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            };
            read.set(function, key.as_str().unwrap_or_default(), &text, fields)?;
        }
        Ok(read)
    }

    fn set(
        &mut self,
        function: &str,
        key: &str,
        value: &str,
        fields: &mut [Scored<'_>],
    ) -> Result<()> {
        let number = |text: &str, most: f32| match text.trim().parse::<f32>() {
            Ok(number) if (0.0..=most).contains(&number) => Ok(number),
            _ => bail!(
                BadArguments,
                "Option '{key}' of function {function} must be a number from 0 to {most}, not '{text}'"
            ),
        };
        let usual = fields[0].index.bm25;
        match key {
            "mode" => {
                self.mode = match value {
                    "best_fields" => Mode::Best,
                    "most_fields" => Mode::Most,
                    "cross_fields" => Mode::Cross,
                    other => bail!(
                        BadArguments,
                        "Option 'mode' of function {function} is best_fields, most_fields or cross_fields, not \
                         '{other}'"
                    ),
                }
            }
            "tie_breaker" => self.share = number(value, 1.0)?,
            "k1" => self.bm25.get_or_insert(usual).k1 = number(value, 100.0)?,
            "b" => self.bm25.get_or_insert(usual).b = number(value, 1.0)?,
            "syntax" => {
                self.syntax = match value {
                    "words" => false,
                    "query" => true,
                    other => bail!(
                        BadArguments,
                        "Option 'syntax' of function {function} is words or query, not '{other}'"
                    ),
                }
            }
            "lenient" => self.lenient = number(value, 1.0)? != 0.0,
            "weights" => {
                let weights: Vec<&str> = value.split(',').collect();
                if weights.len() != fields.len() {
                    bail!(
                        BadArguments,
                        "Option 'weights' of function {function} has {} weights for {} texts",
                        weights.len(),
                        fields.len()
                    );
                }
                for (field, weight) in fields.iter_mut().zip(weights) {
                    field.weight = number(weight, 1000.0)?;
                }
            }
            other => bail!(
                BadArguments,
                "Unknown option '{other}' of function {function}: there are mode, tie_breaker, weights, k1, b, \
                 syntax, lenient"
            ),
        }
        Ok(())
    }
}

/// The query of an argument: the words of a text or of an array of texts, or a query string.
fn asked(function: &str, query: &Expr, fields: &[Scored<'_>], options: &Options) -> Result<Query> {
    let texts: Vec<&[u8]> = match query.as_literal() {
        Some(Value::Bytes(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_bytes).collect(),
        Some(other) => bail!(
            IllegalTypeOfArgument,
            "The query of function {function} must be a string or an array of strings, not {other}"
        ),
        None => bail!(IllegalColumn, "The query of function {function} must be a constant"),
    };
    if options.syntax {
        return parsed(function, &texts, fields, options.lenient);
    }
    let terms = |scored: &Scored<'_>| -> Vec<Vec<u8>> {
        texts.iter().flat_map(|text| scored.analyzer.tokens(text)).collect()
    };
    let share = options.share;
    if options.mode == Mode::Cross {
        if fields.iter().any(|scored| scored.analyzer != fields[0].analyzer) {
            bail!(
                BadArguments,
                "Mode cross_fields of function {function} needs texts with one tokenizer, these have several"
            );
        }
        let words = terms(&fields[0]).into_iter().map(|term| {
            let each = fields.iter().enumerate().map(|(field, scored)| {
                Query::Term { field, term: term.clone() }.boost(scored.weight)
            });
            Query::Best { queries: each.collect(), share }
        });
        return Ok(Query::or(words.collect()));
    }
    let mut queries = Vec::with_capacity(fields.len());
    for (field, scored) in fields.iter().enumerate() {
        let words = terms(scored).into_iter().map(|term| Query::Term { field, term });
        queries.push(Query::or(words.collect()).boost(scored.weight));
    }
    Ok(match (queries.len(), options.mode) {
        (1, _) => queries.remove(0),
        (_, Mode::Most) => Query::or(queries),
        _ => Query::Best { queries, share },
    })
}

fn parsed(function: &str, texts: &[&[u8]], fields: &[Scored<'_>], lenient: bool) -> Result<Query> {
    let parser = QueryParser::new(
        fields
            .iter()
            .map(|scored| ParserField {
                name: scored.field.text.clone(),
                analyzer: scored.analyzer.clone(),
                boost: scored.weight,
                is_default: true,
            })
            .collect(),
        false,
    );
    let mut queries = Vec::with_capacity(texts.len());
    for text in texts {
        queries.push(match std::str::from_utf8(text) {
            Ok(text) if lenient => parser.lenient(text),
            Ok(text) => parser.strict(text)?,
            Err(_) => bail!(BadArguments, "The query of function {function} is not valid UTF-8"),
        });
    }
    Ok(if queries.len() == 1 { queries.remove(0) } else { Query::or(queries) })
}
