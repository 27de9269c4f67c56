//! Geometry: distances on Earth, shapes of points, geohashes and H3 cells.

mod cells;
mod cells_grid;
mod distance;
mod geohash;
mod measure;
mod point_in;
mod shapes;
mod svg;
mod wkt;

use expr::Registry;

/// Adds this family.
pub(crate) fn register(registry: &mut Registry) {
    for functions in [
        cells::FUNCTIONS,
        cells_grid::FUNCTIONS,
        distance::FUNCTIONS,
        geohash::FUNCTIONS,
        measure::FUNCTIONS,
        point_in::FUNCTIONS,
        svg::FUNCTIONS,
        wkt::FUNCTIONS,
    ] {
        registry.add_functions(functions);
    }
}
