//! FROM: tables, table functions, subqueries, joins and ARRAY JOIN.

use super::{Parser, QUERY_LEVELS};
use crate::ast::{
    ArrayJoin, Expression, Join, JoinConstraint, JoinKind, JoinStrictness, Literal, Select,
    TableExpression, TableReference,
};
use crate::token::TokenKind;
use base::{Result, bail};

/// The words before JOIN, in whatever order they stood.
#[derive(Debug, Default)]
struct JoinWords {
    kind: Option<JoinKind>,
    strictness: Option<JoinStrictness>,
    global: bool,
}

impl Parser<'_> {
    /// What follows FROM.
    pub(super) fn from(&mut self, select: &mut Select) -> Result<()> {
        // `FROM ARRAY JOIN x` reads from the table of one row.
        if !self.is_array_join() {
            select.from = Some(self.table_expression()?);
        }
        if let Some(array_join) = self.array_join()? {
            select.array_join = Some(array_join);
            if self.is_array_join() || self.is_join() {
                return self.unsupported("A join after ARRAY JOIN, other than in a subquery,");
            }
        }
        Ok(())
    }

    /// Tables joined by commas and JOIN, from left to right.
    fn table_expression(&mut self) -> Result<TableExpression> {
        let mut left = self.table_operand()?;
        loop {
            let join = if self.eat(",") {
                Join {
                    left,
                    right: self.table_operand()?,
                    kind: JoinKind::Cross,
                    strictness: None,
                    constraint: JoinConstraint::None,
                    global: false,
                }
            } else if self.is_join() && !self.is_array_join() {
                self.join(left)?
            } else {
                self.expect_also("JOIN");
                return Ok(left);
            };
            self.grow(1)?;
            left = TableExpression::Join(Box::new(join));
        }
    }

    fn is_array_join(&self) -> bool {
        let side = usize::from(self.is_one_of(0, &["LEFT", "INNER"]));
        self.is_word(side, "ARRAY") && self.is_word(side + 1, "JOIN")
    }

    fn array_join(&mut self) -> Result<Option<ArrayJoin>> {
        if !self.is_array_join() {
            return Ok(None);
        }
        let left = self.eat("LEFT");
        self.eat("INNER");
        self.expect("ARRAY JOIN")?;
        let arrays = self.comma_list(|parser| {
            let expression = parser.expression()?;
            Ok(match parser.alias()? {
                Some(alias) => Expression::Alias(Box::new(expression), alias),
                None => expression,
            })
        })?;
        self.grow(1)?;
        Ok(Some(ArrayJoin { left, arrays }))
    }

    /// Whether words of a join stand here, up to JOIN.
    fn is_join(&self) -> bool {
        const WORDS: &[&str] = &[
            "GLOBAL", "LOCAL", "ANY", "ALL", "ASOF", "SEMI", "ANTI", "INNER", "LEFT", "RIGHT",
            "FULL", "OUTER", "CROSS", "PASTE", "NATURAL",
        ];
        let mut ahead = 0;
        while ahead < 5 && self.is_one_of(ahead, WORDS) {
            ahead += 1;
        }
        self.is_word(ahead, "JOIN")
    }

    fn join(&mut self, left: TableExpression) -> Result<Join> {
        let words = self.join_words()?;
        let right = self.table_operand()?;
        let kind = words.kind.unwrap_or(match words.strictness {
            Some(JoinStrictness::Semi | JoinStrictness::Anti) => JoinKind::Left,
            _ => JoinKind::Inner,
        });
        let unconditional = matches!(kind, JoinKind::Cross | JoinKind::Paste);
        let constraint = if unconditional {
            JoinConstraint::None
        } else if self.eat("ON") {
            JoinConstraint::On(self.aliased_expression()?)
        } else {
            self.expect("USING")?;
            JoinConstraint::Using(if self.is(0, "(") {
                self.bracket_list(Parser::dotted_identifier)?
            } else {
                self.comma_list(Parser::dotted_identifier)?
            })
        };
        Ok(Join {
            left,
            right,
            kind,
            strictness: words.strictness,
            constraint,
            global: words.global,
        })
    }

    fn join_words(&mut self) -> Result<JoinWords> {
        const KINDS: &[(&str, JoinKind)] = &[
            ("INNER", JoinKind::Inner),
            ("LEFT", JoinKind::Left),
            ("RIGHT", JoinKind::Right),
            ("FULL", JoinKind::Full),
            ("CROSS", JoinKind::Cross),
            ("PASTE", JoinKind::Paste),
        ];
        const STRICTNESS: &[(&str, JoinStrictness)] = &[
            ("ALL", JoinStrictness::All),
            ("ANY", JoinStrictness::Any),
            ("SEMI", JoinStrictness::Semi),
            ("ANTI", JoinStrictness::Anti),
            ("ASOF", JoinStrictness::Asof),
        ];
        let mut words = JoinWords::default();
        while !self.eat("JOIN") {
            if self.eat("GLOBAL") {
                words.global = true;
            } else if let Some((word, kind)) = KINDS.iter().find(|(word, _)| self.is_word(0, word))
                && words.kind.is_none()
            {
                self.expect(word)?;
                words.kind = Some(*kind);
            } else if let Some((word, strictness)) =
                STRICTNESS.iter().find(|(word, _)| self.is_word(0, word))
                && words.strictness.is_none()
            {
                self.expect(word)?;
                words.strictness = Some(*strictness);
            } else if self.is_word(0, "NATURAL") {
                return self.unsupported("NATURAL JOIN");
            } else if !self.eat("LOCAL") && !self.eat("OUTER") {
                return self.fail();
            }
        }
        Ok(words)
    }

    /// A table, a table function, a subquery, or joins in brackets.
    fn table_operand(&mut self) -> Result<TableExpression> {
        if !self.is(0, "(") {
            return self.table_or_function().map(TableExpression::Table);
        }
        let mut brackets = 1;
        while self.is(brackets, "(") {
            brackets += 1;
        }
        if brackets > 1 || !self.is_query(1) {
            // Either `((SELECT ..) UNION ..)` or `(a JOIN b)`.
            if self.is_query(brackets) && self.is_union_inside() {
                return self.derived_table();
            }
            return self.nested(1, |parser| {
                parser.expect("(")?;
                let inner = parser.table_expression()?;
                parser.expect(")")?;
                Ok(inner)
            });
        }
        self.derived_table()
    }

    /// Whether the first bracket holds queries in brackets with operators between them, or one
    /// query in more brackets.
    fn is_union_inside(&self) -> bool {
        let mut depth = 0_usize;
        let mut ahead = 1;
        loop {
            match self.nth(ahead).kind {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") if depth == 1 => {
                    return self.is(ahead + 1, ")")
                        || self.is_one_of(ahead + 1, &["UNION", "EXCEPT", "INTERSECT"]);
                }
                TokenKind::Symbol(")") => depth = depth.saturating_sub(1),
                TokenKind::End => return false,
                _ => {}
            }
            ahead += 1;
        }
    }

    fn derived_table(&mut self) -> Result<TableExpression> {
        self.expect("(")?;
        let query = Box::new(self.nested(QUERY_LEVELS, Parser::query)?);
        self.expect(")")?;
        let mut alias = self.alias()?;
        if self.is_one_of(0, &["FINAL", "SAMPLE"]) {
            bail!(
                UnsupportedMethod,
                "Table expression modifiers FINAL and SAMPLE are not supported for a subquery"
            );
        }
        if alias.is_none() {
            alias = self.alias()?;
        }
        let columns = if alias.is_some() && self.is(0, "(") {
            self.bracket_list(Parser::identifier)?
        } else {
            Vec::new()
        };
        Ok(TableExpression::Table(TableReference::Subquery { query, alias, columns }))
    }

    fn table_or_function(&mut self) -> Result<TableReference> {
        if self.is_word(0, "SELECT") {
            return self.expected("table");
        }
        if self.is_name(0) && self.is(1, "(") {
            let name = self.identifier()?;
            let arguments = self.plain_arguments()?;
            self.eat("FINAL");
            let alias = self.alias()?;
            return Ok(TableReference::Function { name, arguments, alias });
        }
        let name = self.table_name()?;
        let mut alias = self.alias()?;
        let is_final = self.eat("FINAL");
        let sample = if self.eat("SAMPLE") {
            let ratio = self.sample_ratio()?;
            let offset = if self.eat("OFFSET") { Some(self.sample_ratio()?) } else { None };
            Some((ratio, offset))
        } else {
            None
        };
        if alias.is_none() && (is_final || sample.is_some()) {
            alias = self.alias()?;
        }
        Ok(TableReference::Table { name, alias, is_final, sample })
    }

    /// `0.1`, `1000`, `1/10`; a fraction is kept as its text.
    fn sample_ratio(&mut self) -> Result<Literal> {
        let first = self.at;
        if !matches!(self.advance().kind, TokenKind::Number) {
            self.at = first;
            return self.expected("sampling ratio");
        }
        if self.eat("/") {
            self.unsigned()?;
        }
        Ok(Literal::Number(self.source_between(first, self.at).replace(' ', "")))
    }
}
