//! Shapes as well-known text.

use base::{Result, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{DataType, GeoKind};

use super::shapes::{Polygons, Ring, ShapeArgument, ShapeBuilder};
use crate::text::strings::{BytesBuilder, Strings, require_text};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "wkt" any_case true (1, 1) "wkt(shape)" "A shape as well-known text."
        "SELECT wkt((0., 1.5)), wkt([(0., 0.), (1., 0.), (1., 1.)])" => "POINT(0 1.5)\tPOLYGON((0 0,1 0,1 1))";
        bind_wkt;
    "readWKTPoint" (1, 1) "readWKTPoint(text)" "The point of a well-known text."
        "SELECT readWKTPoint('POINT (1.2 3.4)')" => "(1.2,3.4)"; |_, a| read(a, "readWKTPoint", GeoKind::Point, "POINT");
    "readWKTRing" (1, 1) "readWKTRing(text)" "The outer ring of a polygon as well-known text."
        "SELECT readWKTRing('POLYGON ((1 1, 2 2, 3 3, 1 1))')" => "[(1,1),(2,2),(3,3),(1,1)]";
        |_, a| read(a, "readWKTRing", GeoKind::Ring, "POLYGON");
    "readWKTLineString" (1, 1) "readWKTLineString(text)" "The line of a well-known text."
        "SELECT readWKTLineString('LINESTRING (1 1, 2 2)')" => "[(1,1),(2,2)]";
        |_, a| read(a, "readWKTLineString", GeoKind::LineString, "LINESTRING");
    "readWKTMultiPoint" (1, 1) "readWKTMultiPoint(text)" "The points of a well-known text."
        "SELECT readWKTMultiPoint('MULTIPOINT (1 1, 2 2)')" => "[(1,1),(2,2)]";
        |_, a| read(a, "readWKTMultiPoint", GeoKind::MultiPoint, "MULTIPOINT");
    "readWKTMultiLineString" (1, 1) "readWKTMultiLineString(text)" "The lines of a well-known text."
        "SELECT readWKTMultiLineString('MULTILINESTRING ((1 1, 2 2), (4 5, 6 7))')" => "[[(1,1),(2,2)],[(4,5),(6,7)]]";
        |_, a| read(a, "readWKTMultiLineString", GeoKind::MultiLineString, "MULTILINESTRING");
    "readWKTPolygon" (1, 1) "readWKTPolygon(text)" "The polygon of a well-known text."
        "SELECT readWKTPolygon('POLYGON((2 0,10 0,10 10,0 10,2 0))')" => "[[(2,0),(10,0),(10,10),(0,10),(2,0)]]";
        |_, a| read(a, "readWKTPolygon", GeoKind::Polygon, "POLYGON");
    "readWKTMultiPolygon" (1, 1) "readWKTMultiPolygon(text)" "The polygons of a well-known text."
        "SELECT readWKTMultiPolygon('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')" => "[[[(0,0),(1,0),(1,1),(0,0)]]]";
        |_, a| read(a, "readWKTMultiPolygon", GeoKind::MultiPolygon, "MULTIPOLYGON");
};

fn bind_wkt(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let shape = ShapeArgument::new(context, "wkt", arguments, 0)?;
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let shapes = shape.read(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let polygons = shapes.polygons(row);
            out.append_with(|out| write(&polygons, shape.depth(), out));
        }
        out.column()
    }))
}

fn write(polygons: &Polygons, depth: usize, out: &mut Vec<u8>) {
    match depth {
        0 => {
            out.extend_from_slice(b"POINT(");
            points(&polygons[0][0], out);
            out.push(b')');
        }
        1 => {
            out.extend_from_slice(b"POLYGON");
            list(&polygons[0], out, |ring, out| list(ring, out, point));
        }
        2 => {
            out.extend_from_slice(b"POLYGON");
            list(&polygons[0], out, closed);
        }
        _ => {
            out.extend_from_slice(b"MULTIPOLYGON");
            list(polygons, out, |polygon, out| list(polygon, out, closed));
        }
    }
}

/// Items in brackets with commas between them.
fn list<T>(items: &[T], out: &mut Vec<u8>, each: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'(');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(b')');
}

/// A ring with its first point again at its end.
fn closed(ring: &Ring, out: &mut Vec<u8>) {
    let mut points = ring.clone();
    if ring.first() != ring.last() {
        points.extend(ring.first().copied());
    }
    list(&points, out, point);
}

fn points(ring: &Ring, out: &mut Vec<u8>) {
    ring.iter().for_each(|p| point(p, out));
}

fn point(point: &[f64; 2], out: &mut Vec<u8>) {
    coordinate(point[0], out);
    out.push(b' ');
    coordinate(point[1], out);
}

/// A number of six digits at most, with an exponent where it is far from 1.
pub(super) fn coordinate(number: f64, out: &mut Vec<u8>) {
    const DIGITS: i32 = 6;
    if !number.is_finite() || number == 0.0 {
        return out.extend_from_slice(format!("{number}").as_bytes());
    }
    let text = format!("{number:.*e}", DIGITS as usize - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let text = if (-4..DIGITS).contains(&exponent) {
        trimmed(&format!("{number:.*}", (DIGITS - 1 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    };
    out.extend_from_slice(text.as_bytes());
}

fn read(
    arguments: &[Argument],
    name: &'static str,
    kind: GeoKind,
    word: &'static str,
) -> Result<Bound> {
    require_text(name, arguments, 0)?;
    Ok(Bound::new(DataType::Geo(kind), move |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let mut out = ShapeBuilder::new(kind.depth());
        for row in 0..rows {
            let text = texts.get(row);
            let parsed = Reader { text, at: 0 }.shape(kind, word);
            let Some(polygons) = parsed else {
                let text = String::from_utf8_lossy(&text[..text.len().min(200)]);
                return Err(error!(
                    CannotParseText,
                    "Cannot parse WKT string: expected {word} in ({text})"
                ));
            };
            out.push(&polygons);
        }
        out.finish()
    }))
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.space();
        let found = self.text.get(self.at..self.at + word.len())?;
        found.eq_ignore_ascii_case(word.as_bytes()).then(|| self.at += word.len())
    }

    /// A whole text.
    fn shape(mut self, kind: GeoKind, word: &str) -> Option<Polygons> {
        self.word(word)?;
        let found = if self.word("EMPTY").is_some() {
            match kind {
                GeoKind::MultiPolygon => Vec::new(),
                GeoKind::Polygon | GeoKind::MultiLineString => vec![Vec::new()],
                _ => vec![vec![Vec::new()]],
            }
        } else {
            match kind {
                GeoKind::Point | GeoKind::LineString | GeoKind::MultiPoint => {
                    vec![vec![self.list(Reader::point)?]]
                }
                GeoKind::Ring | GeoKind::Polygon | GeoKind::MultiLineString => {
                    vec![self.list(|r| r.list(Reader::point))?]
                }
                GeoKind::MultiPolygon => self.list(|r| r.list(|r| r.list(Reader::point)))?,
            }
        };
        self.space();
        (self.at == self.text.len()).then_some(found)
    }

    /// Items in brackets with commas between them.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if !self.eat(b'(') {
            return None;
        }
        loop {
            items.push(item(self)?);
            if self.eat(b',') {
                continue;
            }
            return self.eat(b')').then_some(items);
        }
    }

    /// Two numbers; those of several points may have brackets around them.
    fn point(&mut self) -> Option<[f64; 2]> {
        let brackets = self.eat(b'(');
        let point = [self.number()?, self.number()?];
        (!brackets || self.eat(b')')).then_some(point)
    }

    fn number(&mut self) -> Option<f64> {
        self.space();
        let rest = &self.text[self.at..];
        let in_number = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let length = rest.iter().take_while(in_number).count();
        let number = std::str::from_utf8(&rest[..length]).ok()?.parse().ok()?;
        self.at += length;
        Some(number)
    }
}
