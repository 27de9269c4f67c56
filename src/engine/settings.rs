//! Settings: declared once, with type, default and meaning; `system.settings` comes from here.

mod declared;
mod tolerated;

use std::collections::BTreeMap;

use base::{Result, bail, error};
use exec::{OverflowMode, RowLimit, RowLimits};
use format::FormatSettings;
use format::settings::{DateTimeInput, DateTimeOutput};
use types::TimeZone;

pub use declared::{SETTINGS, SettingDeclaration, SettingKind};
pub(crate) use tolerated::TOLERATED;

/// The settings that differ from their defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    changed: BTreeMap<String, String>,
}

/// The declaration of a setting.
pub(crate) fn declaration(name: &str) -> Option<&'static SettingDeclaration> {
    SETTINGS.iter().find(|s| s.name == name)
}

impl Settings {
    /// The value as text; `None` where there is no such setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.changed.get(name) {
            Some(value) => Some(value),
            None => declaration(name).map(|s| s.default),
        }
    }

    /// The limits of operators that keep rows.
    pub(crate) fn row_limits(&self) -> RowLimits {
        let mode = |name| match self.get(name) {
            Some("break") => OverflowMode::Break,
            Some("any") => OverflowMode::Any,
            _ => OverflowMode::Throw,
        };
        let limit = |rows, name| RowLimit { rows: self.number(rows), mode: mode(name) };
        RowLimits {
            groups: limit("max_rows_to_group_by", "group_by_overflow_mode"),
            sort: limit("max_rows_to_sort", "sort_overflow_mode"),
            distinct: limit("max_rows_in_distinct", "distinct_overflow_mode"),
            read: mode("read_overflow_mode"),
        }
    }

    /// Whether the value differs from the default.
    pub fn is_changed(&self, name: &str) -> bool {
        self.changed.contains_key(name)
    }

    /// All values that differ from their defaults.
    pub fn changed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.changed.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a value.
    ///
    /// # Errors
    /// UNKNOWN_SETTING; CANNOT_PARSE_* and the like where the value is not of the setting's type. Settings of
    /// ClickHouse that change nothing here are taken and ignored.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let Some(declared) = declaration(name) else {
            if TOLERATED.contains(&name) {
                return Ok(());
            }
            let near = SETTINGS
                .iter()
                .map(|s| s.name)
                .find(|known| known.contains(name) || name.contains(known));
            let hint = near.map(|n| format!(". Maybe you meant {n}")).unwrap_or_default();
            bail!(UnknownSetting, "Unknown setting '{name}'{hint}");
        };
        let value = declared.kind.normalize(name, value)?;
        if value == declared.default {
            self.changed.remove(name);
        } else {
            self.changed.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// Puts a setting back to its default.
    pub fn reset(&mut self, name: &str) {
        self.changed.remove(name);
    }

    /// Takes over what differs in another set.
    pub fn extend(&mut self, other: &Settings) {
        self.changed.extend(other.changed.iter().map(|(k, v)| (k.clone(), v.clone())));
    }

    /// A flag.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("1")
    }

    /// A number; 0 where there is none.
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// A number of seconds.
    pub fn seconds(&self, name: &str) -> f64 {
        self.get(name).and_then(|v| v.parse().ok()).unwrap_or(0.0)
    }

    /// A number for sizes in memory; 0 means `otherwise`.
    pub fn size(&self, name: &str, otherwise: usize) -> usize {
        match usize::try_from(self.number(name)) {
            Ok(0) | Err(_) => otherwise,
            Ok(size) => size,
        }
    }

    /// The session's time zone.
    pub fn time_zone(&self) -> Result<TimeZone> {
        match self.get("session_timezone") {
            Some("") | None => Ok(TimeZone::server()),
            Some(name) => TimeZone::parse(name),
        }
    }

    /// What formats look at.
    pub fn format_settings(&self) -> Result<FormatSettings> {
        let mut f = FormatSettings { time_zone: self.time_zone()?, ..FormatSettings::default() };
        for (name, value) in &self.changed {
            let flag = value == "1";
            match name.as_str() {
                "date_time_input_format" => f.date_time_input_format = DateTimeInput::parse(value)?,
                "date_time_output_format" => {
                    f.date_time_output_format = DateTimeOutput::parse(value)?
                }
                "input_format_skip_unknown_fields" => f.input_format_skip_unknown_fields = flag,
                "input_format_null_as_default" => f.input_format_null_as_default = flag,
                "input_format_defaults_for_omitted_fields" => {
                    f.input_format_defaults_for_omitted_fields = flag;
                }
                "input_format_with_names_use_header" => f.input_format_with_names_use_header = flag,
                "input_format_allow_errors_num" => {
                    f.input_format_allow_errors_num = self.number(name);
                }
                "input_format_allow_errors_ratio" => {
                    f.input_format_allow_errors_ratio = self.seconds(name) as f32;
                }
                "input_format_values_interpret_expressions" => {
                    f.input_format_values_interpret_expressions = flag;
                }
                "format_csv_delimiter" => match value.as_bytes() {
                    [one] => f.format_csv_delimiter = *one,
                    _ => bail!(BadArguments, "format_csv_delimiter must be one character"),
                },
                "output_format_csv_crlf_end_of_line" => f.output_format_csv_crlf_end_of_line = flag,
                "output_format_tsv_crlf_end_of_line" => f.output_format_tsv_crlf_end_of_line = flag,
                "output_format_json_quote_64bit_integers" => {
                    f.output_format_json_quote_64bit_integers = flag;
                }
                "output_format_json_quote_64bit_floats" => {
                    f.output_format_json_quote_64bit_floats = flag;
                }
                "output_format_json_quote_denormals" => f.output_format_json_quote_denormals = flag,
                "output_format_json_quote_decimals" => f.output_format_json_quote_decimals = flag,
                "output_format_json_escape_forward_slashes" => {
                    f.output_format_json_escape_forward_slashes = flag;
                }
                "output_format_json_named_tuples_as_objects" => {
                    f.output_format_json_named_tuples_as_objects = flag;
                }
                "output_format_json_array_of_rows" => f.output_format_json_array_of_rows = flag,
                "output_format_arrow_string_as_string" => {
                    f.output_format_arrow_string_as_string = flag;
                }
                "output_format_write_statistics" => f.output_format_write_statistics = flag,
                "output_format_decimal_trailing_zeros" => {
                    f.output_format_decimal_trailing_zeros = flag
                }
                "output_format_pretty_max_rows" => {
                    f.output_format_pretty_max_rows = self.size(name, usize::MAX);
                }
                "output_format_pretty_row_numbers" => f.output_format_pretty_row_numbers = flag,
                "output_format_pretty_color" => f.output_format_pretty_color = flag,
                "client_protocol_version" => f.client_protocol_version = self.number(name),
                _ => set_binary(&mut f, name, flag),
            }
        }
        f.max_insert_block_size = self.size("max_insert_block_size", 65_536).clamp(1, 1 << 20);
        Ok(f)
    }
}

/// The settings of types and objects in binary formats.
fn set_binary(f: &mut FormatSettings, name: &str, flag: bool) {
    let setting = match name {
        "input_format_binary_read_json_as_string" => &mut f.input_format_binary_read_json_as_string,
        "input_format_binary_decode_types_in_binary_format" => {
            &mut f.input_format_binary_decode_types_in_binary_format
        }
        "input_format_native_decode_types_in_binary_format" => {
            &mut f.input_format_native_decode_types_in_binary_format
        }
        "output_format_binary_write_json_as_string" => {
            &mut f.output_format_binary_write_json_as_string
        }
        "output_format_binary_encode_types_in_binary_format" => {
            &mut f.output_format_binary_encode_types_in_binary_format
        }
        "output_format_native_write_json_as_string" => {
            &mut f.output_format_native_write_json_as_string
        }
        "output_format_native_encode_types_in_binary_format" => {
            &mut f.output_format_native_encode_types_in_binary_format
        }
        "output_format_native_use_flattened_dynamic_and_json_serialization" => {
            &mut f.output_format_native_use_flattened_dynamic_and_json_serialization
        }
        _ => return,
    };
    *setting = flag;
}

impl SettingKind {
    /// The canonical text of a value.
    fn normalize(self, name: &str, value: &str) -> Result<String> {
        let wrong = || {
            error!(
                CannotParseInputAssertionFailed,
                "Cannot parse value '{value}' of setting {name} as {self:?}"
            )
        };
        Ok(match self {
            SettingKind::Bool => match value.to_ascii_lowercase().as_str() {
                "1" | "true" | "on" | "yes" => "1".to_owned(),
                "0" | "false" | "off" | "no" => "0".to_owned(),
                number => match number.parse::<i64>() {
                    Ok(n) => i32::from(n != 0).to_string(),
                    Err(_) => bail!(
                        CannotParseBool,
                        "Cannot parse value '{value}' of setting {name} as Bool"
                    ),
                },
            },
            SettingKind::UInt64 => size(value).ok_or_else(wrong)?.to_string(),
            SettingKind::Float | SettingKind::Seconds => {
                let number: f64 = value.parse().map_err(|_| wrong())?;
                if !number.is_finite() || number < 0.0 {
                    return Err(wrong());
                }
                number.to_string()
            }
            SettingKind::String => value.to_owned(),
            SettingKind::OverflowMode if ["throw", "break"].contains(&value) => value.to_owned(),
            SettingKind::OverflowMode if value == "any" && name == "group_by_overflow_mode" => {
                value.to_owned()
            }
            SettingKind::OverflowMode => bail!(
                UnknownOverflowMode,
                "Unexpected value '{value}' of setting {name}: it is 'throw' or 'break'"
            ),
            SettingKind::TimeZone => {
                if !value.is_empty() {
                    TimeZone::parse(value)?;
                }
                value.to_owned()
            }
        })
    }
}

/// A number, possibly with a suffix of size: `10`, `4G`, `512Mi`, `auto(8)`.
fn size(value: &str) -> Option<u64> {
    let value = value.trim().trim_start_matches("auto(").trim_end_matches(')');
    if value == "auto" {
        return Some(0);
    }
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, suffix) = value.split_at(digits);
    let number: u64 = match number.parse() {
        Ok(number) => number,
        Err(_) => {
            return value
                .parse::<f64>()
                .ok()
                .filter(|f| f.is_finite() && *f >= 0.0)
                .map(|f| f as u64);
        }
    };
    let factor: u64 = match suffix.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => {
            return value
                .parse::<f64>()
                .ok()
                .filter(|f| f.is_finite() && *f >= 0.0)
                .map(|f| f as u64);
        }
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use base::ErrorCode;

    use super::Settings;

    #[test]
    fn values_are_checked_and_unknown_names_refused() {
        let mut settings = Settings::default();
        settings.set("max_threads", "4").unwrap();
        settings.set("max_memory_usage", "2Gi").unwrap();
        settings.set("join_use_nulls", "true").unwrap();
        assert_eq!(settings.number("max_memory_usage"), 2 << 30);
        assert!(settings.flag("join_use_nulls"));
        assert_eq!(
            settings.set("no_such_setting", "1").unwrap_err().code(),
            ErrorCode::UnknownSetting
        );
        assert!(settings.set("max_threads", "many").is_err());
        assert!(settings.set("session_timezone", "Mars/Olympus").is_err());
        settings.set("max_threads", "0").unwrap();
        assert!(!settings.is_changed("max_threads"));
    }
}
