//! CREATE DICTIONARY and CREATE FUNCTION.

use base::Result;

use super::Parser;
use crate::ast::{
    CreateDictionary, CreateFunction, DictionaryColumn, DictionaryPart, Expression, Statement,
};

impl Parser<'_> {
    /// What follows `CREATE [OR REPLACE] FUNCTION`.
    pub(super) fn create_function(&mut self, or_replace: bool) -> Result<Statement> {
        let if_not_exists = self.eat("IF NOT EXISTS");
        let name = self.identifier()?;
        self.on_cluster()?;
        self.expect("AS")?;
        let body = self.expression()?;
        if !matches!(body, Expression::Lambda { .. }) {
            return self.expected("lambda");
        }
        Ok(Statement::CreateFunction(CreateFunction { or_replace, if_not_exists, name, body }))
    }

    /// What follows `CREATE [OR REPLACE] DICTIONARY`.
    pub(super) fn create_dictionary(&mut self, or_replace: bool) -> Result<Statement> {
        let if_not_exists = self.eat("IF NOT EXISTS");
        let name = self.table_name()?;
        if self.eat("UUID") {
            self.string()?;
        }
        self.on_cluster()?;
        let mut made = CreateDictionary {
            or_replace,
            if_not_exists,
            name,
            columns: Vec::new(),
            primary_key: Vec::new(),
            source: None,
            layout: None,
            lifetime: None,
            range: None,
            settings: Vec::new(),
            comment: None,
        };
        self.expect("(")?;
        made.columns = self.comma_list(|parser| parser.dictionary_column())?;
        self.expect(")")?;
        while self.dictionary_clause(&mut made)? {}
        Ok(Statement::CreateDictionary(Box::new(made)))
    }

    fn dictionary_clause(&mut self, made: &mut CreateDictionary) -> Result<bool> {
        if self.eat("PRIMARY KEY") {
            let bracket = self.eat("(");
            made.primary_key = self.comma_list(|parser| parser.identifier())?;
            if bracket {
                self.expect(")")?;
            }
        } else if self.eat("SOURCE") {
            made.source = Some(self.dictionary_part()?);
        } else if self.eat("LAYOUT") {
            made.layout = Some(self.dictionary_part()?);
        } else if self.eat("LIFETIME") {
            self.expect("(")?;
            made.lifetime = Some(self.lifetime()?);
            self.expect(")")?;
        } else if self.eat("RANGE") {
            self.expect("(")?;
            made.range = Some(self.bounds(|parser| parser.identifier())?);
            self.expect(")")?;
        } else if self.eat("SETTINGS") {
            self.expect("(")?;
            made.settings = self.settings()?;
            self.expect(")")?;
        } else if self.eat("COMMENT") {
            made.comment = Some(self.string()?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// `MIN a MAX b`, in either order.
    fn bounds<T>(&mut self, value: impl Fn(&mut Self) -> Result<T>) -> Result<(T, T)> {
        if self.eat("MAX") {
            let greatest = value(self)?;
            self.expect("MIN")?;
            return Ok((value(self)?, greatest));
        }
        self.expect("MIN")?;
        let least = value(self)?;
        self.expect("MAX")?;
        Ok((least, value(self)?))
    }

    fn lifetime(&mut self) -> Result<(u64, u64)> {
        if self.at("MIN") || self.at("MAX") {
            return self.bounds(|parser| parser.unsigned());
        }
        let seconds = self.unsigned()?;
        Ok((0, seconds))
    }

    fn dictionary_column(&mut self) -> Result<DictionaryColumn> {
        let name = self.identifier()?;
        let data_type = self.data_type()?;
        let mut column = DictionaryColumn { name, data_type, ..DictionaryColumn::default() };
        loop {
            if self.eat("DEFAULT") {
                column.default = Some(self.expression()?);
            } else if self.eat("EXPRESSION") {
                column.expression = Some(self.expression()?);
            } else if self.eat("HIERARCHICAL") || self.eat("BIDIRECTIONAL") {
                column.hierarchical = true;
            } else if self.eat("INJECTIVE") {
                column.injective = true;
            } else if self.eat("IS_OBJECT_ID") {
                column.object_id = true;
            } else {
                return Ok(column);
            }
        }
    }

    /// `(KIND(name value ...))`
    fn dictionary_part(&mut self) -> Result<DictionaryPart> {
        self.expect("(")?;
        let kind = match self.eat("NULL") {
            true => "NULL".to_owned(),
            false => self.identifier()?.to_ascii_uppercase(),
        };
        let mut parameters = Vec::new();
        if self.eat("(") {
            while !self.is(0, ")") {
                let name = self.identifier()?.to_ascii_uppercase();
                if self.is(0, "(") {
                    return self.unsupported("A list among the parameters of a dictionary");
                }
                parameters.push((name, self.setting_value()?));
            }
            self.expect(")")?;
        }
        self.expect(")")?;
        Ok(DictionaryPart { kind, parameters })
    }
}
