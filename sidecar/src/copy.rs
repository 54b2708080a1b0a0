//! Puts this binary where application containers can run it as `exec`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The running program.
const SELF: &str = "/proc/self/exe";

/// Copies the running program to a path, or into a directory under its own name; in one step, executable for all.
///
/// # Errors
/// When the destination cannot be written; what was there stays.
pub(crate) fn copy(destination: &Path) -> io::Result<PathBuf> {
    let destination = if destination.is_dir() {
        destination.join("splitvault-sidecar")
    } else {
        destination.to_owned()
    };
    let new = destination.with_extension("new");
    let copied = write(&new).and_then(|()| fs::rename(&new, &destination));
    if copied.is_err() {
        // The first error is the one to tell.
        let _removed = fs::remove_file(&new);
    }
    copied.map(|()| destination)
}

fn write(new: &Path) -> io::Result<()> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(new)?;
    io::copy(&mut File::open(SELF)?, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(0o555))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_is_the_program_and_anyone_may_run_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("splitvault-sidecar");
        for destination in [directory.path(), &path] {
            assert_eq!(copy(destination).unwrap(), path);
            assert!(fs::read(&path).unwrap() == fs::read(SELF).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o555);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_destination_that_cannot_be_written_is_an_error() {
        assert!(copy(Path::new("/proc/nowhere/x")).is_err());
    }
}
