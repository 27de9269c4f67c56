//! Shapes in and out of columns: points, rings, polygons and lists of polygons, told apart by how deep they are nested.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array};
use base::{Error, Result, error};
use expr::{Argument, FunctionContext};
use types::{Column, DataType, GeoKind};

use crate::collection::lists::{Lists, tuples};
use crate::scalar::cast::{Conversion, conversion};
use crate::text::strings::list_column;

/// Coordinates.
pub(super) type Point = [f64; 2];
/// Points one after another.
pub(super) type Ring = Vec<Point>;
/// An outer ring and holes.
pub(super) type Polygon = Vec<Ring>;
/// Polygons.
pub(super) type Polygons = Vec<Polygon>;

/// How an argument's shapes are nested: 0 is a point, 1 a ring, 2 a polygon, 3 several of these.
pub(super) fn depth_of(data_type: &DataType) -> Option<usize> {
    match data_type.inner() {
        DataType::Tuple(fields) if fields.len() == 2 => {
            let number = |t: &DataType| t.is_number() && *t != DataType::Bool;
            fields.iter().all(|f| number(&f.data_type)).then_some(0)
        }
        DataType::Array(item) => depth_of(item).map(|depth| depth + 1).filter(|depth| *depth <= 3),
        _ => None,
    }
}

/// Reads an argument's shapes.
pub(super) struct ShapeArgument {
    depth: usize,
    convert: Conversion,
}

impl ShapeArgument {
    /// For the argument at a place.
    ///
    /// # Errors
    /// ILLEGAL_TYPE_OF_ARGUMENT for what is no shape.
    pub(super) fn new(
        context: &FunctionContext,
        function: &str,
        arguments: &[Argument],
        at: usize,
    ) -> Result<ShapeArgument> {
        let data_type = &arguments[at].data_type;
        let Some(depth) = depth_of(data_type) else {
            return Err(error!(
                IllegalTypeOfArgument,
                "Argument {} of function {function} must be a point (a tuple of two numbers) or an \
                 array of such, not {data_type}",
                at + 1
            ));
        };
        let kinds = [GeoKind::Point, GeoKind::Ring, GeoKind::Polygon, GeoKind::MultiPolygon];
        let convert = conversion(context, data_type, kinds[depth].base())?;
        Ok(ShapeArgument { depth, convert })
    }

    /// How deep its shapes are nested.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The shapes of a column; of a constant column one for all rows.
    pub(super) fn read(&self, column: &Column) -> Result<Shapes> {
        let (column, constant) = match column {
            Column::Constant { value, .. } => (Column::Flat(value.clone()), true),
            other => (other.clone(), false),
        };
        let mut array = (self.convert)(&column, column.len())?.to_flat()?;
        let mut offsets = Vec::with_capacity(self.depth);
        for _ in 0..self.depth {
            let lists = Lists::of_array(&array)?;
            offsets.push(lists.offsets);
            array = lists.items;
        }
        let parts = array.as_struct_opt().ok_or_else(|| Error::logical("points of no tuples"))?;
        let coordinates = |at: usize| -> Result<Float64Array> {
            let part = parts.columns().get(at).and_then(|p| p.as_primitive_opt::<Float64Type>());
            part.cloned().ok_or_else(|| Error::logical("coordinates that are no numbers"))
        };
        Ok(Shapes { offsets, x: coordinates(0)?, y: coordinates(1)?, constant })
    }
}

/// The shapes of a column.
pub(super) struct Shapes {
    /// Where the parts of each level begin, the outermost level first.
    offsets: Vec<Vec<i32>>,
    x: Float64Array,
    y: Float64Array,
    /// Whether the first row stands for all.
    constant: bool,
}

impl Shapes {
    /// Whether the first row stands for all.
    pub(super) fn is_constant(&self) -> bool {
        self.constant
    }

    fn range(&self, level: usize, at: usize) -> std::ops::Range<usize> {
        self.offsets[level][at] as usize..self.offsets[level][at + 1] as usize
    }

    fn row(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    fn point_at(&self, at: usize) -> Point {
        [self.x.value(at), self.y.value(at)]
    }

    fn ring_at(&self, level: usize, at: usize) -> Ring {
        self.range(level, at).map(|at| self.point_at(at)).collect()
    }

    fn polygon_at(&self, level: usize, at: usize) -> Polygon {
        self.range(level, at).map(|at| self.ring_at(level + 1, at)).collect()
    }

    /// The point of a row of points.
    pub(super) fn point(&self, row: usize) -> Point {
        self.point_at(self.row(row))
    }

    /// The shape of a row as polygons: a ring is one polygon of one ring, a point one of one point.
    pub(super) fn polygons(&self, row: usize) -> Polygons {
        let row = self.row(row);
        match self.offsets.len() {
            0 => vec![vec![vec![self.point_at(row)]]],
            1 => vec![vec![self.ring_at(0, row)]],
            2 => vec![self.polygon_at(0, row)],
            _ => self.range(0, row).map(|at| self.polygon_at(1, at)).collect(),
        }
    }
}

/// Builds a column of shapes.
pub(super) struct ShapeBuilder {
    depth: usize,
    offsets: Vec<Vec<i32>>,
    x: Vec<f64>,
    y: Vec<f64>,
}

impl ShapeBuilder {
    /// Of a depth as in [`depth_of`].
    pub(super) fn new(depth: usize) -> ShapeBuilder {
        ShapeBuilder { depth, offsets: vec![vec![0]; depth], x: Vec::new(), y: Vec::new() }
    }

    fn push_ring(&mut self, level: usize, ring: &[Point]) {
        for point in ring {
            self.x.push(point[0]);
            self.y.push(point[1]);
        }
        self.offsets[level].push(self.x.len() as i32);
    }

    fn push_polygon(&mut self, level: usize, polygon: &[Ring]) {
        polygon.iter().for_each(|ring| self.push_ring(level + 1, ring));
        let end = self.offsets[level + 1].len() as i32 - 1;
        self.offsets[level].push(end);
    }

    /// Adds a row; of a shallower shape than polygons its first one is taken.
    pub(super) fn push(&mut self, polygons: &[Polygon]) {
        let ring = || polygons.first().and_then(|p| p.first()).map_or(&[][..], Vec::as_slice);
        match self.depth {
            0 => {
                let [x, y] = ring().first().copied().unwrap_or_default();
                self.x.push(x);
                self.y.push(y);
            }
            1 => self.push_ring(0, ring()),
            2 => self.push_polygon(0, polygons.first().map_or(&[][..], Vec::as_slice)),
            _ => {
                polygons.iter().for_each(|polygon| self.push_polygon(1, polygon));
                let end = self.offsets[1].len() as i32 - 1;
                self.offsets[0].push(end);
            }
        }
    }

    /// The column.
    pub(super) fn finish(self) -> Result<Column> {
        let rows = self.x.len();
        let parts: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from(self.x)), Arc::new(Float64Array::from(self.y))];
        let mut item = GeoKind::Point.base().clone();
        let mut column =
            Column::Flat(tuples(&[DataType::Float64, DataType::Float64], parts, rows)?);
        for offsets in self.offsets.into_iter().rev() {
            column = list_column(&item, offsets, column.to_flat()?)?;
            item = DataType::array(item);
        }
        Ok(column)
    }
}
