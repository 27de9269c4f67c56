//! What stands before the values of a column of Native: versions, types and paths.

use base::{Result, bail};
use types::DataType;

use super::read_type_of;
use super::values::read_u64;
use crate::text::{Cursor, check_dynamic, read_binary_string, read_varint};

/// The prefix of a column or of a part of one.
#[derive(Debug)]
pub(super) enum Prefix {
    /// Those of its parts; nothing where none of them has any.
    Parts(Vec<Prefix>),
    Several(Members),
    /// Objects as strings of JSON.
    Texts,
    Object(Paths),
}

/// How the numbers of types lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// A byte a row.
    Bytes,
    /// In runs.
    Runs,
    /// As wide as their count needs; as many as there are types is NULL.
    Flattened,
}

/// Types of a Variant or Dynamic.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) numbers: Numbers,
    /// `None` is that of strings of types and values.
    pub(super) types: Vec<(Option<DataType>, Prefix)>,
}

/// Paths of objects.
#[derive(Debug)]
pub(super) struct Paths {
    /// Of paths with a type of their own.
    pub(super) named: Vec<Prefix>,
    /// Other paths with the types of their values.
    pub(super) dynamic: Vec<(Vec<u8>, Members)>,
    /// Whether further paths follow.
    pub(super) shared: bool,
}

/// Types that one column may bring along, or paths.
const MOST: u64 = 100_000;

/// Bytes that a path may have.
const LONGEST_PATH: usize = 1 << 16;

impl Prefix {
    const NONE: Prefix = Prefix::Parts(Vec::new());

    /// That of what has none.
    pub(super) fn none() -> &'static Prefix {
        static NONE: Prefix = Prefix::NONE;
        &NONE
    }

    /// That of the items of arrays or maps.
    pub(super) fn items(&self) -> &Prefix {
        self.part(0)
    }

    /// That of a part.
    pub(super) fn part(&self, at: usize) -> &Prefix {
        match self {
            Prefix::Parts(parts) => parts.get(at).unwrap_or(Prefix::none()),
            _ => Prefix::none(),
        }
    }

    /// Reads what stands before the values of a type; `binary` tells how types are written.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        data_type: &DataType,
        binary: bool,
    ) -> Result<Prefix> {
        cursor.within(|cursor| Prefix::read_next(cursor, data_type, binary))
    }

    fn read_next(cursor: &mut Cursor<'_>, data_type: &DataType, binary: bool) -> Result<Prefix> {
        let mut of = |part: &DataType| Prefix::read(cursor, part, binary);
        Ok(match data_type {
            DataType::LowCardinality(_) => match read_u64(cursor)? {
                1 => Prefix::NONE,
                other => bail!(IncorrectData, "Invalid version for LowCardinality keys: {other}"),
            },
            DataType::Nullable(inner) => of(inner)?,
            DataType::SimpleAggregateFunction(simple) => of(&simple.1)?,
            DataType::Array(item) => Prefix::Parts(vec![of(item)?]),
            DataType::Map(pair) => {
                Prefix::Parts(vec![Prefix::Parts(vec![of(&pair.0)?, of(&pair.1)?])])
            }
            DataType::Tuple(fields) => {
                let parts = fields.iter().map(|field| of(&field.data_type));
                Prefix::Parts(parts.collect::<Result<_>>()?)
            }
            DataType::Variant(members) => {
                let types = members.iter().map(|member| Some(member.clone())).collect();
                Prefix::Several(Members::read_parts(cursor, types, binary)?)
            }
            DataType::Dynamic(_) => Prefix::Several(Members::read(cursor, binary)?),
            DataType::Json(paths) => {
                let named = paths.typed.iter().map(|(_, data_type)| data_type);
                Prefix::read_object(cursor, named, binary)?
            }
            _ => Prefix::NONE,
        })
    }

    fn read_object<'t>(
        cursor: &mut Cursor<'_>,
        named: impl Iterator<Item = &'t DataType>,
        binary: bool,
    ) -> Result<Prefix> {
        let version = read_u64(cursor)?;
        match version {
            0 => drop(read_varint(cursor)?),
            1 => return Ok(Prefix::Texts),
            2..=4 => {}
            other => {
                bail!(IncorrectData, "Invalid version for Object structure serialization: {other}")
            }
        }
        let mut paths = Vec::new();
        for _ in 0..count(cursor)? {
            paths.push(read_binary_string(cursor, LONGEST_PATH)?.to_vec());
        }
        if version == 4 {
            let lies = read_varint(cursor)?;
            if lies != 0 {
                bail!(NotImplemented, "JSON whose further paths lie in the way {lies}");
            }
        }
        let named = named.map(|data_type| Prefix::read(cursor, data_type, binary));
        let named = named.collect::<Result<_>>()?;
        let mut dynamic = Vec::new();
        for path in paths {
            dynamic.push((path, cursor.within(|cursor| Members::read(cursor, binary))?));
        }
        Ok(Prefix::Object(Paths { named, dynamic, shared: version != 3 }))
    }
}

fn count(cursor: &mut Cursor<'_>) -> Result<u64> {
    let count = read_varint(cursor)?;
    if count > MOST {
        bail!(IncorrectData, "Suspiciously many types or paths in a column: {count}");
    }
    Ok(count)
}

impl Members {
    /// Those of a Dynamic.
    fn read(cursor: &mut Cursor<'_>, binary: bool) -> Result<Members> {
        let version = read_u64(cursor)?;
        match version {
            1 => drop(read_varint(cursor)?),
            2..=4 => {}
            other => {
                bail!(IncorrectData, "Invalid version for Dynamic structure serialization: {other}")
            }
        }
        let mut types = Vec::new();
        for _ in 0..count(cursor)? {
            let data_type = read_type_of(cursor, binary || version == 4)?;
            check_dynamic(&data_type)?;
            types.push(data_type);
        }
        if version == 3 {
            let mut members = Members { numbers: Numbers::Flattened, types: Vec::new() };
            for data_type in types {
                let prefix = Prefix::read(cursor, &data_type, binary)?;
                members.types.push((Some(data_type), prefix));
            }
            return Ok(members);
        }
        if types.len() > 254 {
            bail!(IncorrectData, "A Dynamic keeps up to 254 types apart, not {}", types.len());
        }
        let mut named: Vec<(String, Option<DataType>)> =
            types.into_iter().map(|t| (t.to_string(), Some(t))).collect();
        named.push(("SharedVariant".to_owned(), None));
        named.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            bail!(IncorrectData, "The type {} comes twice in a Dynamic", twice[0].0);
        }
        Members::read_parts(cursor, named.into_iter().map(|(_, t)| t).collect(), binary)
    }

    /// How numbers lie, and the prefixes of the types.
    fn read_parts(
        cursor: &mut Cursor<'_>,
        types: Vec<Option<DataType>>,
        binary: bool,
    ) -> Result<Members> {
        let numbers = match read_u64(cursor)? {
            0 => Numbers::Bytes,
            1 => Numbers::Runs,
            other => bail!(
                IncorrectData,
                "Invalid version for SerializationVariant discriminators column: {other}"
            ),
        };
        let mut members = Members { numbers, types: Vec::new() };
        for data_type in types {
            let prefix = match &data_type {
                Some(data_type) => Prefix::read(cursor, data_type, binary)?,
                None => Prefix::NONE,
            };
            members.types.push((data_type, prefix));
        }
        Ok(members)
    }
}
