//! All families of types, declared once: the parser, `system.data_type_families` and the reference come
//! from here.

use base::Example;

use crate::{DataType, GeoKind, IntervalKind};

/// What there is to know about a family of types.
#[derive(Debug)]
pub struct TypeFamily {
    /// Its name.
    pub name: &'static str,
    /// SQL's other names for it, some of several words; upper and lower case are the same in them.
    pub aliases: &'static [&'static str],
    /// Whether upper and lower case are the same in its name.
    pub case_insensitive: bool,
    /// How it is written with its arguments.
    pub syntax: &'static str,
    /// What its values are.
    pub description: &'static str,
    /// It in use.
    pub example: Example,
    /// The type itself, for families without arguments.
    pub(crate) simple: Option<DataType>,
}

impl TypeFamily {
    /// Whether it has this name or alias.
    fn is_called(&self, name: &str) -> bool {
        self.name == name
            || self.case_insensitive && self.name.eq_ignore_ascii_case(name)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    }
}

/// The family of a name or alias.
pub(crate) fn find(name: &str) -> Option<&'static TypeFamily> {
    FAMILIES.iter().find(|family| family.is_called(name))
}

/// All families.
pub fn families() -> &'static [TypeFamily] {
    FAMILIES
}

macro_rules! families {
    ($($name:literal $case:ident $([$($alias:literal),*])? $(= $simple:expr)?,
        $syntax:literal, $description:literal, $sql:literal => $result:literal;)*) => {
        static FAMILIES: &[TypeFamily] = &[$(TypeFamily {
            name: $name,
            aliases: &[$($($alias),*)?],
            case_insensitive: families!(@case $case),
            syntax: $syntax,
            description: $description,
            example: Example { sql: $sql, result: $result },
            simple: families!(@simple $($simple)?),
        },)*];
    };
    (@case any_case) => { true };
    (@case exact) => { false };
    (@simple) => { None };
    (@simple $simple:expr) => { Some($simple) };
}

families! {
    "UInt8" exact ["TINYINT UNSIGNED", "INT1 UNSIGNED"] = DataType::UInt8,
        "UInt8",
        "Whole numbers from 0 to 255; as are the answers of comparisons and other conditions.",
        "SELECT toUInt8(255) AS n, toTypeName(n)"
        => "255\tUInt8";
    "UInt16" exact ["SMALLINT UNSIGNED", "YEAR"] = DataType::UInt16,
        "UInt16",
        "Whole numbers from 0 to 65,535.",
        "SELECT CAST('65535', 'UInt16') AS n, n + 1"
        => "65535\t65536";
    "UInt32" exact ["INT UNSIGNED", "INTEGER UNSIGNED", "MEDIUMINT UNSIGNED"] = DataType::UInt32,
        "UInt32",
        "Whole numbers from 0 to 4,294,967,295.",
        "SELECT toTypeName(CAST(7, 'INT UNSIGNED'))"
        => "UInt32";
    "UInt64" exact ["BIGINT UNSIGNED", "UNSIGNED", "BIT", "SET"] = DataType::UInt64,
        "UInt64",
        "Whole numbers from 0 to 2^64 - 1; sums that go beyond begin again at 0.",
        "SELECT toUInt64(18446744073709551615) AS n, n + 1"
        => "18446744073709551615\t0";
    "UInt128" exact = DataType::UInt128,
        "UInt128",
        "Whole numbers from 0 to 2^128 - 1.",
        "SELECT toUInt128('340282366920938463463374607431768211455') AS n"
        => "340282366920938463463374607431768211455";
    "Int8" exact ["TINYINT", "TINYINT SIGNED", "INT1", "INT1 SIGNED", "BYTE"] = DataType::Int8,
        "Int8",
        "Whole numbers from -128 to 127.",
        "SELECT toInt8(-128) AS n, toTypeName(n)"
        => "-128\tInt8";
    "Int16" exact ["SMALLINT", "SMALLINT SIGNED"] = DataType::Int16,
        "Int16",
        "Whole numbers from -32,768 to 32,767.",
        "SELECT CAST(-5, 'SMALLINT') AS n, toTypeName(n)"
        => "-5\tInt16";
    "Int32" exact ["INT", "INTEGER", "MEDIUMINT", "INT SIGNED", "INTEGER SIGNED", "MEDIUMINT SIGNED"] = DataType::Int32,
        "Int32",
        "Whole numbers from -2^31 to 2^31 - 1.",
        "SELECT '12'::Int32 * 2"
        => "24";
    "Int64" exact ["BIGINT", "BIGINT SIGNED", "SIGNED"] = DataType::Int64,
        "Int64",
        "Whole numbers from -2^63 to 2^63 - 1.",
        "SELECT toTypeName(toInt64(1) - 2)"
        => "Int64";
    "UInt256" exact = DataType::UInt256,
        "UInt256",
        "Whole numbers from 0 to 2^256 - 1.",
        "SELECT toUInt256('115792089237316195423570985008687907853269984665640564039457584007913129639935') AS n"
        => "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    "Int256" exact = DataType::Int256,
        "Int256",
        "Whole numbers from -2^255 to 2^255 - 1.",
        "SELECT toInt256(2) * toInt256('170141183460469231731687303715884105728') AS n, toTypeName(n)"
        => "340282366920938463463374607431768211456\tInt256";
    "Int128" exact = DataType::Int128,
        "Int128",
        "Whole numbers from -2^127 to 2^127 - 1.",
        "SELECT toInt128('-170141183460469231731687303715884105728') AS n"
        => "-170141183460469231731687303715884105728";
    "BFloat16" exact = DataType::BFloat16,
        "BFloat16",
        "Floating point numbers of 8 bits of exponent and 7 of fraction: the upper half of a Float32.",
        "SELECT toBFloat16(1.1) AS x, x + x AS sum, toTypeName(sum)"
        => "1.09375\t2.1875\tFloat32";
    "Float32" exact ["FLOAT", "REAL", "SINGLE"] = DataType::Float32,
        "Float32",
        "Floating point numbers of about 7 digits (IEEE 754, 32 bits), with inf and nan.",
        "SELECT toFloat32(0.1) + toFloat32(0.2) AS x, toTypeName(x)"
        => "0.30000000447034836\tFloat64";
    "Float64" exact ["DOUBLE", "DOUBLE PRECISION"] = DataType::Float64,
        "Float64",
        "Floating point numbers of about 16 digits (IEEE 754, 64 bits), with inf and nan; 1 / 0 is inf.",
        "SELECT 0.1 + 0.2, 1 / 0, 0 / 0"
        => "0.30000000000000004\tinf\tnan";
    "Bool" any_case ["boolean"] = DataType::Bool,
        "Bool",
        "true and false, stored as 1 and 0.",
        "SELECT CAST(1, 'Bool') AS b, b + 1"
        => "true\t2";
    "String" exact [
        "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "VARCHAR", "CHAR", "CHARACTER", "BLOB",
        "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "NVARCHAR", "NCHAR", "VARCHAR2", "BYTEA", "VARBINARY",
        "CHAR VARYING", "CHARACTER VARYING", "BINARY VARYING", "BINARY LARGE OBJECT", "NATIONAL CHAR",
        "NATIONAL CHARACTER", "NATIONAL CHAR VARYING",
        "NATIONAL CHARACTER VARYING", "NATIONAL CHARACTER LARGE OBJECT", "NCHAR VARYING",
        "NCHAR LARGE OBJECT"
    ] = DataType::String,
        "String",
        "Bytes of any number; text is UTF-8 by custom, which nothing checks.",
        "SELECT 'naïve' AS s, length(s), lengthUTF8(s)"
        => "naïve\t6\t5";
    "CLOB" any_case ["CHAR LARGE OBJECT", "CHARACTER LARGE OBJECT"] = DataType::Clob,
        "CLOB",
        "Text of any length, kept out of row: only queries that ask for it read it, in pieces. For clients it is String; inside of other types the name means String.",
        "SELECT length(CAST('a long text', 'CLOB')), toTypeName(CAST('', 'CLOB'))"
        => "11\tCLOB";
    "FixedString" exact ["BINARY"],
        "FixedString(N)",
        "Exactly N bytes; shorter values are filled with zero bytes, longer ones are refused.",
        "SELECT hex(toFixedString('ab', 4))"
        => "61620000";
    "UUID" exact = DataType::Uuid,
        "UUID",
        "Identifiers of 128 bits, written as 8-4-4-4-12 hexadecimal digits.",
        "SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, toTypeName(id)"
        => "61f0c404-5cb3-11e7-907b-a6006ad3dba0\tUUID";
    "IPv4" exact ["INET4"] = DataType::Ipv4,
        "IPv4",
        "Internet addresses of 32 bits.",
        "SELECT toIPv4('192.168.0.1') AS a, a + 1, toUInt32(a)"
        => "192.168.0.1\t3232235522\t3232235521";
    "IPv6" exact ["INET6"] = DataType::Ipv6,
        "IPv6",
        "Internet addresses of 128 bits; IPv4 addresses become ::ffff:a.b.c.d.",
        "SELECT toIPv6('2001:db8::1') AS a, toTypeName(a)"
        => "2001:db8::1\tIPv6";
    "Date" any_case = DataType::Date,
        "Date",
        "Days from 1970-01-01 to 2149-06-06; numbers count the days.",
        "SELECT toDate('2024-02-28') + 2 AS d, toDayOfWeek(d)"
        => "2024-03-01\t5";
    "Date32" any_case = DataType::Date32,
        "Date32",
        "Days from 1900-01-01 to 2299-12-31.",
        "SELECT toDate32('1925-01-01') + 1 AS d, toTypeName(d)"
        => "1925-01-02\tDate32";
    "DateTime" any_case ["DateTime32", "TIMESTAMP"],
        "DateTime[('time zone')]",
        "Moments to the second from 1970-01-01 to 2106-02-07, shown in a time zone: the type's, else the session's.",
        "SELECT toDateTime('2024-01-01 12:00:00', 'UTC') AS t, toTimeZone(t, 'Asia/Tokyo')"
        => "2024-01-01 12:00:00\t2024-01-01 21:00:00";
    "DateTime64" any_case,
        "DateTime64(P[, 'time zone'])",
        "Moments in units of 10^-P seconds, P from 0 to 9, from 1900 to 2299.",
        "SELECT toDateTime64('2024-01-01 12:00:00.1234', 3, 'UTC') AS t, toTypeName(t)"
        => "2024-01-01 12:00:00.123\tDateTime64(3, \\'UTC\\')";
    "Time" any_case,
        "Time",
        "Times of day and spans to the second, from -999:59:59 to 999:59:59, without a date or time zone.",
        "SELECT toTime('12:34:56') AS t, t + 60, toInt32(t)"
        => "12:34:56\t12:35:56\t45296";
    "Time64" any_case,
        "Time64(P)",
        "Times of day and spans in units of 10^-P seconds, P from 0 to 9.",
        "SELECT CAST('100:00:01.5', 'Time64(3)') AS t, toTypeName(t)"
        => "100:00:01.500\tTime64(3)";
    "Decimal" any_case ["DEC", "NUMERIC", "FIXED"],
        "Decimal(P, S)",
        "Decimal fractions of P digits in all, S of them after the point; exact, with an error where a result does not fit.",
        "SELECT toDecimal64('1.10', 2) * 3 AS d, toTypeName(d)"
        => "3.3\tDecimal(18, 2)";
    "Decimal32" any_case,
        "Decimal32(S)",
        "Decimal(9, S): stored in 32 bits.",
        "SELECT CAST('-3.14159', 'Decimal32(4)') AS d, toTypeName(d)"
        => "-3.1415\tDecimal(9, 4)";
    "Decimal64" any_case,
        "Decimal64(S)",
        "Decimal(18, S): stored in 64 bits.",
        "SELECT CAST('-3.14159', 'Decimal64(4)') AS d, toTypeName(d)"
        => "-3.1415\tDecimal(18, 4)";
    "Decimal128" any_case,
        "Decimal128(S)",
        "Decimal(38, S): stored in 128 bits.",
        "SELECT CAST('-3.14159', 'Decimal128(4)') AS d, toTypeName(d)"
        => "-3.1415\tDecimal(38, 4)";
    "Decimal256" any_case,
        "Decimal256(S)",
        "Decimal(76, S): stored in 256 bits.",
        "SELECT CAST('-3.14159', 'Decimal256(4)') AS d, toTypeName(d)"
        => "-3.1415\tDecimal(76, 4)";
    "Enum" any_case,
        "Enum('name' [= number], ...)",
        "Names for whole numbers; Enum8 or Enum16, as the numbers need. A name without a number has the next one.",
        "SELECT CAST('b', 'Enum(\\'a\\' = 1, \\'b\\')') AS e, toInt8(e), toTypeName(e)"
        => "b\t2\tEnum8(\\'a\\' = 1, \\'b\\' = 2)";
    "Enum8" exact,
        "Enum8('name' [= number], ...)",
        "Names for whole numbers from -128 to 127; other names are refused.",
        "SELECT CAST(2, 'Enum8(\\'low\\' = 1, \\'high\\' = 2)') AS e, e = 'high'"
        => "high\t1";
    "Enum16" exact,
        "Enum16('name' [= number], ...)",
        "Names for whole numbers from -32,768 to 32,767.",
        "SELECT toTypeName(CAST('x', 'Enum16(\\'x\\' = 1000)'))"
        => "Enum16(\\'x\\' = 1000)";
    "Array" exact,
        "Array(T)",
        "Any number of values of one type; the first has the index 1, the last -1.",
        "SELECT [1, 2, 3] AS a, a[1], a[-1], toTypeName(a)"
        => "[1,2,3]\t1\t3\tArray(UInt8)";
    "Tuple" exact,
        "Tuple([name] T, ...)",
        "A fixed number of values, each of a type of its own, with names or without.",
        "SELECT CAST((1, 'x'), 'Tuple(n UInt8, s String)') AS t, t.n, t.2"
        => "(1,'x')\t1\tx";
    "Map" exact,
        "Map(K, V)",
        "Pairs of a key and a value; the value of a missing key is its type's default.",
        "SELECT map('a', 1, 'b', 2) AS m, m['b'], m['z'], mapKeys(m)"
        => "{'a':1,'b':2}\t2\t0\t['a','b']";
    "Nested" exact,
        "Nested(name T, ...)",
        "A table in a row: one array for each column, all of one length (Array(Tuple(...)) with `flatten_nested = 0`).",
        "CREATE TEMPORARY TABLE n (v Nested(k String, x UInt8)); INSERT INTO n VALUES (['a', 'b'], [1, 2]); SELECT v.k, v.x FROM n"
        => "['a','b']\t[1,2]";
    "Nullable" exact,
        "Nullable(T)",
        "A type's values and NULL; NULL in most expressions makes their result NULL.",
        "SELECT CAST(NULL, 'Nullable(UInt8)') AS n, n + 1, isNull(n), ifNull(n, 7)"
        => "\\N\t\\N\t1\t7";
    "LowCardinality" exact,
        "LowCardinality(T)",
        "A type's values where few differ; Granary stores any column with a dictionary where that is smaller, with or without this.",
        "CREATE TABLE words (w LowCardinality(String)) ORDER BY w; SELECT type FROM system.columns WHERE table = 'words'"
        => "LowCardinality(String)";
    "AggregateFunction" exact,
        "AggregateFunction(name[(parameter, ...)], T, ...)",
        "States of an aggregate function, as -State gives them and -Merge takes them.",
        "SELECT toTypeName(sumState(number)), finalizeAggregation(sumState(number)) FROM numbers(4)"
        => "AggregateFunction(sum, UInt64)\t6";
    "SimpleAggregateFunction" exact,
        "SimpleAggregateFunction(name, T)",
        "Values that AggregatingMergeTree combines by a function whose state is its result: sum, min, max, any and the like.",
        "SELECT toTypeName(CAST(1, 'SimpleAggregateFunction(sum, UInt64)'))"
        => "SimpleAggregateFunction(sum, UInt64)";
    "Variant" exact,
        "Variant(T, ...)",
        "A value of one of some types, or NULL; v.T is the value where it is of that type.",
        "SELECT CAST('x', 'Variant(UInt64, String)') AS v, variantType(v), v.String, v.UInt64"
        => "x\tString\tx\t\\N";
    "Dynamic" exact,
        "Dynamic[(max_types=N)]",
        "A value of any type, or NULL; d.T is the value where it is of that type.",
        "SELECT CAST(toInt64(5), 'Dynamic') AS d, dynamicType(d), d.Int64, d + 1"
        => "5\tInt64\t5\t6";
    "JSON" any_case,
        "JSON[(max_dynamic_paths=N, max_dynamic_types=N, path T, SKIP path, SKIP REGEXP 'pattern')]",
        "Objects of JSON; j.a.b is the value of a path, of its type in the arguments or Dynamic, j.^a the object below one.",
        "SELECT CAST('{\"a\":{\"b\":5},\"c\":\"x\"}', 'JSON(c String)') AS j, j.a.b, j.c, toTypeName(j.c)"
        => "{\"a\":{\"b\":5},\"c\":\"x\"}\t5\tx\tString";
    "Nothing" exact = DataType::Nothing,
        "Nothing",
        "No value: the type of empty arrays' items, and below Nullable that of NULL.",
        "SELECT toTypeName(NULL), toTypeName([])"
        => "Nullable(Nothing)\tArray(Nothing)";
    "IntervalNanosecond" exact = DataType::Interval(IntervalKind::Nanosecond),
        "IntervalNanosecond",
        "Lengths of time in nanoseconds, added to dates and times.",
        "SELECT INTERVAL 2 NANOSECOND AS i, toTypeName(i)"
        => "2\tIntervalNanosecond";
    "IntervalMicrosecond" exact = DataType::Interval(IntervalKind::Microsecond),
        "IntervalMicrosecond",
        "Lengths of time in microseconds, added to dates and times.",
        "SELECT INTERVAL 2 MICROSECOND AS i, toTypeName(i)"
        => "2\tIntervalMicrosecond";
    "IntervalMillisecond" exact = DataType::Interval(IntervalKind::Millisecond),
        "IntervalMillisecond",
        "Lengths of time in milliseconds, added to dates and times.",
        "SELECT INTERVAL 2 MILLISECOND AS i, toTypeName(i)"
        => "2\tIntervalMillisecond";
    "IntervalSecond" exact = DataType::Interval(IntervalKind::Second),
        "IntervalSecond",
        "Lengths of time in seconds, added to dates and times.",
        "SELECT INTERVAL 2 SECOND AS i, toTypeName(i)"
        => "2\tIntervalSecond";
    "IntervalMinute" exact = DataType::Interval(IntervalKind::Minute),
        "IntervalMinute",
        "Lengths of time in minutes, added to dates and times.",
        "SELECT INTERVAL 2 MINUTE AS i, toTypeName(i)"
        => "2\tIntervalMinute";
    "IntervalHour" exact = DataType::Interval(IntervalKind::Hour),
        "IntervalHour",
        "Lengths of time in hours, added to dates and times.",
        "SELECT INTERVAL 2 HOUR AS i, toTypeName(i)"
        => "2\tIntervalHour";
    "IntervalDay" exact = DataType::Interval(IntervalKind::Day),
        "IntervalDay",
        "Lengths of time in days, added to dates and times.",
        "SELECT INTERVAL 2 DAY AS i, toTypeName(i)"
        => "2\tIntervalDay";
    "IntervalWeek" exact = DataType::Interval(IntervalKind::Week),
        "IntervalWeek",
        "Lengths of time in weeks, added to dates and times.",
        "SELECT INTERVAL 2 WEEK AS i, toTypeName(i)"
        => "2\tIntervalWeek";
    "IntervalMonth" exact = DataType::Interval(IntervalKind::Month),
        "IntervalMonth",
        "Lengths of time in months, added to dates and times.",
        "SELECT INTERVAL 2 MONTH AS i, toTypeName(i)"
        => "2\tIntervalMonth";
    "IntervalQuarter" exact = DataType::Interval(IntervalKind::Quarter),
        "IntervalQuarter",
        "Lengths of time in quarters of a year, added to dates and times.",
        "SELECT INTERVAL 2 QUARTER AS i, toTypeName(i)"
        => "2\tIntervalQuarter";
    "IntervalYear" exact = DataType::Interval(IntervalKind::Year),
        "IntervalYear",
        "Lengths of time in years, added to dates and times.",
        "SELECT INTERVAL 2 YEAR AS i, toTypeName(i)"
        => "2\tIntervalYear";
    "Point" exact = DataType::Geo(GeoKind::Point),
        "Point",
        "A place in the plane: (x, y), or (longitude, latitude).",
        "SELECT CAST((1, 2), 'Point') AS p, toTypeName(p)"
        => "(1,2)\tPoint";
    "Ring" exact = DataType::Geo(GeoKind::Ring),
        "Ring",
        "A polygon without holes, as the array of its points.",
        "SELECT CAST([(0, 0), (1, 0), (1, 1)], 'Ring') AS r, length(r)"
        => "[(0,0),(1,0),(1,1)]\t3";
    "LineString" exact = DataType::Geo(GeoKind::LineString),
        "LineString",
        "A line of straight pieces, as the array of its points.",
        "SELECT CAST([(0, 0), (1, 1)], 'LineString') AS l"
        => "[(0,0),(1,1)]";
    "MultiPoint" exact = DataType::Geo(GeoKind::MultiPoint),
        "MultiPoint",
        "Several points.",
        "SELECT CAST([(0, 0), (1, 1)], 'MultiPoint') AS p"
        => "[(0,0),(1,1)]";
    "MultiLineString" exact = DataType::Geo(GeoKind::MultiLineString),
        "MultiLineString",
        "Several lines.",
        "SELECT CAST([[(0, 0), (1, 1)]], 'MultiLineString') AS l"
        => "[[(0,0),(1,1)]]";
    "Polygon" exact = DataType::Geo(GeoKind::Polygon),
        "Polygon",
        "A ring, and rings that are holes in it.",
        "SELECT CAST([[(0, 0), (2, 0), (2, 2), (0, 2)]], 'Polygon') AS p, length(p)"
        => "[[(0,0),(2,0),(2,2),(0,2)]]\t1";
    "MultiPolygon" exact = DataType::Geo(GeoKind::MultiPolygon),
        "MultiPolygon",
        "Several polygons.",
        "SELECT toTypeName(CAST([[[(0, 0), (2, 0), (2, 2)]]], 'MultiPolygon'))"
        => "MultiPolygon";
}
