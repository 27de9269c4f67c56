//! A table in several parts, queries planned over it, and a worker that knows the disk only.

use std::path::Path;
use std::sync::Arc;

use base::disk::LocalDisk;
use base::{CancelToken, MemoryBudget, Result, bail};
use expr::{Expr, FunctionContext, Registry};
use granary_exec::{
    CacheSizes, Caches, ExecContext, ExecSettings, Scheduler, Spill, Worker, collect,
    merge_partials, run_fragment,
};
use plan::{
    ColumnKind, Environment, Fragment, Plan, Relation, RelationColumn, RelationSource, optimize,
    plan_query,
};
use sql::ast::{Expression, Statement, TableName};
use storage::{
    ColumnDefinition, DatabaseInfo, KeyColumn, PartReader, Store, StoreOptions, Table,
    TableDefinition,
};
use types::{Block, Column, DataType, Value, array_from_values};

/// Rows of each part.
pub(crate) const ROWS: i128 = 3_000;

/// Columns of the table from its first part on.
const COLUMNS: &[(&str, &str)] = &[
    ("k", "UInt64"),
    ("s", "String"),
    ("u", "String"),
    ("d", "DateTime"),
    ("n", "Nullable(Int32)"),
    ("f", "Float64"),
    ("a", "Array(UInt16)"),
    ("c", "LowCardinality(Nullable(String))"),
];

/// Columns that were added later.
const LATE: &[(&str, &str)] = &[("late", "String"), ("later", "Nullable(Int64)")];

/// The machine that plans: a store with a table `d.t`.
pub(crate) struct Planner {
    pub(crate) store: Arc<Store>,
    registry: Registry,
    functions: FunctionContext,
    pub(crate) settings: ExecSettings,
    folder: tempfile::TempDir,
}

fn columns(described: &[(&str, &str)], first_id: u32) -> Vec<ColumnDefinition> {
    let column = |((name, text), id): (&(&str, &str), u32)| {
        ColumnDefinition::new(id, *name, DataType::parse(text).unwrap())
    };
    described.iter().zip(first_id..).map(column).collect()
}

fn row(n: i128) -> Vec<Value> {
    let text = |text: String| Value::from(text.as_str());
    let maybe = |there: bool, value: Value| if there { value } else { Value::Null };
    vec![
        Value::Int(n),
        text(format!("s{}", n * n % 23)),
        text(format!("unique {n}")),
        Value::Int(1_700_000_000 + n * 977),
        maybe(n % 5 != 0, Value::Int(n % 100 - 50)),
        Value::Float((n % 1000) as f64 / 4.0),
        Value::Array((0..n % 4).map(Value::Int).collect()),
        maybe(n % 7 != 0, text(format!("c{}", n % 3))),
        text(format!("late {}", n % 11)),
        maybe(n % 2 == 0, Value::Int(-n)),
    ]
}

fn insert(store: &Arc<Store>, table: &Arc<Table>, from: i128) {
    let rows: Vec<Vec<Value>> = (from..from + ROWS).map(row).collect();
    let definition = table.definition();
    let column = |(at, c): (usize, &ColumnDefinition)| {
        let values: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
        Column::Flat(array_from_values(&c.data_type, &values).unwrap())
    };
    let columns = definition.columns.iter().enumerate().map(column).collect();
    let mut insert = store.begin_insert();
    insert.write(table, Block::new(columns, rows.len())).unwrap();
    insert.commit().unwrap();
}

impl Planner {
    /// A table of four parts, two of them older than the last columns.
    pub(crate) fn new() -> Planner {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(LocalDisk::new(folder.path()).unwrap());
        let options = StoreOptions::new(disk, Arc::new(Registry::default()));
        let store = Store::open(options).unwrap();
        store
            .create_database(DatabaseInfo { name: "d".to_owned(), ..DatabaseInfo::default() })
            .unwrap();
        let mut definition = TableDefinition {
            database: "d".to_owned(),
            name: "t".to_owned(),
            engine: "MergeTree".to_owned(),
            columns: columns(COLUMNS, 1),
            sorting_key: vec![KeyColumn {
                expression: Expr::column(0, DataType::UInt64),
                text: "k".to_owned(),
            }],
            primary_key_length: 1,
            ..TableDefinition::default()
        };
        definition.settings.insert("index_granularity".to_owned(), "256".to_owned());
        let table = store.create_table(definition).unwrap();
        insert(&store, &table, 0);
        insert(&store, &table, ROWS);
        let mut wider = table.definition().as_ref().clone();
        wider.columns.extend(columns(LATE, table.next_column_id()));
        store.alter_definition(&table, wider).unwrap();
        insert(&store, &table, 2 * ROWS);
        insert(&store, &table, 3 * ROWS);
        let functions = FunctionContext {
            time_zone: "Asia/Tokyo".to_owned(),
            now_nanoseconds: 1_705_000_000_000_000_000,
            user: "somebody".to_owned(),
            ..FunctionContext::default()
        };
        let registry = functions::registry();
        Planner { store, registry, functions, settings: ExecSettings::default(), folder }
    }

    /// The largest part of a query's plan that is a fragment.
    pub(crate) fn cut(&self, query: &str) -> (Fragment, Plan) {
        let Statement::Query(query) = sql::parse(query).unwrap().statement else {
            panic!("{query} is no query");
        };
        let mut plan = optimize(plan_query(&query, self).unwrap(), self).unwrap();
        loop {
            if let Some((fragment, _)) = Fragment::of(&plan, &self.functions).unwrap() {
                return (fragment, plan);
            }
            plan = plan.inputs()[0].clone();
        }
    }

    pub(crate) fn context(&self) -> Arc<ExecContext> {
        Arc::new(ExecContext {
            registry: Arc::new(functions::registry()),
            functions: self.functions.clone(),
            scheduler: Arc::new(Scheduler::new(2).unwrap()),
            cancel: CancelToken::new(),
            budget: MemoryBudget::unlimited(),
            counters: Arc::default(),
            settings: self.settings.clone(),
            caches: caches(),
            asked: parking_lot::Mutex::default(),
            spill: Spill::new(self.folder.path().join("spill"), 1 << 30),
        })
    }

    /// What one machine answers.
    pub(crate) fn local(&self, plan: Plan) -> Vec<String> {
        let types: Vec<DataType> =
            plan.schema().fields().iter().map(|f| f.data_type.clone()).collect();
        rows(&collect(plan, &self.context()).unwrap(), &types)
    }

    /// What workers answer, each with one part, that know nothing but the disk and the fragment's bytes.
    pub(crate) fn remote(&self, fragment: &Fragment, types: &[DataType]) -> Vec<String> {
        let bytes = fragment.to_bytes().unwrap();
        let mut blocks = Vec::new();
        for part in &self.store.table("d", "t").unwrap().snapshot().parts {
            let fragment = Fragment::from_bytes(&bytes).unwrap();
            let disk = reader(self.folder.path());
            let mut own = Vec::new();
            run_fragment(
                &fragment,
                &[part.address()],
                &disk,
                CancelToken::new(),
                MemoryBudget::unlimited(),
                &self.worker(),
                &mut |block| {
                    own.push(block);
                    Ok(())
                },
            )
            .unwrap();
            assert!(own.iter().all(|b| b.columns().len() == fragment.output_types().len()));
            blocks.extend(own);
        }
        if let Some(aggregation) = &fragment.aggregation {
            blocks = merge_partials(aggregation, blocks, &self.context()).unwrap();
        }
        rows(&blocks, types)
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker {
            registry: Arc::new(functions::registry()),
            scheduler: Arc::new(Scheduler::new(2).unwrap()),
            caches: caches(),
            settings: self.settings.clone(),
            spill_folder: self.folder.path().join("spill"),
            spill_limit: 1 << 30,
        }
    }

    pub(crate) fn reader(&self) -> PartReader {
        reader(self.folder.path())
    }
}

fn reader(folder: &Path) -> PartReader {
    PartReader::new(Arc::new(LocalDisk::new(folder).unwrap()), 1, 1 << 20).unwrap()
}

/// Rows as text, sorted.
pub(crate) fn rows(blocks: &[Block], types: &[DataType]) -> Vec<String> {
    let mut out = Vec::new();
    for block in blocks {
        for row in 0..block.rows() {
            let values: Vec<String> = (0..types.len())
                .map(|at| block.column(at).value(&types[at], row).unwrap().to_string())
                .collect();
            out.push(values.join(" | "));
        }
    }
    out.sort();
    out
}

impl Environment for Planner {
    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn context(&self) -> &FunctionContext {
        &self.functions
    }

    fn table(&self, name: &TableName) -> Result<Relation> {
        let Some(table) = self.store.table("d", &name.table) else {
            bail!(UnknownTable, "{}", name.table);
        };
        let snapshot = table.snapshot();
        let column = |c: &ColumnDefinition| RelationColumn {
            name: c.name.clone(),
            data_type: c.data_type.clone(),
            kind: ColumnKind::Ordinary,
        };
        Ok(Relation {
            database: Some("d".to_owned()),
            name: name.table.clone(),
            columns: snapshot.definition.columns.iter().map(column).collect(),
            source: RelationSource::Table(snapshot),
            combined: None,
            sampling_key: None,
        })
    }

    fn table_function(&self, name: &str, _: &[Expression]) -> Result<Relation> {
        bail!(UnknownFunction, "{name}")
    }

    fn collect(&self, plan: Plan) -> Result<Vec<Block>> {
        collect(plan, &self.context())
    }

    fn parameter(&self, _: &str) -> Option<&str> {
        None
    }

    fn setting(&self, _: &str) -> Option<String> {
        None
    }
}

/// Nothing kept yet.
fn caches() -> Arc<Caches> {
    let sizes = CacheSizes { filters: 1 << 20, partials: 1 << 20 };
    Arc::new(Caches::new(sizes, &MemoryBudget::unlimited()))
}
