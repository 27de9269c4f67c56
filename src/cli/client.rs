//! `granary client` and `granary local`: statements from arguments, files, standard input or the
//! shell, run on a server or in an engine of this process.
//!
//! Each query runs on a thread of its own, which sends pieces of the answer through a bounded
//! channel; the main thread writes them, draws the progress line and looks for Ctrl-C.

use std::cell::RefCell;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::arguments::{ClientArguments, LocalArguments};
use crate::connection::Connection;
use crate::exception::Watch;
use crate::interrupt::Interrupt;
use crate::place::{AnswerHead, Place, Query};
use crate::progress::{Line, Progress};
use crate::shell::{Shell, shell};
use crate::statements::{split, vertical, wants_data};

/// How often Ctrl-C is looked for and the progress line drawn.
const TICK: Duration = Duration::from_millis(100);

/// How long a query may run before its progress is shown.
const SHOW_AFTER: Duration = Duration::from_millis(400);

/// How long a cancelled query is waited for.
const CANCEL_WAIT: Duration = Duration::from_secs(3);

/// Runs the client as its arguments say.
pub fn client(arguments: &ClientArguments) -> ExitCode {
    let connection = Connection::new(
        &arguments.host,
        arguments.port,
        &arguments.user,
        &arguments.password,
        arguments.settings.clone(),
    );
    let client = Client::new(Arc::new(connection), arguments.format.as_ref(), arguments.quiet)
        .in_database(arguments.database.clone());
    let about = format!("{}:{} as {}", arguments.host, arguments.port, arguments.user);
    exit(client.serve(&arguments.query, &about))
}

/// Runs the statements of `granary local` at a place within this process.
pub fn local(place: Arc<dyn Place>, arguments: &LocalArguments) -> ExitCode {
    let mut texts = arguments.query.clone();
    for path in arguments.queries_files.iter().chain(&arguments.scripts) {
        match std::fs::read_to_string(path) {
            Ok(text) => texts.push(text),
            Err(error) => {
                return exit(Err(format!("Cannot read script {}: {error}", path.display())));
            }
        }
    }
    let about = match &arguments.data {
        Some(folder) => format!("the data folder {}", folder.display()),
        None => "tables in memory, which go when you leave".to_owned(),
    };
    exit(Client::new(place, arguments.format.as_ref(), arguments.quiet).serve(&texts, &about))
}

fn exit(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct Client {
    place: Arc<dyn Place>,
    interrupt: Interrupt,
    format: String,
    /// Sent until the session knows it: with the first statement.
    database: RefCell<Option<String>>,
    quiet: bool,
    show_progress: bool,
}

enum Event {
    Head(AnswerHead),
    Data(Vec<u8>),
    /// The end, with what the query did as far as that is told now.
    End(Result<String, String>),
}

impl Client {
    fn new(place: Arc<dyn Place>, format: Option<&String>, quiet: bool) -> Client {
        let format = match format {
            Some(format) => format.clone(),
            None if std::io::stdout().is_terminal() => "PrettyCompact".to_owned(),
            None => "TabSeparated".to_owned(),
        };
        Client {
            place,
            interrupt: Interrupt::install(),
            format,
            database: RefCell::new(None),
            quiet,
            show_progress: !quiet && std::io::stderr().is_terminal(),
        }
    }

    fn in_database(self, database: Option<String>) -> Client {
        *self.database.borrow_mut() = database;
        self
    }

    /// Runs the given texts; where there are none, what standard input or its user says.
    fn serve(&self, texts: &[String], about: &str) -> Result<(), String> {
        if !texts.is_empty() {
            self.run_arguments(texts)
        } else if std::io::stdin().is_terminal() {
            self.interact(about)
        } else {
            self.run_input()
        }
    }

    /// Runs the statements of `-q`. The last, where it is an INSERT that waits for data, gets
    /// standard input.
    fn run_arguments(&self, texts: &[String]) -> Result<(), String> {
        let statements: Vec<&str> = texts.iter().flat_map(|text| split(text)).collect();
        for (number, statement) in statements.iter().enumerate() {
            let last = number + 1 == statements.len();
            let from_input = last && wants_data(statement) && !std::io::stdin().is_terminal();
            let data: Option<Box<dyn Read + Send>> =
                if from_input { Some(Box::new(std::io::stdin())) } else { None };
            self.run(statement, data, &mut std::io::stdout())?;
        }
        Ok(())
    }

    /// Runs the statements of standard input.
    fn run_input(&self) -> Result<(), String> {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| format!("Cannot read statements from standard input: {error}"))?;
        split(&text)
            .into_iter()
            .try_for_each(|s| self.run(s, None, &mut std::io::stdout()).map(drop))
    }

    fn interact(&self, about: &str) -> Result<(), String> {
        let version = self.place.aside("SELECT version()")?;
        let greeting = format!(
            "Connected to {about}; server version {}. Type help for help.\n\n",
            version.trim_end()
        );
        let names = "SELECT name FROM system.tables UNION ALL SELECT DISTINCT name FROM \
            system.columns UNION ALL SELECT name FROM system.functions LIMIT 20000";
        // Without names the shell completes keywords only.
        let names = self.place.aside(names).unwrap_or_default();
        let options = Shell {
            prompt: "granary :) ".to_owned(),
            greeting,
            names: names.lines().map(str::to_owned).collect(),
            history: None,
        };
        shell(&options, &mut |statement, out| {
            let (progress, has_result) = self.run(statement, None, out)?;
            if !self.quiet {
                // A terminal that cannot be written to shows itself at the next prompt.
                let _ = writeln!(out, "\n{}\n", progress.report(has_result));
            }
            Ok(())
        })
    }

    /// Runs one statement; what it did, and whether it had a result.
    fn run(
        &self,
        statement: &str,
        data: Option<Box<dyn Read + Send>>,
        out: &mut dyn Write,
    ) -> Result<(Progress, bool), String> {
        let (text, tall) = vertical(statement);
        let id = uuid::Uuid::new_v4().to_string();
        let query = Query {
            text: text.to_owned(),
            data,
            id: id.clone(),
            format: if tall { "Vertical".to_owned() } else { self.format.clone() },
            database: self.database.borrow().clone(),
        };
        let (sender, events) = sync_channel(4);
        let place = Arc::clone(&self.place);
        self.interrupt.take();
        std::thread::spawn(move || fetch(&*place, query, &sender));
        let done = self.follow(&id, &events, out)?;
        // From now on the session has its database, which USE may change.
        let switched = text.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("use "));
        if switched {
            let name = text[4..].trim().trim_matches(['`', '"']).to_owned();
            *self.database.borrow_mut() = Some(name);
        }
        Ok(done)
    }

    /// Writes the answer of a query as it comes.
    fn follow(
        &self,
        id: &str,
        events: &Receiver<Event>,
        out: &mut dyn Write,
    ) -> Result<(Progress, bool), String> {
        let started = Instant::now();
        let mut progress = Progress::default();
        let mut line = Line::new(self.show_progress);
        let mut watch = Watch::new(None);
        let (mut has_result, mut poll) = (false, self.show_progress);
        let failed = |error: std::io::Error| format!("Cannot write the answer: {error}");
        let end = loop {
            if self.interrupt.take() {
                line.clear();
                self.cancel(id, events);
                return Err("Cancelled.".to_owned());
            }
            match events.recv_timeout(TICK) {
                Ok(Event::Head(head)) => {
                    progress.read_summary(&head.summary);
                    watch = Watch::new(head.tag.as_deref());
                    has_result = head.has_result;
                }
                Ok(Event::Data(data)) => {
                    line.clear();
                    let written = out.write_all(&watch.pass(data)).and_then(|()| out.flush());
                    written.map_err(failed)?;
                }
                Ok(Event::End(end)) => break end,
                Err(RecvTimeoutError::Timeout) if poll && started.elapsed() > SHOW_AFTER => {
                    let row = self.place.aside(&Progress::question(id));
                    // A server that does not tell is not asked again.
                    poll = row.is_ok();
                    let row = row.unwrap_or_default();
                    if let Some(now) = Progress::read_row(&row, started.elapsed()) {
                        progress = now;
                    }
                    progress.elapsed = started.elapsed();
                    line.draw(&progress);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    break Err("The thread of the query ended without an answer".to_owned());
                }
            }
        };
        line.clear();
        progress.elapsed = started.elapsed();
        out.write_all(&watch.end()?).and_then(|()| out.flush()).map_err(failed)?;
        progress.read_summary(&end?);
        Ok((progress, has_result))
    }

    /// Asks the server to stop a query, and waits until it has, so that the session is free.
    fn cancel(&self, id: &str, events: &Receiver<Event>) {
        // Closing the connection cancels too, where this is refused.
        let _ = self.place.aside(&format!("KILL QUERY WHERE query_id = '{id}' ASYNC"));
        let until = Instant::now() + CANCEL_WAIT;
        while let Ok(Event::Head(_) | Event::Data(_)) =
            events.recv_timeout(until.saturating_duration_since(Instant::now()))
        {}
    }
}

/// Sends a query and passes its answer on, until that ends or nobody listens.
fn fetch(place: &dyn Place, query: Query, events: &SyncSender<Event>) {
    let (head, mut body) = match place.start(query) {
        Ok(answer) => answer,
        Err(error) => {
            let _ = events.send(Event::End(Err(error)));
            return;
        }
    };
    if events.send(Event::Head(head)).is_err() {
        return;
    }
    loop {
        let event = match body.next() {
            Ok(None) => Event::End(Ok(body.summary())),
            Ok(Some(piece)) => Event::Data(piece),
            Err(error) => Event::End(Err(error)),
        };
        let last = matches!(event, Event::End(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}
