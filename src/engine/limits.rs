//! Limits that a query or a table sets, looked at before anything is read or written.

use base::{Result, bail};
use plan::{Plan, Source};
use storage::Table;

use crate::query::Query;

impl Query<'_> {
    /// Fails where more columns of a table would be read than the query may read.
    pub(crate) fn check_columns(&self, plan: &Plan) -> Result<()> {
        let most = self.settings.size("max_columns_to_read", usize::MAX);
        if most == usize::MAX {
            return Ok(());
        }
        if let Plan::Scan(scan) = plan
            && matches!(scan.source, Source::Table(_))
            && scan.columns.len() > most
        {
            bail!(
                TooManyColumns,
                "Limit for number of columns to read exceeded: {} of {} are requested, maximum: {most}",
                scan.columns.len(),
                scan.table
            );
        }
        plan.inputs().into_iter().try_for_each(|input| self.check_columns(input))
    }

    /// Fails where a table has as many parts that nothing more may be inserted into it.
    pub(crate) fn check_parts(&self, table: &Table) -> Result<()> {
        let snapshot = table.snapshot();
        let settings = &snapshot.definition.settings;
        let limit = |name: &str| -> usize {
            let written = settings.get(name).and_then(|value| value.parse().ok());
            written.filter(|limit| *limit > 0).unwrap_or(usize::MAX)
        };
        let in_total = limit("max_parts_in_total");
        if snapshot.parts.len() >= in_total {
            bail!(
                TooManyParts,
                "Too many parts ({}) in all partitions in total in table {}. Merges are processing significantly \
                 slower than inserts",
                snapshot.parts.len(),
                snapshot.definition.full_name()
            );
        }
        Ok(())
    }
}
