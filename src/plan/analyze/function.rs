//! Calls: scalar functions, lambdas, aggregate functions.

use base::{Result, bail};
use expr::{AggregateArguments, Argument, Expr};
use sql::ast::{Expression, FunctionCall, Literal};
use types::{DataType, Value};

use super::resolve::Resolver;
use super::{AGGREGATES, place_of};
use crate::AggregateCall;

/// How deep functions that queries define may call one another.
const MOST_DEFINED: usize = 50;

impl Resolver<'_, '_> {
    /// A call as written.
    pub(crate) fn function(&mut self, call: &FunctionCall) -> Result<Expr> {
        if let Some(over) = &call.over {
            return self.window_call(call, over);
        }
        if self.environment().registry().window(&call.name).is_some() {
            bail!(
                BadArguments,
                "The function '{}' can only be used as a window function: write OVER behind it",
                call.name
            );
        }
        if super::score::is_score(call) {
            return self.score_column(call);
        }
        if let Some(body) = self.defined_call(call)? {
            self.defined_depth += 1;
            if self.defined_depth > MOST_DEFINED {
                bail!(TooDeepAst, "Function {} calls functions without end", call.name);
            }
            let resolved = self.resolve(&body);
            self.defined_depth -= 1;
            return resolved;
        }
        let registry = self.environment().registry();
        let scalar = registry.function(&call.name).is_some();
        if registry.is_aggregate(&call.name)
            && (!scalar || call.parameters.is_some() || call.distinct)
        {
            return self.aggregate(call);
        }
        match call.name.to_ascii_lowercase().as_str() {
            "in" | "globalin" if call.arguments.len() == 2 => {
                return self.in_set(&call.arguments[0], &call.arguments[1], false);
            }
            "notin" | "globalnotin" if call.arguments.len() == 2 => {
                return self.in_set(&call.arguments[0], &call.arguments[1], true);
            }
            name @ ("nullin" | "globalnullin" | "notnullin" | "globalnotnullin")
                if call.arguments.len() == 2 =>
            {
                return self.never_null_in(call, name.contains("not"));
            }
            "arrayjoin" if !scalar => return self.array_join_call(&call.arguments),
            "grouping" if !scalar => return self.grouping(&call.arguments),
            _ => {}
        }
        if let Some(parameters) = &call.parameters
            && !parameters.is_empty()
        {
            bail!(
                FunctionIsSpecial,
                "Function {} is not an aggregate function and takes no parameters",
                call.name
            );
        }
        let mut arguments = self.expand_arguments(&call.arguments)?;
        if names_table(&call.name)
            && let Some(first) = arguments.first_mut()
            && let Expression::Identifier(name) = &*first
            && self.resolve(first).is_err()
        {
            *first = Expression::Literal(Literal::String(name.0.join(".").into_bytes()));
        }
        if arguments.iter().any(|a| matches!(bare(a), Expression::Lambda { .. })) {
            return self.higher_order(&call.name, &arguments);
        }
        let resolved = arguments.iter().map(|a| self.resolve(a)).collect::<Result<Vec<_>>>()?;
        self.call(&call.name, self.completed(&call.name, &arguments, resolved))
    }

    /// The arguments of a search with what it finds by, where they do not say: the analyzer of the text's index, or
    /// the names and analyzers of several texts. So the answer is the same with and without the index.
    fn completed(&self, name: &str, written: &[Expression], mut arguments: Vec<Expr>) -> Vec<Expr> {
        let declared = self.environment().registry().function(name);
        let Some(search) = declared.and_then(|declared| declared.search) else { return arguments };
        let described: Vec<Argument> = arguments.iter().map(Argument::of_expression).collect();
        let completion = match (search.with_analyzer, search.with_fields, arguments.first()) {
            (_, Some(with_fields), Some(Expr::Call { function, arguments: texts, .. }))
                if function == "tuple" =>
            {
                let fields = self.fields_of_tuple(written.first(), texts);
                fields.map(|fields| with_fields(&described, &fields))
            }
            (Some(with_analyzer), _, Some(text)) => {
                self.analyzer_of(text).map(|analyzer| with_analyzer(&described, &analyzer))
            }
            _ => None,
        };
        if let Some((kept, added)) = completion {
            arguments.truncate(kept);
            arguments.extend(added.into_iter().map(|(v, data_type)| Expr::literal(v, data_type)));
        }
        arguments
    }

    /// The analyzer of the index of a text.
    fn analyzer_of(&self, text: &Expr) -> Option<String> {
        let Expr::Column { index, .. } = text else {
            let mut texts = self.scope.texts.iter();
            return texts.find(|(own, _)| own == text).map(|(_, analyzer)| analyzer.clone());
        };
        let column = self.scope.columns.iter().find(|column| column.index == Some(*index));
        column?.analyzer.clone()
    }

    /// The name of each text of a tuple as it is written, and its analyzer if it has one.
    fn fields_of_tuple(
        &self,
        written: Option<&Expression>,
        texts: &[Expr],
    ) -> Option<Vec<(String, Option<String>)>> {
        let parts = match bare(written?) {
            Expression::Tuple(parts) => parts,
            Expression::Function(tuple) => &tuple.arguments,
            _ => return None,
        };
        if parts.len() != texts.len() {
            return None;
        }
        let fields = parts.iter().zip(texts).enumerate().map(|(at, (part, text))| {
            let name = match (part, bare(part)) {
                (Expression::Alias(_, alias), _) => alias.clone(),
                (_, Expression::Identifier(name)) => name.0.last().cloned().unwrap_or_default(),
                _ => (at + 1).to_string(),
            };
            (name, self.analyzer_of(text))
        });
        Some(fields.collect())
    }

    /// `nullIn` and `notNullIn`: NULL is in no set that has none.
    fn never_null_in(&mut self, call: &FunctionCall, negated: bool) -> Result<Expr> {
        let found = self.in_set(&call.arguments[0], &call.arguments[1], negated)?;
        if !found.data_type().is_nullable() {
            return Ok(found);
        }
        let otherwise = Expr::literal(Value::Int(i128::from(negated)), DataType::UInt8);
        self.call("ifNull", vec![found, otherwise])
    }

    /// What a call of a function stands for that is a lambda: of WITH, or defined by CREATE FUNCTION.
    fn defined_call(&self, call: &FunctionCall) -> Result<Option<Expression>> {
        let plain = call.parameters.is_none() && call.over.is_none() && !call.distinct;
        let lambda = match self.aliases.get(&call.name).map(bare) {
            Some(lambda @ Expression::Lambda { .. }) => Some(lambda.clone()),
            _ => {
                let registry = self.environment().registry();
                let known = registry.function(&call.name).is_some()
                    || registry.is_aggregate(&call.name)
                    || registry.window(&call.name).is_some();
                match known {
                    true => None,
                    false => self.environment().defined_function(&call.name)?,
                }
            }
        };
        match lambda {
            Some(Expression::Lambda { parameters, body }) if plain => {
                let body = super::lambda::called(&call.name, &parameters, &body, &call.arguments)?;
                Ok(Some(body))
            }
            _ => Ok(None),
        }
    }

    /// Arguments with `*` and COLUMNS(...) written out.
    fn expand_arguments(&mut self, arguments: &[Expression]) -> Result<Vec<Expression>> {
        let mut all = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                Expression::Asterisk { .. } | Expression::Columns { .. } => {
                    all.extend(super::asterisk::expand(self.scope, argument)?);
                }
                other => all.push(other.clone()),
            }
        }
        Ok(all)
    }

    fn higher_order(&mut self, name: &str, arguments: &[Expression]) -> Result<Expr> {
        let registry = self.environment().registry();
        let Some(lambda_types) = registry.function(name).and_then(|d| d.lambda) else {
            if registry.function(name).is_none() {
                return self.call(name, Vec::new());
            }
            bail!(IllegalTypeOfArgument, "Function {name} takes no lambda");
        };
        let mut resolved: Vec<Option<Expr>> = Vec::with_capacity(arguments.len());
        for argument in arguments {
            resolved.push(match bare(argument) {
                Expression::Lambda { .. } => None,
                _ => Some(self.resolve(argument)?),
            });
        }
        let described: Vec<Argument> = resolved
            .iter()
            .zip(arguments)
            .map(|(done, written)| match (done, bare(written)) {
                (Some(e), _) => Argument::of_expression(e),
                (None, Expression::Lambda { parameters, .. }) => Argument {
                    data_type: DataType::Nothing,
                    constant: None,
                    lambda: Some(parameters.len()),
                },
                (None, _) => Argument::of(DataType::Nothing),
            })
            .collect();
        for (at, argument) in arguments.iter().enumerate() {
            if let Expression::Lambda { parameters, body } = bare(argument) {
                let types = lambda_types(&described, at)?;
                if types.len() != parameters.len() {
                    bail!(
                        IllegalTypeOfArgument,
                        "The lambda of function {name} has {} parameters, {} are given to it",
                        parameters.len(),
                        types.len()
                    );
                }
                resolved[at] = Some(self.lambda(parameters, &types, body)?);
            }
        }
        let all: Vec<Expr> = resolved.into_iter().flatten().collect();
        self.call(name, all)
    }

    fn lambda(&mut self, names: &[String], types: &[DataType], body: &Expression) -> Result<Expr> {
        let mut parameters = Vec::with_capacity(names.len());
        for (name, data_type) in names.iter().zip(types) {
            let id = self.analyzer.next_parameter;
            self.analyzer.next_parameter += 1;
            parameters.push((id, data_type.clone()));
            self.lambda_parameters.push((name.clone(), id, data_type.clone()));
        }
        let resolved = self.resolve(body);
        let left = self.lambda_parameters.len().saturating_sub(names.len());
        self.lambda_parameters.truncate(left);
        Ok(Expr::Lambda { parameters, body: Box::new(resolved?) })
    }

    /// An aggregate function: its call goes to the side, a reference stays.
    fn aggregate(&mut self, call: &FunctionCall) -> Result<Expr> {
        if !self.aggregates_allowed {
            bail!(
                IllegalAggregation,
                "Aggregate function {} is found where it is not allowed: in WHERE, GROUP BY, or within another aggregate function",
                Expression::Function(call.clone())
            );
        }
        let found = self.bound_aggregate(call, false)?;
        let data_type = found.data_type.clone();
        let at = place_of(&mut self.calls, found);
        Ok(Expr::column(AGGREGATES + at, data_type))
    }

    /// An aggregate function bound to its arguments, which may be aggregate functions themselves if it is
    /// computed over a window.
    pub(super) fn bound_aggregate(
        &mut self,
        call: &FunctionCall,
        over_window: bool,
    ) -> Result<AggregateCall> {
        let (mut name, mut arguments) = self.aggregate_name(call)?;
        if let Some(filter) = &call.filter {
            name.push_str("If");
            arguments.push(filter.as_ref().clone());
        }
        let parameters = call.parameters.iter().flatten();
        let parameters: Vec<Value> = parameters
            .map(|p| match self.row_expression(p)? {
                Expr::Literal { value, .. } => Ok(value),
                _ => bail!(
                    ParametersToAggregateFunctionsMustBeLiterals,
                    "Parameter {p} of aggregate function {name} must be a constant"
                ),
            })
            .collect::<Result<_>>()?;
        let allowed = (self.aggregates_allowed, self.windows_allowed);
        (self.aggregates_allowed, self.windows_allowed) = (over_window && allowed.0, false);
        let arguments = arguments.iter().map(|a| self.resolve(a)).collect::<Result<Vec<_>>>();
        (self.aggregates_allowed, self.windows_allowed) = allowed;
        let arguments = arguments?;
        let arguments: Vec<Expr> = arguments.into_iter().map(super::resolve::plain_value).collect();
        let types: Vec<DataType> = arguments.iter().map(Expr::data_type).collect();
        let bound = self.environment().registry().bind_aggregate(
            self.environment().context(),
            &AggregateArguments { name: &name, types: &types, parameters: &parameters },
        )?;
        Ok(AggregateCall { function: name, parameters, arguments, data_type: bound.return_type })
    }

    /// The function's canonical name, DISTINCT worked in, and its arguments.
    fn aggregate_name(&mut self, call: &FunctionCall) -> Result<(String, Vec<Expression>)> {
        let registry = self.environment().registry();
        let declared = registry.aggregate(&call.name).map(|d| d.name.to_owned());
        let mut name = declared.unwrap_or_else(|| call.name.clone());
        let only_asterisk = matches!(call.arguments.as_slice(), [Expression::Asterisk { qualifier: None, transformers }] if transformers.is_empty());
        let arguments = if only_asterisk && name.starts_with("count") && !name.contains("Merge") {
            Vec::new()
        } else {
            self.expand_arguments(&call.arguments)?
        };
        if call.distinct && name == "count" && !arguments.is_empty() {
            let chosen = self.environment().setting("count_distinct_implementation");
            name = chosen
                .filter(|c| registry.is_aggregate(c))
                .unwrap_or_else(|| "uniqExact".to_owned());
        } else if call.distinct {
            match name.strip_suffix("If") {
                Some(inner) if registry.is_aggregate(inner) => name = format!("{inner}DistinctIf"),
                _ => name.push_str("Distinct"),
            }
        }
        if self.environment().flag("aggregate_functions_null_for_empty")
            && !name.contains("OrNull")
            && !name.contains("OrDefault")
            && let Some((base, suffixes)) = registry.base_aggregate(&name)
            && base.nulls == expr::NullRows::SkipThenNull
        {
            name = format!("{}OrNull{suffixes}", base.name);
        }
        if call.ignore_nulls == Some(false) {
            let with_nulls = format!("{name}_respect_nulls");
            if registry.is_aggregate(&with_nulls) {
                name = with_nulls;
            }
        } else if call.ignore_nulls == Some(true)
            && let Some(plain) = name.strip_suffix("_respect_nulls")
        {
            name = plain.to_owned();
        }
        Ok((name, arguments))
    }
}

/// Whether a function's first argument is the name of a dictionary or table, which may stand without quotes.
fn names_table(function: &str) -> bool {
    function.starts_with("dictGet")
        || matches!(function, "dictHas" | "dictIsIn" | "joinGet" | "joinGetOrNull")
}

/// An expression without aliases around it.
fn bare(expression: &Expression) -> &Expression {
    match expression {
        Expression::Alias(inner, _) => bare(inner),
        other => other,
    }
}
