//! RowBinary out: values of a row one after another, little-endian, strings with their length.

use base::Result;
use types::{Block, Schema};

use super::{BlockWriter, Statistics, flat};
use crate::FormatSettings;
use crate::binary::{ColumnBytes, write_string, write_varint};
use crate::declaration::{FormatDeclaration, Header};
use crate::type_code::write_type;

struct RowBinary {
    schema: Schema,
    settings: FormatSettings,
    header: Header,
    started: bool,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    Ok(Box::new(RowBinary {
        schema: schema.clone(),
        settings: settings.clone(),
        header: declaration.header,
        started: false,
    }))
}

impl RowBinary {
    fn start(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        if self.header == Header::None {
            return Ok(());
        }
        let fields = self.schema.fields();
        write_varint(fields.len() as u64, out);
        fields.iter().for_each(|f| write_string(f.name.as_bytes(), out));
        if self.header == Header::NamesAndTypes {
            for field in fields {
                match self.settings.output_format_binary_encode_types_in_binary_format {
                    true => write_type(&field.data_type, out)?,
                    false => write_string(field.data_type.to_string().as_bytes(), out),
                }
            }
        }
        Ok(())
    }
}

impl BlockWriter for RowBinary {
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()> {
        self.start(out)?;
        let arrays = flat(block)?;
        let columns = arrays
            .iter()
            .zip(self.schema.fields())
            .map(|(array, field)| ColumnBytes::new(array, &field.data_type, &self.settings))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..block.rows() {
            for column in &columns {
                column.write(row, out);
            }
        }
        Ok(())
    }

    fn totals(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn extremes(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Statistics, out: &mut Vec<u8>) -> Result<()> {
        self.start(out)?;
        Ok(())
    }
}
