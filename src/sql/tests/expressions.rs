//! Expressions: precedence, literals, special forms.

use super::check_expression as check;

#[test]
fn precedence() {
    check("a OR b AND NOT c = d", "a OR b AND NOT c = d");
    check("(a OR b) AND c", "(a OR b) AND c");
    check("a - (b - c) - d", "a - (b - c) - d");
    check("a + b * c || d = e", "a + b * c || d = e");
    check("-a * b", "-a * b");
    check("-(a * b)", "-(a * b)");
    check("- -1", "-(-1)");
    check("a = b IS NULL", "a = b IS NULL");
    check("a = (b IS NULL)", "a = (b IS NULL)");
    check("NOT a BETWEEN 1 AND 2 AND b", "NOT a BETWEEN 1 AND 2 AND b");
    check("a BETWEEN b + 1 AND c OR d", "a BETWEEN b + 1 AND c OR d");
    check("a ? b : c ? d : e", "if(a, b, if(c, d, e))");
    check("a or b ? 1 : 2 + 3", "if(a OR b, 1, 2 + 3)");
    check("x -> y -> x + y", "x -> y -> x + y");
    check("a in (1) = 1", "a IN 1 = 1");
    check("a and (b and c)", "a AND (b AND c)");
}

#[test]
fn literals() {
    check("'it''s'", r"'it\'s'");
    check(r"'\x41\t\q\%'", r"'A\t\\q\\%'");
    check(r"'\xff'", r"'\xFF'");
    check("x'4142'", "'AB'");
    check("b'0100000101'", "'\u{1}\u{5}'");
    check("$$a'b$$", r"'a\'b'");
    check("$t$ $$ $t$", "' $$ '");
    check("1_000", "1_000");
    check(".5", ".5");
    check("0xFF", "0xFF");
    check("0b11", "0b11");
    check("INF", "inf");
    check("1.5::Decimal(10,2)", "CAST('1.5', 'Decimal(10, 2)')");
    check("-1::Int8", "CAST('-1', 'Int8')");
    check("-x::Int8", "-CAST(x, 'Int8')");
}

#[test]
fn names() {
    check("`a`", "a");
    check("`select`", "`select`");
    check("`a\\`b``c`", r"`a\`b\`c`");
    check("\"a b\".c", "`a b`.c");
    check("t._x", "t._x");
    check("end + f(case, interval)", "end + f(`case`, `interval`)");
    check("format(x)", "format(x)");
    check("null.x", "`null`.x");
}

#[test]
fn elements() {
    check("t.1.2", "t.1.2");
    check("(1, 2).1", "(1, 2).1");
    check("a[1][2].3", "a[1][2].3");
    check("(a).b", "(a).b");
    check("f(x).b.1", "f(x).b.1");
    check("(1)", "1");
    check("(1,)", "(1,)");
    check("()", "tuple()");
    check("[1, [2]]", "[1, [2]]");
    check("a?1:2", "if(a, 1, 2)");
}

#[test]
fn special_forms() {
    check(
        "CAST(a AS Tuple(x Int8,y Array( String )))",
        "CAST(a, 'Tuple(x Int8, y Array(String))')",
    );
    check("CAST(a AS Enum8('a'=1, 'b' = -2))", r"CAST(a, 'Enum8(\'a\' = 1, \'b\' = -2)')");
    check("CAST(a, 'Array( Int8)')", "CAST(a, 'Array(Int8)')");
    check("CAST(a, concat('a', 'b'))", "CAST(a, concat('a', 'b'))");
    check("CAST(a AS double precision)", "CAST(a, 'DOUBLE PRECISION')");
    check("CAST(a AS unsigned bigint)", "CAST(a, 'BIGINT UNSIGNED')");
    check("INTERVAL '1 day 2 hours'", "(INTERVAL 1 DAY, INTERVAL 2 HOUR)");
    check("INTERVAL 1 + 1 DAYS", "INTERVAL (1 + 1) DAY");
    check("interval '90' day", "INTERVAL '90' DAY");
    check("date '2024-01-01'", "toDate('2024-01-01')");
    check("EXTRACT(DAY FROM x)", "toDayOfMonth(x)");
    check("EXTRACT(x, 'y')", "EXTRACT(x, 'y')");
    check("TRIM(LEADING 'a' FROM b)", "trimLeft(b, 'a')");
    check("trim(leading)", "trimBoth(leading)");
    check("SUBSTRING(a FROM 1 FOR 2)", "substring(a, 1, 2)");
    check("POSITION('a' IN b)", "position(b, 'a')");
    check("POSITION('a' IN b || c)", "position(b || c, 'a')");
    check("DATE_ADD(DAY, 1, x)", "x + INTERVAL 1 DAY");
    check("date_sub(x, INTERVAL 1 DAY)", "x - INTERVAL 1 DAY");
    check("DATEDIFF(day, a, b)", "dateDiff('day', a, b)");
    check("a NOT REGEXP 'x'", "NOT match(a, 'x')");
    check("a IS NOT DISTINCT FROM b", "a <=> b");
    check("a = ANY (SELECT 1)", "a IN (SELECT 1)");
    check("count(DISTINCT a)", "count(DISTINCT a)");
    check("f(1)(a) FILTER (WHERE b) OVER w", "f(1)(a) FILTER (WHERE b) OVER w");
    check("* except(a) apply(f)", "* EXCEPT (a) APPLY(f)");
    check("{p : Array( Int8 )}", "{p:Array(Int8)}");
}

#[test]
fn long_chains_stay_shallow() {
    let text = vec!["a = 1"; 20_000].join(" OR ");
    let expression = crate::parse_expression(&text).unwrap();
    let printed = expression.to_string();
    assert_eq!(crate::parse_expression(&printed), Ok(expression));
    let selects = vec!["SELECT 1"; 5_000].join(" UNION ALL ");
    super::round_trip(&selects);
}

#[test]
fn aliases_side_by_side_are_not_deep() {
    let items: Vec<String> = (0..2_000).map(|n| format!("a + {n} AS c{n}")).collect();
    super::round_trip(&format!("SELECT {} FROM t", items.join(", ")));
    super::round_trip(&format!("SELECT f({})", items.join(", ")));
}

#[test]
fn long_lists_take_linear_time() {
    let list = (0..200_000).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let expression = crate::parse_expression(&format!("a IN ({list})")).unwrap();
    assert_eq!(expression.to_string(), format!("a IN ({list})"));
}
