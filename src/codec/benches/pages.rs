//! Speed and size of pages: `cargo bench -p granary-codec [-- NAME | FOLDER]`.
//!
//! Without arguments over made columns; with a name over those whose name holds it. With a
//! folder over files `NAME.TYPE` of raw little-endian values (or, for String, of u32 lengths
//! each followed by its bytes), such as columns of a real table. Prints per column: rows, bytes
//! per row, ns per row of encoding, decoding, decoding every hundredth row and finding the rows
//! of a range, and how often
//! each encoding was chosen.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, BinaryViewArray, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use bytes::Bytes;
use granary_codec::{CodecChoice, Page, encode};
use types::DataType;

const GRANULE: usize = 8192;

fn noise(at: u64) -> u64 {
    let mut state = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^ state >> 27
}

fn raw(type_name: &str, bytes: &[u8]) -> (DataType, ArrayRef) {
    let data_type = DataType::parse(type_name).expect("a type");
    if data_type == DataType::String {
        let mut values: Vec<&[u8]> = Vec::new();
        let mut rest = bytes;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (value, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            values.push(value);
            rest = after;
        }
        return (data_type, Arc::new(BinaryViewArray::from_iter_values(values)));
    }
    let width = data_type.arrow_type().primitive_width().expect("numbers");
    let data = ArrayData::builder(data_type.arrow_type())
        .len(bytes.len() / width)
        .add_buffer(Buffer::from(bytes))
        .build()
        .expect("an array");
    (data_type, make_array(data))
}

fn words(type_name: &str, value: impl Fn(u64) -> u64) -> (DataType, ArrayRef) {
    let data_type = DataType::parse(type_name).expect("a type");
    let width = data_type.arrow_type().primitive_width().expect("numbers");
    let bytes: Vec<u8> = (0..100 * GRANULE as u64)
        .flat_map(|at| value(at).to_le_bytes().into_iter().take(width))
        .collect();
    raw(type_name, &bytes)
}

fn texts(value: impl Fn(u64) -> String) -> (DataType, ArrayRef) {
    let values = (0..10 * GRANULE as u64).map(|at| value(at).into_bytes());
    (DataType::String, Arc::new(BinaryViewArray::from_iter_values(values)))
}

/// Nanoseconds per row of the fastest of some rounds.
fn time(rows: usize, mut run: impl FnMut()) -> f64 {
    let rounds = if rows > 500_000 { 3 } else { 10 };
    let one = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(one).fold(f64::MAX, f64::min) * 1e9 / rows as f64
}

/// Bytes of all pages, ns of encoding and decoding all rows.
fn measure(name: &str, data_type: &DataType, array: &ArrayRef) -> (usize, f64, f64) {
    let codec = CodecChoice::default();
    let rows = array.len();
    let granules: Vec<ArrayRef> =
        (0..rows).step_by(GRANULE).map(|at| array.slice(at, GRANULE.min(rows - at))).collect();
    let mut pages: Vec<Bytes> = Vec::new();
    let encoding = time(rows, || {
        pages.clear();
        for granule in &granules {
            let mut out = Vec::new();
            encode(granule, data_type, &codec, &mut out).expect("encoded");
            pages.push(out.into());
        }
    });
    let open = |bytes: &Bytes| Page::open(bytes.clone(), data_type, false).expect("opened");
    let decoding = time(rows, || {
        for bytes in &pages {
            black_box(open(bytes).decode().expect("decoded"));
        }
    });
    let some: Vec<u16> = (0..GRANULE as u16).step_by(100).collect();
    let selecting = time(rows, || {
        for bytes in &pages {
            let page = open(bytes);
            let within = some.partition_point(|row| usize::from(*row) < page.rows());
            black_box(page.decode_selected(&some[..within]).expect("decoded"));
        }
    });
    // About a third of small numbers, few of others.
    let mut rows_found = Vec::new();
    let ranging = time(rows, || {
        for bytes in &pages {
            rows_found.clear();
            let _ = open(bytes).select_range(1, 300, &mut rows_found);
            black_box(&rows_found);
        }
    });
    let mut kinds = BTreeMap::new();
    for bytes in &pages {
        *kinds.entry(open(bytes).encoding().expect("known")).or_insert(0) += 1;
    }
    let size: usize = pages.iter().map(Bytes::len).sum();
    println!(
        "{name:24} {rows:9} rows {:8.3} bytes/row, ns/row: encode {encoding:7.2} decode \
         {decoding:6.2} some {selecting:6.2} range {ranging:6.2}  {kinds:?}",
        size as f64 / rows as f64
    );
    (size, encoding * rows as f64, decoding * rows as f64)
}

fn made() -> Vec<(&'static str, (DataType, ArrayRef))> {
    let float = |value: f64| value.to_bits();
    vec![
        ("constant u32", words("UInt32", |_| 7)),
        ("packed u8, 3 bits", words("UInt8", |at| noise(at) % 8)),
        ("packed u16, 9 bits", words("UInt16", |at| noise(at) % 500)),
        ("packed u32, 17 bits", words("UInt32", |at| noise(at) % 100_000)),
        ("packed u64, 17 bits", words("UInt64", |at| noise(at) % 100_000)),
        ("packed u64, 40 bits", words("UInt64", |at| noise(at) >> 24)),
        ("noise u64", words("UInt64", noise)),
        ("runs of 10 u32", words("UInt32", |at| noise(at / 10) % 5000)),
        ("runs of 1000 u64", words("UInt64", |at| noise(at / 1000))),
        ("ascending u64", words("UInt64", |at| at * 1000 + noise(at) % 1000)),
        ("500 wide values u64", words("UInt64", |at| noise(noise(at) % 500))),
        ("one of ten u32", words("UInt32", |at| (noise(at) % 10 / 9) * (noise(at) >> 40))),
        ("prices f64", words("Float64", |at| float((noise(at) % 1_000_000) as f64 / 100.0))),
        (
            "prices f32",
            words("Float32", |at| u64::from(((noise(at) % 9999) as f32 / 100.0).to_bits())),
        ),
        ("sine f64", words("Float64", |at| float((at as f64 / 100.0).sin()))),
        ("few texts", texts(|at| format!("the value number {}", noise(at) % 300))),
        (
            "urls",
            texts(|at| format!("https://example.org/{}/item?id={}", noise(at) % 90, noise(at))),
        ),
        (
            "words",
            texts(|at| {
                (0..9)
                    .map(|n| {
                        ["quick ", "deposits ", "sleep ", "final ", "asymptotes "]
                            [(noise(at * 9 + n) % 5) as usize]
                    })
                    .collect()
            }),
        ),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let folder = arguments.first().map(Path::new).filter(|path| path.is_dir());
    let Some(folder) = folder else {
        for (name, (data_type, array)) in made() {
            if arguments.iter().all(|wanted| name.contains(wanted)) {
                measure(name, &data_type, &array);
            }
        }
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut sums = (0, 0.0, 0.0);
    for file in files {
        let file_name = file.file_name().to_string_lossy().into_owned();
        let Some((name, type_name)) = file_name.split_once('.') else { continue };
        let (data_type, array) = raw(type_name, &std::fs::read(file.path()).expect("a file"));
        let (size, encoding, decoding) = measure(name, &data_type, &array);
        sums = (sums.0 + size, sums.1 + encoding, sums.2 + decoding);
    }
    println!("{} bytes, {:.3} s encoding, {:.3} s decoding", sums.0, sums.1 / 1e9, sums.2 / 1e9);
}
