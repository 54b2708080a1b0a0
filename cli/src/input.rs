//! A `.env` from a file or from standard input, into memory that is wiped.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use splitvault_crypto::SecretBytes;
use splitvault_dotenv::TOTAL;

use crate::fault::Fault;
use crate::output;

/// What is read at most: one byte more than is taken, so that it is noticed.
const MOST: usize = TOTAL + 1;

/// Reads a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<SecretBytes, Fault> {
    if path == Path::new("-") {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            output::note("reading a .env from the terminal; end it with Ctrl-D");
        }
        return bounded(stdin.lock()).map_err(|error| fault(path, &error));
    }
    File::open(path)
        .and_then(bounded)
        .map_err(|error| fault(path, &error))
}

/// How messages call it.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".to_owned();
    }
    path.display().to_string()
}

/// Reads into memory of the final size, so that no part is left behind by growing.
fn bounded(source: impl Read) -> io::Result<SecretBytes> {
    let mut bytes = Vec::with_capacity(MOST);
    let read = source.take(MOST as u64).read_to_end(&mut bytes);
    let secret = SecretBytes::from(bytes);
    read.map(|_| secret)
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    let fault = Fault::failure(format!("cannot read {}: {error}", name(path)));
    match error.kind() {
        io::ErrorKind::NotFound => fault.next("check the path; `-` reads standard input"),
        io::ErrorKind::IsADirectory => fault.next("give the .env file in it"),
        _ => fault,
    }
}
