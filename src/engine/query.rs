//! One statement: what it sees (tables, settings, parameters) and how it is run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base::{CancelToken, MemoryBudget, Result, bail};
use exec::{Counters, ExecContext, ExecSettings, Spill};
use expr::{FunctionContext, Registry};
use format::{FormatSettings, Statistics};
use plan::{Environment, Plan, Relation, optimize};
use sql::ast::{Expression, InsertSource, SettingValue, Statement, TableName};
use types::{Block, Field, Schema};

use crate::answers::{QuestionKey, ReadSet};
use crate::dictionary::EngineLookups;
use crate::ending::{self, Extremes};
use crate::engine::{Engine, VERSION};
use crate::outgoing::Outgoing;
use crate::process::Process;
use crate::request::{Head, Kept, Output, Progress, Request};
use crate::result_limits::ResultLimits;
use crate::session::SessionState;
use crate::settings::Settings;
use crate::warm::Again;
use crate::wording::WordingKey;

/// A statement that is being run.
pub(crate) struct Query<'s> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) settings: Settings,
    pub(crate) database: String,
    pub(crate) session: &'s mut SessionState,
    pub(crate) functions: FunctionContext,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) cancel: CancelToken,
    /// Whether it waits for another's answer.
    pub(crate) waits: Arc<AtomicBool>,
    pub(crate) budget: MemoryBudget,
    pub(crate) progress: Arc<Progress>,
    pub(crate) external: Vec<crate::request::ExternalTable>,
    pub(crate) served: bool,
    /// Tables of engine Merge that were looked into.
    pub(crate) proxies: std::cell::Cell<usize>,
    pub(crate) parsed: Option<sql::Parsed>,
    /// Tables with CLOB that were read: their parts stay until the texts of the answer were.
    pub(crate) held: std::cell::RefCell<Vec<Arc<storage::TableSnapshot>>>,
    /// What was read so far, as far as the answer depends on it.
    pub(crate) read: std::cell::RefCell<ReadSet>,
    /// Of a query whose answer may be kept.
    pub(crate) question: Option<QuestionKey>,
    /// What tells its request from others, where its words tell all.
    pub(crate) wording: Option<WordingKey>,
    /// How its question is asked again, where its words tell all.
    pub(crate) again: Option<Arc<Again>>,
    /// Answers that who asks has already.
    pub(crate) known_tags: Vec<String>,
    started: Instant,
    default_format: String,
}

impl<'s> Query<'s> {
    pub(crate) fn new(
        engine: Arc<Engine>,
        request: &Request,
        process: &Process,
        settings: Settings,
        database: String,
        session: &'s mut SessionState,
        parsed: sql::Parsed,
    ) -> Query<'s> {
        let mut parameters = session.parameters.clone();
        parameters.extend(request.parameters.clone());
        let functions = FunctionContext {
            now_nanoseconds: i64::try_from(process.started_at.as_nanos()).unwrap_or(0),
            user: process.user.clone(),
            database: database.clone(),
            query_id: process.query_id.clone(),
            host: engine.options.display_name.clone(),
            version: VERSION.to_owned(),
            lookups: expr::Lookups::new(Arc::new(EngineLookups(Arc::downgrade(&engine)))),
            ..FunctionContext::default()
        };
        Query {
            served: engine.options.files.is_some(),
            proxies: std::cell::Cell::new(0),
            engine,
            settings,
            database,
            session,
            functions,
            parameters,
            cancel: process.cancel.clone(),
            waits: process.waits.clone(),
            budget: process.budget.clone(),
            progress: process.progress.clone(),
            external: request.external_tables.clone(),
            parsed: Some(parsed),
            held: std::cell::RefCell::default(),
            read: std::cell::RefCell::default(),
            question: None,
            wording: None,
            again: None,
            known_tags: request.known_tags.clone(),
            started: process.started,
            default_format: request.default_format.clone(),
        }
    }

    /// Runs the statement.
    pub(crate) fn run(
        &mut self,
        request: &Request,
        input: Option<Box<dyn format::ByteSource>>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let Some(parsed) = self.parsed.take() else { bail!(LogicalError, "a query is run twice") };
        self.apply(&parsed.settings)?;
        self.apply_settings_of(&parsed.statement)?;
        self.refresh()?;
        self.check_readonly(&parsed.statement)?;
        let format = parsed.format.clone();
        match parsed.statement {
            Statement::Query(query) => {
                if query.last_select().into_outfile.is_some() {
                    bail!(
                        NotImplemented,
                        "INTO OUTFILE is for clients; it is not supported by the server"
                    );
                }
                self.again = self.wording.map(|_| Arc::new(Again::of(request)));
                self.select(&query, output)
            }
            Statement::Insert(insert) => {
                let data =
                    parsed.data_start.map(|at| request.query.slice(at.min(request.query.len())..));
                self.insert(*insert, data, input, output)
            }
            Statement::Set(items) => {
                for item in items {
                    let (name, value) = (item.name, setting_text(&item.value));
                    if let Some(parameter) = name.strip_prefix("param_") {
                        self.session
                            .parameters
                            .insert(parameter.to_owned(), value.unwrap_or_default());
                        continue;
                    }
                    match value {
                        Some(value) => self.session.settings.set(&name, &value)?,
                        None => self.session.settings.reset(&name),
                    }
                }
                self.no_answer(output)
            }
            Statement::Use(database) => {
                if self.engine.store.database(&database).is_none() {
                    bail!(UnknownDatabase, "Database {database} does not exist");
                }
                self.session.database = database;
                self.no_answer(output)
            }
            Statement::Show(show) => self.show(show, format.as_deref(), output),
            Statement::Describe(describe) => self.describe(describe, format.as_deref(), output),
            Statement::Exists { kind, name } => self.exists(kind, &name, format.as_deref(), output),
            Statement::Explain(explain) => self.explain(*explain, output),
            other => {
                self.change(other)?;
                self.no_answer(output)
            }
        }
    }

    /// Applies SETTINGS of a statement.
    /// Sets what the statement says in SETTINGS.
    fn apply_settings_of(&mut self, statement: &Statement) -> Result<()> {
        match statement {
            Statement::Query(query) => self.apply(&query.last_select().settings),
            Statement::Explain(explain) => self.apply_settings_of(&explain.statement),
            Statement::Insert(insert) => {
                self.apply(&insert.settings)?;
                match &insert.source {
                    InsertSource::Query(query) => self.apply(&query.last_select().settings),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, items: &[sql::ast::Setting]) -> Result<()> {
        for item in items {
            match setting_text(&item.value) {
                Some(value) => self.settings.set(&item.name, &value)?,
                None => self.settings.reset(&item.name),
            }
        }
        Ok(())
    }

    /// Derives what depends on settings.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        let most = self.settings.size("max_memory_usage", self.engine.budget.limit());
        self.budget.set_limit(most);
        let limit = self.settings.seconds("max_execution_time");
        if limit > 0.0 {
            self.cancel.set_deadline(Duration::from_secs_f64(limit.min(1e9)));
        }
        self.functions.time_zone = self.settings.time_zone()?.name().to_owned();
        self.functions.settings =
            self.settings.changed().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Ok(())
    }

    fn check_readonly(&self, statement: &Statement) -> Result<()> {
        if self.settings.number("readonly") == 0 {
            return Ok(());
        }
        let reading = matches!(
            statement,
            Statement::Query(_)
                | Statement::Show(_)
                | Statement::Describe(_)
                | Statement::Exists { .. }
                | Statement::Explain(_)
                | Statement::Use(_)
        ) || matches!(statement, Statement::Set(_))
            && self.settings.number("readonly") == 2;
        if reading {
            return Ok(());
        }
        bail!(
            Readonly,
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. \
             You should use method POST for modifying queries"
        )
    }

    /// What operators share.
    pub(crate) fn exec_context(&self) -> Arc<ExecContext> {
        let threads = match self.settings.number("max_threads") {
            0 => self.engine.scheduler.threads(),
            threads => usize::try_from(threads).unwrap_or(1).min(self.engine.scheduler.threads()),
        };
        Arc::new(ExecContext {
            registry: self.engine.registry.clone(),
            functions: self.functions.clone(),
            scheduler: self.engine.scheduler.clone(),
            cancel: self.cancel.clone(),
            budget: self.budget.clone(),
            counters: Arc::new(Counters::default()),
            settings: ExecSettings {
                threads,
                block_rows: 8192,
                max_block_rows: if self.settings.is_changed("max_block_size") {
                    self.settings.size("max_block_size", usize::MAX)
                } else {
                    usize::MAX
                },
                encoded: self.settings.flag("encoded_execution"),
                skip_granules: self.settings.flag("use_zone_maps"),
                text_indexes: self.settings.flag("use_skip_indexes"),
                max_rows_to_read: self.settings.number("max_rows_to_read"),
                max_bytes_to_read: self.settings.number("max_bytes_to_read"),
                filter_cache: self.settings.flag("use_query_condition_cache"),
                filter_cache_min_rows: self.settings.number("filter_cache_min_rows"),
                partial_cache: self.settings.flag("use_partial_aggregate_cache"),
                partial_cache_min_rows: self.settings.number("partial_aggregate_cache_min_rows"),
                partial_cache_rows_per_group: self
                    .settings
                    .number("partial_aggregate_cache_rows_per_group"),
                runtime_filters: self.settings.flag("enable_join_runtime_filters"),
                max_rows_in_join: self.settings.number("max_rows_in_join"),
                max_bytes_in_join: self.settings.number("max_bytes_in_join"),
                spill_sort: self.spill_at("max_bytes_before_external_sort"),
                spill_join: self.spill_at("max_bytes_before_external_join"),
                spill_groups: self.spill_at("max_bytes_before_external_group_by"),
                limits: self.settings.row_limits(),
            },
            caches: self.engine.caches.clone(),
            asked: parking_lot::Mutex::default(),
            spill: Spill::new(
                self.engine.temporary_folder(),
                match self.settings.number("max_temporary_data_on_disk_size_for_query") {
                    0 => u64::MAX,
                    limit => limit,
                },
            ),
        })
    }

    /// What formats look at; long inputs are spooled where temporary files lie.
    pub(crate) fn format_settings(&self) -> Result<FormatSettings> {
        let spool_directory = self.engine.temporary_folder();
        Ok(FormatSettings { spool_directory, ..self.settings.format_settings()? })
    }

    /// Bytes beyond which operators go to the temporary file.
    fn spill_at(&self, setting: &str) -> usize {
        self.settings.size(setting, self.budget.limit() / 2)
    }

    /// Adds what operators have read to the query's progress.
    pub(crate) fn count(&self, context: &ExecContext) {
        let take = |from: &std::sync::atomic::AtomicU64, to: &std::sync::atomic::AtomicU64| {
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        };
        take(&context.counters.read_rows, &self.progress.read_rows);
        take(&context.counters.read_bytes, &self.progress.read_bytes);
        take(&context.counters.total_rows, &self.progress.total_rows_to_read);
    }

    /// The format of the answer: FORMAT, then the request's default, then the setting's.
    pub(crate) fn format(&self, written: Option<&str>) -> String {
        let setting = self.settings.get("default_format").unwrap_or_default();
        let candidates = [written.unwrap_or_default(), setting, &self.default_format];
        candidates.into_iter().find(|f| !f.is_empty()).unwrap_or("TabSeparated").to_owned()
    }

    /// Runs a plan and writes its rows.
    pub(crate) fn answer(
        &mut self,
        plan: Plan,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let plan = optimize(plan, self)?;
        self.check_columns(&plan)?;
        let format = self.format(format);
        let Some(declared) = format::find(&format) else {
            bail!(UnknownFormat, "Unknown format {format}")
        };
        let settings = self.format_settings()?;
        let schema = plan.schema();
        let writer = format::writer(&format, &schema, &settings)?;
        let tag = self.answer_tag();
        let head = Head {
            query_id: self.functions.query_id.clone(),
            format: Some(declared.name.to_owned()),
            content_type: declared.content_type.to_owned(),
            time_zone: self.functions.time_zone.clone(),
            not_modified: self.is_known(tag.as_deref()),
            cache_control: self.settings.get("http_cache_control").unwrap_or_default().to_owned(),
            tag,
            kept: Kept::Nothing,
        };
        if head.not_modified {
            return output.start(&head);
        }
        let context = self.exec_context();
        let clobs = format::clob_columns(&schema);
        let mut answer = Outgoing::new(writer, output, head, clobs, context.counters.clone());
        let mut limits = ResultLimits::new(&self.settings);
        let mut extremes = Extremes::new(self, &schema);
        let with_totals = plan::has_totals(&plan).then(|| plan.clone());
        let progress = self.progress.clone();
        let result = exec::stream(plan, &context, &mut |block| {
            let (rows, bytes) = (block.rows() as u64, block.memory() as u64);
            let more = limits.add(rows, bytes)?;
            progress.result_rows.fetch_add(rows, Ordering::Relaxed);
            progress.result_bytes.fetch_add(bytes, Ordering::Relaxed);
            answer.take(&block)?;
            if let Some(extremes) = &mut extremes {
                extremes.add(&block)?;
            }
            if more { Ok(()) } else { bail!(Aborted, "the answer is long enough") }
        });
        self.count(&context);
        if !limits.reached {
            result?;
        }
        if let Some(plan) = with_totals
            && let Some(row) = ending::totals(plan, &context)?
        {
            answer.writer.totals(&row)?;
        }
        if let Some(extremes) = extremes
            && let Some(rows) = extremes.finish()?
        {
            answer.writer.extremes(&rows)?;
        }
        let statistics = Statistics {
            elapsed: self.started.elapsed().as_secs_f64(),
            rows_read: self.progress.read_rows.load(Ordering::Relaxed),
            bytes_read: self.progress.read_bytes.load(Ordering::Relaxed),
            rows_before_limit: None,
        };
        answer.finish(&statistics)
    }

    /// Answers with rows that are at hand.
    pub(crate) fn answer_rows(
        &mut self,
        fields: Vec<Field>,
        block: Block,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let schema = Schema::new(fields);
        self.answer(Plan::Values { schema, blocks: vec![block] }, format, output)
    }

    /// Answers that there is nothing to say.
    pub(crate) fn no_answer(&self, output: &mut dyn Output) -> Result<()> {
        output.start(&Head {
            query_id: self.functions.query_id.clone(),
            format: None,
            content_type: "text/plain; charset=UTF-8".to_owned(),
            time_zone: self.functions.time_zone.clone(),
            ..Head::default()
        })
    }

    /// A table's database: its own or the current one.
    pub(crate) fn database_of<'n>(&'n self, name: &'n TableName) -> &'n str {
        name.database.as_deref().unwrap_or(&self.database)
    }
}

/// A text as a string literal.
pub(crate) fn quoted(text: impl AsRef<str>) -> String {
    sql::quote_string(text.as_ref().as_bytes())
}

/// A setting's value as text; none for DEFAULT.
fn setting_text(value: &SettingValue) -> Option<String> {
    use sql::ast::Literal;
    Some(match value {
        SettingValue::Default => return None,
        SettingValue::Word(name) => name.0.join("."),
        SettingValue::Literal(literal) => match literal {
            Literal::Null => String::new(),
            Literal::Bool(flag) => i32::from(*flag).to_string(),
            Literal::Number(text) => text.clone(),
            Literal::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        },
    })
}

impl Environment for Query<'_> {
    fn registry(&self) -> &Registry {
        &self.engine.registry
    }

    fn context(&self) -> &FunctionContext {
        &self.functions
    }

    fn table(&self, name: &TableName) -> Result<Relation> {
        self.relation(name)
    }

    fn table_function(&self, name: &str, arguments: &[Expression]) -> Result<Relation> {
        self.function_relation(name, arguments)
    }

    fn collect(&self, plan: Plan) -> Result<Vec<Block>> {
        let context = self.exec_context();
        let blocks = exec::collect(plan, &context);
        self.count(&context);
        blocks
    }

    fn defined_function(&self, name: &str) -> Result<Option<Expression>> {
        self.lambda_of(name)
    }

    fn note_unstable(&self, function: &str) {
        self.read.borrow_mut().unstable_function = Some(function.to_owned());
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).map(str::to_owned)
    }
}
