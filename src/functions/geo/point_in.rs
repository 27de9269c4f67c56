//! Whether points lie in polygons or ellipses.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::DataType;

use super::shapes::{Point, Polygon, Polygons, Ring, ShapeArgument};
use crate::scalar::numbers::{floats_of, types_of};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "pointInEllipses" (6, usize::MAX) "pointInEllipses(x, y, x1, y1, a1, b1, ...)"
        "1 where a point lies in any of the ellipses, each given by its middle and its half axes."
        "SELECT pointInEllipses(10., 10., 10., 9.1, 1., 0.9999)" => "1"; |_, a| bind_ellipses(a);
    "pointInPolygon" (2, usize::MAX) "pointInPolygon((x, y), polygon[, hole...])"
        "1 where a point lies in a polygon (or several) or on its edge. A polygon is a ring, or an outer ring and holes."
        "SELECT pointInPolygon((3., 3.), [(6, 0), (8, 4), (5, 8), (0, 2)])" => "1"; bind_polygon;
};

fn bind_ellipses(arguments: &[Argument]) -> Result<Bound> {
    if arguments.len() % 4 != 2 {
        bail!(
            NumberOfArgumentsDoesntMatch,
            "Function pointInEllipses takes a point (x, y) and 4 numbers for each ellipse"
        );
    }
    if let Some(at) = arguments.iter().position(|a| a.data_type != DataType::Float64) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument {} of function pointInEllipses. Must be Float64",
            arguments[at].data_type,
            at + 1
        );
    }
    let types = types_of(arguments);
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let numbers = floats_of(columns, &types)?;
        let one = |row: usize| {
            let (x, y) = (numbers[0].at(row), numbers[1].at(row));
            numbers[2..].chunks_exact(4).any(|ellipse| {
                let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| ellipse[n].at(row));
                ((x - a) / c).powi(2) + ((y - b) / d).powi(2) <= 1.0
            })
        };
        Ok(crate::scalar::lane::flat::<u8>((0..rows).map(|row| u8::from(one(row))).collect()))
    }))
}

fn bind_polygon(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "pointInPolygon";
    if let DataType::Tuple(fields) = arguments[0].data_type.inner()
        && fields.len() != 2
    {
        bail!(BadArguments, "Argument 1 for function {NAME} must have exactly two elements");
    }
    let shapes: Vec<ShapeArgument> = (0..arguments.len())
        .map(|at| ShapeArgument::new(context, NAME, arguments, at))
        .collect::<Result<_>>()?;
    let wrong = |at: usize| {
        error!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument {} of function {NAME}",
            arguments[at].data_type,
            at + 1
        )
    };
    if shapes[0].depth() != 0 {
        return Err(wrong(0));
    }
    let several = shapes.len() > 2;
    for (at, shape) in shapes.iter().enumerate().skip(1) {
        if shape.depth() == 0 || (several && shape.depth() != 1) {
            return Err(wrong(at));
        }
    }
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let points = shapes[0].read(&columns[0])?;
        let polygons: Vec<_> = shapes[1..]
            .iter()
            .zip(&columns[1..])
            .map(|(shape, column)| shape.read(column))
            .collect::<Result<_>>()?;
        let of_row = |row: usize| -> Polygons {
            match several {
                false => polygons[0].polygons(row),
                true => {
                    let rings = polygons.iter().flat_map(|p| p.polygons(row));
                    vec![rings.flatten().collect()]
                }
            }
        };
        let constant = polygons.iter().all(super::shapes::Shapes::is_constant);
        let found: Option<Vec<Bounded>> = match constant && rows > 0 {
            true => {
                let polygons = of_row(0);
                polygons.iter().try_for_each(check)?;
                Some(polygons.into_iter().map(Bounded::new).collect())
            }
            false => None,
        };
        let one = |row: usize| {
            let point = points.point(row);
            match &found {
                Some(found) => found.iter().any(|polygon| polygon.covers(point)),
                None => of_row(row).iter().any(|polygon| covers(polygon, point)),
            }
        };
        Ok(crate::scalar::lane::flat::<u8>((0..rows).map(|row| u8::from(one(row))).collect()))
    }))
}

/// A polygon with the box around it.
struct Bounded {
    polygon: Polygon,
    low: Point,
    high: Point,
}

impl Bounded {
    fn new(polygon: Polygon) -> Bounded {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in polygon.first().into_iter().flatten() {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        Bounded { polygon, low, high }
    }

    fn covers(&self, point: Point) -> bool {
        let inside = |axis: usize| (self.low[axis]..=self.high[axis]).contains(&point[axis]);
        inside(0) && inside(1) && covers(&self.polygon, point)
    }
}

/// Where a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Inside,
    Edge,
    Outside,
}

/// Whether a point lies in a polygon or on an edge of it.
pub(super) fn covers(polygon: &Polygon, point: Point) -> bool {
    let Some((outer, holes)) = polygon.split_first() else { return false };
    place(outer, point) != Place::Outside
        && holes.iter().all(|hole| place(hole, point) != Place::Inside)
}

/// Edges of a ring, with the one from its last point to its first.
pub(super) fn edges(ring: &Ring) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)).take(ring.len())
}

/// On which side of a line a point is: above 0 on the left.
pub(super) fn side(from: Point, to: Point, point: Point) -> f64 {
    (to[0] - from[0]) * (point[1] - from[1]) - (to[1] - from[1]) * (point[0] - from[0])
}

/// Whether a point on the line of an edge lies between its ends.
pub(super) fn between(from: Point, to: Point, point: Point) -> bool {
    let within =
        |axis: usize| (from[axis].min(to[axis])..=from[axis].max(to[axis])).contains(&point[axis]);
    within(0) && within(1)
}

/// Where a point lies, by how often a ray from it to the right meets the ring.
pub(super) fn place(ring: &Ring, point: Point) -> Place {
    let mut inside = false;
    for (from, to) in edges(ring) {
        let side = side(from, to, point);
        if side == 0.0 && between(from, to, point) {
            return Place::Edge;
        }
        if (from[1] > point[1]) != (to[1] > point[1]) && (side > 0.0) == (to[1] > from[1]) {
            inside = !inside;
        }
    }
    if inside { Place::Inside } else { Place::Outside }
}

/// Edges up to which a constant polygon is looked at for edges that cross.
const MOST_CHECKED: usize = 5_000;

/// Fails for a polygon that is none.
fn check(polygon: &Polygon) -> Result<()> {
    for ring in polygon {
        let mut points: Vec<Point> = ring.clone();
        points.dedup();
        if points.len() > 1 && points.first() == points.last() {
            points.pop();
        }
        if points.len() < 3 {
            bail!(BadArguments, "Polygon is not valid: Geometry has too few points");
        }
        if points.len() <= MOST_CHECKED && crosses_itself(&points) {
            bail!(BadArguments, "Polygon is not valid: Geometry has invalid self-intersections");
        }
    }
    Ok(())
}

/// Whether two edges that are not neighbours meet.
fn crosses_itself(points: &Ring) -> bool {
    let edges: Vec<(Point, Point)> = edges(points).collect();
    let count = edges.len();
    for (at, (a, b)) in edges.iter().enumerate() {
        for (other, (c, d)) in edges.iter().enumerate().skip(at + 2) {
            let neighbours = at == 0 && other == count - 1;
            if !neighbours && segments_meet(*a, *b, *c, *d) {
                return true;
            }
        }
    }
    false
}

/// Whether two edges have a point in common.
pub(super) fn segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool {
    let (p, q) = (side(a, b, c), side(a, b, d));
    let (r, s) = (side(c, d, a), side(c, d, b));
    if p * q < 0.0 && r * s < 0.0 {
        return true;
    }
    let touches =
        |side: f64, from: Point, to: Point, point: Point| side == 0.0 && between(from, to, point);
    touches(p, a, b, c) || touches(q, a, b, d) || touches(r, c, d, a) || touches(s, c, d, b)
}
