//! Shapes as elements of SVG.

use base::Result;
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::DataType;

use super::shapes::{Polygon, Polygons, ShapeArgument};
use super::wkt::coordinate;
use crate::text::strings::{BytesBuilder, Strings, require_text};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "svg" any_case true (1, 2) "svg(shape[, style])" "A shape as an element of SVG."
        "SELECT svg((0., 0.), 'fill:red')" => "<circle cx=\"0\" cy=\"0\" r=\"5\" style=\"fill:red\"/>";
        bind;
};

fn bind(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let shape = ShapeArgument::new(context, "svg", arguments, 0)?;
    if arguments.len() > 1 {
        require_text("svg", arguments, 1)?;
    }
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let shapes = shape.read(&columns[0])?;
        let styles = columns.get(1).map(Strings::new).transpose()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let polygons = shapes.polygons(row);
            let style = styles.as_ref().map_or(&[][..], |s| s.get(row));
            out.append_with(|out| write(&polygons, shape.depth(), style, out));
        }
        out.column()
    }))
}

fn write(polygons: &Polygons, depth: usize, style: &[u8], out: &mut Vec<u8>) {
    match depth {
        0 => {
            let [x, y] = polygons[0][0][0];
            out.extend_from_slice(b"<circle cx=\"");
            coordinate(x, out);
            out.extend_from_slice(b"\" cy=\"");
            coordinate(y, out);
            out.extend_from_slice(b"\" r=\"5\" style=\"");
            out.extend_from_slice(style);
            out.extend_from_slice(b"\"/>");
        }
        1 => {
            out.extend_from_slice(b"<polygon points=\"");
            for (at, point) in closed(&polygons[0][0]).enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                pair(point, out);
            }
            out.extend_from_slice(b"\" style=\"");
            out.extend_from_slice(style);
            out.extend_from_slice(b"\"/>");
        }
        _ => polygons.iter().for_each(|polygon| path(polygon, style, out)),
    }
}

/// The points of a ring, turning clockwise as SVG's are drawn, with the first one again at the end.
fn closed(ring: &[[f64; 2]]) -> impl Iterator<Item = [f64; 2]> {
    let area: f64 =
        ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    let mut points = ring.to_vec();
    if points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    if area > 0.0 && points.len() > 1 {
        points[1..].reverse();
    }
    points.extend(points.first().copied());
    points.into_iter()
}

fn pair(point: [f64; 2], out: &mut Vec<u8>) {
    coordinate(point[0], out);
    out.push(b',');
    coordinate(point[1], out);
}

fn path(polygon: &Polygon, style: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"<g fill-rule=\"evenodd\"><path d=\"");
    for (number, ring) in polygon.iter().enumerate() {
        let mut points: Vec<[f64; 2]> = closed(ring).collect();
        // Holes turn the other way.
        if number > 0 {
            points.reverse();
        }
        for (at, point) in points.into_iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"M " } else { b" L " });
            pair(point, out);
        }
    }
    out.extend_from_slice(b" z \" style=\"");
    out.extend_from_slice(style);
    out.extend_from_slice(b"\"/></g>");
}
