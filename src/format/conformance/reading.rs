//! What readers make of good and bad input.

use std::sync::Arc;

use bytes::Bytes;
use types::Value;

use super::{convert, drain, only_blocks, read, schema, settings, write};
use crate::{BytesSource, FormatSettings, infer_schema, reader};

fn check(from: &str, input: &str, structure: &str, expected: &str) {
    assert_eq!(
        convert(from, input, structure, "TabSeparated").as_deref(),
        Ok(expected),
        "{from} {input}"
    );
}

fn check_error(from: &str, input: &str, structure: &str, code: u32, parts: &[&str]) {
    let error = convert(from, input, structure, "TabSeparated").unwrap_err();
    assert!(error.starts_with(&format!("Code: {code}.")), "{from} {input}: {error}");
    for part in parts {
        assert!(error.contains(part), "{from} {input}: {error} lacks {part}");
    }
}

#[test]
fn headers_reorder_and_leave_out_columns() {
    check("TSVWithNames", "b\ta\tc\nx\t1\t2\n", "a Int8, b String", "1\tx\n");
    check("CSVWithNames", "b,z\n\"x\",1\n", "a Int8, b String", "0\tx\n");
    check(
        "CSVWithNames",
        "t.1,t.2,a\n1,\"x\",2\n",
        "a Int8, t Tuple(Int8, String)",
        "2\t(1,'x')\n",
    );
    check(
        "JSONCompactEachRowWithNames",
        "[\"b\",\"a\"]\n[\"x\",1]\n",
        "a Int8, b String",
        "1\tx\n",
    );
    check("CSV", "a,b\n1,x\n", "a Int8, b String", "1\tx\n");
    check("CSV", "\u{feff}1,x\n", "a Int8, b String", "1\tx\n");
    check_error("CSVWithNamesAndTypes", "a\nString\n1\n", "a Int8", 117, &["Type of 'a'"]);
    check_error("TSVWithNames", "a\ta\n1\t2\n", "a Int8", 117, &["Duplicate"]);
}

#[test]
fn rows_are_read_as_by_clickhouse() {
    check("TSV", "300\n", "a UInt8", "44\n");
    check("TSV", "\\N\t\\N\n", "a Int32, b String", "0\t\n");
    check("TSV", "1\n\n", "a Int8", "1\n0\n");
    check("TSV", "abc", "a String", "abc\n");
    check(
        "CSV",
        "\"1\",\"x\"\"y\"\n 2 , z z \n3,\n",
        "a Int32, b String",
        "1\tx\"y\n2\tz z\n3\t\n",
    );
    check("CSV", "1\r\n2\r\n", "a Int8", "1\n2\n");
    check(
        "CSV",
        "\\N,\"a\",5\n1.5,,7\n,8\n",
        "t Tuple(x Nullable(Float64), y String), c Int8",
        "(NULL,'a')\t5\n(1.5,'')\t7\n(NULL,'')\t8\n",
    );
    check("CSV", "\\N,\n", "a Nullable(Int8), b Nullable(String)", "\\N\t\\N\n");
    check("TSKV", "a=1\tb=x\\=y\nb=2\n", "a Int8, b String", "1\tx=y\n0\t2\n");
    check(
        "JSONEachRow",
        "{\"a\":300}{\"a\":\"5\"} {\"a\":true},{\"a\":null}\n{}",
        "a UInt8",
        "44\n5\n1\n0\n0\n",
    );
    check("JSONEachRow", "[{\"a\":1},\n{\"a\":2}]", "a UInt8", "1\n2\n");
    check("JSONEachRow", "{\"a\":1,\"a\":2,\"x\":[{}]}", "a UInt8", "1\n");
    check(
        "JSONEachRow",
        "{ \"b\" : 1 , \"a\" : 2 }\n{\"a\":3,\"b\":4}\n{\"b\":5}",
        "a Int8, b Int8",
        "2\t1\n3\t4\n0\t5\n",
    );
    check(
        "JSONCompactEachRow",
        "[1,\"x\"]\n[2, \"y\"],[3,null]\n",
        "a Int8, b String",
        "1\tx\n2\ty\n3\t\n",
    );
    check("JSONAsString", "{\"a\":1} {\"b\":[1, 2]}", "s String", "{\"a\":1}\n{\"b\":[1, 2]}\n");
    check("LineAsString", "a\tb\nc", "s String", "a\\tb\nc\n");
    check(
        "JSON",
        "{\"meta\":[{\"name\":\"a\",\"type\":\"UInt8\"}],\"data\":[{\"a\":1},{\"a\":2}],\"rows\":2}",
        "a UInt8",
        "1\n2\n",
    );
    check(
        "JSONCompact",
        "{\"meta\":[{\"name\":\"b\",\"type\":\"UInt8\"},{\"name\":\"a\",\"type\":\"UInt8\"}],\"data\":[[1,2],[3,4]]}",
        "a UInt8, b UInt8",
        "2\t1\n4\t3\n",
    );
    check(
        "JSONColumns",
        "{\"b\":[\"x\",\"y\"],\"a\":[1,2]}",
        "a Int8, b String, c Int8",
        "1\tx\t0\n2\ty\t0\n",
    );
    check("RawBLOB", "a\nb\0", "s String", "a\\nb\\0\n");
    check("Values", "(1,'x'),\n (2 , 'it''s');", "a Int8, b String", "1\tx\n2\tit\\'s\n");
}

#[test]
fn errors_say_where_they_are() {
    check_error(
        "TSV",
        "1\t2\n1\tabc\n",
        "a Int32, b Int32",
        27,
        &["row 2", "column b", "abc", "Int32"],
    );
    check_error("TSV", "1\n", "a Int32, b Int32", 27, &["row 1", "fewer fields"]);
    check_error("TSV", "1\t2\n", "a Int32", 27, &["more fields"]);
    check_error("TSV", "-1\n", "a UInt8", 27, &["'-1"]);
    check_error("TSV", "1\r\n", "a Int8", 117, &["carriage return"]);
    check_error("TSV", "\n", "a Float64", 72, &["column a"]);
    check_error("TSV", "-\n", "a DateTime64(3)", 41, &["column a"]);
    check_error("CSV", "1,2\n1,abc\n", "a Int32, b Int32", 117, &["row 2", "column b"]);
    check_error("CSV", "1\n", "a Int32, b Int32", 27, &["row 1"]);
    check_error("JSONEachRow", "{\"a\":1}\n{\"a\":\"abc\"}", "a UInt8", 6, &["row 2", "key a"]);
    check_error("JSONEachRow", "{\"a\":1", "a UInt8", 33, &["end of stream"]);
    check_error("JSONEachRow", "{\"a\" 1}", "a UInt8", 27, &["':'"]);
    check_error("Values", "(1", "a Int8", 62, &["')'"]);
    check_error("Values", "(1+1)", "a Int8", 27, &["1+1"]);
    check_error("RowBinary", "\u{1}", "a UInt16", 33, &["row 1"]);
    check_error("Parquet", "PAR1 but not really PAR1", "a UInt16", 117, &["Parquet"]);
    check_error("NoSuchFormat", "", "a UInt16", 73, &["NoSuchFormat"]);
    check_error("Pretty", "", "a UInt16", 85, &["Pretty"]);
}

#[test]
fn some_errors_may_be_skipped() {
    let schema = schema("a UInt8, b String");
    let input = b"1\tx\nbad\ty\n2\tz\n3\n4\tw\n";
    let allow = |number, ratio| FormatSettings {
        input_format_allow_errors_num: number,
        input_format_allow_errors_ratio: ratio,
        ..settings()
    };
    let blocks = read("TSV", input, &schema, &allow(2, 0.0)).unwrap();
    let got = write("TSV", &schema, &only_blocks(blocks), &settings());
    assert_eq!(String::from_utf8_lossy(&got), "1\tx\n2\tz\n4\tw\n");
    assert!(read("TSV", input, &schema, &allow(1, 0.0)).is_err());
    assert!(read("TSV", input, &schema, &allow(0, 0.5)).is_ok());
    let json = b"{\"a\":1}\n{\"a\":x}\n{\"a\":2}\n";
    let blocks = read("JSONEachRow", json, &schema, &allow(1, 0.0)).unwrap();
    assert_eq!(blocks.iter().map(|b| b.block.rows()).sum::<usize>(), 2);
}

#[test]
fn values_that_were_not_given_are_marked() {
    let schema = schema("a UInt8, b String, c UInt8");
    let input = b"{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"c\":2}\n{\"a\":null,\"b\":\"z\",\"c\":3}";
    let blocks = read("JSONEachRow", input, &schema, &settings()).unwrap();
    let marks = |column: usize| -> Option<Vec<bool>> {
        blocks[0].defaulted[column].as_ref().map(|bits| bits.iter().collect())
    };
    assert_eq!(marks(0), Some(vec![false, true, true]));
    assert_eq!(marks(1), None);
    assert_eq!(marks(2), Some(vec![true, false, false]));
    let all = read("JSONEachRow", b"{\"a\":1,\"b\":\"\",\"c\":0}", &schema, &settings()).unwrap();
    assert!(all[0].defaulted.is_empty());
}

#[test]
fn expressions_go_to_the_callback() {
    let schema = schema("a Int64, b String, c Nullable(Int8)");
    let evaluate: crate::settings::Evaluate = Arc::new(|text, _| {
        Ok(match text {
            "1 + (2, 3).1" => Value::Int(3),
            "concat('a', ')')" => Value::from("a)"),
            "NULLIF(1, 1)" => Value::Null,
            other => base::bail!(SyntaxError, "what is {other}?"),
        })
    });
    let settings = FormatSettings { evaluate: Some(evaluate), ..settings() };
    let input =
        b"(1 + (2, 3).1, concat('a', ')') , NULLIF(1, 1)), (5, 'x', 6), (DEFAULT, 'y', NULL)";
    let blocks = read("Values", input, &schema, &settings).unwrap();
    assert!(blocks[0].defaulted[0].is_some());
    let got = write("TSV", &schema, &only_blocks(blocks), &settings);
    assert_eq!(String::from_utf8_lossy(&got), "3\ta)\t\\N\n5\tx\t6\n0\ty\t\\N\n");
    assert!(read("Values", b"(x, 'y', 1)", &schema, &settings).is_err());
}

/// Many rows, read by one thread and by several, in pieces of odd lengths.
#[test]
fn threads_change_nothing() {
    let schema = schema("n UInt64, s String, a Array(String)");
    let mut tsv = String::new();
    for n in 0..60_000 {
        tsv.push_str(&format!("{n}\tline\\n{n} \"quoted, and\\\\\t['{n}','x\\'y']\n"));
    }
    let settings = FormatSettings { max_insert_block_size: 10_000, ..settings() };
    let blocks = only_blocks(read("TSV", tsv.as_bytes(), &schema, &settings).unwrap());
    for format in [
        "TSV",
        "CSV",
        "JSONEachRow",
        "JSONCompactEachRow",
        "Values",
        "TSKV",
        "RowBinary",
        "Native",
        "Parquet",
    ] {
        let text = Bytes::from(write(format, &schema, &blocks, &settings));
        for threads in [1, 3] {
            let pieces: Vec<Bytes> = (0..text.len())
                .step_by(77_777)
                .map(|at| text.slice(at..(at + 77_777).min(text.len())))
                .collect();
            let source = Box::new(BytesSource::new(pieces));
            let read = drain(reader(format, source, &schema, &settings, threads).unwrap()).unwrap();
            let got = write("TSV", &schema, &only_blocks(read), &settings);
            assert!(got == tsv.as_bytes(), "{format} with {threads} threads");
        }
    }
    let broken = tsv.replacen("\n50000\t", "\nx\t", 1);
    let source = Box::new(BytesSource::from(broken.into_bytes()));
    let error = drain(reader("TSV", source, &schema, &settings, 3).unwrap()).unwrap_err();
    assert!(error.message().contains("row 50001"), "{error}");
}

#[test]
fn structures_are_inferred() {
    let check = |format: &str, input: &str, expected: &str| {
        let schema =
            infer_schema(format, &mut BytesSource::from(input.as_bytes().to_vec()), &settings())
                .unwrap();
        let fields: Vec<String> =
            schema.fields().iter().map(|f| format!("{} {}", f.name, f.data_type)).collect();
        assert_eq!(fields.join(", "), expected, "{format} {input}");
    };
    check(
        "JSONEachRow",
        "{\"a\":1,\"b\":\"x\",\"c\":[1,2],\"d\":{\"x\":1},\"e\":null,\"f\":1.5,\"g\":true,\"h\":\"2020-01-01\",\
         \"i\":\"2020-01-01 00:00:00\",\"n\":18446744073709551615}",
        "a Nullable(Int64), b Nullable(String), c Array(Nullable(Int64)), d Tuple(x Nullable(Int64)), \
         e Nullable(String), f Nullable(Float64), g Nullable(Bool), h Nullable(Date), \
         i Nullable(DateTime), n Nullable(UInt64)",
    );
    check("CSV", "a,b\n1,2\n", "a Nullable(Int64), b Nullable(Int64)");
    check(
        "CSV",
        "1,abc,\"x\",2020-01-01,1.5,\"[1,2]\",,true,\"1\"\n",
        "c1 Nullable(Int64), c2 Nullable(String), c3 Nullable(String), c4 Nullable(Date), \
         c5 Nullable(Float64), c6 Array(Nullable(Int64)), c7 Nullable(String), c8 Nullable(Bool), \
         c9 Nullable(String)",
    );
    check(
        "TSV",
        "1\tabc\t\\N\n2\tx\t3\n",
        "c1 Nullable(Int64), c2 Nullable(String), c3 Nullable(Int64)",
    );
    check("TSVWithNames", "a\tb\n1\tx\n", "a Nullable(Int64), b Nullable(String)");
    check("TSKV", "a=1\tb=x\n", "a Nullable(Int64), b Nullable(String)");
    check(
        "JSONCompactEachRow",
        "[1,\"a\"]\n[2.5,null]",
        "c1 Nullable(Float64), c2 Nullable(String)",
    );
    check(
        "JSONColumns",
        "{\"a\":[1,2],\"b\":[\"x\",null]}",
        "a Nullable(Int64), b Nullable(String)",
    );
    check("JSON", "{\"meta\":[{\"name\":\"a\",\"type\":\"UInt8\"}],\"data\":[]}", "a UInt8");
    check("LineAsString", "abc", "line String");
}
