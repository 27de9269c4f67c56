//! Who asks, from the headers and the URL of a request.
//!
//! One request may name its user in one way only; two ways at once are refused, since no order
//! between them could be guessed right.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Credentials;

const DEFAULT_USER: &str = "default";

/// Reads the credentials of a request; `user` and `password` are those of the URL.
pub(crate) fn read(
    headers: &HeaderMap,
    user: Option<String>,
    password: Option<String>,
) -> Result<Credentials> {
    let header = |name: &str| -> Result<Option<String>> {
        let Some(value) = headers.get(name) else { return Ok(None) };
        match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => bail!(AuthenticationFailed, "The header {name} is not UTF-8"),
        }
    };
    let header_user = header("x-clickhouse-user")?;
    let header_key = header("x-clickhouse-key")?;
    let authorization = header(AUTHORIZATION.as_str())?;
    let by_header = header_user.is_some() || header_key.is_some();
    let by_url = user.is_some() || password.is_some();
    let bearer = authorization.as_deref().and_then(|value| scheme(value, "bearer"));

    if let Some(token) = bearer {
        if header_key.is_some() || password.is_some() || (header_user.is_some() && user.is_some()) {
            return Err(ambiguous("a Bearer token and a password"));
        }
        let user = header_user.or(user).unwrap_or_else(|| DEFAULT_USER.to_owned());
        return Ok(Credentials { user, password: token.to_owned() });
    }
    if let Some(value) = authorization {
        if by_header {
            return Err(ambiguous("X-ClickHouse-User or -Key and Authorization headers"));
        }
        if by_url {
            return Err(ambiguous("an Authorization header and user or password in the URL"));
        }
        return basic(&value);
    }
    if by_header && by_url {
        return Err(ambiguous("X-ClickHouse-User or -Key headers and the URL"));
    }
    let user = header_user.or(user).filter(|name| !name.is_empty());
    Ok(Credentials {
        user: user.unwrap_or_else(|| DEFAULT_USER.to_owned()),
        password: header_key.or(password).unwrap_or_default(),
    })
}

/// What follows the name of an authentication scheme.
fn scheme<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let (scheme, rest) = value.trim_start().split_once(' ')?;
    scheme.eq_ignore_ascii_case(name).then(|| rest.trim())
}

fn basic(value: &str) -> Result<Credentials> {
    let Some(encoded) = scheme(value, "basic") else {
        let name = value.split(' ').next().unwrap_or_default();
        bail!(
            AuthenticationFailed,
            "The authentication scheme {name:?} is not supported: use Basic or Bearer"
        );
    };
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((user, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
        bail!(AuthenticationFailed, "The Authorization header is not Basic base64(user:password)");
    };
    let user = if user.is_empty() { DEFAULT_USER } else { user };
    Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
}

fn ambiguous(ways: &str) -> base::Error {
    base::error!(AuthenticationFailed, "Credentials were given twice, by {ways}: use one of them")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use base::ErrorCode;

    use super::read;

    fn ask(headers: &[(&str, &str)], url: (Option<&str>, Option<&str>)) -> base::Result<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let found = read(&map, url.0.map(str::to_owned), url.1.map(str::to_owned))?;
        Ok(format!("{}/{}", found.user, found.password))
    }

    #[test]
    fn every_way_is_understood() {
        let check = |headers: &[(&str, &str)], url, expected: &str| {
            assert_eq!(ask(headers, url).unwrap(), expected, "{headers:?}");
        };
        check(&[], (None, None), "default/");
        check(&[], (Some("ann"), Some("p")), "ann/p");
        check(&[("x-clickhouse-user", "ann"), ("x-clickhouse-key", "p")], (None, None), "ann/p");
        check(&[("authorization", "Basic YW5uOnA6cQ==")], (None, None), "ann/p:q");
        check(&[("authorization", "basic Og==")], (None, None), "default/");
        check(&[("authorization", "Bearer tok")], (None, None), "default/tok");
        check(&[("authorization", "Bearer tok")], (Some("ann"), None), "ann/tok");
    }

    #[test]
    fn two_ways_at_once_and_nonsense_are_refused() {
        let check = |headers: &[(&str, &str)], url| {
            let error = ask(headers, url).unwrap_err();
            assert_eq!(error.code(), ErrorCode::AuthenticationFailed, "{headers:?}");
        };
        let basic = ("authorization", "Basic YW5uOnA=");
        check(&[basic, ("x-clickhouse-user", "ann")], (None, None));
        check(&[basic], (Some("ann"), None));
        check(&[("x-clickhouse-user", "ann")], (None, Some("p")));
        check(&[("authorization", "Basic ???")], (None, None));
        check(&[("authorization", "Basic YW5u")], (None, None));
        check(&[("authorization", "Negotiate abc")], (None, None));
    }
}
