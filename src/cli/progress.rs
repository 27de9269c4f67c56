//! What a query has done so far, and the line that tells of it.

use std::io::Write;
use std::time::Duration;

/// Counts of a query.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) total_rows: u64,
    pub(crate) memory: u64,
    pub(crate) result_rows: u64,
    pub(crate) written_rows: u64,
    pub(crate) elapsed: Duration,
}

impl Progress {
    /// The question that a row of `system.processes` answers.
    pub(crate) fn question(query_id: &str) -> String {
        let id = query_id.replace('\\', "\\\\").replace('\'', "\\'");
        format!(
            "SELECT read_rows, read_bytes, total_rows_approx, memory_usage FROM system.processes \
             WHERE query_id = '{id}' LIMIT 1"
        )
    }

    /// Reads that answer; `None` where the query is not among the running ones.
    pub(crate) fn read_row(row: &str, elapsed: Duration) -> Option<Progress> {
        let mut numbers = row.trim_end().split('\t').map(|field| field.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Progress {
            read_rows: next()?,
            read_bytes: next()?,
            total_rows: next()?,
            memory: next().unwrap_or_default(),
            elapsed,
            ..Progress::default()
        })
    }

    /// Takes over what a summary says, a JSON object of strings.
    pub(crate) fn read_summary(&mut self, summary: &str) {
        let field = |name: &str| {
            let (_, rest) = summary.split_once(&format!("\"{name}\":\""))?;
            rest.split('"').next()?.parse::<u64>().ok()
        };
        let raise = |counter: &mut u64, name| *counter = (*counter).max(field(name).unwrap_or(0));
        raise(&mut self.read_rows, "read_rows");
        raise(&mut self.read_bytes, "read_bytes");
        raise(&mut self.total_rows, "total_rows_to_read");
        raise(&mut self.memory, "memory_usage");
        raise(&mut self.result_rows, "result_rows");
        raise(&mut self.written_rows, "written_rows");
    }

    /// The line shown while the query runs.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{:.1} s", self.elapsed.as_secs_f64());
        if self.read_rows > 0 {
            line.push_str(&format!(", {}", self.processed()));
        }
        if self.total_rows > self.read_rows && self.total_rows > 0 {
            let part = self.read_rows as f64 / self.total_rows as f64 * 100.0;
            line.push_str(&format!(", {part:.0}% of {} rows", count(self.total_rows)));
        }
        if self.memory > 0 {
            line.push_str(&format!(", {} memory", size(self.memory)));
        }
        line
    }

    /// The lines shown after the query.
    pub(crate) fn report(&self, has_result: bool) -> String {
        let mut report = match (has_result, self.result_rows, self.written_rows) {
            (true, rows, _) if rows > 0 => format!("{} in set. ", rows_word(rows)),
            (_, _, written) if written > 0 => format!("{} written. ", rows_word(written)),
            _ => "Ok. ".to_owned(),
        };
        report.push_str(&format!("Elapsed: {:.3} sec.", self.elapsed.as_secs_f64()));
        if self.read_rows > 0 {
            report.push_str(&format!(" Processed {}.", self.processed()));
        }
        if self.memory > 0 {
            report.push_str(&format!("\nPeak memory usage: {}.", size(self.memory)));
        }
        report
    }

    fn processed(&self) -> String {
        let seconds = self.elapsed.as_secs_f64().max(1e-6);
        format!(
            "{} rows, {} ({} rows/s, {}/s)",
            count(self.read_rows),
            size(self.read_bytes),
            count((self.read_rows as f64 / seconds) as u64),
            size((self.read_bytes as f64 / seconds) as u64)
        )
    }
}

fn rows_word(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// A count of rows for people.
fn count(rows: u64) -> String {
    match rows {
        0..1_000 => rows.to_string(),
        1_000..1_000_000 => format!("{:.2} thousand", rows as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} million", rows as f64 / 1e6),
        _ => format!("{:.2} billion", rows as f64 / 1e9),
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.2} {}", UNITS[unit]) }
}

/// The line itself, drawn over and over at the same place of the terminal.
pub(crate) struct Line {
    enabled: bool,
    drawn: bool,
}

impl Line {
    pub(crate) fn new(enabled: bool) -> Line {
        Line { enabled, drawn: false }
    }

    pub(crate) fn draw(&mut self, progress: &Progress) {
        if self.enabled {
            // Without a terminal to draw on there is nobody to tell.
            let mut terminal = std::io::stderr().lock();
            // A line longer than the terminal is cut, not wrapped: only one line is cleared.
            let _ = write!(terminal, "\r\x1b[K\x1b[?7l{}\x1b[?7h", progress.line());
            let _ = terminal.flush();
            self.drawn = true;
        }
    }

    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let mut terminal = std::io::stderr().lock();
            let _ = write!(terminal, "\r\x1b[K");
            let _ = terminal.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Progress;

    #[test]
    fn rows_and_summaries_become_lines() {
        let elapsed = Duration::from_millis(500);
        let mut progress =
            Progress::read_row("1000000\t8388608\t4000000\t1048576\n", elapsed).unwrap();
        assert_eq!(
            progress.line(),
            "0.5 s, 1.00 million rows, 8.00 MiB (2.00 million rows/s, 16.00 MiB/s), \
             25% of 4.00 million rows, 1.00 MiB memory"
        );
        progress
            .read_summary("{\"read_rows\":\"2000000\",\"read_bytes\":\"1\",\"result_rows\":\"1\"}");
        assert_eq!(
            progress.report(true),
            "1 row in set. Elapsed: 0.500 sec. Processed 2.00 million rows, 8.00 MiB (4.00 million \
             rows/s, 16.00 MiB/s).\nPeak memory usage: 1.00 MiB."
        );
        assert_eq!(Progress::read_row("", elapsed), None);
        assert_eq!(Progress::default().report(false), "Ok. Elapsed: 0.000 sec.");
        assert!(Progress::question("a'b").contains("'a\\'b'"));
    }
}
