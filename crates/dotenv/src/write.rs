//! From a [`Dotenv`] to text, for a reader that is known.

mod spelling;

use splitvault_crypto::SecretString;
use zeroize::Zeroizing;

use crate::dotenv::{Dotenv, Variable};
use crate::name::Name;

/// Who is going to read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Everybody: only spellings that npm dotenv, Node, python-dotenv, dotenvy, godotenv, Docker Compose, Ruby dotenv and
    /// shells read alike. Not every value has one.
    General,
    /// npm dotenv and [`crate::parse`]. Holds all but a few values with three kinds of quotes.
    Npm,
    /// python-dotenv, with its default `interpolate=True`. Holds every value.
    Python,
    /// Docker Compose's `env_file`. Holds every value.
    Compose,
    /// Kubelet's environment files (KEP-3721): no single quote, no CRLF; no comments are written. Kubelet takes an
    /// empty value for a variable that is not there, and at most 64 KiB in a file.
    Kubelet,
    /// POSIX shells. Holds every value; no name with `.` or `-`.
    Shell,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::General,
        Self::Npm,
        Self::Python,
        Self::Compose,
        Self::Kubelet,
        Self::Shell,
    ];

    /// Its name on a command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Npm => "npm",
            Self::Python => "python",
            Self::Compose => "compose",
            Self::Kubelet => "kubelet",
            Self::Shell => "shell",
        }
    }
}

/// A variable that has no spelling in a dialect. `Debug` leaves the name out, `Display` does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {rule}", name.as_str())]
pub struct WriteError {
    /// The variable.
    pub name: Name,
    /// What stands in the way.
    pub rule: Rule,
}

/// What stands in the way of a spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// For [`Dialect::General`].
    #[error(
        "no spelling of this value is read alike by all readers of .env files: it has both what single quotes cannot \
         hold (', ${{, CR, two backslashes, or one at the end) and what double quotes cannot (\", \\, $, `, CR)"
    )]
    NotForAll,
    /// For [`Dialect::Npm`].
    #[error("npm dotenv cannot read this value back, whatever quotes are around it")]
    NotForNpm,
    /// For [`Dialect::Kubelet`].
    #[error("kubelet's environment files cannot hold a single quote")]
    SingleQuote,
    /// For [`Dialect::Kubelet`].
    #[error("kubelet's environment files cannot hold CRLF")]
    Crlf,
    /// For [`Dialect::Shell`].
    #[error("a shell cannot set a variable with `.` or `-` in its name")]
    DottedName,
}

/// Whether a variable has a spelling in this dialect.
pub fn can_hold(dialect: Dialect, variable: &Variable) -> bool {
    let mut text = Zeroizing::new(String::with_capacity(capacity(variable)));
    spelling::push(dialect, variable, &mut text).is_ok()
}

/// Writes a `.env` for one kind of reader, which reads exactly these variables from it.
///
/// # Errors
/// [`WriteError`] with the first variable that has no spelling in this dialect.
pub fn write(dotenv: &Dotenv, dialect: Dialect) -> Result<SecretString, WriteError> {
    let size = dotenv.iter().map(capacity).sum();
    // Never outgrown (see `capacity`), so nothing is left behind by moving; wiped in the end.
    let mut text = Zeroizing::new(String::with_capacity(size));
    for variable in dotenv {
        if dialect != Dialect::Kubelet {
            comment(variable, &mut text);
        }
        text.push_str(variable.name.as_str());
        text.push('=');
        // EXPOSE: the purpose is to write it; it goes from one secret into another.
        spelling::push(dialect, variable, &mut text).map_err(|rule| WriteError {
            name: variable.name.clone(),
            rule,
        })?;
        text.push('\n');
    }
    debug_assert!(text.len() <= size, "a spelling is longer than foreseen");
    Ok(SecretString::copy_of(&text))
}

/// The most that any dialect makes of a variable: a single quote becomes four characters in a shell, `${` seven in
/// Python, a line end in a comment three.
fn capacity(variable: &Variable) -> usize {
    4 * variable.size() + 16
}

/// The comment, on lines of its own above the variable.
fn comment(variable: &Variable, text: &mut String) {
    // EXPOSE: from one secret into another.
    let Some(comment) = variable.comment.as_ref().map(SecretString::expose) else {
        return;
    };
    for line in comment.split(['\n', '\r']) {
        text.push_str(if line.is_empty() { "#" } else { "# " });
        text.push_str(line);
        text.push('\n');
    }
}
