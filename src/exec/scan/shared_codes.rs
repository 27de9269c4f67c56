//! Codes that blocks of all parts share: dictionaries of several parts brought together, and columns of integers
//! given out as codes where that was asked for.

use std::sync::Arc;

use base::Result;
use storage::PartDictionary;
use types::Dictionary;

use super::prepare::{PreparedPart, PreparedScan};
use crate::context::ExecContext;

impl PreparedScan {
    /// Brings the dictionaries of several parts together for the columns that are given out, where that
    /// pays: the dictionaries must not be much larger than what is read.
    pub(crate) fn unify(&self, context: &Arc<ExecContext>) -> Result<()> {
        if self.parts.len() < 2 || !self.encoded {
            return Ok(());
        }
        for column in 0..self.visible {
            if let Some(dictionaries) = self.dictionaries(|part| {
                part.chunks[column].as_ref().map_or(Ok(None), |chunk| chunk.dictionary())
            })? {
                self.unify_column(column, &dictionaries, context)?;
            }
        }
        Ok(())
    }

    /// The dictionaries of all parts; `None` if one has none.
    fn dictionaries(
        &self,
        of: impl Fn(&PreparedPart) -> Result<Option<Arc<PartDictionary>>>,
    ) -> Result<Option<Vec<Arc<PartDictionary>>>> {
        self.parts
            .iter()
            .map(|part| of(part).transpose())
            .collect::<Option<Result<_>>>()
            .transpose()
    }

    /// Brings the dictionaries of a column together; whether that was done.
    fn unify_column(
        &self,
        column: usize,
        dictionaries: &[Arc<PartDictionary>],
        context: &ExecContext,
    ) -> Result<bool> {
        let rows: usize = self.parts.iter().map(PreparedPart::rows).sum();
        let entries: usize = dictionaries.iter().map(|d| d.len()).sum();
        let Some(global) = context.caches.translations.get(dictionaries, entries <= rows)? else {
            return Ok(false);
        };
        for (at, part) in self.parts.iter().enumerate() {
            part.unified.write()[column] = Some((at, global.clone()));
        }
        Ok(true)
    }

    /// Gives columns of integers out as codes of one dictionary, where that pays.
    pub(crate) fn want_codes(&self, columns: &[usize], context: &ExecContext) -> Result<()> {
        let rows: usize = self.parts.iter().map(PreparedPart::rows).sum();
        for column in columns.iter().copied().filter(|c| self.encoded && *c < self.visible) {
            let numbers = self.dictionaries(|part| {
                part.chunks[column].as_ref().map_or(Ok(None), |chunk| chunk.numbers())
            })?;
            let coded = match numbers.as_deref() {
                None | Some([]) => false,
                Some([only]) => only.len() <= rows,
                Some(several) => self.unify_column(column, several, context)?,
            };
            self.as_codes.write()[column] = coded;
        }
        Ok(())
    }

    /// Whether a column of integers is given out as codes.
    pub(crate) fn gives_codes(&self, column: usize) -> bool {
        self.as_codes.read()[column]
    }

    /// The dictionary that all blocks hold codes of, where there is one.
    pub(crate) fn dictionary(&self, column: usize) -> Option<Arc<dyn Dictionary>> {
        if !self.encoded || column >= self.visible {
            return None;
        }
        let first = self.parts.first()?;
        if self.parts.len() == 1 {
            let chunk = first.chunks[column].as_ref()?;
            let found = if self.gives_codes(column) { chunk.numbers() } else { chunk.dictionary() };
            return Some(found.ok()?? as Arc<dyn Dictionary>);
        }
        let unified = first.unified.read();
        let (_, global) = unified[column].as_ref()?;
        Some(global.clone() as Arc<dyn Dictionary>)
    }
}
