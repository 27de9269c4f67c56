//! The running server: accepts connections within limits, and stops without breaking off work.
//!
//! Shutdown: no connection is accepted any more; each open one ends with the request it
//! serves; after the drain time running queries are cancelled, and what is left is dropped.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use base::{CancelToken, MemoryBudget, Result, error};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use crate::config::Config;
use crate::connection::{Link, Socket};
use crate::metrics::Counters;
use crate::pages::router;
use crate::service::QueryService;

/// How long cancelled queries may take to notice.
const CANCEL_TIME: Duration = Duration::from_secs(2);

/// Bytes of stack of a thread that plans queries: parsed trees and expressions are bounded in depth
/// (hundreds of levels), and this is several times what walking them takes.
const STACK: usize = 16 << 20;

/// How long a client may go on sending after its last answer.
const LINGER: Duration = Duration::from_secs(5);

/// What all requests share.
pub(crate) struct App {
    pub(crate) service: Arc<dyn QueryService>,
    pub(crate) config: Config,
    pub(crate) counters: Arc<Counters>,
    /// Bodies held in memory.
    pub(crate) held: MemoryBudget,
    pub(crate) running: Arc<Semaphore>,
    pub(crate) version: String,
    pub(crate) display_name: HeaderValue,
    pub(crate) time_zone: HeaderValue,
    pub(crate) keep_alive: HeaderValue,
    queries: Mutex<HashMap<u64, CancelToken>>,
    next_query: AtomicU64,
}

/// A running query's place among those that a shutdown cancels.
pub(crate) struct Registration {
    app: Arc<App>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.app.queries.lock().remove(&self.number);
    }
}

impl App {
    fn new(config: Config, service: Arc<dyn QueryService>) -> App {
        let value = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("granary"))
        };
        // A second less than the truth, so that no client sends on a connection just closed.
        let idle = config.header_timeout.as_secs().saturating_sub(1).max(1);
        App {
            version: service.version(),
            display_name: value(&service.display_name()),
            time_zone: value(&service.time_zone()),
            keep_alive: value(&format!("timeout={idle}")),
            counters: Arc::new(Counters::default()),
            held: MemoryBudget::new("bodies of requests", config.max_held_bytes),
            running: Arc::new(Semaphore::new(config.max_running_requests)),
            queries: Mutex::new(HashMap::new()),
            next_query: AtomicU64::new(0),
            service,
            config,
        }
    }

    /// Lets a shutdown cancel a query for as long as the registration lives.
    pub(crate) fn register(self: &Arc<App>, cancel: CancelToken) -> Registration {
        let number = self.next_query.fetch_add(1, Ordering::Relaxed);
        self.queries.lock().insert(number, cancel);
        Registration { app: Arc::clone(self), number }
    }
}

/// A server that runs until it is shut down or dropped.
pub struct Running {
    runtime: Option<Runtime>,
    app: Arc<App>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

/// Starts to serve `service` as `config` says, on threads of its own.
///
/// # Errors
/// NETWORK_ERROR where the address cannot be listened at.
pub fn serve(config: Config, service: Arc<dyn QueryService>) -> Result<Running> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
        // Besides requests only `/metrics` and name lookups take blocking threads.
        .max_blocking_threads(config.max_running_requests + 8)
        .thread_name("http")
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .map_err(|e| error!(NetworkError, "Cannot start the threads of the server: {e}"))?;
    let listen = config.listen;
    let failed = |e| error!(NetworkError, "Cannot listen at {listen}: {e}");
    let listener = runtime.block_on(TcpListener::bind(listen)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let app = Arc::new(App::new(config, service));
    runtime.spawn(accept(listener, Arc::clone(&app), stopped));
    Ok(Running { runtime: Some(runtime), app, address, stop })
}

impl Running {
    /// The address that the server listens at.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Tells on standard output where the server listens, for people and scripts.
    pub fn announce(&self) {
        let mut out = std::io::stdout().lock();
        // Nobody may be reading.
        let _ = writeln!(out, "Listening on http://{}", self.address);
        let _ = out.flush();
    }

    /// Waits until the process is told to end (SIGTERM, SIGINT), then shuts down.
    pub fn run_until_signal(self) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(signal());
        }
        self.shutdown();
    }

    /// Lets running requests end, within the drain time, and stops. Blocks; not to be called
    /// from asynchronous code.
    pub fn shutdown(mut self) {
        self.stop_within(self.app.config.drain_timeout);
    }

    fn stop_within(&mut self, drain: Duration) {
        let Some(runtime) = self.runtime.take() else { return };
        let _ = self.stop.send(true);
        runtime.block_on(async {
            if tokio::time::timeout(drain, self.connections_end()).await.is_err() {
                self.app.queries.lock().values().for_each(CancelToken::cancel);
                let _ = tokio::time::timeout(CANCEL_TIME, self.connections_end()).await;
            }
        });
        runtime.shutdown_timeout(Duration::from_millis(500));
    }

    async fn connections_end(&self) {
        while self.app.counters.connections.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_within(Duration::ZERO);
    }
}

/// Waits for SIGTERM or SIGINT.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match (terminate, interrupt) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}

async fn accept(listener: TcpListener, app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let router = router(Arc::clone(&app));
    let places = Arc::new(Semaphore::new(app.config.max_connections));
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(_) => {
                // Most likely no file descriptors are left; some connection will end.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            app.counters.refused_connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(refuse(stream));
            continue;
        };
        let (app, router, stopped) = (Arc::clone(&app), router.clone(), stopped.clone());
        app.counters.accepted_connections.fetch_add(1, Ordering::Relaxed);
        app.counters.connections.fetch_add(1, Ordering::Relaxed);
        app.service.count_connection(1);
        tokio::spawn(async move {
            connection(&app, router, stream, peer, stopped).await;
            app.counters.connections.fetch_sub(1, Ordering::Relaxed);
            app.service.count_connection(-1);
            drop(place);
        });
    }
}

/// Tells a client that there are too many.
async fn refuse(mut stream: TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
        Content-Type: text/plain\r\nContent-Length: 21\r\nConnection: close\r\n\r\n\
        Too many connections\n";
    let answer = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await?;
        // Closing with the request unread would reset the connection, and lose the answer.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), answer).await;
}

/// Serves the requests of one connection.
async fn connection(
    app: &Arc<App>,
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let link = Arc::new(Link::new(peer));
    let socket =
        Socket::new(stream, Arc::clone(&link), Arc::clone(&app.counters), app.config.send_timeout);
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&link));
        let response = router.clone().call(request);
        Box::pin(async { response.await.map_err(|never: Infallible| never) })
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(app.config.header_timeout);
    let mut connection = builder.serve_connection(TokioIo::new(socket), service);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = std::future::poll_fn(|context| connection.poll_without_shutdown(context)) => {
                break ended;
            }
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    // How a connection breaks concerns its client alone.
    if ended.is_ok() && !stopping {
        linger(connection.into_parts().io.into_inner()).await;
    }
}

/// Ends a connection after its last answer. What the client still sends is read away, for a while:
/// closing with bytes unread would reset the connection, and the client could lose the answer.
async fn linger(mut socket: Socket) {
    let rest = async {
        socket.shutdown().await?;
        tokio::io::copy(&mut socket, &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}
