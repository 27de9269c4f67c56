//! Names of columns, as ClickHouse gives them.

use crate::{column_name, parse_expression};

fn check(sql: &str, expect: &str) {
    let name = parse_expression(sql).map(|expression| column_name(&expression));
    assert_eq!(name.as_deref(), Ok(expect), "{sql}");
}

#[test]
fn operators() {
    check("a+1", "plus(a, 1)");
    check("1 and 2 and 3", "and(1, 2, 3)");
    check("a and b or c", "or(and(a, b), c)");
    check("'a'||'b'||'c'", "concat('a', 'b', 'c')");
    check("-1", "-1");
    check("-a", "negate(a)");
    check("- -1", "negate(-1)");
    check("not a", "not(a)");
    check("7 mod 2", "modulo(7, 2)");
    check("7 div 2", "intDiv(7, 2)");
    check("a between 1 and 2", "and(greaterOrEquals(a, 1), lessOrEquals(a, 2))");
    check("a not between 1 and 2", "or(less(a, 1), greater(a, 2))");
    check("a is distinct from 1", "isDistinctFrom(a, 1)");
    check("a <=> 1", "isNotDistinctFrom(a, 1)");
    check("a is not null", "isNotNull(a)");
    check("a not ilike 'x'", "notILike(a, 'x')");
    check("a in (1, 2)", "in(a, (1, 2))");
    check("a in (1)", "in(a, 1)");
    check("a global not in (1, 2)", "globalNotIn(a, (1, 2))");
    check("a in (select 1)", "in(a, _subquery_1)");
    check("a ? 1 : 2", "if(a, 1, 2)");
}

#[test]
fn literals() {
    check("1.50", "1.5");
    check("1e3", "1000.");
    check("0xFF", "255");
    check("0b101", "5");
    check("1_000", "1000");
    check(".5", "0.5");
    check("1.", "1.");
    check("1e20", "100000000000000000000.");
    check("1e21", "1e21");
    check("1e-6", "0.000001");
    check("1e-7", "1e-7");
    check("18446744073709551616", "18446744073709552000.");
    check("123456789012345678901234567890", "1.2345678901234568e29");
    check("-9223372036854775808", "-9223372036854775808");
    check("-9223372036854775809", "-9223372036854776000.");
    check("0x1p3", "8.");
    check("inf", "inf");
    check("TRUE", "true");
    check("'it''s\\n'", r"'it\'s\n'");
    check("(1, 'a')", "(1, 'a')");
    check("tuple(1, a)", "(1, a)");
    check("array(1, a)", "[1, a]");
    check("(1,)", "(1)");
}

#[test]
fn calls() {
    check("count(*)", "count()");
    check("CoUnT(*)", "CoUnT()");
    check("SUM(x)", "SUM(x)");
    check("1::Int8", "CAST('1', 'Int8')");
    check("x::Decimal(10,2)", "CAST(x, 'Decimal(10, 2)')");
    check("x[1]", "arrayElement(x, 1)");
    check("x[1].2", "tupleElement(arrayElement(x, 1), 2)");
    check("case when a = 1 then 2 end", "multiIf(equals(a, 1), 2, NULL)");
    check("case a when 1 then 2 else 3 end", "caseWithExpression(a, 1, 2, 3)");
    check("extract(minute from t)", "toMinute(t)");
    check("interval 1 day", "toIntervalDay(1)");
    check("arrayMap(x -> x + 1, a)", "arrayMap(lambda(tuple(x), plus(x, 1)), a)");
    check("quantile(0.5)(a)", "quantile(0.5)(a)");
    check("count(distinct a)", "countDistinct(a)");
    check("sum(a) filter (where b > 1)", "sumIf(a, greater(b, 1))");
    check("count(distinct a) filter (where b)", "countDistinctIf(a, b)");
    check("any(a) ignore nulls", "any(a)");
    check("trim(a)", "trimBoth(a)");
    check("date_add(day, 1, t)", "plus(t, toIntervalDay(1))");
    check("(a as c) + 1", "plus(c, 1)");
    check("sum(a) over w", "sum(a) OVER w");
    check(
        "sum(a) over (partition by b order by a desc nulls first, b rows 1 preceding)",
        "sum(a) OVER (PARTITION BY b ORDER BY a DESC NULLS FIRST, b ASC ROWS BETWEEN 1 PRECEDING \
         AND CURRENT ROW)",
    );
}
