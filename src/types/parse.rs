//! Type names -> [`DataType`]: ClickHouse's spelling and its SQL aliases.

use std::sync::Arc;

use base::{Result, bail, error};

use crate::families::{self, TypeFamily};
use crate::{DataType, EnumValues, TimeZone, TupleField, Value};

mod tagged;

/// Nesting beyond this is refused.
const DEPTH_LIMIT: usize = 100;

/// The longest name: `NATIONAL CHARACTER LARGE OBJECT`.
const WORDS_OF_A_NAME: usize = 4;

/// Reads a whole type name.
pub(crate) fn parse(text: &str) -> Result<DataType> {
    let mut parser = Parser { text, at: 0, depth: 0, in_nullable: false };
    let data_type = parser.data_type()?;
    parser.space();
    if parser.at < text.len() {
        bail!(SyntaxError, "Unexpected {:?} after data type in {text:?}", &text[parser.at..]);
    }
    Ok(data_type)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether the type that comes is that of a column but for NULL.
    in_nullable: bool,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn eat(&mut self, token: char) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len_utf8();
        }
        found
    }

    fn expect(&mut self, token: char) -> Result<()> {
        if self.eat(token) {
            return Ok(());
        }
        bail!(
            SyntaxError,
            "Expected '{token}' at position {} of data type {:?}",
            self.at + 1,
            self.text
        )
    }

    /// A bare or back-ticked word; empty where there is none.
    fn word(&mut self) -> Result<String> {
        self.space();
        if self.rest().starts_with(['`', '"']) {
            return self.quoted();
        }
        let length = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(self.rest().len());
        let word = self.rest()[..length].to_owned();
        self.at += length;
        Ok(word)
    }

    fn quoted(&mut self) -> Result<String> {
        let mut chars = self.rest().char_indices();
        let Some((_, quote)) = chars.next() else {
            bail!(SyntaxError, "Unexpected end of data type {:?}", self.text);
        };
        let mut out = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                let end = self.at + at + c.len_utf8();
                if self.text[end..].starts_with(quote) {
                    out.push(quote);
                    chars.next();
                    continue;
                }
                self.at = end;
                return Ok(out);
            }
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, escaped)) => out.push(escaped),
                    None => break,
                },
                c => out.push(c),
            }
        }
        bail!(SyntaxError, "Unclosed quote in data type {:?}", self.text)
    }

    fn string(&mut self) -> Result<String> {
        self.space();
        if self.rest().starts_with('\'') {
            return self.quoted();
        }
        bail!(
            SyntaxError,
            "Expected a string at position {} of data type {:?}",
            self.at + 1,
            self.text
        )
    }

    fn integer(&mut self) -> Result<i64> {
        self.space();
        let negative = self.eat('-');
        let word = self.word()?;
        let number: i64 = word.parse().map_err(|_| {
            error!(SyntaxError, "Expected a number but found {word:?} in data type {:?}", self.text)
        })?;
        Ok(if negative { -number } else { number })
    }

    /// A number in brackets, within bounds.
    fn bracketed(&mut self, low: i64, high: i64, what: &str) -> Result<i64> {
        self.expect('(')?;
        let number = self.integer()?;
        self.expect(')')?;
        if !(low..=high).contains(&number) {
            bail!(ArgumentOutOfBound, "{what} is {number}, must be from {low} to {high}");
        }
        Ok(number)
    }

    fn data_type(&mut self) -> Result<DataType> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            bail!(TooDeepAst, "Data type is nested deeper than {DEPTH_LIMIT} levels");
        }
        // Within other types CLOB is String.
        let whole = self.depth == 1 || std::mem::take(&mut self.in_nullable);
        let (family, own_name) = self.family()?;
        let data_type = match &family.simple {
            Some(simple) if own_name => simple.clone(),
            Some(simple) => self.after_alias(simple.clone())?,
            None => self.with_arguments(family.name)?,
        };
        self.depth -= 1;
        Ok(if whole { data_type } else { data_type.without_clob() })
    }

    /// The family of as many words as make a name, and whether that is its own name rather than an alias.
    fn family(&mut self) -> Result<(&'static TypeFamily, bool)> {
        let mut name = self.word()?;
        let first = name.clone();
        let mut found = families::find(&name).map(|family| (family, name == family.name, self.at));
        for _ in 1..WORDS_OF_A_NAME {
            self.space();
            if !self.rest().starts_with(|c: char| c.is_ascii_alphabetic()) {
                break;
            }
            name = format!("{name} {}", self.word()?);
            found = families::find(&name).map(|family| (family, false, self.at)).or(found);
        }
        let Some((family, own_name, end)) = found else {
            bail!(UnknownType, "Unknown data type family: {first}")
        };
        self.at = end;
        Ok((family, own_name))
    }

    /// `INT(11)`, `INT(11) UNSIGNED`, `VARCHAR(255)`: SQL's decorations are accepted.
    fn after_alias(&mut self, data_type: DataType) -> Result<DataType> {
        if !self.eat('(') {
            return Ok(data_type);
        }
        self.integer()?;
        if self.eat(',') {
            self.integer()?;
        }
        self.expect(')')?;
        let before = self.at;
        let changed = match (self.word()?.to_ascii_uppercase().as_str(), &data_type) {
            ("UNSIGNED", DataType::Int8) => DataType::UInt8,
            ("UNSIGNED", DataType::Int16) => DataType::UInt16,
            ("UNSIGNED", DataType::Int32) => DataType::UInt32,
            ("UNSIGNED", DataType::Int64) => DataType::UInt64,
            ("SIGNED", _) => data_type,
            _ => {
                self.at = before;
                data_type
            }
        };
        Ok(changed)
    }

    fn with_arguments(&mut self, family: &str) -> Result<DataType> {
        Ok(match family {
            "Decimal" => self.decimal()?,
            "Decimal32" => self.decimal_of(9)?,
            "Decimal64" => self.decimal_of(18)?,
            "Decimal128" => self.decimal_of(38)?,
            "Decimal256" => self.decimal_of(76)?,
            "DateTime" => self.datetime()?,
            "DateTime64" => self.datetime64()?,
            "Time" => self.time()?,
            "Time64" => self.time64()?,
            "FixedString" => {
                DataType::FixedString(self.bracketed(1, 0xFF_FFFF, "FixedString size")? as usize)
            }
            "Enum" | "Enum8" | "Enum16" => self.enumeration(family)?,
            "Array" => {
                self.expect('(')?;
                let item = self.data_type()?;
                self.expect(')')?;
                DataType::array(item)
            }
            "Nullable" => self.nullable()?,
            "LowCardinality" => self.low_cardinality()?,
            "Map" => self.map()?,
            "Variant" => self.variant()?,
            "Dynamic" => self.dynamic()?,
            "JSON" => self.json()?,
            "Tuple" => self.tuple()?,
            "Nested" => match self.tuple()? {
                fields @ DataType::Tuple(_) => DataType::array(fields),
                other => other,
            },
            "AggregateFunction" => self.aggregate()?,
            "SimpleAggregateFunction" => {
                self.expect('(')?;
                let name = self.word()?;
                self.expect(',')?;
                let value = self.data_type()?;
                self.expect(')')?;
                DataType::SimpleAggregateFunction(Arc::new((name, value)))
            }
            _ => bail!(UnknownType, "Data type family {family} takes arguments that are not read"),
        })
    }

    fn decimal(&mut self) -> Result<DataType> {
        let (mut precision, mut scale) = (10, 0);
        if self.eat('(') {
            precision = self.integer()?;
            if self.eat(',') {
                scale = self.integer()?;
            }
            self.expect(')')?;
        }
        if !(1..=76).contains(&precision) {
            bail!(
                ArgumentOutOfBound,
                "Wrong precision: it must be between 1 and 76, got {precision}"
            );
        }
        if !(0..=precision).contains(&scale) {
            bail!(
                ArgumentOutOfBound,
                "Wrong scale: it must be between 0 and {precision}, got {scale}"
            );
        }
        Ok(DataType::Decimal { precision: precision as u8, scale: scale as u8 })
    }

    fn decimal_of(&mut self, precision: u8) -> Result<DataType> {
        let scale = self.bracketed(0, i64::from(precision), "Decimal scale")? as u8;
        Ok(DataType::Decimal { precision, scale })
    }

    fn zone(&mut self) -> Result<TimeZone> {
        let name = self.string()?;
        TimeZone::parse(&name)
    }

    /// `DateTime`, `DateTime('UTC')`; with a precision it is DateTime64.
    fn datetime(&mut self) -> Result<DataType> {
        let before = self.at;
        if !self.eat('(') || self.eat(')') {
            return Ok(DataType::DateTime(None));
        }
        self.space();
        if self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            self.at = before;
            return Ok(match self.datetime64()? {
                DataType::DateTime64(0, zone) => DataType::DateTime(zone),
                with_fraction => with_fraction,
            });
        }
        let zone = self.zone()?;
        self.expect(')')?;
        Ok(DataType::DateTime(Some(zone)))
    }

    fn datetime64(&mut self) -> Result<DataType> {
        let (mut precision, mut zone) = (3, None);
        if self.eat('(') {
            precision = self.integer()?;
            if self.eat(',') {
                zone = Some(self.zone()?);
            }
            self.expect(')')?;
        }
        if !(0..=9).contains(&precision) {
            bail!(ArgumentOutOfBound, "DateTime64 precision must be from 0 to 9, got {precision}");
        }
        Ok(DataType::DateTime64(precision as u8, zone))
    }

    fn time(&mut self) -> Result<DataType> {
        if self.eat('(') {
            bail!(IllegalTypeOfArgument, "Time has no time zone: {:?}", self.text);
        }
        Ok(DataType::Time)
    }

    fn time64(&mut self) -> Result<DataType> {
        let mut precision = 3;
        if self.eat('(') {
            precision = self.integer()?;
            if self.eat(',') {
                bail!(IllegalTypeOfArgument, "Time64 has no time zone: {:?}", self.text);
            }
            self.expect(')')?;
        }
        if !(0..=9).contains(&precision) {
            bail!(BadArguments, "Time64 precision must be from 0 to 9, got {precision}");
        }
        Ok(DataType::Time64(precision as u8))
    }

    fn enumeration(&mut self, family: &str) -> Result<DataType> {
        self.expect('(')?;
        let mut values: Vec<(String, i16)> = Vec::new();
        loop {
            let name = self.string()?;
            let number = if self.eat('=') {
                self.integer()?
            } else {
                values.last().map_or(1, |(_, last)| i64::from(*last) + 1)
            };
            let number = i16::try_from(number).map_err(|_| {
                error!(ArgumentOutOfBound, "Value {number} of '{name}' does not fit Enum16")
            })?;
            values.push((name, number));
            if !self.eat(',') {
                break;
            }
        }
        self.expect(')')?;
        let small = values.iter().all(|(_, number)| i8::try_from(*number).is_ok());
        if family == "Enum8" && !small {
            bail!(ArgumentOutOfBound, "A value of the enum is out of the range of Enum8");
        }
        let values = Arc::new(EnumValues::new(values)?);
        let narrow = small && family != "Enum16";
        Ok(if narrow { DataType::Enum8(values) } else { DataType::Enum16(values) })
    }

    fn nullable(&mut self) -> Result<DataType> {
        self.expect('(')?;
        self.in_nullable = self.depth == 1;
        let inner = self.data_type()?;
        self.expect(')')?;
        if !inner.can_be_nullable() {
            bail!(IllegalTypeOfArgument, "Nested type {inner} cannot be inside Nullable type");
        }
        Ok(DataType::Nullable(Arc::new(inner)))
    }

    fn low_cardinality(&mut self) -> Result<DataType> {
        self.expect('(')?;
        let inner = self.data_type()?;
        self.expect(')')?;
        let bare = match &inner {
            DataType::Nullable(bare) => bare,
            other => other,
        };
        let allowed = bare.is_string()
            || bare.is_integer()
            || bare.is_float()
            || bare.is_date()
            || matches!(
                bare,
                DataType::DateTime(_) | DataType::Uuid | DataType::Ipv4 | DataType::Ipv6
            );
        if !allowed {
            bail!(
                IllegalTypeOfArgument,
                "DataTypeLowCardinality is supported only for numbers, strings, Date or DateTime, but got {inner}"
            );
        }
        Ok(DataType::LowCardinality(Arc::new(inner)))
    }

    fn map(&mut self) -> Result<DataType> {
        self.expect('(')?;
        let key = self.data_type()?;
        self.expect(',')?;
        let value = self.data_type()?;
        self.expect(')')?;
        if key.is_nullable() || matches!(key, DataType::Float32 | DataType::Float64) {
            bail!(BadArguments, "Type of Map key cannot be {key}");
        }
        Ok(DataType::map(key, value))
    }

    fn tuple(&mut self) -> Result<DataType> {
        let mut fields: Vec<TupleField> = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            let before = self.at;
            let name = self.word()?;
            self.space();
            let named = !name.is_empty() && !self.rest().starts_with(['(', ',', ')']);
            if !named {
                self.at = before;
            }
            let data_type = self.data_type()?;
            fields.push(TupleField { name: named.then_some(name), data_type });
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        let named = fields.iter().filter(|f| f.name.is_some()).count();
        if named != 0 && named != fields.len() {
            bail!(BadArguments, "Names are specified not for all elements of Tuple type");
        }
        let mut names: Vec<&str> = fields.iter().filter_map(|f| f.name.as_deref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|w| w[0] == w[1]) {
            bail!(DuplicateColumn, "Tuple names must be unique in {:?}", self.text);
        }
        if fields.is_empty() {
            bail!(EmptyDataPassed, "Tuple needs at least one element");
        }
        Ok(DataType::Tuple(fields.into()))
    }

    fn aggregate(&mut self) -> Result<DataType> {
        self.expect('(')?;
        let name = self.word()?;
        let mut parameters = Vec::new();
        if self.eat('(') {
            while !self.eat(')') {
                parameters.push(self.parameter()?);
                self.eat(',');
            }
        }
        let mut arguments = Vec::new();
        while self.eat(',') {
            arguments.push(self.data_type()?);
        }
        self.expect(')')?;
        Ok(DataType::AggregateFunction(Arc::new((name, parameters, arguments))))
    }

    fn parameter(&mut self) -> Result<Value> {
        self.space();
        if self.rest().starts_with('\'') {
            return Ok(Value::from(self.string()?.as_str()));
        }
        let length = self.rest().find([',', ')']).unwrap_or(self.rest().len());
        let text = self.rest()[..length].trim().to_owned();
        self.at += length;
        let number = text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float));
        number.map_err(|_| error!(SyntaxError, "Expected a parameter but found {text:?}"))
    }
}

#[cfg(test)]
mod tests;
