//! The command line: the arguments of every sub-command, the interactive client over HTTP, and
//! the shell that the client and the embedded engine share.
//!
//! This room must not know the server's insides or the engine: the client speaks HTTP like
//! everybody else, and the shell runs statements through a function that it is given.

mod arguments;
mod client;
mod connection;
mod editor;
mod exception;
mod interrupt;
mod progress;
mod shell;
mod statements;

pub use arguments::{
    Arguments, CheckArguments, ClientArguments, Command, DemoArguments, LocalArguments,
    RecoverArguments, ServerArguments,
};
pub use client::client;
pub use interrupt::Interrupt;
pub use shell::{Shell, shell};
pub use statements::{split, vertical};
