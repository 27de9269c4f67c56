//! Names: aliases, columns, fields of tuples, lambda parameters, query parameters.

use base::{Result, bail, error};
use expr::Expr;
use sql::ast::Name;
use types::{DataType, Value};

use super::correlated::OUTER;
use super::resolve::Resolver;

/// Parts of a name that are looked up together: more than columns and their tables have.
const MOST_PARTS: usize = 64;

impl Resolver<'_, '_> {
    /// What a name means: a lambda's parameter, an alias, a column, a field of one of these.
    pub(crate) fn identifier(&mut self, name: &Name) -> Result<Expr> {
        let parts = &name.0;
        let Some(first) = parts.first() else { bail!(UnknownIdentifier, "An empty name") };
        let parameter = self.lambda_parameters.iter().rev().find(|(n, ..)| n == first).cloned();
        if let Some((_, id, data_type)) = parameter {
            return self.fields(Expr::Parameter { id, data_type }, &parts[1..]);
        }
        let prefer_column = self.environment().flag("prefer_column_name_to_alias");
        if prefer_column && let Some(column) = self.column(parts)? {
            return Ok(column);
        }
        // `t.c` is the column of a table, also where something selected is called `t`.
        if parts.len() > 1 && !self.scope.find(&parts[..1], &parts[1]).is_empty() {
            return self
                .column(parts)?
                .map_or_else(|| bail!(LogicalError, "a column got lost"), Ok);
        }
        let expanding = self.expanding.iter().any(|n| n == first);
        if expanding && self.expanding.last() != Some(first) && self.aliases.contains_key(first) {
            bail!(CyclicAliases, "Cyclic aliases: {first} is defined by itself");
        }
        if !expanding && let Some(expression) = self.aliases.get(first).cloned() {
            let outside = std::mem::take(&mut self.lambda_parameters);
            let resolved =
                self.resolve(&sql::ast::Expression::Alias(Box::new(expression), first.clone()));
            self.lambda_parameters = outside;
            return self.fields(resolved?, &parts[1..]);
        }
        if let Some(column) = self.column(parts)? {
            return Ok(column);
        }
        if expanding && self.aliases.contains_key(first) {
            bail!(CyclicAliases, "Cyclic aliases: {first} is defined by itself");
        }
        if let Some(column) = self.outer_column(parts)? {
            return Ok(column);
        }
        let hint = match self.scope.similar(name.last()) {
            Some(similar) => format!(". Maybe you meant: ['{similar}']"),
            None => String::new(),
        };
        bail!(
            UnknownIdentifier,
            "Unknown expression or function identifier `{}` in scope of the query{hint}",
            parts.join(".")
        )
    }

    /// The longest prefix of the parts that names a column, and fields of it.
    fn column(&mut self, parts: &[String]) -> Result<Option<Expr>> {
        // A nested column may have dots in its own name.
        for used in (1..=parts.len().min(MOST_PARTS)).rev() {
            for qualifiers in 0..used.min(3) {
                let column = parts[qualifiers..used].join(".");
                let found = self.scope.find(&parts[..qualifiers], &column);
                let Some(one) = found.first().copied().cloned() else { continue };
                // `t.c` with a column `t` here that has no fields may be a column of a table `t` around.
                if used < parts.len()
                    && !has_fields(&one.data_type)
                    && let Some(outer) = self.outer_column(parts)?
                {
                    return Ok(Some(outer));
                }
                if found.len() > 1 && found.iter().any(|c| c.table != one.table) {
                    // Without qualification the left table's column counts, as in ClickHouse.
                    let left = found.iter().min_by_key(|c| c.table).copied().cloned();
                    if let Some(left) = left.and_then(|c| c.reference()) {
                        return self.fields(left, &parts[used..]).map(Some);
                    }
                }
                let value = match (one.reference(), one.alias) {
                    (Some(reference), _) => reference,
                    (None, Some(alias)) => {
                        let value = self.resolve(&alias)?;
                        super::literal::cast_to(value, &one.data_type)
                    }
                    (None, None) => bail!(LogicalError, "column {column} is nowhere"),
                };
                return self.fields(value, &parts[used..]).map(Some);
            }
        }
        Ok(None)
    }

    /// A column of the query around, as a pseudo-column.
    fn outer_column(&mut self, parts: &[String]) -> Result<Option<Expr>> {
        let Some(Some(outer)) = self.analyzer.outer.last_mut() else { return Ok(None) };
        for used in (1..=parts.len().min(MOST_PARTS)).rev() {
            for qualifiers in 0..used.min(3) {
                let column = parts[qualifiers..used].join(".");
                let found = outer.scope.find(&parts[..qualifiers], &column);
                let first = found.into_iter().min_by_key(|c| c.table);
                let Some(Expr::Column { index, data_type }) = first.and_then(|c| c.reference())
                else {
                    continue;
                };
                outer.used = true;
                let column = Expr::column(OUTER + index, data_type);
                return self.fields(column, &parts[used..]).map(Some);
            }
        }
        Ok(None)
    }

    fn fields(&mut self, value: Expr, names: &[String]) -> Result<Expr> {
        if let (DataType::Json(_), Some(first)) = (value.data_type(), names.first())
            && (first != "null" || names.len() > 1)
        {
            // All keys up to the type are one path.
            let marked = names.iter().position(|name| name.starts_with(':'));
            let end = marked.map_or(names.len(), |at| at + 1);
            let path = names[..end].join(".");
            let path = Expr::literal(Value::from(path.as_str()), DataType::String);
            let part = self.call("getSubcolumn", vec![value, path])?;
            return self.fields(part, &names[end..]);
        }
        names.iter().try_fold(value, |value, name| match name.parse::<u64>() {
            Ok(index) => {
                let index = Expr::literal(Value::Int(i128::from(index)), DataType::UInt64);
                self.call("tupleElement", vec![value, index])
            }
            Err(_) => self.field(value, name),
        })
    }

    /// `{name:Type}`
    pub(crate) fn parameter(&mut self, name: &str, data_type: &str) -> Result<Expr> {
        let text = self.environment().parameter(name).ok_or_else(|| {
            error!(
                UnknownQueryParameter,
                "Substitution `{name}` is not set: send param_{name} with the request, or SET param_{name}"
            )
        })?;
        if data_type == "Identifier" {
            let parts = unescaped(text).split('.').map(str::to_owned).collect();
            return self.identifier(&Name(parts));
        }
        let wanted = DataType::parse(data_type)?;
        if text == "\\N" && wanted.is_nullable() {
            return Ok(Expr::literal(Value::Null, wanted));
        }
        // Texts within composite values have escapes of their own, as in a field of TabSeparated.
        let text = match wanted.inner() {
            DataType::Array(_) | DataType::Map(_) | DataType::Tuple(_) => text.to_owned(),
            _ => unescaped(text),
        };
        let text = Expr::literal(Value::from(text.as_str()), DataType::String);
        let name_of_type = Expr::literal(Value::from(data_type), DataType::String);
        self.call("CAST", vec![text, name_of_type]).map_err(|e| {
            base::Error::new(
                base::ErrorCode::BadQueryParameter,
                format!(
                    "Value of query parameter '{name}' cannot be parsed as {data_type}: {}",
                    e.message()
                ),
            )
        })
    }
}

/// Whether a name with a dot can mean a part of values of a type.
fn has_fields(data_type: &DataType) -> bool {
    data_type.is_nullable()
        || matches!(
            data_type.inner(),
            DataType::Tuple(_) | DataType::Array(_) | DataType::Map(_) | DataType::Json(_)
        )
}

/// The value of a parameter as it came, TabSeparated's escapes undone; a lone `\\N` stays, it means NULL.
fn unescaped(text: &str) -> String {
    if text == "\\N" || !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}
