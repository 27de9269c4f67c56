//! The interactive shell: reads statements, runs them, shows what comes back.
//!
//! It knows nothing of where statements run: that is the function it is given.

use std::io::Write;
use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::editor::Assistant;
use crate::statements::split;

const HELP: &str = "\
Statements end with ; and may take several lines. \\G instead of ; shows a row per page.
  \\l         databases           \\d         tables of this database
  \\c NAME    change the database \\d NAME    columns of a table
  Ctrl-C     cancels a query     Ctrl-D, exit, quit, \\q   leave
";

/// How the shell greets and remembers.
#[derive(Debug, Clone, Default)]
pub struct Shell {
    /// What stands before the cursor, as in `granary :) `.
    pub prompt: String,
    /// What to say first.
    pub greeting: String,
    /// Names to complete: tables, columns, functions.
    pub names: Vec<String>,
    /// Where to keep the history; by default `~/.granary_history`.
    pub history: Option<PathBuf>,
}

/// Runs the shell until its user leaves. `run` gets one statement at a time (without `;`, but
/// with a closing `\G`: see [`crate::vertical`]) and writes its answer to what it is given; an
/// error is shown, and the shell goes on.
///
/// # Errors
/// The terminal cannot be used.
pub fn shell(
    options: &Shell,
    run: &mut dyn FnMut(&str, &mut dyn Write) -> Result<(), String>,
) -> Result<(), String> {
    let unusable = |error: ReadlineError| format!("Cannot use the terminal: {error}");
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(10_000)
        .map_err(unusable)?
        .build();
    let mut editor: Editor<Assistant, FileHistory> =
        Editor::with_config(config).map_err(unusable)?;
    editor.set_helper(Some(Assistant::new(options.names.clone())));
    let history = options.history.clone().or_else(default_history);
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    let mut out = std::io::stdout();
    let _ = write!(out, "{}", options.greeting);
    loop {
        let input = match editor.readline(&options.prompt) {
            Ok(input) => input,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(unusable(error)),
        };
        if !input.trim().is_empty() {
            let _ = editor.add_history_entry(input.trim_end());
            if let Some(path) = &history {
                let _ = editor.append_history(path);
            }
        }
        match obey(&input) {
            Step::Leave => break,
            Step::Help => {
                let _ = out.write_all(HELP.as_bytes());
            }
            Step::Run(statements) => {
                for statement in statements {
                    if let Err(error) = run(&statement, &mut out) {
                        let _ = writeln!(out, "\x1b[31m{error}\x1b[0m\n");
                        break;
                    }
                }
                let _ = out.flush();
            }
        }
    }
    Ok(())
}

enum Step {
    Leave,
    Help,
    Run(Vec<String>),
}

/// Whether an input is for the shell itself, so that no `;` is to be waited for.
pub(crate) fn is_command(input: &str) -> bool {
    let word = input.trim().trim_end_matches(';').trim_end();
    let known = ["exit", "quit", "q", "help", "?", ":q"];
    known.iter().any(|command| word.eq_ignore_ascii_case(command))
        || (word.starts_with('\\') && !word.contains('\n'))
}

fn obey(input: &str) -> Step {
    if !is_command(input) {
        return Step::Run(split(input).into_iter().map(str::to_owned).collect());
    }
    let line = input.trim().trim_end_matches(';').trim_end();
    let (word, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = name.trim();
    let statement = match (word.to_ascii_lowercase().as_str(), name.is_empty()) {
        ("help" | "?" | "\\?" | "\\h", _) => return Step::Help,
        ("\\l", _) => "SHOW DATABASES".to_owned(),
        ("\\d", true) => "SHOW TABLES".to_owned(),
        ("\\d", false) => format!("DESCRIBE TABLE {name}"),
        ("\\c", false) => format!("USE {name}"),
        ("exit" | "quit" | "q" | ":q" | "\\q", _) => return Step::Leave,
        _ => return Step::Help,
    };
    Step::Run(vec![statement])
}

fn default_history() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".granary_history"))
}

#[cfg(test)]
mod tests {
    use super::{Step, obey};

    #[test]
    fn inputs_become_steps() {
        let check = |input: &str, expected: &str| {
            let step = match obey(input) {
                Step::Leave => "leave".to_owned(),
                Step::Help => "help".to_owned(),
                Step::Run(statements) => statements.join("|"),
            };
            assert_eq!(step, expected, "{input}");
        };
        check("exit;", "leave");
        check(" QUIT ", "leave");
        check("\\q", "leave");
        check("help", "help");
        check("\\nonsense", "help");
        check("\\d hits", "DESCRIBE TABLE hits");
        check("\\c logs;", "USE logs");
        check("SELECT 1; SELECT 2\\G", "SELECT 1|SELECT 2\\G");
        check("", "");
    }
}
