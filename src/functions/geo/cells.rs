//! H3: cells of a hexagonal grid on Earth. What one cell is; how cells lie to each other see `cells_grid`.

use base::{Error, Result, bail, error};
use expr::{Argument, Bound, FunctionDeclaration};
use h3o::{CellIndex, DirectedEdgeIndex, LatLng, Resolution};
use types::{Column, DataType, TupleField};

use super::distance::EARTH_RADIUS;
use super::shapes::ShapeBuilder;
use crate::collection::lists::tuples;
use crate::scalar::lane::{Lane, flat};
use crate::scalar::numbers::{floats_of, types_of};
use crate::text::strings::{
    BytesBuilder, Integers, Strings, illegal, list_column, require_integer, require_text,
};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "h3IsValid" (1, 1) "h3IsValid(index)" "1 where an integer is the index of an H3 cell."
        "SELECT h3IsValid(630814730351855103), h3IsValid(toUInt64(0))" => "1\t0";
        |_, a| of_index("h3IsValid", a, DataType::UInt8, |i| Ok(u8::from(CellIndex::try_from(i).is_ok())));
    "h3GetResolution" (1, 1) "h3GetResolution(index)" "The resolution of an H3 cell."
        "SELECT h3GetResolution(617420388352917503)" => "9";
        |_, a| of_index("h3GetResolution", a, DataType::UInt8, |i| Ok(u8::from(cell(i)?.resolution())));
    "h3GetBaseCell" (1, 1) "h3GetBaseCell(index)" "The number of the coarsest cell that an H3 cell lies in."
        "SELECT h3GetBaseCell(612916788725809151)" => "12";
        |_, a| of_index("h3GetBaseCell", a, DataType::UInt8, |i| Ok(u8::from(cell(i)?.base_cell())));
    "h3IsPentagon" (1, 1) "h3IsPentagon(index)" "1 for the H3 cells of five edges."
        "SELECT h3IsPentagon(576636674163867647)" => "1";
        |_, a| of_index("h3IsPentagon", a, DataType::UInt8, |i| Ok(u8::from(cell(i)?.is_pentagon())));
    "h3IsResClassIII" (1, 1) "h3IsResClassIII(index)" "1 where the resolution of an H3 cell is odd."
        "SELECT h3IsResClassIII(617420388352917503)" => "1";
        |_, a| of_index("h3IsResClassIII", a, DataType::UInt8, |i| Ok(u8::from(cell(i)?.resolution().is_class3())));
    "h3CellAreaM2" (1, 1) "h3CellAreaM2(index)" "The area of an H3 cell in square metres."
        "SELECT round(h3CellAreaM2(579205133326352383))" => "4106166334464";
        |_, a| of_index("h3CellAreaM2", a, DataType::Float64, |i| Ok(cell(i)?.area_m2()));
    "h3CellAreaRads2" (1, 1) "h3CellAreaRads2(index)" "The area of an H3 cell on a sphere of radius 1."
        "SELECT round(h3CellAreaRads2(579205133326352383), 6)" => "0.101163";
        |_, a| of_index("h3CellAreaRads2", a, DataType::Float64, |i| Ok(cell(i)?.area_rads2()));
    "h3ExactEdgeLengthM" (1, 1) "h3ExactEdgeLengthM(edge)" "The length of an edge between two H3 cells in metres."
        "SELECT round(h3ExactEdgeLengthM(1310277011704381439), 2)" => "195449.63";
        |_, a| of_index("h3ExactEdgeLengthM", a, DataType::Float64, |i| Ok(edge(i)?.length_m()));
    "h3ExactEdgeLengthKm" (1, 1) "h3ExactEdgeLengthKm(edge)" "The length of an edge between two H3 cells in kilometres."
        "SELECT round(h3ExactEdgeLengthKm(1310277011704381439), 2)" => "195.45";
        |_, a| of_index("h3ExactEdgeLengthKm", a, DataType::Float64, |i| Ok(edge(i)?.length_km()));
    "h3ExactEdgeLengthRads" (1, 1) "h3ExactEdgeLengthRads(edge)" "The length of an edge between two H3 cells on a sphere of radius 1."
        "SELECT round(h3ExactEdgeLengthRads(1310277011704381439), 6)" => "0.030678";
        |_, a| of_index("h3ExactEdgeLengthRads", a, DataType::Float64, |i| Ok(edge(i)?.length_rads()));
    "h3UnidirectionalEdgeIsValid" (1, 1) "h3UnidirectionalEdgeIsValid(edge)" "1 where an integer is the index of an edge between H3 cells."
        "SELECT h3UnidirectionalEdgeIsValid(1248204388774707199)" => "1";
        |_, a| of_index("h3UnidirectionalEdgeIsValid", a, DataType::UInt8, |i| Ok(u8::from(DirectedEdgeIndex::try_from(i).is_ok())));
    "h3GetOriginIndexFromUnidirectionalEdge" (1, 1) "h3GetOriginIndexFromUnidirectionalEdge(edge)" "The H3 cell that an edge leaves."
        "SELECT h3GetOriginIndexFromUnidirectionalEdge(1248204388774707199)" => "599686042433355775";
        |_, a| of_index("h3GetOriginIndexFromUnidirectionalEdge", a, DataType::UInt64, |i| Ok(u64::from(edge(i)?.origin())));
    "h3GetDestinationIndexFromUnidirectionalEdge" (1, 1) "h3GetDestinationIndexFromUnidirectionalEdge(edge)" "The H3 cell that an edge leads to."
        "SELECT h3GetDestinationIndexFromUnidirectionalEdge(1248204388774707199)" => "599686043507097599";
        |_, a| of_index("h3GetDestinationIndexFromUnidirectionalEdge", a, DataType::UInt64, |i| Ok(u64::from(edge(i)?.destination())));
    "h3EdgeAngle" (1, 1) "h3EdgeAngle(resolution)" "The mean length of a cell's edge at a resolution, in degrees."
        "SELECT round(h3EdgeAngle(10), 7)" => "0.0006823"; |_, a| of_resolution("h3EdgeAngle", a, |r| (r.edge_length_m() / EARTH_RADIUS).to_degrees());
    "h3EdgeLengthM" (1, 1) "h3EdgeLengthM(resolution)" "The mean length of a cell's edge at a resolution, in metres."
        "SELECT round(h3EdgeLengthM(15), 6)" => "0.584169"; |_, a| of_resolution("h3EdgeLengthM", a, Resolution::edge_length_m);
    "h3EdgeLengthKm" (1, 1) "h3EdgeLengthKm(resolution)" "The mean length of a cell's edge at a resolution, in kilometres."
        "SELECT round(h3EdgeLengthKm(10), 6)" => "0.075864"; |_, a| of_resolution("h3EdgeLengthKm", a, Resolution::edge_length_km);
    "h3HexAreaM2" (1, 1) "h3HexAreaM2(resolution)" "The mean area of a cell at a resolution, in square metres."
        "SELECT round(h3HexAreaM2(13), 1)" => "43.9"; |_, a| of_resolution("h3HexAreaM2", a, Resolution::area_m2);
    "h3HexAreaKm2" (1, 1) "h3HexAreaKm2(resolution)" "The mean area of a cell at a resolution, in square kilometres."
        "SELECT round(h3HexAreaKm2(13), 7)" => "0.0000439"; |_, a| of_resolution("h3HexAreaKm2", a, Resolution::area_km2);
    "h3NumHexagons" (1, 1) "h3NumHexagons(resolution)" "The number of cells at a resolution."
        "SELECT h3NumHexagons(3)" => "41162"; |_, a| num_hexagons(a);
    "h3ToString" (1, 1) "h3ToString(index)" "The index of an H3 cell in hexadecimal digits."
        "SELECT h3ToString(617420388352917503)" => "89184926cdbffff"; |_, a| to_text(a);
    "stringToH3" (1, 1) "stringToH3(text)" "The index of an H3 cell that hexadecimal digits give."
        "SELECT stringToH3('89184926cc3ffff')" => "617420388351344639"; |_, a| of_text(a);
    "geoToH3" (3, 3) "geoToH3(latitude, longitude, resolution)" "The H3 cell that a place lies in."
        "SELECT geoToH3(55.71290588, 37.79506683, 15)" => "644325524701193974"; |_, a| geo_to_cell(a);
    "h3ToGeo" (1, 1) "h3ToGeo(index)" "The latitude and longitude of the middle of an H3 cell."
        "SELECT round(h3ToGeo(644325524701193974).1, 4), round(h3ToGeo(644325524701193974).2, 4)" => "55.7129\t37.7951";
        |_, a| cell_to_geo(a);
    "h3ToGeoBoundary" (1, 1) "h3ToGeoBoundary(index)" "The latitudes and longitudes of the corners of an H3 cell."
        "SELECT length(h3ToGeoBoundary(644325524701193974))" => "6";
        |_, a| boundary("h3ToGeoBoundary", a, |i| Ok(cell(i)?.boundary()));
    "h3GetUnidirectionalEdgeBoundary" (1, 1) "h3GetUnidirectionalEdgeBoundary(edge)" "The latitudes and longitudes of the ends of an edge."
        "SELECT length(h3GetUnidirectionalEdgeBoundary(1248204388774707199))" => "2";
        |_, a| boundary("h3GetUnidirectionalEdgeBoundary", a, |i| Ok(edge(i)?.boundary()));
    "h3PointDistM" (4, 4) "h3PointDistM(latitude1, longitude1, latitude2, longitude2)" "The distance of two places on a sphere, in metres."
        "SELECT round(h3PointDistM(-10.0, 0.0, 10.0, 0.0))" => "2223901"; |_, a| distance("h3PointDistM", a, LatLng::distance_m);
    "h3PointDistKm" (4, 4) "h3PointDistKm(latitude1, longitude1, latitude2, longitude2)" "The distance of two places on a sphere, in kilometres."
        "SELECT round(h3PointDistKm(-10.0, 0.0, 10.0, 0.0))" => "2224"; |_, a| distance("h3PointDistKm", a, LatLng::distance_km);
    "h3PointDistRads" (4, 4) "h3PointDistRads(latitude1, longitude1, latitude2, longitude2)" "The distance of two places on a sphere of radius 1."
        "SELECT round(h3PointDistRads(-10.0, 0.0, 10.0, 0.0), 5)" => "0.34907"; |_, a| distance("h3PointDistRads", a, LatLng::distance_rads);
};

/// The cell of an index.
pub(super) fn cell(index: u64) -> Result<CellIndex> {
    CellIndex::try_from(index).map_err(|_| error!(IncorrectData, "Invalid H3 cell index: {index}"))
}

/// The edge of an index.
pub(super) fn edge(index: u64) -> Result<DirectedEdgeIndex> {
    DirectedEdgeIndex::try_from(index)
        .map_err(|_| error!(IncorrectData, "Invalid H3 edge index: {index}"))
}

/// The resolution of a number.
pub(super) fn resolution(function: &str, number: i64) -> Result<Resolution> {
    let found = u8::try_from(number).ok().and_then(|n| Resolution::try_from(n).ok());
    found.ok_or_else(|| -> Error {
        error!(
            ArgumentOutOfBound,
            "The argument 'resolution' ({number}) of function {function} is out of bounds because \
             the maximum resolution in H3 library is 15"
        )
    })
}

/// Fails unless an argument is of 64 bits without a sign, as indexes are.
pub(super) fn require_index(function: &str, arguments: &[Argument], at: usize) -> Result<()> {
    if arguments[at].data_type != DataType::UInt64 {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument {} of function {function}. Must be UInt64",
            arguments[at].data_type,
            at + 1
        );
    }
    Ok(())
}

/// The numbers of an array: a row's are what a function gives for its index.
pub(super) fn of_index<R: Lane>(
    name: &'static str,
    arguments: &[Argument],
    return_type: DataType,
    f: fn(u64) -> Result<R>,
) -> Result<Bound> {
    require_index(name, arguments, 0)?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let found: Result<Vec<R>> = (0..rows).map(|row| f(indexes.get(row) as u64)).collect();
        Ok(flat(found?))
    }))
}

fn of_resolution(
    name: &'static str,
    arguments: &[Argument],
    f: fn(Resolution) -> f64,
) -> Result<Bound> {
    require_integer(name, arguments, 0)?;
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let numbers = Integers::new(&columns[0])?;
        let one = |row: usize| resolution(name, numbers.get(row)).map(f);
        Ok(flat::<f64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

fn num_hexagons(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "h3NumHexagons";
    require_integer(NAME, arguments, 0)?;
    Ok(Bound::new(DataType::Int64, |columns, rows| {
        let numbers = Integers::new(&columns[0])?;
        let one = |row: usize| Ok(resolution(NAME, numbers.get(row))?.cell_count() as i64);
        Ok(flat::<i64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

fn to_text(arguments: &[Argument]) -> Result<Bound> {
    require_index("h3ToString", arguments, 0)?;
    Ok(Bound::new(DataType::String, |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let found = cell(indexes.get(row) as u64)?;
            out.append(format!("{:x}", u64::from(found)).as_bytes());
        }
        out.column()
    }))
}

fn of_text(arguments: &[Argument]) -> Result<Bound> {
    require_text("stringToH3", arguments, 0)?;
    Ok(Bound::new(DataType::UInt64, |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let one = |row: usize| {
            let text = String::from_utf8_lossy(texts.get(row));
            let parsed = u64::from_str_radix(text.trim_start_matches("0x"), 16);
            parsed.map_err(|_| {
                error!(IllegalTypeOfArgument, "Invalid H3 index: {text} in function stringToH3")
            })
        };
        Ok(flat::<u64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

/// A place in degrees; what is no number is refused.
fn place(latitude: f64, longitude: f64) -> Result<LatLng> {
    LatLng::new(latitude, longitude)
        .map_err(|_| error!(IncorrectData, "({latitude}, {longitude}) is no place on Earth"))
}

fn geo_to_cell(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "geoToH3";
    for argument in &arguments[..2] {
        if argument.data_type != DataType::Float64 {
            return Err(illegal(NAME, argument));
        }
    }
    require_integer(NAME, arguments, 2)?;
    let types = types_of(&arguments[..2]);
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let numbers = floats_of(&columns[..2], &types)?;
        let resolutions = Integers::new(&columns[2])?;
        let one = |row: usize| {
            let place = place(numbers[0].at(row), numbers[1].at(row))?;
            Ok(u64::from(place.to_cell(resolution(NAME, resolutions.get(row))?)))
        };
        Ok(flat::<u64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

fn cell_to_geo(arguments: &[Argument]) -> Result<Bound> {
    require_index("h3ToGeo", arguments, 0)?;
    let field =
        |name: &str| TupleField { name: Some(name.to_owned()), data_type: DataType::Float64 };
    let return_type = DataType::Tuple([field("latitude"), field("longitude")].into());
    Ok(Bound::new(return_type, |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut parts = [Vec::with_capacity(rows), Vec::with_capacity(rows)];
        for row in 0..rows {
            let middle = LatLng::from(cell(indexes.get(row) as u64)?);
            parts[0].push(middle.lat());
            parts[1].push(middle.lng());
        }
        let parts = parts.into_iter().map(f64::array).collect();
        let types = [DataType::Float64, DataType::Float64];
        Ok(Column::Flat(tuples(&types, parts, rows)?))
    }))
}

fn boundary(
    name: &'static str,
    arguments: &[Argument],
    f: fn(u64) -> Result<h3o::Boundary>,
) -> Result<Bound> {
    require_index(name, arguments, 0)?;
    let point = DataType::tuple([DataType::Float64, DataType::Float64]);
    Ok(Bound::new(DataType::array(point), move |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut out = ShapeBuilder::new(1);
        for row in 0..rows {
            let corners = f(indexes.get(row) as u64)?;
            out.push(&[vec![corners.iter().map(|c| [c.lat(), c.lng()]).collect()]]);
        }
        out.finish()
    }))
}

fn distance(
    name: &'static str,
    arguments: &[Argument],
    f: fn(LatLng, LatLng) -> f64,
) -> Result<Bound> {
    if let Some(bad) = arguments.iter().find(|a| a.data_type != DataType::Float64) {
        return Err(illegal(name, bad));
    }
    let types = types_of(arguments);
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let numbers = floats_of(columns, &types)?;
        let one = |row: usize| {
            let at = |n: usize| numbers[n].at(row);
            Ok(f(place(at(0), at(1))?, place(at(2), at(3))?))
        };
        Ok(flat::<f64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

/// A column of arrays that grows row by row.
pub(super) struct ListBuilder<T> {
    items: Vec<T>,
    offsets: Vec<i32>,
}

impl<T: Lane> ListBuilder<T> {
    /// Of no rows yet.
    pub(super) fn new() -> ListBuilder<T> {
        ListBuilder { items: Vec::new(), offsets: vec![0] }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// TOO_LARGE_ARRAY_SIZE beyond what a block may hold.
    pub(super) fn push(&mut self, items: impl Iterator<Item = T>) -> Result<()> {
        const MOST: usize = 1 << 26;
        self.items.extend(items.take(MOST + 1));
        if self.items.len() > MOST {
            bail!(TooLargeArraySize, "More than {MOST} H3 cells in one block");
        }
        self.offsets.push(self.items.len() as i32);
        Ok(())
    }

    /// The column.
    pub(super) fn column(self, item: &DataType) -> Result<Column> {
        list_column(item, self.offsets, T::array(self.items))
    }
}
