//! Variant and Dynamic out; see `part` for the layout.

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, ArrayRef};
use base::Result;
use std::sync::Arc;
use types::{DataType, tagged};

use super::part::{Layout, Part, Version, width_of, write_numbers};
use crate::binary::{Mark, TypedBytes, write_string, write_varint};
use crate::text::NO_MEMBER;
use crate::type_code::write_type;

/// The name of the type of all values whose types are not kept apart.
const SHARED: &str = "SharedVariant";

/// What stands before the types.
enum Kind {
    /// A Variant's types are known.
    Variant,
    /// Names of a Dynamic's types.
    Dynamic(Vec<DataType>),
}

/// A column of values with their types.
pub(super) struct Several {
    kind: Kind,
    flattened: bool,
    /// Of each row the number of its type, as many as there are for NULL.
    numbers: Vec<u32>,
    parts: Vec<Part>,
}

impl Several {
    pub(super) fn of_variant(
        array: &dyn Array,
        members: &[DataType],
        about: &Layout,
    ) -> Result<Several> {
        let mut groups = tagged::groups(array)?;
        let mut numbers = vec![members.len() as u32; array.len()];
        let mut parts = Vec::with_capacity(members.len());
        for (number, member) in members.iter().enumerate() {
            let values = match groups.iter().position(|group| group.data_type == *member) {
                Some(at) => {
                    let group = groups.swap_remove(at);
                    group.rows.iter().for_each(|row| numbers[*row as usize] = number as u32);
                    group.values
                }
                None => types::default_array(member, 0)?,
            };
            parts.push(Part::new(&values, member, true, about)?);
        }
        Ok(Several { kind: Kind::Variant, flattened: false, numbers, parts })
    }

    /// Values of some types; `places` are their rows among so many, where not each row has one.
    pub(super) fn of_dynamic(
        array: &dyn Array,
        places: Option<(&[u32], usize)>,
        most: usize,
        about: &Layout,
    ) -> Result<Several> {
        let flattened = about.version == Version::Flattened;
        let mut groups = tagged::groups(array)?;
        let mut shared = groups.split_off(groups.len().min(most));
        let named = |groups: Vec<tagged::Group>| {
            let named = groups.into_iter().map(|group| (group.data_type.to_string(), Some(group)));
            let mut named: Vec<(String, Option<tagged::Group>)> = named.collect();
            named.sort_by(|a, b| a.0.cmp(&b.0));
            named
        };
        let mut named = match flattened {
            true => {
                let further = named(std::mem::take(&mut shared));
                let mut all = named(groups);
                all.extend(further);
                all
            }
            false => named(groups),
        };
        if !flattened {
            let at = named.partition_point(|(name, _)| name.as_str() < SHARED);
            named.insert(at, (SHARED.to_owned(), None));
        }
        let rows = places.map_or(array.len(), |(_, rows)| rows);
        let mut numbers = vec![named.len() as u32; rows];
        let mut put = |rows: &[u32], number: usize| {
            for row in rows {
                let row = places.map_or(*row, |(places, _)| places[*row as usize]);
                numbers[row as usize] = number as u32;
            }
        };
        let (mut names, mut parts) = (Vec::new(), Vec::new());
        for (number, (_, group)) in named.into_iter().enumerate() {
            parts.push(match group {
                Some(group) => {
                    put(&group.rows, number);
                    let part = Part::new(&group.values, &group.data_type, true, about)?;
                    names.push(group.data_type);
                    part
                }
                None => {
                    let mut rows: Vec<u32> =
                        shared.iter().flat_map(|group| group.rows.iter().copied()).collect();
                    rows.sort_unstable();
                    put(&rows, number);
                    Part::Plain(typed_strings(array, &rows, about)?, DataType::String)
                }
            });
        }
        Ok(Several { kind: Kind::Dynamic(names), flattened, numbers, parts })
    }

    pub(super) fn prefix(&self, about: &Layout, out: &mut Vec<u8>) -> Result<()> {
        if let Kind::Dynamic(names) = &self.kind {
            write_version(about.version, 1, names.len(), out);
            for data_type in names {
                match about.settings.output_format_native_encode_types_in_binary_format {
                    true => write_type(data_type, out)?,
                    false => write_string(data_type.to_string().as_bytes(), out),
                }
            }
        }
        if !self.flattened {
            out.extend_from_slice(&0_u64.to_le_bytes());
        }
        self.parts.iter().try_for_each(|part| part.prefix(about, out))
    }

    pub(super) fn values(&self, out: &mut Vec<u8>) -> Result<()> {
        let types = self.parts.len();
        if self.flattened {
            let numbers = self.numbers.iter().map(|number| u64::from(*number));
            write_numbers(numbers, width_of(types + 1), out);
        } else {
            let number =
                |number: &u32| u8::try_from(*number).ok().filter(|n| usize::from(*n) < types);
            out.extend(self.numbers.iter().map(|n| number(n).unwrap_or(NO_MEMBER)));
        }
        self.parts.iter().try_for_each(|part| part.values(out))
    }
}

/// Appends the version of Dynamic or JSON and how many types or paths it has; `first` is the oldest version.
pub(super) fn write_version(version: Version, first: u64, count: usize, out: &mut Vec<u8>) {
    let number = match version {
        Version::WithLimits => first,
        Version::Plain => 2,
        Version::Flattened => 3,
    };
    out.extend_from_slice(&number.to_le_bytes());
    if version == Version::WithLimits {
        write_varint(count as u64, out);
    }
    write_varint(count as u64, out);
}

/// Types and values of some rows as strings.
fn typed_strings(array: &dyn Array, rows: &[u32], about: &Layout) -> Result<ArrayRef> {
    let rows = arrow_array::UInt32Array::from(rows.to_vec());
    let taken = arrow_select::take::take(array, &rows, None)
        .map_err(|e| base::Error::logical(format!("values of further types: {e}")))?;
    let typed = TypedBytes::new(&taken, &Mark::Code, &about.settings)?;
    let mut out = BinaryViewBuilder::with_capacity(taken.len());
    (0..taken.len()).for_each(|row| out.append_value(typed.value(row)));
    Ok(Arc::new(out.finish()))
}
