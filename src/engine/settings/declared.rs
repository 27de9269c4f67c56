//! All settings.

use base::Example;

/// The type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SettingKind {
    Bool,
    UInt64,
    Float,
    Seconds,
    String,
    TimeZone,
    /// What happens at a limit: `throw` or `break`.
    OverflowMode,
}

impl SettingKind {
    /// As `system.settings` names it.
    pub fn name(self) -> &'static str {
        match self {
            SettingKind::Bool => "Bool",
            SettingKind::UInt64 => "UInt64",
            SettingKind::Float => "Float",
            SettingKind::Seconds => "Seconds",
            SettingKind::String => "String",
            SettingKind::TimeZone => "Timezone",
            SettingKind::OverflowMode => "OverflowMode",
        }
    }
}

/// Everything about a setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingDeclaration {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub kind: SettingKind,
    /// Its value unless set.
    pub default: &'static str,
    /// What it does.
    pub description: &'static str,
    /// It in use.
    pub example: Example,
}

macro_rules! settings {
    ($($name:ident: $kind:ident = $default:literal, $description:literal,
        $sql:literal => $result:literal;)*) => {
        /// All settings, by subject.
        pub const SETTINGS: &[SettingDeclaration] = &[
            $(SettingDeclaration {
                name: stringify!($name),
                kind: SettingKind::$kind,
                default: $default,
                description: $description,
                example: Example { sql: $sql, result: $result },
            },)*
        ];
    };
}

settings! {
    max_threads: UInt64 = "0", "Lanes of a query; 0 is as many as the server has workers.",
        "SELECT count() FROM numbers(1000000) SETTINGS max_threads = 1"
        => "1000000";
    max_block_size: UInt64 = "65409", "Rows of a block that sources give.",
        "SELECT max(blockSize()) FROM numbers(100) SETTINGS max_block_size = 10"
        => "10";
    max_insert_block_size: UInt64 = "65536", "Rows of a block that is parsed from inserted data.",
        "CREATE TEMPORARY TABLE t (n UInt8); INSERT INTO t SETTINGS max_insert_block_size = 1000 VALUES (1), (2); SELECT sum(n) FROM t"
        => "3";
    max_memory_usage: UInt64 = "0", "Bytes that one query may hold in hash tables, sorts and results; 0 is the server's limit.",
        "SELECT uniqExact(number) FROM numbers(10000000) SETTINGS max_memory_usage = 1000000"
        => "Code: 241. DB::Exception: Memory limit (for query) exceeded";
    max_bytes_before_external_group_by: UInt64 = "0", "Bytes of groups beyond which GROUP BY goes on in a temporary file; 0 is half of what the query may hold.",
        "SELECT count() FROM (SELECT number AS n, count() FROM numbers(100000) GROUP BY n) SETTINGS max_bytes_before_external_group_by = 1000000"
        => "100000";
    max_bytes_before_external_join: UInt64 = "0", "Bytes of the built side of a JOIN beyond which it goes on in a temporary file; 0 is half of what the query may hold.",
        "SELECT count() FROM numbers(100000) AS a INNER JOIN numbers(100000) AS b ON a.number = b.number SETTINGS max_bytes_before_external_join = 1000000"
        => "100000";
    max_bytes_before_external_sort: UInt64 = "0", "Bytes of rows beyond which ORDER BY goes on in a temporary file; 0 is half of what the query may hold.",
        "SELECT number FROM numbers(100000) ORDER BY cityHash64(number), number LIMIT 1 SETTINGS max_bytes_before_external_sort = 100000"
        => "36993";
    max_temporary_data_on_disk_size_for_query: UInt64 = "0", "Bytes that a query's temporary file may have; 0 is as many as the disk holds.",
        "SELECT count() FROM (SELECT number AS n FROM numbers(1000000) ORDER BY cityHash64(n)) SETTINGS max_bytes_before_external_sort = 100000, max_temporary_data_on_disk_size_for_query = 1000"
        => "Code: 396. DB::Exception: Limit for temporary files size exceeded";
    max_execution_time: Seconds = "0", "Seconds after which a query is stopped; 0 is never.",
        "SELECT 1 SETTINGS max_execution_time = 60"
        => "1";
    max_rows_to_read: UInt64 = "0", "Rows that a query may read from tables; 0 is any number.",
        "SELECT count() FROM system.formats WHERE name != '' SETTINGS max_rows_to_read = 3"
        => "Code: 158. DB::Exception: Limit for rows to read exceeded";
    max_result_rows: UInt64 = "0", "Rows that an answer may have; 0 is any number.",
        "SELECT number FROM numbers(10) SETTINGS max_result_rows = 3"
        => "Code: 396. DB::Exception: Limit for result exceeded, max rows: 3, current rows: 10";
    max_result_bytes: UInt64 = "0", "Bytes that an answer may have before it is formatted; 0 is any number.",
        "SELECT number FROM numbers(1000) SETTINGS max_result_bytes = 100"
        => "Code: 396. DB::Exception: Limit for result exceeded, max bytes: 100, current bytes: 8000";
    result_overflow_mode: OverflowMode = "throw", "Whether a longer answer is an error (throw) or ends after the block that was too much (break).",
        "SELECT count() <= 20 FROM (SELECT number FROM numbers(20) SETTINGS max_result_rows = 5, result_overflow_mode = 'break')"
        => "1";
    read_overflow_mode: OverflowMode = "throw", "Whether more rows to read are an error (throw) or are left out (break).",
        "SELECT count() > 0 FROM numbers(1000000) SETTINGS max_rows_to_read = 10, read_overflow_mode = 'break'"
        => "1";
    max_rows_to_group_by: UInt64 = "0", "Different keys that GROUP BY may meet; 0 is any number.",
        "SELECT number % 100 AS k, count() FROM numbers(1000) GROUP BY k SETTINGS max_rows_to_group_by = 10"
        => "Code: 158. DB::Exception: Limit for rows to GROUP BY exceeded";
    group_by_overflow_mode: OverflowMode = "throw", "Whether more keys are an error (throw), end the reading (break), or are left out (any).",
        "SELECT count() >= 10 FROM (SELECT number AS k, count() FROM numbers(100) GROUP BY k) SETTINGS max_rows_to_group_by = 10, group_by_overflow_mode = 'any'"
        => "1";
    max_rows_to_sort: UInt64 = "0", "Rows that ORDER BY may take; 0 is any number.",
        "SELECT number FROM numbers(100) ORDER BY cityHash64(number) SETTINGS max_rows_to_sort = 10"
        => "Code: 396. DB::Exception: Limit for rows to sort exceeded";
    sort_overflow_mode: OverflowMode = "throw", "Whether more rows to sort are an error (throw) or are left out (break).",
        "SELECT count() > 0 FROM (SELECT number FROM numbers(100) ORDER BY cityHash64(number)) SETTINGS max_rows_to_sort = 10, sort_overflow_mode = 'break'"
        => "1";
    max_rows_in_distinct: UInt64 = "0", "Different rows that DISTINCT may meet; 0 is any number.",
        "SELECT DISTINCT number FROM numbers(100) SETTINGS max_rows_in_distinct = 10"
        => "Code: 191. DB::Exception: Limit for distinct rows exceeded";
    distinct_overflow_mode: OverflowMode = "throw", "Whether more distinct rows are an error (throw) or are left out (break).",
        "SELECT count() > 0 FROM (SELECT DISTINCT number FROM numbers(100)) SETTINGS max_rows_in_distinct = 10, distinct_overflow_mode = 'break'"
        => "1";
    max_bytes_to_read: UInt64 = "0", "Decoded bytes that a query may read from tables; 0 is any number.",
        "SELECT sum(number) FROM numbers(1000000) SETTINGS max_bytes_to_read = 1000"
        => "Code: 307. DB::Exception: Limit for bytes to read exceeded";
    max_rows_in_set: UInt64 = "0", "Values that the right side of IN may have; 0 is any number.",
        "SELECT 1 IN (SELECT number FROM numbers(100)) SETTINGS max_rows_in_set = 10"
        => "Code: 191. DB::Exception: Limit for IN-set exceeded";
    max_bytes_in_set: UInt64 = "0", "Bytes that the values of the right side of IN may have; 0 is any number.",
        "SELECT 1 IN (SELECT number FROM numbers(1000)) SETTINGS max_bytes_in_set = 100"
        => "Code: 191. DB::Exception: Limit for IN-set exceeded";
    set_overflow_mode: OverflowMode = "throw", "Whether more values of a query behind IN are an error (throw) or are left out (break).",
        "SELECT 0 IN (SELECT number FROM numbers(100)) SETTINGS max_rows_in_set = 10, set_overflow_mode = 'break'"
        => "1";
    max_rows_in_join: UInt64 = "0", "Rows that the right side of a JOIN may have; 0 is any number.",
        "SELECT count() FROM numbers(1000) AS a INNER JOIN numbers(1000) AS b ON a.number = b.number SETTINGS max_rows_in_join = 10"
        => "Code: 191. DB::Exception: Limit for JOIN exceeded";
    max_bytes_in_join: UInt64 = "0", "Bytes that the right side of a JOIN may have; 0 is any number.",
        "SELECT count() FROM numbers(1000) AS a INNER JOIN numbers(1000) AS b ON a.number = b.number SETTINGS max_bytes_in_join = 100"
        => "Code: 191. DB::Exception: Limit for JOIN exceeded";
    max_concurrent_queries_for_user: UInt64 = "0", "Queries that a user may run at once; 0 is any number.",
        "SELECT 1 SETTINGS max_concurrent_queries_for_user = 10"
        => "1";
    max_query_size: UInt64 = "262144", "Bytes of a query's text, data of INSERT not counted.",
        "SET max_query_size = 20; SELECT 'a query that is longer than that'"
        => "Code: 62. DB::Exception: Max query size exceeded";
    max_partitions_per_insert_block: UInt64 = "100", "Partitions that one inserted block may touch; 0 is any number.",
        "CREATE TABLE split (n UInt8) ORDER BY n PARTITION BY n; INSERT INTO split SELECT number FROM numbers(20) SETTINGS max_partitions_per_insert_block = 10"
        => "Code: 252. DB::Exception: Too many partitions for a single INSERT block (more than 10)";
    throw_on_max_partitions_per_insert_block: Bool = "1", "Whether more partitions of an inserted block are an error.",
        "CREATE TABLE divided (n UInt8) ORDER BY n PARTITION BY n; INSERT INTO divided SELECT number FROM numbers(20) SETTINGS max_partitions_per_insert_block = 10, throw_on_max_partitions_per_insert_block = 0; SELECT count() FROM divided"
        => "20";
    insert_null_as_default: Bool = "1", "Whether NULL becomes the default where INSERT SELECT writes to a column without NULL.",
        "CREATE TEMPORARY TABLE t (n UInt8 DEFAULT 7); INSERT INTO t SELECT NULL SETTINGS insert_null_as_default = 1; SELECT n FROM t"
        => "7";
    readonly: UInt64 = "0", "1: only reading; 2: reading and settings.",
        "SET readonly = 1; CREATE TABLE t (n UInt8) ORDER BY n"
        => "Code: 164. DB::Exception: Cannot execute query in readonly mode";
    session_timezone: TimeZone = "", "The time zone of times without one; empty is the server's.",
        "SELECT toDateTime(0) SETTINGS session_timezone = 'Asia/Tokyo'"
        => "1970-01-01 09:00:00";
    union_default_mode: String = "", "What UNION without ALL or DISTINCT means.",
        "SELECT count() FROM (SELECT 1 UNION SELECT 1) SETTINGS union_default_mode = 'DISTINCT'"
        => "1";
    enable_join_runtime_filters: Bool = "1", "Whether the keys of a join's smaller side filter the other side while it is read.",
        "SELECT count() FROM numbers(1000) AS a INNER JOIN numbers(10) AS b ON a.number = b.number SETTINGS enable_join_runtime_filters = 0"
        => "10";
    any_join_distinct_right_table_keys: Bool = "0", "Whether ANY JOIN takes one row of each key of the right side for any number of the left side's rows.",
        "SELECT count() FROM numbers(3) AS a ANY INNER JOIN (SELECT 0 AS number) AS b ON a.number * 0 = b.number SETTINGS any_join_distinct_right_table_keys = 1"
        => "3";
    max_columns_to_read: UInt64 = "0", "Columns that a query may read of one table; 0 is any number.",
        "CREATE TABLE wide (a UInt8, b UInt8) ORDER BY a; SELECT a, b FROM wide SETTINGS max_columns_to_read = 1"
        => "Code: 161. DB::Exception: ";
    max_subquery_depth: UInt64 = "100", "How deep subqueries may be nested.",
        "SELECT * FROM (SELECT * FROM (SELECT 1)) SETTINGS max_subquery_depth = 1"
        => "Code: 162. DB::Exception: ";
    enable_unaligned_array_join: Bool = "0", "Whether arrays of ARRAY JOIN may have different lengths: the shorter ones are filled up with defaults.",
        "SELECT a, b FROM (SELECT [1, 2] AS x, ['a'] AS y) ARRAY JOIN x AS a, y AS b SETTINGS enable_unaligned_array_join = 1"
        => "1\ta\n2\t";
    aggregate_functions_null_for_empty: Bool = "0", "Whether aggregate functions of no rows are NULL, as if they had the suffix OrNull.",
        "SELECT sum(number) FROM numbers(0) SETTINGS aggregate_functions_null_for_empty = 1"
        => "\\N";
    function_range_max_elements_in_block: UInt64 = "500000000", "Elements that range() may make for one block.",
        "SELECT length(range(100)) SETTINGS function_range_max_elements_in_block = 10"
        => "Code: 69. DB::Exception: ";
    max_clob_bytes: UInt64 = "4294967296", "The longest text of a CLOB column that is taken, in bytes.",
        "CREATE TABLE texts (text CLOB) ORDER BY tuple(); INSERT INTO texts SETTINGS max_clob_bytes = 3 FORMAT RawBLOB abcd"
        => "Code: 131. DB::Exception: ";
    regexp_max_matches_per_row: UInt64 = "1000", "Matches of a regular expression in one text that extractAllGroupsHorizontal may find.",
        "SELECT extractAllGroupsHorizontal('abc', '(\\\\w)') SETTINGS regexp_max_matches_per_row = 2"
        => "Code: 128. DB::Exception: ";
    function_json_value_return_type_allow_nullable: Bool = "0", "Whether JSON_VALUE is NULL where it finds no value.",
        "SELECT JSON_VALUE('{}', '$.a') SETTINGS function_json_value_return_type_allow_nullable = 1"
        => "\\N";
    function_json_value_return_type_allow_complex: Bool = "0", "Whether JSON_VALUE gives objects and arrays too.",
        "SELECT JSON_VALUE('{\"a\": {\"b\": 1}}', '$.a') SETTINGS function_json_value_return_type_allow_complex = 1"
        => "{\"b\":1}";
    enable_extended_results_for_datetime_functions: Bool = "0", "Whether the start of a period of Date32 and DateTime64 is a Date32 or DateTime64 rather than a Date or DateTime.",
        "SELECT toTypeName(toStartOfMonth(toDate32('2024-02-29'))) SETTINGS enable_extended_results_for_datetime_functions = 1"
        => "Date32";
    cast_ipv4_ipv6_default_on_conversion_error: Bool = "0", "Whether text that is no address becomes the default address.",
        "SELECT toIPv4('no address') SETTINGS cast_ipv4_ipv6_default_on_conversion_error = 1"
        => "0.0.0.0";
    output_format_csv_crlf_end_of_line: Bool = "0", "Whether lines of CSV end with a carriage return and a line feed.",
        "SELECT 1 FORMAT CSV SETTINGS output_format_csv_crlf_end_of_line = 1"
        => "1\r";
    output_format_tsv_crlf_end_of_line: Bool = "0", "Whether lines of TabSeparated end with a carriage return and a line feed.",
        "SELECT 1 FORMAT TSV SETTINGS output_format_tsv_crlf_end_of_line = 1"
        => "1\r";
    parts_to_throw_insert: UInt64 = "0", "Parts of a partition from which on inserts are refused; 0 is what the table says.",
        "CREATE TABLE parts (n UInt8) ORDER BY n; INSERT INTO parts VALUES (1); INSERT INTO parts SETTINGS parts_to_throw_insert = 1 VALUES (2)"
        => "Code: 252. DB::Exception: ";
    join_use_nulls: Bool = "0", "Whether columns of a missing side of a join are NULL rather than defaults.",
        "SELECT b.number FROM numbers(1) AS a LEFT JOIN numbers(5, 1) AS b ON a.number = b.number SETTINGS join_use_nulls = 1"
        => "\\N";
    transform_null_in: Bool = "0", "Whether IN takes NULL for a value like others, equal to NULL.",
        "SELECT NULL IN (1, NULL) SETTINGS transform_null_in = 1"
        => "1";
    prefer_column_name_to_alias: Bool = "0", "Whether a name means a column first, then an alias.",
        "SELECT number + 1 AS number, number * 10 FROM numbers(2) SETTINGS prefer_column_name_to_alias = 1"
        => "1\t0\n2\t10";
    enable_positional_arguments: Bool = "1", "Whether numbers in GROUP BY, ORDER BY and LIMIT BY mean selected expressions.",
        "SELECT number % 2, count() FROM numbers(5) GROUP BY 1 ORDER BY 1 SETTINGS enable_positional_arguments = 1"
        => "0\t3\n1\t2";
    count_distinct_implementation: String = "uniqExact", "The function of COUNT(DISTINCT x).",
        "SELECT count(DISTINCT number) FROM numbers(1000) SETTINGS count_distinct_implementation = 'uniq'"
        => "1000";
    totals_mode: String = "after_having_exclusive", "Whether WITH TOTALS counts groups that HAVING leaves out: before_having, or not: after_having_exclusive.",
        "SELECT number % 3 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS HAVING k < 2 ORDER BY k SETTINGS totals_mode = 'before_having'"
        => "0\t4\n1\t3\n\n0\t10";
    group_by_use_nulls: Bool = "0", "Whether keys that a set of ROLLUP, CUBE or GROUPING SETS lacks are NULL.",
        "SELECT number AS k, count() FROM numbers(2) GROUP BY ROLLUP(k) ORDER BY k SETTINGS group_by_use_nulls = 1"
        => "0\t1\n1\t1\n\\N\t2";
    force_grouping_standard_compatibility: Bool = "1", "Whether grouping() is 1 for keys that a set lacks, as the standard has it, or for those that it has.",
        "SELECT number AS k, grouping(k) FROM numbers(1) GROUP BY ROLLUP(k) ORDER BY 2 SETTINGS force_grouping_standard_compatibility = 0"
        => "0\t0\n0\t1";
    max_recursive_cte_evaluation_depth: UInt64 = "1000", "Rounds that a table of WITH RECURSIVE may take.",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r SETTINGS max_recursive_cte_evaluation_depth = 5"
        => "Code: 306. DB::Exception: Maximum recursive CTE evaluation depth (5) exceeded";
    final: Bool = "0", "Whether every table is read with FINAL.",
        "CREATE TABLE latest (k UInt8, v UInt8) ENGINE = ReplacingMergeTree ORDER BY k; INSERT INTO latest VALUES (1, 1); INSERT INTO latest VALUES (1, 2); SELECT v FROM latest SETTINGS final = 1"
        => "2";
    optimize_on_insert: Bool = "1", "Whether rows of equal keys are combined by the table's engine before they are written.",
        "CREATE TABLE summed (k UInt8, v UInt8) ENGINE = SummingMergeTree ORDER BY k; INSERT INTO summed SETTINGS optimize_on_insert = 0 VALUES (1, 2), (1, 3); SELECT v FROM summed ORDER BY v"
        => "2\n3";
    flatten_nested: Bool = "1", "Whether a column of type Nested becomes one array for each of its fields.",
        "SET flatten_nested = 0; CREATE TABLE whole (n Nested(a UInt8)) ORDER BY tuple(); SELECT name, type FROM system.columns WHERE table = 'whole'"
        => "n\tArray(Tuple(a UInt8))";
    limit: UInt64 = "0", "Rows that an answer has at most; 0 is any number.",
        "SELECT number FROM numbers(10) SETTINGS limit = 2"
        => "0\n1";
    offset: UInt64 = "0", "Rows that an answer leaves out from its start.",
        "SELECT number FROM numbers(4) SETTINGS offset = 2"
        => "2\n3";
    join_default_strictness: String = "ALL", "What a JOIN without ANY or ALL means.",
        "SELECT count() FROM numbers(1) AS a LEFT JOIN (SELECT 0 AS number FROM numbers(3)) AS b ON a.number = b.number SETTINGS join_default_strictness = 'ANY'"
        => "1";
    extremes: Bool = "0", "Whether the least and greatest value of each column stand after the rows.",
        "SELECT number FROM numbers(4) FORMAT JSONCompact SETTINGS extremes = 1, output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"number\",\n\t\t\t\"type\": \"UInt64\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t[0],\n\t\t[1],\n\t\t[2],\n\t\t[3]\n\t],\n\n\t\"extremes\":\n\t{\n\t\t\"min\": [0],\n\t\t\"max\": [3]\n\t},\n\n\t\"rows\": 4\n}";
    cast_keep_nullable: Bool = "0", "Whether CAST of a nullable value stays nullable.",
        "SELECT toTypeName(CAST(toNullable('1'), 'UInt8')) SETTINGS cast_keep_nullable = 1"
        => "Nullable(UInt8)";
    variant_throw_on_type_mismatch: Bool = "1", "Whether values of a Variant's types that a function does not take are errors; else they give NULL.",
        "SELECT length(x) FROM (SELECT arrayJoin([5::UInt8::Variant(String, UInt8), 'abc'::Variant(String, UInt8)]) AS x) SETTINGS variant_throw_on_type_mismatch = 0"
        => "\\N\n3";
    dynamic_throw_on_type_mismatch: Bool = "1", "Whether values of a Dynamic whose types a function does not take are errors; else they give NULL.",
        "SELECT length(x) FROM (SELECT arrayJoin([5::UInt8::Dynamic, 'abc'::Dynamic]) AS x) SETTINGS dynamic_throw_on_type_mismatch = 0"
        => "\\N\n3";
    use_legacy_to_time: Bool = "0", "Whether toTime answers a time of day on 1970-01-02, as toTimeWithFixedDate does.",
        "SELECT toTime(toDateTime('2024-02-29 13:37:42', 'UTC')) SETTINGS use_legacy_to_time = 1"
        => "1970-01-02 13:37:42";
    optimizer_disabled_passes: String = "", "Names of optimizer passes to leave out, separated by commas.",
        "SELECT count() FROM numbers(10) WHERE number > 5 SETTINGS optimizer_disabled_passes = 'push_down_filters'"
        => "4";
    encoded_execution: Bool = "1", "Whether operators keep dictionary codes; off only to compare.",
        "SELECT count() FROM numbers(10) SETTINGS encoded_execution = 0"
        => "10";
    use_zone_maps: Bool = "1", "Whether granules are skipped by their zone maps.",
        "CREATE TABLE zoned (n UInt64) ORDER BY n; INSERT INTO zoned SELECT number FROM numbers(100); SELECT count() FROM zoned WHERE n > 50 SETTINGS use_zone_maps = 0"
        => "49";
    use_skip_indexes: Bool = "1", "Whether text indexes answer conditions; the answers are the same without them.",
        "CREATE TABLE searched (t String, INDEX i t TYPE text(tokenizer = 'default')) ORDER BY tuple(); INSERT INTO searched VALUES ('rain and snow'); SELECT count() FROM searched WHERE hasAllTokens(t, 'Snow') SETTINGS use_skip_indexes = 0"
        => "1";
    async_insert: Bool = "0", "Whether small inserts of several clients are written together.",
        "CREATE TABLE IF NOT EXISTS collected (n UInt8) ORDER BY n; TRUNCATE TABLE collected; INSERT INTO collected SETTINGS async_insert = 1 VALUES (1), (2); SELECT sum(n) FROM collected"
        => "3";
    wait_for_async_insert: Bool = "1", "Whether such an insert is acknowledged only when it is durable.",
        "CREATE TABLE IF NOT EXISTS collected (n UInt8) ORDER BY n; TRUNCATE TABLE collected; INSERT INTO collected SETTINGS async_insert = 1, wait_for_async_insert = 1 VALUES (1), (2); SELECT sum(n) FROM collected"
        => "3";
    async_insert_max_data_size: UInt64 = "10485760", "Bytes of collected inserts after which they are written at once.",
        "CREATE TABLE IF NOT EXISTS collected (n UInt8) ORDER BY n; TRUNCATE TABLE collected; INSERT INTO collected SETTINGS async_insert = 1, async_insert_max_data_size = 100000 VALUES (1), (2); SELECT sum(n) FROM collected"
        => "3";
    async_insert_busy_timeout_ms: UInt64 = "200", "The longest time for which inserts are collected.",
        "CREATE TABLE IF NOT EXISTS collected (n UInt8) ORDER BY n; TRUNCATE TABLE collected; INSERT INTO collected SETTINGS async_insert = 1, async_insert_busy_timeout_ms = 50 VALUES (1), (2); SELECT sum(n) FROM collected"
        => "3";
    insert_deduplication_token: String = "", "A token under which an insert is written at most once.",
        "CREATE TABLE IF NOT EXISTS once (n UInt8) ORDER BY n; INSERT INTO once SETTINGS insert_deduplication_token = 'a' VALUES (1); INSERT INTO once SETTINGS insert_deduplication_token = 'a' VALUES (1); SELECT count() FROM once"
        => "1";
    insert_deduplicate: Bool = "1", "Whether deduplication tokens are looked at.",
        "CREATE TABLE IF NOT EXISTS twice (n UInt8) ORDER BY n; TRUNCATE TABLE twice; INSERT INTO twice SETTINGS insert_deduplicate = 0, insert_deduplication_token = 'a' VALUES (1); INSERT INTO twice SETTINGS insert_deduplicate = 0, insert_deduplication_token = 'a' VALUES (1); SELECT count() FROM twice"
        => "2";
    default_format: String = "", "The format of answers where the query names none.",
        "SELECT 1 AS n SETTINGS default_format = 'JSONEachRow'"
        => "{\"n\":1}";
    default_table_engine: String = "MergeTree", "The engine of CREATE TABLE without one.",
        "SET default_table_engine = 'Log'; CREATE TABLE IF NOT EXISTS plain (n UInt8); SELECT engine FROM system.tables WHERE name = 'plain'"
        => "Log";
    log_queries: Bool = "1", "Whether queries are kept in system.query_log.",
        "SELECT 1 SETTINGS log_queries = 0"
        => "1";
    wait_end_of_query: Bool = "0", "Whether an answer is sent only when it is complete.",
        "SELECT value FROM system.settings WHERE name = 'wait_end_of_query' SETTINGS wait_end_of_query = 1"
        => "1";
    buffer_size: UInt64 = "0", "Bytes of an answer that are gathered before the first is sent.",
        "SELECT value FROM system.settings WHERE name = 'buffer_size' SETTINGS buffer_size = 1048576"
        => "1048576";
    enable_http_compression: Bool = "0", "Whether answers are compressed as Accept-Encoding allows.",
        "SELECT value FROM system.settings WHERE name = 'enable_http_compression' SETTINGS enable_http_compression = 1"
        => "1";
    http_zlib_compression_level: UInt64 = "3", "The level of that compression.",
        "SELECT value FROM system.settings WHERE name = 'http_zlib_compression_level' SETTINGS http_zlib_compression_level = 6"
        => "6";
    send_progress_in_http_headers: Bool = "0", "Whether X-ClickHouse-Progress headers are sent.",
        "SELECT value FROM system.settings WHERE name = 'send_progress_in_http_headers' SETTINGS send_progress_in_http_headers = 1"
        => "1";
    http_headers_progress_interval_ms: UInt64 = "100", "How often these are sent.",
        "SELECT value FROM system.settings WHERE name = 'http_headers_progress_interval_ms' SETTINGS http_headers_progress_interval_ms = 1000"
        => "1000";
    add_http_cors_header: Bool = "0", "Whether answers allow scripts of any origin.",
        "SELECT value FROM system.settings WHERE name = 'add_http_cors_header' SETTINGS add_http_cors_header = 1"
        => "1";
    cancel_http_readonly_queries_on_client_close: Bool = "0", "Whether a reading query stops when its client goes.",
        "SELECT value FROM system.settings WHERE name = 'cancel_http_readonly_queries_on_client_close' SETTINGS cancel_http_readonly_queries_on_client_close = 1"
        => "1";
    cast_string_to_dynamic_use_inference: Bool = "0", "Whether text cast to Dynamic is parsed for its type.",
        "SELECT value FROM system.settings WHERE name = 'cast_string_to_dynamic_use_inference' SETTINGS cast_string_to_dynamic_use_inference = 1"
        => "1";
    client_protocol_version: UInt64 = "0", "The revision of the Native format that the client knows.",
        "SELECT value FROM system.settings WHERE name = 'client_protocol_version' SETTINGS client_protocol_version = 54460"
        => "54460";
    date_time_input_format: String = "best_effort", "How texts of times are read: basic, best_effort, best_effort_us.",
        "SELECT * FROM format(CSV, 't DateTime(\\'UTC\\')', '\"Jan 2 2024 3:04 PM\"') SETTINGS date_time_input_format = 'best_effort'"
        => "2024-01-02 15:04:00";
    date_time_output_format: String = "simple", "How times are written: simple, iso, unix_timestamp.",
        "SELECT toDateTime(0, 'UTC') SETTINGS date_time_output_format = 'iso'"
        => "1970-01-01T00:00:00Z";
    input_format_skip_unknown_fields: Bool = "1", "Whether fields that the table lacks are skipped.",
        "SELECT * FROM format(JSONEachRow, 'a UInt8', '{\"a\": 1, \"b\": 2}') SETTINGS input_format_skip_unknown_fields = 0"
        => "Code: 117. DB::Exception: Unknown field found while parsing JSONEachRow format";
    input_format_null_as_default: Bool = "1", "Whether NULL in a column that has none becomes its default.",
        "SELECT * FROM format(JSONEachRow, 'a UInt8', '{\"a\": null}') SETTINGS input_format_null_as_default = 1"
        => "0";
    input_format_defaults_for_omitted_fields: Bool = "1", "Whether DEFAULT expressions are computed for omitted fields.",
        "CREATE TABLE doubled (a UInt8, b UInt8 DEFAULT a * 2) ORDER BY a; INSERT INTO doubled (a) SETTINGS input_format_defaults_for_omitted_fields = 1 VALUES (3); SELECT b FROM doubled"
        => "6";
    input_format_with_names_use_header: Bool = "1", "Whether names in the data decide the columns.",
        "SELECT a, b FROM format(CSVWithNames, 'a UInt8, b UInt8', 'b,a\\n1,2') SETTINGS input_format_with_names_use_header = 1"
        => "2\t1";
    input_format_allow_errors_num: UInt64 = "0", "Rows that may be unreadable.",
        "SELECT * FROM format(CSV, 'n UInt8', '1\\nx\\n3') SETTINGS input_format_allow_errors_num = 1"
        => "1\n3";
    input_format_allow_errors_ratio: Float = "0", "The share of rows that may be unreadable.",
        "SELECT * FROM format(CSV, 'n UInt8', '1\\nx\\n3') SETTINGS input_format_allow_errors_ratio = 0.5"
        => "1\n3";
    input_format_values_interpret_expressions: Bool = "1", "Whether VALUES may hold expressions.",
        "CREATE TEMPORARY TABLE t (a UInt8); INSERT INTO t VALUES (1 + 2); SELECT a FROM t SETTINGS input_format_values_interpret_expressions = 1"
        => "3";
    input_format_parallel_parsing: Bool = "1", "Whether text formats are parsed by several threads.",
        "SELECT sum(n) FROM format(CSV, 'n UInt8', '1\\n2') SETTINGS input_format_parallel_parsing = 0"
        => "3";
    format_csv_delimiter: String = ",", "What separates fields of CSV.",
        "SELECT 1, 2 FORMAT CSV SETTINGS format_csv_delimiter = ';'"
        => "1;2";
    output_format_json_quote_64bit_integers: Bool = "0", "Whether JSON has 64-bit integers in quotes.",
        "SELECT toUInt64(1) AS n FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 1"
        => "{\"n\":\"1\"}";
    output_format_json_quote_64bit_floats: Bool = "0", "Whether JSON has 64-bit floats in quotes.",
        "SELECT 0.5 AS x FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_floats = 1"
        => "{\"x\":\"0.5\"}";
    output_format_json_quote_denormals: Bool = "0", "Whether JSON has inf and nan in quotes rather than null.",
        "SELECT 1 / 0 AS x FORMAT JSONEachRow SETTINGS output_format_json_quote_denormals = 1"
        => "{\"x\":\"inf\"}";
    output_format_json_quote_decimals: Bool = "0", "Whether JSON has decimals in quotes.",
        "SELECT toDecimal32(0.5, 1) AS x FORMAT JSONEachRow SETTINGS output_format_json_quote_decimals = 1"
        => "{\"x\":\"0.5\"}";
    output_format_json_escape_forward_slashes: Bool = "1", "Whether JSON has slashes escaped.",
        "SELECT 'a/b' AS s FORMAT JSONEachRow SETTINGS output_format_json_escape_forward_slashes = 0"
        => "{\"s\":\"a/b\"}";
    output_format_json_named_tuples_as_objects: Bool = "1", "Whether JSON has named tuples as objects.",
        "SELECT (1, 2)::Tuple(a UInt8, b UInt8) AS t FORMAT JSONEachRow SETTINGS output_format_json_named_tuples_as_objects = 0"
        => "{\"t\":[1,2]}";
    output_format_json_array_of_rows: Bool = "0", "Whether JSONEachRow is one array.",
        "SELECT number AS n FROM numbers(2) FORMAT JSONEachRow SETTINGS output_format_json_array_of_rows = 1"
        => "[\n{\"n\":0},\n{\"n\":1}\n]";
    output_format_arrow_string_as_string: Bool = "1", "Whether Arrow has strings as text rather than as bytes.",
        "INSERT INTO FUNCTION file('text.arrow', Arrow) SELECT 'a' AS s SETTINGS output_format_arrow_string_as_string = 1; SELECT s FROM file('text.arrow', Arrow)"
        => "a";
    input_format_binary_read_json_as_string: Bool = "0", "Whether RowBinary has objects of JSON as strings, in.",
        "SELECT j.a FROM format(RowBinary, 'j JSON', unhex('077B2261223A357D')) SETTINGS input_format_binary_read_json_as_string = 1"
        => "5";
    input_format_binary_decode_types_in_binary_format: Bool = "0", "Whether headers of RowBinary have types in binary form, in.",
        "SELECT x, toTypeName(x) FROM format(RowBinaryWithNamesAndTypes, unhex('0101782301' || '0005')) SETTINGS input_format_binary_decode_types_in_binary_format = 1"
        => "5\tNullable(UInt8)";
    input_format_native_decode_types_in_binary_format: Bool = "0", "Whether Native has types in binary form, in.",
        "SELECT x, toTypeName(x) FROM format(Native, unhex('0101' || '01782301' || '0005')) SETTINGS input_format_native_decode_types_in_binary_format = 1"
        => "5\tNullable(UInt8)";
    output_format_binary_write_json_as_string: Bool = "0", "Whether RowBinary has objects of JSON as strings, out.",
        "SELECT '{\"a\":5}'::JSON AS j FORMAT RowBinary SETTINGS output_format_binary_write_json_as_string = 1"
        => "\x07{\"a\":5}";
    output_format_binary_encode_types_in_binary_format: Bool = "0", "Whether headers of RowBinary have types in binary form, out.",
        "SELECT 'abc' AS x FORMAT RowBinaryWithNamesAndTypes SETTINGS output_format_binary_encode_types_in_binary_format = 1"
        => "\x01\x01x\x15\x03abc";
    output_format_native_write_json_as_string: Bool = "0", "Whether Native has objects of JSON as strings, out.",
        "SELECT '{\"a\":5}'::JSON AS j FORMAT Native SETTINGS output_format_native_write_json_as_string = 1"
        => "\x01\x01\x01j\x04JSON\x01\0\0\0\0\0\0\0\x07{\"a\":5}";
    output_format_native_encode_types_in_binary_format: Bool = "0", "Whether Native has types in binary form, out.",
        "SELECT 'abc' AS x FORMAT Native SETTINGS output_format_native_encode_types_in_binary_format = 1"
        => "\x01\x01\x01x\x15\x03abc";
    output_format_native_use_flattened_dynamic_and_json_serialization: Bool = "0", "Whether Native has all types of Dynamic and all paths of JSON apart, out.",
        "SELECT 'abc'::Dynamic AS x FORMAT Native SETTINGS output_format_native_use_flattened_dynamic_and_json_serialization = 1"
        => "\x01\x01\x01x\x07Dynamic\x03\0\0\0\0\0\0\0\x01\x06String\0\x03abc";
    output_format_write_statistics: Bool = "1", "Whether JSON tells of rows read and time.",
        "SELECT 1 AS n FORMAT JSONCompact SETTINGS output_format_write_statistics = 0"
        => "{\n\t\"meta\":\n\t[\n\t\t{\n\t\t\t\"name\": \"n\",\n\t\t\t\"type\": \"UInt8\"\n\t\t}\n\t],\n\n\t\"data\":\n\t[\n\t\t[1]\n\t],\n\n\t\"rows\": 1\n}";
    output_format_decimal_trailing_zeros: Bool = "0", "Whether decimals are written with all digits of their scale.",
        "SELECT toDecimal32(1.5, 4) SETTINGS output_format_decimal_trailing_zeros = 1"
        => "1.5000";
    output_format_pretty_max_rows: UInt64 = "1000", "Rows that Pretty formats show.",
        "SELECT number AS n FROM numbers(5) FORMAT PrettyCompact SETTINGS output_format_pretty_max_rows = 1"
        => "   ┌─n─┐\n1. │ 0 │\n   └───┘\nShowed 1 out of 5 rows.";
    output_format_pretty_row_numbers: Bool = "1", "Whether Pretty formats number rows.",
        "SELECT 1 AS n FORMAT PrettyCompact SETTINGS output_format_pretty_row_numbers = 0"
        => "┌─n─┐\n│ 1 │\n└───┘";
    output_format_pretty_color: Bool = "0", "Whether Pretty formats use colours.",
        "SELECT 1 AS n FORMAT PrettyCompact SETTINGS output_format_pretty_color = 0"
        => "   ┌─n─┐\n1. │ 1 │\n   └───┘";
    enable_reads_from_query_cache: Bool = "1", "Whether kept answers are given.",
        "SELECT 1 SETTINGS enable_reads_from_query_cache = 0"
        => "1";
    enable_writes_to_query_cache: Bool = "1", "Whether answers are kept.",
        "SELECT 1 SETTINGS enable_writes_to_query_cache = 0"
        => "1";
    http_cache_control: String = "no-cache", "The header Cache-Control of answers to GET that have an ETag; empty for none.",
        "SELECT 1 SETTINGS http_cache_control = 'max-age=5'"
        => "1";
    query_cache_max_age: Seconds = "0", "How old a kept answer may be whose tables have changed; 0 is never stale.",
        "SELECT 1 SETTINGS query_cache_max_age = 5"
        => "1";
    query_cache_min_query_duration: UInt64 = "0", "Milliseconds that a query must take for its answer to be kept.",
        "SELECT 1 SETTINGS query_cache_min_query_duration = 100"
        => "1";
    query_cache_min_query_runs: UInt64 = "0", "How often a query must have run before its answer is kept.",
        "SELECT 1 SETTINGS query_cache_min_query_runs = 2"
        => "1";
    query_cache_nondeterministic_function_handling: String = "ignore", "What becomes of queries with functions like now(): 'ignore' runs them without the cache, 'throw' refuses them.",
        "SELECT now() SETTINGS query_cache_nondeterministic_function_handling = 'throw'"
        => "Code: 703. DB::Exception: The answer was not kept";
    query_cache_system_table_handling: String = "ignore", "What becomes of queries of system tables and others of which nobody knows when they change: 'ignore' runs them without the cache, 'throw' refuses them.",
        "SELECT count() FROM system.tables SETTINGS query_cache_system_table_handling = 'throw'"
        => "Code: 719. DB::Exception: The answer was not kept";
    query_cache_tag: String = "", "A name under which answers are forgotten together: SYSTEM DROP QUERY CACHE TAG 'name'.",
        "SELECT 1 SETTINGS query_cache_tag = 'dashboard'; SELECT DISTINCT tag FROM system.query_cache WHERE tag = 'dashboard'"
        => "1\ndashboard";
    query_cache_ttl: Seconds = "60", "How long an answer is kept at most.",
        "SELECT 1 SETTINGS query_cache_ttl = 5"
        => "1";
    query_cache_warm_after_merges: Bool = "1", "Whether a query whose answer was given again is run again in the background after a merge, so that what is known of the merged rows is there when it is asked.",
        "SELECT 1 SETTINGS query_cache_warm_after_merges = 0"
        => "1";
    use_query_condition_cache: Bool = "1", "Whether the rows of parts that meet a condition are kept from its second use on, and taken from earlier queries.",
        "SELECT count() FROM numbers(100) WHERE number > 50 SETTINGS use_query_condition_cache = 0"
        => "49";
    use_partial_aggregate_cache: Bool = "1", "Whether aggregate states of parts, and the first rows of ORDER BY ... LIMIT, are kept from a question's second use on, and taken from earlier queries: after an insert only new parts are read.",
        "SELECT count() FROM numbers(100) SETTINGS use_partial_aggregate_cache = 0"
        => "100";
    partial_aggregate_cache_min_rows: UInt64 = "10000", "Parts of fewer rows are too small for the cache of aggregate states and first rows.",
        "SELECT count() FROM numbers(100) SETTINGS partial_aggregate_cache_min_rows = 0"
        => "100";
    partial_aggregate_cache_rows_per_group: UInt64 = "8", "Aggregate states of parts are kept where there is one group at most for so many rows, first rows where as few are wanted.",
        "SELECT number % 3 AS k, count() FROM numbers(9) GROUP BY k ORDER BY k SETTINGS partial_aggregate_cache_rows_per_group = 0"
        => "0\t3\n1\t3\n2\t3";
    filter_cache_min_rows: UInt64 = "10000", "Parts of fewer rows are too small for the cache of conditions.",
        "SELECT count() FROM numbers(100) WHERE number > 50 SETTINGS filter_cache_min_rows = 0"
        => "49";
    use_query_cache: Bool = "1", "Whether answers are kept until a table that they were read from changes, and given again.",
        "SELECT 1 SETTINGS use_query_cache = 0"
        => "1";
}
