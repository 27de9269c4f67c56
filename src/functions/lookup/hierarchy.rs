//! Dictionaries whose rows name the row above.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::types::UInt8Type;
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Lookup};
use types::{Column, DataType};

use super::{dictionary, of_dictionary};
use crate::collection::list_of;
use crate::scalar::{Conversion, conversion};
use crate::text::strings::numbers;
use crate::text::value_bits;

/// How many rows a way up may have; one that is longer goes round in a circle.
const LONGEST_WAY: usize = 1000;

/// The most keys that are given for a block.
const MOST_KEYS: usize = 1 << 28;

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    of_dictionary!(
        "dictGetHierarchy",
        "dictGetHierarchy('dictionary', key)",
        "A key of a hierarchical dictionary and all keys above it, as an array.",
        (2, 2),
        |c, a| lists(c, "dictGetHierarchy", a, |tree, key, _| Ok(tree.way_up(key)))
    ),
    of_dictionary!(
        "dictIsIn",
        "dictIsIn('dictionary', key, ancestor)",
        "Whether a key of a hierarchical dictionary is another one or lies below it.",
        (3, 3),
        |c, a| is_in(c, a)
    ),
    of_dictionary!(
        "dictGetChildren",
        "dictGetChildren('dictionary', key)",
        "The keys directly below a key of a hierarchical dictionary.",
        (2, 2),
        |c, a| lists(c, "dictGetChildren", a, |tree, key, _| Ok(tree.below(key, 1)))
    ),
    of_dictionary!(
        "dictGetDescendants",
        "dictGetDescendants('dictionary', key[, level])",
        "The keys below a key of a hierarchical dictionary: of all levels, or of one.",
        (2, 3),
        |c, a| lists(c, "dictGetDescendants", a, |tree, key, level| Ok(tree.below(key, level)))
    ),
];

/// Keys with the keys above and below them.
struct Tree {
    above: HashMap<u64, Option<u64>>,
    below: HashMap<u64, Vec<u64>>,
}

impl Tree {
    fn new(function: &str, lookup: &Lookup) -> Result<Tree> {
        let attribute = lookup.attributes.iter().find(|a| a.hierarchical);
        let (Some(attribute), [key]) = (attribute, lookup.keys.as_slice()) else {
            bail!(BadArguments, "Function {function}: {} has no hierarchy", lookup.name);
        };
        let read = |array: &arrow_array::ArrayRef, data_type: &DataType| -> Result<Vec<u64>> {
            let Some(read) = value_bits(data_type.inner()) else {
                bail!(BadArguments, "Function {function}: keys of {} are no numbers", lookup.name);
            };
            let bits = read(array)?;
            Ok((0..array.len()).map(|row| bits.integer(row, false) as u64).collect())
        };
        let keys = read(&lookup.key_values[0], &key.data_type)?;
        let parents = read(&attribute.values, &attribute.data_type)?;
        let nulls = attribute.values.nulls();
        let mut tree = Tree { above: HashMap::new(), below: HashMap::new() };
        for (row, (key, parent)) in keys.into_iter().zip(parents).enumerate() {
            let parent = (!nulls.is_some_and(|n| n.is_null(row))).then_some(parent);
            tree.above.insert(key, parent);
            if let Some(parent) = parent {
                tree.below.entry(parent).or_default().push(key);
            }
        }
        Ok(tree)
    }

    /// A key and those above it, as far as they are in the dictionary.
    fn way_up(&self, key: u64) -> Vec<u64> {
        let mut way = Vec::new();
        let mut next = Some(key);
        while let Some(key) = next
            && let Some(parent) = self.above.get(&key)
            && way.len() < LONGEST_WAY
        {
            way.push(key);
            next = *parent;
        }
        way
    }

    /// The keys of one level below a key, or of all levels for 0, nearest first.
    fn below(&self, key: u64, level: u64) -> Vec<u64> {
        let mut seen = std::collections::HashSet::from([key]);
        let mut current = vec![key];
        let mut all = Vec::new();
        let mut depth = 0;
        while !current.is_empty() {
            depth += 1;
            let children = current.iter().filter_map(|key| self.below.get(key)).flatten();
            current = children.copied().filter(|child| seen.insert(*child)).collect();
            if level == 0 {
                all.extend_from_slice(&current);
            } else if depth == level {
                return current;
            }
        }
        all
    }
}

/// Arguments as keys of 64 bits.
fn key_conversion(
    context: &FunctionContext,
    function: &str,
    argument: &Argument,
) -> Result<Conversion> {
    if !argument.data_type.is_integer() {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of a key of function {function}, expected an integer",
            argument.data_type
        );
    }
    conversion(context, &argument.data_type, &DataType::UInt64)
}

fn keys(convert: &Conversion, columns: &[Column], at: usize, rows: usize) -> Result<Vec<u64>> {
    let array = convert(&columns[at], rows)?.to_flat()?;
    let Some(read) = value_bits(&DataType::UInt64) else {
        return Err(Error::logical("numbers without bits"));
    };
    let bits = read(&array)?;
    Ok((0..array.len()).map(|row| bits.integer(row, false) as u64).collect())
}

fn lists(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    f: fn(&Tree, u64, u64) -> Result<Vec<u64>>,
) -> Result<Bound> {
    let lookup = dictionary(context, function, arguments)?;
    let tree = Arc::new(Tree::new(function, &lookup)?);
    let convert = key_conversion(context, function, &arguments[1])?;
    let level = match arguments.get(2) {
        Some(level) => Some(key_conversion(context, function, level)?),
        None => None,
    };
    Ok(Bound::new(DataType::array(DataType::UInt64), move |columns, rows| {
        let keys_given = keys(&convert, columns, 1, rows)?;
        let levels = match &level {
            Some(convert) => keys(convert, columns, 2, rows)?,
            None => vec![0; rows],
        };
        let (mut offsets, mut items) = (vec![0_i32], Vec::new());
        for (key, level) in keys_given.into_iter().zip(levels) {
            items.extend(f(&tree, key, level)?.into_iter().map(|key| key as i64));
            if items.len() > MOST_KEYS {
                bail!(TooLargeArraySize, "Function {function} made more than {MOST_KEYS} keys");
            }
            offsets.push(items.len() as i32);
        }
        list_of(&DataType::UInt64, offsets, &items)
    }))
}

fn is_in(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let lookup = dictionary(context, "dictIsIn", arguments)?;
    let tree = Arc::new(Tree::new("dictIsIn", &lookup)?);
    let child = key_conversion(context, "dictIsIn", &arguments[1])?;
    let ancestor = key_conversion(context, "dictIsIn", &arguments[2])?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let children = keys(&child, columns, 1, rows)?;
        let ancestors = keys(&ancestor, columns, 2, rows)?;
        let found = children.iter().zip(&ancestors);
        let found = found.map(|(child, ancestor)| u8::from(tree.way_up(*child).contains(ancestor)));
        Ok(numbers::<UInt8Type>(found.collect()))
    }))
}
