//! The settings that change what formats read and write, with ClickHouse's names and defaults.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base::{Result, bail};
use types::{DataType, TimeZone, Value};

/// How texts of dates with times are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateTimeInput {
    /// `YYYY-MM-DD hh:mm:ss` and Unix timestamps only.
    Basic,
    /// Any usual spelling, day before month.
    BestEffort,
    /// Any usual spelling, month before day.
    BestEffortUs,
}

impl DateTimeInput {
    /// The value of a setting.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an unknown name.
    pub fn parse(name: &str) -> Result<DateTimeInput> {
        Ok(match name {
            "basic" => DateTimeInput::Basic,
            "best_effort" => DateTimeInput::BestEffort,
            "best_effort_us" => DateTimeInput::BestEffortUs,
            _ => bail!(
                BadArguments,
                "Unexpected value of DateTimeInputFormat: '{name}'. \
                 Must be one of ['basic', 'best_effort', 'best_effort_us']"
            ),
        })
    }
}

/// How dates with times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateTimeOutput {
    /// `YYYY-MM-DD hh:mm:ss` in the time zone of the type.
    Simple,
    /// `YYYY-MM-DDThh:mm:ssZ` in UTC.
    Iso,
    /// Seconds since 1970.
    UnixTimestamp,
}

impl DateTimeOutput {
    /// The value of a setting.
    ///
    /// # Errors
    /// BAD_ARGUMENTS for an unknown name.
    pub fn parse(name: &str) -> Result<DateTimeOutput> {
        Ok(match name {
            "simple" => DateTimeOutput::Simple,
            "iso" => DateTimeOutput::Iso,
            "unix_timestamp" => DateTimeOutput::UnixTimestamp,
            _ => bail!(
                BadArguments,
                "Unexpected value of DateTimeOutputFormat: '{name}'. \
                 Must be one of ['simple', 'iso', 'unix_timestamp']"
            ),
        })
    }
}

/// Computes an expression of a `VALUES` list: its text and the type wanted.
pub type Evaluate = Arc<dyn Fn(&str, &DataType) -> Result<Value> + Send + Sync>;

/// Settings of formats. Fields named like settings of ClickHouse mean the same.
#[derive(Clone)]
#[allow(missing_docs)]
pub struct FormatSettings {
    /// The zone of times whose type names none: the session's.
    pub time_zone: TimeZone,
    pub date_time_input_format: DateTimeInput,
    pub date_time_output_format: DateTimeOutput,

    pub input_format_skip_unknown_fields: bool,
    pub input_format_null_as_default: bool,
    pub input_format_defaults_for_omitted_fields: bool,
    pub input_format_with_names_use_header: bool,
    pub input_format_with_types_use_header: bool,
    pub input_format_allow_errors_num: u64,
    pub input_format_allow_errors_ratio: f32,
    pub input_format_import_nested_json: bool,
    pub input_format_json_ignore_unknown_keys_in_named_tuple: bool,
    pub input_format_tsv_empty_as_default: bool,
    pub input_format_tsv_crlf_end_of_line: bool,
    pub input_format_tsv_skip_first_lines: u64,
    pub input_format_csv_empty_as_default: bool,
    pub input_format_csv_trim_whitespaces: bool,
    pub input_format_csv_skip_first_lines: u64,
    pub input_format_csv_allow_variable_number_of_columns: bool,
    pub input_format_tsv_allow_variable_number_of_columns: bool,
    pub input_format_parquet_case_insensitive_column_matching: bool,
    pub input_format_parquet_allow_missing_columns: bool,
    pub input_format_values_interpret_expressions: bool,
    pub input_format_try_infer_integers: bool,
    pub input_format_try_infer_dates: bool,
    pub input_format_try_infer_datetimes: bool,
    pub input_format_max_rows_to_read_for_schema_inference: usize,
    pub input_format_max_bytes_to_read_for_schema_inference: usize,
    /// Whether inferred types are nullable.
    pub schema_inference_make_columns_nullable: bool,

    pub format_csv_delimiter: u8,
    pub format_csv_allow_single_quotes: bool,
    pub format_csv_allow_double_quotes: bool,
    pub format_csv_null_representation: String,
    pub format_tsv_null_representation: String,
    pub output_format_csv_crlf_end_of_line: bool,
    pub output_format_tsv_crlf_end_of_line: bool,

    pub output_format_json_quote_64bit_integers: bool,
    pub output_format_json_quote_64bit_floats: bool,
    pub output_format_json_quote_denormals: bool,
    pub output_format_json_quote_decimals: bool,
    pub output_format_json_escape_forward_slashes: bool,
    pub output_format_json_named_tuples_as_objects: bool,
    pub output_format_json_array_of_rows: bool,
    pub output_format_json_validate_utf8: bool,
    pub output_format_write_statistics: bool,
    pub output_format_decimal_trailing_zeros: bool,

    pub output_format_pretty_max_rows: usize,
    pub output_format_pretty_max_column_pad_width: usize,
    pub output_format_pretty_max_value_width: usize,
    pub output_format_pretty_row_numbers: bool,
    pub output_format_pretty_color: bool,
    pub output_format_pretty_grid_ascii: bool,
    pub output_format_pretty_single_large_number_tip_threshold: u64,
    pub output_format_pretty_display_footer_column_names: bool,
    pub output_format_pretty_display_footer_column_names_min_rows: usize,
    pub output_format_pretty_fallback_to_vertical: bool,
    pub output_format_markdown_escape_special_characters: bool,

    pub output_format_sql_insert_max_batch_size: usize,
    pub output_format_sql_insert_table_name: String,
    pub output_format_sql_insert_include_column_names: bool,
    pub output_format_sql_insert_use_replace: bool,
    pub output_format_sql_insert_quote_names: bool,

    pub output_format_parquet_row_group_size: usize,
    pub output_format_parquet_compression_method: String,

    /// Revision of the client for Native: 0 for inserts and clients that name none.
    pub client_protocol_version: u64,
    /// Rows of a block that a reader gives at most.
    pub max_insert_block_size: usize,
    /// Bytes of a block that a reader gives at most, about.
    pub max_block_bytes: usize,
    /// The longest single value that is read.
    pub max_value_bytes: usize,
    /// The longest row that is read by row formats.
    pub max_row_bytes: usize,
    /// The longest input of formats that must be read whole (JSON, JSONColumns, RawBLOB).
    pub max_document_bytes: usize,
    /// Where formats that need random access (Parquet, Arrow) put a long input.
    pub spool_directory: PathBuf,
    /// The longest input that is spooled.
    pub max_spool_bytes: u64,
    /// The length from which an input is spooled to a file instead of kept in memory.
    pub spool_to_file_from_bytes: usize,
    /// Computes expressions in `VALUES`.
    pub evaluate: Option<Evaluate>,
}

impl Default for FormatSettings {
    fn default() -> FormatSettings {
        FormatSettings {
            time_zone: TimeZone::server(),
            date_time_input_format: DateTimeInput::BestEffort,
            date_time_output_format: DateTimeOutput::Simple,
            input_format_skip_unknown_fields: true,
            input_format_null_as_default: true,
            input_format_defaults_for_omitted_fields: true,
            input_format_with_names_use_header: true,
            input_format_with_types_use_header: true,
            input_format_allow_errors_num: 0,
            input_format_allow_errors_ratio: 0.0,
            input_format_import_nested_json: false,
            input_format_json_ignore_unknown_keys_in_named_tuple: true,
            input_format_tsv_empty_as_default: false,
            input_format_tsv_crlf_end_of_line: false,
            input_format_tsv_skip_first_lines: 0,
            input_format_csv_empty_as_default: true,
            input_format_csv_trim_whitespaces: true,
            input_format_csv_skip_first_lines: 0,
            input_format_csv_allow_variable_number_of_columns: false,
            input_format_tsv_allow_variable_number_of_columns: false,
            input_format_parquet_case_insensitive_column_matching: false,
            input_format_parquet_allow_missing_columns: true,
            input_format_values_interpret_expressions: true,
            input_format_try_infer_integers: true,
            input_format_try_infer_dates: true,
            input_format_try_infer_datetimes: true,
            input_format_max_rows_to_read_for_schema_inference: 25_000,
            input_format_max_bytes_to_read_for_schema_inference: 32 << 20,
            schema_inference_make_columns_nullable: true,
            format_csv_delimiter: b',',
            format_csv_allow_single_quotes: false,
            format_csv_allow_double_quotes: true,
            format_csv_null_representation: "\\N".to_owned(),
            format_tsv_null_representation: "\\N".to_owned(),
            output_format_csv_crlf_end_of_line: false,
            output_format_tsv_crlf_end_of_line: false,
            output_format_json_quote_64bit_integers: false,
            output_format_json_quote_64bit_floats: false,
            output_format_json_quote_denormals: false,
            output_format_json_quote_decimals: false,
            output_format_json_escape_forward_slashes: true,
            output_format_json_named_tuples_as_objects: true,
            output_format_json_array_of_rows: false,
            output_format_json_validate_utf8: false,
            output_format_write_statistics: true,
            output_format_decimal_trailing_zeros: false,
            output_format_pretty_max_rows: 1000,
            output_format_pretty_max_column_pad_width: 250,
            output_format_pretty_max_value_width: 10_000,
            output_format_pretty_row_numbers: true,
            output_format_pretty_color: false,
            output_format_pretty_grid_ascii: false,
            output_format_pretty_single_large_number_tip_threshold: 1_000_000,
            output_format_pretty_display_footer_column_names: true,
            output_format_pretty_display_footer_column_names_min_rows: 50,
            output_format_pretty_fallback_to_vertical: true,
            output_format_markdown_escape_special_characters: false,
            output_format_sql_insert_max_batch_size: 65_409,
            output_format_sql_insert_table_name: "table".to_owned(),
            output_format_sql_insert_include_column_names: true,
            output_format_sql_insert_use_replace: false,
            output_format_sql_insert_quote_names: true,
            output_format_parquet_row_group_size: 1_000_000,
            output_format_parquet_compression_method: "zstd".to_owned(),
            client_protocol_version: 0,
            max_insert_block_size: 65_536,
            max_block_bytes: 64 << 20,
            max_value_bytes: 256 << 20,
            max_row_bytes: 512 << 20,
            max_document_bytes: 1 << 30,
            spool_directory: std::env::temp_dir(),
            max_spool_bytes: 64 << 30,
            spool_to_file_from_bytes: 64 << 20,
            evaluate: None,
        }
    }
}

impl fmt::Debug for FormatSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormatSettings")
            .field("time_zone", &self.time_zone)
            .field("client_protocol_version", &self.client_protocol_version)
            .finish_non_exhaustive()
    }
}
