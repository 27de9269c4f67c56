//! The binary: `granary server | local | client | check | recover | demo | reference`.

mod allocator;
mod embedded;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use base::{Error, ErrorCode, Result};
use clap::Parser;
use cli::{
    Arguments, CheckArguments, Command, DemoArguments, LocalArguments, RecoverArguments,
    ServerArguments,
};
use embedded::Embedded;
use engine::{Engine, EngineOptions, Recovery};

/// The demo's tables and queries.
const DEMO_SCHEMA: &str = include_str!("../sql/demo_schema.sql");
const DEMO_QUERIES: &str = include_str!("../sql/demo.sql");

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    let outcome = match Arguments::parse().command {
        Command::Server(arguments) => serve(&arguments),
        Command::Local(arguments) => local(&arguments),
        Command::Client(arguments) => return cli::client(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Recover(arguments) => recover(&arguments),
        Command::Demo(arguments) => demo(&arguments),
        Command::Reference => reference(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Settings of the server from a file of `name = value` lines: `users.NAME = PASSWORD`, `files = FOLDER`,
/// `threads`, `memory`, `dictionary_cache`, `filter_cache`, `partial_aggregate_cache`, `answer_cache`, `max_queries`, `display_name`, and any setting of queries.
fn options(data: &Path, config: Option<&Path>) -> Result<EngineOptions> {
    let mut options = EngineOptions { data: Some(data.to_owned()), ..EngineOptions::default() };
    options.files = Some(data.join("user_files"));
    let Some(path) = config else { return Ok(options) };
    let text = std::fs::read_to_string(path).map_err(|e| {
        Error::io(ErrorCode::FileDoesntExist, "Cannot read configuration", path, &e)
    })?;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| {
            base::error!(UnknownElementInConfig, "{}, line {}: {what}", path.display(), number + 1)
        };
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("expected name = value"))?;
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        let size = || value.parse::<usize>().map_err(|_| wrong("expected a number"));
        match name {
            "files" => options.files = Some(value.into()),
            "threads" => options.threads = size()?,
            "memory" => options.memory = size()?,
            "dictionary_cache" => options.dictionary_cache = size()?,
            "answer_cache" => options.answer_cache = Some(size()?),
            "filter_cache" => options.filter_cache = Some(size()?),
            "partial_aggregate_cache" => options.partial_aggregate_cache = Some(size()?),
            "max_queries" => options.max_queries = size()?,
            "display_name" => value.clone_into(&mut options.display_name),
            _ => match name.strip_prefix("users.") {
                Some(user) => options.users.push((user.to_owned(), value.to_owned())),
                None => options.settings.set(name, value).map_err(|e| wrong(e.message()))?,
            },
        }
    }
    Ok(options)
}

fn serve(arguments: &ServerArguments) -> Result<ExitCode> {
    let engine = Engine::open(options(&arguments.data, arguments.config.as_deref())?)?;
    listen(engine, arguments.listen)
}

fn listen(engine: Arc<Engine>, address: std::net::SocketAddr) -> Result<ExitCode> {
    let config = server::Config { listen: address, ..server::Config::default() };
    let running = server::serve(config, Arc::new(engine))?;
    running.announce();
    running.run_until_signal();
    Ok(ExitCode::SUCCESS)
}

fn local(arguments: &LocalArguments) -> Result<ExitCode> {
    let engine = Engine::open(EngineOptions {
        data: arguments.data.clone(),
        background: arguments.data.is_some(),
        ..EngineOptions::default()
    })?;
    let place = Embedded::new(engine.clone(), arguments.settings.clone());
    let code = cli::local(Arc::new(place), arguments);
    engine.flush_async_inserts();
    Ok(code)
}

/// Prints the reference. A reader that goes away early is no failure.
fn reference() -> Result<ExitCode> {
    let engine = Engine::open(EngineOptions { background: false, ..EngineOptions::default() })?;
    let text = engine::reference::markdown(engine.registry());
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            base::bail!(CannotWriteToFileDescriptor, "Cannot write the reference: {e}")
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn check(arguments: &CheckArguments) -> Result<ExitCode> {
    let options = EngineOptions {
        data: Some(arguments.data.clone()),
        background: false,
        ..EngineOptions::default()
    };
    let engine = Engine::open(options)?;
    let mut problems = engine.store().broken_parts();
    problems.extend(engine.store().check());
    for problem in &problems {
        println!("{} {}: {}", problem.table, problem.part, problem.message);
    }
    if problems.is_empty() {
        println!("No damage found");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn recover(arguments: &RecoverArguments) -> Result<ExitCode> {
    let Recovery { saved, tables, parts, rows, problems } = Engine::recover(&arguments.data)?;
    if let Some(path) = saved {
        println!("The old catalog is kept as {}", path.display());
    }
    for problem in &problems {
        println!("{} {}: {}", problem.table, problem.part, problem.message);
    }
    println!("Recovered {tables} tables with {parts} parts and {rows} rows");
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn demo(arguments: &DemoArguments) -> Result<ExitCode> {
    let mut options = options(&arguments.data, None)?;
    options.files = Some("data".into());
    let engine = Engine::open(options)?;
    for statement in cli::split(DEMO_SCHEMA) {
        engine.query(statement)?;
    }
    for statement in cli::split(DEMO_QUERIES) {
        let started = std::time::Instant::now();
        let answer = engine.query(&format!("{statement}\nFORMAT PrettyCompactMonoBlock"))?;
        println!("{}", statement.trim());
        println!("{}", String::from_utf8_lossy(&answer));
        println!("{:.1} ms\n", started.elapsed().as_secs_f64() * 1000.0);
    }
    if arguments.no_serve {
        return Ok(ExitCode::SUCCESS);
    }
    listen(engine, arguments.listen)
}
