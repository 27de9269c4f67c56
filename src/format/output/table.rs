//! Tables of text: how wide columns are, and their lines.

use types::DataType;

use super::{About, Rows, is_right_aligned};
use crate::FormatSettings;
use crate::text::{Escaping, write_json_lines};

/// What the lines of a table look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// All cells in boxes.
    Boxes,
    /// Names in the upper line.
    Compact,
    /// No lines.
    Space,
}

/// How many columns of a terminal a text takes.
pub(super) fn width(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    match u32::from(c) {
        0..0x20 | 0x7f..0xa0 => 0,
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// `-- 1.23 million` behind a large number.
pub(super) fn large_number_tip(
    text: &[u8],
    data_type: &DataType,
    settings: &FormatSettings,
) -> Option<String> {
    const NAMES: [&str; 11] = [
        "million",
        "billion",
        "trillion",
        "quadrillion",
        "quintillion",
        "sextillion",
        "septillion",
        "octillion",
        "nonillion",
        "decillion",
        "undecillion",
    ];
    let threshold = settings.output_format_pretty_single_large_number_tip_threshold;
    if threshold == 0 || !data_type.inner().is_number() {
        return None;
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    // ClickHouse has no name for these either; the bounds are measured, to the last bit.
    let nameless = number.abs() > 1e17 && number.abs() < 18_446_749_999_999_997_952.0;
    if !number.is_finite() || number.abs() <= threshold as f64 || nameless {
        return None;
    }
    let mut scaled = number / 1e6;
    let mut name = 0;
    while scaled.abs() >= 1000.0 && name + 1 < NAMES.len() {
        scaled /= 1000.0;
        name += 1;
    }
    Some(format!("-- {scaled:.2} {}", NAMES[name]))
}

/// The lines and corners of a table.
struct Grid {
    bar: &'static str,
    dash: &'static str,
    heavy_bar: &'static str,
    heavy_dash: &'static str,
    top: [&'static str; 3],
    heavy_top: [&'static str; 3],
    below_header: [&'static str; 3],
    between: [&'static str; 3],
    above_footer: [&'static str; 3],
    heavy_bottom: [&'static str; 3],
    bottom: [&'static str; 3],
}

static UTF8: Grid = Grid {
    bar: "│",
    dash: "─",
    heavy_bar: "┃",
    heavy_dash: "━",
    top: ["┌", "┬", "┐"],
    heavy_top: ["┏", "┳", "┓"],
    below_header: ["┡", "╇", "┩"],
    between: ["├", "┼", "┤"],
    above_footer: ["┢", "╈", "┪"],
    heavy_bottom: ["┗", "┻", "┛"],
    bottom: ["└", "┴", "┘"],
};

const PLUS: [&str; 3] = ["+", "+", "+"];

static ASCII: Grid = Grid {
    bar: "|",
    dash: "-",
    heavy_bar: "|",
    heavy_dash: "-",
    top: PLUS,
    heavy_top: PLUS,
    below_header: PLUS,
    between: PLUS,
    above_footer: PLUS,
    heavy_bottom: PLUS,
    bottom: PLUS,
};

/// One table: its cells as lines of text, and how wide the columns are.
pub(super) struct Table<'a> {
    style: Style,
    about: &'a About,
    grid: &'static Grid,
    /// `cells[row][column]` as lines.
    pub(super) cells: Vec<Vec<Vec<String>>>,
    /// The numbers of the rows.
    numbers: Vec<u64>,
    /// After how many rows some were left out.
    gap: Option<usize>,
    pub(super) widths: Vec<usize>,
    /// Columns that the row numbers take.
    margin: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        style: Style,
        parts: &[(Rows<'_>, u64)],
        gap: Option<usize>,
        about: &'a About,
    ) -> Table<'a> {
        let settings = &about.settings;
        let mut cells = Vec::new();
        let mut numbers = Vec::new();
        for (rows, before) in parts {
            for row in 0..rows.count {
                cells.push(cell_lines(rows, row, about));
                numbers.push(before + row as u64 + 1);
            }
        }
        let limit = settings.output_format_pretty_max_column_pad_width;
        let widths = about
            .schema
            .fields()
            .iter()
            .enumerate()
            .map(|(at, field)| {
                let cells = cells.iter().filter_map(|row: &Vec<Vec<String>>| row.get(at));
                let lines = cells.flatten().map(|line| width(line.as_bytes()));
                let widest = lines.max().unwrap_or(0).min(limit);
                widest.max(width(field.name.as_bytes()).min(limit))
            })
            .collect();
        let digits = numbers.last().map_or(1, |n| n.to_string().len());
        let margin = if settings.output_format_pretty_row_numbers { digits + 2 } else { 0 };
        let grid = if settings.output_format_pretty_grid_ascii { &ASCII } else { &UTF8 };
        Table { style, about, grid, cells, numbers, gap, widths, margin }
    }

    /// A line of dashes with corners: left, between, right.
    fn rule(&self, corners: [&str; 3], dash: &str, out: &mut String) {
        out.push_str(&" ".repeat(self.margin));
        for (at, width) in self.widths.iter().enumerate() {
            out.push_str(corners[usize::from(at > 0)]);
            out.push_str(&dash.repeat(width + 2));
        }
        out.push_str(corners[2]);
        out.push('\n');
    }

    fn name(&self, name: &str, out: &mut String) {
        if self.about.settings.output_format_pretty_color {
            out.push_str(&format!("\x1b[1m{name}\x1b[0m"));
        } else {
            out.push_str(name);
        }
    }

    /// A line of dashes with the names in it.
    fn rule_with_names(&self, corners: [&str; 3], out: &mut String) {
        let dash = self.grid.dash;
        out.push_str(&" ".repeat(self.margin));
        for (at, (field, wide)) in self.about.schema.fields().iter().zip(&self.widths).enumerate() {
            out.push_str(corners[usize::from(at > 0)]);
            let fill = dash.repeat(wide.saturating_sub(width(field.name.as_bytes())));
            let right = is_right_aligned(&field.data_type);
            out.push_str(dash);
            if right {
                out.push_str(&fill);
            }
            self.name(&field.name, out);
            if !right {
                out.push_str(&fill);
            }
            out.push_str(dash);
        }
        out.push_str(corners[2]);
        out.push('\n');
    }

    /// A line of the names between bars, or between spaces.
    fn names(&self, out: &mut String) {
        let bar = if self.style == Style::Space { "" } else { self.grid.heavy_bar };
        let fields = self.about.schema.fields();
        out.push_str(&" ".repeat(self.margin));
        for (at, (field, wide)) in fields.iter().zip(&self.widths).enumerate() {
            out.push_str(match (self.style, at) {
                (Style::Space, 0) => " ",
                (Style::Space, _) => "   ",
                _ => bar,
            });
            let fill = " ".repeat(wide.saturating_sub(width(field.name.as_bytes())));
            let right = is_right_aligned(&field.data_type);
            if self.style != Style::Space {
                out.push(' ');
            }
            if right {
                out.push_str(&fill);
            }
            self.name(&field.name, out);
            if !right {
                out.push_str(&fill);
            }
            if self.style != Style::Space {
                out.push(' ');
            }
        }
        out.push_str(bar);
        out.push('\n');
    }

    fn header(&self, out: &mut String) {
        match self.style {
            Style::Boxes => {
                self.rule(self.grid.heavy_top, self.grid.heavy_dash, out);
                self.names(out);
                self.rule(self.grid.below_header, self.grid.heavy_dash, out);
            }
            Style::Compact => self.rule_with_names(self.grid.top, out),
            Style::Space => {
                self.names(out);
                out.push('\n');
            }
        }
    }

    fn footer(&self, out: &mut String) {
        let settings = &self.about.settings;
        let long = settings.output_format_pretty_display_footer_column_names_min_rows;
        let with_names =
            settings.output_format_pretty_display_footer_column_names && self.cells.len() >= long;
        match (self.style, with_names) {
            (Style::Boxes, true) => {
                self.rule(self.grid.above_footer, self.grid.heavy_dash, out);
                self.names(out);
                self.rule(self.grid.heavy_bottom, self.grid.heavy_dash, out);
            }
            (Style::Compact, true) => self.rule_with_names(self.grid.bottom, out),
            (Style::Boxes | Style::Compact, false) => {
                self.rule(self.grid.bottom, self.grid.dash, out);
            }
            (Style::Space, true) => {
                out.push('\n');
                self.names(out);
                out.push('\n');
            }
            (Style::Space, false) => {}
        }
    }

    fn row(&self, row: usize, out: &mut String) {
        let cells = &self.cells[row];
        let lines = cells.iter().map(Vec::len).max().unwrap_or(1);
        for line in 0..lines {
            self.margin_of(self.numbers[row], line, out);
            for (at, (cell, wide)) in cells.iter().zip(&self.widths).enumerate() {
                let field = &self.about.schema.fields()[at];
                let text = cell.get(line).map_or("", String::as_str);
                let fill = " ".repeat(wide.saturating_sub(width(text.as_bytes())));
                let (before, after) = match (line > 0 && line < cell.len(), line + 1 < cell.len()) {
                    (before, after) if self.style != Style::Space => {
                        (if before { "↳" } else { " " }, if after { "↴" } else { " " })
                    }
                    _ => (" ", " "),
                };
                if self.style != Style::Space {
                    out.push_str(self.grid.bar);
                } else if at > 0 {
                    out.push(' ');
                }
                out.push_str(before);
                let right = is_right_aligned(&field.data_type);
                out.push_str(&if right {
                    format!("{fill}{text}")
                } else {
                    format!("{text}{fill}")
                });
                out.push_str(after);
            }
            if self.style != Style::Space {
                out.push_str(self.grid.bar);
            }
            if let (0, Some(last), Some(field)) =
                (line, cells.last(), self.about.schema.fields().last())
                && let [text] = last.as_slice()
                && let Some(tip) =
                    large_number_tip(text.as_bytes(), &field.data_type, &self.about.settings)
            {
                out.push(' ');
                out.push_str(&tip);
            }
            out.push('\n');
        }
    }

    fn margin_of(&self, number: u64, line: usize, out: &mut String) {
        if self.margin == 0 {
            return;
        }
        let text = if line == 0 {
            format!("{:>1$}", format!("{number}. "), self.margin)
        } else {
            " ".repeat(self.margin)
        };
        if self.about.settings.output_format_pretty_color && line == 0 {
            out.push_str(&format!("\x1b[90m{text}\x1b[0m"));
        } else {
            out.push_str(&text);
        }
    }

    /// `─ ─ ─` as wide as the table, where rows were left out.
    fn gap_line(&self, out: &mut String) {
        let inner: usize = self.widths.iter().map(|w| w + 2).sum::<usize>();
        let all = if self.style == Style::Space {
            inner + self.widths.len().saturating_sub(1)
        } else {
            inner + self.widths.len() + 1
        };
        out.push_str(&" ".repeat(self.margin));
        let dash = self.grid.dash;
        let line: String = (0..all).map(|at| if at % 2 == 0 { dash } else { " " }).collect();
        out.push_str(if self.style == Style::Space { line.trim_end() } else { &line });
        out.push('\n');
    }

    pub(super) fn write(&self, out: &mut String) {
        self.header(out);
        for row in 0..self.cells.len() {
            if row > 0 && self.style == Style::Boxes {
                self.rule(self.grid.between, self.grid.dash, out);
            }
            if self.gap == Some(row) {
                self.gap_line(out);
                if self.style == Style::Boxes {
                    self.rule(self.grid.between, self.grid.dash, out);
                }
            }
            self.row(row, out);
        }
        self.footer(out);
    }
}

/// The cells of a row, each as its lines.
fn cell_lines(rows: &Rows<'_>, row: usize, about: &About) -> Vec<Vec<String>> {
    let settings = &about.settings;
    let limit = settings.output_format_pretty_max_value_width;
    rows.columns
        .iter()
        .map(|column| {
            let mut text = Vec::new();
            if column.is_named_tuple() && !column.is_null(row) {
                write_json_lines(column, row, settings, &mut text);
            } else {
                column.write(row, Escaping::Raw, settings, &mut text);
            }
            let mut text = String::from_utf8_lossy(&text).into_owned();
            if text.chars().count() > limit {
                text = text.chars().take(limit).chain(['⋯']).collect();
            }
            text.split('\n').map(str::to_owned).collect()
        })
        .collect()
}
