//! Areas, lengths, distances and hulls of polygons, and how polygons lie to each other.
//!
//! Cartesian functions compute on a plane; spherical ones on a sphere of radius 1 with longitudes and latitudes in
//! degrees. Rings are taken as they are given: one that does not end where it began has no edge there, except where
//! the inside is asked for.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{DataType, GeoKind};

use super::point_in::{Place, between, covers, edges, place, segments_meet, side};
use super::shapes::{Point, Polygon, Polygons, Ring, ShapeArgument, ShapeBuilder};
use crate::scalar::lane::flat;

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "polygonAreaCartesian" | "areaCartesian" (1, 1) "polygonAreaCartesian(polygon)"
        "The area of polygons on a plane; rings that turn clockwise count positively."
        "SELECT polygonAreaCartesian([[(0., 0.), (0., 5.), (5., 5.), (5., 0.), (0., 0.)]])" => "25";
        |c, a| number(c, a, "polygonAreaCartesian", |p| rings(p, flat_area));
    "polygonAreaSpherical" | "areaSpherical" (1, 1) "polygonAreaSpherical(polygon)"
        "The area of polygons on a sphere of radius 1."
        "SELECT round(polygonAreaSpherical([[(0., 0.), (0., 90.), (90., 0.), (0., 0.)]]), 4)" => "1.5708";
        |c, a| number(c, a, "polygonAreaSpherical", |p| rings(p, round_area));
    "polygonPerimeterCartesian" | "perimeterCartesian" (1, 1) "polygonPerimeterCartesian(polygon)"
        "The length of the rings of polygons on a plane."
        "SELECT polygonPerimeterCartesian([[(0., 0.), (0., 5.), (5., 5.), (5., 0.), (0., 0.)]])" => "20";
        |c, a| number(c, a, "polygonPerimeterCartesian", |p| rings(p, |r| length(r, flat_distance)));
    "polygonPerimeterSpherical" | "perimeterSpherical" (1, 1) "polygonPerimeterSpherical(polygon)"
        "The length of the rings of polygons on a sphere of radius 1."
        "SELECT round(polygonPerimeterSpherical([[(0., 0.), (0., 90.), (90., 0.), (0., 0.)]]), 4)" => "4.7124";
        |c, a| number(c, a, "polygonPerimeterSpherical", |p| rings(p, |r| length(r, round_distance)));
    "polygonsDistanceCartesian" (2, 2) "polygonsDistanceCartesian(a, b)"
        "The least distance of two polygons on a plane; 0 where they meet."
        "SELECT polygonsDistanceCartesian([[(0., 0.), (0., 1.), (1., 0.)]], [[(3., 0.), (3., 1.), (4., 0.)]])" => "2";
        |c, a| number_of_two(c, a, "polygonsDistanceCartesian", |a, b| distance(a, b, to_edge_flat));
    "polygonsDistanceSpherical" (2, 2) "polygonsDistanceSpherical(a, b)"
        "The least distance of two polygons on a sphere of radius 1; 0 where they meet."
        "SELECT round(polygonsDistanceSpherical([[(0., 0.), (0., 1.), (1., 0.)]], [[(91., 0.), (92., 1.), (92., 0.)]]), 4)" => "1.5708";
        |c, a| number_of_two(c, a, "polygonsDistanceSpherical", |a, b| distance(a, b, to_edge_round));
    "polygonsWithinCartesian" (2, 2) "polygonsWithinCartesian(a, b)" "1 where the second polygons cover the first on a plane."
        "SELECT polygonsWithinCartesian([[(2., 2.), (2., 3.), (3., 3.)]], [[(1., 1.), (1., 9.), (9., 9.), (9., 1.)]])" => "1";
        |c, a| flag(c, a, "polygonsWithinCartesian", within);
    "polygonsEqualsCartesian" (2, 2) "polygonsEqualsCartesian(a, b)" "1 where two polygons cover the same on a plane."
        "SELECT polygonsEqualsCartesian([[(1., 1.), (1., 4.), (4., 4.)]], [[(4., 4.), (1., 1.), (1., 4.), (4., 4.)]])" => "1";
        |c, a| flag(c, a, "polygonsEqualsCartesian", |a, b| within(a, b) && within(b, a));
    "polygonsIntersectCartesian" (2, 2) "polygonsIntersectCartesian(a, b)" "1 where two polygons have a point in common on a plane."
        "SELECT polygonsIntersectCartesian([[(2., 2.), (2., 3.), (3., 3.)]], [[(1., 1.), (1., 9.), (9., 9.), (9., 1.)]])" => "1";
        |c, a| flag(c, a, "polygonsIntersectCartesian", meet);
    "polygonConvexHullCartesian" (1, 1) "polygonConvexHullCartesian(polygon)" "The convex hull of polygons on a plane."
        "SELECT polygonConvexHullCartesian([(0., 0.), (0., 5.), (5., 5.), (5., 0.), (2., 3.)])" => "[[(0,0),(0,5),(5,5),(5,0),(0,0)]]";
        bind_hull;
    "flipCoordinates" (1, 1) "flipCoordinates(shape)" "A shape with the two coordinates of its points in each other's place."
        "SELECT flipCoordinates((1., 2.))" => "(2,1)"; bind_flip;
};

/// The shape of an argument that is no point.
fn area_argument(
    context: &FunctionContext,
    name: &str,
    arguments: &[Argument],
    at: usize,
) -> Result<ShapeArgument> {
    let shape = ShapeArgument::new(context, name, arguments, at)?;
    if shape.depth() == 0 {
        bail!(IllegalTypeOfArgument, "The argument of function {name} must not be Point");
    }
    Ok(shape)
}

fn number(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    f: fn(&Polygons) -> f64,
) -> Result<Bound> {
    let shape = area_argument(context, name, arguments, 0)?;
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let shapes = shape.read(&columns[0])?;
        Ok(flat::<f64>((0..rows).map(|row| f(&shapes.polygons(row))).collect()))
    }))
}

/// Answers for two polygons.
fn of_two(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
) -> Result<[ShapeArgument; 2]> {
    Ok([area_argument(context, name, arguments, 0)?, area_argument(context, name, arguments, 1)?])
}

fn number_of_two(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    f: fn(&Polygons, &Polygons) -> f64,
) -> Result<Bound> {
    let [left, right] = of_two(context, arguments, name)?;
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let (a, b) = (left.read(&columns[0])?, right.read(&columns[1])?);
        Ok(flat::<f64>((0..rows).map(|row| f(&a.polygons(row), &b.polygons(row))).collect()))
    }))
}

fn flag(
    context: &FunctionContext,
    arguments: &[Argument],
    name: &'static str,
    f: fn(&Polygons, &Polygons) -> bool,
) -> Result<Bound> {
    let [left, right] = of_two(context, arguments, name)?;
    Ok(Bound::new(DataType::UInt8, move |columns, rows| {
        let (a, b) = (left.read(&columns[0])?, right.read(&columns[1])?);
        let one = |row: usize| u8::from(f(&a.polygons(row), &b.polygons(row)));
        Ok(flat::<u8>((0..rows).map(one).collect()))
    }))
}

fn rings(polygons: &Polygons, f: impl Fn(&Ring) -> f64) -> f64 {
    polygons.iter().flatten().map(f).sum()
}

fn steps(ring: &Ring) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.windows(2).map(|pair| (pair[0], pair[1]))
}

fn flat_area(ring: &Ring) -> f64 {
    steps(ring).map(|(a, b)| (a[0] + b[0]) * (a[1] - b[1])).sum::<f64>() / 2.0
}

/// The sum of the areas between each edge and the equator.
fn round_area(ring: &Ring) -> f64 {
    let excess = |(a, b): (Point, Point)| {
        let mut turned = b[0] - a[0];
        turned -= (turned / 360.0).round() * 360.0;
        let half = |degrees: f64| (degrees.to_radians() / 2.0).tan();
        let (from, to) = (half(a[1]), half(b[1]));
        2.0 * (half(turned) * (from + to)).atan2(1.0 + from * to)
    };
    steps(ring).map(excess).sum()
}

fn length(ring: &Ring, distance: fn(Point, Point) -> f64) -> f64 {
    steps(ring).map(|(a, b)| distance(a, b)).sum()
}

fn flat_distance(a: Point, b: Point) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

fn round_distance(a: Point, b: Point) -> f64 {
    super::distance::central_angle(a, b)
}

/// How far a point is from an edge.
fn to_edge_flat(point: Point, from: Point, to: Point) -> f64 {
    let (x, y) = (to[0] - from[0], to[1] - from[1]);
    let square = x * x + y * y;
    if square == 0.0 {
        return flat_distance(point, from);
    }
    let along = ((point[0] - from[0]) * x + (point[1] - from[1]) * y) / square;
    let along = along.clamp(0.0, 1.0);
    flat_distance(point, [from[0] + along * x, from[1] + along * y])
}

type Vector = [f64; 3];

fn vector(point: Point) -> Vector {
    let (longitude, latitude) = (point[0].to_radians(), point[1].to_radians());
    [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// How far a point is from the arc between two others.
fn to_edge_round(point: Point, from: Point, to: Point) -> f64 {
    let ends = round_distance(point, from).min(round_distance(point, to));
    let (p, a, b) = (vector(point), vector(from), vector(to));
    let normal = cross(a, b);
    let size = dot(normal, normal).sqrt();
    if size == 0.0 {
        return ends;
    }
    // The foot of the perpendicular lies on the arc where both ends are on its right sides.
    let beside = dot(cross(normal, a), p) >= 0.0 && dot(cross(b, normal), p) >= 0.0;
    if beside { (dot(normal, p) / size).abs().min(1.0).asin().min(ends) } else { ends }
}

fn all_edges(polygons: &Polygons) -> impl Iterator<Item = (Point, Point)> + '_ {
    polygons.iter().flatten().flat_map(edges)
}

fn distance(a: &Polygons, b: &Polygons, to_edge: fn(Point, Point, Point) -> f64) -> f64 {
    if meet(a, b) {
        return 0.0;
    }
    let least = |points: &Polygons, other: &Polygons| {
        let points = points.iter().flatten().flatten();
        let near = |p: &Point| {
            all_edges(other).map(|(c, d)| to_edge(*p, c, d)).fold(f64::INFINITY, f64::min)
        };
        points.map(near).fold(f64::INFINITY, f64::min)
    };
    least(a, b).min(least(b, a))
}

fn covered(polygons: &Polygons, point: Point) -> bool {
    polygons.iter().any(|polygon| covers(polygon, point))
}

fn meet(a: &Polygons, b: &Polygons) -> bool {
    let first = |polygons: &Polygons| {
        polygons.iter().filter_map(|p| p.first()?.first().copied()).collect::<Vec<_>>()
    };
    first(a).into_iter().any(|p| covered(b, p))
        || first(b).into_iter().any(|p| covered(a, p))
        || all_edges(a).any(|(p, q)| all_edges(b).any(|(r, s)| segments_meet(p, q, r, s)))
}

/// Whether the second polygons cover the first: all pieces of the first one's edges, cut where the second's cross
/// them, and no hole of the second lies in the first.
fn within(a: &Polygons, b: &Polygons) -> bool {
    let pieces_covered = all_edges(a).all(|(from, to)| {
        let mut cuts: Vec<f64> = vec![0.0, 1.0];
        for (c, d) in all_edges(b) {
            cuts.extend(crossings(from, to, c, d));
        }
        cuts.sort_by(f64::total_cmp);
        let at = |t: f64| [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t];
        let on_edge = |p: Point| {
            all_edges(b)
                .any(|(c, d)| to_edge_flat(p, c, d) <= 1e-12 * (1.0 + p[0].abs() + p[1].abs()))
        };
        cuts.windows(2).filter(|pair| pair[1] > pair[0]).all(|pair| {
            let middle = at((pair[0] + pair[1]) / 2.0);
            covered(b, middle) || on_edge(middle)
        })
    });
    let holes = || b.iter().flat_map(|polygon| polygon.iter().skip(1));
    let inside = |point: Point| a.iter().any(|polygon| strictly_covers(polygon, point));
    pieces_covered && !a.is_empty() && holes().all(|hole| !hole.iter().any(|p| inside(*p)))
}

fn strictly_covers(polygon: &Polygon, point: Point) -> bool {
    let Some((outer, holes)) = polygon.split_first() else { return false };
    place(outer, point) == Place::Inside
        && holes.iter().all(|hole| place(hole, point) == Place::Outside)
}

/// Where along an edge another meets it, as fractions of its length.
fn crossings(from: Point, to: Point, c: Point, d: Point) -> Vec<f64> {
    let axis = usize::from((to[1] - from[1]).abs() > (to[0] - from[0]).abs());
    let along = |p: Point| (p[axis] - from[axis]) / (to[axis] - from[axis]);
    let (p, q) = (side(from, to, c), side(from, to, d));
    let mut found = Vec::new();
    if from == to {
        return found;
    }
    if p * q < 0.0 {
        let t = p / (p - q);
        let met = [c[0] + (d[0] - c[0]) * t, c[1] + (d[1] - c[1]) * t];
        found.push(along(met));
    }
    for (side, point) in [(p, c), (q, d)] {
        if side == 0.0 && between(from, to, point) {
            found.push(along(point));
        }
    }
    found.retain(|t| (0.0..=1.0).contains(t));
    found
}

fn bind_hull(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let shape = area_argument(context, "polygonConvexHullCartesian", arguments, 0)?;
    Ok(Bound::new(DataType::Geo(GeoKind::Polygon), move |columns, rows| {
        let shapes = shape.read(&columns[0])?;
        let mut out = ShapeBuilder::new(GeoKind::Polygon.depth());
        for row in 0..rows {
            out.push(&[vec![hull(&shapes.polygons(row))]]);
        }
        out.finish()
    }))
}

/// The hull of all points, clockwise from the leftmost one.
fn hull(polygons: &Polygons) -> Ring {
    let mut points: Vec<Point> = polygons.iter().flatten().flatten().copied().collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        points.extend(points.first().copied());
        return points;
    }
    let chain = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Ring = Vec::new();
        for point in points {
            while let [.., a, b] = chain.as_slice() {
                if side(*a, *b, point) < 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(point);
        }
        chain
    };
    let mut upper = chain(&mut points.iter().copied());
    let lower = chain(&mut points.iter().rev().copied());
    upper.pop();
    upper.extend(lower);
    upper
}

fn bind_flip(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let shape = ShapeArgument::new(context, "flipCoordinates", arguments, 0)?;
    let kinds = [GeoKind::Point, GeoKind::Ring, GeoKind::Polygon, GeoKind::MultiPolygon];
    let return_type = kinds[shape.depth()].base().clone();
    Ok(Bound::new(return_type, move |columns, rows| {
        let shapes = shape.read(&columns[0])?;
        let mut out = ShapeBuilder::new(shape.depth());
        for row in 0..rows {
            let mut polygons = shapes.polygons(row);
            polygons.iter_mut().flatten().flatten().for_each(|point| point.swap(0, 1));
            out.push(&polygons);
        }
        out.finish()
    }))
}
