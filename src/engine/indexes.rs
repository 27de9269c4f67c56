//! Indexes that a CREATE TABLE declares: what they may say, text indexes as the storage makes them, and how all are
//! listed.

use std::sync::Arc;

use base::{Result, bail};
use expr::Expr;
use plan::row_expressions;
use sql::ast::{BinaryOperator, CreateTable, Expression, IndexDefinition, Literal, Statement};
use storage::{
    ColumnDefinition, Part, Rewrite, Table, TableDefinition, TableSnapshot, TextField,
    TextIndexDefinition,
};
use text::{Analyzer, Bm25, Tokenizer};
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
    /// The text indexes among some; their ids follow those of the columns.
    ///
    /// # Errors
    /// Unknown parameters; what is no text.
    pub(crate) fn text_indexes(
        &self,
        indexes: &[IndexDefinition],
        columns: &[ColumnDefinition],
    ) -> Result<Vec<TextIndexDefinition>> {
        let mut next = columns.len() as u32;
        for (at, index) in indexes.iter().enumerate() {
            if indexes[..at].iter().any(|before| before.name == index.name) {
                bail!(IllegalIndex, "Duplicated index name {} is not allowed", index.name);
            }
        }
        let texts = indexes.iter().filter(|index| is_text(index));
        texts
            .map(|index| {
                self.text_index(index, columns, &mut next)
                    .map_err(|error| error.within(format!("secondary index `{}`", index.name)))
            })
            .collect()
    }

    fn text_index(
        &self,
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        next: &mut u32,
    ) -> Result<TextIndexDefinition> {
        let parameters = Parameters::read(&index.kind.1)?;
        let parts: Vec<Expression> = match &index.expression {
            Expression::Tuple(parts) => parts.clone(),
            Expression::Function(call) if call.name == "tuple" => call.arguments.clone(),
            other => vec![other.clone()],
        };
        if !parameters.weights.is_empty() && parameters.weights.len() != parts.len() {
            bail!(
                BadArguments,
                "Text index parameter 'weights' has {} weights for {} columns",
                parameters.weights.len(),
                parts.len()
            );
        }
        let resolved = row_expressions(&parts, &relation(columns), self)?;
        let mut fields = Vec::with_capacity(parts.len());
        for (at, (part, expression)) in parts.into_iter().zip(resolved).enumerate() {
            check_text(&expression, columns)?;
            if fields.iter().any(|before: &TextField| before.expression == expression) {
                bail!(BadArguments, "A text index has {part} twice");
            }
            fields.push(TextField {
                id: *next,
                expression,
                text: part.to_string(),
                weight: parameters.weights.get(at).copied().unwrap_or(1.0),
            });
            *next += 1;
        }
        Ok(TextIndexDefinition {
            name: index.name.clone(),
            fields,
            analyzer: parameters.analyzer.to_string(),
            positions: parameters.positions,
            bm25: parameters.bm25,
        })
    }
}

impl Query<'_> {
    /// Builds an index for the parts that are older than it.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an index that the table does not have; those of reading and writing.
    pub(crate) fn materialize_index(&self, table: &Arc<Table>, name: &str) -> Result<()> {
        let definition = table.definition();
        if !indexes_of(&definition.create_sql)?.iter().any(|index| index.name == name) {
            bail!(BadArguments, "There is no index {name} to materialize");
        }
        let Some(index) = definition.text_indexes.iter().find(|index| index.name == name) else {
            // Others have no data of their own.
            return Ok(());
        };
        let lacks = |part: &Part| {
            let has = |field: &TextField| matches!(part.text_index_bytes(field.id), Ok(Some(_)));
            !index.fields.iter().all(has)
        };
        let rewrite = Rewrite {
            definition: definition.as_ref().clone(),
            choose: &lacks,
            change: &Ok,
            cancel: self.cancel.clone(),
        };
        self.engine.store.rewrite(table, &rewrite)
    }
}

/// Fails unless an expression is of stored columns and gives texts or arrays of texts.
fn check_text(expression: &Expr, columns: &[ColumnDefinition]) -> Result<()> {
    let data_type = expression.data_type();
    let is_text = match data_type.inner() {
        DataType::Array(item) => item.inner().is_string(),
        other => other.is_string() || other.is_clob(),
    };
    if !is_text {
        bail!(
            BadArguments,
            "A text index must be of String, CLOB or FixedString, or of an array of strings, not of {data_type}"
        );
    }
    let read = expression.columns();
    if let Some(at) = read.iter().find(|at| !columns[**at].is_physical()) {
        bail!(BadArguments, "Column {} of a text index is not stored", columns[*at].name);
    }
    if read.is_empty() {
        bail!(BadArguments, "A text index must be of a column");
    }
    Ok(())
}

/// What the parameters of a text index say.
struct Parameters {
    analyzer: Analyzer,
    positions: bool,
    bm25: Bm25,
    /// One for each column, or none.
    weights: Vec<f32>,
}

impl Parameters {
    /// All of them are checked.
    fn read(parameters: &[Expression]) -> Result<Parameters> {
        let (mut tokenizer, mut lowercase, mut stopwords) = (None, None, Vec::new());
        let (mut positions, mut bm25, mut weights) = (true, Bm25::default(), Vec::new());
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
                "positions" => positions = flag_of(name, value)?,
                "stopwords" => stopwords = words_of(value)?,
                "k1" => bm25.k1 = number_of(name, value, 100.0)?,
                "b" => bm25.b = number_of(name, value, 1.0)?,
                "weights" => weights = weights_of(value)?,
                _ => bail!(
                    BadArguments,
                    "Unexpected text index parameter {parameter}: there are tokenizer, lowercase, stopwords, \
                     positions, k1, b, weights"
                ),
            }
        }
        let Some(tokenizer) = tokenizer else {
            bail!(BadArguments, "Text index parameter 'tokenizer' is required");
        };
        let analyzer = Analyzer::with(tokenizer, lowercase, &stopwords)?;
        Ok(Parameters { analyzer, positions, bm25, weights })
    }
}

fn weights_of(value: &Expression) -> Result<Vec<f32>> {
    match value {
        Expression::Array(items) => {
            items.iter().map(|item| number_of("weights", item, 1000.0)).collect()
        }
        one => Ok(vec![number_of("weights", one, 1000.0)?]),
    }
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

fn number_of(name: &str, value: &Expression, most: f32) -> Result<f32> {
    let number: Option<f32> = match value {
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
        let snapshot = table.snapshot();
        let about = &snapshot.definition;
        for index in indexes_of(&about.create_sql)? {
            let bytes = bytes_of(&snapshot, &index.name)?;
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
                number(bytes),
                number(bytes),
                number(0),
            ]);
        }
    }
    Ok(rows)
}

/// Gives the text indexes of an altered table the ids that they had, and new ones where they are others: those of
/// another analyzer, or of another text.
pub(crate) fn keep_ids(old: &TableDefinition, new: &mut TableDefinition, next: &mut u32) {
    let by_id = |expression: &Expr, columns: &[ColumnDefinition]| {
        expression.clone().remap(&|at| columns.get(at).map_or(usize::MAX, |c| c.id as usize))
    };
    let columns = &new.columns;
    for index in &mut new.text_indexes {
        let same = |known: &&TextIndexDefinition| {
            (&known.name, &known.analyzer, known.positions, known.bm25)
                == (&index.name, &index.analyzer, index.positions, index.bm25)
        };
        let known = old.text_indexes.iter().find(same);
        for field in &mut index.fields {
            let text = by_id(&field.expression, columns);
            let fields = known.map(|known| known.fields.as_slice()).unwrap_or_default();
            let known = fields.iter().find(|f| by_id(&f.expression, &old.columns) == text);
            field.id = known.map_or(*next, |field| field.id);
            *next += u32::from(known.is_none());
        }
    }
}

/// Bytes of a text index in all parts of a table.
fn bytes_of(snapshot: &TableSnapshot, name: &str) -> Result<u64> {
    let mut bytes = 0;
    let indexes = snapshot.definition.text_indexes.iter().filter(|index| index.name == name);
    for field in indexes.flat_map(|index| &index.fields) {
        for part in &snapshot.parts {
            bytes += part.text_index_bytes(field.id)?.unwrap_or(0);
        }
    }
    Ok(bytes)
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
