//! The scheme and the host of a URL.

/// Bytes that cannot stand in a host name.
fn is_foreign(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t'
            | b'<'
            | b'>'
            | b'%'
            | b'{'
            | b'}'
            | b'|'
            | b'\\'
            | b'^'
            | b'~'
            | b'['
            | b']'
            | b';'
            | b'='
            | b'&'
    )
}

/// The scheme, if it is followed by `://`.
pub(super) fn protocol(url: &[u8]) -> &[u8] {
    let end = url
        .iter()
        .position(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'-' | b'.'))
        .unwrap_or(url.len());
    let starts = url.first().is_some_and(u8::is_ascii_alphabetic);
    let ends = match &url[end..] {
        [b':', b'/', b'/', _, ..] => true,
        // Three characters at least, as in ClickHouse.
        [b':', next, _, _, ..] => *next != b'/',
        _ => false,
    };
    if starts && ends { &url[..end] } else { b"" }
}

/// Where the host begins: after `scheme://` or `//`.
pub(super) fn after_scheme(url: &[u8]) -> usize {
    if url.starts_with(b"//") {
        return 2;
    }
    match protocol(url).len() {
        length if length > 0 && url[length..].starts_with(b"://") => length + 3,
        _ => 0,
    }
}

/// The host: after user names up to a port, path, query or fragment; it must have a dot that is
/// not its end.
#[allow(clippy::mut_range_bound, reason = "the loop goes over the whole text all the same")]
pub(super) fn domain(url: &[u8]) -> &[u8] {
    let mut start = after_scheme(url);
    let mut dot = false;
    let mut end = url.len();
    for at in start..url.len() {
        match url[at] {
            b'.' => {
                if matches!(url.get(at + 1), None | Some(b'.')) {
                    return b"";
                }
                dot = true;
            }
            b':' | b'/' | b'?' | b'#' => {
                end = at;
                break;
            }
            b'@' => {
                if dot {
                    return b"";
                }
                start = at + 1;
            }
            byte if is_foreign(byte) => return b"",
            _ => {}
        }
    }
    checked(&url[start..end], dot)
}

fn checked(host: &[u8], dot: bool) -> &[u8] {
    if dot && !host.ends_with(b".") { host } else { b"" }
}

/// The host after `user:password@`.
pub(super) fn domain_rfc(url: &[u8]) -> &[u8] {
    let start = after_scheme(url);
    let rest = &url[start..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
    if let Some(literal) = host.strip_prefix(b"[") {
        return memchr::memchr(b']', literal).map_or(b"", |end| &literal[..end]);
    }
    let host = &host[..memchr::memchr(b':', host).unwrap_or(host.len())];
    if host.iter().any(|byte| is_foreign(*byte)) || host.windows(2).any(|w| w == b"..") {
        return b"";
    }
    checked(host, host.contains(&b'.'))
}

/// A scheme is looked for in so many bytes.
const LONGEST_SCHEME: usize = 16;

/// Where what follows the scheme begins; nothing where the scheme has a byte that can stand in no URL.
fn after_network_scheme(url: &[u8]) -> Option<usize> {
    if url.starts_with(b"//") {
        return Some(2);
    }
    let head = &url[..url.len().min(LONGEST_SCHEME)];
    let ends = |b: &u8| !b.is_ascii_alphanumeric() && !matches!(b, b'+' | b'-' | b'.');
    match head.iter().skip(1).position(ends).map(|at| at + 1) {
        Some(at) if is_foreign(head[at]) => None,
        Some(at) if head[at..].starts_with(b"://") => Some(at + 3),
        _ => Some(0),
    }
}

/// User, password, host and port: up to the last slash or question mark, or the first one after an `@`; or up to
/// the first byte that cannot stand in a host.
pub(super) fn netloc(url: &[u8]) -> &[u8] {
    let Some(start) = after_network_scheme(url) else { return b"" };
    let rest = &url[start..];
    let (mut slash, mut question, mut foreign) = (rest.len(), rest.len(), rest.len());
    let mut user = false;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'#' => return &rest[..at],
            b'/' | b'?' if user => return &rest[..at],
            b'/' => slash = at,
            b'?' => question = at,
            b'@' => user = true,
            b';' => {}
            byte if is_foreign(*byte) && user => return &rest[..at],
            byte if is_foreign(*byte) => foreign = foreign.min(at),
            _ => {}
        }
    }
    if user { rest } else { &rest[..slash.min(question).min(foreign)] }
}

/// The host without a leading `www.`.
pub(super) fn without_www(host: &[u8]) -> &[u8] {
    match host.strip_prefix(b"www.") {
        Some(rest) if !rest.is_empty() => rest,
        _ => host,
    }
}

/// What follows the last dot, unless it begins with a digit.
pub(super) fn top_level(host: &[u8]) -> &[u8] {
    let Some(dot) = memchr::memrchr(b'.', host) else { return b"" };
    let last = &host[dot + 1..];
    if last.first().is_none_or(u8::is_ascii_digit) { b"" } else { last }
}

/// Second levels under which names are registered in most countries.
const SECOND_LEVELS: &[&[u8]] = &[
    b"com", b"org", b"net", b"edu", b"gov", b"co", b"ac", b"mil", b"or", b"ne", b"go", b"gob",
    b"nom", b"ltd", b"plc", b"sch", b"me", b"info",
];

/// The first significant subdomain of a host, and the host from there on.
pub(super) fn significant(host: &[u8]) -> (&[u8], &[u8]) {
    let bare = without_www(host);
    let host = if bare.contains(&b'.') { bare } else { host };
    if host.len() > bare.len() {
        // `www.com`: the host without `www.` is the whole of it.
        return (bare, bare);
    }
    // Only an address of IPv6 has no dot.
    let Some(last) = memchr::memrchr(b'.', host) else { return (host, host) };
    let Some(second) = memchr::memrchr(b'.', &host[..last]) else {
        return (&host[..last], host);
    };
    let country = host.len() - last - 1 == 2;
    if country && SECOND_LEVELS.contains(&&host[second + 1..last]) {
        let third = memchr::memrchr(b'.', &host[..second]).map_or(0, |at| at + 1);
        return (&host[third..second], &host[third..]);
    }
    (&host[second + 1..last], &host[second + 1..])
}
