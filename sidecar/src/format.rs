//! How the file for applications is written.

use splitvault_wire::pod;

/// How the file for applications is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `NAME="value"` lines in the general dialect of `.env`.
    #[default]
    Dotenv,
    /// One object of strings (RFC 8259).
    Json,
    /// One mapping of quoted strings, the same in YAML 1.1 and 1.2.
    Yaml,
    /// A directory with one file per variable.
    Files,
}

impl Format {
    /// The format that a setting names.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            pod::FORMAT_DOTENV => Some(Self::Dotenv),
            pod::FORMAT_JSON => Some(Self::Json),
            pod::FORMAT_YAML => Some(Self::Yaml),
            pod::FORMAT_FILES => Some(Self::Files),
            _ => None,
        }
    }

    /// The name of the file or directory unless another one is asked for.
    #[must_use]
    pub const fn usual_name(self) -> &'static str {
        match self {
            Self::Dotenv => pod::ENV_FILE,
            Self::Json => pod::JSON_FILE,
            Self::Yaml => pod::YAML_FILE,
            Self::Files => pod::SET,
        }
    }
}

/// The file or directory for applications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppFile {
    /// How it is written.
    pub format: Format,
    /// Its name: one component of a path, see [`pod::is_file_name`].
    pub name: String,
}

impl From<Format> for AppFile {
    fn from(format: Format) -> Self {
        Self {
            format,
            name: format.usual_name().to_owned(),
        }
    }
}
