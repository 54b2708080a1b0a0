//! SQLite's result codes in our terms.

use std::path::PathBuf;

use crate::StoreError;

/// Why a database was not opened. Nothing at the path has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else than an SQLite database.
    #[error("{} is not a database", path.display())]
    NotADatabase {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A database, but of another application: most likely a wrong path or a wrong volume.
    #[error("{} is not a {kind} (application id {application_id:#010x})", path.display())]
    Foreign {
        /// What was to be opened.
        path: PathBuf,
        /// What it should have been.
        kind: &'static str,
        /// What the file says it is; 0 for none.
        application_id: u32,
    },
    /// Written by a newer release; this one does not know how to read it.
    #[error("{} has schema version {found}, this release knows {known}", path.display())]
    Newer {
        /// What was to be opened.
        path: PathBuf,
        /// The file's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A database of ours that is truncated or otherwise damaged: restore it from a backup.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The volume does not let us: missing or read-only directory, no permission, no room, locked.
    #[error("cannot open {}", path.display())]
    Storage {
        /// What was to be opened.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
}

impl OpenError {
    /// A fixed word for logs and the readiness endpoint.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotADatabase { .. } => "not_a_database",
            Self::Foreign { .. } => "foreign_database",
            Self::Newer { .. } => "newer_schema",
            Self::Damaged { .. } => "damaged",
            Self::Storage { .. } => "storage",
        }
    }

    /// Whether another process held a lock just then.
    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Storage { source, .. } => matches!(code(source), Some(BUSY | LOCKED)),
            Self::NotADatabase { .. } | Self::Foreign { .. } | Self::Newer { .. } | Self::Damaged { .. } => {
                false
            }
        }
    }

    pub(super) fn sql(path: &std::path::Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match code(&source) {
            Some(NOTADB) => Self::NotADatabase { path },
            Some(CORRUPT) => Self::Damaged { path },
            _ => Self::Storage { path, source },
        }
    }
}

/// Maps what a statement came back with; anything but an everyday refusal is logged here, where it is known.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let mapped = classify(&error);
    if !matches!(error, sqlx::Error::PoolClosed) {
        // SQLite's messages name tables and codes, never content; all content is bound, not spelled.
        tracing::warn!(reason = mapped.label(), %error, "value database");
    }
    mapped
}

/// What a statement's error comes down to: `Unavailable`, `Corrupt`, `Full` or `Internal`.
pub fn classify(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(_) => from_code(code(error)),
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt,
        _ => StoreError::Internal,
    }
}

// Primary result codes, https://www.sqlite.org/rescode.html
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

fn from_code(code: Option<u32>) -> StoreError {
    match code {
        Some(PERM | BUSY | LOCKED | READONLY | IOERR | CANTOPEN) => StoreError::Unavailable,
        Some(CORRUPT | NOTADB) => StoreError::Corrupt,
        Some(FULL) => StoreError::Full,
        _ => StoreError::Internal,
    }
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let extended: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
