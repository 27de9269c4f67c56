//! SQL tests: every `.slt` file under `tests/sql/` is run in process and over HTTP, with encoded execution
//! and zone maps and text indexes switched on and off, with what is kept of conditions and groups, with sorts, groups and joins that spill at once, and without each of the
//! planner's passes.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Engine, EngineOptions, Gathered, Request};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};

/// Ways to run the same tests.
const VARIANTS: &[&[(&str, &str)]] = &[
    &[],
    &[("encoded_execution", "0")],
    &[("use_zone_maps", "0")],
    &[("use_skip_indexes", "0")],
    &[("max_threads", "1")],
    &[("optimizer_disabled_passes", "order_joins,build_sides,outer_to_inner,prune_columns")],
    &[
        ("max_bytes_before_external_sort", "100000"),
        ("max_bytes_before_external_group_by", "100000"),
        ("max_bytes_before_external_join", "1000"),
    ],
    ASKED_AGAIN,
    ANSWERED_AGAIN,
];

/// Every SELECT is asked three times: noted, kept, and answered from what is kept of its conditions and groups.
const ASKED_AGAIN: &[(&str, &str)] = &[
    ("filter_cache_min_rows", "0"),
    ("partial_aggregate_cache_min_rows", "0"),
    ("partial_aggregate_cache_rows_per_group", "0"),
    ("use_query_cache", "0"),
];

/// Every SELECT is asked twice, and answered by what was kept where that is possible.
const ANSWERED_AGAIN: &[(&str, &str)] = &[("query_cache_tag", "again")];

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn open() -> (tempfile::TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let options =
        EngineOptions { data: Some(folder.path().to_owned()), ..EngineOptions::default() };
    (folder, Engine::open(options).unwrap())
}

#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

fn rows(text: &[u8]) -> DBOutput<DefaultColumnType> {
    let text = String::from_utf8_lossy(text);
    let rows: Vec<Vec<String>> = text
        .lines()
        .map(|line| {
            line.split('\t')
                .map(|v| if v.is_empty() { "(empty)".to_owned() } else { v.to_owned() })
                .collect()
        })
        .collect();
    match rows.first() {
        None => DBOutput::StatementComplete(0),
        Some(first) => DBOutput::Rows { types: vec![DefaultColumnType::Any; first.len()], rows },
    }
}

struct InProcess {
    engine: Arc<Engine>,
    settings: Vec<(String, String)>,
    /// How often a SELECT is asked; its last answer counts.
    times: usize,
}

/// Whether a query may be asked again without harm.
fn only_reads(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    ["SELECT", "WITH"].iter().any(|read| word.eq_ignore_ascii_case(read))
}

impl DB for InProcess {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let mut output = Gathered::default();
        for _ in 0..if only_reads(sql) { self.times } else { 1 } {
            let request = Request {
                query: sql.to_owned().into(),
                settings: self.settings.clone(),
                session_id: Some("test".to_owned()),
                ..Request::default()
            };
            output = Gathered::default();
            self.engine.run(request, None, &mut output).map_err(|e| Failed(e.to_string()))?;
        }
        Ok(rows(&output.bytes))
    }
}

struct OverHttp {
    url: String,
}

impl DB for OverHttp {
    type Error = Failed;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failed> {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut answer =
            agent.post(&self.url).send(sql).map_err(|e| Failed(format!("no answer: {e}")))?;
        let body = answer.body_mut().read_to_vec().map_err(|e| Failed(e.to_string()))?;
        if answer.status().as_u16() != 200 {
            return Err(Failed(String::from_utf8_lossy(&body).into_owned()));
        }
        Ok(rows(&body))
    }
}

/// Runs all files in process.
fn run_all(settings: &[(&str, &str)]) {
    let times = match settings {
        ASKED_AGAIN => 3,
        ANSWERED_AGAIN => 2,
        _ => 1,
    };
    let settings: Vec<(String, String)> =
        settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for file in files() {
        let (_folder, engine) = open();
        let mut runner = Runner::new(|| async {
            Ok(InProcess { engine: engine.clone(), settings: settings.clone(), times })
        });
        if let Err(error) = runner.run_file(&file) {
            panic!("{settings:?}: {}", error.display(false));
        }
    }
}

#[test]
fn in_process_in_all_variants() {
    VARIANTS.iter().for_each(|settings| run_all(settings));
}

#[test]
fn in_process_without_each_pass_of_the_planner() {
    assert!(plan::PASSES.len() > 5);
    for pass in plan::PASSES {
        run_all(&[("optimizer_disabled_passes", pass.name)]);
    }
}

#[test]
fn over_http() {
    for file in files() {
        let (_folder, engine) = open();
        let config =
            server::Config { listen: ([127, 0, 0, 1], 0).into(), ..server::Config::default() };
        let running = server::serve(config, Arc::new(engine)).unwrap();
        let url = format!("http://{}/?session_id=test", running.local_addr());
        let mut runner = Runner::new(|| async { Ok(OverHttp { url: url.clone() }) });
        if let Err(error) = runner.run_file(&file) {
            panic!("{}", error.display(false));
        }
    }
}
