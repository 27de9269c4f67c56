//! Tables of FROM: stored ones, common table expressions, table functions, views, subqueries.

use base::{Result, bail};
use sql::ast::{Query, TableName, TableReference};
use types::{Field, Schema};

use super::Analyzer;
use super::join::scoped;
use super::scope::{Scope, TableLabel};
use crate::{ColumnKind, Plan, Relation, RelationColumn, RelationSource, Scan, Source};

impl Analyzer<'_> {
    /// One table, and what names mean over it.
    pub(super) fn table(&mut self, table: &TableReference) -> Result<(Plan, Scope)> {
        match table {
            TableReference::Table { name, alias, is_final, sample } => {
                let found = self.common_table(name)?;
                let (mut sampling_key, mut stored) = (None, None);
                let (mut plan, mut columns, label) = match found {
                    Some(_) if *is_final || sample.is_some() => bail!(
                        UnsupportedMethod,
                        "Table expression modifiers FINAL and SAMPLE are not supported for {}, which is a subquery",
                        name.table
                    ),
                    Some((plan, columns)) => (
                        plan,
                        columns,
                        TableLabel { name: Some(name.table.clone()), ..TableLabel::default() },
                    ),
                    None => {
                        let mut relation = self.environment.table(&self.qualified(name))?;
                        if let RelationSource::Table(snapshot) = &relation.source {
                            stored = Some(snapshot.clone());
                        }
                        match relation.combined.take() {
                            Some(combined) if *is_final || self.environment.flag("final") => {
                                relation.source = RelationSource::Blocks(combined);
                            }
                            None if *is_final => {
                                bail!(IllegalFinal, "Table {} has no FINAL", name.table)
                            }
                            _ => {}
                        }
                        sampling_key = relation.sampling_key.take();
                        self.relation(relation)?
                    }
                };
                let label = TableLabel { alias: alias.clone(), ..label };
                (plan, columns) = self.scored(plan, columns, &label)?;
                if let Some(sample) = sample {
                    (plan, columns) = self.sampled(plan, columns, sampling_key, sample)?;
                }
                let (plan, mut scope) = scoped(plan, &columns, label);
                stored.iter().for_each(|snapshot| scope.set_texts(&snapshot.definition));
                Ok((plan, scope))
            }
            TableReference::Function { name, arguments, alias } => {
                let relation = self.environment.table_function(name, arguments)?;
                let (plan, columns, label) = self.relation(relation)?;
                Ok(scoped(plan, &columns, TableLabel { alias: alias.clone(), ..label }))
            }
            TableReference::Subquery { query, alias, columns } => {
                let mut plan = self.query(query)?;
                if !columns.is_empty() {
                    if columns.len() != plan.schema().len() {
                        bail!(
                            BadArguments,
                            "{} names for {} columns",
                            columns.len(),
                            plan.schema().len()
                        );
                    }
                    plan = plan.renamed(columns);
                }
                let relation = ordinary(&plan.schema());
                Ok(scoped(
                    plan,
                    &relation,
                    TableLabel { alias: alias.clone(), ..TableLabel::default() },
                ))
            }
        }
    }

    /// A table's name as it is meant: within a view in the view's database.
    fn qualified(&self, name: &TableName) -> TableName {
        let database = name.database.clone().or_else(|| self.database.clone());
        TableName { database, table: name.table.clone() }
    }

    /// A common table expression of that name, planned anew for every use.
    fn common_table(&mut self, name: &TableName) -> Result<Option<(Plan, Vec<RelationColumn>)>> {
        if name.database.is_some() {
            return Ok(None);
        }
        if let Some((_, rows)) = self.working.iter().rev().find(|(known, _)| *known == name.table) {
            let columns = ordinary(&rows.schema());
            return Ok(Some((rows.clone(), columns)));
        }
        let Some(at) = self.tables.iter().rposition(|t| t.contains_key(&name.table)) else {
            return Ok(None);
        };
        let Some(common) = self.tables[at].get(&name.table).cloned() else { return Ok(None) };
        // Within itself the name means what it meant outside.
        let hidden = self.tables.split_off(at);
        let mut without = hidden[0].as_ref().clone();
        without.remove(&name.table);
        self.tables.push(std::rc::Rc::new(without));
        let planned = self.independent(&common.query);
        self.tables.truncate(at);
        self.tables.extend(hidden);
        let mut plan = planned?;
        if !common.columns.is_empty() && common.columns.len() == plan.schema().len() {
            plan = plan.renamed(&common.columns);
        }
        let columns = ordinary(&plan.schema());
        Ok(Some((plan, columns)))
    }

    /// The rows of a relation.
    fn relation(&mut self, relation: Relation) -> Result<(Plan, Vec<RelationColumn>, TableLabel)> {
        let label = TableLabel {
            alias: None,
            database: relation.database.clone(),
            name: Some(relation.name.clone()),
        };
        let stored: Vec<&RelationColumn> =
            relation.columns.iter().filter(|c| !matches!(c.kind, ColumnKind::Alias(_))).collect();
        let schema = Schema::new(
            stored.iter().map(|c| Field::new(c.name.clone(), c.data_type.clone())).collect(),
        );
        let source = match relation.source {
            RelationSource::View(query) => {
                let outer = std::mem::replace(&mut self.database, relation.database.clone());
                let plan = self.view(&query);
                self.database = outer;
                let plan = plan?;
                let schema = plan.schema();
                if relation.columns.len() != schema.len() {
                    return Ok((plan, ordinary(&schema), label));
                }
                // What the view declares holds, whatever the tables below have become.
                let fields = relation.columns.iter();
                let fields = fields.map(|c| Field::new(c.name.clone(), c.data_type.clone()));
                let plan =
                    super::cast_columns(plan, &Schema::new(fields.collect()), self.environment)?;
                return Ok((plan, relation.columns, label));
            }
            RelationSource::Table(snapshot) => Source::Table(snapshot),
            RelationSource::Blocks(source) => Source::Blocks(source),
        };
        let table = match &relation.database {
            Some(database) => format!("{database}.{}", relation.name),
            None => relation.name.clone(),
        };
        let plan = Plan::Scan(Scan {
            table,
            source,
            columns: (0..schema.len()).collect(),
            visible: schema.len(),
            schema,
            filter: Vec::new(),
            optional: Vec::new(),
            limit: None,
            scores: Vec::new(),
        });
        Ok((plan, relation.columns, label))
    }

    /// A view's query sees nothing of the query around it.
    fn view(&mut self, query: &Query) -> Result<Plan> {
        let tables = std::mem::take(&mut self.tables);
        let expressions = std::mem::take(&mut self.expressions);
        let plan = self.independent(query);
        self.tables = tables;
        self.expressions = expressions;
        plan
    }
}

/// Columns that `*` shows.
fn ordinary(schema: &Schema) -> Vec<RelationColumn> {
    schema
        .fields()
        .iter()
        .map(|f| RelationColumn {
            name: f.name.clone(),
            data_type: f.data_type.clone(),
            kind: ColumnKind::Ordinary,
        })
        .collect()
}
