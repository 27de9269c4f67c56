//! Counters of HTTP, and `/metrics` in Prometheus' text format.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

use crate::service::{Metric, MetricKind};

/// Upper bounds of the classes of queries' durations, seconds.
const BOUNDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0];

/// What HTTP counts.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) accepted_connections: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
    pub(crate) running_requests: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    responses: [AtomicU64; 4],
    durations: [AtomicU64; BOUNDS.len() + 1],
    duration_microseconds: AtomicU64,
}

/// The classes of statuses that are counted apart.
const CLASSES: [(&str, u16); 4] = [("2xx", 2), ("3xx", 3), ("4xx", 4), ("5xx", 5)];

/// A request that the engine works on, counted until this is dropped.
pub(crate) struct RunningRequest<'a>(&'a Counters);

impl Drop for RunningRequest<'_> {
    fn drop(&mut self) {
        self.0.running_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counters {
    /// Counts a request that the engine works on.
    pub(crate) fn running(&self) -> RunningRequest<'_> {
        self.running_requests.fetch_add(1, Ordering::Relaxed);
        RunningRequest(self)
    }

    /// Counts the response of a query and how long it took to begin.
    pub(crate) fn note_query(&self, status: StatusCode, took: Duration) {
        if let Some(class) = CLASSES.iter().position(|(_, class)| *class == status.as_u16() / 100) {
            self.responses[class].fetch_add(1, Ordering::Relaxed);
        }
        let seconds = took.as_secs_f64();
        let class = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.durations[class].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.duration_microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Everything as Prometheus reads it, with `others` behind.
    pub(crate) fn text(&self, others: &[Metric]) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let own = [
            ("connections", "Open connections", MetricKind::Gauge, get(&self.connections)),
            (
                "accepted_connections_total",
                "Connections accepted",
                MetricKind::Counter,
                get(&self.accepted_connections),
            ),
            (
                "refused_connections_total",
                "Connections refused because there were too many",
                MetricKind::Counter,
                get(&self.refused_connections),
            ),
            (
                "running_requests",
                "Requests that the engine works on",
                MetricKind::Gauge,
                get(&self.running_requests),
            ),
            (
                "received_bytes_total",
                "Bytes received",
                MetricKind::Counter,
                get(&self.received_bytes),
            ),
            ("sent_bytes_total", "Bytes sent", MetricKind::Counter, get(&self.sent_bytes)),
        ];
        let mut text = String::new();
        for (name, help, kind, value) in own {
            let name = format!("granary_http_{name}");
            write_metric(&mut text, &Metric { name, help: help.to_owned(), kind, value });
        }
        self.write_queries(&mut text);
        for metric in others {
            write_metric(&mut text, metric);
        }
        text
    }

    fn write_queries(&self, text: &mut String) {
        let name = "granary_http_query_responses_total";
        text.push_str(&format!("# HELP {name} Responses to queries\n# TYPE {name} counter\n"));
        for ((class, _), count) in CLASSES.iter().zip(&self.responses) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}{{status=\"{class}\"}} {count}");
        }
        let name = "granary_http_query_seconds";
        let help = "Seconds until the response of a query began";
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} histogram\n"));
        let mut total = 0;
        for (class, count) in self.durations.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = BOUNDS.get(class).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {total}");
        }
        let sum = self.duration_microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {total}");
    }
}

fn write_metric(text: &mut String, metric: &Metric) {
    let Metric { name, help, kind, value } = metric;
    let kind = match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    };
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use super::Counters;
    use crate::service::{Metric, MetricKind};

    #[test]
    fn the_text_is_prometheus() {
        let counters = Counters::default();
        counters.note_query(StatusCode::OK, Duration::from_millis(2));
        counters.note_query(StatusCode::NOT_FOUND, Duration::from_secs(100));
        let parts = Metric {
            name: "granary_parts".to_owned(),
            help: "Parts".to_owned(),
            kind: MetricKind::Gauge,
            value: 7.0,
        };
        let text = counters.text(&[parts]);
        for line in [
            "granary_http_query_responses_total{status=\"2xx\"} 1",
            "granary_http_query_responses_total{status=\"4xx\"} 1",
            "granary_http_query_seconds_bucket{le=\"0.001\"} 0",
            "granary_http_query_seconds_bucket{le=\"0.003\"} 1",
            "granary_http_query_seconds_bucket{le=\"+Inf\"} 2",
            "granary_http_query_seconds_count 2",
            "# TYPE granary_parts gauge",
            "granary_parts 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
