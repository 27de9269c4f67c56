//! The files in `golden/` are what ClickHouse 26.9 wrote for the rows in `golden/rows.native`.

use super::{only_blocks, read, schema, settings, write};
use types::{Block, Schema};

const STRUCTURE: &str = include_str!("../golden/structure.txt");
const ROWS: &[u8] = include_bytes!("../golden/rows.native");

macro_rules! golden {
    ($($format:literal)*) => {
        &[$(($format, include_bytes!(concat!("../golden/", $format, ".txt")).as_slice()),)*]
    };
}

const GOLDEN: &[(&str, &[u8])] = golden! {
    "TabSeparated" "TabSeparatedRaw" "TabSeparatedWithNamesAndTypes" "CSV" "CSVWithNamesAndTypes"
    "TSKV" "JSONEachRow" "JSONStringsEachRow" "JSONCompactEachRowWithNamesAndTypes"
    "JSONCompactStringsEachRow" "JSONObjectEachRow" "JSON" "JSONCompact" "JSONStrings"
    "JSONCompactStrings" "JSONColumns" "JSONCompactColumns" "JSONColumnsWithMetadata" "Values"
    "SQLInsert" "XML" "Markdown" "Vertical" "Pretty" "PrettyCompact" "PrettySpace" "RowBinary"
    "RowBinaryWithNamesAndTypes"
};

fn rows() -> (Schema, Vec<Block>) {
    let fields: Vec<String> = STRUCTURE
        .lines()
        .map(|line| {
            let (name, data_type) = line.split_once('\t').unwrap();
            format!("{name} {data_type}")
        })
        .collect();
    let schema = schema(&fields.join(", "));
    let blocks = only_blocks(read("Native", ROWS, &schema, &settings()).unwrap());
    (schema, blocks)
}

#[test]
fn every_format_has_clickhouses_bytes() {
    let (schema, blocks) = rows();
    for (format, expected) in GOLDEN {
        let (schema, blocks) = if format.starts_with("Pretty") {
            some_columns(&schema, &blocks, &["u8", "s", "d", "nu", "ns"])
        } else {
            (schema.clone(), blocks.clone())
        };
        let got = write(format, &schema, &blocks, &settings());
        let (got, expected) = (String::from_utf8_lossy(&got), String::from_utf8_lossy(expected));
        for (at, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
            assert_eq!(got, expected, "{format}, line {}", at + 1);
        }
        assert_eq!(got, expected, "{format}");
    }
}

#[test]
fn what_clickhouse_wrote_is_read() {
    let (schema, blocks) = rows();
    let expected = write("TabSeparated", &schema, &blocks, &settings());
    let as_text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (format, text) in GOLDEN {
        let declaration = crate::find(format).unwrap();
        // JSON has no NaN, and a raw text cannot hold its own delimiters.
        let lossy = format.contains("JSON") && !format.contains("Strings");
        if !declaration.is_input() || lossy || *format == "TabSeparatedRaw" {
            continue;
        }
        let read =
            read(format, text, &schema, &settings()).unwrap_or_else(|e| panic!("{format}: {e}"));
        let got = write("TabSeparated", &schema, &only_blocks(read), &settings());
        assert_eq!(as_text(&got), as_text(&expected), "{format}");
    }
}

fn some_columns(schema: &Schema, blocks: &[Block], names: &[&str]) -> (Schema, Vec<Block>) {
    let at: Vec<usize> = names.iter().map(|name| schema.index_of(name).unwrap()).collect();
    let fields = at.iter().map(|at| schema.fields()[*at].clone()).collect();
    let pick = |block: &Block| {
        Block::new(at.iter().map(|at| block.column(*at).clone()).collect(), block.rows())
    };
    (Schema::new(fields), blocks.iter().map(pick).collect())
}
