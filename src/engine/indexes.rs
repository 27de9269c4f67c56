//! Indexes that a CREATE TABLE declares: what they may say, and how they are listed.

use base::{Result, bail};
use plan::row_expressions;
use sql::ast::{BinaryOperator, CreateTable, Expression, IndexDefinition, Literal, Statement};
use storage::ColumnDefinition;
use text::{Analyzer, Tokenizer};
use types::{DataType, Value};

use crate::create::relation;
use crate::query::Query;
use crate::system::{number, text as string};

/// The kind of indexes over the tokens of texts.
const TEXT: &str = "text";
/// What stands for the granularity of a text index, which has one entry a part.
const WHOLE_PART: u64 = 100_000_000;

/// Says that indexes have the granularity that they get where none is written.
pub(crate) fn set_granularity(indexes: &mut [IndexDefinition]) {
    for index in indexes {
        let usual = if is_text(index) { WHOLE_PART } else { 1 };
        index.granularity.get_or_insert(usual);
    }
}

fn is_text(index: &IndexDefinition) -> bool {
    index.kind.0 == TEXT
}

impl Query<'_> {
    /// Fails where a text index has unknown parameters or is of what is no text.
    pub(crate) fn check_indexes(
        &self,
        indexes: &[IndexDefinition],
        columns: &[ColumnDefinition],
    ) -> Result<()> {
        for index in indexes.iter().filter(|index| is_text(index)) {
            self.check_text_index(index, columns)
                .map_err(|error| error.within(format!("secondary index `{}`", index.name)))?;
        }
        Ok(())
    }

    fn check_text_index(
        &self,
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
    ) -> Result<()> {
        analyzer_of(&index.kind.1)?;
        let of = std::slice::from_ref(&index.expression);
        for found in row_expressions(of, &relation(columns), self)? {
            let data_type = found.data_type();
            let is_text = match data_type.inner() {
                DataType::Array(item) => item.inner().is_string(),
                other => other.is_string(),
            };
            if !is_text {
                bail!(
                    BadArguments,
                    "A text index must be of String or FixedString, or of an array of them, not of {data_type}"
                );
            }
        }
        Ok(())
    }
}

/// The analyzer that the parameters of a text index describe; all of them are checked.
fn analyzer_of(parameters: &[Expression]) -> Result<Analyzer> {
    let (mut tokenizer, mut lowercase, mut stopwords) = (None, None, Vec::new());
    let mut seen: Vec<&str> = Vec::new();
    for parameter in parameters {
        let Expression::Binary(BinaryOperator::Equals, name, value) = parameter else {
            bail!(
                BadArguments,
                "A parameter of a text index is written name = value, not {parameter}"
            );
        };
        let name = match &**name {
            Expression::Identifier(name) => name.last(),
            _ => "",
        };
        if seen.contains(&name) {
            bail!(BadArguments, "Text index parameter '{name}' is given twice");
        }
        seen.push(name);
        match name {
            "tokenizer" => tokenizer = Some(tokenizer_of(value)?),
            "lowercase" => lowercase = Some(flag_of(name, value)?),
            "positions" => _ = flag_of(name, value)?,
            "stopwords" => stopwords = words_of(value)?,
            "k1" => _ = number_of(name, value, 100.0)?,
            "b" => _ = number_of(name, value, 1.0)?,
            _ => bail!(
                BadArguments,
                "Unexpected text index parameter {parameter}: there are tokenizer, lowercase, stopwords, positions, k1, b"
            ),
        }
    }
    let Some(tokenizer) = tokenizer else {
        bail!(BadArguments, "Text index parameter 'tokenizer' is required");
    };
    Analyzer::with(tokenizer, lowercase, &stopwords)
}

/// `'default'`, `default`, `ngrams(3)`, `splitByString([', '])`.
fn tokenizer_of(value: &Expression) -> Result<Tokenizer> {
    match value {
        Expression::Literal(Literal::String(name)) => {
            Tokenizer::parse(&String::from_utf8_lossy(name))
        }
        other => Tokenizer::parse(&other.to_string()),
    }
}

fn flag_of(name: &str, value: &Expression) -> Result<bool> {
    match value {
        Expression::Literal(Literal::Bool(flag)) => Ok(*flag),
        Expression::Literal(Literal::Number(digits)) if digits == "0" => Ok(false),
        Expression::Literal(Literal::Number(digits)) if digits == "1" => Ok(true),
        _ => bail!(BadArguments, "Text index parameter '{name}' must be 0 or 1, not {value}"),
    }
}

fn number_of(name: &str, value: &Expression, most: f64) -> Result<f64> {
    let number: Option<f64> = match value {
        Expression::Literal(Literal::Number(digits)) => digits.parse().ok(),
        _ => None,
    };
    match number.filter(|number| (0.0..=most).contains(number)) {
        Some(number) => Ok(number),
        None => bail!(
            BadArguments,
            "Text index parameter '{name}' must be a number from 0 to {most}, not {value}"
        ),
    }
}

/// `'english'` or `['a', 'the']`.
fn words_of(value: &Expression) -> Result<Vec<String>> {
    let items = match value {
        Expression::Array(items) => &items[..],
        one => std::slice::from_ref(one),
    };
    let words = items.iter().map(|item| match item {
        Expression::Literal(Literal::String(word)) => String::from_utf8(word.clone()).ok(),
        _ => None,
    });
    match words.collect() {
        Some(words) => Ok(words),
        None => bail!(
            BadArguments,
            "Text index parameter 'stopwords' must be a string or an array of strings, not {value}"
        ),
    }
}

/// The rows of `system.data_skipping_indices`.
pub(crate) fn listed(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in crate::system::all_tables(query) {
        let about = table.definition();
        for index in indexes_of(&about.create_sql)? {
            let (kind, parameters) = &index.kind;
            let written: Vec<String> = parameters.iter().map(Expression::to_string).collect();
            let full = match written.is_empty() {
                true => kind.clone(),
                false => format!("{kind}({})", written.join(", ")),
            };
            rows.push(vec![
                string(&about.database),
                string(&about.name),
                string(&index.name),
                string(kind),
                string(full),
                string(index.expression.to_string()),
                // Explicit.
                number(0),
                number(index.granularity.unwrap_or(1)),
                number(0),
                number(0),
                number(0),
            ]);
        }
    }
    Ok(rows)
}

fn indexes_of(create_sql: &str) -> Result<Vec<IndexDefinition>> {
    if !create_sql.contains("INDEX ") {
        return Ok(Vec::new());
    }
    match sql::parse(create_sql)?.statement {
        Statement::CreateTable(create) => {
            let CreateTable { indexes, .. } = *create;
            Ok(indexes)
        }
        _ => Ok(Vec::new()),
    }
}
