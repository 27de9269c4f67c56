//! All settings.

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
}

macro_rules! settings {
    ($($name:ident: $kind:ident = $default:literal, $description:literal;)*) => {
        /// All settings, by subject.
        pub const SETTINGS: &[SettingDeclaration] = &[
            $(SettingDeclaration {
                name: stringify!($name),
                kind: SettingKind::$kind,
                default: $default,
                description: $description,
            },)*
        ];
    };
}

settings! {
    max_threads: UInt64 = "0", "Lanes of a query; 0 is as many as the server has workers.";
    max_block_size: UInt64 = "65409", "Rows of a block that sources give.";
    max_insert_block_size: UInt64 = "65536", "Rows of a block that is parsed from inserted data.";
    max_memory_usage: UInt64 = "0", "Bytes that one query may hold in hash tables, sorts and results; 0 is the server's limit.";
    max_bytes_before_external_group_by: UInt64 = "0", "Bytes of groups beyond which GROUP BY goes on in a temporary file; 0 is half of what the query may hold.";
    max_bytes_before_external_join: UInt64 = "0", "Bytes of the built side of a JOIN beyond which it goes on in a temporary file; 0 is half of what the query may hold.";
    max_bytes_before_external_sort: UInt64 = "0", "Bytes of rows beyond which ORDER BY goes on in a temporary file; 0 is half of what the query may hold.";
    max_temporary_data_on_disk_size_for_query: UInt64 = "0", "Bytes that a query's temporary file may have; 0 is as many as the disk holds.";
    max_execution_time: Seconds = "0", "Seconds after which a query is stopped; 0 is never.";
    max_rows_to_read: UInt64 = "0", "Rows that a query may read from tables; 0 is any number.";
    max_result_rows: UInt64 = "0", "Rows that an answer may have; 0 is any number.";
    max_result_bytes: UInt64 = "0", "Bytes that an answer may have before it is formatted; 0 is any number.";
    result_overflow_mode: OverflowMode = "throw", "Whether a longer answer is an error (throw) or ends after the block that was too much (break).";
    read_overflow_mode: OverflowMode = "throw", "Whether more rows to read are an error (throw) or are left out (break).";
    max_rows_to_group_by: UInt64 = "0", "Different keys that GROUP BY may meet; 0 is any number.";
    group_by_overflow_mode: OverflowMode = "throw", "Whether more keys are an error (throw), end the reading (break), or are left out (any).";
    max_rows_to_sort: UInt64 = "0", "Rows that ORDER BY may take; 0 is any number.";
    sort_overflow_mode: OverflowMode = "throw", "Whether more rows to sort are an error (throw) or are left out (break).";
    max_rows_in_distinct: UInt64 = "0", "Different rows that DISTINCT may meet; 0 is any number.";
    distinct_overflow_mode: OverflowMode = "throw", "Whether more distinct rows are an error (throw) or are left out (break).";
    max_bytes_to_read: UInt64 = "0", "Decoded bytes that a query may read from tables; 0 is any number.";
    max_rows_in_set: UInt64 = "0", "Values that the right side of IN may have; 0 is any number.";
    max_bytes_in_set: UInt64 = "0", "Bytes that the values of the right side of IN may have; 0 is any number.";
    set_overflow_mode: OverflowMode = "throw", "Whether more values of a query behind IN are an error (throw) or are left out (break).";
    max_rows_in_join: UInt64 = "0", "Rows that the right side of a JOIN may have; 0 is any number.";
    max_bytes_in_join: UInt64 = "0", "Bytes that the right side of a JOIN may have; 0 is any number.";
    max_concurrent_queries_for_user: UInt64 = "0", "Queries that a user may run at once; 0 is any number.";
    max_query_size: UInt64 = "262144", "Bytes of a query's text, data of INSERT not counted.";
    max_partitions_per_insert_block: UInt64 = "100", "Partitions that one inserted block may touch; 0 is any number.";
    throw_on_max_partitions_per_insert_block: Bool = "1", "Whether more partitions of an inserted block are an error.";
    insert_null_as_default: Bool = "1", "Whether NULL becomes the default where INSERT SELECT writes to a column without NULL.";
    readonly: UInt64 = "0", "1: only reading; 2: reading and settings.";
    session_timezone: TimeZone = "", "The time zone of times without one; empty is the server's.";
    union_default_mode: String = "", "What UNION without ALL or DISTINCT means.";
    enable_join_runtime_filters: Bool = "1", "Whether the keys of a join's smaller side filter the other side while it is read.";
    any_join_distinct_right_table_keys: Bool = "0", "Whether ANY JOIN takes one row of each key of the right side for any number of the left side's rows.";
    max_columns_to_read: UInt64 = "0", "Columns that a query may read of one table; 0 is any number.";
    max_subquery_depth: UInt64 = "100", "How deep subqueries may be nested.";
    enable_unaligned_array_join: Bool = "0", "Whether arrays of ARRAY JOIN may have different lengths: the shorter ones are filled up with defaults.";
    aggregate_functions_null_for_empty: Bool = "0", "Whether aggregate functions of no rows are NULL, as if they had the suffix OrNull.";
    function_range_max_elements_in_block: UInt64 = "500000000", "Elements that range() may make for one block.";
    regexp_max_matches_per_row: UInt64 = "1000", "Matches of a regular expression in one text that extractAllGroupsHorizontal may find.";
    enable_extended_results_for_datetime_functions: Bool = "0", "Whether the start of a period of Date32 and DateTime64 is a Date32 or DateTime64 rather than a Date or DateTime.";
    cast_ipv4_ipv6_default_on_conversion_error: Bool = "0", "Whether text that is no address becomes the default address.";
    output_format_csv_crlf_end_of_line: Bool = "0", "Whether lines of CSV end with a carriage return and a line feed.";
    output_format_tsv_crlf_end_of_line: Bool = "0", "Whether lines of TabSeparated end with a carriage return and a line feed.";
    parts_to_throw_insert: UInt64 = "0", "Parts of a partition from which on inserts are refused; 0 is what the table says.";
    join_use_nulls: Bool = "0", "Whether columns of a missing side of a join are NULL rather than defaults.";
    transform_null_in: Bool = "0", "Whether IN takes NULL for a value like others, equal to NULL.";
    prefer_column_name_to_alias: Bool = "0", "Whether a name means a column first, then an alias.";
    enable_positional_arguments: Bool = "1", "Whether numbers in GROUP BY, ORDER BY and LIMIT BY mean selected expressions.";
    count_distinct_implementation: String = "uniqExact", "The function of COUNT(DISTINCT x).";
    totals_mode: String = "after_having_exclusive", "Whether WITH TOTALS counts groups that HAVING leaves out: before_having, or not: after_having_exclusive.";
    group_by_use_nulls: Bool = "0", "Whether keys that a set of ROLLUP, CUBE or GROUPING SETS lacks are NULL.";
    force_grouping_standard_compatibility: Bool = "1", "Whether grouping() is 1 for keys that a set lacks, as the standard has it, or for those that it has.";
    max_recursive_cte_evaluation_depth: UInt64 = "1000", "Rounds that a table of WITH RECURSIVE may take.";
    final: Bool = "0", "Whether every table is read with FINAL.";
    optimize_on_insert: Bool = "1", "Whether rows of equal keys are combined by the table's engine before they are written.";
    flatten_nested: Bool = "1", "Whether a column of type Nested becomes one array for each of its fields.";
    limit: UInt64 = "0", "Rows that an answer has at most; 0 is any number.";
    offset: UInt64 = "0", "Rows that an answer leaves out from its start.";
    join_default_strictness: String = "ALL", "What a JOIN without ANY or ALL means.";
    extremes: Bool = "0", "Whether the least and greatest value of each column stand after the rows.";
    cast_keep_nullable: Bool = "0", "Whether CAST of a nullable value stays nullable.";
    optimizer_disabled_passes: String = "", "Names of optimizer passes to leave out, separated by commas.";
    encoded_execution: Bool = "1", "Whether operators keep dictionary codes; off only to compare.";
    use_zone_maps: Bool = "1", "Whether granules are skipped by their zone maps.";
    async_insert: Bool = "0", "Whether small inserts of several clients are written together.";
    wait_for_async_insert: Bool = "1", "Whether such an insert is acknowledged only when it is durable.";
    async_insert_max_data_size: UInt64 = "10485760", "Bytes of collected inserts after which they are written at once.";
    async_insert_busy_timeout_ms: UInt64 = "200", "The longest time for which inserts are collected.";
    insert_deduplication_token: String = "", "A token under which an insert is written at most once.";
    insert_deduplicate: Bool = "1", "Whether deduplication tokens are looked at.";
    default_format: String = "", "The format of answers where the query names none.";
    default_table_engine: String = "MergeTree", "The engine of CREATE TABLE without one.";
    log_queries: Bool = "1", "Whether queries are kept in system.query_log.";
    wait_end_of_query: Bool = "0", "Whether an answer is sent only when it is complete.";
    buffer_size: UInt64 = "0", "Bytes of an answer that are gathered before the first is sent.";
    enable_http_compression: Bool = "0", "Whether answers are compressed as Accept-Encoding allows.";
    http_zlib_compression_level: UInt64 = "3", "The level of that compression.";
    send_progress_in_http_headers: Bool = "0", "Whether X-ClickHouse-Progress headers are sent.";
    http_headers_progress_interval_ms: UInt64 = "100", "How often these are sent.";
    add_http_cors_header: Bool = "0", "Whether answers allow scripts of any origin.";
    cancel_http_readonly_queries_on_client_close: Bool = "0", "Whether a reading query stops when its client goes.";
    cast_string_to_dynamic_use_inference: Bool = "0", "Whether text cast to Dynamic is parsed for its type.";
    client_protocol_version: UInt64 = "0", "The revision of the Native format that the client knows.";
    date_time_input_format: String = "best_effort", "How texts of times are read: basic, best_effort, best_effort_us.";
    date_time_output_format: String = "simple", "How times are written: simple, iso, unix_timestamp.";
    input_format_skip_unknown_fields: Bool = "1", "Whether fields that the table lacks are skipped.";
    input_format_null_as_default: Bool = "1", "Whether NULL in a column that has none becomes its default.";
    input_format_defaults_for_omitted_fields: Bool = "1", "Whether DEFAULT expressions are computed for omitted fields.";
    input_format_with_names_use_header: Bool = "1", "Whether names in the data decide the columns.";
    input_format_allow_errors_num: UInt64 = "0", "Rows that may be unreadable.";
    input_format_allow_errors_ratio: Float = "0", "The share of rows that may be unreadable.";
    input_format_values_interpret_expressions: Bool = "1", "Whether VALUES may hold expressions.";
    input_format_parallel_parsing: Bool = "1", "Whether text formats are parsed by several threads.";
    format_csv_delimiter: String = ",", "What separates fields of CSV.";
    output_format_json_quote_64bit_integers: Bool = "0", "Whether JSON has 64-bit integers in quotes.";
    output_format_json_quote_64bit_floats: Bool = "0", "Whether JSON has 64-bit floats in quotes.";
    output_format_json_quote_denormals: Bool = "0", "Whether JSON has inf and nan in quotes rather than null.";
    output_format_json_quote_decimals: Bool = "0", "Whether JSON has decimals in quotes.";
    output_format_json_escape_forward_slashes: Bool = "1", "Whether JSON has slashes escaped.";
    output_format_json_named_tuples_as_objects: Bool = "1", "Whether JSON has named tuples as objects.";
    output_format_json_array_of_rows: Bool = "0", "Whether JSONEachRow is one array.";
    output_format_arrow_string_as_string: Bool = "1", "Whether Arrow has strings as text rather than as bytes.";
    output_format_write_statistics: Bool = "1", "Whether JSON tells of rows read and time.";
    output_format_decimal_trailing_zeros: Bool = "0", "Whether decimals are written with all digits of their scale.";
    output_format_pretty_max_rows: UInt64 = "1000", "Rows that Pretty formats show.";
    output_format_pretty_row_numbers: Bool = "1", "Whether Pretty formats number rows.";
    output_format_pretty_color: Bool = "0", "Whether Pretty formats use colours.";
    query_cache_ttl: Seconds = "60", "How long an answer may be kept.";
    use_query_cache: Bool = "0", "Whether answers may be kept.";
}

/// Settings of ClickHouse that clients send and that change nothing here: they tune what there is not
/// (distribution, quotas, spilling, its optimizer), or allow what is always allowed.
pub(super) const TOLERATED: &[&str] = &[
    "allow_experimental_analyzer",
    "allow_experimental_object_type",
    "allow_experimental_json_type",
    "allow_experimental_dynamic_type",
    "allow_experimental_variant_type",
    "allow_suspicious_low_cardinality_types",
    "allow_suspicious_types_in_order_by",
    "async_insert_deduplicate",
    "compile_expressions",
    "compress",
    "connect_timeout",
    "decompress",
    "distributed_product_mode",
    "enable_analyzer",
    "enable_optimize_predicate_expression",
    "enable_json_type",
    "force_index_by_date",
    "force_optimize_projection",
    "force_primary_key",
    "http_connection_timeout",
    "http_receive_timeout",
    "http_send_timeout",
    "http_response_buffer_size",
    "idle_connection_timeout",
    "input_format_csv_enum_as_number",
    "input_format_tsv_enum_as_number",
    "input_format_binary_read_json_as_string",
    "insert_quorum",
    "join_algorithm",
    "load_balancing",
    "log_comment",
    "log_query_threads",
    "low_cardinality_allow_in_native_format",
    "max_ast_elements",
    "max_compress_block_size",
    "max_execution_speed",
    "max_execution_speed_bytes",
    "max_expanded_ast_elements",
    "max_insert_threads",
    "max_parser_depth",
    "max_streams_to_max_threads_ratio",
    "max_temporary_columns",
    "min_insert_block_size_bytes",
    "min_insert_block_size_rows",
    "mutations_sync",
    "network_compression_method",
    "network_zstd_compression_level",
    "optimize_move_to_prewhere",
    "optimize_read_in_order",
    "optimize_throw_if_noop",
    "output_format_binary_write_json_as_string",
    "output_format_native_encode_types_in_binary_format",
    "output_format_native_write_json_as_string",
    "output_format_parallel_formatting",
    "parallel_view_processing",
    "parts_to_delay_insert",
    "partial_result_on_first_cancel",
    "poll_interval",
    "priority",
    "profile",
    "query_plan_optimize_lazy_materialization",
    "query_profiler_cpu_time_period_ns",
    "query_profiler_real_time_period_ns",
    "quota_key",
    "receive_timeout",
    "replace_running_query",
    "role",
    "schema_inference_make_columns_nullable",
    "send_logs_level",
    "send_timeout",
    "short_circuit_function_evaluation",
    "skip_unavailable_shards",
    "stream_like_engine_allow_direct_select",
    "timeout_before_checking_execution_speed",
    "timeout_overflow_mode",
    "use_client_time_zone",
    "use_skip_indexes",
    "use_uncompressed_cache",
    "use_query_condition_cache",
    "wait_for_async_insert_timeout",
    "max_estimated_execution_time",
    "use_legacy_to_time",
    "format_schema",
    "input_format_import_nested_json",
    "engine_file_truncate_on_insert",
    "materialize_statistics_on_insert",
    "alter_sync",
    "allow_deprecated_syntax_for_merge_tree",
    "allow_experimental_lightweight_delete",
    "compatibility_ignore_auto_increment_in_create_table",
    "enable_optimize_predicate_expression_to_final_subquery",
    "lightweight_deletes_sync",
    "optimize_fuse_sum_count_avg",
    "preferred_max_column_in_block_size_bytes",
    "use_skip_indexes_if_final",
    "joined_subquery_requires_alias",
    "optimize_aggregation_in_order",
    "min_count_to_compile_expression",
    "min_count_to_compile_aggregate_expression",
    "compile_aggregate_expressions",
    "allow_experimental_projection_optimization",
    "allow_experimental_map_type",
    "allow_experimental_bigint_types",
    "totals_auto_threshold",
    "optimize_trivial_count_query",
    "optimize_syntax_fuse_functions",
    "optimize_monotonous_functions_in_order_by",
    "optimize_min_equality_disjunction_chain_length",
    "max_untracked_memory",
    "max_joined_block_size_rows",
    "group_by_two_level_threshold_bytes",
    "group_by_two_level_threshold",
    "allow_hyperscan",
    "allow_experimental_geo_types",
    "optimize_if_chain_to_multiif",
    "optimize_group_by_function_keys",
    "optimize_injective_functions_inside_uniq",
    "optimize_distinct_in_order",
    "optimize_redundant_functions_in_order_by",
    "optimize_duplicate_order_by_and_distinct",
    "optimize_rewrite_sum_if_to_count_if",
    "optimize_arithmetic_operations_in_aggregate_functions",
    "optimize_functions_to_subcolumns",
    "optimize_skip_unused_shards",
    "optimize_use_projections",
    "optimize_read_in_window_order",
    "convert_query_to_cnf",
    "optimize_using_constraints",
    "optimize_append_index",
    "optimize_substitute_columns",
    "merge_tree_min_rows_for_concurrent_read",
    "merge_tree_min_bytes_for_concurrent_read",
    "allow_experimental_window_functions",
    "allow_experimental_live_view",
    "allow_experimental_nlp_functions",
    "distributed_aggregation_memory_efficient",
    "enable_global_with_statement",
    "query_plan_enable_optimizations",
    "query_plan_max_optimizations_to_apply",
    "query_plan_filter_push_down",
    "log_queries_min_type",
    "log_profile_events",
    "log_formatted_queries",
    "max_bytes_ratio_before_external_group_by",
    "max_bytes_ratio_before_external_sort",
    "use_index_for_in_with_subqueries",
    "preferred_block_size_bytes",
    "temporary_files_codec",
    "aggregation_memory_efficient_merge_threads",
    "max_final_threads",
    "local_filesystem_read_method",
    "allow_simdjson",
    "parallelize_output_from_storages",
];
