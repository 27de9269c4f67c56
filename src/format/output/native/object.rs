//! JSON out; see `part` for the layout.

use std::collections::HashMap;

use arrow_array::{Array, UInt32Array};
use base::{Error, Result};
use types::{DataType, JsonPaths, Objects, tagged};

use super::part::{Layout, Part, Version};
use super::several::{Several, write_version};
use crate::binary::{Mark, TypedBytes, write_string};

/// Where the values of a path lie: rows and entries.
type Places = (Vec<u32>, Vec<u32>);

/// A column of objects.
pub(super) struct Object {
    named: Vec<Part>,
    paths: Vec<Vec<u8>>,
    dynamic: Vec<Several>,
    shared: Option<Shared>,
}

/// What is not kept apart: of each row where its entries end, names, types and values.
#[derive(Default)]
struct Shared {
    ends: Vec<u8>,
    paths: Vec<u8>,
    values: Vec<u8>,
}

impl Object {
    pub(super) fn new(array: &dyn Array, paths: &JsonPaths, about: &Layout) -> Result<Object> {
        let objects = Objects::new(array)?;
        let rows = objects.rows();
        let flattened = about.version == Version::Flattened;
        let most = if flattened { usize::MAX } else { paths.dynamic_paths };
        let mut named: HashMap<&[u8], Places> = HashMap::new();
        let mut apart: HashMap<&[u8], Places> = HashMap::new();
        let mut shared: Vec<(u32, u32)> = Vec::new();
        for row in 0..rows {
            for at in objects.entries(row) {
                let path = objects.paths().value(at);
                let is_named =
                    std::str::from_utf8(path).is_ok_and(|path| paths.type_of(path).is_some());
                let places = match () {
                    () if objects.values().is_null(at) => continue,
                    () if is_named => named.entry(path).or_default(),
                    () if apart.len() < most || apart.contains_key(path) => {
                        apart.entry(path).or_default()
                    }
                    () => {
                        shared.push((row as u32, at as u32));
                        continue;
                    }
                };
                places.0.push(row as u32);
                places.1.push(at as u32);
            }
        }
        let of_type = |(path, data_type): &(String, DataType)| {
            let places = named.remove(path.as_bytes()).unwrap_or_default();
            named_part(&objects, places, data_type, about)
        };
        let named = paths.typed.iter().map(of_type).collect::<Result<_>>()?;
        let mut apart: Vec<(&[u8], Places)> = apart.into_iter().collect();
        apart.sort_by(|a, b| a.0.cmp(b.0));
        let mut dynamic = Vec::with_capacity(apart.len());
        for (_, (own_rows, entries)) in &apart {
            let values = taken(&objects, entries)?;
            let places = Some((own_rows.as_slice(), rows));
            dynamic.push(Several::of_dynamic(&values, places, paths.dynamic_types, about)?);
        }
        let paths = apart.into_iter().map(|(path, _)| path.to_vec()).collect();
        let shared = match flattened {
            true => None,
            false => Some(Shared::new(&objects, &shared, about)?),
        };
        Ok(Object { named, paths, dynamic, shared })
    }

    pub(super) fn prefix(&self, about: &Layout, out: &mut Vec<u8>) -> Result<()> {
        write_version(about.version, 0, self.paths.len(), out);
        self.paths.iter().for_each(|path| write_string(path, out));
        self.named.iter().try_for_each(|part| part.prefix(about, out))?;
        self.dynamic.iter().try_for_each(|part| part.prefix(about, out))
    }

    pub(super) fn values(&self, out: &mut Vec<u8>) -> Result<()> {
        self.named.iter().try_for_each(|part| part.values(out))?;
        self.dynamic.iter().try_for_each(|part| part.values(out))?;
        if let Some(shared) = &self.shared {
            out.extend_from_slice(&shared.ends);
            out.extend_from_slice(&shared.paths);
            out.extend_from_slice(&shared.values);
        }
        Ok(())
    }
}

fn taken(objects: &Objects, entries: &[u32]) -> Result<arrow_array::ArrayRef> {
    arrow_select::take::take(objects.values(), &UInt32Array::from(entries.to_vec()), None)
        .map_err(|e| Error::logical(format!("values of a path: {e}")))
}

/// A path with a type of its own; rows without it, which a NULL around the object has, get the default.
fn named_part(
    objects: &Objects,
    (rows, entries): Places,
    data_type: &DataType,
    about: &Layout,
) -> Result<Part> {
    let groups = tagged::groups(&taken(objects, &entries)?)?;
    let pieces = groups.into_iter().filter(|group| group.data_type == *data_type);
    let of_rows = |own: &[u32]| own.iter().map(|at| rows[*at as usize]).collect::<Vec<u32>>();
    let pieces = pieces.map(|group| (of_rows(&group.rows), group.values)).collect();
    let values = tagged::scatter(objects.rows(), pieces, data_type)?;
    Part::new(&values, data_type, true, about)
}

impl Shared {
    /// Of rows and entries, both ascending.
    fn new(objects: &Objects, places: &[(u32, u32)], about: &Layout) -> Result<Shared> {
        let entries: Vec<u32> = places.iter().map(|(_, entry)| *entry).collect();
        let values = TypedBytes::new(&taken(objects, &entries)?, &Mark::Code, &about.settings)?;
        let mut shared = Shared::default();
        for (at, entry) in entries.iter().enumerate() {
            write_string(objects.paths().value(*entry as usize), &mut shared.paths);
            write_string(values.value(at), &mut shared.values);
        }
        let mut end = 0;
        for row in 0..objects.rows() {
            while places.get(end).is_some_and(|(of, _)| *of as usize == row) {
                end += 1;
            }
            shared.ends.extend_from_slice(&(end as u64).to_le_bytes());
        }
        Ok(shared)
    }
}
