//! Statements in their canonical form.

use super::check;
use crate::parse;

#[test]
fn select() {
    check("from t select a, b,", "SELECT a, b FROM t");
    check("select a b, c as d from t e", "SELECT a AS b, c AS d FROM t AS e");
    check("select 1 limit 2, 3", "SELECT 1 LIMIT 3 OFFSET 2");
    check("select top 3 a from t", "SELECT a FROM t LIMIT 3");
    check("select a from t group by a with rollup", "SELECT a FROM t GROUP BY ROLLUP(a)");
    check("select * from a, b", "SELECT * FROM a CROSS JOIN b");
    check(
        "select * from a any left outer join b using x",
        "SELECT * FROM a ANY LEFT JOIN b USING (x)",
    );
    check("select * from a anti join b on x", "SELECT * FROM a ANTI LEFT JOIN b ON x");
    check(
        "select 1 union all (select 2 union all select 3) format TSV",
        "SELECT 1 UNION ALL (SELECT 2 UNION ALL SELECT 3) FORMAT TSV",
    );
    check("select 1 format TSV settings a = 1", "SELECT 1 SETTINGS a = 1 FORMAT TSV");
    check("select * except select 1", "SELECT * EXCEPT SELECT 1");
    check("select * except (select 1)", "SELECT * EXCEPT SELECT 1");
    check("select interval from t", "SELECT `interval` FROM t");
    check("select a from t order by all desc", "SELECT a FROM t ORDER BY ALL DESC");
}

#[test]
fn items_keep_their_text() {
    let query = match parse("select  a+1 , f( x )  y from t").unwrap().statement {
        crate::ast::Statement::Query(query) => query,
        other => panic!("{other}"),
    };
    let texts: Vec<&str> =
        query.last_select().items.iter().map(|item| item.text.as_str()).collect();
    assert_eq!(texts, ["a + 1", "f ( x )"]);
}

#[test]
fn create() {
    check(
        "create table t (a int not null default 1 codec(ZSTD(1)), primary key a) order by a engine mergetree",
        "CREATE TABLE t (a int NOT NULL DEFAULT 1 CODEC(ZSTD(1))) ENGINE = mergetree \
         PRIMARY KEY a ORDER BY a",
    );
    check("create table t (index UInt8)", "CREATE TABLE t (`index` UInt8)");
    check(
        "create table t (index i a type minmax, a UInt8)",
        "CREATE TABLE t (a UInt8, INDEX i a TYPE minmax)",
    );
}

#[test]
fn output_of_statements_without_a_place_for_it() {
    let parsed = parse("DESCRIBE TABLE t SETTINGS a = 1 FORMAT JSON").unwrap();
    assert_eq!(parsed.format.as_deref(), Some("JSON"));
    assert_eq!(parsed.settings.len(), 1);
    let parsed = parse("SHOW TABLES FORMAT CSV").unwrap();
    assert_eq!(parsed.format.as_deref(), Some("CSV"));
}

#[test]
fn others() {
    check("desc t", "DESCRIBE TABLE t");
    check("drop index i on t", "ALTER TABLE t DROP INDEX i");
    check("exchange tables a and b", "EXCHANGE TABLES a AND b");
    check("set a = true, b = x", "SET a = true, b = x");
    check("system drop mark cache", "SYSTEM DROP MARK CACHE");
    check("show tables in d like 'x'", "SHOW TABLES FROM d LIKE 'x'");
    check("explain syntax select 1 format TSV", "EXPLAIN SYNTAX SELECT 1 FORMAT TSV");
    check("truncate t", "TRUNCATE TABLE t");
}
