//! Typed expressions over the columns of a block: plain values that can be sent elsewhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use types::{DataType, Value};

use crate::Set;

/// An expression whose names and types are resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Expr {
    /// A column of the input, by position.
    Column {
        /// Where it stands.
        index: usize,
        /// Its type.
        data_type: DataType,
    },
    /// A value.
    Literal {
        /// The value.
        value: Value,
        /// Its type.
        data_type: DataType,
    },
    /// A call of a scalar function.
    Call {
        /// The function's canonical name.
        function: String,
        /// Its arguments.
        #[serde(deserialize_with = "types::nested")]
        arguments: Vec<Expr>,
        /// What it returns.
        data_type: DataType,
    },
    /// Whether a value is in a set (a tuple for several columns).
    In {
        /// The value that is looked up.
        #[serde(deserialize_with = "types::nested")]
        argument: Box<Expr>,
        /// Where it is looked up.
        set: Arc<Set>,
        /// `NOT IN`
        negated: bool,
    },
    /// A lambda; only as an argument of a higher-order function.
    Lambda {
        /// Its parameters' ids and types.
        parameters: Vec<(u32, DataType)>,
        /// What it returns.
        #[serde(deserialize_with = "types::nested")]
        body: Box<Expr>,
    },
    /// A parameter of an enclosing lambda.
    Parameter {
        /// Unique within the query.
        id: u32,
        /// Its type.
        data_type: DataType,
    },
}

impl Expr {
    /// A column of the input.
    pub fn column(index: usize, data_type: DataType) -> Expr {
        Expr::Column { index, data_type }
    }

    /// A value.
    pub fn literal(value: Value, data_type: DataType) -> Expr {
        Expr::Literal { value, data_type }
    }

    /// The type of its values; of a lambda, of what it returns.
    pub fn data_type(&self) -> DataType {
        match self {
            Expr::Column { data_type, .. }
            | Expr::Literal { data_type, .. }
            | Expr::Call { data_type, .. }
            | Expr::Parameter { data_type, .. } => data_type.clone(),
            Expr::In { argument, .. } => {
                if argument.data_type().is_nullable() {
                    DataType::UInt8.nullable()
                } else {
                    DataType::UInt8
                }
            }
            Expr::Lambda { body, .. } => body.data_type(),
        }
    }

    /// The value of a literal.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Expr::Literal { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The expressions directly within.
    pub fn children(&self) -> Vec<&Expr> {
        match self {
            Expr::Call { arguments, .. } => arguments.iter().collect(),
            Expr::In { argument, .. } => vec![argument],
            Expr::Lambda { body, .. } => vec![body],
            Expr::Column { .. } | Expr::Literal { .. } | Expr::Parameter { .. } => Vec::new(),
        }
    }

    /// Calls `visit` on this and all expressions within, outermost first.
    pub fn visit(&self, visit: &mut impl FnMut(&Expr)) {
        visit(self);
        for child in self.children() {
            child.visit(visit);
        }
    }

    /// The same expression with every sub-expression replaced by what `change` returns for it,
    /// innermost first.
    #[must_use]
    pub fn transform(self, change: &mut impl FnMut(Expr) -> Expr) -> Expr {
        let inner = match self {
            Expr::Call { function, arguments, data_type } => Expr::Call {
                function,
                arguments: arguments.into_iter().map(|a| a.transform(change)).collect(),
                data_type,
            },
            Expr::In { argument, set, negated } => {
                Expr::In { argument: Box::new(argument.transform(change)), set, negated }
            }
            Expr::Lambda { parameters, body } => {
                Expr::Lambda { parameters, body: Box::new(body.transform(change)) }
            }
            leaf => leaf,
        };
        change(inner)
    }

    /// The positions of all input columns it reads, sorted, each once.
    pub fn columns(&self) -> Vec<usize> {
        let mut found = Vec::new();
        self.visit(&mut |e| {
            if let Expr::Column { index, .. } = e {
                found.push(*index);
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The same expression over an input whose columns stand elsewhere.
    #[must_use]
    pub fn remap(self, position: &impl Fn(usize) -> usize) -> Expr {
        self.transform(&mut |e| match e {
            Expr::Column { index, data_type } => Expr::Column { index: position(index), data_type },
            other => other,
        })
    }
}
