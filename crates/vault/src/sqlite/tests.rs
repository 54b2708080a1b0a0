//! The key database file.
