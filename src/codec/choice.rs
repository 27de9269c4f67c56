//! What `CODEC(...)` of a column asks for.
//!
//! Encodings are chosen by the values; a codec narrows the choice. `Delta`, `DoubleDelta` and
//! `Gorilla` ask for that transformation where the type allows it, `NONE` for values as they
//! are, `LZ4` and `ZSTD` for general compression where it saves at least a tenth more than
//! packing. `T64` and `FPC` are hints that the choice by values honours anyway.

use base::{Result, bail, error};

use crate::block::Compression;

/// A transformation that a codec names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    Delta,
    DoubleDelta,
    Gorilla,
}

/// The codec of a column; the default lets the values decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecChoice {
    transform: Option<Transform>,
    compression: Option<Compression>,
}

impl CodecChoice {
    /// From the names and parameters of `CODEC(name(parameter), ...)`.
    ///
    /// # Errors
    /// UNKNOWN_CODEC, ILLEGAL_CODEC_PARAMETER, DATA_TYPE_CANNOT_HAVE_ARGUMENTS, BAD_ARGUMENTS.
    pub fn parse(items: &[(String, Vec<i64>)]) -> Result<CodecChoice> {
        if items.is_empty() {
            bail!(BadArguments, "CODEC needs at least one codec");
        }
        let mut choice = CodecChoice::default();
        let mut general = false;
        for (name, parameters) in items {
            if general {
                bail!(
                    BadArguments,
                    "The codec {name} after a general compression has no meaning; put it in front"
                );
            }
            match parse_item(name, parameters)? {
                Item::Transform(transform) => choice.transform = transform,
                Item::Compression(compression) => {
                    choice.compression = compression;
                    general = true;
                }
            }
        }
        Ok(choice)
    }

    /// A general compression and nothing else; `None` for values as they are.
    pub fn compression(compression: Compression) -> CodecChoice {
        CodecChoice { transform: None, compression: Some(compression) }
    }

    /// Whether values are to be kept as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.compression == Some(Compression::None) && self.transform.is_none()
    }

    /// Whether the values alone decide.
    pub(crate) fn is_free(&self) -> bool {
        self.compression.is_none()
    }

    pub(crate) fn transform(&self) -> Option<Transform> {
        self.transform
    }

    /// The general compression that was asked for by name.
    pub fn general(&self) -> Option<Compression> {
        self.compression.filter(|compression| *compression != Compression::None)
    }

    /// How bytes are compressed that no lighter encoding makes small.
    pub(crate) fn for_bytes(&self) -> Compression {
        self.compression.unwrap_or(Compression::Zstd(1))
    }
}

enum Item {
    Transform(Option<Transform>),
    Compression(Option<Compression>),
}

fn parse_item(name: &str, parameters: &[i64]) -> Result<Item> {
    let at_most = |count: usize| -> Result<Option<i64>> {
        if count == 0 && !parameters.is_empty() {
            bail!(DataTypeCannotHaveArguments, "Compression codec {name} cannot have arguments");
        }
        if parameters.len() > count {
            bail!(
                IllegalCodecParameter,
                "Codec {name} takes at most {count} parameters, {} are given",
                parameters.len()
            );
        }
        Ok(parameters.first().copied())
    };
    let within = |value: i64, low: i64, high: i64| -> Result<i64> {
        if (low..=high).contains(&value) {
            return Ok(value);
        }
        bail!(
            IllegalCodecParameter,
            "Parameter {value} of codec {name} is not between {low} and {high}"
        )
    };
    let bytes = |value: Option<i64>| match value {
        None | Some(1 | 2 | 4 | 8) => Ok(()),
        Some(other) => Err(error!(
            IllegalCodecParameter,
            "Parameter {other} of codec {name} must be 1, 2, 4 or 8 bytes"
        )),
    };
    Ok(match name {
        "NONE" => at_most(0).map(|_| Item::Compression(Some(Compression::None)))?,
        "Default" => at_most(0).map(|_| Item::Compression(None))?,
        "LZ4" => at_most(0).map(|_| Item::Compression(Some(Compression::Lz4)))?,
        "LZ4HC" => {
            if let Some(level) = at_most(1)? {
                within(level, 0, 12)?;
            }
            Item::Compression(Some(Compression::Lz4))
        }
        "ZSTD" => {
            let level = within(at_most(2)?.unwrap_or(1), 1, 22)?;
            Item::Compression(Some(Compression::Zstd(level as i32)))
        }
        "Delta" => {
            bytes(at_most(1)?)?;
            Item::Transform(Some(Transform::Delta))
        }
        "DoubleDelta" => {
            bytes(at_most(1)?)?;
            Item::Transform(Some(Transform::DoubleDelta))
        }
        "Gorilla" => {
            bytes(at_most(1)?)?;
            Item::Transform(Some(Transform::Gorilla))
        }
        "FPC" => {
            at_most(2)?.map_or(Ok(0), |level| within(level, 1, 28))?;
            Item::Transform(None)
        }
        "T64" => at_most(1).map(|_| Item::Transform(None))?,
        _ => bail!(UnknownCodec, "Unknown codec family: {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{CodecChoice, Transform};
    use crate::block::Compression;

    fn parse(items: &[(&str, &[i64])]) -> Result<CodecChoice, u32> {
        let items: Vec<_> =
            items.iter().map(|(name, list)| ((*name).to_owned(), list.to_vec())).collect();
        CodecChoice::parse(&items).map_err(|e| e.code() as u32)
    }

    #[test]
    fn codecs_are_understood() {
        let choice = parse(&[("Delta", &[4]), ("ZSTD", &[3])]).unwrap();
        assert_eq!(choice.transform(), Some(Transform::Delta));
        assert_eq!(choice.general(), Some(Compression::Zstd(3)));
        assert!(parse(&[("NONE", &[])]).unwrap().is_plain());
        assert_eq!(parse(&[("Default", &[])]).unwrap(), CodecChoice::default());
        assert_eq!(parse(&[("Snappy", &[])]), Err(432));
        assert_eq!(parse(&[("ZSTD", &[99])]), Err(433));
        assert_eq!(parse(&[("Delta", &[3])]), Err(433));
        assert_eq!(parse(&[("LZ4", &[3])]), Err(378));
        assert_eq!(parse(&[("ZSTD", &[]), ("Delta", &[])]), Err(36));
    }
}
