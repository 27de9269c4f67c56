//! Parameters of the query string and fragment of URLs.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{DataType, Value};

use super::super::declare;
use super::super::strings::{
    BytesBuilder, Strings, constant_text, illegal, list, require_text, slices,
};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("URL", "extractURLParameter", "extractURLParameter(url, name)", "The value of a parameter of a URL, empty if it has no such.",
        "SELECT extractURLParameter('https://example.com/?a=1&b=2', 'b')" => "2", (2, 2), value),
    declare!("URL", "extractURLParameters", "extractURLParameters(url)", "All parameters of a URL as `name=value`.",
    "SELECT extractURLParameters('https://example.com/?a=1&b=2')" => "['a=1','b=2']", (1, 1), |_, a| {
        require_text("extractURLParameters", a, 0)?;
        Ok(list(|url, emit| each(url, &mut |whole, _| emit(whole))))
    }),
    declare!("URL", "extractURLParameterNames", "extractURLParameterNames(url)", "The names of all parameters of a URL.",
    "SELECT extractURLParameterNames('https://example.com/?a=1&b=2')" => "['a','b']", (1, 1), |_, a| {
        require_text("extractURLParameterNames", a, 0)?;
        Ok(list(|url, emit| each(url, &mut |_, name| emit(name))))
    }),
    declare!("URL", "cutURLParameter", "cutURLParameter(url, name)", "The URL without a parameter, or without those of an array of names.",
        "SELECT cutURLParameter('https://example.com/?a=1&b=2', 'a')" => "https://example.com/?b=2", (2, 2), cut),
];

/// Calls for each parameter with its whole text and its name. One ends at `&` or `#`; what ends at neither and has
/// no `=` is none, and what stands before a question mark is no name's begin.
fn each(url: &[u8], emit: &mut dyn FnMut(&[u8], &[u8])) {
    let Some(mut from) = memchr::memchr2(b'?', b'#', url) else { return };
    from += 1;
    'parameters: while from < url.len() {
        let end = loop {
            let ends = |b: &u8| matches!(b, b'=' | b'&' | b'#' | b'?');
            let Some(at) = url[from..].iter().position(ends) else { break 'parameters };
            if url[from + at] != b'?' {
                break from + at;
            }
            from += at + 1;
        };
        let name = &url[from..end];
        let stop = match url[end] {
            b'=' => memchr::memchr2(b'&', b'#', &url[end..]).map_or(url.len(), |at| end + at),
            _ => end,
        };
        emit(&url[from..stop], name);
        from = stop + 1;
    }
}

/// Where a parameter stands: its name's offset and its value's end.
fn find(url: &[u8], finder: &memchr::memmem::Finder<'_>) -> Option<(usize, usize)> {
    let mut from = memchr::memchr2(b'?', b'#', url)?;
    while let Some(at) = finder.find(&url[from..]) {
        let start = from + at;
        if start > 0 && matches!(url[start - 1], b'?' | b'&' | b'#') {
            let value = start + finder.needle().len();
            let end = memchr::memchr2(b'&', b'#', &url[value..]);
            return Some((start, end.map_or(url.len(), |end| value + end)));
        }
        from = start + 1;
    }
    None
}

fn finder(name: &[u8]) -> memchr::memmem::Finder<'static> {
    memchr::memmem::Finder::new(&[name, b"="].concat()).into_owned()
}

fn value(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("extractURLParameter", arguments, 0)?;
    require_text("extractURLParameter", arguments, 1)?;
    let constant = arguments[1].constant.as_ref().and_then(|v| v.as_bytes()).map(finder);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let names = Strings::new(&columns[1])?;
        slices(&columns[0], rows, |row, url| {
            let found = match &constant {
                Some(finder) => find(url, finder),
                None => find(url, &finder(names.get(row))),
            };
            let name = names.get(row).len() + 1;
            found.map_or(b"", |(start, end)| &url[start + name..end])
        })
    }))
}

fn cut(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("cutURLParameter", arguments, 0)?;
    let names: Vec<Vec<u8>> = match (&arguments[1].data_type, &arguments[1].constant) {
        (DataType::Array(_), Some(Value::Array(items))) => {
            items.iter().filter_map(|v| v.as_bytes()).map(<[u8]>::to_vec).collect()
        }
        (DataType::Array(_), None) => {
            bail!(IllegalColumn, "Argument 2 of function cutURLParameter must be a constant")
        }
        (data_type, _) if data_type.is_string() => {
            vec![constant_text("cutURLParameter", arguments, 1)?]
        }
        _ => return Err(illegal("cutURLParameter", &arguments[1])),
    };
    let finders: Vec<_> = names.iter().map(|name| finder(name)).collect();
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let mut url = texts.get(row).to_vec();
            for finder in &finders {
                if let Some((start, end)) = find(&url, finder) {
                    // One of the delimiters goes: the one after, if this is the first parameter.
                    let (start, end) = match (url[start - 1], url.get(end)) {
                        (b'&', _) => (start - 1, end),
                        (_, Some(b'&')) => (start, end + 1),
                        _ => (start, end),
                    };
                    url.drain(start..end);
                }
            }
            out.append(&url);
        }
        out.column()
    }))
}
