//! system.settings, functions, formats, processes, query_log: what the server is and does.

use base::{Example, Result};
use types::Value;

use super::{SystemTable, flag, number, text};
use crate::metrics::{METRICS, MetricDeclaration, MetricKind};
use crate::query::Query;
use crate::settings::{SETTINGS, TOLERATED};
use crate::table_engine::{ENGINES, Family};

pub(super) const TABLES: &[SystemTable] = &[
    SystemTable {
        name: "one",
        columns: &[("dummy", "UInt8")],
        rows: |_| Ok(vec![vec![number(0)]]),
    },
    SystemTable {
        name: "settings",
        columns: &[
            ("name", "String"),
            ("value", "String"),
            ("changed", "UInt8"),
            ("description", "String"),
            ("min", "Nullable(String)"),
            ("max", "Nullable(String)"),
            ("readonly", "UInt8"),
            ("type", "String"),
            ("default", "String"),
            ("is_obsolete", "UInt8"),
            ("examples", "String"),
        ],
        rows: settings,
    },
    SystemTable {
        name: "merge_tree_settings",
        columns: &[
            ("name", "String"),
            ("value", "String"),
            ("default", "String"),
            ("changed", "UInt8"),
            ("description", "String"),
            ("min", "Nullable(String)"),
            ("max", "Nullable(String)"),
            ("readonly", "UInt8"),
            ("type", "String"),
            ("is_obsolete", "UInt8"),
        ],
        rows: table_settings,
    },
    SystemTable {
        name: "functions",
        columns: &[
            ("name", "String"),
            ("is_aggregate", "UInt8"),
            ("case_insensitive", "UInt8"),
            ("alias_to", "String"),
            ("create_query", "String"),
            ("origin", "String"),
            ("description", "String"),
            ("syntax", "String"),
            ("arguments", "String"),
            ("returned_value", "String"),
            ("examples", "String"),
            ("categories", "String"),
        ],
        rows: functions,
    },
    SystemTable {
        name: "aggregate_function_combinators",
        columns: &[
            ("name", "String"),
            ("is_internal", "UInt8"),
            ("description", "String"),
            ("examples", "String"),
        ],
        rows: |query| {
            let all = query.engine.registry.combinators().iter();
            Ok(all
                .map(|c| {
                    let examples = text(example_text(&c.example));
                    vec![text(c.suffix), flag(false), text(c.description), examples]
                })
                .collect())
        },
    },
    SystemTable {
        name: "formats",
        columns: &[
            ("name", "String"),
            ("is_input", "UInt8"),
            ("is_output", "UInt8"),
            ("supports_parallel_parsing", "UInt8"),
            ("content_type", "String"),
            ("description", "String"),
            ("examples", "String"),
        ],
        rows: formats,
    },
    SystemTable {
        name: "table_functions",
        columns: &[("name", "String"), ("description", "String")],
        rows: |_| {
            let all = [
                ("generateRandom", "Rows of random values of given types, without end."),
                ("numbers", "Whole numbers from a first one on."),
                ("zeros", "Rows of 0."),
                ("one", "One row."),
                ("values", "Rows written out."),
                ("file", "The rows of files."),
                ("format", "The rows of a text in a format."),
                ("merge", "The rows of several tables."),
                ("dictionary", "The rows of a dictionary."),
                ("textIndexTerms", "The terms of a text index, and how many rows hold each."),
                ("view", "The rows of a query."),
            ];
            Ok(all.iter().map(|(name, about)| vec![text(name), text(about)]).collect())
        },
    },
    SystemTable {
        name: "table_engines",
        columns: &[
            ("name", "String"),
            ("supports_settings", "UInt8"),
            ("supports_sort_order", "UInt8"),
        ],
        rows: |_| {
            let own = ENGINES.iter().map(|(name, family)| (*name, *family == Family::MergeTree));
            let all = own.chain([("View", false), ("MaterializedView", false)]);
            Ok(all.map(|(name, sorted)| vec![text(name), flag(sorted), flag(sorted)]).collect())
        },
    },
    SystemTable {
        name: "data_type_families",
        columns: &[
            ("name", "String"),
            ("case_insensitive", "UInt8"),
            ("alias_to", "String"),
            ("description", "String"),
            ("syntax", "String"),
            ("examples", "String"),
        ],
        rows: |_| Ok(data_type_families()),
    },
    SystemTable {
        name: "clusters",
        columns: &[
            ("cluster", "String"),
            ("shard_num", "UInt32"),
            ("host_name", "String"),
            ("port", "UInt16"),
        ],
        rows: |_| Ok(Vec::new()),
    },
    SystemTable {
        name: "build_options",
        columns: &[("name", "String"), ("value", "String")],
        rows: |_| Ok(vec![vec![text("VERSION_GRANARY"), text(env!("CARGO_PKG_VERSION"))]]),
    },
    SystemTable {
        name: "metrics",
        columns: &[
            ("metric", "String"),
            ("value", "Int64"),
            ("description", "String"),
            ("name", "String"),
        ],
        rows: metrics,
    },
    SystemTable {
        name: "events",
        columns: &[
            ("event", "String"),
            ("value", "UInt64"),
            ("description", "String"),
            ("name", "String"),
        ],
        rows: events,
    },
    SystemTable {
        name: "asynchronous_metrics",
        columns: &[("metric", "String"), ("value", "Float64"), ("description", "String")],
        rows: asynchronous_metrics,
    },
    SystemTable {
        name: "processes",
        columns: &[
            ("is_initial_query", "UInt8"),
            ("user", "String"),
            ("query_id", "String"),
            ("address", "String"),
            ("elapsed", "Float64"),
            ("is_cancelled", "UInt8"),
            ("read_rows", "UInt64"),
            ("read_bytes", "UInt64"),
            ("total_rows_approx", "UInt64"),
            ("written_rows", "UInt64"),
            ("written_bytes", "UInt64"),
            ("memory_usage", "Int64"),
            ("peak_memory_usage", "Int64"),
            ("query", "String"),
            ("query_kind", "String"),
            ("current_database", "String"),
        ],
        rows: processes,
    },
    SystemTable {
        name: "query_log",
        columns: &[
            (
                "type",
                "Enum8('QueryStart' = 1, 'QueryFinish' = 2, 'ExceptionBeforeStart' = 3, 'ExceptionWhileProcessing' = 4)",
            ),
            ("event_date", "Date"),
            ("event_time", "DateTime"),
            ("event_time_microseconds", "DateTime64(6)"),
            ("query_start_time", "DateTime"),
            ("query_duration_ms", "UInt64"),
            ("read_rows", "UInt64"),
            ("read_bytes", "UInt64"),
            ("written_rows", "UInt64"),
            ("written_bytes", "UInt64"),
            ("result_rows", "UInt64"),
            ("result_bytes", "UInt64"),
            ("memory_usage", "UInt64"),
            ("current_database", "String"),
            ("query", "String"),
            ("query_kind", "String"),
            ("exception_code", "Int32"),
            ("exception", "String"),
            ("user", "String"),
            ("query_id", "String"),
            ("address", "String"),
        ],
        rows: query_log,
    },
];

fn settings(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let own = SETTINGS.iter().map(|s| {
        vec![
            text(s.name),
            text(query.settings.get(s.name).unwrap_or(s.default)),
            flag(query.settings.is_changed(s.name)),
            text(s.description),
            Value::Null,
            Value::Null,
            number(0),
            text(s.kind.name()),
            text(s.default),
            flag(false),
            text(example_text(&s.example)),
        ]
    });
    let tolerated = TOLERATED.iter().map(|name| {
        let mut row = vec![text(name), text(""), flag(false)];
        row.push(text("Taken for the sake of ClickHouse's clients; changes nothing."));
        row.extend([Value::Null, Value::Null, number(0), text("String"), text("")]);
        row.extend([flag(true), text("")]);
        row
    });
    Ok(own.chain(tolerated).collect())
}

fn table_settings(_: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |s: &storage::TableSetting| {
        let default = s.default.to_string();
        vec![
            text(s.name),
            text(&default),
            text(&default),
            flag(false),
            text(s.description),
            Value::Null,
            Value::Null,
            number(0),
            text("UInt64"),
            flag(false),
        ]
    };
    Ok(storage::TABLE_SETTINGS.iter().map(row).collect())
}

fn functions(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let registry = &query.engine.registry;
    let mut rows = Vec::new();
    let mut add = |name: &str,
                   own: &str,
                   aggregate: bool,
                   any_case: bool,
                   about: [&str; 3],
                   examples: &[expr::Example]| {
        let examples: Vec<String> = examples.iter().map(example_text).collect();
        rows.push(vec![
            text(name),
            flag(aggregate),
            flag(any_case),
            text(if name == own { "" } else { own }),
            text(""),
            text("System"),
            text(about[0]),
            text(about[1]),
            text(""),
            text(""),
            text(examples.join("\n\n")),
            text(about[2]),
        ]);
    };
    for (name, f) in registry.functions() {
        add(
            name,
            f.name,
            false,
            f.case_insensitive,
            [f.description, f.syntax, f.category],
            f.examples,
        );
    }
    for (name, f) in registry.aggregates() {
        add(
            name,
            f.name,
            true,
            f.case_insensitive,
            [f.description, f.syntax, "Aggregate"],
            f.examples,
        );
    }
    for f in registry.windows() {
        for name in std::iter::once(&f.name).chain(f.aliases) {
            let about = [f.description, f.syntax, "Window"];
            add(name, f.name, true, f.case_insensitive, about, f.examples);
        }
    }
    for (name, statement) in query.created_functions() {
        let mut row = vec![text(""); 12];
        row[0] = text(name);
        (row[1], row[2]) = (flag(false), flag(false));
        (row[4], row[5]) = (text(statement), text("SQLUserDefined"));
        rows.push(row);
    }
    Ok(rows)
}

/// An example as tables show it.
fn example_text(example: &Example) -> String {
    format!("{}\n{}", example.sql, example.result)
}

fn data_type_families() -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for family in types::families() {
        rows.push(vec![
            text(family.name),
            flag(family.case_insensitive),
            text(""),
            text(family.description),
            text(family.syntax),
            text(example_text(&family.example)),
        ]);
        for alias in family.aliases {
            let shown = [alias, family.name, "", "", ""].map(text);
            let [name, to, description, syntax, examples] = shown;
            rows.push(vec![name, flag(true), to, description, syntax, examples]);
        }
    }
    rows
}

fn formats(_query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    Ok(format::formats()
        .iter()
        .map(|f| {
            vec![
                text(f.name),
                flag(f.is_input()),
                flag(f.is_output()),
                flag(f.supports_parallel_parsing()),
                text(f.content_type),
                text(f.description),
                text(example_text(&f.example)),
            ]
        })
        .collect())
}

/// The numbers of a kind with their values.
fn counted(
    query: &Query<'_>,
    kind: MetricKind,
) -> impl Iterator<Item = (&'static MetricDeclaration, u64)> {
    let of_kind = METRICS.iter().filter(move |m| m.kind == kind);
    of_kind.map(|m| (m, m.value(&query.engine)))
}

fn metrics(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = counted(query, MetricKind::Current);
    Ok(all
        .map(|(m, value)| vec![text(m.name), number(value), text(m.help), text(m.name)])
        .collect())
}

fn asynchronous_metrics(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = counted(query, MetricKind::Asynchronous);
    Ok(all.map(|(m, value)| vec![text(m.name), Value::Float(value as f64), text(m.help)]).collect())
}

/// What has happened at least once, as in ClickHouse.
fn events(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = counted(query, MetricKind::Event).filter(|(_, value)| *value > 0);
    Ok(all
        .map(|(m, value)| vec![text(m.name), number(value), text(m.help), text(m.name)])
        .collect())
}

fn processes(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = query.engine.processes.running();
    Ok(all
        .into_iter()
        .map(|p| {
            let now = p.progress.summary(p.started.elapsed());
            vec![
                flag(true),
                text(&p.user),
                text(&p.query_id),
                text(&p.client),
                Value::Float(now.elapsed.as_secs_f64()),
                flag(p.cancel.is_cancelled()),
                number(now.read_rows),
                number(now.read_bytes),
                number(now.total_rows_to_read),
                number(now.written_rows),
                number(now.written_bytes),
                number(p.budget.used()),
                number(p.budget.peak()),
                text(&p.query),
                text(p.kind),
                text(&p.database),
            ]
        })
        .collect())
}

fn query_log(query: &Query<'_>) -> Result<Vec<Vec<Value>>> {
    let all = query.engine.processes.logged();
    Ok(all
        .into_iter()
        .map(|e| {
            let seconds = e.ended_at.as_secs();
            let (kind, code, message) = match &e.error {
                None => (2, 0, String::new()),
                Some(error) => (4, error.code() as u32, error.to_string()),
            };
            vec![
                number(kind),
                number(seconds / 86_400),
                number(seconds),
                number(e.ended_at.as_micros() as u64),
                number(e.process.started_at.as_secs()),
                number(e.summary.elapsed.as_millis() as u64),
                number(e.summary.read_rows),
                number(e.summary.read_bytes),
                number(e.summary.written_rows),
                number(e.summary.written_bytes),
                number(e.summary.result_rows),
                number(e.summary.result_bytes),
                number(e.summary.peak_memory),
                text(&e.process.database),
                text(&e.process.query),
                text(e.process.kind),
                number(code),
                text(message),
                text(&e.process.user),
                text(&e.process.query_id),
                text(&e.process.client),
            ]
        })
        .collect())
}
