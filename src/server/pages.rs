//! Everything but queries: health checks, metrics, the query console, and what is not there.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, Response, StatusCode};
use axum::routing::any;

use crate::query::query;
use crate::run::App;

/// The query console: one page without anything from elsewhere.
const CONSOLE: &str = include_str!("console.html");

/// The console may run its own script and style and ask its own server, no more.
const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(crate) const PLAIN: &str = "text/plain; charset=UTF-8";

/// What the server answers to which path.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", any(root))
        .route("/query", any(root))
        .route("/ping", any(async || page(StatusCode::OK, PLAIN, "Ok.\n")))
        .route("/replicas_status", any(async || page(StatusCode::OK, PLAIN, "Ok.\n")))
        .route("/metrics", any(metrics))
        .route("/play", any(console))
        .route("/reference", any(reference))
        .route("/clob/{database}/{table}/{column}", any(crate::clob::text))
        .fallback(elsewhere)
        .with_state(app)
}

pub(crate) fn page(
    status: StatusCode,
    kind: &'static str,
    text: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn root(state: State<Arc<App>>, request: Request) -> Response<Body> {
    match *request.method() {
        Method::OPTIONS => options(),
        Method::POST => query(state, request).await,
        Method::GET | Method::HEAD if request.uri().query().is_some_and(|q| !q.is_empty()) => {
            query(state, request).await
        }
        Method::GET | Method::HEAD => page(StatusCode::OK, PLAIN, "Ok.\n"),
        _ => not_allowed(),
    }
}

/// Clients may post queries to any path, so that a server behind a prefix is reached too.
async fn elsewhere(state: State<Arc<App>>, request: Request) -> Response<Body> {
    match *request.method() {
        Method::OPTIONS => options(),
        Method::POST => query(state, request).await,
        Method::GET | Method::HEAD => {
            let path: String = request.uri().path().chars().take(200).collect();
            let text = format!(
                "There is no handle {path}\n\nGET / and /ping tell whether the server is up, \
                 /metrics how it is.\nSend queries by POST / or as GET /?query=..., or type them \
                 at /play; /reference tells what they may name\n"
            );
            page(StatusCode::NOT_FOUND, PLAIN, text)
        }
        _ => not_allowed(),
    }
}

pub(crate) fn not_allowed() -> Response<Body> {
    let text = "Queries are sent by GET or POST\n";
    let mut response = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    response
}

/// Answers the question of a browser whether a page of another origin may send queries. What it
/// may read is decided by the setting `add_http_cors_header` of the query itself.
fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let allowed = "origin, x-requested-with, content-type, authorization, x-clickhouse-user, \
        x-clickhouse-key, x-clickhouse-format, x-clickhouse-database, if-none-match";
    let all: [(HeaderName, &'static str); 5] = [
        (ALLOW, "GET, HEAD, POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, allowed),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    for (name, value) in all {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    // The engine may have to look at its tables; the reactor must not wait for that.
    let service = Arc::clone(&app.service);
    let others = tokio::task::spawn_blocking(move || service.metrics()).await.unwrap_or_default();
    page(StatusCode::OK, "text/plain; version=0.0.4; charset=UTF-8", app.counters.text(&others))
}

async fn console() -> Response<Body> {
    document(CONSOLE)
}

/// What SQL can name here, for people.
async fn reference(State(app): State<Arc<App>>) -> Response<Body> {
    document(app.service.reference())
}

/// A page that may do what the console may.
fn document(text: impl Into<Body>) -> Response<Body> {
    let mut response = page(StatusCode::OK, "text/html; charset=UTF-8", text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONSOLE_POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
