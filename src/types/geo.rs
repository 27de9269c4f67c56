//! The geometric types: names for tuples and arrays of coordinates.

use std::fmt;
use std::sync::OnceLock;

use crate::DataType;

/// A shape that is stored and computed as a tuple of coordinates or arrays of such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum GeoKind {
    Point,
    Ring,
    LineString,
    MultiPoint,
    MultiLineString,
    Polygon,
    MultiPolygon,
}

impl GeoKind {
    /// All of them.
    pub const ALL: [GeoKind; 7] = [
        GeoKind::Point,
        GeoKind::Ring,
        GeoKind::LineString,
        GeoKind::MultiPoint,
        GeoKind::MultiLineString,
        GeoKind::Polygon,
        GeoKind::MultiPolygon,
    ];

    /// How many arrays lie around the points.
    pub fn depth(self) -> usize {
        match self {
            GeoKind::Point => 0,
            GeoKind::Ring | GeoKind::LineString | GeoKind::MultiPoint => 1,
            GeoKind::MultiLineString | GeoKind::Polygon => 2,
            GeoKind::MultiPolygon => 3,
        }
    }

    /// What it is stored and computed as.
    pub fn base(self) -> &'static DataType {
        static BASES: OnceLock<[DataType; 4]> = OnceLock::new();
        let bases = BASES.get_or_init(|| {
            let point = DataType::tuple([DataType::Float64, DataType::Float64]);
            let ring = DataType::array(point.clone());
            let polygon = DataType::array(ring.clone());
            let polygons = DataType::array(polygon.clone());
            [point, ring, polygon, polygons]
        });
        &bases[self.depth()]
    }
}

impl fmt::Display for GeoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
