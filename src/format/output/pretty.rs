//! Pretty, PrettyCompact and PrettySpace: tables for people.
//!
//! The rows to be shown are kept until the end, because widths depend on all of them: the first
//! half of `output_format_pretty_max_rows` and the last half, the rows between are left out.

use base::Result;
use types::{Block, Schema};

use super::table::{Style, Table};
use super::{About, BlockWriter, Rows, Statistics, flat, texts, vertical};
use crate::FormatSettings;
use crate::declaration::FormatDeclaration;

struct Pretty {
    style: Style,
    about: About,
    head: Vec<Block>,
    head_rows: usize,
    tail: Vec<Block>,
    tail_rows: usize,
    rows: u64,
    totals: Option<Block>,
    extremes: Option<Block>,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let mut settings = settings.clone();
    settings.output_format_pretty_color &= !declaration.name.contains("NoEscapes");
    Ok(Box::new(Pretty {
        style: match declaration.base_name {
            "PrettyCompact" => Style::Compact,
            "PrettySpace" => Style::Space,
            _ => Style::Boxes,
        },
        about: About { schema: schema.clone(), settings },
        head: Vec::new(),
        head_rows: 0,
        tail: Vec::new(),
        tail_rows: 0,
        rows: 0,
        totals: None,
        extremes: None,
    }))
}

impl Pretty {
    /// Makes one table of blocks; `before` rows stand before each.
    fn table(&self, blocks: &[(Block, u64)], gap: Option<usize>, out: &mut Vec<u8>) -> Result<()> {
        let arrays = blocks.iter().map(|(b, _)| flat(b)).collect::<Result<Vec<_>>>()?;
        let mut parts = Vec::new();
        for (arrays, (block, before)) in arrays.iter().zip(blocks) {
            let columns = texts(arrays, &self.about)?;
            parts.push((Rows { columns, count: block.rows() }, *before));
        }
        let table = Table::new(self.style, &parts, gap, &self.about);
        let wide: usize = table.widths.iter().sum();
        let has_lines = table.cells.iter().flatten().any(|lines| lines.len() > 1);
        let falls_back = self.about.settings.output_format_pretty_fallback_to_vertical
            && table.widths.len() >= 5
            && (wide >= 250 || has_lines)
            && table.cells.len() <= 10;
        if falls_back {
            for (rows, before) in &parts {
                vertical::write_rows(rows, *before, true, &self.about, out);
            }
            return Ok(());
        }
        let mut text = String::new();
        table.write(&mut text);
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// Drops rows from the front of the tail until `keep` are left.
    fn shorten_tail(&mut self, keep: usize) {
        while self.tail_rows > keep {
            let Some(first) = self.tail.first() else { break };
            let surplus = self.tail_rows - keep;
            if first.rows() <= surplus {
                self.tail_rows -= first.rows();
                self.tail.remove(0);
            } else {
                let left = first.rows() - surplus;
                self.tail[0] = first.slice(surplus, left);
                self.tail_rows = keep;
            }
        }
    }
}

impl BlockWriter for Pretty {
    fn write(&mut self, block: &Block, _: &mut Vec<u8>) -> Result<()> {
        let most = self.about.settings.output_format_pretty_max_rows.max(1);
        let head = most.div_ceil(2);
        let mut rest = block.clone();
        self.rows += block.rows() as u64;
        if self.head_rows < head && rest.rows() > 0 {
            let taken = rest.rows().min(head - self.head_rows);
            self.head.push(rest.slice(0, taken));
            self.head_rows += taken;
            rest = rest.slice(taken, rest.rows() - taken);
        }
        if rest.rows() > 0 {
            self.tail_rows += rest.rows();
            self.tail.push(rest);
            self.shorten_tail(most - head);
        }
        Ok(())
    }

    fn totals(&mut self, block: &Block) -> Result<()> {
        self.totals = (block.rows() > 0).then(|| block.clone());
        Ok(())
    }

    fn extremes(&mut self, block: &Block) -> Result<()> {
        self.extremes = (block.rows() > 0).then(|| block.clone());
        Ok(())
    }

    fn finish(&mut self, _: &Statistics, out: &mut Vec<u8>) -> Result<()> {
        let shown = self.head_rows + self.tail_rows;
        if shown > 0 {
            let mut blocks = Vec::new();
            let mut before = 0;
            for block in &self.head {
                blocks.push((block.clone(), before));
                before += block.rows() as u64;
            }
            before = self.rows - self.tail_rows as u64;
            for block in &self.tail {
                blocks.push((block.clone(), before));
                before += block.rows() as u64;
            }
            let cut = (shown as u64) < self.rows;
            self.table(&blocks, cut.then_some(self.head_rows), out)?;
            if cut {
                if self.style == Style::Space {
                    out.push(b'\n');
                }
                let text = format!("Showed {shown} out of {} rows.\n", self.rows);
                out.extend_from_slice(text.as_bytes());
            }
        }
        for (title, block) in [("Totals:", &self.totals), ("Extremes:", &self.extremes)] {
            if let Some(block) = block {
                out.extend_from_slice(format!("\n{title}\n").as_bytes());
                self.table(&[(block.clone(), 0)], None, out)?;
            }
        }
        Ok(())
    }
}
