//! The directory that the files go to: tmpfs or nothing, and each file whole or not at all.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// `f_type` of tmpfs (`linux/magic.h`).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// The longest file that is read back.
const READ_LIMIT: u64 = 16 << 20;

/// An open directory on tmpfs. What happens to its path later does not matter.
#[derive(Debug)]
pub struct Target {
    directory: OwnedFd,
    mode: Mode,
}

/// A directory cannot take secrets.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It cannot be opened or looked at.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Writing there would put variables on a disk.
    #[error("{} is not on tmpfs (its file system is 0x{magic:x}): it must be an emptyDir with medium Memory; nothing was written", path.display())]
    NotTmpfs {
        /// The directory.
        path: PathBuf,
        /// What `statfs` says about it.
        magic: u64,
    },
}

impl Target {
    /// Opens a directory for files of this mode.
    ///
    /// # Errors
    /// [`TargetError::NotTmpfs`] for any file system other than tmpfs.
    pub fn open(path: &Path, mode: u32) -> Result<Self, TargetError> {
        let failed = |errno: Errno| TargetError::Open {
            path: path.to_owned(),
            source: errno.into(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        let magic = rustix::fs::fstatfs(&directory).map_err(failed)?.f_type;
        match u64::try_from(magic) {
            Ok(TMPFS_MAGIC) => Ok(Self {
                directory,
                mode: Mode::from_raw_mode(mode),
            }),
            magic => Err(TargetError::NotTmpfs {
                path: path.to_owned(),
                magic: magic.unwrap_or_default(),
            }),
        }
    }

    /// Puts a file there, in place of the one that was: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// When there is no room, for example; the old file stays.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = format!(".{name}.new");
        let written = self.create(&new, content).and_then(|()| {
            rustix::fs::renameat(&self.directory, &new, &self.directory, name).map_err(io::Error::from)
        });
        if written.is_err() {
            self.remove(&new)?;
        }
        written
    }

    fn create(&self, name: &str, content: &[u8]) -> io::Result<()> {
        // What a killed process left behind.
        self.remove(name)?;
        create(&self.directory, name, content, self.mode)
    }

    /// The content of a file, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is longer than anything that is written here.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.directory, name)
    }

    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// Of the files.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes a file; none is as good.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Makes a file that is not there yet.
pub(crate) fn create(at: &OwnedFd, name: &str, content: &[u8], mode: Mode) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(at, name, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    file.write_all(content)?;
    // Not by the mode of creation, which the umask has a say in.
    rustix::fs::fchmod(&file, mode)?;
    Ok(())
}

/// The content of a file, if it is there.
pub(crate) fn read(at: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(at, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    // Enough room from the start: a buffer that grows leaves copies behind.
    let length = usize::try_from(file.metadata()?.len().min(READ_LIMIT)).unwrap_or_default();
    let mut content = Vec::with_capacity(length + 1);
    let read = file.take(READ_LIMIT + 1).read_to_end(&mut content)?;
    if read as u64 > READ_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn target(mode: u32) -> (tempfile::TempDir, Target) {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let target = Target::open(directory.path(), mode).unwrap();
        (directory, target)
    }

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn anything_but_tmpfs_is_refused() {
        let error = Target::open(Path::new("/proc"), 0o400).unwrap_err();
        assert!(
            matches!(error, TargetError::NotTmpfs { magic: 0x9fa0, .. }),
            "{error}"
        );
        let error = Target::open(Path::new("/nowhere/at/all"), 0o400).unwrap_err();
        assert!(matches!(error, TargetError::Open { .. }), "{error}");
    }

    #[test]
    fn a_file_gets_its_mode_and_nothing_is_left_beside_it() {
        let (directory, target) = target(0o444);
        for content in ["first", "second", ""] {
            target.write("env", content.as_bytes()).unwrap();
            assert_eq!(target.read("env").unwrap().unwrap(), content.as_bytes());
        }
        let mode = fs::metadata(directory.path().join("env"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o444);
        assert_eq!(names(&directory), ["env"]);
    }

    #[test]
    fn what_a_killed_process_left_is_no_hindrance() {
        let (directory, target) = target(0o400);
        fs::write(directory.path().join(".env.new"), "half a fi").unwrap();
        target.write("env", b"whole").unwrap();
        assert_eq!(names(&directory), ["env"]);
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let (directory, target) = target(0o400);
        let victim = directory.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        for name in ["env", ".env.new"] {
            symlink(&victim, directory.path().join(name)).unwrap();
        }
        assert!(target.read("env").is_err());
        target.write("env", b"secret").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert!(
            fs::symlink_metadata(directory.path().join("env"))
                .unwrap()
                .is_file()
        );
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
        let (directory, target) = target(0o400);
        target.write("env", b"old").unwrap();
        fs::create_dir(directory.path().join(".env.new")).unwrap();
        assert!(target.write("env", b"new").is_err());
        assert_eq!(target.read("env").unwrap().unwrap(), b"old");
    }

    #[test]
    fn a_reader_sees_one_version_or_the_other() {
        let (directory, target) = target(0o400);
        let versions = ["a".repeat(40_000), "b".repeat(70_000)];
        target.write("env", versions[0].as_bytes()).unwrap();
        let (path, done) = (directory.path().join("env"), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut reads = 0_u32;
                while !done.load(Ordering::Relaxed) || reads == 0 {
                    let seen = fs::read_to_string(&path).unwrap();
                    assert!(versions.contains(&seen), "{} bytes", seen.len());
                    reads += 1;
                }
            });
            for round in 0..400 {
                target.write("env", versions[round % 2].as_bytes()).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }
}
