//! Why a command failed: what, which object, and what to do next.

use std::fmt;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Fault {
    kind: Kind,
    message: String,
    next: Option<String>,
}

/// Whose fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something that was tried did not work.
    Failure,
    /// The command line cannot work as it is.
    Usage,
    /// The user wants to wait no longer.
    Interrupted,
    /// The reader of our output is gone, and wants no more.
    ReaderGone,
}

impl Fault {
    pub(crate) fn failure(message: impl Into<String>) -> Self {
        Self::new(Kind::Failure, message.into())
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message.into())
    }

    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, message.into())
    }

    pub(crate) const fn reader_gone() -> Self {
        Self::new(Kind::ReaderGone, String::new())
    }

    /// With what to do next.
    #[must_use]
    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        let next = Some(next.into());
        Self { next, ..self }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn next_step(&self) -> Option<&str> {
        self.next.as_deref()
    }

    const fn new(kind: Kind, message: String) -> Self {
        Self {
            kind,
            message,
            next: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
