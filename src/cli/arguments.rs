//! The arguments of the binary, declared once: parsing, help and errors come from here.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A columnar analytics database that speaks ClickHouse's SQL over HTTP.
#[derive(Debug, Parser)]
#[command(name = "granary", version, about, subcommand_required = true)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a data folder over HTTP.
    Server(ServerArguments),
    /// Run SQL on a data folder, or on files alone, without a server.
    Local(LocalArguments),
    /// Talk to a server: interactively, or with -q.
    Client(ClientArguments),
    /// Verify a data folder: checksums of all parts, and the catalog against them.
    Check(CheckArguments),
    /// Make the catalog of a data folder anew from its parts, when it is damaged or lost.
    ///
    /// Every part describes itself: to which table with which columns it belongs, and from which parts
    /// it was merged. The old catalog is kept as `catalog.redb.saved`, parts that cannot be read are
    /// kept below `broken/` and named; nothing is deleted. What no part tells is lost: tables without
    /// rows, views, deduplication tokens; rows that were deleted since their part was written are
    /// there again. No server may have the folder open meanwhile.
    Recover(RecoverArguments),
    /// Fill a data folder with example tables, and serve it.
    Demo(DemoArguments),
    /// Print the reference of all functions, types, formats and settings as Markdown.
    Reference,
}

/// Arguments of `granary server`.
#[derive(Debug, Clone, Args)]
pub struct ServerArguments {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8123")]
    pub listen: SocketAddr,
    /// The data folder; made where it is missing.
    #[arg(long, value_name = "DIR", default_value = "granary-data")]
    pub data: PathBuf,
    /// A configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `granary local`.
#[derive(Debug, Clone, Args)]
pub struct LocalArguments {
    /// SQL to run, one or more statements; may be given several times. An INSERT without data at the
    /// end reads it from standard input.
    #[arg(short, long, value_name = "SQL")]
    pub query: Vec<String>,
    /// Files of SQL to run, after what -q gave.
    #[arg(long = "queries-file", value_name = "SCRIPT")]
    pub queries_files: Vec<PathBuf>,
    /// The data folder; without it tables live in memory.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The format of answers whose queries name none.
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// A setting of all queries; may be given several times.
    #[arg(short, long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Accepted for compatibility: several statements are always taken apart at `;`.
    #[arg(short = 'n', long)]
    pub multiquery: bool,
    /// Show no progress and no times.
    #[arg(long)]
    pub quiet: bool,
    /// Files of SQL to run, after what -q and --queries-file gave. Without any SQL, standard input
    /// is asked: a shell on a terminal, else a script.
    #[arg(value_name = "SCRIPT")]
    pub scripts: Vec<PathBuf>,
}

/// Arguments of `granary client`.
#[derive(Debug, Clone, Args)]
pub struct ClientArguments {
    /// SQL to run instead of asking for it; may be given several times. An INSERT without data
    /// reads it from standard input.
    #[arg(short, long, value_name = "SQL")]
    pub query: Vec<String>,
    /// The server's name or address.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// The server's HTTP port.
    #[arg(long, default_value_t = 8123)]
    pub port: u16,
    /// The user.
    #[arg(short, long, default_value = "default", env = "GRANARY_USER")]
    pub user: String,
    /// The user's password.
    #[arg(long, default_value = "", env = "GRANARY_PASSWORD", hide_env_values = true)]
    #[arg(hide_default_value = true)]
    pub password: String,
    /// The database to begin in.
    #[arg(short, long)]
    pub database: Option<String>,
    /// The format of answers whose queries name none; PrettyCompact on a terminal and
    /// TabSeparated elsewhere.
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// A setting of all queries; may be given several times.
    #[arg(short, long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Accepted for compatibility: several statements are always taken apart at `;`.
    #[arg(short = 'n', long)]
    pub multiquery: bool,
    /// Show no progress and no times.
    #[arg(long)]
    pub quiet: bool,
}

/// Arguments of `granary check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Arguments of `granary recover`.
#[derive(Debug, Clone, Args)]
pub struct RecoverArguments {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Arguments of `granary demo`.
#[derive(Debug, Clone, Args)]
pub struct DemoArguments {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "granary-demo")]
    pub data: PathBuf,
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8123")]
    pub listen: SocketAddr,
    /// Only fill the folder, do not serve it.
    #[arg(long)]
    pub no_serve: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err(format!("{text:?} is not NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, Command};

    #[test]
    fn the_declarations_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_is_parsed() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).map(|a| a.command);
        let Ok(Command::Server(server)) =
            parse("granary server --listen 0.0.0.0:0 --data /d --config c.toml")
        else {
            panic!("server");
        };
        assert_eq!((server.listen.port(), server.data.to_str()), (0, Some("/d")));
        let Ok(Command::Client(client)) =
            parse("granary client --host h --port 1 -q a -q b --set x=1=2 --multiquery -d db")
        else {
            panic!("client");
        };
        assert_eq!((client.query.len(), client.database.as_deref()), (2, Some("db")));
        assert_eq!(client.settings, [("x".to_owned(), "1=2".to_owned())]);
        assert!(matches!(parse("granary local -q x --data d f.sql"), Ok(Command::Local(_))));
        assert!(matches!(parse("granary check --data d"), Ok(Command::Check(_))));
        assert!(matches!(parse("granary recover --data d"), Ok(Command::Recover(_))));
        assert!(matches!(parse("granary demo --no-serve"), Ok(Command::Demo(_))));
        assert!(parse("granary").is_err());
        assert!(parse("granary client --set x").is_err());
    }
}
