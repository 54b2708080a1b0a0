//! The key pair of the offline recipient, to whom the operator seals master keys before it destroys them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use splitvault_crypto::sealing::{Algorithm, KeyPair};

use crate::args::Keygen;
use crate::fault::Fault;
use crate::output;

/// For nobody but the owner.
const MODE: u32 = 0o600;

/// Makes a key pair, and prints the public half once the private one is on disk.
pub(crate) fn keygen(args: &Keygen) -> Result<(), Fault> {
    let path = &args.out;
    let pair = KeyPair::make(Algorithm::XWing);
    let pair = pair.map_err(|_| Fault::failure("no randomness from the operating system"))?;
    write(path, &pair).map_err(|error| fault(path, &error))?;
    output::print(format!("{}\n", pair.public().to_text()).as_bytes())?;
    output::note(format_args!(
        "the private key is in {}: keep it offline, apart from every backup",
        path.display()
    ));
    Ok(())
}

fn write(path: &Path, pair: &KeyPair) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    // EXPOSE: the file is where this key lives.
    let written = file.write_all(pair.to_text().expose().as_bytes());
    let kept = written
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_directory(path));
    // Half a key is no key, and would be in the way.
    kept.inspect_err(|_| drop(std::fs::remove_file(path)))
}

/// So that the file is there after a power failure as well.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Fault::failure(format!("{shown} is there already and is not overwritten"))
                .next("give another file: what was escrowed to the key in that one opens with it alone")
        }
        _ => Fault::failure(format!("cannot write {shown}: {error}")),
    }
}
