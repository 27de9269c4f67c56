"""Types with their edge values, as columns of tables, as literals and as constant arguments."""

ENUM8 = "Enum8('a' = 1, 'b' = 2, '' = -3, 'Ab' = 127)"
ENUM16 = "Enum16('x' = -1000, 'y' = 0, 'zz' = 1000)"
BERLIN = "Europe/Berlin"

# What an argument of a category may be: the categories of columns and results that fit it.
SUBCATEGORIES = {
    "Int": ["Int", "SInt", "UInt8", "UInt32", "UInt64", "Int64", "Big"],
    "SInt": ["SInt", "UInt8"],
    "Float": ["Float", "MildFloat"],
    "Small": ["SInt", "UInt8", "MildFloat"],
    "Num": ["Num", "Int", "SInt", "UInt8", "UInt32", "UInt64", "Int64", "Big", "Float", "MildFloat", "Dec"],
    "Str": ["Str", "Json", "Url", "NumStr", "DateStr"],
    "Date": ["Date", "Date32"],
    "Time": ["DT", "DT64"],
    "When": ["When", "Date", "Date32", "DT", "DT64"],
}
# What the letters T and V may stand for; the first ones more often.
CHOICES = (
    ["SInt", "Str"] * 4
    + ["Int", "Float", "Dec", "Date", "DT"] * 2
    + ["Int64", "UInt64", "Big", "MildFloat", "Fix", "Bool", "Date32", "DT64", "UUID", "IP4", "IP6", "Enum"]
)


def fits(category):
    """The categories that may stand where `category` is wanted."""
    return SUBCATEGORIES.get(category, [category])


def quote(data):
    """A string literal of bytes or text."""
    data = data.encode() if isinstance(data, str) else data
    text = ""
    try:
        decoded = data.decode()
        pieces = [(c, None) for c in decoded]
    except UnicodeDecodeError:
        pieces = [(chr(b) if b < 128 else None, b) for b in data]
    for char, byte in pieces:
        if char is None or (ord(char) < 32 or ord(char) == 127):
            text += f"\\x{byte if byte is not None else ord(char):02X}"
        elif char in "\\'":
            text += "\\" + char
        else:
            text += char
    return f"'{text}'"


STRINGS = [quote(s) for s in (
    "", "a", "b", "abc", "ABC", "hello world", "Hello, World!", "  padded ", "äöü ÄÖÜ ß", "日本語テキスト",
    "a,b,,c", "x=1&y=2", "tab\there", "line\nbreak", "zero\0byte", "it's", "back\\slash", "100%", "under_score",
    "e\u0301clair", "😀 smile", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", b"\xff\xfe", b"ab\xc3", "<b>&amp;</b>",
    "12", "-7.5", "2024-02-29", "127.0.0.1", "::1", "foo.bar.baz", "İstanbul", "k1:v1,k2:v2", "null", "true")]
JSONS = [quote(s) for s in (
    '{"a":1,"b":"x","c":[1,2,null],"d":{"e":1.5,"f":true}}', '{}', '[]', '[1,"two",[3]]', '{"a":null}', '{"a":-1.5e3,"a b":"\\u00e4\\n"}',
    '{"a":18446744073709551615}', '"text"', '12', 'nope', '{"a":{"a":{"a":[{"a":7}]}}}', '{"b":"12","a":true}', '', '{"a":"","b":[]}',
    '{"A":5,"c":{"x":"y"}}', '[{"a":1},{"a":2}]', '{"a":1.0,"b":"\\"q\\""}', '{"a":9007199254740993}')]
URLS = [quote(s) for s in (
    "https://www.example.co.uk:8080/path/to/page.html?x=1&y=a%20b&x=2#frag", "http://example.com", "example.com/path?q", "//cdn.host.org/x", "",
    "mailto:user@host.net", "https://user:pw@sub.domain.com/?a=#", "http://127.0.0.1:81/a/b/", "ftp://xn--e1afmkfd.com/%D0%BF", "http://www.com/?=&&b",
    "https://a.b.c.d.gov.au/x?y#z?w", "nonsense", "http://host:99999/", "http://[::1]:80/p", "https://example.com/a+b?c+d=%zz%4")]
NUMBERS = [quote(s) for s in ("0", "1", "-1", "12", "127", "128", "255", "256", "-129", "3.75", "1e3", "+5", "9223372036854775807", "18446744073709551616",
                              "0.1", "00012", "-0")]
ODD_NUMBERS = NUMBERS + [quote(s) for s in ("", " 1", "1 ", "abc", "nan", "-inf", "1.", ".5", "1e400", "12abc", "0x10", "1_000")]
DATE_TEXTS = [quote(s) for s in ("2024-02-29", "1970-01-01", "2023-12-31 23:59:59", "2149-06-06", "1900-01-01", "2024-02-30", "2024-03-31T02:30:00Z",
                                 "2024-10-27 02:30:00", "Feb 3 2020 10:20:30", "20240102", "1700000000", "", "nope", "2024-1-5", "2020-02-02 02:02:02.123456", "2024-01-01 00:00:00+02:00",
                                 "10/11/2012", "2024/05/06")]
DATES = ["1970-01-01", "1970-01-02", "2000-02-29", "2023-12-31", "2024-01-01", "2024-02-29", "2038-01-19", "2106-02-07", "2149-06-06", "2021-01-03"]
DATES32 = DATES + ["1900-01-01", "1925-05-05", "1969-12-31", "2299-12-31", "2200-07-15"]
TIMES = ["1970-01-01 00:00:00", "1970-01-01 00:00:01", "2024-03-31 01:59:59", "2024-03-31 03:00:00", "2024-10-27 02:30:00", "2023-12-31 23:59:59",
         "2000-02-29 12:34:56", "2038-01-19 03:14:08", "2106-02-07 05:00:00", "2024-07-15 08:00:00"]
FRACTIONS = [".123", ".999", "", ".001", ".500"]
UUIDS = ["00000000-0000-0000-0000-000000000000", "61f0c404-5cb3-11e7-907b-a6006ad3dba0", "ffffffff-ffff-ffff-ffff-ffffffffffff", "01234567-89ab-cdef-8123-456789abcdef"]
IPV4 = ["0.0.0.0", "127.0.0.1", "192.168.1.255", "255.255.255.255", "10.0.0.1"]
IPV6 = ["::", "::1", "2001:db8::ff00:42:8329", "::ffff:192.168.0.1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
FLOATS = ["0", "-0.0", "1", "-1", "0.1", "1.5", "-2.5", "nan", "inf", "-inf", "1e300", "-1e-300", "3.4028235e38", "1e19", "123456789.123", "0.5", "2.5"]
MILD = ["0", "1", "-1", "0.5", "1.5", "2.5", "-2.25", "100.125", "3", "7.75"]


def integers(bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    near = [0, 1, 2, 3, 7, 10, 65, 100] + ([-1, -2, -3] if signed else [])
    return [str(n) for n in near * 2 + [low, high, high - 1, low + 1, high // 2]]


def decimals(precision, scale):
    most = "9" * (precision - scale) + "." + "9" * scale
    return ["0", "1", "-1", "1.5", "0.05"[: scale + 2], "-2.50"[: scale + 3], most, "-" + most, "12.34"[: scale + 3]]


def quoted(values):
    return ["'" + value + "'" for value in values]


def split_fixed(size):
    return ["'a'", "'abc'", "''", "'\\xFF\\x00z'", f"'{'x' * size}'", "'Z'"]


# Types of columns: category -> (type, values as literals).
COLUMNS = {
    "UInt8": [("UInt8", integers(8, False))],
    "SInt": [("Int8", integers(8, True)), ("Int16", integers(16, True)), ("Int32", integers(32, True)), ("UInt16", integers(16, False))],
    "UInt32": [("UInt32", integers(32, False))],
    "UInt64": [("UInt64", integers(64, False))],
    "Int64": [("Int64", integers(64, True))],
    "Big": [("Int128", integers(128, True)), ("UInt128", integers(128, False))],
    # Without -0.0: how ClickHouse orders it beside 0 depends on the plan.
    "Float": [("Float64", FLOATS[:1] + FLOATS[2:]), ("Float32", FLOATS[:1] + FLOATS[2:10] + FLOATS[12:13] + FLOATS[15:])],
    "MildFloat": [("Float64", MILD), ("Float32", MILD)],
    "Dec": [("Decimal(9, 2)", decimals(9, 2)), ("Decimal(18, 4)", decimals(18, 4)), ("Decimal(38, 10)", decimals(38, 10)), ("Decimal(9, 0)", ["0", "1", "-5", "999999999"])],
    "Str": [("String", STRINGS), ("LowCardinality(String)", STRINGS)],
    "Json": [("String", JSONS)],
    "Url": [("String", URLS)],
    "NumStr": [("String", NUMBERS)],
    "DateStr": [("String", DATE_TEXTS)],
    "Fix": [("FixedString(5)", split_fixed(5)), ("FixedString(16)", split_fixed(16))],
    "Bool": [("Bool", ["true", "false"]), ("UInt8", ["0", "1"])],
    "Date": [("Date", quoted(DATES))],
    "Date32": [("Date32", quoted(DATES32))],
    "DT": [("DateTime", quoted(TIMES)), (f"DateTime('{BERLIN}')", quoted(TIMES)), ("DateTime('America/New_York')", quoted(TIMES))],
    "DT64": [("DateTime64(3)", quoted([t + f for t in TIMES for f in FRACTIONS])),
             (f"DateTime64(6, '{BERLIN}')", quoted([t + f for t in TIMES for f in FRACTIONS])), ("DateTime64(0)", quoted(TIMES))],
    "UUID": [("UUID", quoted(UUIDS))],
    "IP4": [("IPv4", quoted(IPV4))],
    "IP6": [("IPv6", quoted(IPV6))],
    "Enum": [(ENUM8, ["'a'", "'b'", "''", "'Ab'"]), (ENUM16, ["'x'", "'y'", "'zz'"])],
}
SCALAR_CATEGORIES = list(COLUMNS)
PLAIN_LITERALS = {"SInt", "UInt8", "UInt32", "UInt64", "Int64", "Big", "Float", "MildFloat", "Str", "Json", "Url", "NumStr", "DateStr"}
NOT_IN_NULLABLE = ("Array", "Map", "Tuple")


def column(rng, category):
    """A type for a column of a category with a function that makes its values."""
    if category.startswith("["):
        inner, make = column(rng, category[1:-1])
        return f"Array({inner})", lambda: "[" + ", ".join(make() for _ in range(rng.choice((0, 1, 2, 2, 3, 5)))) + "]"
    if category.startswith("{"):
        inner, make = column(rng, category[1:-1].split(":", 1)[1])
        key = rng.choice(("String", "LowCardinality(String)"))

        def pairs():
            keys = rng.sample(("'a'", "'b'", "'abc'", "''", "'k'"), rng.choice((0, 1, 2, 3)))
            return "map(" + ", ".join(f"{k}, CAST({make()} AS {inner})" for k in keys) + ")"
        return f"Map({key}, {inner})", pairs
    if category == "Tup":
        (one, first), (two, second) = column(rng, "SInt"), column(rng, "Str")
        return f"Tuple({one}, {two})", lambda: f"({first()}, {second()})"
    kind, values = rng.choice(COLUMNS[category])
    pool = rng.sample(values, min(len(values), rng.choice((3, 6, 100))))
    if rng.random() < 0.35:
        inside = kind.startswith("LowCardinality")
        kind = "LowCardinality(Nullable(String))" if inside else f"Nullable({kind})"
        pool = pool + ["NULL"] * max(1, len(pool) // 5)
    return kind, lambda: rng.choice(pool)


def literal(rng, category):
    """A constant of a category as SQL."""
    if category in SUBCATEGORIES and category not in COLUMNS:
        category = rng.choice([c for c in SUBCATEGORIES[category] if c in COLUMNS])
    if category == "Any":
        category = rng.choice(SCALAR_CATEGORIES)
    if category.startswith("["):
        inner = category[1:-1]
        return "[" + ", ".join(literal(rng, inner) for _ in range(rng.choice((1, 2, 3)))) + "]"
    if category.startswith("{"):
        inner = category[1:-1].split(":", 1)[1]
        if inner == "Enum":
            inner = "Str"
        return f"map('a', {literal(rng, inner)}, 'k', {literal(rng, inner)})"
    if category == "Tup":
        return f"({literal(rng, 'SInt')}, {literal(rng, 'Str')})"
    kind, values = rng.choice(COLUMNS.get(category) or COLUMNS["SInt"])
    value = rng.choice(values)
    if rng.random() < 0.03:
        return "NULL" if rng.random() < 0.5 else f"CAST(NULL AS Nullable({kind if 'Low' not in kind else 'String'}))"
    if category in PLAIN_LITERALS and rng.random() < 0.8:
        return value
    if category == "Bool":
        return value
    if category == "Enum":
        kind, value = ENUM8, rng.choice(("'a'", "'b'", "'Ab'"))
    return f"CAST({value} AS {kind})" if category != "Dec" else f"CAST('{value}' AS {kind})"


def plain_type(category):
    """The first type of a category's columns."""
    return COLUMNS.get(category, COLUMNS["SInt"])[0][0]


# Constant arguments by name.
CONSTANTS = {
    "small": [str(n) for n in range(9)], "pos": [str(n) for n in range(1, 6)], "neg": [str(n) for n in range(-5, 9)],
    "prec": [str(n) for n in range(-3, 7)], "scale": ["0", "1", "3", "6", "9"], "smallscale": ["0", "1", "2", "4", "6"],
    "mode": [str(n) for n in range(10)], "year": ["1970", "2024", "1900", "2299", "2023", "toInt32(2100)"],
    "tz": ["'UTC'", f"'{BERLIN}'", "'America/New_York'", "'Asia/Kathmandu'", "'Pacific/Apia'"],
    "unit": [f"'{u}'" for u in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")],
    "interval": [f"INTERVAL {n} {u}" for n in (-1, 1, 2, 13, 400) for u in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")],
    "bigint": [f"INTERVAL {n} {u}" for n in (1, 2, 3, 7, 12) for u in ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND")],
    "fmt": ["'%Y-%m-%d %H:%i:%S'", "'%F %T'", "'%a %b %e %j %V %G'", "'%D %I:%M %p'", "'%y%m%d%H%i%s'", "'%f %z %Q'", "'%W %w %u %C %c %h %k %l %r %R %n%t%%'"],
    "needle": [quote(s) for s in ("a", "b", "", "abc", "l", "ä", "日", "o w", ",", " ", "AB", "lo")], "chr": [quote(s) for s in (" ", "a", ",", "x", ".", "/")],
    "sep": [quote(s) for s in (",", "", ", ", "a", "lo", ".")], "word": [quote(s) for s in ("hello", "abc", "world", "a", "k1")],
    "abc": ["'abc'", "'ab'", "'äö'", "'a-c'"], "xyz": ["'xyz'", "'XY'", "'日本'", "'123'"],
    "like": [quote(s) for s in ("%a%", "a%", "%c", "_b_", "%", "", "%\\%", "under\\_score", "%ä%", "hello%world", "___", "A%")],
    "re": [quote(s) for s in ("a", "[a-c]+", "^h.*d$", "\\d+", "(\\w+) (\\w+)", "^$", ".", "[^a]", "ä|ö", "a*", "(?i)ABC", "\\s+", "b?c")],
    "regroup": [quote(s) for s in ("(a)", "(\\w)(\\w)", "(\\d+)-(\\d+)", "([a-z]+),?")], "rerepl": [quote(s) for s in ("", "x", "<\\0>", "\\\\", "$1", "\\1\\1")],
    "pattern": [quote(s) for s in ("{} {}", "{1}{0}", "a{0}b", "{{}}{}-{}")], "needles": ["['a', 'b']", "['lo', '']", "['ABC', 'ä', 'x']", "['']"],
    "res": ["['a', '^b']", "['\\\\d+', '[a-c]+$']"], "base64": ["'YWJj'", "''", "'aGVsbG8='", "'not base64'", "'/+8='"],
    "key": ["'a'", "'b'", "'c'", "1", "2", "-1", "'d', 'e'", "'c', 1"], "skey": ["'a'", "'b'", "'x'", "'y'", "''"],
    "jtype": [f"'{t}'" for t in ("Int64", "String", "Nullable(Float64)", "Array(Nullable(Int32))", "Tuple(a Int32, b String)", "Map(String, String)", "Bool", "UInt8", "Array(String)", "LowCardinality(String)", "Decimal(9, 2)")],
    "jpath": [f"'{p}'" for p in ("$.a", "$.b", "$.c[0]", "$.d.e", "$", "$.c[*]", "$[0]", "$.*")],
    "numtype": [f"'{t}'" for t in ("Int8", "UInt8", "Int16", "UInt32", "Int64", "UInt64", "Int128", "Float32", "Float64", "Decimal(18, 3)", "Nullable(Int32)", "Bool")],
    "strtype": ["'String'", "'Nullable(String)'", "'LowCardinality(String)'"],
    "anytype": [f"'{t}'" for t in ("Int32", "Float64", "Date", "DateTime", "UUID", "IPv4", "Decimal(9, 2)", "Bool", "Date32")],
    "daynumber": ["719528", "738000", "739000", "785063"], "ymd": ["20240229", "19700101", "20231231", "20240230", "0", "18991231"], "uuidlit": quoted(UUIDS), "iplit": quoted(IPV4 + IPV6), "cidr": ["'127.0.0.0/8'", "'::/64'", "'10.0.0.1/32'"],
    "enumlit": ["'a'", "'b'", "''"], "datelit": ["'2024-01-01'", "'2024-02-29'", "'1970-01-01'", "'2023-12-31'"], "int64lit": ["toInt64(0)", "toInt64(5)"],
}
CATEGORIES = set(COLUMNS) | set(SUBCATEGORIES) | {"Any", "Tup", "Tuples"}
