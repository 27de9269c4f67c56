//! From the arguments of a call to rows of the table.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use base::{Error, Result, bail};
use expr::{Argument, FunctionContext, Lookup, LookupIndex, LookupShape};
use types::{Column, DataType};

use crate::aggregate::Encoding;
use crate::scalar::{Conversion, conversion};
use crate::text::strings::Strings;
use crate::text::value_bits;

/// Finds the rows of keys that are given as arguments.
pub(super) struct KeyReader {
    lookup: Arc<Lookup>,
    /// The arguments, each with what makes the key of it; parts of a tuple are taken apart first.
    parts: Vec<Part>,
    range: Option<Part>,
    encoding: Encoding,
}

struct Part {
    argument: usize,
    element: Option<usize>,
    convert: Conversion,
}

impl Part {
    fn read(&self, columns: &[Column], rows: usize) -> Result<Column> {
        let column = &columns[self.argument];
        let Some(element) = self.element else { return (self.convert)(column, rows) };
        let array = column.to_flat()?;
        let part = array.as_struct_opt().and_then(|s| s.columns().get(element).cloned());
        let Some(part) = part else { return Err(Error::logical("a key without its parts")) };
        (self.convert)(&Column::Flat(part), rows)
    }
}

impl KeyReader {
    /// For keys from a place among the arguments on: one argument, a tuple, and the value of a range behind it.
    pub(super) fn new(
        context: &FunctionContext,
        function: &str,
        lookup: &Arc<Lookup>,
        arguments: &[Argument],
        at: usize,
    ) -> Result<KeyReader> {
        let ranged = matches!(lookup.shape, LookupShape::Ranges { .. });
        if arguments.len() != at + 1 + usize::from(ranged) {
            bail!(
                NumberOfArgumentsDoesntMatch,
                "Function {function} of {} needs the key{} and nothing more",
                lookup.name,
                if ranged { " and the value of its range" } else { "" }
            );
        }
        let range = match &lookup.shape {
            LookupShape::Ranges { data_type, .. } => Some(Part {
                argument: at + 1,
                element: None,
                convert: conversion(context, &arguments[at + 1].data_type, data_type)?,
            }),
            _ => None,
        };
        let given = &arguments[at].data_type;
        let parts: Vec<(Option<usize>, &DataType)> = match given {
            DataType::Tuple(fields) => {
                fields.iter().enumerate().map(|(at, f)| (Some(at), &f.data_type)).collect()
            }
            _ => vec![(None, given)],
        };
        let parts = parts.into_iter().map(|(element, t)| (at, element, t)).collect();
        KeyReader::of_parts(context, function, lookup, parts, range)
    }

    /// For keys each of which is an argument of its own.
    pub(super) fn of_arguments(
        context: &FunctionContext,
        function: &str,
        lookup: &Arc<Lookup>,
        arguments: &[Argument],
        at: usize,
    ) -> Result<KeyReader> {
        let parts = arguments[at..].iter().enumerate();
        let parts = parts.map(|(more, a)| (at + more, None, &a.data_type)).collect();
        KeyReader::of_parts(context, function, lookup, parts, None)
    }

    fn of_parts(
        context: &FunctionContext,
        function: &str,
        lookup: &Arc<Lookup>,
        given: Vec<(usize, Option<usize>, &DataType)>,
        range: Option<Part>,
    ) -> Result<KeyReader> {
        if given.len() != lookup.keys.len() {
            bail!(
                TypeMismatch,
                "The key of {} has {} parts, function {function} is given {}",
                lookup.name,
                lookup.keys.len(),
                given.len()
            );
        }
        let mut parts = Vec::with_capacity(given.len());
        for ((argument, element, from), key) in given.into_iter().zip(&lookup.keys) {
            let networks = lookup.shape == LookupShape::Networks;
            let wanted = if networks { &DataType::Ipv6 } else { &key.data_type };
            let plain = |t: &DataType| t.is_integer() || matches!(t, DataType::Bool);
            let (inner, to) = (from.inner(), wanted.inner());
            let is_text = |t: &DataType| t.is_string() || t.is_enum() || *t == DataType::Nothing;
            if plain(to) && is_text(inner) || to.is_string() && plain(inner) && !networks {
                bail!(
                    TypeMismatch,
                    "Key type for {} must be {wanted}, function {function} is given {from}",
                    lookup.name
                );
            }
            // An address may be a number of 32 bits or 16 bytes.
            let from_number = networks && *inner == DataType::UInt32;
            let convert = match from_number {
                true => conversion(context, &DataType::Ipv4, wanted)?,
                false => conversion(context, from, wanted)?,
            };
            parts.push(Part { argument, element, convert });
        }
        let types: Vec<DataType> =
            lookup.keys.iter().map(|k| k.data_type.without_low_cardinality()).collect();
        Ok(KeyReader { lookup: lookup.clone(), parts, range, encoding: Encoding::new(&types) })
    }

    /// The row of each key, where there is one.
    pub(super) fn find(&self, columns: &[Column], rows: usize) -> Result<Vec<Option<u32>>> {
        let keys: Vec<Column> =
            self.parts.iter().map(|part| part.read(columns, rows)).collect::<Result<_>>()?;
        let mut found = vec![None; rows];
        if self.lookup.shape == LookupShape::Networks {
            let index = self.lookup.index(|| networks(&self.lookup))?;
            let address = addresses(&keys[0])?;
            for (row, found) in found.iter_mut().enumerate() {
                *found = longest(index, address[row]);
            }
            return Ok(found);
        }
        let index = self.lookup.index(|| self.rows_by_key())?;
        let range = match &self.range {
            Some(part) => Some(whole_numbers(&part.read(columns, rows)?, &self.lookup)?),
            None => None,
        };
        self.encoding.for_each(&keys, rows, |row, bytes| {
            if let Some(same) = index.get(bytes) {
                found[row] = match &range {
                    Some(values) => self.within(same, values[row]),
                    None => same.first().copied(),
                };
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn rows_by_key(&self) -> Result<LookupIndex> {
        let columns: Vec<Column> =
            self.lookup.key_values.iter().map(|array| Column::Flat(array.clone())).collect();
        let mut index = LookupIndex::default();
        self.encoding.for_each(&columns, self.lookup.rows, |row, bytes| {
            index.entry(bytes.into()).or_default().push(row as u32);
            Ok(())
        })?;
        Ok(index)
    }

    /// Of rows of equal keys the one whose range a value lies in; of several that with the greatest start.
    fn within(&self, rows: &[u32], value: i128) -> Option<u32> {
        let LookupShape::Ranges { from, to, .. } = &self.lookup.shape else { return None };
        let fits = |row: &&u32| {
            let row = **row as usize;
            from[row].is_none_or(|from| from <= value) && to[row].is_none_or(|to| value <= to)
        };
        rows.iter().filter(fits).max_by_key(|row| from[**row as usize]).copied()
    }
}

/// Values of the type of a range as numbers.
fn whole_numbers(column: &Column, lookup: &Lookup) -> Result<Vec<i128>> {
    let LookupShape::Ranges { data_type, .. } = &lookup.shape else { return Ok(Vec::new()) };
    let inner = data_type.inner();
    let Some(read) = value_bits(inner) else {
        bail!(TypeMismatch, "The range of {} cannot be of {data_type}", lookup.name);
    };
    let array = column.to_flat()?;
    let unsigned = inner.is_unsigned_integer()
        || matches!(inner, DataType::Date | DataType::DateTime(_) | DataType::Bool);
    let bits = read(&array)?;
    Ok((0..array.len()).map(|row| bits.integer(row, !unsigned)).collect())
}

/// The address of a network and how many of its bits count, as bytes.
fn network_key(address: u128, bits: u32) -> Box<[u8]> {
    let mask = if bits == 0 { 0 } else { u128::MAX << (128 - bits) };
    let mut key = (address & mask).to_be_bytes().to_vec();
    key.push(bits as u8);
    key.into()
}

fn networks(lookup: &Lookup) -> Result<LookupIndex> {
    let mut index = LookupIndex::default();
    let texts = Strings::of_array(lookup.key_values[0].as_ref())?;
    for row in 0..lookup.rows {
        let text = String::from_utf8_lossy(texts.get(row)).into_owned();
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, length.parse::<u32>().ok()),
            None => (text.as_str(), Some(128)),
        };
        let parsed = match address.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(v4)) => {
                let bits = if text.contains('/') { length.map(|l| l + 96) } else { Some(128) };
                Some((u128::from(v4.to_ipv6_mapped()), bits))
            }
            Ok(std::net::IpAddr::V6(v6)) => Some((u128::from(v6), length)),
            Err(_) => None,
        };
        let Some((address, Some(bits @ 0..=128))) = parsed else {
            bail!(BadArguments, "The key '{text}' of {} is no network", lookup.name);
        };
        index.entry(network_key(address, bits)).or_default().push(row as u32);
    }
    Ok(index)
}

/// Addresses of IPv6.
fn addresses(column: &Column) -> Result<Vec<u128>> {
    let array = column.to_flat()?;
    let Some(read) = value_bits(&DataType::UInt128) else {
        return Err(Error::logical("addresses without bits"));
    };
    let bits = read(&array)?;
    Ok((0..array.len()).map(|row| bits.integer(row, false) as u128).collect())
}

/// The row of the longest network that an address lies in.
fn longest(index: &LookupIndex, address: u128) -> Option<u32> {
    (0..=128).rev().find_map(|bits| index.get(&network_key(address, bits))?.first().copied())
}
