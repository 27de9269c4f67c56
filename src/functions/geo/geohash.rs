//! Geohashes: texts of 5 bits a character that name cells of a grid on Earth.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use base::{Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType, TupleField};

use crate::collection::lists::tuples;
use crate::scalar::numbers::{floats_of, types_of};
use crate::text::strings::{
    BytesBuilder, Integers, StringListBuilder, Strings, illegal, require_integer, require_text,
};

pub(super) const FUNCTIONS: &[FunctionDeclaration] = crate::scalar::declare! { "Geo";
    "geohashEncode" (2, 3) "geohashEncode(longitude, latitude[, precision])"
        "The geohash of a place, of so many characters, 1 to 12."
        "SELECT geohashEncode(-5.60302734375, 42.593994140625)" => "ezs42d000000"; |_, a| encode(a);
    "geohashDecode" (1, 1) "geohashDecode(text)" "The longitude and latitude of the middle of a geohash's cell."
        "SELECT arrayMap(x -> round(x, 3), [geohashDecode('ezs42').1, geohashDecode('ezs42').2])" => "[-5.603,42.605]";
        |_, a| decode(a);
    "geohashesInBox" (5, 5) "geohashesInBox(longitude_min, latitude_min, longitude_max, latitude_max, precision)"
        "The geohashes of all cells of a precision that a box touches."
        "SELECT geohashesInBox(24.48, 40.56, 24.785, 40.81, 4)" => "['sx1q','sx1r','sx32','sx1w','sx1x','sx38']";
        |_, a| in_box(a);
};

const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// Characters of the longest geohash.
const LONGEST: u32 = 12;

/// Geohashes that one row may have.
const MOST: u64 = 10_000_000;

/// A precision that is out of its range is the greatest.
fn precision(given: i64) -> u32 {
    match u32::try_from(given) {
        Ok(found @ 1..=LONGEST) => found,
        _ => LONGEST,
    }
}

/// Bits of longitude and latitude of a geohash of so many characters.
fn bits(precision: u32) -> (u32, u32) {
    let all = precision * 5;
    (all.div_ceil(2), all / 2)
}

/// The cell of a coordinate among `2^bits` ones.
fn cell(coordinate: f64, span: f64, bits: u32) -> u64 {
    let inside = coordinate.clamp(-span, span);
    let cells = (1_u64 << bits) as f64;
    let at = ((inside + span) / (2.0 * span) * cells).floor();
    (at as u64).min((1 << bits) - 1)
}

/// The text of the cell of a column and a row.
fn write(x: u64, y: u64, precision: u32, out: &mut Vec<u8>) {
    let (mut longitude, mut latitude) = bits(precision);
    let mut digit = 0_usize;
    for bit in 0..precision * 5 {
        // Bits take turns, beginning with the longitude's.
        let set = if bit % 2 == 0 {
            longitude -= 1;
            x >> longitude & 1
        } else {
            latitude -= 1;
            y >> latitude & 1
        };
        digit = digit << 1 | set as usize;
        if bit % 5 == 4 {
            out.push(DIGITS[digit]);
            digit = 0;
        }
    }
}

/// Fails unless the arguments from one place to before another are floats.
fn require_floats(function: &str, arguments: &[Argument], places: usize) -> Result<()> {
    match arguments.iter().take(places).find(|a| !a.data_type.is_float()) {
        Some(bad) => Err(illegal(function, bad)),
        None => Ok(()),
    }
}

fn encode(arguments: &[Argument]) -> Result<Bound> {
    require_floats("geohashEncode", arguments, 2)?;
    if let Some(given) = arguments.get(2) {
        require_integer("geohashEncode", arguments, 2)?;
        if given.constant.is_none() {
            bail!(IllegalColumn, "The precision of geohashEncode must be a constant");
        }
    }
    let types = types_of(&arguments[..2]);
    Ok(Bound::new(DataType::String, move |columns, rows| {
        let numbers = floats_of(&columns[..2], &types)?;
        let precisions = columns.get(2).map(Integers::new).transpose()?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let (longitude, latitude) = (numbers[0].at(row), numbers[1].at(row));
            let precision = precision(precisions.as_ref().map_or(0, |p| p.get(row)));
            let (a, b) = bits(precision);
            out.append_with(|out| {
                write(cell(longitude, 180.0, a), cell(latitude, 90.0, b), precision, out);
            });
        }
        out.column()
    }))
}

fn decode(arguments: &[Argument]) -> Result<Bound> {
    require_text("geohashDecode", arguments, 0)?;
    let field =
        |name: &str| TupleField { name: Some(name.to_owned()), data_type: DataType::Float64 };
    let return_type = DataType::Tuple([field("longitude"), field("latitude")].into());
    Ok(Bound::new(return_type, |columns, rows| {
        let texts = Strings::new(&columns[0])?;
        let (mut x, mut y) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        texts.each(rows, |text| {
            let (longitude, latitude) = middle(text);
            x.push(longitude);
            y.push(latitude);
        });
        let parts: Vec<ArrayRef> =
            vec![Arc::new(Float64Array::from(x)), Arc::new(Float64Array::from(y))];
        let types = [DataType::Float64, DataType::Float64];
        Ok(Column::Flat(tuples(&types, parts, rows)?))
    }))
}

/// The middle of a geohash's cell; other characters than digits end it.
fn middle(text: &[u8]) -> (f64, f64) {
    let digits = text.iter().take(LONGEST as usize).map_while(|byte| {
        DIGITS.iter().position(|digit| *digit == byte.to_ascii_lowercase()).map(|d| d as u64)
    });
    let (mut x, mut y, mut count) = (0_u64, 0_u64, 0_u32);
    for digit in digits {
        for shift in (0..5).rev() {
            let bit = digit >> shift & 1;
            if count % 2 == 0 {
                x = x << 1 | bit;
            } else {
                y = y << 1 | bit;
            }
            count += 1;
        }
    }
    if count == 0 {
        return (0.0, 0.0);
    }
    let center = |at: u64, bits: u32, span: f64| {
        (at as f64 + 0.5) / (1_u64 << bits) as f64 * 2.0 * span - span
    };
    let (longitude, latitude) = bits(count / 5);
    (center(x, longitude, 180.0), center(y, latitude, 90.0))
}

fn in_box(arguments: &[Argument]) -> Result<Bound> {
    require_floats("geohashesInBox", arguments, 4)?;
    require_integer("geohashesInBox", arguments, 4)?;
    let types = types_of(&arguments[..4]);
    Ok(Bound::new(DataType::array(DataType::String), move |columns, rows| {
        let numbers = floats_of(&columns[..4], &types)?;
        let precisions = Integers::new(&columns[4])?;
        let mut out = StringListBuilder::new(rows);
        let mut all = 0;
        for row in 0..rows {
            let corner = [0, 1, 2, 3].map(|place: usize| numbers[place].at(row));
            all += cells_in_box(corner, precision(precisions.get(row)), &mut out)?;
            if all > MOST {
                bail!(TooLargeArraySize, "geohashesInBox made more than {MOST} geohashes");
            }
            out.end_row();
        }
        out.column()
    }))
}

/// Adds the geohashes of a box, row by row of the grid from the south; how many they are.
fn cells_in_box(
    [west, south, east, north]: [f64; 4],
    precision: u32,
    out: &mut StringListBuilder,
) -> Result<u64> {
    if [west, south, east, north].iter().any(|v| v.is_nan()) || west > east || south > north {
        return Ok(0);
    }
    let (a, b) = bits(precision);
    let (first_x, last_x) = (cell(west, 180.0, a), cell(east, 180.0, a));
    let (first_y, last_y) = (cell(south, 90.0, b), cell(north, 90.0, b));
    let count = (last_x - first_x + 1).saturating_mul(last_y - first_y + 1);
    if count > MOST {
        bail!(
            TooLargeArraySize,
            "geohashesInBox would produce {count} array elements, which is bigger than the \
             allowed maximum of {MOST}"
        );
    }
    let mut text = Vec::new();
    for x in first_x..=last_x {
        for y in first_y..=last_y {
            text.clear();
            write(x, y, precision, &mut text);
            out.item(&text);
        }
    }
    Ok(count)
}
