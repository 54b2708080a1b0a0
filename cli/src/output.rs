//! Standard output and standard error. Everything that is printed goes through here.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::fault::{Fault, Kind};

/// A reader that is gone wants no more, and is no failure.
const DONE: u8 = 0;
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
/// As a shell reports SIGINT.
const INTERRUPTED: u8 = 130;

/// Prints a result.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Fault::reader_gone(),
        _ => Fault::failure(format!("cannot write to standard output: {error}")),
    })
}

/// Says what a person should know.
pub(crate) fn warn(message: impl fmt::Display) {
    say("warning", "33", &message);
}

/// Says what was assumed.
pub(crate) fn note(message: impl fmt::Display) {
    say("note", "36", &message);
}

/// What goes on, on standard error: one line that changes on a terminal, else a line for each change.
#[derive(Debug, Default)]
pub(crate) struct Live(String);

impl Live {
    /// Shows a line, if it is another one.
    pub(crate) fn show(&mut self, line: &str) {
        if line.is_empty() || line == self.0 {
            return;
        }
        let mut stderr = io::stderr().lock();
        // Nobody is left to tell when this fails.
        drop(if stderr.is_terminal() {
            write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{line}")
        });
        line.clone_into(&mut self.0);
    }

    /// Takes the line away from a terminal.
    pub(crate) fn end(self) {
        let mut stderr = io::stderr().lock();
        if !self.0.is_empty() && stderr.is_terminal() {
            drop(write!(stderr, "\r\x1b[2K").and_then(|()| stderr.flush()));
        }
    }
}

/// Says why the command failed, and answers the exit code.
pub(crate) fn fault(fault: &Fault) -> ExitCode {
    let code = match fault.kind() {
        Kind::ReaderGone => return ExitCode::from(DONE),
        Kind::Failure => FAILURE,
        Kind::Usage => USAGE,
        Kind::Interrupted => INTERRUPTED,
    };
    say("error", "31", fault);
    if let Some(next) = fault.next_step() {
        say("next", "36", &next);
    }
    ExitCode::from(code)
}

/// Prints help or version, or says why the command line is refused, and answers the exit code.
pub(crate) fn usage(refused: &clap::Error) -> ExitCode {
    // Nobody is left to tell when this fails.
    drop(refused.print());
    if refused.use_stderr() {
        return ExitCode::from(USAGE);
    }
    ExitCode::SUCCESS
}

/// Whether colours would be seen: a terminal that has some, and nobody who said no (https://no-color.org).
pub(crate) fn colours(terminal: bool) -> bool {
    let unset = |name: &str| std::env::var_os(name).is_none_or(|value| value.is_empty());
    terminal && unset("NO_COLOR") && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// A word in a colour (SGR code), or plain.
pub(crate) fn painted(word: &str, sgr: &str, colours: bool) -> String {
    if colours {
        return format!("\x1b[1;{sgr}m{word}\x1b[0m");
    }
    word.to_owned()
}

fn say(word: &str, sgr: &str, message: &dyn fmt::Display) {
    let mut stderr = io::stderr().lock();
    let word = painted(word, sgr, colours(stderr.is_terminal()));
    // Nobody is left to tell when this fails.
    drop(writeln!(stderr, "{word}: {message}"));
}
