//! Queries: WITH, SELECT and the operators between queries.

use super::{Parser, QUERY_LEVELS};
use crate::ast::{
    CommonTable, DistinctClause, Expression, GroupBy, LimitClause, Query, Select, SelectItem,
    SetOperator, WithItem,
};
use base::Result;

/// Unions of more queries than this become balanced trees.
const FLAT_UNION: usize = 32;

/// Words that cannot be an alias without AS, sorted.
const NOT_AN_ALIAS: &[&str] = &[
    "ALL",
    "AND",
    "ANTI",
    "ANY",
    "ARRAY",
    "AS",
    "ASOF",
    "BETWEEN",
    "BY",
    "CROSS",
    "DIV",
    "EXCEPT",
    "FETCH",
    "FINAL",
    "FORMAT",
    "FROM",
    "FULL",
    "GLOBAL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERPOLATE",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCAL",
    "MOD",
    "NATURAL",
    "NOT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARALLEL",
    "PASTE",
    "PREWHERE",
    "QUALIFY",
    "REGEXP",
    "RIGHT",
    "SAMPLE",
    "SELECT",
    "SEMI",
    "SETTINGS",
    "UNION",
    "USING",
    "WHERE",
    "WINDOW",
    "WITH",
];

impl Parser<'_> {
    /// A query without the clauses about its output.
    pub(super) fn query(&mut self) -> Result<Query> {
        let first = self.query_operand()?;
        self.set_operations(first)
    }

    /// A query with INTO OUTFILE, FORMAT and SETTINGS at its end; they go to its last SELECT.
    pub(super) fn query_with_output(&mut self) -> Result<Query> {
        let mut query = self.query()?;
        loop {
            if self.eat("INTO OUTFILE") {
                let path = self.string()?;
                let _ = self.eat("APPEND") || self.eat("TRUNCATE") || self.eat("AND STDOUT");
                query.last_select_mut().into_outfile = Some(path);
            } else if self.eat("FORMAT") {
                query.last_select_mut().format = Some(self.identifier()?);
            } else if self.eat("SETTINGS") {
                let mut settings = self.settings()?;
                query.last_select_mut().settings.append(&mut settings);
            } else {
                return Ok(query);
            }
        }
    }

    fn query_operand(&mut self) -> Result<Query> {
        if self.is(0, "(") {
            return self.subquery();
        }
        Ok(Query::Select(Box::new(self.select()?)))
    }

    /// What follows a first query. INTERSECT binds tighter than UNION and EXCEPT.
    pub(super) fn set_operations(&mut self, first: Query) -> Result<Query> {
        let mut operands = vec![first];
        let mut operators = Vec::new();
        while let Some((operator, distinct)) = self.set_operator() {
            let right = self.query_operand()?;
            match operands.pop() {
                Some(left) if operator == SetOperator::Intersect => {
                    self.grow(1)?;
                    operands.push(combine((operator, distinct), left, right));
                }
                left => {
                    operands.extend(left);
                    operands.push(right);
                    operators.push((operator, distinct));
                }
            }
        }
        let alike = operators.windows(2).all(|pair| pair[0] == pair[1]);
        if let Some(first) = operators.first()
            && first.0 == SetOperator::Union
            && alike
            && operands.len() > FLAT_UNION
        {
            self.grow(operands.len().ilog2() + 1)?;
            return Ok(balance(*first, operands));
        }
        let mut operands = operands.into_iter();
        let Some(mut query) = operands.next() else { return self.fail() };
        for (operator, operand) in operators.into_iter().zip(operands) {
            self.grow(1)?;
            query = combine(operator, query, operand);
        }
        Ok(query)
    }

    fn select(&mut self) -> Result<Select> {
        let mut select = Select::default();
        if self.eat("WITH") {
            select.recursive = self.eat("RECURSIVE");
            select.with = self.comma_list(Parser::with_item)?;
        }
        if self.eat("FROM") {
            self.from(&mut select)?;
            self.expect("SELECT")?;
        } else {
            self.expect("SELECT")?;
        }
        self.select_list(&mut select)?;
        if select.from.is_none() && self.eat("FROM") {
            self.from(&mut select)?;
        }
        self.conditions(&mut select)?;
        self.order_and_limit(&mut select)?;
        if self.eat("SETTINGS") {
            select.settings = self.settings()?;
        }
        Ok(select)
    }

    fn select_list(&mut self, select: &mut Select) -> Result<()> {
        if self.is_word(0, "DISTINCT") && !self.is(1, ",") && !self.is_word(1, "FROM") {
            self.advance();
            select.distinct = Some(if self.is_word(0, "ON") && self.is(1, "(") {
                self.advance();
                DistinctClause::On(self.bracket_list(Parser::expression)?)
            } else {
                DistinctClause::All
            });
        } else if self.is_word(0, "ALL") && !self.is(1, ",") && !self.is_word(1, "FROM") {
            self.advance();
        }
        if self.is_word(0, "TOP") && (self.is_number(1) || (self.is(1, "(") && self.is_number(2))) {
            self.advance();
            let limit = if self.is(0, "(") {
                self.expect("(")?;
                let limit = self.expression()?;
                self.expect(")")?;
                limit
            } else {
                self.operand()?
            };
            let with_ties = self.eat("WITH TIES");
            select.limit = Some(LimitClause { limit: Some(limit), offset: None, with_ties });
        }
        loop {
            select.items.push(self.select_item()?);
            if !self.eat(",") || self.ends_select_list() {
                return Ok(());
            }
        }
    }

    fn is_number(&self, ahead: usize) -> bool {
        self.nth(ahead).kind == crate::token::TokenKind::Number
    }

    /// Whether a comma before this was a trailing one.
    fn ends_select_list(&self) -> bool {
        let next = self.nth(1);
        self.is(0, ")")
            || self.peek().kind == crate::token::TokenKind::End
            || (self.is_word(0, "FROM")
                && (matches!(
                    next.kind,
                    crate::token::TokenKind::Word | crate::token::TokenKind::QuotedName
                ) || self.is(1, "(")))
    }

    fn select_item(&mut self) -> Result<SelectItem> {
        let first = self.at;
        self.apart(|parser| {
            let expression = parser.expression()?;
            let text = parser.spaced_between(first, parser.at);
            let expression = match parser.alias()? {
                Some(alias) => {
                    parser.grow(1)?;
                    Expression::Alias(Box::new(expression), alias)
                }
                None => expression,
            };
            Ok(SelectItem { expression, text })
        })
    }

    /// An alias, with or without AS.
    pub(super) fn alias(&mut self) -> Result<Option<String>> {
        if self.eat("AS") {
            return self.identifier().map(Some);
        }
        if self.is_name(0) && !self.is_not_an_alias() {
            return self.identifier().map(Some);
        }
        self.expect_also("alias");
        Ok(None)
    }

    fn is_not_an_alias(&self) -> bool {
        let token = self.peek();
        token.kind == crate::token::TokenKind::Word && {
            let word = self.word(token).to_ascii_uppercase();
            NOT_AN_ALIAS.binary_search(&word.as_str()).is_ok()
        }
    }

    fn with_item(&mut self) -> Result<WithItem> {
        if self.is_name(0) {
            if self.is_word(1, "AS") && self.is_table_body(2) {
                let name = self.identifier()?;
                return self.common_table(name, Vec::new());
            }
            if self.is(1, "(")
                && let Some(closing) = self.identifier_list_end(1)
                && self.is_word(closing + 1, "AS")
                && self.is_table_body(closing + 2)
            {
                let name = self.identifier()?;
                let columns = self.bracket_list(Parser::identifier)?;
                return self.common_table(name, columns);
            }
        }
        let expression = self.expression()?;
        self.expect("AS")?;
        Ok(WithItem::Expression(expression, self.identifier()?))
    }

    /// `(query)`, `MATERIALIZED (query)`, `NOT MATERIALIZED (query)`
    fn is_table_body(&self, ahead: usize) -> bool {
        let mut at = ahead;
        if self.is_word(at, "NOT") {
            at += 1;
        }
        if self.is_word(at, "MATERIALIZED") {
            at += 1;
        }
        let mut brackets = 0;
        while self.is(at + brackets, "(") {
            brackets += 1;
        }
        brackets > 0 && self.is_query(at + brackets)
    }

    /// Where the bracket closes, if only names and commas are within.
    fn identifier_list_end(&self, opening: usize) -> Option<usize> {
        let mut at = opening + 1;
        loop {
            if !self.is_name(at) {
                return None;
            }
            if self.is(at + 1, ")") {
                return Some(at + 1);
            }
            if !self.is(at + 1, ",") {
                return None;
            }
            at += 2;
        }
    }

    fn common_table(&mut self, name: String, columns: Vec<String>) -> Result<WithItem> {
        self.expect("AS")?;
        if self.eat("NOT") {
            self.expect("MATERIALIZED")?;
        } else {
            self.eat("MATERIALIZED");
        }
        self.expect("(")?;
        let query = Box::new(self.nested(QUERY_LEVELS, Parser::query)?);
        self.expect(")")?;
        Ok(WithItem::Table(CommonTable { name, columns, query }))
    }

    /// PREWHERE to QUALIFY.
    fn conditions(&mut self, select: &mut Select) -> Result<()> {
        if self.eat("PREWHERE") {
            select.prewhere = Some(self.aliased_expression()?);
        }
        if self.eat("WHERE") {
            select.filter = Some(self.aliased_expression()?);
        }
        if self.eat("GROUP BY") {
            select.group_by = Some(self.group_by()?);
        }
        if self.eat("WITH TOTALS") {
            select.totals = true;
        }
        if self.eat("HAVING") {
            select.having = Some(self.aliased_expression()?);
        }
        if self.eat("WINDOW") {
            select.windows = self.comma_list(Parser::named_window)?;
        }
        if self.eat("QUALIFY") {
            select.qualify = Some(self.aliased_expression()?);
        }
        Ok(())
    }

    fn group_by(&mut self) -> Result<GroupBy> {
        if self.is_word(0, "ALL") && !self.is(1, ",") && !self.is(1, ".") && !self.is(1, "(") {
            self.advance();
            return Ok(GroupBy::All);
        }
        if self.eat("GROUPING SETS") {
            return self.bracket_list(Parser::grouping_set).map(GroupBy::GroupingSets);
        }
        for rollup in [true, false] {
            let word = if rollup { "ROLLUP" } else { "CUBE" };
            if self.is_word(0, word) && self.is(1, "(") {
                self.advance();
                let keys = self.bracket_list(Parser::aliased_expression)?;
                return Ok(if rollup { GroupBy::Rollup(keys) } else { GroupBy::Cube(keys) });
            }
        }
        let keys = self.comma_list(Parser::aliased_expression)?;
        if self.eat("WITH ROLLUP") {
            Ok(GroupBy::Rollup(keys))
        } else if self.eat("WITH CUBE") {
            Ok(GroupBy::Cube(keys))
        } else {
            Ok(GroupBy::Plain(keys))
        }
    }

    fn grouping_set(&mut self) -> Result<Vec<Expression>> {
        if !self.eat("(") {
            return Ok(vec![self.expression()?]);
        }
        if self.eat(")") {
            return Ok(Vec::new());
        }
        let keys = self.comma_list(Parser::expression)?;
        self.expect(")")?;
        Ok(keys)
    }
}

fn combine(operator: (SetOperator, Option<bool>), left: Query, right: Query) -> Query {
    Query::SetOperation {
        operator: operator.0,
        distinct: operator.1,
        left: Box::new(left),
        right: Box::new(right),
    }
}

/// Many unions of one kind as a balanced tree, which means the same.
fn balance(operator: (SetOperator, Option<bool>), mut operands: Vec<Query>) -> Query {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut rest = operands.into_iter();
        while let Some(left) = rest.next() {
            pairs.push(match rest.next() {
                Some(right) => combine(operator, left, right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or_else(|| Query::Select(Box::default()))
}
