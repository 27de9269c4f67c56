//! Queries as text.

use super::expression::{bare, order_by_item};
use super::{Separated, format_name, identifiers, list, quoted, window};
use crate::ast::{
    ArrayJoin, DistinctClause, Expression, GroupBy, Join, JoinConstraint, JoinKind, JoinStrictness,
    LimitClause, OrderByItem, Query, Select, SetOperator, TableExpression, TableReference,
    WithItem,
};
use crate::literal::quote_identifier;
use std::fmt::{self, Display, Formatter};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        query_body(f, self)?;
        let last = self.last_select();
        if let Some(path) = &last.into_outfile {
            write!(f, " INTO OUTFILE {}", quoted(path))?;
        }
        if let Some(format) = &last.format {
            write!(f, " FORMAT {}", format_name(format))?;
        }
        Ok(())
    }
}

/// INTERSECT binds tighter than UNION and EXCEPT.
fn level(query: &Query) -> u8 {
    match query {
        Query::Select(_) => 2,
        Query::SetOperation { operator: SetOperator::Intersect, .. } => 1,
        Query::SetOperation { .. } => 0,
    }
}

fn query_body(f: &mut Formatter<'_>, query: &Query) -> fmt::Result {
    let (operator, distinct, left, right) = match query {
        Query::Select(select) => return select.fmt(f),
        Query::SetOperation { operator, distinct, left, right } => {
            (operator, distinct, left, right)
        }
    };
    query_operand(f, left, level(left) < level(query))?;
    f.write_str(match operator {
        SetOperator::Union => " UNION",
        SetOperator::Intersect => " INTERSECT",
        SetOperator::Except => " EXCEPT",
    })?;
    f.write_str(match distinct {
        None => " ",
        Some(true) => " DISTINCT ",
        Some(false) => " ALL ",
    })?;
    query_operand(f, right, level(right) <= level(query))
}

fn query_operand(f: &mut Formatter<'_>, query: &Query, brackets: bool) -> fmt::Result {
    if !brackets {
        return query_body(f, query);
    }
    f.write_str("(")?;
    query_body(f, query)?;
    f.write_str(")")
}

impl Display for WithItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            WithItem::Expression(expression, name) => {
                write!(f, "{} AS {}", bare(expression), quote_identifier(name))
            }
            WithItem::Table(table) => {
                f.write_str(&quote_identifier(&table.name))?;
                if !table.columns.is_empty() {
                    f.write_str(" (")?;
                    identifiers(f, &table.columns)?;
                    f.write_str(")")?;
                }
                write!(f, " AS ({})", table.query)
            }
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.with.is_empty() {
            let recursive = if self.recursive { "RECURSIVE " } else { "" };
            write!(f, "WITH {recursive}{} ", Separated(&self.with, ", "))?;
        }
        f.write_str("SELECT ")?;
        match &self.distinct {
            None => {}
            Some(DistinctClause::All) => f.write_str("DISTINCT ")?,
            Some(DistinctClause::On(keys)) => {
                f.write_str("DISTINCT ON (")?;
                list(f, keys, |f, key| bare(key).fmt(f))?;
                f.write_str(") ")?;
            }
        }
        list(f, &self.items, |f, item| item.expression.fmt(f))?;
        if let Some(from) = &self.from {
            write!(f, " FROM {from}")?;
        } else if self.array_join.is_some() {
            f.write_str(" FROM")?;
        }
        if let Some(ArrayJoin { left, arrays }) = &self.array_join {
            let left = if *left { "LEFT " } else { "" };
            write!(f, " {left}ARRAY JOIN {}", Separated(arrays, ", "))?;
        }
        conditions(f, self)?;
        order_and_limit(f, self)?;
        if !self.settings.is_empty() {
            write!(f, " SETTINGS {}", Separated(&self.settings, ", "))?;
        }
        Ok(())
    }
}

fn clause(f: &mut Formatter<'_>, keyword: &str, value: Option<&Expression>) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {keyword} {value}"),
        None => Ok(()),
    }
}

fn conditions(f: &mut Formatter<'_>, select: &Select) -> fmt::Result {
    clause(f, "PREWHERE", select.prewhere.as_ref())?;
    clause(f, "WHERE", select.filter.as_ref())?;
    match &select.group_by {
        None => {}
        Some(GroupBy::All) => f.write_str(" GROUP BY ALL")?,
        Some(GroupBy::Plain(keys)) => write!(f, " GROUP BY {}", Separated(keys, ", "))?,
        Some(GroupBy::Rollup(keys)) => write!(f, " GROUP BY ROLLUP({})", Separated(keys, ", "))?,
        Some(GroupBy::Cube(keys)) => write!(f, " GROUP BY CUBE({})", Separated(keys, ", "))?,
        Some(GroupBy::GroupingSets(sets)) => {
            f.write_str(" GROUP BY GROUPING SETS (")?;
            list(f, sets, |f, set| {
                f.write_str("(")?;
                list(f, set, |f, key| bare(key).fmt(f))?;
                f.write_str(")")
            })?;
            f.write_str(")")?;
        }
    }
    if select.totals {
        f.write_str(" WITH TOTALS")?;
    }
    clause(f, "HAVING", select.having.as_ref())?;
    if !select.windows.is_empty() {
        f.write_str(" WINDOW ")?;
        list(f, &select.windows, |f, named| {
            write!(f, "{} AS (", quote_identifier(&named.name))?;
            window(f, &named.window, false, &mut |f, expression| expression.fmt(f))?;
            f.write_str(")")
        })?;
    }
    clause(f, "QUALIFY", select.qualify.as_ref())
}

impl Display for OrderByItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        order_by_item(f, self, false, &mut |f, expression| expression.fmt(f))
    }
}

fn order_and_limit(f: &mut Formatter<'_>, select: &Select) -> fmt::Result {
    if select.order_by_all {
        f.write_str(" ORDER BY ")?;
        match select.order_by.first() {
            Some(item) => {
                order_by_item(f, item, false, &mut |f, _| f.write_str("ALL"))?;
            }
            None => f.write_str("ALL")?,
        }
    } else if !select.order_by.is_empty() {
        write!(f, " ORDER BY {}", Separated(&select.order_by, ", "))?;
    }
    if let Some(items) = &select.interpolate {
        f.write_str(" INTERPOLATE")?;
        if !items.is_empty() {
            f.write_str(" (")?;
            list(f, items, |f, (name, value)| {
                f.write_str(&quote_identifier(name))?;
                match value {
                    Some(value) => write!(f, " AS {}", bare(value)),
                    None => Ok(()),
                }
            })?;
            f.write_str(")")?;
        }
    }
    if let Some(limit) = &select.limit_by {
        write!(f, " LIMIT {}", bare(&limit.limit))?;
        if let Some(offset) = &limit.offset {
            write!(f, " OFFSET {}", bare(offset))?;
        }
        write!(f, " BY {}", Separated(&limit.by, ", "))?;
    }
    if let Some(LimitClause { limit, offset, with_ties }) = &select.limit {
        if let Some(limit) = limit {
            write!(f, " LIMIT {}", bare(limit))?;
        }
        if let Some(offset) = offset {
            write!(f, " OFFSET {}", bare(offset))?;
        }
        if *with_ties {
            f.write_str(" WITH TIES")?;
        }
    }
    Ok(())
}

impl Display for TableExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            TableExpression::Table(table) => table.fmt(f),
            TableExpression::Join(join) => join.fmt(f),
        }
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.left)?;
        if self.global {
            f.write_str("GLOBAL ")?;
        }
        f.write_str(match self.strictness {
            None => "",
            Some(JoinStrictness::All) => "ALL ",
            Some(JoinStrictness::Any) => "ANY ",
            Some(JoinStrictness::Semi) => "SEMI ",
            Some(JoinStrictness::Anti) => "ANTI ",
            Some(JoinStrictness::Asof) => "ASOF ",
        })?;
        f.write_str(match self.kind {
            JoinKind::Inner => "INNER JOIN ",
            JoinKind::Left => "LEFT JOIN ",
            JoinKind::Right => "RIGHT JOIN ",
            JoinKind::Full => "FULL JOIN ",
            JoinKind::Cross => "CROSS JOIN ",
            JoinKind::Paste => "PASTE JOIN ",
        })?;
        match &self.right {
            TableExpression::Join(join) => write!(f, "({join})")?,
            TableExpression::Table(table) => table.fmt(f)?,
        }
        match &self.constraint {
            JoinConstraint::None => Ok(()),
            JoinConstraint::On(condition) => write!(f, " ON {condition}"),
            JoinConstraint::Using(names) => {
                f.write_str(" USING (")?;
                identifiers(f, names)?;
                f.write_str(")")
            }
        }
    }
}

impl Display for TableReference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let write_alias = |f: &mut Formatter<'_>, alias: &Option<String>| match alias {
            Some(alias) => write!(f, " AS {}", quote_identifier(alias)),
            None => Ok(()),
        };
        match self {
            TableReference::Table { name, alias, is_final, sample } => {
                name.fmt(f)?;
                write_alias(f, alias)?;
                if *is_final {
                    f.write_str(" FINAL")?;
                }
                let Some((ratio, offset)) = sample else { return Ok(()) };
                write!(f, " SAMPLE {ratio}")?;
                match offset {
                    Some(offset) => write!(f, " OFFSET {offset}"),
                    None => Ok(()),
                }
            }
            TableReference::Function { name, arguments, alias } => {
                let name = super::function_name(name);
                write!(f, "{name}({})", Separated(arguments, ", "))?;
                write_alias(f, alias)
            }
            TableReference::Subquery { query, alias, columns } => {
                write!(f, "({query})")?;
                write_alias(f, alias)?;
                if columns.is_empty() {
                    return Ok(());
                }
                f.write_str(" (")?;
                identifiers(f, columns)?;
                f.write_str(")")
            }
        }
    }
}
