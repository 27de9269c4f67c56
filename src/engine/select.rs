//! A SELECT from its syntax tree to its answer: from the cache of answers, from another's execution, or by its own.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base::{Result, cache_key};
use plan::plan_query;

use crate::answers::{Freshness, KeptAnswer, Lead, Question, Recorder, Turn, refuse};
use crate::ending;
use crate::query::Query;
use crate::request::{Head, Kept, Output};

/// Settings that change no byte of an answer.
const UNRELATED: &[&str] = &[
    "enable_reads_from_query_cache",
    "enable_writes_to_query_cache",
    "filter_cache_min_rows",
    "log_comment",
    "partial_aggregate_cache_min_rows",
    "partial_aggregate_cache_rows_per_group",
    "query_cache_max_age",
    "query_cache_min_query_duration",
    "query_cache_min_query_runs",
    "query_cache_ttl",
    "query_cache_warm_after_merges",
    "use_partial_aggregate_cache",
    "use_query_condition_cache",
];

/// How many executions by others are waited for before a query runs by itself: they may fail, or be too early for rows
/// that came in since.
const FLIGHTS: usize = 3;

impl Query<'_> {
    /// Answers a query.
    pub(crate) fn select(
        &mut self,
        query: &sql::ast::Query,
        output: &mut dyn Output,
    ) -> Result<()> {
        let format = query.last_select().format.clone();
        let Some(question) = self.question(query, format.as_deref()) else {
            return self.select_anew(query, format.as_deref(), output);
        };
        if let Some(wording) = self.wording.filter(|_| question.reads) {
            self.engine.wordings.note(wording, question.fresh);
        }
        let answers = self.engine.answers.clone();
        for left in (0..FLIGHTS).rev() {
            if question.reads
                && let Some(kept) = answers.find(question.fresh, &self.engine.store)
            {
                return self.answer_kept(&kept, output);
            }
            match answers.turn(question.fresh.key) {
                Turn::First(lead) => {
                    self.engine.processes.resume(&self.waits, &self.cancel)?;
                    let format = format.as_deref();
                    return self.select_and_keep(query, format, question, lead, output);
                }
                Turn::Wait(flight) if left > 0 && question.reads => {
                    self.engine.processes.pause(&self.waits);
                    flight.wait(&self.cancel)?;
                }
                Turn::Wait(_) => break,
            }
        }
        self.engine.processes.resume(&self.waits, &self.cancel)?;
        self.select_anew(query, format.as_deref(), output)
    }

    fn select_anew(
        &mut self,
        query: &sql::ast::Query,
        format: Option<&str>,
        output: &mut dyn Output,
    ) -> Result<()> {
        let plan = plan_query(query, self)?;
        self.refuse_unstable()?;
        self.answer(ending::limited(plan, &self.settings), format, output)
    }

    fn select_and_keep(
        &mut self,
        query: &sql::ast::Query,
        format: Option<&str>,
        question: Question,
        lead: Lead,
        output: &mut dyn Output,
    ) -> Result<()> {
        let started = Instant::now();
        let plan = plan_query(query, self)?;
        self.refuse_unstable()?;
        let plan = ending::limited(plan, &self.settings);
        if !self.read.borrow().is_stable() {
            drop(lead);
            return self.answer(plan, format, output);
        }
        self.question = Some(question.fresh.key);
        let mut recorder = Recorder::new(output, lead);
        self.answer(plan, format, &mut recorder)?;
        recorder.finish(|recorded| {
            // Some of what is read is known only after planning.
            let read = self.read.borrow();
            if read.is_stable() {
                let rows = self.progress.result_rows.load(Ordering::Relaxed);
                self.engine.answers.keep(&question, &read, recorded, started.elapsed(), rows);
            }
        })
    }

    fn refuse_unstable(&self) -> Result<()> {
        let setting = |name| self.settings.get(name).unwrap_or_default();
        let functions = setting("query_cache_nondeterministic_function_handling");
        refuse(&self.read.borrow(), functions, setting("query_cache_system_table_handling"))
    }

    /// Whether the cache has the answer to a query that was planned, or why not.
    pub(crate) fn explain_answer(&self, query: &sql::ast::Query) -> String {
        let format = query.last_select().format.clone();
        let Some(question) = self.question(query, format.as_deref()) else {
            return "not looked for".to_owned();
        };
        let read = self.read.borrow();
        if let Some(function) = &read.unstable_function {
            return format!("not kept, {function} gives something else the next time");
        }
        if let Some(table) = &read.unstable_table {
            return format!("not kept, nobody knows when {table} changes");
        }
        match self.engine.answers.is_kept(question.fresh, &self.engine.store) {
            true => "kept".to_owned(),
            false => "not kept yet".to_owned(),
        }
    }

    /// What the query asks, where its answer may be kept.
    fn question(&self, query: &sql::ast::Query, format: Option<&str>) -> Option<Question> {
        let is_off = !self.engine.answers.is_on() || !self.settings.flag("use_query_cache");
        // Tables of the session or the request stand before all others of their names.
        if is_off || !self.session.temporary.is_empty() || !self.external.is_empty() {
            return None;
        }
        let related = self.settings.changed().filter(|(name, _)| !UNRELATED.contains(name));
        let settings: Vec<(&str, &str)> = related.collect();
        // Where a query breaks off depends on what it reads first.
        if settings
            .iter()
            .any(|(name, value)| *value == "break" || *name == "group_by_overflow_mode")
        {
            return None;
        }
        let (format, text, user) = (self.format(format), query.to_string(), &self.functions.user);
        let parts = [&text, &format, &self.database, user, &self.functions.time_zone];
        let parameters = self.parameters.iter().flat_map(|(name, value)| ["param", name, value]);
        let settings = settings.into_iter().flat_map(|(name, value)| ["setting", name, value]);
        let texts = parts.into_iter().map(String::as_str).chain(parameters).chain(settings);
        let key = cache_key(texts.map(str::as_bytes));
        let seconds = |name| Duration::from_secs_f64(self.settings.seconds(name).clamp(0.0, 1e9));
        let question = Question {
            fresh: Freshness {
                key,
                ttl: seconds("query_cache_ttl"),
                max_age: seconds("query_cache_max_age"),
            },
            text,
            user: user.clone(),
            tag: self.settings.get("query_cache_tag").unwrap_or_default().to_owned(),
            least_time: Duration::from_millis(
                self.settings.number("query_cache_min_query_duration"),
            ),
            least_runs: self.settings.number("query_cache_min_query_runs"),
            reads: self.settings.flag("enable_reads_from_query_cache"),
            again: self
                .again
                .clone()
                .filter(|_| self.settings.flag("query_cache_warm_after_merges")),
        };
        let writes = self.settings.flag("enable_writes_to_query_cache");
        // What will not be kept is not waited for either.
        (writes && !question.fresh.ttl.is_zero()).then_some(question)
    }

    fn answer_kept(&self, kept: &KeptAnswer, output: &mut dyn Output) -> Result<()> {
        let not_modified = self.is_known(kept.head.tag.as_deref());
        let query_id = self.functions.query_id.clone();
        let head = Head { query_id, not_modified, kept: Kept::Answer, ..kept.head.clone() };
        output.start(&head)?;
        self.progress.result_rows.store(kept.rows, Ordering::Relaxed);
        self.progress.result_bytes.store(kept.bytes, Ordering::Relaxed);
        if not_modified || kept.body.is_empty() { Ok(()) } else { output.write(kept.body.to_vec()) }
    }

    /// Whether who asks has an answer already.
    pub(crate) fn is_known(&self, tag: Option<&str>) -> bool {
        tag.is_some_and(|tag| self.known_tags.iter().any(|known| known == tag || known == "*"))
    }

    /// What tells the answer from others, where it depends on nothing but tables.
    pub(crate) fn answer_tag(&self) -> Option<String> {
        let read = self.read.borrow();
        let process = self.engine.answers.process();
        self.question.filter(|_| read.is_stable()).map(|question| read.tag(process, question))
    }
}
