//! HMAC: digests that only those who know a key can make.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::DataType;

use crate::text::declare;
use crate::text::strings::{BytesBuilder, Strings, constant_text, require_text};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Encryption", "HMAC", "HMAC('digest', message, key)", "The digest of a message with a key: by md4, md5, sha1, sha224, sha256, sha384, sha512, sha512-256 or ripemd160.",
        "SELECT hex(HMAC('sha256', 'abc', 'key'))" => "9C196E32DC0175F86F4B1CB89289D6619DE6BEE699E4C378E68309ED97A1A6AB", (3, 3), bind),
];

/// A digest with the length of its blocks.
type Digest = (fn(&[u8]) -> Vec<u8>, usize);

fn digest_of(name: &[u8]) -> Option<Digest> {
    Some(match name.to_ascii_lowercase().as_slice() {
        b"md4" => (|s| <md4::Md4 as md4::Digest>::digest(s).to_vec(), 64),
        b"md5" => (|s| <md5::Md5 as md5::Digest>::digest(s).to_vec(), 64),
        b"sha1" => (|s| <sha1::Sha1 as sha1::Digest>::digest(s).to_vec(), 64),
        b"sha224" => (|s| <sha2::Sha224 as sha2::Digest>::digest(s).to_vec(), 64),
        b"sha256" => (|s| <sha2::Sha256 as sha2::Digest>::digest(s).to_vec(), 64),
        b"sha384" => (|s| <sha2::Sha384 as sha2::Digest>::digest(s).to_vec(), 128),
        b"sha512" => (|s| <sha2::Sha512 as sha2::Digest>::digest(s).to_vec(), 128),
        b"sha512-256" => (|s| <sha2::Sha512_256 as sha2::Digest>::digest(s).to_vec(), 128),
        b"ripemd" | b"ripemd160" | b"rmd160" => {
            (|s| <ripemd::Ripemd160 as ripemd::Digest>::digest(s).to_vec(), 64)
        }
        _ => return None,
    })
}

fn bind(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let name = constant_text("HMAC", arguments, 0)?;
    require_text("HMAC", arguments, 1)?;
    require_text("HMAC", arguments, 2)?;
    let Some((digest, block)) = digest_of(&name) else {
        bail!(BadArguments, "Invalid hash algorithm: '{}'", String::from_utf8_lossy(&name));
    };
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let (messages, keys) = (Strings::new(&columns[1])?, Strings::new(&columns[2])?);
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let key = keys.get(row);
            let mut key = if key.len() > block { digest(key) } else { key.to_vec() };
            key.resize(block, 0);
            let padded = |pad: u8, rest: &[u8]| -> Vec<u8> {
                digest(
                    &key.iter()
                        .map(|byte| byte ^ pad)
                        .chain(rest.iter().copied())
                        .collect::<Vec<_>>(),
                )
            };
            out.append(&padded(0x5C, &padded(0x36, messages.get(row))));
        }
        out.column()
    }))
}
