//! Distances and angles between points given by longitude and latitude.

use base::Result;
use expr::{Argument, Bound, FunctionDeclaration};
use types::DataType;

use crate::scalar::numbers::{floats_of, types_of};
use crate::text::strings::illegal;

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "greatCircleDistance" (4, 4) "greatCircleDistance(longitude1, latitude1, longitude2, latitude2)"
        "The distance in metres of two points on a sphere as large as Earth, in degrees."
        "SELECT round(greatCircleDistance(0., 0., 0., 90.) / 1000)" => "10008";
        |_, a| bind("greatCircleDistance", a, |a, b| central_angle(a, b) * EARTH_RADIUS);
    "greatCircleAngle" (4, 4) "greatCircleAngle(longitude1, latitude1, longitude2, latitude2)"
        "The angle in degrees that two points make with the middle of Earth."
        "SELECT round(greatCircleAngle(0., 0., 45., 0.), 3)" => "45";
        |_, a| bind("greatCircleAngle", a, |a, b| central_angle(a, b).to_degrees());
    "geoDistance" (4, 4) "geoDistance(longitude1, latitude1, longitude2, latitude2)"
        "The distance in metres of two points on Earth, flattened at its poles where they are near each other."
        "SELECT round(geoDistance(0., 0., 0., 1.))" => "110567"; |_, a| bind("geoDistance", a, ellipsoid);
};

/// Metres.
pub(super) const EARTH_RADIUS: f64 = 6_371_007.180_918;

/// The angle between two points of (longitude, latitude) in degrees, as radians.
pub(super) fn central_angle(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (from, to) = (a[1].to_radians(), b[1].to_radians());
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let square = half(b[1] - a[1]) + from.cos() * to.cos() * half(b[0] - a[0]);
    2.0 * square.min(1.0).sqrt().asin()
}

/// Distances on the ellipsoid: on a plane that fits the middle latitude where the points are near, else on a sphere.
fn ellipsoid(a: [f64; 2], b: [f64; 2]) -> f64 {
    /// Degrees between points that count as near.
    const NEAR: f64 = 13.0;
    let latitude = (b[1] - a[1]).abs();
    let longitude = {
        let turned = (b[0] - a[0]).abs() % 360.0;
        turned.min(360.0 - turned)
    };
    if latitude + longitude >= NEAR {
        return central_angle(a, b) * EARTH_RADIUS;
    }
    // Metres of a degree by the series of WGS 84 in the middle latitude.
    let middle = ((a[1] + b[1]) / 2.0).to_radians();
    let north = 111_132.09 - 566.05 * (2.0 * middle).cos() + 1.20 * (4.0 * middle).cos();
    let east =
        111_415.13 * middle.cos() - 94.55 * (3.0 * middle).cos() + 0.12 * (5.0 * middle).cos();
    ((latitude * north).powi(2) + (longitude * east).powi(2)).sqrt()
}

/// Four numbers; the result has the width of the widest float among them, of integers 32 bits.
fn bind(
    name: &'static str,
    arguments: &[Argument],
    f: fn([f64; 2], [f64; 2]) -> f64,
) -> Result<Bound> {
    if let Some(bad) = arguments.iter().find(|a| !a.data_type.is_number()) {
        return Err(illegal(name, bad));
    }
    let wide = arguments.iter().any(|a| {
        a.data_type == DataType::Float64 || matches!(a.data_type, DataType::Decimal { .. })
    });
    let types = types_of(arguments);
    let return_type = if wide { DataType::Float64 } else { DataType::Float32 };
    Ok(Bound::new(return_type, move |columns, rows| {
        let numbers = floats_of(columns, &types)?;
        let one = |row: usize| {
            let at = |place: usize| numbers[place].at(row);
            f([at(0), at(1)], [at(2), at(3)])
        };
        Ok(numbers_column((0..rows).map(one), wide))
    }))
}

fn numbers_column(values: impl Iterator<Item = f64>, wide: bool) -> types::Column {
    use crate::text::strings::numbers;
    use arrow_array::types::{Float32Type, Float64Type};
    match wide {
        true => numbers::<Float64Type>(values.collect()),
        false => numbers::<Float32Type>(values.map(|v| v as f32).collect()),
    }
}
