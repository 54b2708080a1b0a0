//! Composition: from the command line to what is asked for.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use splitvault_wire::pod;

use crate::args::{self, Command, HELP, USAGE};
use crate::attend::attend;
use crate::copy::copy;
use crate::exec::exec;
use crate::log;
use crate::protect::{forbid_dumps, keep_in_memory};
use crate::settings::Settings;
use crate::wait::{ready, wait};

/// Does what the command line, without the program's name, says.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    forbid_dumps();
    match args::parse(arguments) {
        Ok(Command::Attend) => sidecar(),
        Ok(Command::Wait { window }) => wait(&directory(), window),
        Ok(Command::Ready) => ready(&directory()),
        Ok(Command::Exec(request)) => exec(&request, &directory()),
        Ok(Command::Copy { destination }) => copied(&destination),
        Ok(Command::Version) => print(concat!("splitvault-sidecar ", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Help) => print(HELP),
        Err(error) => {
            let _lost = writeln!(io::stderr(), "splitvault-sidecar: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn sidecar() -> ExitCode {
    keep_in_memory();
    let settings = match Settings::from_variables(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(error) => {
            log::say(error);
            return ExitCode::from(2);
        }
    };
    attend(settings).unwrap_or_else(|error| {
        log::say(error);
        ExitCode::FAILURE
    })
}

fn directory() -> PathBuf {
    let directory = std::env::var_os(pod::DIRECTORY).filter(|directory| !directory.is_empty());
    directory.map_or_else(|| PathBuf::from(pod::ENV_DIRECTORY), PathBuf::from)
}

fn copied(destination: &Path) -> ExitCode {
    match copy(destination) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            log::say(format_args!(
                "cannot copy this program to {}: {error}",
                destination.display()
            ));
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
