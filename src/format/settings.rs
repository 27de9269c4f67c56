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

/// Declares every setting once: its field, its type and its default.
macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr,)*) => {
        /// Settings of formats. Fields named like settings of ClickHouse mean the same.
        #[derive(Clone)]
        #[allow(missing_docs)]
        pub struct FormatSettings {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for FormatSettings {
            fn default() -> FormatSettings {
                FormatSettings { $($name: $default,)* }
            }
        }
    };
}

settings! {
    /// The zone of times whose type names none: the session's.
    time_zone: TimeZone = TimeZone::server(),
    date_time_input_format: DateTimeInput = DateTimeInput::BestEffort,
    date_time_output_format: DateTimeOutput = DateTimeOutput::Simple,

    input_format_skip_unknown_fields: bool = true,
    input_format_null_as_default: bool = true,
    input_format_defaults_for_omitted_fields: bool = true,
    input_format_with_names_use_header: bool = true,
    input_format_with_types_use_header: bool = true,
    input_format_allow_errors_num: u64 = 0,
    input_format_allow_errors_ratio: f32 = 0.0,
    input_format_json_ignore_unknown_keys_in_named_tuple: bool = true,
    input_format_tsv_empty_as_default: bool = false,
    input_format_tsv_crlf_end_of_line: bool = false,
    input_format_tsv_skip_first_lines: u64 = 0,
    input_format_csv_empty_as_default: bool = true,
    input_format_csv_trim_whitespaces: bool = true,
    input_format_csv_skip_first_lines: u64 = 0,
    input_format_csv_allow_variable_number_of_columns: bool = false,
    input_format_tsv_allow_variable_number_of_columns: bool = false,
    input_format_parquet_case_insensitive_column_matching: bool = false,
    input_format_parquet_allow_missing_columns: bool = true,
    input_format_values_interpret_expressions: bool = true,
    input_format_try_infer_integers: bool = true,
    input_format_try_infer_dates: bool = true,
    input_format_try_infer_datetimes: bool = true,
    input_format_max_rows_to_read_for_schema_inference: usize = 25_000,
    input_format_max_bytes_to_read_for_schema_inference: usize = 32 << 20,
    /// Whether inferred types are nullable.
    schema_inference_make_columns_nullable: bool = true,

    format_csv_delimiter: u8 = b',',
    format_csv_allow_single_quotes: bool = false,
    format_csv_allow_double_quotes: bool = true,
    format_csv_null_representation: String = "\\N".to_owned(),
    format_tsv_null_representation: String = "\\N".to_owned(),
    output_format_csv_crlf_end_of_line: bool = false,
    output_format_tsv_crlf_end_of_line: bool = false,

    output_format_json_quote_64bit_integers: bool = false,
    output_format_json_quote_64bit_floats: bool = false,
    output_format_json_quote_denormals: bool = false,
    output_format_json_quote_decimals: bool = false,
    output_format_json_escape_forward_slashes: bool = true,
    output_format_json_named_tuples_as_objects: bool = true,
    output_format_json_array_of_rows: bool = false,
    output_format_json_validate_utf8: bool = false,
    output_format_arrow_string_as_string: bool = true,
    output_format_write_statistics: bool = true,
    output_format_decimal_trailing_zeros: bool = false,

    output_format_pretty_max_rows: usize = 1000,
    output_format_pretty_max_column_pad_width: usize = 250,
    output_format_pretty_max_value_width: usize = 10_000,
    output_format_pretty_row_numbers: bool = true,
    output_format_pretty_color: bool = false,
    output_format_pretty_grid_ascii: bool = false,
    output_format_pretty_single_large_number_tip_threshold: u64 = 1_000_000,
    output_format_pretty_display_footer_column_names: bool = true,
    output_format_pretty_display_footer_column_names_min_rows: usize = 50,
    output_format_pretty_fallback_to_vertical: bool = true,
    output_format_markdown_escape_special_characters: bool = false,

    output_format_sql_insert_max_batch_size: usize = 65_409,
    output_format_sql_insert_table_name: String = "table".to_owned(),
    output_format_sql_insert_include_column_names: bool = true,
    output_format_sql_insert_use_replace: bool = false,
    output_format_sql_insert_quote_names: bool = true,

    input_format_binary_read_json_as_string: bool = false,
    input_format_binary_decode_types_in_binary_format: bool = false,
    input_format_native_decode_types_in_binary_format: bool = false,
    output_format_binary_write_json_as_string: bool = false,
    output_format_binary_encode_types_in_binary_format: bool = false,
    output_format_native_write_json_as_string: bool = false,
    output_format_native_encode_types_in_binary_format: bool = false,
    output_format_native_use_flattened_dynamic_and_json_serialization: bool = false,

    output_format_parquet_row_group_size: usize = 1_000_000,
    output_format_parquet_compression_method: String = "zstd".to_owned(),

    /// Revision of the client for Native: 0 for inserts and clients that name none.
    client_protocol_version: u64 = 0,
    /// Rows of a block that a reader gives at most.
    max_insert_block_size: usize = 65_536,
    /// Bytes of a block that a reader gives at most, about.
    max_block_bytes: usize = 64 << 20,
    /// The longest single value that is read.
    max_value_bytes: usize = 256 << 20,
    /// The longest row that is read by row formats.
    max_row_bytes: usize = 512 << 20,
    /// The longest input of formats that must be read whole (JSON, JSONColumns, RawBLOB).
    max_document_bytes: usize = 1 << 30,
    /// Where formats that need random access (Parquet, Arrow) put a long input.
    spool_directory: PathBuf = std::env::temp_dir(),
    /// The longest input that is spooled.
    max_spool_bytes: u64 = 64 << 30,
    /// The length from which an input is spooled to a file instead of kept in memory.
    spool_to_file_from_bytes: usize = 64 << 20,
    /// Takes texts of CLOB columns that are too long to be held.
    long_texts: Option<Arc<dyn types::clob::ClobSink>> = None,
    /// The longest text of a CLOB column.
    max_clob_bytes: u64 = 4 << 30,
    /// Computes expressions in `VALUES`.
    evaluate: Option<Evaluate> = None,
}

impl fmt::Debug for FormatSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormatSettings")
            .field("time_zone", &self.time_zone)
            .field("client_protocol_version", &self.client_protocol_version)
            .finish_non_exhaustive()
    }
}
