//! H3: cells around, above and below a cell, and lines of cells.

use base::{Result, bail, error};
use expr::{Argument, Bound, FunctionDeclaration};
use h3o::CellIndex;
use types::{Column, DataType};

use super::cells::{ListBuilder, cell, edge, require_index, resolution};
use crate::collection::lists::tuples;
use crate::scalar::lane::{Lane, flat};
use crate::text::strings::{Integers, require_integer};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "h3ToParent" (2, 2) "h3ToParent(index, resolution)" "The H3 cell of a coarser resolution that a cell lies in."
        "SELECT h3ToParent(599405990164561919, 3)" => "590398848891879423"; |_, a| relative("h3ToParent", a, CellIndex::parent);
    "h3ToCenterChild" (2, 2) "h3ToCenterChild(index, resolution)" "The H3 cell of a finer resolution in the middle of a cell."
        "SELECT h3ToCenterChild(577023702256844799, 1)" => "581496515558637567"; |_, a| relative("h3ToCenterChild", a, CellIndex::center_child);
    "h3ToChildren" (2, 2) "h3ToChildren(index, resolution)" "The H3 cells of a finer resolution within a cell."
        "SELECT length(h3ToChildren(599405990164561919, 6))" => "7"; |_, a| children(a);
    "h3kRing" (2, 2) "h3kRing(index, k)" "The H3 cells at most k steps away from a cell, itself among them."
        "SELECT length(h3kRing(644325529233966508, 1))" => "7"; |_, a| around("h3kRing", a, false);
    "h3HexRing" (2, 2) "h3HexRing(index, k)" "The H3 cells exactly k steps away from a cell."
        "SELECT length(h3HexRing(590080540275638271, 1))" => "6"; |_, a| around("h3HexRing", a, true);
    "h3IndexesAreNeighbors" (2, 2) "h3IndexesAreNeighbors(a, b)" "1 where two H3 cells have an edge in common."
        "SELECT h3IndexesAreNeighbors(617420388351344639, 617420388352655359)" => "1"; |_, a| neighbours(a);
    "h3Distance" (2, 2) "h3Distance(a, b)" "The steps between two H3 cells."
        "SELECT h3Distance(590080540275638271, 590103561300344831)" => "6"; |_, a| steps(a);
    "h3Line" (2, 2) "h3Line(a, b)" "The H3 cells on a line from one cell to another."
        "SELECT length(h3Line(590080540275638271, 590103561300344831))" => "7"; |_, a| line(a);
    "h3GetFaces" (1, 1) "h3GetFaces(index)" "The faces of the icosahedron that an H3 cell lies on."
        "SELECT h3GetFaces(579205133326352383)" => "[16]"; |_, a| faces(a);
    "h3GetPentagonIndexes" (1, 1) "h3GetPentagonIndexes(resolution)" "The H3 cells of five edges of a resolution."
        "SELECT length(h3GetPentagonIndexes(3))" => "12"; |_, a| pentagons(a);
    "h3GetRes0Indexes" (0, 0) "h3GetRes0Indexes()" "The H3 cells of the coarsest resolution."
        "SELECT length(h3GetRes0Indexes())" => "122"; |_, _| coarsest();
    "h3GetUnidirectionalEdge" (2, 2) "h3GetUnidirectionalEdge(from, to)" "The edge from an H3 cell to a neighbour; 0 where they are none."
        "SELECT h3GetUnidirectionalEdge(599686042433355775, 599686043507097599)" => "1248204388774707199"; |_, a| edge_between(a);
    "h3GetUnidirectionalEdgesFromHexagon" (1, 1) "h3GetUnidirectionalEdgesFromHexagon(index)" "The edges that leave an H3 cell."
        "SELECT length(h3GetUnidirectionalEdgesFromHexagon(599686042433355775))" => "6"; |_, a| edges(a);
    "h3GetIndexesFromUnidirectionalEdge" (1, 1) "h3GetIndexesFromUnidirectionalEdge(edge)" "The two H3 cells of an edge."
        "SELECT h3GetIndexesFromUnidirectionalEdge(1248204388774707199)" => "(599686042433355775,599686043507097599)"; |_, a| ends(a);
};

fn relative(
    name: &'static str,
    arguments: &[Argument],
    f: fn(CellIndex, h3o::Resolution) -> Option<CellIndex>,
) -> Result<Bound> {
    require_index(name, arguments, 0)?;
    require_integer(name, arguments, 1)?;
    Ok(Bound::new(DataType::UInt64, move |columns, rows| {
        let (indexes, resolutions) = (Integers::new(&columns[0])?, Integers::new(&columns[1])?);
        let one = |row: usize| {
            let wanted = resolution(name, resolutions.get(row))?;
            Ok(f(cell(indexes.get(row) as u64)?, wanted).map_or(0, u64::from))
        };
        Ok(flat::<u64>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

/// The arrays that a function makes of each row's two numbers.
fn lists_of_two(
    name: &'static str,
    arguments: &[Argument],
    f: impl Fn(u64, i64, &mut ListBuilder<u64>) -> Result<()> + Send + Sync + 'static,
) -> Result<Bound> {
    require_index(name, arguments, 0)?;
    require_integer(name, arguments, 1)?;
    Ok(Bound::new(DataType::array(DataType::UInt64), move |columns, rows| {
        let (first, second) = (Integers::new(&columns[0])?, Integers::new(&columns[1])?);
        let mut out = ListBuilder::new();
        for row in 0..rows {
            f(first.get(row) as u64, second.get(row), &mut out)?;
        }
        out.column(&DataType::UInt64)
    }))
}

/// Cells that one row may have.
const MOST: u64 = 10_000_000;

fn children(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "h3ToChildren";
    lists_of_two(NAME, arguments, |index, wanted, out| {
        let wanted = resolution(NAME, wanted)?;
        let cell = cell(index)?;
        if wanted < cell.resolution() {
            return out.push(std::iter::empty());
        }
        let count = cell.children_count(wanted);
        if count > MOST {
            bail!(
                TooLargeArraySize,
                "The result of function {NAME} (array of {count} elements) will be too large"
            );
        }
        out.push(cell.children(wanted).map(u64::from))
    })
}

fn around(name: &'static str, arguments: &[Argument], only_ring: bool) -> Result<Bound> {
    if arguments[1].data_type.is_signed_integer() {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {} of argument 2 of function {name}. Must be unsigned native integer",
            arguments[1].data_type
        );
    }
    lists_of_two(name, arguments, move |index, k, out| {
        /// Steps beyond which the cells are too many.
        const FARTHEST: i64 = 1_000;
        let Some(k) = u32::try_from(k).ok().filter(|_| k <= FARTHEST) else {
            bail!(
                ParameterOutOfBound,
                "Too large 'k' argument for {name} function, maximum {FARTHEST}"
            );
        };
        let cell = cell(index)?;
        if only_ring {
            let ring: Option<Vec<CellIndex>> = cell.grid_ring_fast(k).collect();
            let ring = ring.ok_or_else(|| {
                error!(IncorrectData, "There are cells of five edges around cell {index}")
            })?;
            return out.push(ring.into_iter().map(u64::from));
        }
        out.push(cell.grid_disk_safe(k).map(u64::from))
    })
}

fn two_indexes(name: &str, arguments: &[Argument]) -> Result<()> {
    require_index(name, arguments, 0)?;
    require_index(name, arguments, 1)
}

/// A number for each row's two cells.
fn of_two<R: Lane>(
    name: &'static str,
    arguments: &[Argument],
    return_type: DataType,
    f: fn(CellIndex, CellIndex) -> Result<R>,
) -> Result<Bound> {
    two_indexes(name, arguments)?;
    Ok(Bound::new(return_type, move |columns, rows| {
        let (a, b) = (Integers::new(&columns[0])?, Integers::new(&columns[1])?);
        let one = |row: usize| f(cell(a.get(row) as u64)?, cell(b.get(row) as u64)?);
        Ok(flat::<R>((0..rows).map(one).collect::<Result<_>>()?))
    }))
}

fn neighbours(arguments: &[Argument]) -> Result<Bound> {
    of_two("h3IndexesAreNeighbors", arguments, DataType::UInt8, |a, b| {
        Ok(u8::from(a.is_neighbor_with(b).unwrap_or(false)))
    })
}

fn steps(arguments: &[Argument]) -> Result<Bound> {
    of_two("h3Distance", arguments, DataType::Int64, |a, b| {
        a.grid_distance(b).map(i64::from).map_err(|_| no_line(a, b))
    })
}

fn no_line(a: CellIndex, b: CellIndex) -> base::Error {
    let (a, b) = (u64::from(a), u64::from(b));
    error!(
        IncorrectData,
        "Incorrect arguments h3index start:{a} and h3index end:{b}: no line can be drawn between them"
    )
}

fn line(arguments: &[Argument]) -> Result<Bound> {
    two_indexes("h3Line", arguments)?;
    lists_of_two("h3Line", arguments, |from, to, out| {
        let (a, b) = (cell(from)?, cell(to as u64)?);
        let path = a.grid_path_cells(b).map_err(|_| no_line(a, b))?;
        let path: Option<Vec<u64>> = path.map(|c| c.ok().map(u64::from)).collect();
        out.push(path.ok_or_else(|| no_line(a, b))?.into_iter())
    })
}

fn edge_between(arguments: &[Argument]) -> Result<Bound> {
    of_two("h3GetUnidirectionalEdge", arguments, DataType::UInt64, |a, b| {
        Ok(a.edge(b).map_or(0, u64::from))
    })
}

fn faces(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "h3GetFaces";
    require_index(NAME, arguments, 0)?;
    Ok(Bound::new(DataType::array(DataType::UInt8), |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut out = ListBuilder::new();
        for row in 0..rows {
            let faces = cell(indexes.get(row) as u64)?.icosahedron_faces();
            out.push(faces.iter().map(u8::from))?;
        }
        out.column(&DataType::UInt8)
    }))
}

fn pentagons(arguments: &[Argument]) -> Result<Bound> {
    const NAME: &str = "h3GetPentagonIndexes";
    require_integer(NAME, arguments, 0)?;
    Ok(Bound::new(DataType::array(DataType::UInt64), |columns, rows| {
        let resolutions = Integers::new(&columns[0])?;
        let mut out = ListBuilder::new();
        for row in 0..rows {
            let wanted = resolution(NAME, resolutions.get(row))?;
            out.push(wanted.pentagons().map(u64::from))?;
        }
        out.column(&DataType::UInt64)
    }))
}

fn coarsest() -> Result<Bound> {
    Ok(Bound::new(DataType::array(DataType::UInt64), |_, rows| {
        let mut out = ListBuilder::new();
        for _ in 0..rows {
            out.push(CellIndex::base_cells().map(u64::from))?;
        }
        out.column(&DataType::UInt64)
    }))
}

fn edges(arguments: &[Argument]) -> Result<Bound> {
    require_index("h3GetUnidirectionalEdgesFromHexagon", arguments, 0)?;
    Ok(Bound::new(DataType::array(DataType::UInt64), |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut out = ListBuilder::new();
        for row in 0..rows {
            let edges = cell(indexes.get(row) as u64)?.edges();
            let mut edges: Vec<u64> = edges.map(u64::from).collect();
            edges.sort_unstable();
            out.push(edges.into_iter())?;
        }
        out.column(&DataType::UInt64)
    }))
}

fn ends(arguments: &[Argument]) -> Result<Bound> {
    require_index("h3GetIndexesFromUnidirectionalEdge", arguments, 0)?;
    let types = [DataType::UInt64, DataType::UInt64];
    Ok(Bound::new(DataType::tuple(types.clone()), move |columns, rows| {
        let indexes = Integers::new(&columns[0])?;
        let mut parts = [Vec::with_capacity(rows), Vec::with_capacity(rows)];
        for row in 0..rows {
            let (from, to) = edge(indexes.get(row) as u64)?.cells();
            parts[0].push(u64::from(from));
            parts[1].push(u64::from(to));
        }
        let parts = parts.into_iter().map(u64::array).collect();
        Ok(Column::Flat(tuples(&types, parts, rows)?))
    }))
}
