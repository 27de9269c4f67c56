//! IN, EXISTS and scalar subqueries.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StructArray};
use arrow_buffer::NullBuffer;
use base::{Error, Result, bail};
use expr::{Evaluator, Expr, Set};
use sql::ast::{Expression, Query, TableName};
use types::{Block, Column, DataType, TupleField, Value, array_from_values, struct_fields};

use super::resolve::Resolver;
use crate::{Environment, Plan, optimize};

impl Resolver<'_, '_> {
    /// `operand [NOT] IN set`
    pub(crate) fn in_set(
        &mut self,
        operand: &Expression,
        set: &Expression,
        negated: bool,
    ) -> Result<Expr> {
        match set {
            Expression::Alias(inner, _) => return self.in_set(operand, inner, negated),
            Expression::Subquery(query) => {
                let operand = self.resolve(operand)?;
                return self.in_query(operand, query, negated);
            }
            Expression::Identifier(name) if self.is_table(name) => {
                let select = table_query(name);
                let operand = self.resolve(operand)?;
                return self.in_query(operand, &select, negated);
            }
            _ => {}
        }
        let operand = self.resolve(operand)?;
        let items: Vec<Expr> = match set {
            Expression::Tuple(items) => {
                items.iter().map(|i| self.resolve(i)).collect::<Result<_>>()?
            }
            Expression::Function(call) if call.name.eq_ignore_ascii_case("tuple") => {
                call.arguments.iter().map(|i| self.resolve(i)).collect::<Result<_>>()?
            }
            other => vec![self.resolve(other)?],
        };
        let is_tuple = matches!(operand.data_type().inner(), DataType::Tuple(_));
        if let [only] = items.as_slice() {
            let literal = only.as_literal().is_some();
            match (only.data_type(), only.as_literal()) {
                (DataType::Array(item), Some(Value::Array(values))) => {
                    let array = array_from_values(&item, values)?;
                    return self.membership(operand, vec![(item.as_ref().clone(), array)], negated);
                }
                (DataType::Array(_), _) if !literal => {
                    let found = self.call("has", vec![only.clone(), operand])?;
                    return if negated { self.call("not", vec![found]) } else { Ok(found) };
                }
                (DataType::Tuple(fields), Some(Value::Tuple(values))) if !is_tuple => {
                    let sets = fields
                        .iter()
                        .zip(values.iter())
                        .map(|(f, v)| {
                            Ok((
                                f.data_type.clone(),
                                array_from_values(&f.data_type, std::slice::from_ref(v))?,
                            ))
                        })
                        .collect::<Result<_>>()?;
                    return self.membership(operand, sets, negated);
                }
                _ => {}
            }
        }
        // (1, 2) IN (1, 2) without brackets around the only tuple.
        let lone_tuple =
            is_tuple && items.iter().all(|i| !matches!(i.data_type(), DataType::Tuple(_)));
        if lone_tuple {
            let tuple = self.call("tuple", items)?;
            return self.in_items(operand, vec![tuple], negated);
        }
        self.in_items(operand, items, negated)
    }

    fn in_items(&mut self, operand: Expr, items: Vec<Expr>, negated: bool) -> Result<Expr> {
        if items.iter().any(|i| i.as_literal().is_none()) {
            let mut tests = Vec::with_capacity(items.len());
            let null_is_value = self.environment().flag("transform_null_in");
            let equals = if null_is_value { "isNotDistinctFrom" } else { "equals" };
            for item in items {
                tests.push(self.call(equals, vec![operand.clone(), item])?);
            }
            let found = if tests.len() == 1 { tests.remove(0) } else { self.call("or", tests)? };
            return if negated { self.call("not", vec![found]) } else { Ok(found) };
        }
        let mut by_type: Vec<(DataType, Vec<Value>)> = Vec::new();
        SetLimits::new(self.environment()).check(items.len() as u64, 0)?;
        for item in items {
            let Expr::Literal { value, data_type } = item else { continue };
            match by_type.iter_mut().find(|(t, _)| *t == data_type) {
                Some((_, values)) => values.push(value),
                None => by_type.push((data_type, vec![value])),
            }
        }
        let sets = by_type
            .into_iter()
            .map(|(t, values)| Ok((t.clone(), array_from_values(&t, &values)?)))
            .collect::<Result<_>>()?;
        self.membership(operand, sets, negated)
    }

    fn in_query(&mut self, operand: Expr, query: &Query, negated: bool) -> Result<Expr> {
        let (plan, correlated) = self.analyzer.subquery(query, self.scope)?;
        let schema = plan.schema();
        let wanted = match operand.data_type().inner() {
            DataType::Tuple(fields) if schema.len() > 1 => fields.len(),
            _ => 1,
        };
        if schema.len() != wanted {
            bail!(
                NumberOfColumnsDoesntMatch,
                "Number of columns in section IN doesn't match: {wanted} at left, {} at right",
                schema.len()
            );
        }
        if correlated {
            return self.in_correlated(operand, plan, negated);
        }
        let plan = if wanted == 1 {
            crate::clob::as_strings(plan)
        } else {
            let columns = crate::logical::columns_of(&schema);
            let tuple = self.call("tuple", columns)?;
            let field = types::Field::new("tuple", tuple.data_type());
            Plan::Project {
                input: Box::new(plan),
                expressions: vec![tuple],
                schema: types::Schema::new(vec![field]),
            }
        };
        let data_type = plan.schema().fields()[0].data_type.clone();
        let limits = SetLimits::new(self.environment());
        // One more than may be, to see that there are too many.
        let limit = if limits.breaks { limits.rows } else { limits.rows.saturating_add(1) };
        let limit = (limits.rows < u64::MAX).then_some(limit);
        let distinct = Plan::Distinct { input: Box::new(plan), columns: vec![0], limit };
        let blocks = limits.keep(self.run(distinct)?)?;
        let arrays = blocks
            .iter()
            .map(|b| Ok((data_type.clone(), b.column(0).to_flat()?)))
            .collect::<Result<Vec<_>>>()?;
        self.membership(operand, arrays, negated)
    }

    /// Whether a value is among those of some arrays, each of its own type.
    fn membership(
        &mut self,
        operand: Expr,
        arrays: Vec<(DataType, ArrayRef)>,
        negated: bool,
    ) -> Result<Expr> {
        let data_type = operand.data_type();
        let operand = match data_type.is_clob() {
            true => super::cast_to(operand, &data_type.without_clob()),
            false => operand,
        };
        let null_is_value = self.environment().flag("transform_null_in");
        let has_null =
            arrays.iter().any(|(t, a)| a.null_count() > 0 || t.is_null_literal() && !a.is_empty());
        let wanted = operand.data_type().without_low_cardinality();
        if null_is_value && wanted.is_null_literal() {
            return Ok(Expr::literal(Value::Int(i128::from(has_null != negated)), DataType::UInt8));
        }
        if wanted.is_null_literal() {
            return Ok(Expr::literal(Value::Null, DataType::null()));
        }
        let wanted = match wanted {
            DataType::Nullable(inner) => inner.as_ref().clone(),
            other => other,
        };
        let mut cast = Vec::new();
        for (data_type, array) in arrays {
            if data_type.is_null_literal() {
                continue;
            }
            cast.push(self.exact_cast(&data_type, array, &wanted)?);
        }
        let parts: Vec<&dyn Array> = cast.iter().map(AsRef::as_ref).collect();
        let values = if parts.is_empty() {
            array_from_values(&wanted, &[])?
        } else {
            arrow_select::concat::concat(&parts).map_err(|e| Error::logical(e.to_string()))?
        };
        let nullable = operand.data_type().is_nullable();
        let set = Set::new(wanted.clone(), values)?;
        let set = Arc::new(if null_is_value { set } else { set.without_null_fields()? });
        let mut found = Expr::In { argument: Box::new(operand), set, negated };
        if null_is_value && nullable {
            let of_null =
                Expr::literal(Value::Int(i128::from(has_null != negated)), DataType::UInt8);
            found = self.call("ifNull", vec![found, of_null])?;
        }
        if found.columns().is_empty() && !contains_parameter(&found) {
            let data_type = found.data_type();
            return super::resolve::fold(self.environment(), found, &data_type);
        }
        Ok(found)
    }

    /// The values that another type can hold exactly; the others are left out.
    fn exact_cast(&mut self, from: &DataType, array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let from = from.without_low_cardinality();
        if from.inner() == to {
            return Ok(array);
        }
        if let (DataType::Tuple(parts), DataType::Tuple(wanted)) = (from.inner(), to)
            && parts.len() == wanted.len()
            && let Some(rows) = array.as_struct_opt()
        {
            return self.exact_tuples(parts, rows, wanted);
        }
        self.cast_values(&from, array, to)
    }

    /// The tuples all of whose fields another type can hold exactly; the others are left out.
    fn exact_tuples(
        &mut self,
        from: &[TupleField],
        rows: &StructArray,
        to: &[TupleField],
    ) -> Result<ArrayRef> {
        let (mut fields, mut kept) = (Vec::with_capacity(to.len()), rows.nulls().cloned());
        for ((from, values), to) in from.iter().zip(rows.columns()).zip(to) {
            let cast = match from.data_type.inner() == to.data_type.inner() {
                true => values.clone(),
                false => self.cast_values(&from.data_type, values.clone(), &to.data_type)?,
            };
            let fits = |row: usize| match to.data_type.is_nullable() {
                true => cast.is_valid(row) || values.is_null(row) || values.data_type().is_null(),
                false => cast.is_valid(row),
            };
            let fits: NullBuffer = (0..cast.len()).map(fits).collect();
            kept = NullBuffer::union(kept.as_ref(), Some(&fits));
            fields.push(cast);
        }
        let types = fields.iter().map(|field| field.data_type().clone());
        let error = |e: arrow_schema::ArrowError| Error::logical(e.to_string());
        let all: ArrayRef =
            Arc::new(StructArray::try_new(struct_fields(types), fields, None).map_err(error)?);
        match kept {
            Some(kept) if kept.null_count() > 0 => {
                let mask = BooleanArray::new(kept.into_inner(), None);
                arrow_select::filter::filter(&all, &mask).map_err(error)
            }
            _ => Ok(all),
        }
    }

    fn cast_values(&mut self, from: &DataType, array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
        let mut column = Expr::column(0, from.clone());
        if let (DataType::FixedString(longer), DataType::FixedString(length)) = (from.inner(), to)
            && longer > length
        {
            // Zeros at the end do not count.
            let zero = Expr::literal(Value::from("\0"), DataType::String);
            column =
                super::resolve::build_call(self.environment(), "trimRight", vec![column, zero])?;
        }
        let name = Expr::literal(Value::from(to.to_string().as_str()), DataType::String);
        let exact =
            matches!(to.inner(), DataType::Tuple(_) | DataType::Array(_) | DataType::Map(_));
        let function = if exact { "CAST" } else { "accurateCastOrNull" };
        let mut call =
            super::resolve::build_call(self.environment(), function, vec![column.clone(), name])?;
        let is_cut = match from.inner() {
            DataType::Decimal { .. } => to.inner().is_number(),
            from => from.is_float() && to.inner().is_enum(),
        };
        if is_cut {
            // Fractions are cut in conversions: what is cut is no value of the type.
            let same = super::resolve::build_call(
                self.environment(),
                "equals",
                vec![call.clone(), column],
            )?;
            let null = Expr::literal(Value::Null, DataType::null());
            call = super::resolve::build_call(self.environment(), "if", vec![same, call, null])?;
        }
        let evaluator =
            Evaluator::new(&[call], self.environment().registry(), self.environment().context())?;
        let rows = array.len();
        evaluator.evaluate_one(&[Column::Flat(array)], rows)?.to_flat()
    }

    fn is_table(&self, name: &sql::ast::Name) -> bool {
        let simple = name.0.len() == 1;
        if simple
            && (self.aliases.contains_key(&name.0[0])
                || !self.scope.find(&[], &name.0[0]).is_empty())
        {
            return false;
        }
        if simple && self.analyzer.tables.iter().any(|t| t.contains_key(&name.0[0])) {
            return true;
        }
        match name.0.as_slice() {
            [table] => self
                .environment()
                .table(&TableName { database: None, table: table.clone() })
                .is_ok(),
            [database, table] => self
                .environment()
                .table(&TableName { database: Some(database.clone()), table: table.clone() })
                .is_ok(),
            _ => false,
        }
    }

    fn run(&mut self, plan: Plan) -> Result<Vec<Block>> {
        let environment = self.environment();
        environment.collect(optimize(plan, environment)?)
    }

    /// `(SELECT ...)` as a value: of one column that column's value, of several a tuple.
    pub(crate) fn scalar_subquery(&mut self, query: &Query) -> Result<Expr> {
        let (plan, correlated) = self.analyzer.subquery(query, self.scope)?;
        if correlated {
            return self.correlated_scalar(plan);
        }
        let schema = plan.schema();
        let limited =
            Plan::Limit { input: Box::new(plan), offset: 0, limit: Some(2), ties: Vec::new() };
        let blocks = self.run(limited)?;
        let rows: usize = blocks.iter().map(Block::rows).sum();
        if rows > 1 {
            bail!(IncorrectResultOfScalarSubquery, "Scalar subquery returned more than one row");
        }
        let block = blocks.into_iter().find(|b| b.rows() > 0);
        let mut values = Vec::with_capacity(schema.len());
        for (at, field) in schema.fields().iter().enumerate() {
            let data_type = field.data_type.without_low_cardinality();
            let data_type = if schema.len() == 1 { data_type.nullable() } else { data_type };
            let value = match &block {
                Some(block) => block.column(at).value(&data_type, 0)?,
                None if data_type.is_nullable() => Value::Null,
                None => data_type.default_value(),
            };
            values.push(Expr::literal(value, data_type));
        }
        if values.len() == 1 {
            return Ok(values.remove(0));
        }
        self.call("tuple", values)
    }

    /// `EXISTS (SELECT ...)`
    pub(crate) fn exists(&mut self, query: &Query) -> Result<Expr> {
        let (plan, correlated) = self.analyzer.subquery(query, self.scope)?;
        if correlated {
            return self.correlated_exists(plan);
        }
        let limited =
            Plan::Limit { input: Box::new(plan), offset: 0, limit: Some(1), ties: Vec::new() };
        let rows: usize = self.run(limited)?.iter().map(Block::rows).sum();
        Ok(Expr::literal(Value::Int(i128::from(rows > 0)), DataType::UInt8))
    }
}

/// How many values the right side of IN may have.
struct SetLimits {
    rows: u64,
    bytes: u64,
    breaks: bool,
}

impl SetLimits {
    fn new(environment: &dyn Environment) -> SetLimits {
        let limit = |name| match environment.setting(name).and_then(|text| text.parse().ok()) {
            None | Some(0) => u64::MAX,
            Some(most) => most,
        };
        SetLimits {
            rows: limit("max_rows_in_set"),
            bytes: limit("max_bytes_in_set"),
            breaks: environment.setting("set_overflow_mode").as_deref() == Some("break"),
        }
    }

    fn check(&self, rows: u64, bytes: u64) -> Result<()> {
        if rows > self.rows {
            bail!(SetSizeLimitExceeded, "Limit for IN-set exceeded, max rows: {}", self.rows);
        }
        if bytes > self.bytes {
            bail!(
                SetSizeLimitExceeded,
                "Limit for IN-set exceeded, max bytes: {}, current bytes: {bytes}",
                self.bytes
            );
        }
        Ok(())
    }

    /// The blocks that are within the limits.
    fn keep(&self, blocks: Vec<Block>) -> Result<Vec<Block>> {
        let (mut rows, mut bytes) = (0, 0);
        let mut kept = Vec::with_capacity(blocks.len());
        for block in blocks {
            rows += block.rows() as u64;
            bytes += block.memory() as u64;
            kept.push(block);
            match self.check(rows, bytes) {
                Err(_) if self.breaks => break,
                outcome => outcome?,
            }
        }
        Ok(kept)
    }
}

fn contains_parameter(expression: &Expr) -> bool {
    let mut found = false;
    expression.visit(&mut |e| found |= matches!(e, Expr::Parameter { .. }));
    found
}

/// `SELECT * FROM name`
fn table_query(name: &sql::ast::Name) -> Query {
    let (database, table) = match name.0.as_slice() {
        [database, table] => (Some(database.clone()), table.clone()),
        parts => (None, parts.last().cloned().unwrap_or_default()),
    };
    Query::Select(Box::new(sql::ast::Select {
        items: vec![sql::ast::SelectItem {
            expression: Expression::Asterisk { qualifier: None, transformers: Vec::new() },
            text: "*".to_owned(),
        }],
        from: Some(sql::ast::TableExpression::Table(sql::ast::TableReference::Table {
            name: TableName { database, table },
            alias: None,
            is_final: false,
            sample: None,
        })),
        ..sql::ast::Select::default()
    }))
}
