//! A directory with one file per variable, replaced as a whole: as Kubernetes' own volumes are (`AtomicWriter`).
//!
//! The files are in a directory with a name of its own, to which the link `..data` leads; each variable's name is a
//! link through that. A new set goes into a new directory, and one rename of `..data` puts it in place: whoever opens
//! `..data` has one set or the other. The set before stays for a moment ([`Target::sweep`]), for who was about to open
//! a file of it.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::render::Member;
use crate::target::{Target, create, read};

/// The link to the directory of the set that counts.
const DATA: &str = "..data";
/// That link while it is made.
const NEW_DATA: &str = "..data_tmp";

/// Nothing else on the way: neither a link nor what is no directory.
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Target {
    /// Puts a set of files there, in place of the one that was.
    ///
    /// # Errors
    /// When there is no room, for example; the old set stays.
    pub fn write_set(&self, name: &str, members: &[Member]) -> io::Result<()> {
        let set = Set::make(self, name)?;
        set.tidy()?;
        let new = set.make_generation()?;
        let written = set.fill(&new, members).and_then(|()| set.switch(&new));
        if written.is_err() {
            set.remove_generation(&new)?;
            return written;
        }
        set.link(members)
    }

    /// Whether this set is there, and nothing else in its place.
    pub(crate) fn holds_set(&self, name: &str, members: &[Member]) -> bool {
        Set::open(self, name).is_ok_and(|set| set.holds(members).unwrap_or(false))
    }

    /// Removes what earlier sets left.
    ///
    /// # Errors
    /// When something there cannot be removed; nothing there at all is as good.
    pub fn sweep(&self, name: &str) -> io::Result<()> {
        match Set::open(self, name) {
            Ok(set) => set.tidy(),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

struct Set {
    directory: OwnedFd,
    files: Mode,
}

impl Set {
    fn open(target: &Target, name: &str) -> Result<Self, Errno> {
        Ok(Self {
            directory: rustix::fs::openat(target.directory(), name, DIRECTORY, Mode::empty())?,
            files: target.mode(),
        })
    }

    fn make(target: &Target, name: &str) -> io::Result<Self> {
        make_directory(target.directory(), name)?;
        let set = Self::open(target, name)?;
        rustix::fs::fchmod(&set.directory, set.directories())?;
        Ok(set)
    }

    /// Who may read a file may look into its directory; only the owner changes it.
    fn directories(&self) -> Mode {
        let read = self.files & Mode::from_raw_mode(0o444);
        Mode::from_raw_mode(read.as_raw_mode() >> 2) | read | Mode::WUSR
    }

    /// Makes an empty directory with a name that no other set has or had.
    fn make_generation(&self) -> io::Result<CString> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for number in now.as_nanos().. {
            let name = CString::new(format!("..{number}"))?;
            match rustix::fs::mkdirat(&self.directory, &name, Mode::RWXU) {
                Ok(()) => return Ok(name),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn fill(&self, generation: &CStr, members: &[Member]) -> io::Result<()> {
        let directory = rustix::fs::openat(&self.directory, generation, DIRECTORY, Mode::empty())?;
        for member in members {
            // EXPOSE: this is what the sidecar is for; the target is tmpfs.
            create(
                &directory,
                member.name.expose(),
                member.content.expose(),
                self.files,
            )?;
        }
        rustix::fs::fchmod(&directory, self.directories())?;
        Ok(())
    }

    /// From here on the new set counts.
    fn switch(&self, generation: &CStr) -> io::Result<()> {
        remove(&self.directory, NEW_DATA)?;
        rustix::fs::symlinkat(generation, &self.directory, NEW_DATA)?;
        rustix::fs::renameat(&self.directory, NEW_DATA, &self.directory, DATA)?;
        Ok(())
    }

    /// Has a link for each variable, and none for any other.
    fn link(&self, members: &[Member]) -> io::Result<()> {
        // EXPOSE: names are compared, and become names of links on tmpfs.
        let names: BTreeSet<_> = members
            .iter()
            .map(|member| member.name.expose().as_bytes())
            .collect();
        for entry in self.entries()? {
            let name = entry.to_bytes();
            if !name.starts_with(b"..") && !names.contains(name) {
                remove(&self.directory, entry.as_c_str())?;
            }
        }
        for member in members {
            let name = member.name.expose();
            if !self.links(name) {
                remove(&self.directory, name)?;
                rustix::fs::symlinkat(format!("{DATA}/{name}"), &self.directory, name)?;
            }
        }
        Ok(())
    }

    /// Whether this name leads to the variable's file.
    fn links(&self, name: &str) -> bool {
        let link = rustix::fs::readlinkat(&self.directory, name, Vec::new());
        link.is_ok_and(|link| link.to_bytes() == format!("{DATA}/{name}").as_bytes())
    }

    fn holds(&self, members: &[Member]) -> io::Result<bool> {
        let Some(generation) = self.generation()? else {
            return Ok(false);
        };
        let directory = rustix::fs::openat(&self.directory, &generation, DIRECTORY, Mode::empty())?;
        for member in members {
            // EXPOSE: compared with what is on tmpfs.
            let there = read(&directory, member.name.expose())?;
            if there.as_deref() != Some(member.content.expose()) || !self.links(member.name.expose()) {
                return Ok(false);
            }
        }
        let visible = self
            .entries()?
            .into_iter()
            .filter(|name| !name.to_bytes().starts_with(b".."));
        Ok(visible.count() == members.len())
    }

    /// The directory that counts.
    fn generation(&self) -> io::Result<Option<CString>> {
        match rustix::fs::readlinkat(&self.directory, DATA, Vec::new()) {
            // A link that we did not make leads somewhere else.
            Ok(link) if link.to_bytes().contains(&b'/') => Ok(None),
            Ok(link) => Ok(Some(link)),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Removes every generation but the one that counts.
    fn tidy(&self) -> io::Result<()> {
        let current = self.generation()?;
        for entry in self.entries()? {
            let ours = entry.to_bytes().starts_with(b"..") && entry.as_c_str() != c"..data";
            if ours && Some(&entry) != current.as_ref() {
                self.remove_generation(&entry)?;
            }
        }
        Ok(())
    }

    fn remove_generation(&self, name: &CStr) -> io::Result<()> {
        let directory = match rustix::fs::openat(&self.directory, name, DIRECTORY, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(()),
            // A link, or anything else.
            Err(Errno::NOTDIR | Errno::LOOP) => return remove(&self.directory, name),
            Err(errno) => return Err(errno.into()),
        };
        for entry in entries(&directory)? {
            remove(&directory, entry.as_c_str())?;
        }
        rustix::fs::unlinkat(&self.directory, name, AtFlags::REMOVEDIR)?;
        Ok(())
    }

    fn entries(&self) -> io::Result<Vec<CString>> {
        entries(&self.directory)
    }
}

fn make_directory(at: &OwnedFd, name: &str) -> io::Result<()> {
    match rustix::fs::mkdirat(at, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn entries(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a file or a link; none is as good.
fn remove(at: &OwnedFd, name: impl rustix::path::Arg) -> io::Result<()> {
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests;
