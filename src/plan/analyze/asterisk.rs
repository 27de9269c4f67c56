//! `*`, `t.*`, COLUMNS(...) and what is done to them, written out as expressions.

use base::{Result, bail, error};
use sql::ast::{ColumnTransformer, Expression, FunctionCall, Name};

use super::scope::{Scope, ScopeColumn};

/// The expressions that an asterisk or COLUMNS stands for.
pub(crate) fn expand(scope: &Scope, expression: &Expression) -> Result<Vec<Expression>> {
    let (qualifier, transformers) = match expression {
        Expression::Asterisk { qualifier, transformers }
        | Expression::Columns { qualifier, transformers, .. } => (qualifier, transformers),
        other => return Ok(vec![other.clone()]),
    };
    let mut columns: Vec<(String, Expression)> = Vec::new();
    if let Expression::Columns { list, .. } = expression
        && !list.is_empty()
    {
        for name in list {
            columns.push((name.last().to_owned(), Expression::Identifier(name.clone())));
        }
    } else {
        let pattern = match expression {
            Expression::Columns { pattern: Some(pattern), .. } => Some(compile(pattern)?),
            _ => None,
        };
        let wanted = |c: &&ScopeColumn| {
            !c.hidden
                && qualifier.as_ref().is_none_or(|q| scope.tables[c.table].matches(&q.0))
                && (qualifier.is_some() || !c.merged)
                && pattern.as_ref().is_none_or(|p| p.is_match(&c.name))
        };
        for column in scope.columns.iter().filter(wanted) {
            columns.push((column.name.clone(), reference(scope, column)));
        }
        if let Some(q) = qualifier
            && !scope.tables.iter().any(|t| t.matches(&q.0))
        {
            bail!(UnknownIdentifier, "Qualified matcher {}.* does not find table", q.0.join("."));
        }
    }
    for transformer in transformers {
        columns = transform(columns, transformer)?;
    }
    Ok(columns
        .into_iter()
        .map(|(name, e)| match e {
            Expression::Identifier(ref n) if n.0.len() == 2 && n.last() == name => {
                let shown = scope.shown_name(&n.0[..1], &name);
                Expression::Alias(Box::new(e), shown)
            }
            Expression::Identifier(ref n) if n.last() != name || n.0.len() > 1 => {
                Expression::Alias(Box::new(e), name)
            }
            other => other,
        })
        .collect())
}

fn compile(pattern: &str) -> Result<regex::Regex> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|e| error!(RegexpError, "Cannot compile the pattern of COLUMNS: {e}"))
}

/// The column's name, qualified where it is needed to be unique.
fn reference(scope: &Scope, column: &ScopeColumn) -> Expression {
    if scope.find(&[], &column.name).len() <= 1 && !column.merged {
        return Expression::Identifier(Name::simple(column.name.clone()));
    }
    let table = &scope.tables[column.table];
    match (&table.alias, &table.name) {
        (Some(label), _) | (None, Some(label)) => {
            Expression::Identifier(Name(vec![label.clone(), column.name.clone()]))
        }
        (None, None) => Expression::Identifier(Name::simple(column.name.clone())),
    }
}

fn transform(
    columns: Vec<(String, Expression)>,
    transformer: &ColumnTransformer,
) -> Result<Vec<(String, Expression)>> {
    match transformer {
        ColumnTransformer::Except(names) => {
            Ok(columns.into_iter().filter(|(name, _)| !names.contains(name)).collect())
        }
        ColumnTransformer::ExceptPattern(pattern) => {
            let pattern = compile(pattern)?;
            Ok(columns.into_iter().filter(|(name, _)| !pattern.is_match(name)).collect())
        }
        ColumnTransformer::Replace(replacements) => Ok(columns
            .into_iter()
            .map(|(name, e)| match replacements.iter().find(|(_, n)| *n == name) {
                Some((new, _)) => {
                    let aliased = Expression::Alias(Box::new(new.clone()), name.clone());
                    (name, aliased)
                }
                None => (name, e),
            })
            .collect()),
        ColumnTransformer::Apply(function) => columns
            .into_iter()
            .map(|(_, e)| {
                let applied = apply(function, e)?;
                Ok((sql::column_name(&applied), applied))
            })
            .collect(),
    }
}

fn apply(function: &Expression, column: Expression) -> Result<Expression> {
    match function {
        Expression::Identifier(name) => {
            Ok(Expression::Function(FunctionCall::new(name.last(), vec![column])))
        }
        Expression::Function(call) => {
            let mut call = call.clone();
            if call.parameters.is_none() {
                call.parameters = Some(std::mem::take(&mut call.arguments));
            }
            call.arguments = vec![column];
            Ok(Expression::Function(call))
        }
        Expression::Lambda { parameters, body } => match parameters.as_slice() {
            [name] => Ok(super::lambda::substitute(body, &[(name.as_str(), &column)])),
            _ => bail!(BadArguments, "The lambda of APPLY must have one parameter"),
        },
        other => bail!(BadArguments, "APPLY takes a function's name or a lambda, not {other}"),
    }
}
