//! Runs expressions through the registry and the evaluator and compares with ClickHouse's answers:
//! the examples of all declarations, and `cases.txt` (an expression, `=>`, the answer in
//! TabSeparated, or ERROR and a code). Each call is computed on constants, and again with each
//! constant argument turned into a column.

use arrow_array::UInt32Array;
use base::{ErrorCode, Result, bail};
use expr::{Argument, Evaluator, Expr, FunctionContext, Registry};
use format::FormatSettings;
use format::text::{Escaping, write_value};
use types::{Column, DataType};

mod parser;

use parser::{Syntax, parse_list};

/// Builds typed expressions from syntax, computing what is constant.
struct Builder<'a> {
    registry: &'a Registry,
    context: FunctionContext,
    next_parameter: u32,
    scopes: Vec<(String, Expr)>,
}

impl Builder<'_> {
    fn build(&mut self, syntax: &Syntax) -> Result<Expr> {
        Ok(match syntax {
            Syntax::Literal(value, data_type) => Expr::literal(value.clone(), data_type.clone()),
            Syntax::Name(name) => {
                let found = self.scopes.iter().rev().find(|(n, _)| n == name);
                match found {
                    Some((_, parameter)) => parameter.clone(),
                    None => bail!(UnknownIdentifier, "{name}"),
                }
            }
            Syntax::Lambda(..) => bail!(BadArguments, "a lambda alone"),
            Syntax::Call(name, arguments) => {
                let call = self.call(name, arguments)?;
                self.folded(call)?
            }
        })
    }

    fn call(&mut self, name: &str, syntax: &[Syntax]) -> Result<Expr> {
        let mut plain: Vec<Option<Expr>> = Vec::new();
        for argument in syntax {
            plain.push(match argument {
                Syntax::Lambda(..) => None,
                other => Some(self.build(other)?),
            });
        }
        let mut described: Vec<Argument> = Vec::new();
        for (argument, built) in syntax.iter().zip(&plain) {
            described.push(match (argument, built) {
                (Syntax::Lambda(names, _), _) => Argument {
                    data_type: DataType::Nothing,
                    constant: None,
                    lambda: Some(names.len()),
                },
                (_, Some(e)) => Argument {
                    data_type: e.data_type(),
                    constant: e.as_literal().cloned(),
                    lambda: None,
                },
                _ => bail!(LogicalError, "no argument"),
            });
        }
        let Some(declaration) = self.registry.function(name) else {
            bail!(UnknownFunction, "{name}");
        };
        let mut arguments = Vec::new();
        for (at, built) in plain.into_iter().enumerate() {
            if let Some(built) = built {
                arguments.push(built);
                continue;
            }
            let (Syntax::Lambda(names, body), Some(types)) = (&syntax[at], declaration.lambda)
            else {
                bail!(IllegalTypeOfArgument, "no lambda for {name}");
            };
            let types = types(&described, at)?;
            let mut parameters = Vec::new();
            for (name, data_type) in names.iter().zip(types) {
                self.next_parameter += 1;
                let id = self.next_parameter;
                parameters.push((id, data_type.clone()));
                self.scopes.push((name.clone(), Expr::Parameter { id, data_type }));
            }
            let body = self.build(body)?;
            self.scopes.truncate(self.scopes.len() - names.len());
            described[at].data_type = body.data_type();
            arguments.push(Expr::Lambda { parameters, body: Box::new(body) });
        }
        let bound = self.registry.bind(&self.context, name, &described)?;
        Ok(Expr::Call {
            function: declaration.name.to_owned(),
            arguments,
            data_type: bound.return_type,
        })
    }

    /// A call of constants as its value.
    fn folded(&self, call: Expr) -> Result<Expr> {
        let mut open = false;
        call.visit(&mut |e| open |= matches!(e, Expr::Parameter { .. } | Expr::Column { .. }));
        if open {
            return Ok(call);
        }
        let data_type = call.data_type();
        let evaluator = Evaluator::new(&[call], self.registry, &self.context)?;
        let value = evaluator.evaluate_one(&[], 1)?.value(&data_type, 0)?;
        Ok(Expr::literal(value, data_type))
    }
}

fn text(column: &Column, data_type: &DataType, row: usize) -> Result<String> {
    let mut out = Vec::new();
    let flat = column.to_flat()?;
    write_value(
        flat.as_ref(),
        data_type,
        row,
        Escaping::TabSeparated,
        &FormatSettings::default(),
        &mut out,
    )?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The answer, and whether the outermost call agrees with itself on columns.
fn answer(registry: &Registry, syntax: &Syntax) -> Result<String> {
    let mut builder = Builder {
        registry,
        context: FunctionContext::default(),
        next_parameter: 0,
        scopes: Vec::new(),
    };
    let Syntax::Call(name, arguments) = syntax else {
        let e = builder.build(syntax)?;
        let evaluator = Evaluator::new(std::slice::from_ref(&e), registry, &builder.context)?;
        return text(&evaluator.evaluate_one(&[], 1)?, &e.data_type(), 0);
    };
    let call = builder.call(name, arguments)?;
    let evaluator = Evaluator::new(std::slice::from_ref(&call), registry, &builder.context)?;
    let expected = text(&evaluator.evaluate_one(&[], 1)?, &call.data_type(), 0)?;
    let Expr::Call { function, arguments, data_type } = call else { return Ok(expected) };
    for at in 0..arguments.len() {
        let Expr::Literal { value, data_type: column_type } = &arguments[at] else { continue };
        let mut varied = arguments.clone();
        varied[at] = Expr::column(0, column_type.clone());
        let varied = Expr::Call {
            function: function.clone(),
            arguments: varied,
            data_type: data_type.clone(),
        };
        // Arguments that must be constant are refused.
        let Ok(evaluator) = Evaluator::new(&[varied], registry, &builder.context) else { continue };
        const ROWS: usize = 20;
        let constant = Column::constant(column_type, value, 1)?;
        let rows = constant.to_flat()?;
        let column = Column::Flat(rows).take(&UInt32Array::from_value(0, ROWS))?;
        // A slice, so that offsets do not begin at zero.
        let column = column.slice(3, ROWS - 3);
        let result = evaluator.evaluate_one(&[column], ROWS - 3)?;
        for row in 0..ROWS - 3 {
            let found = text(&result, &data_type, row)?;
            if found != expected {
                return Ok(format!("{expected} but {found} where argument {at} is a column"));
            }
        }
    }
    Ok(expected)
}

/// Compares one expression; `None` where it uses what other rooms are to bring.
fn check(
    registry: &Registry,
    source: &str,
    expected: &str,
) -> Option<std::result::Result<(), String>> {
    let expressions = parse_list(source)?;
    let mut answers = Vec::new();
    for expression in &expressions {
        match answer(registry, expression) {
            Ok(text) => answers.push(text),
            Err(error) if error.code() == ErrorCode::UnknownFunction => return None,
            Err(error) => {
                let code = format!("ERROR {}", error.code() as u32);
                if code == expected {
                    return Some(Ok(()));
                }
                return Some(Err(format!("{source}: expected {expected}, got {error}")));
            }
        }
    }
    let found = answers.join("\t");
    Some(if found == expected {
        Ok(())
    } else {
        Err(format!("{source}: expected {expected}, got {found}"))
    })
}

fn report(outcomes: Vec<Option<std::result::Result<(), String>>>, least: usize) {
    let failures: Vec<&String> =
        outcomes.iter().flatten().filter_map(|o| o.as_ref().err()).collect();
    let run = outcomes.iter().flatten().count();
    let lines: Vec<&str> = failures.iter().map(|f| f.as_str()).collect();
    println!("{run} of {} run", outcomes.len());
    assert!(failures.is_empty(), "{} of {run} differ:\n{}", failures.len(), lines.join("\n"));
    assert!(run >= least, "only {run} could be run");
}

#[test]
fn cases_give_clickhouse_answers() {
    let registry = granary_functions::registry();
    let cases = include_str!("cases.txt").lines().filter_map(|line| line.split_once("\t=>\t"));
    report(cases.map(|(source, expected)| check(&registry, source, expected)).collect(), 300);
}

#[test]
fn null_arguments_make_null() {
    let registry = granary_functions::registry();
    for source in ["lower(NULL)", "concat('a', NULL)", "position('a', NULL)", "length(NULL)"] {
        assert_eq!(check(&registry, source, "\\N"), Some(Ok(())));
    }
}
