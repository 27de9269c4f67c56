//! How long an answer may get: `max_result_rows`, `max_result_bytes`, `result_overflow_mode`.

use base::{Result, bail};

use crate::settings::Settings;

/// How long an answer may be, and how long it is.
pub(crate) struct ResultLimits {
    most_rows: u64,
    most_bytes: u64,
    throws: bool,
    rows: u64,
    bytes: u64,
    /// Whether the answer was ended because it is long enough.
    pub(crate) reached: bool,
}

impl ResultLimits {
    pub(crate) fn new(settings: &Settings) -> ResultLimits {
        let most = |name| match settings.number(name) {
            0 => u64::MAX,
            most => most,
        };
        ResultLimits {
            most_rows: most("max_result_rows"),
            most_bytes: most("max_result_bytes"),
            throws: settings.get("result_overflow_mode") != Some("break"),
            rows: 0,
            bytes: 0,
            reached: false,
        }
    }

    /// Counts a block; whether more may come.
    pub(crate) fn add(&mut self, rows: u64, bytes: u64) -> Result<bool> {
        self.rows = self.rows.saturating_add(rows);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.rows > self.most_rows || self.bytes > self.most_bytes {
            if self.throws {
                let (what, found, most) = if self.rows > self.most_rows {
                    ("rows", self.rows, self.most_rows)
                } else {
                    ("bytes", self.bytes, self.most_bytes)
                };
                bail!(
                    TooManyRowsOrBytes,
                    "Limit for result exceeded, max {what}: {most}, current {what}: {found} \
                     (setting max_result_{what})"
                );
            }
            self.reached = true;
        }
        Ok(!self.reached)
    }
}
