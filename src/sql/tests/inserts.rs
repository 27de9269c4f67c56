//! INSERT: where its data begins, and that it is left alone.

use crate::ast::{InsertSource, Statement};
use crate::{parse, parse_all, parse_bytes};

/// The data that follows a statement.
fn check(sql: &[u8], expect: Option<&[u8]>) {
    let parsed = parse_bytes(sql);
    let data = parsed.map(|parsed| parsed.data_start.map(|start| &sql[start..]));
    assert_eq!(data, Ok(expect), "{}", String::from_utf8_lossy(sql));
}

#[test]
fn data_begins_behind_the_keyword() {
    check(b"INSERT INTO t VALUES (1), ('x;')", Some(b" (1), ('x;')"));
    check(b"insert into t(a)values(1)", Some(b"(1)"));
    check(b"INSERT INTO t (a, `values`) VALUES (1)", Some(b" (1)"));
    check(b"INSERT INTO values VALUES (1)", Some(b" (1)"));
    check(b"INSERT INTO db.values VALUES (1)", Some(b" (1)"));
    check(b"INSERT INTO t SETTINGS a = 1 VALUES (1)", Some(b" (1)"));
    check(b"INSERT INTO t FORMAT CSV\n1,2\n", Some(b"1,2\n"));
    check(b"INSERT INTO t FORMAT CSV  \r\n 1,2\n", Some(b" 1,2\n"));
    check(b"INSERT INTO t FORMAT CSV;\n1,2\n", Some(b"1,2\n"));
    check(b"INSERT INTO t FORMAT JSONEachRow {\"a\": 1}", Some(b"{\"a\": 1}"));
    check(b"INSERT INTO t FORMAT CSV SETTINGS a = 1, b = 'x y'\n1", Some(b"1"));
    check(b"INSERT INTO t (a) FORMAT Values (1)", Some(b"(1)"));
    check(b"INSERT INTO format FORMAT TSV\n1", Some(b"1"));
    check(b"INSERT INTO t /* VALUES */ FORMAT TSV\n1", Some(b"1"));
    check(b"INSERT INTO t SELECT * FROM input('a UInt8') FORMAT TSV\n1", Some(b"1"));
    check(b"INSERT INTO t VALUES", Some(b""));
}

#[test]
fn no_data() {
    check(b"INSERT INTO t SELECT 1", None);
    check(b"INSERT INTO t SELECT values FROM values", None);
    check(b"INSERT INTO t SELECT format, a AS format FROM t", None);
    check(b"INSERT INTO t FROM INFILE 'x' FORMAT CSV", None);
    check(b"INSERT INTO t", None);
    check(b"SELECT 1 AS values", None);
    check(b"SELECT 1 FORMAT TSV", None);
}

#[test]
fn data_need_not_be_text() {
    check(b"INSERT INTO t FORMAT Native\n\xff\xfe'", Some(b"\xff\xfe'"));
    let mut large = b"INSERT INTO t VALUES ".to_vec();
    large.extend(b"('\xff unclosed, ".repeat(100_000));
    let parsed = parse_bytes(&large).unwrap();
    assert_eq!(parsed.data_start, Some(20));
}

#[test]
fn bytes_of_strings_are_kept() {
    let parsed = parse_bytes(b"SELECT '\xff\xc3(' AS a").unwrap();
    assert_eq!(parsed.statement.to_string(), r"SELECT '\xFF\xC3(' AS a");
}

#[test]
fn sources() {
    let source = |sql: &str| match parse(sql).unwrap().statement {
        Statement::Insert(insert) => insert.source,
        other => panic!("{other}"),
    };
    assert_eq!(source("INSERT INTO t VALUES (1)"), InsertSource::Values);
    assert_eq!(source("INSERT INTO t FORMAT CSV 1"), InsertSource::Format("CSV".to_owned()));
    assert_eq!(source("INSERT INTO t (a)"), InsertSource::Data);
}

#[test]
fn scripts() {
    let script = "SELECT 1; -- one\n;INSERT INTO t VALUES (1, 'a;b'), (2, 'c');\n\
                  INSERT INTO t FORMAT CSV\n1,;x\n2,y;\nSELECT 2;;";
    let printed: Vec<String> = parse_all(script).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        printed,
        ["SELECT 1", "INSERT INTO t VALUES", "INSERT INTO t FORMAT CSV", "SELECT 2"]
    );
}
