//! How the file of mode `file` is written.

use super::{Mode, Refusal, refuse};
use crate::annotations;

/// How the file of mode `file` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `NAME="value"` lines.
    #[default]
    Dotenv,
    /// One object of strings (RFC 8259).
    Json,
    /// One mapping of quoted strings, the same in YAML 1.1 and 1.2.
    Yaml,
    /// A directory with one file per variable.
    Files,
}

pub(super) fn parse(text: Option<&str>, mode: Mode) -> Result<Format, Refusal> {
    let refuse = |problem| Err(refuse(annotations::FORMAT, problem));
    match (text, mode) {
        (None, _) => Ok(Format::default()),
        (Some(_), Mode::Env) => refuse("is for mode file: set splitvault.dev/mode to file, or remove this"),
        (Some("dotenv"), _) => Ok(Format::Dotenv),
        (Some("json"), _) => Ok(Format::Json),
        (Some("yaml"), _) => Ok(Format::Yaml),
        (Some("files"), _) => Ok(Format::Files),
        (Some(_), _) => refuse("write dotenv, json, yaml or files"),
    }
}
