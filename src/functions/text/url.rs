//! Parts of URLs. Nothing is checked against the standard: as in ClickHouse a URL is looked at only
//! as far as a part needs. Parts are views onto the URL.

use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use types::DataType;

mod component;
mod host;
mod parameter;

use super::declare;
use super::strings::{
    Integers, Strings, illegal, list, numbers, require_integer, require_text, slice, write,
};
use arrow_array::types::UInt16Type;
use host::{domain, protocol};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
    registry.add_functions(component::FUNCTIONS);
    registry.add_functions(parameter::FUNCTIONS);
}

/// A part of a URL.
type Part = for<'a> fn(&'a [u8]) -> &'a [u8];

fn part(function: &str, arguments: &[Argument], f: Part) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    Ok(slice(f))
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("URL", "protocol", "protocol(url)", "The scheme of a URL, as `https`.",
        "SELECT protocol('https://example.com/')" => "https", (1, 1), |_, a| part("protocol", a, protocol)),
    declare!("URL", "domain", "domain(url)", "The host name of a URL; empty if it has no dot.",
        "SELECT domain('https://www.example.com/a')" => "www.example.com", (1, 1), |_, a| part("domain", a, domain)),
    declare!("URL", "domainRFC", "domainRFC(url)", "As `domain`, reading user and password as RFC 3986 says.",
        "SELECT domainRFC('http://user:secret@example.com:8080/')" => "example.com", (1, 1), |_, a| part("domainRFC", a, host::domain_rfc)),
    declare!("URL", "domainWithoutWWW", "domainWithoutWWW(url)", "The host name of a URL without a leading `www.`.",
        "SELECT domainWithoutWWW('https://www.example.com/a')" => "example.com", (1, 1), |_, a| part("domainWithoutWWW", a, |url| host::without_www(domain(url)))),
    declare!("URL", "domainWithoutWWWRFC", "domainWithoutWWWRFC(url)", "As `domainWithoutWWW`, by RFC 3986.",
        "SELECT domainWithoutWWWRFC('http://user:secret@www.example.com/')" => "example.com", (1, 1), |_, a| part("domainWithoutWWWRFC", a, |url| host::without_www(host::domain_rfc(url)))),
    declare!("URL", "topLevelDomain", "topLevelDomain(url)", "What follows the last dot of the host name; empty for an address of numbers.",
        "SELECT topLevelDomain('https://www.example.com/a')" => "com", (1, 1), |_, a| part("topLevelDomain", a, |url| host::top_level(domain(url)))),
    declare!("URL", "topLevelDomainRFC", "topLevelDomainRFC(url)", "As `topLevelDomain`, by RFC 3986.",
        "SELECT topLevelDomainRFC('http://user:secret@example.com/')" => "com", (1, 1), |_, a| part("topLevelDomainRFC", a, |url| host::top_level(host::domain_rfc(url)))),
    declare!("URL", "firstSignificantSubdomain", "firstSignificantSubdomain(url)", "The part of the host name that its owner registered, without what follows: that before the top level, or before a second level such as `co.uk`.",
        "SELECT firstSignificantSubdomain('https://news.example.co.uk/')" => "example", (1, 1), |_, a| part("firstSignificantSubdomain", a, |url| host::significant(domain(url)).0)),
    declare!("URL", "firstSignificantSubdomainRFC", "firstSignificantSubdomainRFC(url)", "As `firstSignificantSubdomain`, by RFC 3986.",
        "SELECT firstSignificantSubdomainRFC('http://user:secret@news.example.com/')" => "example", (1, 1), |_, a| part("firstSignificantSubdomainRFC", a, |url| host::significant(host::domain_rfc(url)).0)),
    declare!("URL", "cutToFirstSignificantSubdomain", "cutToFirstSignificantSubdomain(url)", "The host name from its first significant subdomain on.",
        "SELECT cutToFirstSignificantSubdomain('https://news.example.co.uk/')" => "example.co.uk", (1, 1), |_, a| part("cutToFirstSignificantSubdomain", a, |url| host::significant(domain(url)).1)),
    declare!("URL", "cutToFirstSignificantSubdomainRFC", "cutToFirstSignificantSubdomainRFC(url)", "As `cutToFirstSignificantSubdomain`, by RFC 3986.",
        "SELECT cutToFirstSignificantSubdomainRFC('http://user:secret@news.example.com/')" => "example.com", (1, 1), |_, a| part("cutToFirstSignificantSubdomainRFC", a, |url| host::significant(host::domain_rfc(url)).1)),
    declare!("URL", "netloc", "netloc(url)", "User, password, host and port of a URL as they stand there.",
        "SELECT netloc('http://user@example.com:80/a')" => "user@example.com:80", (1, 1), |_, a| part("netloc", a, netloc)),
    declare!("URL", "path", "path(url)", "The path of a URL, without the query string and fragment.",
        "SELECT path('https://example.com/a/b?c=1')" => "/a/b", (1, 1), |_, a| part("path", a, path)),
    declare!("URL", "pathFull", "pathFull(url)", "The path of a URL with the query string and fragment.",
        "SELECT pathFull('https://example.com/a/b?c=1#d')" => "/a/b?c=1#d", (1, 1), |_, a| part("pathFull", a, path_full)),
    declare!("URL", "queryString", "queryString(url)", "The query string of a URL without its question mark.",
        "SELECT queryString('https://example.com/a?b=1#c')" => "b=1", (1, 1), |_, a| part("queryString", a, |url| query(url).1)),
    declare!("URL", "fragment", "fragment(url)", "The fragment of a URL without its number sign.",
        "SELECT fragment('https://example.com/a#b')" => "b", (1, 1), |_, a| part("fragment", a, |url| &url[after(url, b'#')..])),
    declare!("URL", "queryStringAndFragment", "queryStringAndFragment(url)", "The query string and fragment of a URL.",
        "SELECT queryStringAndFragment('https://example.com/a?b=1#c')" => "b=1#c", (1, 1), |_, a| part("queryStringAndFragment", a, query_and_fragment)),
    declare!("URL", "cutQueryStringAndFragment", "cutQueryStringAndFragment(url)", "The URL without its query string and fragment.",
    "SELECT cutQueryStringAndFragment('https://example.com/a?b=1#c')" => "https://example.com/a", (1, 1), |_, a| part("cutQueryStringAndFragment", a, |url| {
        &url[..memchr::memchr2(b'?', b'#', url).unwrap_or(url.len())]
    })),
    declare!("URL", "cutFragment", "cutFragment(url)", "The URL without its fragment.",
    "SELECT cutFragment('https://example.com/a?b=1#c')" => "https://example.com/a?b=1", (1, 1), |_, a| part("cutFragment", a, |url| {
        &url[..memchr::memchr(b'#', url).unwrap_or(url.len())]
    })),
    declare!("URL", "cutQueryString", "cutQueryString(url)", "The URL without its query string; a fragment stays.",
    "SELECT cutQueryString('https://example.com/a?b=1#c')" => "https://example.com/a#c", (1, 1), |_, a| {
        require_text("cutQueryString", a, 0)?;
        Ok(write(|url, out| {
            let (before, _, rest) = query(url);
            out.extend_from_slice(before);
            out.extend_from_slice(rest);
        }))
    }),
    declare!("URL", "cutWWW", "cutWWW(url)", "The URL without `www.` before its host name.",
    "SELECT cutWWW('https://www.example.com/')" => "https://example.com/", (1, 1), |_, a| {
        require_text("cutWWW", a, 0)?;
        Ok(write(|url, out| {
            let start = host::after_scheme(url);
            let www = start > 0 && url[start..].starts_with(b"www.");
            out.extend_from_slice(&url[..start]);
            out.extend_from_slice(&url[if www { start + 4 } else { start }..]);
        }))
    }),
    declare!("URL", "port", "port(url[, default])", "The port of a URL; the default, or 0, where it has none.",
        "SELECT port('http://example.com:8080/')" => "8080", (1, 2), |c, a| port(c, "port", a)),
    declare!("URL", "portRFC", "portRFC(url[, default])", "As `port`, by RFC 3986.",
        "SELECT portRFC('http://user:secret@example.com:8080/')" => "8080", (1, 2), |c, a| port(c, "portRFC", a)),
    declare!("URL", "URLHierarchy", "URLHierarchy(url)", "The URL cut after each `/`, `?` and `#` of its path, and whole.",
    "SELECT URLHierarchy('https://example.com/a/b')" => "['https://example.com/','https://example.com/a/','https://example.com/a/b']", (1, 1), |_, a| {
        require_text("URLHierarchy", a, 0)?;
        Ok(list(|url, emit| hierarchy(url, 0, emit)))
    }),
    declare!("URL", "URLPathHierarchy", "URLPathHierarchy(url)", "As `URLHierarchy`, without protocol and host, and without the root.",
    "SELECT URLPathHierarchy('https://example.com/a/b')" => "['/a/','/a/b']", (1, 1), |_, a| {
        require_text("URLPathHierarchy", a, 0)?;
        Ok(list(|url, emit| {
            let start = hierarchy_start(url);
            if let Some(start) = start {
                steps(url, start, start - 1, emit);
            }
        }))
    }),
];

/// The offset after the first such byte; the end if there is none.
fn after(url: &[u8], byte: u8) -> usize {
    memchr::memchr(byte, url).map_or(url.len(), |at| at + 1)
}

/// What stands before the query string with its question mark, the query string, and the fragment
/// with its sign.
fn query(url: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let Some(mark) = memchr::memchr(b'?', url) else { return (url, b"", b"") };
    let end = memchr::memchr(b'#', &url[mark..]).map_or(url.len(), |at| mark + at);
    (&url[..mark], &url[mark + 1..end], &url[end..])
}

fn query_and_fragment(url: &[u8]) -> &[u8] {
    match (memchr::memchr(b'?', url), memchr::memchr(b'#', url)) {
        (Some(mark), _) => &url[mark + 1..],
        (None, Some(sign)) => &url[sign..],
        (None, None) => b"",
    }
}

fn netloc(url: &[u8]) -> &[u8] {
    host::netloc(url)
}

fn path_full(url: &[u8]) -> &[u8] {
    let Some(first) = memchr::memchr(b'/', url) else { return b"" };
    if url.get(first + 1) != Some(&b'/') {
        return &url[first..];
    }
    memchr::memchr(b'/', &url[first + 2..]).map_or(b"", |at| &url[first + 2 + at..])
}

fn path(url: &[u8]) -> &[u8] {
    let full = path_full(url);
    &full[..memchr::memchr2(b'?', b'#', full).unwrap_or(full.len())]
}

fn port(_: &FunctionContext, function: &str, arguments: &[Argument]) -> Result<Bound> {
    require_text(function, arguments, 0)?;
    if let Some(argument) = arguments.get(1)
        && !argument.data_type.is_unsigned_integer()
    {
        return Err(illegal(function, argument));
    }
    require_integer(function, arguments, 1)?;
    let host: Part = if function == "port" { domain } else { host::domain_rfc };
    Ok(Bound::new(DataType::UInt16, move |columns, rows| {
        let defaults = columns.get(1).map(Integers::new).transpose()?;
        let mut out = Vec::with_capacity(rows);
        Strings::new(&columns[0])?.each(rows, |url| {
            // A default beyond 16 bits wraps around, as ClickHouse's does.
            let default = defaults.as_ref().map_or(0, |d| d.get(out.len()) as u16);
            out.push(port_after(url, host(url)).unwrap_or(default));
        });
        Ok(numbers::<UInt16Type>(out))
    }))
}

/// The port that follows the host of a URL.
fn port_after(url: &[u8], host: &[u8]) -> Option<u16> {
    if host.is_empty() {
        return None;
    }
    let end = host.as_ptr() as usize - url.as_ptr() as usize + host.len();
    // An address of IPv6 stands in brackets.
    let rest = url[end..].strip_prefix(b"]").unwrap_or(&url[end..]).strip_prefix(b":")?;
    let digits = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let text = std::str::from_utf8(&rest[..digits]).ok()?;
    let port = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())??;
    (port != 0).then_some(port)
}

/// The offset after the slash that ends the host; `None` for what has no scheme or no such slash.
fn hierarchy_start(url: &[u8]) -> Option<usize> {
    let scheme = memchr::memmem::find(url, b"://")?;
    let letters = url[..scheme].iter().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b));
    if scheme == 0 || !letters {
        return None;
    }
    let start = scheme + 3;
    url[start..].iter().position(|b| matches!(b, b'/' | b'?' | b'#')).map(|at| start + at + 1)
}

fn hierarchy(url: &[u8], from: usize, emit: &mut dyn FnMut(&[u8])) {
    match hierarchy_start(url) {
        Some(start) => {
            emit(&url[from..start]);
            steps(url, start, from, emit);
        }
        None if !url.is_empty() => emit(&url[from..]),
        None => {}
    }
}

/// Emits `url[from..]` cut after each delimiter that follows at least one other byte from `at` on.
fn steps(url: &[u8], mut at: usize, from: usize, emit: &mut dyn FnMut(&[u8])) {
    while at < url.len() {
        let rest = &url[at + 1..];
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#'));
        at = end.map_or(url.len(), |end| at + 1 + end + 1);
        emit(&url[from..at]);
    }
}
