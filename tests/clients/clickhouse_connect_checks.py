"""Checks clickhouse-connect against a running server: clickhouse_connect_checks.py HOST PORT

Every function named check_* is one check; each makes tables of its own. All run, failures are
told at the end, and the exit status says whether there were any.
"""

import datetime
import decimal
import ipaddress
import sys
import traceback
import uuid
import zoneinfo

import clickhouse_connect
import numpy
import pandas
import pyarrow
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.external import ExternalData

UTC = datetime.timezone.utc
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def same(found, wanted):
    assert found == wanted, f"found {found!r}, not {wanted!r}"


def frame(rows=1000):
    """A pandas frame with a column of each kind that frames have."""
    numbers = numpy.arange(rows)
    start = pandas.Timestamp("2024-03-31 00:30:00.123456", tz="UTC")
    return pandas.DataFrame(
        {
            "id": numbers.astype("uint64"),
            "small": (numbers % 200 - 100).astype("int8"),
            "ratio": numbers / 7,
            "flag": numbers % 2 == 0,
            "name": [f"name {n} \u00fc\u20ac\U0001f600" for n in numbers],
            "maybe": pandas.array([None if n % 3 == 0 else n for n in numbers], dtype="Int64"),
            "moment": pandas.date_range(start, periods=rows, freq="37min"),
        }
    )


FRAME_TABLE = """CREATE TABLE {} (id UInt64, small Int8, ratio Float64, flag Bool, name String,
    maybe Nullable(Int64), moment DateTime64(6, 'UTC')) ORDER BY id"""


def check_connection(client):
    assert client.server_version.count(".") >= 2, client.server_version
    same(str(client.server_tz), str(client.command("SELECT timezone()")))
    assert client.ping()
    assert "max_threads" in client.server_settings
    same(client.command("SELECT 1"), 1)
    same(client.command("SELECT currentDatabase()"), "default")


def check_frame_comes_back_unchanged(client):
    wanted = frame()
    client.command(FRAME_TABLE.format("frames"))
    summary = client.insert_df("frames", wanted)
    same(summary.written_rows, len(wanted))
    found = client.query_df("SELECT * FROM frames ORDER BY id", tz_mode="aware")
    same(list(found.columns), list(wanted.columns))
    for column in wanted.columns:
        series = found[column]
        if column == "moment":
            series = series.astype(wanted[column].dtype)
        pandas.testing.assert_series_equal(
            series, wanted[column], check_dtype=column not in ("maybe", "name")
        )
    same(found["id"].dtype, numpy.dtype("uint64"))
    same(found["small"].dtype, numpy.dtype("int8"))
    same(found["flag"].dtype, numpy.dtype("bool"))
    same(str(found["moment"].dtype.tz), "UTC")


def check_empty_and_large_frames(client):
    client.command(FRAME_TABLE.format("sizes"))
    client.insert_df("sizes", frame(0))
    same(len(client.query_df("SELECT * FROM sizes")), 0)
    client.insert_df("sizes", frame(200_000))
    found = client.query_df("SELECT count() AS c, sum(id) AS s, uniqExact(name) AS u FROM sizes")
    same(found.iloc[0].tolist(), [200_000, 19_999_900_000, 200_000])
    same(len(client.query_df("SELECT * FROM sizes")), 200_000)


def check_parameters(client):
    query = "SELECT number FROM numbers(100) WHERE number >= {low:UInt32} AND number < {high:UInt32}"
    rows = client.query(query, parameters={"low": 10, "high": 13}).result_rows
    same(rows, [(10,), (11,), (12,)])
    cases = [
        ("String", "it's a \\ \"text\"\n\t\u00fc"),
        ("Int64", -(2**63)),
        ("UInt64", 2**64 - 1),
        ("Float64", 0.1),
        ("Array(String)", ["a'b", "c"]),
        ("Array(UInt8)", [1, 2, 3]),
        ("Date", datetime.date(2024, 2, 29)),
        ("Nullable(String)", None),
        ("UUID", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        ("Bool", True),
        ("Decimal(18, 4)", decimal.Decimal("12.3450")),
        ("DateTime64(3, 'UTC')", datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
    ]
    for data_type, value in cases:
        settings = {"session_timezone": "UTC"}
        query = f"SELECT {{x:{data_type}}}"
        result = client.query(query, parameters={"x": value}, settings=settings, tz_mode="aware")
        same(result.result_rows, [(value,)])
    named = client.query("SELECT {c:Identifier} FROM numbers(3)", parameters={"c": "number"})
    same(named.row_count, 3)
    # Binding on the client's side.
    rows = client.query("SELECT %(x)s, %(l)s", parameters={"x": "it's", "l": [1, 2]}).result_rows
    same(rows, [("it's", [1, 2])])


TYPES = {
    "Int8": [-128, 0, 127],
    "UInt16": [0, 1, 65535],
    "Int128": [-(2**127), 0, 2**127 - 1],
    "UInt128": [0, 1, 2**128 - 1],
    "Float64": [0.0, -1.5, 1e300],
    "Bool": [True, False, True],
    "String": ["", "a", "\u00fc\n\t'\\"],
    "FixedString(3)": [b"abc", b"\x00\x01\x02", b"xyz"],
    "LowCardinality(String)": ["a", "b", "a"],
    "LowCardinality(Nullable(String))": ["a", None, ""],
    "Nullable(Int32)": [None, 1, -1],
    "Nullable(String)": [None, "", "x"],
    "Decimal(9, 2)": [decimal.Decimal("1.25"), decimal.Decimal("-0.01"), decimal.Decimal("0")],
    "Decimal(38, 10)": [
        decimal.Decimal("1234567890123456789012345678.0123456789"),
        decimal.Decimal("-1"),
        decimal.Decimal("0"),
    ],
    "Date": [datetime.date(1970, 1, 1), datetime.date(2024, 2, 29), datetime.date(2149, 6, 6)],
    "Date32": [datetime.date(1900, 1, 1), datetime.date(1969, 12, 31), datetime.date(2299, 12, 31)],
    "DateTime('UTC')": [
        datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime.datetime(2024, 3, 31, 1, 59, 59, tzinfo=UTC),
        datetime.datetime(2106, 2, 7, tzinfo=UTC),
    ],
    "DateTime('Europe/Berlin')": [
        datetime.datetime(2024, 3, 31, 1, 59, 59, tzinfo=BERLIN),
        datetime.datetime(2024, 3, 31, 3, 0, 0, tzinfo=BERLIN),
        datetime.datetime(2024, 12, 24, 18, tzinfo=BERLIN),
    ],
    "DateTime64(6, 'UTC')": [
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime.datetime(2200, 1, 1, tzinfo=UTC),
    ],
    "Enum8('a' = -1, 'b\\'c' = 2)": ["a", "b'c", "a"],
    "Enum16('x' = 1000, 'y' = -1000)": ["x", "y", "x"],
    "UUID": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid5(uuid.NAMESPACE_DNS, "x")],
    "IPv4": [ipaddress.IPv4Address(n) for n in ("0.0.0.0", "1.2.3.4", "255.255.255.255")],
    "IPv6": [ipaddress.IPv6Address(n) for n in ("::", "2001:db8::1", "::ffff:1.2.3.4")],
    "Array(Int32)": [[], [1], [1, 2, 3]],
    "Array(Nullable(String))": [[], [None, "a"], ["b"]],
    "Array(Array(String))": [[], [["a"], []], [["b", "c"]]],
    "Array(LowCardinality(String))": [["a", "a"], [], ["b"]],
    "Map(String, UInt64)": [{}, {"a": 1}, {"a": 1, "b": 2}],
    "Map(LowCardinality(String), Array(UInt8))": [{}, {"a": [1]}, {"b": []}],
    "Tuple(Int32, String)": [(1, "a"), (2, ""), (-3, "c")],
    "Tuple(a Int32, b Nullable(String))": [
        {"a": 1, "b": "x"},
        {"a": 2, "b": None},
        {"a": 3, "b": ""},
    ],
}


def plain(value):
    """Values that mean the same: IPv6 addresses of IPv4, texts of bytes."""
    if isinstance(value, ipaddress.IPv4Address):
        return ipaddress.IPv6Address(f"::ffff:{value}")
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value


def check_types(client):
    failures = []
    for number, (data_type, values) in enumerate(TYPES.items()):
        table = f"types_{number}"
        try:
            client.command(f"CREATE TABLE {table} (n UInt8, v {data_type}) ORDER BY n")
            client.insert(table, [[n, v] for n, v in enumerate(values)], column_names=["n", "v"])
            result = client.query(f"SELECT v FROM {table} ORDER BY n", tz_mode="aware")
            found = [row[0] for row in result.result_rows]
            same([plain(v) for v in found], [plain(v) for v in values])
            # The client's names leave out LowCardinality, sort Enums and quote the names of fields.
            if not any(word in data_type for word in ("LowCardinality", "Enum", "Tuple(a")):
                same(result.column_types[0].name, data_type)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(f"{data_type}: {type(error).__name__}: {str(error)[:300]}")
    assert not failures, "\n    ".join(failures)


def check_aware_times_keep_their_zone(client):
    client.command("CREATE TABLE zones (t DateTime('Europe/Berlin'), u DateTime64(3, 'Asia/Tokyo')) ORDER BY t")
    moment = datetime.datetime(2024, 7, 1, 12, 0, 0, tzinfo=UTC)
    client.insert("zones", [[moment, moment]])
    t, u = client.query("SELECT t, u FROM zones").first_row
    same((t, u), (moment, moment))
    same((str(t.tzinfo), str(u.tzinfo)), ("Europe/Berlin", "Asia/Tokyo"))
    same(client.command("SELECT toString(t) FROM zones"), "2024-07-01 14:00:00")
    found = client.query_df("SELECT t, u FROM zones")
    same(str(found["t"].dtype.tz), "Europe/Berlin")


def check_arrow(client):
    table = pyarrow.table(
        {
            "n": pyarrow.array(range(1000), pyarrow.uint32()),
            "s": pyarrow.array([f"text {n}" for n in range(1000)]),
            "f": pyarrow.array([None if n % 5 == 0 else n / 3 for n in range(1000)]),
            "l": pyarrow.array([list(range(n % 4)) for n in range(1000)], pyarrow.list_(pyarrow.int64())),
        }
    )
    client.command(
        "CREATE TABLE arrows (n UInt32, s String, f Nullable(Float64), l Array(Int64)) ORDER BY n"
    )
    client.insert_arrow("arrows", table)
    found = client.query_arrow("SELECT * FROM arrows ORDER BY n", use_strings=True)
    for name in table.column_names:
        same(found.column(name).to_pylist(), table.column(name).to_pylist())
    with client.query_arrow_stream("SELECT * FROM arrows ORDER BY n") as stream:
        same(sum(batch.num_rows for batch in stream), 1000)
    back = client.query_df_arrow("SELECT n, s FROM arrows ORDER BY n")
    same(back["s"].tolist()[:2], ["text 0", "text 1"])


def check_raw_queries(client):
    raw = lambda name: client.raw_query("SELECT number AS n, 'x' AS s FROM numbers(2)", fmt=name)
    same(raw("CSV"), b'0,"x"\n1,"x"\n')
    same(raw("TabSeparated"), b"0\tx\n1\tx\n")
    same(raw("JSONEachRow"), b'{"n":0,"s":"x"}\n{"n":1,"s":"x"}\n')
    same(raw("CSVWithNames"), b'"n","s"\n0,"x"\n1,"x"\n')
    assert raw("Parquet").startswith(b"PAR1")
    client.command("CREATE TABLE raws (n UInt64, s String) ORDER BY n")
    client.raw_insert("raws", ["n", "s"], b"1,a\n2,b\n", fmt="CSV")
    client.raw_insert("raws", ["s", "n"], b'{"n":3,"s":"c"}\n', fmt="JSONEachRow")
    client.raw_insert("raws", ["n", "s"], raw("Parquet"), fmt="Parquet")
    same(client.command("SELECT groupArray(n) FROM (SELECT n FROM raws ORDER BY n)"), "[0,1,1,2,3]")
    with client.raw_stream("SELECT number FROM numbers(100000)", fmt="TabSeparated") as stream:
        same(sum(len(piece) for piece in stream), len("".join(f"{n}\n" for n in range(100_000))))


def check_streams(client):
    query = "SELECT number, toString(number) AS s FROM numbers(300000)"
    with client.query_rows_stream(query) as stream:
        same(sum(row[0] for row in stream), 44_999_850_000)
    with client.query_df_stream(query) as stream:
        frames = list(stream)
    assert len(frames) > 1, "an answer of 300,000 rows comes in several blocks"
    same(sum(len(part) for part in frames), 300_000)
    with client.query_column_block_stream(query) as stream:
        same(sum(len(block[0]) for block in stream), 300_000)
    with client.query_row_block_stream(query) as stream:
        same(sum(len(block) for block in stream), 300_000)
    with client.query_np_stream("SELECT number FROM numbers(300000)") as stream:
        same(sum(int(block.sum()) for block in stream), 44_999_850_000)
    same(client.query_np("SELECT number FROM numbers(3)").tolist(), [[0], [1], [2]])


def check_settings(client):
    value = lambda **more: client.command("SELECT getSetting('max_block_size')", **more)
    same(int(value(settings={"max_block_size": 1234})), 1234)
    client.set_client_setting("max_block_size", 4321)
    same(int(value()), 4321)
    same(client.get_client_setting("max_block_size"), "4321")


def check_sessions(client):
    other = connect(session_id="checks")
    other.command("SET max_threads = 1")
    same(int(other.command("SELECT getSetting('max_threads')")), 1)
    other.close()
    loose = connect(autogenerate_session_id=False)
    same(loose.query("SELECT 1").first_row, (1,))
    loose.close()


def check_errors(client):
    cases = [
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT nofunction(1)", 46, "UNKNOWN_FUNCTION"),
        ("SELECT throwIf(number = 200000) FROM numbers(300000)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
    ]
    for query, code, name in cases:
        try:
            client.query(query)
        except DatabaseError as error:
            text = str(error)
            assert f"{code}" in text and name in text, text
            same(getattr(error, "code", code), code)
        else:
            raise AssertionError(f"{query} has not failed")
    try:
        client.insert("nowhere", [[1]], column_names=["a"])
    except ClickHouseError:
        pass
    else:
        raise AssertionError("an insert into no table has not failed")
    client.command("CREATE TABLE strict (a UInt8) ORDER BY a")
    try:
        client.raw_insert("strict", ["a"], b"1\nx\n", fmt="TabSeparated")
    except DatabaseError:
        pass
    else:
        raise AssertionError("a broken row has not failed")
    same(client.command("SELECT count() FROM strict"), 0)


def check_passwords(_client):
    reader = connect(username="reader", password="secret")
    same(reader.command("SELECT currentUser()"), "reader")
    reader.close()
    try:
        connect(username="reader", password="wrong")
    except DatabaseError as error:
        assert "AUTHENTICATION_FAILED" in str(error), error
    else:
        raise AssertionError("a wrong password was taken")


def check_compression(_client):
    wanted = frame(5000)
    for name in ("lz4", "zstd", "gzip", "br", True, False):
        client = connect(compress=name)
        table = f"compressed_{name}"
        client.command(FRAME_TABLE.format(table))
        client.insert_df(table, wanted)
        found = client.query_df(f"SELECT id, name FROM {table} ORDER BY id")
        same(found["name"].tolist(), wanted["name"].tolist())
        raw = client.raw_query("SELECT number FROM numbers(100000)", fmt="CSV")
        same(raw.count(b"\n"), 100_000)
        client.close()


def check_commands(client):
    client.command("CREATE TABLE commands (a UInt8, s String) ORDER BY a")
    client.command("INSERT INTO commands VALUES", data="(1, 'a'), (2, 'b')")
    same(client.command("SELECT count() FROM commands"), 2)
    same(client.command("SELECT a, s FROM commands ORDER BY a LIMIT 1"), ["1", "a"])
    same(int(client.command("EXISTS TABLE commands")), 1)
    client.command("DROP TABLE commands")
    same(int(client.command("EXISTS TABLE commands")), 0)


def check_summary_and_names(client):
    result = client.query("SELECT number AS n FROM numbers(10)")
    assert result.query_id, "no query_id"
    same(result.column_names, ("n",))
    same(result.row_count, 10)
    assert "read_rows" in result.summary, result.summary
    same(list(result.named_results())[:2], [{"n": 0}, {"n": 1}])
    described = client.query("DESCRIBE TABLE (SELECT 1 AS a, 'x' AS b)").result_rows
    same([row[:2] for row in described], [("a", "UInt8"), ("b", "String")])


def check_asynchronous_inserts(client):
    client.command("CREATE TABLE later (a UInt64) ORDER BY a")
    settings = {"async_insert": 1, "wait_for_async_insert": 1}
    for n in range(20):
        client.insert("later", [[n]], settings=settings)
    same(client.command("SELECT sum(a) FROM later"), 190)


def check_objects(client):
    client.command("CREATE TABLE objects (n UInt32, j JSON(t Nullable(Int8)), o Nullable(JSON)) ORDER BY n")
    rows = [
        (1, {"a": 5, "b": {"c": "x", "d": [1, 2]}, "t": 7}, {"k": True}),
        (2, {"a": "text", "l": [{"k": 1}, {"k": "z"}]}, None),
        (3, {}, {}),
    ]
    client.insert("objects", rows, column_names=["n", "j", "o"])
    found = client.query("SELECT n, j, o FROM objects ORDER BY n").result_rows
    same(found[0], rows[0])
    same(found[1], (2, {"a": "text", "l": [{"k": 1}, {"k": "z"}], "t": None}, None))
    same(found[2], (3, {"t": None}, {}))
    # Paths beyond those that are kept apart.
    few = client.query("""SELECT '{"x":1,"y":{"z":[1,2]},"w":"s"}'::JSON(max_dynamic_paths=1) AS j""")
    same(few.result_rows, [({"x": 1, "y": {"z": [1, 2]}, "w": "s"},)])
    paths = client.query("SELECT j.a, j.b.c, j.^b FROM objects ORDER BY n").result_rows
    same(paths, [(5, "x", {"c": "x", "d": [1, 2]}), ("text", None, {}), (None, None, {})])
    # Strings of JSON are sent as such.
    client.insert("objects", [(4, '{"a":1.5}')], column_names=["n", "j"])
    same(client.query("SELECT j FROM objects WHERE n = 4").result_rows, [({"a": 1.5, "t": None},)])
    settings = {"output_format_binary_write_json_as_string": 1}
    raw = client.raw_query("SELECT j FROM objects WHERE n = 4", settings=settings, fmt="RowBinary")
    same(raw, b'\x12{"a":1.5,"t":null}')


def check_values_of_several_types(client):
    client.command(
        """CREATE TABLE several (n UInt32, v Variant(String, UInt64, Array(Int8)), d Dynamic,
            a Array(Dynamic), m Map(String, Variant(Bool, String))) ORDER BY n"""
    )
    rows = [(1, "x"), (2, 5), (3, [1, -1]), (4, None)]
    client.insert("several", rows, column_names=["n", "v"])
    same(client.query("SELECT n, v FROM several ORDER BY n").result_rows, rows)
    same(client.query("SELECT v.UInt64 FROM several ORDER BY n").result_rows[1], (5,))
    # What the client sends for a Dynamic are strings.
    client.insert("several", [(5, "text")], column_names=["n", "d"])
    client.command(
        """INSERT INTO several (n, d, a, m) SELECT 10 + number,
            multiIf(number = 0, toInt64(5)::Dynamic, number = 1, [1.5, NULL]::Array(Nullable(Float64))::Dynamic,
                number = 2, toDate('2024-02-29')::Dynamic, NULL),
            [1::Int8::Dynamic, 'x'::Dynamic, NULL], map('k', true, 'l', 'x') FROM numbers(4)"""
    )
    found = client.query("SELECT d, a, m FROM several WHERE n = 5 OR n >= 10 ORDER BY n").result_rows
    same([row[0] for row in found], ["text", 5, [1.5, None], datetime.date(2024, 2, 29), None])
    same(found[1][1:], ([1, "x", None], {"k": True, "l": "x"}))
    beyond = client.query("SELECT arrayJoin([1::Int8::Dynamic, 'x'::Dynamic])::Dynamic(max_types=1)")
    same(beyond.result_rows, [(1,), ("x",)])


def check_external_data(client):
    external = ExternalData(
        file_name="known.csv", fmt="CSV", structure="id UInt64, name String", data=b"1,one\n2,two\n"
    )
    rows = client.query(
        "SELECT number, name FROM numbers(3) JOIN known ON number = id ORDER BY number",
        external_data=external,
    ).result_rows
    same(rows, [(1, "one"), (2, "two")])


ADDRESS = {}


def connect(**options):
    return clickhouse_connect.get_client(**ADDRESS, **options)


def main():
    ADDRESS.update(host=sys.argv[1], port=int(sys.argv[2]))
    checks = [(n, f) for n, f in globals().items() if n.startswith("check_")]
    failed = 0
    for name, check in checks:
        client = connect()
        try:
            check(client)
            print(f"ok      {name}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
        client.close()
    version = clickhouse_connect.__version__
    print(f"clickhouse-connect {version}: {len(checks) - failed} of {len(checks)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
