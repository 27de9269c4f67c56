//! What names can mean within one SELECT.

use std::collections::HashMap;

use expr::Expr;
use sql::ast::Expression;
use storage::TableDefinition;
use types::DataType;

use crate::search::{column_analyzers, computed_texts};
use crate::{ColumnKind, RelationColumn};

/// The columns that the expressions of a SELECT can name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<ScopeColumn>,
    /// The order of tables in FROM, for `t.*`.
    pub(crate) tables: Vec<TableLabel>,
    /// Texts over the input's rows that are no columns and have a text index, and what cuts them.
    pub(crate) texts: Vec<(Expr, String)>,
}

/// How a table of FROM can be named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TableLabel {
    pub(crate) alias: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) name: Option<String>,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    /// Position in `Scope::tables`.
    pub(crate) table: usize,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    /// Position in the input's rows; none for ALIAS columns.
    pub(crate) index: Option<usize>,
    /// Not shown by `*`.
    pub(crate) hidden: bool,
    /// The expression of an ALIAS column.
    pub(crate) alias: Option<Box<Expression>>,
    /// What cuts its texts, where a text index says so.
    pub(crate) analyzer: Option<String>,
    /// The other side's equal column under USING: not shown by `*`, found by qualified name only.
    pub(crate) merged: bool,
}

impl TableLabel {
    /// Whether `qualifier.` can mean this table.
    pub(crate) fn matches(&self, qualifier: &[String]) -> bool {
        match qualifier {
            [one] => self.alias.as_deref() == Some(one) || (self.name.as_deref() == Some(one)),
            [database, name] => {
                self.database.as_deref() == Some(database) && self.name.as_deref() == Some(name)
            }
            _ => false,
        }
    }
}

impl Scope {
    /// A scope of columns without a table; positions count all but ALIAS columns.
    pub(crate) fn of_columns(columns: &[RelationColumn]) -> Scope {
        let mut scope = Scope::default();
        scope.add_table(TableLabel::default(), columns, 0);
        scope
    }

    /// Adds the columns of a table that stand from `first` on in the input's rows; returns how many
    /// positions they take.
    pub(crate) fn add_table(
        &mut self,
        label: TableLabel,
        columns: &[RelationColumn],
        first: usize,
    ) -> usize {
        let table = self.tables.len();
        self.tables.push(label);
        let mut next = first;
        for column in columns {
            let (index, alias) = match &column.kind {
                ColumnKind::Alias(expression) => (None, Some(expression.clone())),
                _ => {
                    next += 1;
                    (Some(next - 1), None)
                }
            };
            self.columns.push(ScopeColumn {
                table,
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                index,
                hidden: column.kind != ColumnKind::Ordinary,
                alias,
                analyzer: None,
                merged: false,
            });
        }
        next - first
    }

    /// Says what cuts the texts of a table that is the scope's only one.
    pub(crate) fn set_texts(&mut self, definition: &TableDefinition) {
        let analyzers = column_analyzers(definition);
        self.set_analyzers(|at| analyzers.get(at).cloned().flatten());
        self.texts = computed_texts(definition);
    }

    /// Appends the tables of a scope whose input's rows follow those of this one, which are so many columns wide.
    pub(crate) fn append(&mut self, right: Scope, width: usize) {
        let tables = self.tables.len();
        self.tables.extend(right.tables);
        for mut column in right.columns {
            column.table += tables;
            column.index = column.index.map(|index| index + width);
            self.columns.push(column);
        }
        let texts = right.texts.into_iter();
        self.texts.extend(texts.map(|(text, by)| (text.remap(&|at| at + width), by)));
    }

    /// Says what cuts the texts of columns by their positions, where that is known.
    pub(crate) fn set_analyzers(&mut self, of: impl Fn(usize) -> Option<String>) {
        for column in &mut self.columns {
            if let Some(analyzer) = column.index.and_then(&of) {
                column.analyzer = Some(analyzer);
            }
        }
    }

    /// The columns that a name can mean; several when it is ambiguous.
    pub(crate) fn find(&self, qualifier: &[String], name: &str) -> Vec<&ScopeColumn> {
        let named = self.columns.iter().filter(|c| c.name == name);
        if qualifier.is_empty() {
            named.filter(|c| !c.merged).collect()
        } else {
            named.filter(|c| self.tables[c.table].matches(qualifier)).collect()
        }
    }

    /// What a qualified column is called in the answer: with its table where an earlier one has a column of
    /// that name.
    pub(crate) fn shown_name(&self, qualifier: &[String], name: &str) -> String {
        let of_table = self.find(qualifier, name).first().map(|column| column.table);
        let first = self.find(&[], name).iter().map(|column| column.table).min();
        match (of_table, first, qualifier.last()) {
            (Some(table), Some(first), Some(last)) if table > first => format!("{last}.{name}"),
            _ => name.to_owned(),
        }
    }

    /// Names like the given one, for "maybe you meant".
    pub(crate) fn similar(&self, name: &str) -> Option<&str> {
        let lower = name.to_ascii_lowercase();
        self.columns.iter().map(|c| c.name.as_str()).find(|known| {
            let known = known.to_ascii_lowercase();
            known == lower || known.contains(&lower) || lower.contains(&known) && known.len() > 2
        })
    }
}

impl ScopeColumn {
    /// A reference to it, unless it is an ALIAS column.
    pub(crate) fn reference(&self) -> Option<Expr> {
        self.index.map(|index| Expr::column(index, self.data_type.clone()))
    }
}

/// Every `expression AS name` within some expressions, not within subqueries; outermost first.
pub(crate) fn collect_aliases<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
) -> Vec<(String, Expression)> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Expression> = expressions.into_iter().collect();
    waiting.reverse();
    while let Some(expression) = waiting.pop() {
        if let Expression::Alias(inner, name) = expression {
            found.push((name.clone(), inner.as_ref().clone()));
        }
        let mut inside = children(expression);
        inside.reverse();
        waiting.extend(inside);
    }
    found
}

/// The expressions directly within one, not those of subqueries.
pub(crate) fn children(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::Literal(_)
        | Expression::Identifier(_)
        | Expression::Parameter { .. }
        | Expression::Asterisk { .. }
        | Expression::Columns { .. }
        | Expression::Exists(_)
        | Expression::Subquery(_) => Vec::new(),
        Expression::Unary(_, inner)
        | Expression::Alias(inner, _)
        | Expression::TupleIndex(inner, _)
        | Expression::TupleField(inner, _) => vec![inner],
        Expression::Lambda { body, .. } => vec![body],
        Expression::IsNull { operand, .. } | Expression::Cast { operand, .. } => vec![operand],
        Expression::Interval { amount, .. } => vec![amount],
        Expression::Binary(_, left, right) | Expression::ArrayElement(left, right) => {
            vec![left, right]
        }
        Expression::Between { operand, low, high, .. } => vec![operand, low, high],
        Expression::Like { operand, pattern, .. } => vec![operand, pattern],
        Expression::In { operand, set, .. } => vec![operand, set],
        Expression::Case { operand, branches, otherwise } => {
            let mut all: Vec<&Expression> = operand.iter().map(AsRef::as_ref).collect();
            for branch in branches {
                all.push(&branch.when);
                all.push(&branch.then);
            }
            all.extend(otherwise.iter().map(AsRef::as_ref));
            all
        }
        Expression::Tuple(items) | Expression::Array(items) => items.iter().collect(),
        Expression::Function(call) => {
            let mut all: Vec<&Expression> = call.arguments.iter().collect();
            all.extend(call.filter.iter().map(AsRef::as_ref));
            if let Some(sql::ast::WindowReference::Specification(window)) = &call.over {
                all.extend(&window.partition_by);
                all.extend(window.order_by.iter().map(|o| &o.expression));
            }
            all
        }
    }
}

/// Aliases by name; of two equal names the first counts, unless they differ (then the name maps to none).
pub(crate) type Aliases = HashMap<String, Expression>;
